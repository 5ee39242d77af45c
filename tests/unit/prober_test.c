#include "agent/worker/prober.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "config/config.h"
#include "tests/test.h"

/* Real sockets on loopback; the time is a number. */

enum { PEERS = 2, INTERVAL_MS = 60000, FAILING_MS = 10000 };

static struct {
    int fds[PEERS];
    struct config_target targets[PEERS];
    char texts[PEERS][32];
    struct config config;
    struct prober *prober;
    int64_t now_ms;
} all;

/* Not accepted: the kernel takes the connection all the same. `port` 0: any. */
static int open_peer(int port, int *ret_port)
{
    struct sockaddr_in name = { .sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof name;
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
    *ret_port = ntohs(name.sin_port);
    return fd;
}

static int set_up(void **state)
{
    static char loopback[] = "127.0.0.1";

    (void)state;
    memset(&all, 0, sizeof all);
    for (size_t i = 0; i < PEERS; i++) {
        int port;

        all.fds[i] = open_peer(0, &port);
        (void)snprintf(all.texts[i], sizeof all.texts[i], "127.0.0.1:%d", port);
        all.targets[i] =
            (struct config_target){ .text = all.texts[i], .address = loopback, .port = port };
    }
    all.config.probe.targets = all.targets;
    all.config.probe.target_count = PEERS;
    all.config.probe.need = 1;
    all.config.probe.interval_s = INTERVAL_MS / 1000;
    all.config.probe.failing_interval_s = FAILING_MS / 1000;
    all.config.probe.timeout_s = 5;
    all.now_ms = 1000;
    all.prober = prober_new(&all.config);
    assert_non_null(all.prober);
    return 0;
}

static void shut(size_t i)
{
    if (all.fds[i] >= 0)
        (void)close(all.fds[i]);
    all.fds[i] = -1;
}

static int tear_down(void **state)
{
    (void)state;
    prober_free(all.prober);
    prober_free(NULL);
    for (size_t i = 0; i < PEERS; i++)
        shut(i);
    return 0;
}

/* One round; whether it brought news. The real time is short: connections to loopback are through at
 * once. */
static bool play_round(void)
{
    bool news;

    do {
        news = prober_work(all.prober, true, all.now_ms);
        if (prober_next_ms(all.prober, true) < all.now_ms + FAILING_MS) {
            (void)poll(NULL, 0, 2);
            all.now_ms = prober_next_ms(all.prober, true);
        }
    } while (prober_next_ms(all.prober, true) < all.now_ms + FAILING_MS);
    return news;
}

static void go_to_next(void)
{
    all.now_ms = prober_next_ms(all.prober, true);
}

static void assert_quality(double loss_pct, bool rtt_known)
{
    struct quality quality;

    prober_take(all.prober, &quality);
    assert_true(quality.loss_pct.known);
    assert_float_equal(quality.loss_pct.value, loss_pct, 0.01);
    assert_int_equal(quality.rtt_ms.known, rtt_known);
    assert_false(quality.traffic_known);
}

static void faster_while_it_fails(void **state)
{
    (void)state;
    assert_false(play_round());
    assert_int_equal(prober_next_ms(all.prober, true), all.now_ms + INTERVAL_MS);
    assert_quality(0, true);
    /* One of two is enough, and half is lost. */
    shut(1);
    go_to_next();
    assert_false(play_round());
    assert_int_equal(prober_next_ms(all.prober, true), all.now_ms + INTERVAL_MS);
    assert_quality(50, true);
    shut(0);
    go_to_next();
    assert_true(play_round());
    assert_int_equal(prober_next_ms(all.prober, true), all.now_ms + FAILING_MS);
    assert_quality(100, false);
    go_to_next();
    assert_false(play_round());
    int port;
    all.fds[0] = open_peer(all.targets[0].port, &port);
    go_to_next();
    assert_true(play_round());
    assert_int_equal(prober_next_ms(all.prober, true), all.now_ms + INTERVAL_MS);
    /* How it was before it came back does not count. */
    assert_quality(50, true);
    shut(0);
    all.fds[1] = open_peer(all.targets[1].port, &port);
    go_to_next();
    assert_false(play_round());
    all.fds[0] = open_peer(all.targets[0].port, &port);
    go_to_next();
    assert_false(play_round());
    /* Both rounds: one of four. */
    assert_quality(25, true);
}

static void what_was_taken_holds_until_the_next_round(void **state)
{
    struct quality quality;

    (void)state;
    prober_take(all.prober, &quality);
    assert_false(quality.loss_pct.known || quality.rtt_ms.known);
    (void)play_round();
    assert_quality(0, true);
    assert_quality(0, true);
    /* What it was over the profile before says nothing. */
    prober_abandon(all.prober);
    prober_take(all.prober, &quality);
    assert_false(quality.loss_pct.known || quality.rtt_ms.known);
}

static void not_without_service(void **state)
{
    struct quality quality;

    (void)state;
    assert_false(prober_work(all.prober, false, all.now_ms));
    assert_int_equal(prober_next_ms(all.prober, false), CLOCK_NEVER);
    (void)play_round();
    assert_false(prober_work(all.prober, false, all.now_ms));
    prober_take(all.prober, &quality);
    assert_false(quality.loss_pct.known);
    /* Back: at once. */
    assert_true(prober_next_ms(all.prober, true) <= all.now_ms);
}

static void no_targets(void **state)
{
    struct config none = all.config;
    struct prober *prober;

    (void)state;
    none.probe.target_count = 0;
    prober = prober_new(&none);
    assert_non_null(prober);
    assert_false(prober_work(prober, true, all.now_ms));
    assert_int_equal(prober_next_ms(prober, true), CLOCK_NEVER);
    prober_abandon(prober);
    prober_free(prober);
}

static void load_loopback(size_t bytes)
{
    static const char text[4096];
    int fds[2], port, listener = open_peer(0, &port);
    struct sockaddr_in name = { .sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fds[0], (struct sockaddr *)&name, sizeof name), 0);
    fds[1] = accept(listener, NULL, NULL);
    assert_true(fds[1] >= 0);
    assert_int_equal(send(fds[0], text, bytes, 0), bytes);
    (void)close(fds[0]);
    (void)close(fds[1]);
    (void)close(listener);
}

