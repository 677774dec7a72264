/* A binary heap of timers. Put a `timer` first in what it wakes; knows nothing of that. */
#ifndef BENCH_TIMERS_H
#define BENCH_TIMERS_H
#include "common.h"

typedef struct {
    uint64_t due; /* CLOCK_MONOTONIC, ns */
    int place;    /* in the heap, -1 if not set */
} timer;

static timer **timers;
static int timer_count, timer_capacity;

static inline void put_timer(int at, timer *t) {
    timers[at] = t;
    t->place = at;
}

static inline void sift_up(int at) {
    timer *t = timers[at];
    for (int above; at && timers[above = (at - 1) / 2]->due > t->due; at = above)
        put_timer(at, timers[above]);
    put_timer(at, t);
}

static inline void sift_down(int at) {
    timer *t = timers[at];
    for (int below; (below = 2 * at + 1) < timer_count; at = below) {
        if (below + 1 < timer_count && timers[below + 1]->due < timers[below]->due) below++;
        if (timers[below]->due >= t->due) break;
        put_timer(at, timers[below]);
    }
    put_timer(at, t);
}

static inline void drop_timer(timer *t) {
    int at = t->place;
    if (at < 0) return;
    t->place = -1;
    timer *last = timers[--timer_count];
    if (last == t) return;
    put_timer(at, last);
    sift_up(at);
    sift_down(last->place);
}

static inline void set_timer(timer *t, uint64_t due) {
    drop_timer(t);
    t->due = due;
    if (timer_count == timer_capacity) {
        timer_capacity = timer_capacity ? 2 * timer_capacity : 1024;
        timers = enlarge(timers, (size_t)timer_capacity * sizeof(timer *));
    }
    put_timer(timer_count++, t);
    sift_up(t->place);
}

/* Wait for events, or for the first timer. */
static inline int wait_events(int epoll, struct epoll_event *events, int most) {
    struct timespec wait = {0};
    if (timer_count) {
        uint64_t now = now_ns(), due = timers[0]->due;
        uint64_t left = due > now ? due - now : 0;
        wait.tv_sec = (time_t)(left / 1000000000ull);
        wait.tv_nsec = (long)(left % 1000000000ull);
    }
    return epoll_pwait2(epoll, events, most, timer_count ? &wait : NULL, NULL);
}
#endif
