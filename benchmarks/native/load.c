/* Clients of a gateway, from one thread: so many connections, one request at a time on each.
 *
 *   load -p PORT -m json|stream [-c CONNECTIONS] [-d SECONDS] [-n CHUNKS] [-i INTERVAL_MS]
 *        [-b BODY_BYTES] [-k KEY] [-r REQUESTS_PER_SECOND] [-g SHARE_THAT_HANGS_UP] [-s SEED]
 *
 * Closed loop; with -r each connection keeps to a plan, so that a slow gateway does not slow the
 * offered load until all connections are busy. Prints one line of JSON, durations in µs: `latency`
 * of whole answers, `ttft`, `gap` between chunks, one-way `delay` of chunks from the mock's stamp,
 * `refusal` of answers with 429 or 503. An answer that is not byte for byte the mock's, or a stream
 * that lacks a chunk, its order or its end, is `wrong`.
 */
#include "ask.h"
#include "seen.h"
#include "timers.h"

enum phase { IDLE, PAUSED, HEAD, BODY, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILER };

typedef struct {
    timer timer; /* when to start, or when to hang up */
    int fd, status;
    enum phase phase;
    bool closing, done, usage, wrong;
    long left, taken, chunks;
    uint64_t plan, began, last;
    buffer in, line;
} conn;

static int epoll_fd, busy;
static uint64_t window_end, random_state, period;

/* xorshift64*, in [0, 1). */
static double chance(void) {
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (double)((random_state * 2685821657736338717ull) >> 11) / 9007199254740992.0;
}

static void note(const char *what, const conn *c) {
    if (seen.error[0]) return;
    const char *bytes = c->in.data ? c->in.data + c->in.start : "";
    snprintf(seen.error, sizeof seen.error, "%s: status %d, %ld chunks, %ld bytes; %.100s", what,
             c->status, c->chunks, c->taken, bytes);
    for (char *p = seen.error; *p; p++)
        if (*p == '"' || *p == '\\' || *p < ' ') *p = '\'';
}

static void disconnect(conn *c) {
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
    c->in.start = c->in.end = 0;
}

static bool connect_conn(conn *c) {
    struct sockaddr_in address = loopback(ask.port);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address)) {
        disconnect(c);
        return false;
    }
    no_delay(c->fd);
    seen.reconnects++;
    watch(epoll_fd, EPOLL_CTL_ADD, c->fd, EPOLLIN, c);
    return true;
}

/* Plan the next request of a connection that has none. */
static void rest(conn *c, uint64_t not_before) {
    if (c->phase > PAUSED) busy--;
    c->phase = PAUSED;
    c->plan += period;
    uint64_t due = c->plan > not_before ? c->plan : not_before;
    if (due < window_end) set_timer(&c->timer, due);
    else c->phase = IDLE;
}

static void fail(conn *c, const char *what, unsigned long *counter) {
    note(what, c);
    ++*counter;
    disconnect(c);
    rest(c, now_ns() + 10000000);
}

static void start(conn *c) {
    busy++;
    c->phase = HEAD;
    c->status = 0;
    c->closing = c->done = c->usage = c->wrong = false;
    c->taken = c->chunks = 0;
    c->line.start = c->line.end = 0;
    c->began = now_ns();
    seen.started++;
    if (c->fd < 0 && !connect_conn(c)) return fail(c, "cannot connect", &seen.reset);
    if (send(c->fd, request, request_bytes, MSG_NOSIGNAL) != (ssize_t)request_bytes)
        return fail(c, "cannot send", &seen.reset);
    if (ask.hangups > 0 && chance() < ask.hangups) {
        long turns = ask.stream ? ask.chunks : 1;
        double whole = (double)ask.interval * 1e6 * (double)turns;
        set_timer(&c->timer, c->began + (uint64_t)(chance() * whole));
    }
}

static void hang_up(conn *c) {
    seen.hangups++;
    disconnect(c);
    rest(c, now_ns());
}

static bool complete(const conn *c) {
    if (c->wrong) return false;
    if (!ask.stream) return c->taken == ANSWER_BYTES;
    return c->done && c->chunks == ask.chunks && !c->usage;
}

static void end_answer(conn *c) {
    uint64_t now = now_ns();
    drop_timer(&c->timer);
    if (c->status == 429 || c->status == 503) {
        seen.refused++;
        record(&seen.refusal, now - c->began);
    } else if (c->status != 200 || !complete(c)) {
        return fail(c, "wrong answer", &seen.wrong);
    } else {
        seen.answered++;
        seen.in_window += now <= window_end;
        record(&seen.latency, now - c->began);
    }
    if (c->closing) disconnect(c);
    rest(c, now);
}

static void take_stamp(conn *c, const char *digits) {
    uint64_t now = now_ns(), written = 0;
    for (int i = 0; i < STAMP_DIGITS; i++) written = written * 10 + (uint64_t)(digits[i] - '0');
    if (strtol(digits + STAMP_DIGITS + 1, NULL, 10) != c->chunks) c->wrong = true;
    if (c->chunks) record(&seen.gap, now - c->last);
    else record(&seen.ttft, now - c->began);
    record(&seen.delay, now - written);
    c->last = now;
    c->chunks++;
    seen.chunks++;
}

static void take_line(conn *c, const char *line, size_t bytes) {
    static const char mark[] = STAMP_MARK, done[] = "data: [DONE]", usage[] = "\"usage\":{";
    if (!bytes || line[0] == ':') return;
    if (bytes >= sizeof done - 1 && !memcmp(line, done, sizeof done - 1)) {
        c->done = true;
        return;
    }
    const char *at = memmem(line, bytes, mark, sizeof mark - 1);
    if (at) take_stamp(c, at + sizeof mark - 1);
    else if (memmem(line, bytes, usage, sizeof usage - 1)) c->usage = true;
    else c->wrong = true;
}