static void none_while_traffic_flows(void **state)
{
    struct config config = all.config;
    struct quality quality;
    struct prober *prober;
    static char lo[] = "lo";

    (void)state;
    config.probe.interface = lo;
    prober_free(all.prober);
    all.prober = prober = prober_new(&config);
    (void)play_round();
    prober_take(prober, &quality);
    if (!quality.loss_pct.known || quality.loss_pct.value > 0)
        skip();                          /* may not bind to an interface here */
    assert_false(quality.traffic_known); /* since when? */
    load_loopback(4096);
    go_to_next();
    assert_false(prober_work(prober, true, all.now_ms));
    assert_int_equal(prober_next_ms(prober, true), all.now_ms + INTERVAL_MS);
    prober_take(prober, &quality);
    assert_false(quality.loss_pct.known);
    assert_true(quality.traffic_known);
    assert_true(quality.rx_bytes >= 4096 && quality.tx_bytes >= 4096);
}

static void an_interface_that_is_not_there(void **state)
{
    struct config config = all.config;
    struct quality quality;
    struct prober *prober;
    static char nowhere[] = "lpm-none0";

    (void)state;
    config.probe.interface = nowhere;
    prober_free(all.prober);
    all.prober = prober = prober_new(&config);
    assert_true(play_round());
    prober_take(prober, &quality);
    assert_float_equal(quality.loss_pct.value, 100, 0.01);
    assert_false(quality.traffic_known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(faster_while_it_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_taken_holds_until_the_next_round, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(not_without_service, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_targets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(none_while_traffic_flows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_interface_that_is_not_there, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
