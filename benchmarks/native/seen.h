/* What a run of the load generator saw: counts, durations, and the line of JSON that says it all. */
#ifndef BENCH_SEEN_H
#define BENCH_SEEN_H
#include "ask.h"
#include "histogram.h"

static struct {
    unsigned long started, answered, refused, wrong, reset, hangups, reconnects, chunks;
    unsigned long in_window;
    histogram latency, ttft, gap, delay, refusal;
    char error[200];
} seen;

static inline void print_seen(uint64_t began, int unfinished) {
    double elapsed = (double)(now_ns() - began) / 1e9;
    printf("{\"seconds\":%.3f,\"started\":%lu,\"answered\":%lu,\"rate\":%.1f,\"offered\":%.1f,"
           "\"refused\":%lu,\"wrong\":%lu,\"reset\":%lu,\"unfinished\":%d,\"hangups\":%lu,"
           "\"connects\":%lu,\"chunks\":%lu",
           elapsed, seen.started, seen.answered, (double)seen.in_window / ask.seconds,
           (double)seen.started / ask.seconds, seen.refused, seen.wrong, seen.reset, unfinished,
           seen.hangups, seen.reconnects, seen.chunks);
    print_histogram("latency", &seen.latency);
    print_histogram("ttft", &seen.ttft);
    print_histogram("gap", &seen.gap);
    print_histogram("delay", &seen.delay);
    print_histogram("refusal", &seen.refusal);
    printf(",\"error\":\"%s\"}\n", seen.error);
}
#endif
