#include "agent/switch/probe.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/test.h"

/* Real sockets on loopback; the time is a number. */

enum { BEGAN_MS = 5000, TIMEOUT_MS = 1000, PEERS = 4 };

/* PEER_OPEN accepts, PEER_SHUT refuses, PEER_MUTE has a full
 * backlog and never answers. */
enum peer_kind { PEER_NONE = 0, PEER_OPEN, PEER_SHUT, PEER_MUTE, PEER_NO_ROUTE };

static struct {
    int listener, fillers[2];
    struct config_target target;
    char text[64], address[48];
} peers[PEERS];

static int listen_on(const char *address, int backlog, int *ret_port)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    bool is_v4 = inet_pton(AF_INET, address, &v4.sin_addr) == 1;
    struct sockaddr *name = is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
    socklen_t len = is_v4 ? sizeof v4 : sizeof v6;

    if (!is_v4)
        assert_int_equal(inet_pton(AF_INET6, address, &v6.sin6_addr), 1);
    int fd = socket(name->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, name, len) != 0 || listen(fd, backlog) != 0) {
        if (fd >= 0)
            (void)close(fd);
        return -1;
    }
    assert_int_equal(getsockname(fd, name, &len), 0);
    *ret_port = ntohs(is_v4 ? v4.sin_port : v6.sin6_port);
    return fd;
}

/* Two connections that nobody accepts: no third one gets an answer. */
static void fill(size_t i)
{
    struct sockaddr_in name = { .sin_family = AF_INET,
                                .sin_port = htons((uint16_t)peers[i].target.port) };

    assert_int_equal(inet_pton(AF_INET, peers[i].address, &name.sin_addr), 1);
    for (size_t k = 0; k < ARRAY_LEN(peers[i].fillers); k++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        (void)connect(fd, (struct sockaddr *)&name, sizeof name);
        peers[i].fillers[k] = fd;
    }
}

static bool begin_peer(size_t i, enum peer_kind kind, const char *address)
{
    int port = 0;

    (void)snprintf(peers[i].address, sizeof peers[i].address, "%s", address);
    peers[i].listener =
        listen_on(kind == PEER_NO_ROUTE ? "127.0.0.1" : address, kind == PEER_MUTE ? 0 : 8, &port);
    if (peers[i].listener < 0)
        return false;
    if (kind == PEER_SHUT) {
        (void)close(peers[i].listener);
        peers[i].listener = -1;
    }
    (void)snprintf(peers[i].text, sizeof peers[i].text, "%s:%d", address, port);
    peers[i].target =
        (struct config_target){ .text = peers[i].text, .address = peers[i].address, .port = port };
    if (kind == PEER_MUTE)
        fill(i);
    return true;
}

static size_t begin_peers(const enum peer_kind kinds[PEERS], struct config_target targets[PEERS])
{
    size_t count = 0;

    for (size_t i = 0; i < PEERS; i++) {
        peers[i].listener = peers[i].fillers[0] = peers[i].fillers[1] = -1;
        if (kinds[i] == PEER_NONE)
            continue;
        assert_true(
            begin_peer(i, kinds[i], kinds[i] == PEER_NO_ROUTE ? "255.255.255.255" : "127.0.0.1"));
        targets[count++] = peers[i].target;
    }
    return count;
}

static void end_peers(void)
{
    for (size_t i = 0; i < PEERS; i++) {
        const int fds[] = { peers[i].listener, peers[i].fillers[0], peers[i].fillers[1] };
        for (size_t k = 0; k < ARRAY_LEN(fds); k++)
            if (fds[k] >= 0)
                (void)close(fds[k]);
    }
}

static size_t open_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t n = 0;

    assert_non_null(dir);
    while (readdir(dir))
        n++;
    (void)closedir(dir);
    return n;
}

/* On loopback all is known at once, or a moment after. */
static enum probe_state look_at_length(struct probe *probe)
{
    enum probe_state state = PROBE_RUNNING;

    for (int i = 0; i < 200 && state == PROBE_RUNNING; i++) {
        state = probe_look(probe, BEGAN_MS + 10);
        if (state == PROBE_RUNNING)
            (void)poll(NULL, 0, 1);
    }
    return state;
}

