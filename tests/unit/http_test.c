#include "api/api.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/operation/operations.h"
#include "agent/state/broker.h"
#include "agent/state/bus.h"
#include "agent/state/reads.h"
#include "agent/state/snapshot.h"
#include "config/config.h"
#include "tests/test.h"
#include "tests/unit/temp_journal.h"

/* The doors as they are, over real sockets, with the test in the worker's place. A client here is a
 * socket and bytes: what no library would send is what counts. */

#define B "8949001312170061988"
#define ENABLE "POST /v1/profiles/" B "/enable HTTP/1.1\r\nHost: lpm\r\n"
#define LOCK "/v1/locks/switch HTTP/1.1\r\nHost: lpm\r\n"
#define CLOSE "Connection: close\r\n\r\n"

enum { READERS = 24, ANSWER_MAX = 64 * 1024 };

/* The deadlines' clock, as the test sets it. */
static atomic_llong now_ms = 1000000;

int64_t __wrap_clock_now_ms(void);
int __wrap_clock_poll_ms(int64_t deadline_ms);

int64_t __wrap_clock_now_ms(void)
{
    return atomic_load(&now_ms);
}

int __wrap_clock_poll_ms(int64_t deadline_ms)
{
    int64_t left_ms = deadline_ms - atomic_load(&now_ms);

    if (deadline_ms == CLOCK_NEVER)
        return -1;
    return left_ms < 0 ? 0 : left_ms > 3600000 ? 3600000 : (int)left_ms;
}

static struct {
    char folder[40], socket[64], view_socket[64], listen[32], token_file[64];
    in_port_t port;
    struct config config;
    struct broker *broker;
    struct bus *bus;
    struct state *state;
    struct reads *reads;
    struct temp_journal temp;
    struct operations *operations;
    struct api *api;
    struct snapshot now;
    /* One for each reader who came, and for each operation. */
    sem_t read_came, operation_came;
} all;

static void post(void *ctx)
{
    (void)sem_post(ctx);
}

static void wait_for(sem_t *sem)
{
    while (sem_wait(sem) != 0)
        assert_int_equal(errno, EINTR);
}

static void publish(void)
{
    assert_ok(state_publish(all.state, &all.now));
}

static void fill_snapshot(void)
{
    all.now.modem = MODEM_READY;
    all.now.has_eid = all.now.has_list = true;
    strcpy(all.now.eid.text, "89001039450410141400000000001580");
    strcpy(all.now.etag, "\"1-a\"");
    all.now.list.count = 1;
    all.now.list.rows[0].has_iccid = true;
    strcpy(all.now.list.rows[0].iccid.text, B);
}

