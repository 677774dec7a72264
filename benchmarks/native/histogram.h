/* Durations in buckets that grow with the value: constant memory, an error below 0.2 %. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H
#include "common.h"

/* Every power of two from 2^FINE_BITS ns on is split into 2^FINE_BITS buckets. */
enum { FINE_BITS = 8, FINE = 1 << FINE_BITS, POWERS = 40 };

typedef struct {
    uint64_t total, largest;
    uint32_t count[POWERS * FINE];
} histogram;

static inline void record(histogram *h, uint64_t ns) {
    int shift = ns < FINE ? 0 : 63 - __builtin_clzll(ns) - FINE_BITS;
    size_t at = (ns >> shift) + (size_t)shift * FINE;
    if (at < POWERS * FINE) h->count[at]++;
    h->total++;
    if (ns > h->largest) h->largest = ns;
}

/* The duration that `share` of the recorded ones do not exceed, in µs; -1 if there are none. */
static inline double percentile(const histogram *h, double share) {
    if (!h->total) return -1;
    uint64_t rank = (uint64_t)(share * (double)(h->total - 1)), seen = 0;
    for (size_t at = 0; at < POWERS * FINE; at++) {
        seen += h->count[at];
        if (seen <= rank) continue;
        size_t shift = at < 2 * FINE ? 0 : at / FINE - 1;
        double low = (double)((uint64_t)(at - shift * FINE) << shift);
        return (low + (double)((1ull << shift) - 1) / 2) / 1e3;
    }
    return (double)h->largest / 1e3;
}

static inline void print_histogram(const char *name, const histogram *h) {
    printf(",\"%s\":{\"count\":%llu,\"p05\":%.1f,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,"
           "\"max\":%.1f}",
           name, (unsigned long long)h->total, percentile(h, .05), percentile(h, .5),
           percentile(h, .9), percentile(h, .99), (double)h->largest / 1e3);
}
#endif
