/* What the mock engine and the load generator share: the clock, growing buffers, sockets of
 * loopback, and the answer that one writes and the other compares byte for byte. Knows nothing of
 * HTTP but where a head ends. */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MODEL "mock-model"

/* The whole non-streaming answer, about what a chat turn of fifty tokens weighs. */
static const char ANSWER[] =
    "{\"id\":\"chatcmpl-2c9b6d1e8f7043a5b4c3d2e1f0a99887\",\"object\":\"chat.completion\","
    "\"created\":1770000000,\"model\":\"" MODEL "\",\"choices\":[{\"index\":0,\"message\":{"
    "\"role\":\"assistant\",\"content\":\"The harbour master writes down every ship that enters: "
    "whose flag it flies, what it carries, which quay is free for it, and when it may leave. Ships "
    "that cannot be served today are told so before they reach the pier, so nobody waits.\","
    "\"refusal\":null,\"tool_calls\":[]},\"logprobs\":null,\"finish_reason\":\"stop\","
    "\"stop_reason\":null}],\"usage\":{\"prompt_tokens\":212,\"completion_tokens\":48,"
    "\"total_tokens\":260,\"prompt_tokens_details\":null},\"system_fingerprint\":null,"
    "\"prompt_logprobs\":null}";
enum { ANSWER_BYTES = sizeof ANSWER - 1 };

/* A delta's content is STAMP_MARK, the CLOCK_MONOTONIC nanosecond of its writing in STAMP_DIGITS
 * digits, '#', and the chunk's number from 0. */
#define STAMP_MARK "\"content\":\"@"
enum { STAMP_DIGITS = 19 };

static inline uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static inline void die(const char *what) {
    perror(what);
    exit(1);
}

static inline void *enlarge(void *memory, size_t bytes) {
    void *grown = realloc(memory, bytes);
    if (!grown) die("realloc");
    return grown;
}

/* Bytes from `start` (already consumed before it) to `end`. */
typedef struct {
    char *data;
    size_t start, end, capacity;
} buffer;

static inline size_t held(const buffer *b) { return b->end - b->start; }

/* Make room for `bytes` more and one closing zero. */
static inline void reserve(buffer *b, size_t bytes) {
    if (b->start == b->end) b->start = b->end = 0;
    if (b->start > 65536) {
        memmove(b->data, b->data + b->start, held(b));
        b->end = held(b);
        b->start = 0;
    }
    if (b->end + bytes + 1 <= b->capacity) return;
    b->capacity = (b->end + bytes + 1) * 2;
    b->data = enlarge(b->data, b->capacity);
}

static inline void append(buffer *b, const char *bytes, size_t count) {
    reserve(b, count);
    memcpy(b->data + b->end, bytes, count);
    b->end += count;
}

static inline void no_delay(int fd) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static inline struct sockaddr_in loopback(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static inline void watch(int epoll, int operation, int fd, uint32_t events, void *owner) {
    struct epoll_event event = {.events = events, .data.ptr = owner};
    if (epoll_ctl(epoll, operation, fd, &event)) die("epoll_ctl");
}

/* The value of a header in a zero-terminated head, or null. `name` has "\r\n" before, ':' after. */
static inline const char *header(const char *head, const char *name) {
    const char *at = strcasestr(head, name);
    return at ? at + strlen(name) : NULL;
}
#endif