static void take_stream(conn *c, const char *bytes, size_t count) {
    for (const char *end; count && (end = memchr(bytes, '\n', count));) {
        size_t n = (size_t)(end - bytes);
        if (held(&c->line)) {
            append(&c->line, bytes, n);
            c->line.data[c->line.end] = 0;
            take_line(c, c->line.data, held(&c->line));
            c->line.start = c->line.end = 0;
        } else {
            take_line(c, bytes, n);
        }
        bytes = end + 1;
        count -= n + 1;
    }
    if (count) append(&c->line, bytes, count);
}

static void take(conn *c, size_t count) {
    const char *bytes = c->in.data + c->in.start;
    if (c->status != 200) {
        note("refused", c);
    } else if (ask.stream) {
        take_stream(c, bytes, count);
    } else {
        size_t from = (size_t)c->taken;
        if (from + count > ANSWER_BYTES || memcmp(ANSWER + from, bytes, count)) c->wrong = true;
    }
    c->taken += (long)count;
    c->left -= (long)count;
    c->in.start += count;
}

static bool read_head(conn *c) {
    char *head = c->in.data + c->in.start, *end = memmem(head, held(&c->in), "\r\n\r\n", 4);
    if (!end) return false;
    *end = 0;
    c->status = held(&c->in) > 12 ? atoi(head + 9) : -1;
    const char *length = header(head, "\r\ncontent-length:");
    c->closing = header(head, "\r\nconnection: close") != NULL;
    c->left = length ? strtol(length, NULL, 10) : 0;
    c->phase = header(head, "\r\ntransfer-encoding: chunked") ? CHUNK_SIZE : BODY;
    c->in.start += (size_t)(end + 4 - head);
    return true;
}

/* The next line of the chunked coding, or null; `c->left` becomes its length, and as hex its size. */
static bool read_line(conn *c, long *size) {
    char *line = c->in.data + c->in.start, *end = memmem(line, held(&c->in), "\r\n", 2);
    if (!end) return false;
    *size = end == line ? -1 : strtol(line, NULL, 16);
    c->in.start += (size_t)(end + 2 - line);
    return true;
}

/* Move on by one step; false if more bytes are needed or the answer has ended. */
static bool step(conn *c) {
    size_t some = held(&c->in);
    long size;
    switch (c->phase) {
    case HEAD: return read_head(c);
    case BODY:
    case CHUNK:
        if ((long)some > c->left) some = (size_t)c->left;
        if (some) take(c, some);
        if (c->left) return false;
        if (c->phase == BODY) return end_answer(c), false;
        c->phase = CHUNK_END;
        return true;
    case CHUNK_END:
        if (!read_line(c, &size)) return false;
        c->phase = CHUNK_SIZE;
        return true;
    case CHUNK_SIZE:
        if (!read_line(c, &size)) return false;
        c->left = size;
        c->phase = size > 0 ? CHUNK : TRAILER;
        return true;
    case TRAILER:
        if (!read_line(c, &size)) return false;
        return size < 0 ? (end_answer(c), false) : true;
    default: return false;
    }
}

static void receive(conn *c) {
    reserve(&c->in, 32768);
    ssize_t n = recv(c->fd, c->in.data + c->in.end, c->in.capacity - c->in.end - 1, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        if (c->phase > PAUSED) fail(c, "closed before the end", &seen.reset);
        else disconnect(c);
        return;
    }
    c->in.end += (size_t)n;
    c->in.data[c->in.end] = 0;
    while (step(c)) {
    }
    if (c->phase <= PAUSED && held(&c->in)) fail(c, "bytes after the answer", &seen.wrong);
}

int main(int argc, char **argv) {
    read_options(argc, argv);
    random_state = ask.seed * 2 + 1;
    write_request();
    epoll_fd = epoll_create1(0);
    conn *all = calloc((size_t)ask.connections, sizeof *all);
    uint64_t began = now_ns(), length = (uint64_t)(ask.seconds * 1e9);
    if (ask.rate > 0) period = (uint64_t)(1e9 * ask.connections / ask.rate);
    /* Streams start spread over the time that one takes: nobody's users click all at once. */
    uint64_t spread = period ? period : (uint64_t)ask.interval * 1000000ull;
    if (!period && ask.stream) spread *= (uint64_t)ask.chunks;
    window_end = began + length;
    for (int i = 0; i < ask.connections; i++) {
        all[i].fd = all[i].timer.place = -1;
        all[i].plan = began + spread * (uint64_t)i / (uint64_t)ask.connections - period;
        rest(&all[i], began);
    }
    uint64_t patience = window_end + (uint64_t)(ask.interval * ask.chunks) * 1000000ull + 5000000000ull;
    struct epoll_event events[512];
    while ((timer_count || busy) && now_ns() < patience) {
        int n = wait_events(epoll_fd, events, 512);
        for (int i = 0; i < n; i++) {
            conn *c = events[i].data.ptr;
            if (c->fd >= 0) receive(c);
        }
        for (uint64_t now = now_ns(); timer_count && timers[0]->due <= now;) {
            conn *c = (conn *)timers[0];
            drop_timer(&c->timer);
            if (c->phase == PAUSED) start(c);
            else hang_up(c);
        }
    }
    print_seen(began, busy);
    return 0;
}
