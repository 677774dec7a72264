/* An engine that costs almost nothing: OpenAI-shaped answers from one thread.
 *
 *   mock PORT
 *
 * POST: a chat completion, after `seed` milliseconds. With "stream": true, `max_tokens` chunks
 * `seed` milliseconds apart, each with the nanosecond at which it was written; then a usage chunk
 * if "include_usage": true was asked for, and [DONE]. GET /v1/models, /health, and /stats: how many
 * requests came, how many are being answered and how many lost their reader.
 *
 * Field names are looked for as text, since the load generator's bodies are the only ones it reads.
 */
#include "timers.h"

typedef struct conn {
    timer timer; /* of the next chunk, or of the answer */
    int fd;
    bool closed, blocked, pending, streaming, usage;
    buffer in, out;
    long chunks, sent;
    uint64_t interval;
    struct conn *next_closed;
} conn;

static int epoll_fd;
static conn *closed_list;
static unsigned long requests, active, aborted;

static void finish(conn *c) {
    drop_timer(&c->timer);
    if (c->pending) active--;
    c->streaming = c->pending = false;
}

static void close_conn(conn *c) {
    if (c->closed) return;
    if (c->pending) aborted++;
    finish(c);
    close(c->fd);
    c->closed = true;
    c->next_closed = closed_list;
    closed_list = c;
}

static void block(conn *c, bool blocked) {
    if (c->blocked == blocked) return;
    c->blocked = blocked;
    watch(epoll_fd, EPOLL_CTL_MOD, c->fd, EPOLLIN | (blocked ? EPOLLOUT : 0u), c);
}

static void flush(conn *c) {
    while (held(&c->out)) {
        ssize_t n = send(c->fd, c->out.data + c->out.start, held(&c->out), MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno != EAGAIN) {
            close_conn(c);
            return;
        }
        if (n < 0) break;
        c->out.start += (size_t)n;
    }
    block(c, held(&c->out) > 0);
}

static void write_answer(conn *c, const char *body, size_t bytes) {
    char head[160];
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 200 OK\r\ndate: Sun, 22 Nov 2026 11:00:00 GMT\r\nserver: uvicorn\r\n"
                     "content-length: %zu\r\ncontent-type: application/json\r\n\r\n",
                     bytes);
    append(&c->out, head, (size_t)n);
    append(&c->out, body, bytes);
    flush(c);
}

static void write_event(conn *c, const char *event, int bytes) {
    char size[16];
    append(&c->out, size, (size_t)snprintf(size, sizeof size, "%x\r\n", (unsigned)bytes));
    append(&c->out, event, (size_t)bytes);
    append(&c->out, "\r\n", 2);
}

#define CHUNK_HEAD                                                                        \
    "data: {\"id\":\"chatcmpl-2c9b6d1e8f7043a5b4c3d2e1f0a99887\",\"object\":"             \
    "\"chat.completion.chunk\",\"created\":1770000000,\"model\":\"" MODEL "\",\"choices\":["

/* Write the next chunk; after the last one what closes a stream. */
static void write_chunk(conn *c) {
    char event[512];
    bool last = c->sent + 1 >= c->chunks;
    int n = snprintf(event, sizeof event,
                     CHUNK_HEAD "{\"index\":0,\"delta\":{%s" STAMP_MARK "%0*llu#%ld\"},"
                     "\"logprobs\":null,\"finish_reason\":%s}]}\n\n",
                     c->sent ? "" : "\"role\":\"assistant\",", STAMP_DIGITS,
                     (unsigned long long)now_ns(), c->sent, last ? "\"stop\"" : "null");
    write_event(c, event, n);
    c->sent++;
    if (!last) return;
    if (c->usage) {
        n = snprintf(event, sizeof event,
                     CHUNK_HEAD "],\"usage\":{\"prompt_tokens\":212,\"completion_tokens\":%ld,"
                                "\"total_tokens\":%ld}}\n\n",
                     c->chunks, c->chunks + 212);
        write_event(c, event, n);
    }
    write_event(c, "data: [DONE]\n\n", 14);
    append(&c->out, "0\r\n\r\n", 5);
    finish(c);
}

static const char *value_of(const char *body, const char *key) {
    const char *at = strstr(body, key);
    if (!at) return NULL;
    at += strlen(key);
    while (*at == ' ' || *at == ':') at++;
    return at;
}

static long number_of(const char *body, const char *key, long otherwise) {
    const char *at = value_of(body, key);
    return at && *at >= '0' && *at <= '9' ? strtol(at, NULL, 10) : otherwise;
}

static bool is_true(const char *body, const char *key) {
    const char *at = value_of(body, key);
    return at && !strncmp(at, "true", 4);
}