static const struct {
    const char *what;
    enum peer_kind kinds[PEERS];
    int need;
    /* At once, and when the time is over. */
    enum probe_state soon, last;
    /* By target: '+', '-', or '?' where it was not awaited; NULL: not looked at. */
    const char *results;
    int detail;
} rows[] = {
    // clang-format off
    { "one of one", { PEER_OPEN }, 1, PROBE_REACHED, PROBE_REACHED, "+", 0 },
    { "refused", { PEER_SHUT }, 1, PROBE_FAILED, PROBE_FAILED, "-", ECONNREFUSED },
    { "no answer", { PEER_MUTE }, 1, PROBE_RUNNING, PROBE_FAILED, "-", ETIMEDOUT },
    { "an immediate failure", { PEER_NO_ROUTE }, 1, PROBE_FAILED, PROBE_FAILED, "-", 0 },
    { "and one that is reached", { PEER_NO_ROUTE, PEER_OPEN }, 1, PROBE_REACHED, PROBE_REACHED, "-+", 0 },
    { "one of three", { PEER_MUTE, PEER_SHUT, PEER_OPEN }, 1, PROBE_REACHED, PROBE_REACHED, NULL, 0 },
    { "two of three", { PEER_MUTE, PEER_OPEN, PEER_OPEN }, 2, PROBE_REACHED, PROBE_REACHED, "?++", 0 },
    { "two of three, one too few", { PEER_MUTE, PEER_OPEN, PEER_SHUT }, 2, PROBE_RUNNING, PROBE_FAILED, "-+-", ETIMEDOUT },
    { "no longer possible", { PEER_MUTE, PEER_SHUT, PEER_SHUT, PEER_OPEN }, 3, PROBE_FAILED, PROBE_FAILED, "?--+", ECONNREFUSED },
    { "more than there are", { PEER_OPEN }, 2, PROBE_FAILED, PROBE_FAILED, NULL, 0 },
    { "none at all", { PEER_NONE }, 1, PROBE_FAILED, PROBE_FAILED, "", 0 },
    { "need of nothing is need of one", { PEER_SHUT, PEER_OPEN }, 0, PROBE_REACHED, PROBE_REACHED, NULL, 0 },
}; // clang-format on

static void check_results(const struct probe_result *results, const char *want)
{
    for (size_t i = 0; want && want[i]; i++) {
        assert_int_equal(results[i].ok, want[i] == '+');
        assert_int_equal(results[i].failed, want[i] == '-');
        if (results[i].ok)
            assert_in_range(results[i].rtt_ms, 0, 10);
        else
            assert_int_equal(results[i].rtt_ms, -1);
    }
}

/* What the accepted side sees: an end, never a reset. */
static void expect_an_end(size_t i, bool reached)
{
    char byte;
    struct pollfd pollfd = { .events = POLLIN };

    pollfd.fd = accept(peers[i].listener, NULL, NULL);
    if (pollfd.fd < 0) {
        assert_false(reached);
        return;
    }
    assert_int_equal(poll(&pollfd, 1, 2000), 1);
    assert_int_equal(recv(pollfd.fd, &byte, 1, 0), 0);
    (void)close(pollfd.fd);
}

static void targets_decide(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config_target targets[PEERS];
        size_t before = open_fds();
        size_t count = begin_peers(rows[i].kinds, targets);
        size_t with_peers = open_fds();
        struct probe_options options = {
            .targets = targets, .count = count, .need = rows[i].need, .timeout_ms = TIMEOUT_MS
        };
        struct probe *probe = probe_new(&options);

        print_message("%s\n", rows[i].what);
        assert_non_null(probe);
        probe_begin(probe, BEGAN_MS);
        assert_int_equal(look_at_length(probe), rows[i].soon);
        assert_int_equal(open_fds() > with_peers, rows[i].soon == PROBE_RUNNING);
        assert_int_equal(probe_look(probe, BEGAN_MS + TIMEOUT_MS - 1), rows[i].soon);
        assert_int_equal(probe_look(probe, BEGAN_MS + TIMEOUT_MS), rows[i].last);
        assert_int_equal(open_fds(), with_peers);
        check_results(probe_results(probe), rows[i].results);
        struct error e = probe_error(probe);
        print_message("  %s\n", e.message);
        assert_int_equal(e.code, rows[i].last == PROBE_FAILED ? ERROR_UNREACHABLE : ERROR_NONE);
        if (rows[i].detail) {
            assert_int_equal(e.detail, rows[i].detail);
            assert_int_equal(e.domain, ERROR_IN_SYSTEM);
        }
        for (size_t k = 0; k < PEERS; k++)
            if (rows[i].kinds[k] == PEER_OPEN)
                expect_an_end(k, probe_results(probe)[k].ok);
        probe_free(probe);
        end_peers();
        assert_int_equal(open_fds(), before);
    }
}

