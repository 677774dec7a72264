/* What a run of the load generator asks for: its options, and the request made from them. */
#ifndef BENCH_ASK_H
#define BENCH_ASK_H
#include "common.h"

static struct {
    int port, connections;
    long chunks, interval, body;
    double seconds, rate, hangups;
    bool stream;
    const char *key;
    uint64_t seed;
} ask = {.connections = 32, .chunks = 100, .body = 1024, .seconds = 5, .key = "sk-bench"};

static char request[65536];
static size_t request_bytes;

static inline void read_options(int argc, char **argv) {
    for (int o; (o = getopt(argc, argv, "p:m:c:d:n:i:b:k:r:g:s:")) > 0;) switch (o) {
        case 'p': ask.port = atoi(optarg); break;
        case 'm': ask.stream = !strcmp(optarg, "stream"); break;
        case 'c': ask.connections = atoi(optarg); break;
        case 'd': ask.seconds = atof(optarg); break;
        case 'n': ask.chunks = atol(optarg); break;
        case 'i': ask.interval = atol(optarg); break;
        case 'b': ask.body = atol(optarg); break;
        case 'k': ask.key = optarg; break;
        case 'r': ask.rate = atof(optarg); break;
        case 'g': ask.hangups = atof(optarg); break;
        case 's': ask.seed = strtoull(optarg, NULL, 10); break;
        default: exit(2);
        }
    if (!ask.port || ask.connections < 1) exit((fprintf(stderr, "load: -p PORT\n"), 2));
}

/* One request serves all: every connection sends the same bytes. */
static inline void write_request(void) {
    static char body[49152], filler[40960];
    static const char form[] =
        "{\"model\":\"" MODEL "\",\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}],"
        "\"max_tokens\":%ld,\"seed\":%ld%s}";
    const char *stream = ask.stream ? ",\"stream\":true" : "";
    int bare = snprintf(body, sizeof body, form, "", ask.chunks, ask.interval, stream);
    for (long i = 0; i < ask.body - bare && i < (long)sizeof filler - 1; i++)
        filler[i] = "lighthouse keeper "[i % 18];
    int n = snprintf(body, sizeof body, form, filler, ask.chunks, ask.interval, stream);
    int all = snprintf(request, sizeof request,
                       "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                       "Accept: application/json\r\nContent-Type: application/json\r\n"
                       "User-Agent: bench/1\r\nAuthorization: Bearer %s\r\n"
                       "Content-Length: %d\r\n\r\n%s",
                       ask.port, ask.key, n, body);
    request_bytes = (size_t)all;
}
#endif