static void start_stream(conn *c, const char *body) {
    static const char head[] =
        "HTTP/1.1 200 OK\r\ndate: Sun, 22 Nov 2026 11:00:00 GMT\r\nserver: uvicorn\r\n"
        "content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";
    c->chunks = number_of(body, "\"max_tokens\"", 64);
    c->sent = 0;
    c->usage = is_true(body, "\"include_usage\"");
    c->streaming = true;
    append(&c->out, head, sizeof head - 1);
    do write_chunk(c);
    while (c->streaming && !c->interval);
    flush(c);
    if (c->streaming) set_timer(&c->timer, now_ns() + c->interval);
}

static void post(conn *c, const char *body) {
    requests++;
    c->interval = (uint64_t)number_of(body, "\"seed\"", 0) * 1000000ull;
    c->pending = true;
    active++;
    if (is_true(body, "\"stream\"")) {
        start_stream(c, body);
    } else if (c->interval) {
        set_timer(&c->timer, now_ns() + c->interval);
    } else {
        finish(c);
        write_answer(c, ANSWER, ANSWER_BYTES);
    }
}

static void get(conn *c, const char *path) {
    char body[256];
    int n;
    if (!strncmp(path, "/v1/models", 10))
        n = snprintf(body, sizeof body,
                     "{\"object\":\"list\",\"data\":[{\"id\":\"" MODEL "\",\"object\":\"model\","
                     "\"created\":1770000000,\"owned_by\":\"vllm\",\"max_model_len\":32768}]}");
    else if (!strncmp(path, "/stats", 6))
        n = snprintf(body, sizeof body, "{\"requests\":%lu,\"active\":%lu,\"aborted\":%lu}",
                     requests, active, aborted);
    else
        n = snprintf(body, sizeof body, "{\"status\":\"ok\",\"model_path\":\"" MODEL "\"}");
    write_answer(c, body, (size_t)n);
}

/* Serve the whole requests that have come, one after the other. */
static void serve(conn *c) {
    while (!c->closed && !c->pending && held(&c->in)) {
        char *head = c->in.data + c->in.start;
        char *end = memmem(head, held(&c->in), "\r\n\r\n", 4);
        if (!end) return;
        *end = 0;
        const char *length = header(head, "\r\ncontent-length:");
        size_t bytes = length ? strtoul(length, NULL, 10) : 0;
        bool chunked = header(head, "\r\ntransfer-encoding:") != NULL;
        *end = '\r';
        if (chunked) {
            fprintf(stderr, "mock: a chunked request body is not read\n");
            close_conn(c);
            return;
        }
        char *body = end + 4, *after = body + bytes;
        if (after > c->in.data + c->in.end) return;
        c->in.start = (size_t)(after - c->in.data);
        char kept = *after;
        *after = 0;
        if (!strncmp(head, "POST ", 5)) post(c, body);
        else get(c, strchr(head, ' ') + 1);
        *after = kept;
    }
}

static void receive(conn *c) {
    reserve(&c->in, 16384);
    ssize_t n = recv(c->fd, c->in.data + c->in.end, c->in.capacity - c->in.end - 1, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        close_conn(c);
    } else if (n > 0) {
        c->in.end += (size_t)n;
        serve(c);
    }
}

static void accept_all(int listener) {
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
        conn *c = calloc(1, sizeof *c);
        if (!c) die("calloc");
        no_delay(fd);
        c->fd = fd;
        c->timer.place = -1;
        watch(epoll_fd, EPOLL_CTL_ADD, fd, EPOLLIN, c);
    }
}

static void ring(conn *c) {
    if (!c->streaming) {
        finish(c);
        write_answer(c, ANSWER, ANSWER_BYTES);
    } else {
        write_chunk(c);
        /* Late chunks do not move the ones after them: an engine's steps have their own beat. */
        if (c->streaming) set_timer(&c->timer, c->timer.due + c->interval);
        flush(c);
    }
    serve(c);
}

static void bury(void) {
    for (conn *c; (c = closed_list);) {
        closed_list = c->next_closed;
        free(c->in.data);
        free(c->out.data);
        free(c);
    }
}

int main(int argc, char **argv) {
    if (argc != 2) return fprintf(stderr, "usage: mock PORT\n"), 2;
    struct sockaddr_in address = loopback(atoi(argv[1]));
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096))
        die("mock: bind");
    epoll_fd = epoll_create1(0);
    watch(epoll_fd, EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
    for (struct epoll_event events[512];;) {
        int n = wait_events(epoll_fd, events, 512);
        for (int i = 0; i < n; i++) {
            conn *c = events[i].data.ptr;
            if (!c) {
                accept_all(listener);
                continue;
            }
            if (!c->closed && events[i].events & EPOLLOUT) flush(c);
            if (!c->closed && events[i].events & ~(uint32_t)EPOLLOUT) receive(c);
        }
        for (uint64_t now = now_ns(); timer_count && timers[0]->due <= now;)
            ring((conn *)timers[0]);
        bury();
    }
}