/* The server's greeting is there before the second target decides. */
static void a_greeting_is_no_reason_for_a_reset(void **state)
{
    static const enum peer_kind kinds[PEERS] = { PEER_OPEN, PEER_MUTE };
    struct config_target targets[PEERS];
    size_t count = begin_peers(kinds, targets);
    struct probe_options options = {
        .targets = targets, .count = count, .need = 2, .timeout_ms = TIMEOUT_MS
    };
    struct probe *probe = probe_new(&options);
    char byte;

    (void)state;
    assert_non_null(probe);
    probe_begin(probe, BEGAN_MS);
    assert_int_equal(look_at_length(probe), PROBE_RUNNING);
    struct pollfd pollfd = { .fd = accept(peers[0].listener, NULL, NULL), .events = POLLIN };
    assert_true(pollfd.fd >= 0);
    assert_int_equal(send(pollfd.fd, "220 hello\r\n", 11, 0), 11);
    assert_int_equal(probe_look(probe, BEGAN_MS + TIMEOUT_MS), PROBE_FAILED);
    assert_int_equal(poll(&pollfd, 1, 2000), 1);
    assert_int_equal(recv(pollfd.fd, &byte, 1, 0), 0);
    (void)close(pollfd.fd);
    probe_free(probe);
    end_peers();
}

static void again_and_in_between(void **state)
{
    static const enum peer_kind kinds[PEERS] = { PEER_MUTE, PEER_OPEN };
    struct config_target targets[PEERS];
    size_t before = open_fds();
    size_t count = begin_peers(kinds, targets);
    size_t with_peers = open_fds();
    struct probe_options options = {
        .targets = targets, .count = count, .need = 2, .timeout_ms = TIMEOUT_MS
    };
    struct probe *probe = probe_new(&options);

    (void)state;
    assert_non_null(probe);
    assert_int_equal(probe_look(probe, BEGAN_MS), PROBE_FAILED);
    assert_code(probe_error(probe), ERROR_UNREACHABLE);
    for (int i = 0; i < 20; i++) {
        probe_begin(probe, BEGAN_MS);
        assert_int_equal(probe_look(probe, BEGAN_MS + 1), PROBE_RUNNING);
        assert_ok(probe_error(probe));
        assert_true(open_fds() <= with_peers + 2);
    }
    probe_free(probe); /* in the middle */
    assert_int_equal(open_fds(), with_peers);
    probe_free(NULL);
    end_peers();
    assert_int_equal(open_fds(), before);
}

static void over_ipv6_where_there_is_one(void **state)
{
    struct probe_options options = {
        .targets = &peers[0].target, .count = 1, .need = 1, .timeout_ms = TIMEOUT_MS
    };

    (void)state;
    peers[0].fillers[0] = peers[0].fillers[1] = -1;
    for (size_t i = 1; i < PEERS; i++)
        peers[i].listener = peers[i].fillers[0] = peers[i].fillers[1] = -1;
    if (!begin_peer(0, PEER_OPEN, "::1"))
        skip();
    struct probe *probe = probe_new(&options);
    assert_non_null(probe);
    probe_begin(probe, BEGAN_MS);
    assert_int_equal(look_at_length(probe), PROBE_REACHED);
    probe_free(probe);
    end_peers();
}

/* An interface that is not there; the one that is, where the system lets us choose. */
static void only_over_its_interface(void **state)
{
    static const enum peer_kind kinds[PEERS] = { PEER_OPEN };
    struct config_target targets[PEERS];
    size_t count = begin_peers(kinds, targets);
    struct probe_options options = { .targets = targets,
                                     .count = count,
                                     .need = 1,
                                     .interface = "nowhere0",
                                     .timeout_ms = TIMEOUT_MS };
    size_t before = open_fds();
    struct probe *probe = probe_new(&options);

    (void)state;
    assert_non_null(probe);
    probe_begin(probe, BEGAN_MS);
    assert_int_equal(probe_look(probe, BEGAN_MS), PROBE_FAILED);
    struct error e = probe_error(probe);
    assert_true(e.detail == ENODEV || e.detail == EPERM);
    assert_non_null(strstr(e.message, peers[0].text));
    probe_free(probe);

    options.interface = "lo";
    probe = probe_new(&options);
    assert_non_null(probe);
    probe_begin(probe, BEGAN_MS);
    enum probe_state got = look_at_length(probe);
    e = probe_error(probe);
    assert_true(got == PROBE_REACHED || e.detail == EPERM);
    probe_free(probe);
    assert_int_equal(open_fds(), before);
    end_peers();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_decide),
        cmocka_unit_test(a_greeting_is_no_reason_for_a_reset),
        cmocka_unit_test(again_and_in_between),
        cmocka_unit_test(over_ipv6_where_there_is_one),
        cmocka_unit_test(only_over_its_interface),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