/* A port that is free now. */
static in_port_t free_port(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void wire(void)
{
    all.broker = broker_new();
    all.bus = bus_new();
    all.state = state_new();
    all.reads = reads_new();
    temp_journal_init(&all.temp);
    all.operations = operations_new(all.bus, all.state, all.temp.journal);
    reads_set_wake(all.reads, post, &all.read_came);
    operations_set_wake(all.operations, post, &all.operation_came);
    all.api = api_new(&(struct api_parts){ .config = &all.config,
                                           .state = all.state,
                                           .operations = all.operations,
                                           .journal = all.temp.journal,
                                           .broker = all.broker,
                                           .bus = all.bus,
                                           .reads = all.reads });
    assert_non_null(all.api);
}

static int set_up(void **state)
{
    (void)state;
    log_set(LOG_LEVEL_ERR, LOG_FORMAT_TEXT, false);
    memset(&all, 0, sizeof all);
    strcpy(all.folder, "/tmp/lpm-http-XXXXXX");
    assert_non_null(mkdtemp(all.folder));
    (void)snprintf(all.socket, sizeof all.socket, "%s/run/api.sock", all.folder);
    (void)snprintf(all.view_socket, sizeof all.view_socket, "%s/run/view.sock", all.folder);
    (void)snprintf(all.token_file, sizeof all.token_file, "%s/tokens", all.folder);
    all.port = free_port();
    (void)snprintf(all.listen, sizeof all.listen, "127.0.0.1:%u", (unsigned)all.port);
    all.config.api.socket = all.socket;
    all.config.api.view_socket = all.view_socket;
    all.config.api.socket_mode = 0620;
    all.config.api.listen = all.listen;
    (void)sem_init(&all.read_came, 0, 0);
    (void)sem_init(&all.operation_came, 0, 0);
    wire();
    fill_snapshot();
    publish();
    return 0;
}

static void start(void)
{
    assert_ok(api_start(all.api));
}

static void unwire(void)
{
    reads_close(all.reads);
    api_stop(all.api);
    api_free(all.api);
    operations_free(all.operations);
    temp_journal_done(&all.temp);
    reads_free(all.reads);
    state_free(all.state);
    bus_free(all.bus);
    broker_free(all.broker);
}

static int tear_down(void **state)
{
    char run[64];

    (void)state;
    unwire();
    assert_int_not_equal(access(all.socket, F_OK), 0);
    (void)snprintf(run, sizeof run, "%s/run", all.folder);
    (void)unlink(all.token_file);
    (void)rmdir(run);
    (void)rmdir(all.folder);
    (void)sem_destroy(&all.read_came);
    (void)sem_destroy(&all.operation_came);
    return 0;
}

/* --- a client --- */

enum way { OPERATOR = 0, VIEWER, TCP };

static int dial(enum way way)
{
    /* Only against a test that hangs. */
    const struct timeval guard = { .tv_sec = 60 };
    struct sockaddr_un local = { .sun_family = AF_UNIX };
    struct sockaddr_in remote = { .sin_family = AF_INET,
                                  .sin_port = htons(all.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(way == TCP ? AF_INET : AF_UNIX, SOCK_STREAM, 0);

    strcpy(local.sun_path, way == VIEWER ? all.view_socket : all.socket);
    assert_int_equal(way == TCP ? connect(fd, (struct sockaddr *)&remote, sizeof remote)
                                : connect(fd, (struct sockaddr *)&local, sizeof local),
                     0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &guard, sizeof guard);
    return fd;
}

/* The peer may close before it has all: that is its right. */
static void say(int fd, const char *bytes, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = send(fd, bytes + done, len - done, MSG_NOSIGNAL);

        if (n <= 0)
            return;
        done += (size_t)n;
    }
}

static void say_text(int fd, const char *text)
{
    say(fd, text, strlen(text));
}

/* All until the peer closes; closes too. The text is good until the next call. */
static const char *hear(int fd)
{
    static char answer[ANSWER_MAX];
    size_t len = 0;
    ssize_t n;

    while (len < sizeof answer - 1 && (n = recv(fd, answer + len, sizeof answer - 1 - len, 0)) > 0)
        len += (size_t)n;
    answer[len] = '\0';
    close(fd);
    return answer;
}

static const char *ask(enum way way, const char *request)
{
    int fd = dial(way);

    say_text(fd, request);
    return hear(fd);
}

static unsigned status_of(const char *answer)
{
    return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? (unsigned)atoi(answer + 9) : 0;
}

static void expect(const char *answer, unsigned status, const char *has)
{
    if (status_of(answer) != status || (has && !strstr(answer, has)))
        fail_msg("not %u %s: %s", status, has ? has : "", answer);
}

/* --- what comes in --- */

#define TEXT(text) text, sizeof(text) - 1

/* `status` 0: closed without an answer. */
static const struct {
    const char *what;
    enum way way;
    const char *bytes;
    size_t len;
    unsigned status;
    const char *has;
} rows[] = {
    // clang-format off
    { "a read", OPERATOR, TEXT("GET /v1/eid HTTP/1.1\r\nHost: lpm\r\n" CLOSE), 200, "\r\n\r\n{\"eid\":\"89001039450410141400000000001580\"" },
    { "a newline ends it", OPERATOR, TEXT("GET /healthz HTTP/1.1\r\nHost: lpm\r\n" CLOSE), 200, "\r\nContent-Length: 16\r\n" },
    { "a newline is its end", OPERATOR, TEXT("GET /healthz HTTP/1.1\r\nHost: lpm\r\n" CLOSE), 200, "\r\n\r\n{\"status\":\"ok\"}\n" },
    { "a problem ends so too", OPERATOR, TEXT("GET /v1/nothing HTTP/1.1\r\nHost: lpm\r\n" CLOSE), 404, "\"}\n" },
    { "its headers", VIEWER, TEXT("GET /v1/profiles HTTP/1.1\r\nHost: lpm\r\n" CLOSE), 200, "X-Content-Type-Options: nosniff\r\nETag: \"1-a." },
    { "HEAD has the length and no body", OPERATOR, TEXT("HEAD /healthz HTTP/1.1\r\nHost: lpm\r\n" CLOSE), 200, "Content-Length: 16\r\n" },
    { "no Host on a socket", OPERATOR, TEXT("GET /v1/eid HTTP/1.1\r\n" CLOSE), 200, NULL },
    { "a foreign Host on a socket", OPERATOR, TEXT("GET /v1/eid HTTP/1.1\r\nHost: evil\r\nOrigin: http://evil\r\n" CLOSE), 200, NULL },
    { "HTTP/1.0", OPERATOR, TEXT("GET /v1/eid HTTP/1.0\r\n\r\n"), 200, NULL },
    { "absolute form", OPERATOR, TEXT("GET http://lpm/v1/eid HTTP/1.1\r\nHost: lpm\r\n" CLOSE), 200, NULL },
    { "a list in two lines", OPERATOR, TEXT("GET /v1/profiles HTTP/1.1\r\nIf-None-Match: \"x\"\r\nIf-None-Match: \"y\"\r\n" CLOSE), 200, "ETag: " },
    { "three at once", OPERATOR, TEXT("GET /v1/eid HTTP/1.1\r\nHost: lpm\r\n\r\nGET /healthz HTTP/1.1\r\nHost: lpm\r\n\r\nGET /readyz HTTP/1.1\r\nHost: lpm\r\n" CLOSE), 200, "\"ready\"" },
    { "nothing there", OPERATOR, TEXT("GET /v1/nothing HTTP/1.1\r\nHost: lpm\r\n" CLOSE), 404, "Content-Type: application/problem+json\r\n" },
    { "method", OPERATOR, TEXT("DELETE /v1/eid HTTP/1.1\r\nHost: lpm\r\n" CLOSE), 405, "Allow: GET, HEAD\r\n" },
    { "a made-up method", OPERATOR, TEXT("GETT /v1/eid HTTP/1.1\r\nHost: lpm\r\n" CLOSE), 405, NULL },
    { "not acceptable", OPERATOR, TEXT("GET /v1/eid HTTP/1.1\r\nHost: lpm\r\nAccept: text/html\r\nAccept: image/png\r\n" CLOSE), 406, NULL },
    { "a viewer", VIEWER, TEXT(ENABLE CLOSE), 403, "\"forbidden\"" },

    { "TCP", TCP, TEXT("GET /v1/eid HTTP/1.1\r\nHost: localhost\r\n" CLOSE), 200, NULL },
    { "TCP is a viewer's", TCP, TEXT("POST /v1/profiles/" B "/enable HTTP/1.1\r\nHost: localhost\r\n" CLOSE), 403, "a viewer only looks" },
    { "TCP, no Host", TCP, TEXT("GET /v1/eid HTTP/1.1\r\n" CLOSE), 403, "\"forbidden\"" },
    { "TCP, foreign Host", TCP, TEXT("GET /healthz HTTP/1.1\r\nHost: evil.example\r\n" CLOSE), 403, "\"forbidden\"" },
    { "TCP, foreign authority", TCP, TEXT("GET http://evil.example/v1/eid HTTP/1.1\r\nHost: localhost\r\n" CLOSE), 403, "\"forbidden\"" },
    { "TCP, foreign Origin", TCP, TEXT("GET /v1/eid HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n" CLOSE), 403, "\"forbidden\"" },
    { "TCP, own Origin", TCP, TEXT("GET /v1/eid HTTP/1.1\r\nHost: localhost:80\r\nOrigin: http://localhost:80\r\n" CLOSE), 200, NULL },
    { "TCP, two Hosts", TCP, TEXT("GET /v1/eid HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n" CLOSE), 400, "\"field\":\"Host\"" },

    { "NUL in the target", OPERATOR, TEXT("GET /v1/eid\0x HTTP/1.1\r\nHost: lpm\r\n" CLOSE), 400, "request line" },
    { "NUL behind the target", OPERATOR, TEXT("GET /v1/eid\0HTTP/1.1 HTTP/1.1\r\nHost: lpm\r\n" CLOSE), 400, "request line" },
    { "escaped NUL", OPERATOR, TEXT("GET /v1/eid%00 HTTP/1.1\r\nHost: lpm\r\n" CLOSE), 400, "\"invalid-request\"" },
    { "half an escape", OPERATOR, TEXT("GET /v1/eid%4 HTTP/1.1\r\nHost: lpm\r\n" CLOSE), 400, "\"invalid-request\"" },
    { "NUL in a header's name", OPERATOR, TEXT("GET /v1/eid HTTP/1.1\r\nPre\0fer: x\r\n" CLOSE), 400, NULL },
    { "a blank before a colon", OPERATOR, TEXT(ENABLE "Content-Length : 2\r\n" CLOSE "{}"), 400, "name of a header" },
    { "a blank before the first header", OPERATOR, TEXT("GET /v1/eid HTTP/1.1\r\n Host: lpm\r\n" CLOSE), 400, "name of a header" },
    { "a header without a colon", OPERATOR, TEXT("GET /v1/eid HTTP/1.1\r\nPrefer\r\n" CLOSE), 400, NULL },
    { "no version", OPERATOR, TEXT("GET /v1/eid\r\n\r\n"), 400, NULL },
    { "another version", OPERATOR, TEXT("GET /v1/eid HTTP/2.0\r\n" CLOSE), 505, NULL },
    { "TLS", OPERATOR, TEXT("\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"), 0, NULL },
    { "a space first", OPERATOR, TEXT(" /v1/eid HTTP/1.1\r\n" CLOSE), 0, NULL },

    { "a PUT", OPERATOR, TEXT("PUT " LOCK "Content-Type: application/json\r\nContent-Length: 24\r\n" CLOSE "{\"holder\":\"a\",\"ttl_s\":9}"), 200, "\"holder\":\"a\"" },
    { "a viewer's PUT", VIEWER, TEXT("PUT " LOCK "Content-Length: 0\r\n" CLOSE), 403, "\"forbidden\"" },
    { "what was PUT", VIEWER, TEXT("GET " LOCK CLOSE), 200, "\"holder\":\"a\"" },
    { "a DELETE", OPERATOR, TEXT("DELETE /v1/locks/switch?holder=a HTTP/1.1\r\nHost: lpm\r\n" CLOSE), 204, "nosniff\r\n\r\n" },
    { "what was DELETEd", VIEWER, TEXT("GET " LOCK CLOSE), 404, "\"not-found\"" },
    { "neither PUT nor DELETE", OPERATOR, TEXT("PATCH " LOCK CLOSE), 405, "Allow: GET, HEAD, PUT, DELETE\r\n" },

    { "no media type", OPERATOR, TEXT(ENABLE "Content-Length: 2\r\nConnection: close\r\n\r\n{}"), 415, NULL },
    { "a bad body", OPERATOR, TEXT(ENABLE "Content-Type: application/json\r\nContent-Length: 9\r\nConnection: close\r\n\r\n{\"x\":1.0}"), 400, "\"field\":\"x\"" },
    { "NUL in the body", OPERATOR, TEXT(ENABLE "Content-Type: application/json\r\nContent-Length: 3\r\nConnection: close\r\n\r\n{}\0"), 400, "\"invalid-request\"" },
    { "a large body", OPERATOR, TEXT(ENABLE "Content-Length: 2000000\r\n\r\n"), 413, "\"payload-too-large\"" },
    { "a large body that waits for leave", OPERATOR, TEXT(ENABLE "Expect: 100-continue\r\nContent-Length: 16385\r\n\r\n"), 413, NULL },
    { "a viewer's large body", VIEWER, TEXT(ENABLE "Content-Length: 2000000\r\n\r\n"), 403, NULL },
    { "a length over all", OPERATOR, TEXT(ENABLE "Content-Length: 99999999999999999999999\r\n\r\n"), 413, NULL },
    { "a negative length", OPERATOR, TEXT(ENABLE "Content-Length: -2\r\n\r\n{}"), 400, NULL },
    { "two lengths", OPERATOR, TEXT(ENABLE "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"), 400, "\"field\":\"Content-Length\"" },
    { "length and chunks", OPERATOR, TEXT(ENABLE "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"), 400, "\"field\":\"Transfer-Encoding\"" },
    { "another encoding", OPERATOR, TEXT(ENABLE "Transfer-Encoding: gzip, chunked\r\n\r\n"), 400, "\"field\":\"Transfer-Encoding\"" },
    { "chunks without a number", OPERATOR, TEXT(ENABLE "Transfer-Encoding: chunked\r\n\r\nzz\r\n"), 400, NULL },
    { "a chunk over all", OPERATOR, TEXT(ENABLE "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffffff\r\n"), 413, NULL },
    { "a bad body in chunks", OPERATOR, TEXT(ENABLE "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\n{\"\r\n5\r\nx\":1}\r\n0\r\n\r\n"), 400, "\"field\":\"x\"" },
    { "a key twice", OPERATOR, TEXT(ENABLE "Idempotency-Key: a\r\nIdempotency-Key: b\r\n" CLOSE), 400, "\"field\":\"Idempotency-Key\"" },
}; // clang-format on

static void hostile(void **state)
{
    struct operation none;

    (void)state;
    start();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int fd = dial(rows[i].way);
        const char *answer;

        print_message("%s\n", rows[i].what);
        say(fd, rows[i].bytes, rows[i].len);
        answer = hear(fd);
        expect(answer, rows[i].status, rows[i].has);
        if (strcmp(rows[i].what, "HEAD has the length and no body") == 0)
            assert_null(strstr(answer, "\r\n\r\n{"));
    }
    assert_int_equal(operations_list(all.operations, OPERATION_NONE, NULL, 1, &none), 0);
}

static void slow_bytes(void **state)
{
    static const char request[] =
        ENABLE "Content-Type: application/json\r\nContent-Length: 2\r\n" CLOSE "{}";

    (void)state;
    start();
    for (size_t cut = 1; cut < sizeof request - 1; cut += 7) {
        int fd = dial(OPERATOR);

        say(fd, request, cut);
        /* Another answer in between proves that the first part was looked at. */
        expect(ask(OPERATOR, "GET /healthz HTTP/1.1\r\n" CLOSE), 200, NULL);
        say(fd, request + cut, sizeof request - 1 - cut);
        expect(hear(fd), cut == 1 ? 202 : 409, NULL);
    }
}

static void too_much(void **state)
{
    static char much[40000];

    (void)state;
    start();
    memset(much, 'a', sizeof much);
    for (int i = 0; i < 3; i++) {
        static const struct {
            const char *before, *behind;
            unsigned status;
        } parts[] = {
            { "GET /v1/eid HTTP/1.1\r\nX: ", "\r\n\r\n", 431 },
            { "GET /", " HTTP/1.1\r\n\r\n", 414 },
            { ENABLE "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n9c40\r\n",
              "\r\n0\r\n\r\n", 413 },
        };
        int fd = dial(OPERATOR);

        say_text(fd, parts[i].before);
        say(fd, much, sizeof much);
        say_text(fd, parts[i].behind);
        expect(hear(fd), parts[i].status, NULL);
    }
    much[3000] = '\0';
    int fd = dial(OPERATOR);
    say_text(fd, "GET /");
    say_text(fd, much);
    say_text(fd, " HTTP/1.1\r\n" CLOSE);
    expect(hear(fd), 400, "longer than 2048");
}

/* Who does not come to the point is put out, and one who is between two requests stays. */
static void dawdlers(void **state)
{
    int silent, half, body, idle, second;
    char first[16];

    (void)state;
    start();
    idle = dial(OPERATOR);
    say_text(idle, "GET /healthz HTTP/1.1\r\nHost: lpm\r\n\r\n");
    assert_int_equal(recv(idle, first, sizeof first, MSG_WAITALL), sizeof first);
    silent = dial(OPERATOR);
    half = dial(VIEWER);
    say_text(half, "GET /v1/eid HTTP/1.1\r\nHo");
    body = dial(OPERATOR);
    say_text(body, ENABLE "Content-Length: 2\r\n\r\n{");
    expect(ask(OPERATOR, "GET /healthz HTTP/1.1\r\n" CLOSE), 200, NULL);
    expect(ask(VIEWER, "GET /healthz HTTP/1.1\r\n" CLOSE), 200, NULL);
    atomic_fetch_add(&now_ms, 10001);
    /* Whatever comes in makes the thread look at the clock. */
    expect(ask(TCP, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n" CLOSE), 200, NULL);
    assert_string_equal(hear(silent), "");
    assert_string_equal(hear(half), "");
    assert_string_equal(hear(body), "");
    say_text(idle, "GET /healthz HTTP/1.1\r\nHost: lpm\r\n" CLOSE);
    expect(strstr(hear(idle), "HTTP/1.1"), 200, NULL);
    /* A second head has no more time than the first. */
    second = dial(OPERATOR);
    say_text(second, "GET /healthz HTTP/1.1\r\nHost: lpm\r\n\r\n");
    assert_int_equal(recv(second, first, sizeof first, MSG_WAITALL), sizeof first);
    say_text(second, "GET /healthz HTTP/1.1\r\nHo");
    expect(ask(OPERATOR, "GET /healthz HTTP/1.1\r\n" CLOSE), 200, NULL);
    atomic_fetch_add(&now_ms, 10001);
    expect(ask(TCP, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n" CLOSE), 200, NULL);
    assert_null(strstr(hear(second), "HTTP/1.1"));
}

/* --- waiting --- */

static void *read_eid(void *ctx)
{
    int fd = *(int *)ctx;
    char *answer = calloc(1, 1024);
    size_t len = 0;
    ssize_t n;

    say_text(fd, "GET /v1/eid HTTP/1.1\r\nHost: lpm\r\n" CLOSE);
    while (answer && (n = recv(fd, answer + len, 1023 - len, 0)) > 0)
        len += (size_t)n;
    close(fd);
    return answer;
}

/* 24 readers who wait for one read, which ends with `error`. */
static void many_readers(enum error_code code, unsigned status, const char *has)
{
    pthread_t threads[READERS];
    int fds[READERS];
    const struct error e = { .code = code, .domain = ERROR_IN_CARD, .detail = 0x6A82 };

    all.now.has_eid = false;
    publish();
    for (int i = 0; i < READERS; i++) {
        fds[i] = dial(i % 2 ? VIEWER : OPERATOR);
        assert_int_equal(pthread_create(&threads[i], NULL, read_eid, &fds[i]), 0);
    }
    for (int i = 0; i < READERS; i++)
        wait_for(&all.read_came);
    assert_int_equal(reads_wanted(all.reads), READ_EID);
    all.now.has_eid = !code;
    publish();
    reads_answer(all.reads, READ_EID, &e);
    for (int i = 0; i < READERS; i++) {
        void *answer;

        (void)pthread_join(threads[i], &answer);
        expect(answer, status, has);
        free(answer);
    }
}

static void readers(void **state)
{
    (void)state;
    start();
    many_readers(ERROR_NONE, 200, "\"eid\"");
    many_readers(ERROR_APPLET_ABSENT, 502, "\"sw\":\"6A82\"");
    many_readers(ERROR_MODEM_ABSENT, 503, "Retry-After: 10\r\n");
}

/* The worker hangs: the answer comes all the same. */
static void no_worker(void **state)
{
    const struct error none = { 0 };
    int fd;

    (void)state;
    start();
    all.now.has_eid = false;
    publish();
    fd = dial(OPERATOR);
    say_text(fd, "GET /v1/eid HTTP/1.1\r\nHost: lpm\r\n" CLOSE);
    wait_for(&all.read_came);
    expect(ask(OPERATOR, "GET /healthz HTTP/1.1\r\n" CLOSE), 200, NULL);
    atomic_fetch_add(&now_ms, 40000);
    expect(ask(OPERATOR, "GET /healthz HTTP/1.1\r\n" CLOSE), 200, NULL);
    expect(hear(fd), 504, "\"modem-timeout\"");
    reads_answer(all.reads, READ_EID, &none); /* too late, and heard by nobody */
    expect(ask(OPERATOR, "GET /healthz HTTP/1.1\r\n" CLOSE), 200, NULL);
}

/* One who waits and goes. */
static void gone(void **state)
{
    const struct error none = { 0 };

    (void)state;
    start();
    all.now.has_eid = false;
    publish();
    for (int i = 0; i < 3; i++) {
        int fd = dial(i == 2 ? TCP : OPERATOR);

        say_text(fd, "GET /v1/eid HTTP/1.1\r\nHost: localhost\r\n\r\n");
        wait_for(&all.read_came);
        close(fd);
        if (i == 0)
            reads_answer(all.reads, READ_EID, &none);
        expect(ask(OPERATOR, "GET /healthz HTTP/1.1\r\n" CLOSE), 200, NULL);
    }
    reads_answer(all.reads, READ_EID, &none);
    expect(ask(OPERATOR, "GET /healthz HTTP/1.1\r\n" CLOSE), 200, NULL);
}

static struct operation only_operation(void)
{
    struct operation op;

    assert_int_equal(operations_list(all.operations, OPERATION_NONE, NULL, 1, &op), 1);
    return op;
}

/* What is kept of an answer is given until something of it is another. */
static void kept_answers(void **state)
{
    static const char eid[] = "GET /v1/eid HTTP/1.1\r\n" CLOSE;
    static const char profiles[] = "GET /v1/profiles HTTP/1.1\r\n" CLOSE;

    (void)state;
    all.now.eid_at_ms = all.now.list_at_ms = atomic_load(&now_ms);
    publish();
    start();
    for (int i = 0; i < 3; i++) {
        expect(ask(i == 1 ? VIEWER : OPERATOR, eid), 200, "\r\nAge: 0\r\n");
        expect(ask(i == 1 ? VIEWER : OPERATOR, profiles), 200, "\"enabled\":false");
    }
    expect(ask(TCP, eid), 403, "\"forbidden\"");
    expect(ask(OPERATOR, "GET /v1/profiles HTTP/1.1\r\nIf-None-Match: *\r\n" CLOSE), 304, NULL);
    expect(ask(OPERATOR, "GET /v1/eid HTTP/1.1\r\nAccept: text/html\r\n" CLOSE), 406, NULL);
    atomic_fetch_add(&now_ms, 999);
    expect(ask(OPERATOR, eid), 200, "\r\nAge: 0\r\n");
    atomic_fetch_add(&now_ms, 1);
    expect(ask(OPERATOR, eid), 200, "\r\nAge: 1\r\n");
    expect(ask(OPERATOR, profiles), 200, "\r\nAge: 1\r\n");
    all.now.list.rows[0].enabled = true;
    strcpy(all.now.etag, "\"2-a\"");
    publish();
    expect(ask(OPERATOR, profiles), 200, "\"enabled\":true");
    expect(ask(OPERATOR, profiles), 200, "ETag: \"2-a.");
    all.now.has_list = false;
    publish();
    reads_close(all.reads);
    expect(ask(OPERATOR, profiles), 503, "\"shutting-down\"");
    expect(ask(OPERATOR, eid), 200, "\r\nAge: 1\r\n");
}

static void prefer_wait(void **state)
{
    const struct operation_end end = { .has_result = true, .changed = true };
    struct operation op;
    int fd;

    (void)state;
    start();
    fd = dial(OPERATOR);
    say_text(fd, ENABLE "Prefer: wait=100\r\nIdempotency-Key: k1\r\n" CLOSE);
    wait_for(&all.operation_came);
    op = only_operation();
    assert_memory_equal(op.request.requester, "uid:", 4);
    /* Changes that are no end are no answer. */
    assert_true(operations_start(all.operations, op.id));
    operations_enter(all.operations, op.id, PHASE_RESETTING, NULL, false);
    expect(ask(OPERATOR, ENABLE "Idempotency-Key: k1\r\n" CLOSE), 202, "\"resetting\"");
    expect(ask(OPERATOR, ENABLE "Prefer: wait=5\r\n" CLOSE), 409, op.id);
    operations_end(all.operations, op.id, &end);
    expect(hear(fd), 200, "Preference-Applied: wait=100\r\n");
    expect(ask(OPERATOR, ENABLE "Prefer: wait=100\r\nIdempotency-Key: k1\r\n" CLOSE), 200,
           "\"succeeded\"");
}

static void wait_is_over(void **state)
{
    int fd;

    (void)state;
    start();
    fd = dial(OPERATOR);
    say_text(fd, ENABLE "Prefer: wait=1000\r\n" CLOSE);
    wait_for(&all.operation_came);
    /* One request later the first has been seen to its suspension. */
    expect(ask(OPERATOR, "GET /healthz HTTP/1.1\r\n" CLOSE), 200, NULL);
    atomic_fetch_add(&now_ms, 600001);
    expect(ask(OPERATOR, "GET /healthz HTTP/1.1\r\n" CLOSE), 200, NULL);
    expect(hear(fd), 202, "Preference-Applied: wait=600\r\n");
}

/* The end of an operation and the request that is about to wait for it meet in every order. */
static void *end_all(void *ctx)
{
    const struct operation_end end = { .has_result = true };

    for (int i = 0; i < *(int *)ctx; i++) {
        struct operation op;
        int64_t ignored;

        wait_for(&all.operation_came);
        if (operations_next(all.operations, &op, &ignored) &&
            operations_start(all.operations, op.id))
            operations_end(all.operations, op.id, &end);
    }
    return NULL;
}

static void meeting(void **state)
{
    int rounds = 200;
    pthread_t worker;

    (void)state;
    start();
    assert_int_equal(pthread_create(&worker, NULL, end_all, &rounds), 0);
    for (int i = 0; i < rounds; i++)
        expect(ask(OPERATOR, ENABLE "Prefer: wait=600\r\n" CLOSE), 200, "\"succeeded\"");
    (void)pthread_join(worker, NULL);
}

static void stop_with_waiters(void **state)
{
    int reader, ender, idle;
    char first[16];

    (void)state;
    start();
    all.now.has_eid = false;
    publish();
    idle = dial(TCP);
    say_text(idle, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_int_equal(recv(idle, first, sizeof first, MSG_WAITALL), sizeof first);
    reader = dial(VIEWER);
    say_text(reader, "GET /v1/eid HTTP/1.1\r\nHost: lpm\r\n\r\n");
    wait_for(&all.read_came);
    ender = dial(OPERATOR);
    say_text(ender, ENABLE "Prefer: wait=600\r\n\r\n");
    wait_for(&all.operation_came);
    reads_close(all.reads);
    api_stop(all.api);
    expect(hear(reader), 503, "\"shutting-down\"");
    expect(hear(ender), 202, "\"accepted\"");
    (void)hear(idle);
    assert_int_not_equal(access(all.socket, F_OK), 0);
    api_stop(all.api); /* again is nothing */
}

/* --- the doors --- */

static int local_socket(const char *path, bool listens)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strcpy(address.sun_path, path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    if (listens)
        assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void socket_files(void **state)
{
    struct stat found;
    char run[64];
    int fd;

    (void)state;
    (void)snprintf(run, sizeof run, "%s/run", all.folder);
    assert_int_equal(mkdir(run, 0755), 0);
    /* Left by an agent that was killed. */
    close(local_socket(all.socket, false));
    start();
    assert_int_equal(stat(all.socket, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0620);
    expect(ask(OPERATOR, "GET /healthz HTTP/1.1\r\n" CLOSE), 200, NULL);
    unwire();
    wire();
    /* Another agent's. */
    fd = local_socket(all.socket, true);
    assert_code(api_start(all.api), ERROR_INTERNAL);
    assert_int_equal(access(all.socket, F_OK), 0);
    close(fd);
    (void)unlink(all.socket);
    /* No socket at all. */
    (void)fclose(fopen(all.socket, "w"));
    assert_code(api_start(all.api), ERROR_INTERNAL);
    assert_int_equal(access(all.socket, F_OK), 0);
    (void)unlink(all.socket);
    fill_snapshot();
    publish();
    start();
    /* Replaced by somebody else's: not ours to remove. */
    (void)unlink(all.socket);
    fd = local_socket(all.socket, true);
    api_stop(all.api);
    assert_int_equal(access(all.socket, F_OK), 0);
    close(fd);
    (void)unlink(all.socket);
}

static void bad_doors(void **state)
{
    static char missing[] = "/nonexistent-lpm/a/b/api.sock", nobody[] = "no-such-group";
    static char far[] = "0.0.0.0:8480", odd[] = "localhost:x";
    static char long_path[200];

    (void)state;
    all.config.api.socket = missing;
    assert_code(api_start(all.api), ERROR_INTERNAL);
    memset(long_path, 'a', sizeof long_path - 1);
    all.config.api.socket = long_path;
    assert_code(api_start(all.api), ERROR_INVALID_REQUEST);
    all.config.api.socket = all.socket;
    all.config.api.socket_group = nobody;
    assert_code(api_start(all.api), ERROR_INTERNAL);
    all.config.api.socket_group = NULL;
    all.config.api.listen = far;
    assert_code(api_start(all.api), ERROR_INVALID_REQUEST);
    all.config.api.is_public = true;
    assert_code(api_start(all.api), ERROR_INVALID_REQUEST);
    all.config.api.is_public = false;
    all.config.api.listen = odd;
    assert_code(api_start(all.api), ERROR_INVALID_REQUEST);
    all.config.api.listen = all.listen;
    all.config.api.token_file = missing;
    assert_code(api_start(all.api), ERROR_INTERNAL);
    assert_int_not_equal(access(all.socket, F_OK), 0);
}

static void write_tokens(const char *text)
{
    FILE *file = fopen(all.token_file, "w");

    assert_non_null(file);
    (void)fputs(text, file);
    (void)fclose(file);
    (void)chmod(all.token_file, 0600);
}

static void tokens(void **state)
{
#define WITH(rest) " HTTP/1.1\r\nHost: localhost\r\n" rest CLOSE
    (void)state;
    all.config.api.token_file = all.token_file;
    write_tokens("operator s3cret\nviewer\n");
    assert_code(api_start(all.api), ERROR_INVALID_REQUEST);
    write_tokens("operator s3cret\nviewer look\n");
    start();
    expect(ask(TCP, "GET /v1/eid" WITH("")), 401, "WWW-Authenticate: Bearer\r\n");
    expect(ask(TCP, "GET /v1/nothing" WITH("")), 401, NULL);
    expect(ask(TCP, "GET /v1/eid" WITH("Authorization: Bearer s3cre\r\n")), 401, NULL);
    expect(ask(TCP, "GET /v1/eid" WITH("Authorization: Bearer look\r\n")), 200, NULL);
    expect(ask(TCP, "GET /v1/eid" WITH("Authorization: Bearer look\r\nAuthorization: Bearer "
                                       "s3cret\r\n")),
           400, NULL);
    expect(ask(TCP, "GET /healthz" WITH("")), 200, NULL);
    expect(ask(TCP, "GET /readyz" WITH("")), 200, NULL);
    expect(ask(TCP, "POST /v1/profiles/" B "/enable" WITH("Authorization: Bearer look\r\n")), 403,
           NULL);
    expect(ask(TCP, "POST /v1/profiles/" B "/enable" WITH("Content-Length: 2000000\r\n")), 401,
           NULL);
    expect(ask(TCP, "POST /v1/profiles/" B "/enable" WITH("Authorization: Bearer s3cret\r\n")), 202,
           "\"requester\":\"operator\"");
    /* The sockets need none. */
    expect(ask(OPERATOR, "GET /v1/eid HTTP/1.1\r\n" CLOSE), 200, NULL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(hostile),      TEST(slow_bytes),   TEST(too_much), TEST(dawdlers),
        TEST(readers),      TEST(no_worker),    TEST(gone),     TEST(kept_answers),
        TEST(prefer_wait),  TEST(wait_is_over), TEST(meeting),  TEST(stop_with_waiters),
        TEST(socket_files), TEST(bad_doors),    TEST(tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
