#define _XOPEN_SOURCE 700 /* pseudo-terminals */

#include "agent/modem/modem.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "tests/test.h"

/* The modem's side: served as the guest, so that one thread plays both. */
static struct {
    int master;
    char port[64];
    char line[600];
    size_t len;
    /* All lines that came, joined by a blank; AT alone left out. */
    char heard[4096];
    /* Answers that differ from OK, NULL: none; `times` 0: always. The clock goes on by `takes_s`
     * before. */
    struct {
        const char *line, *answer;
        unsigned times, said;
        int takes_s;
    } answers[8];
    /* Once it has heard one that it does not answer it never answers again. */
    bool dies, dead;
    /* Until ATE0, where it is a modem that does what it says. */
    bool echoes, always_echoes;
    bool stop;
    /* The stop comes with this line. */
    const char *stop_at;
    pid_t successor;
    const char *successor_hears;
    unsigned events[4];
} peer;

static int64_t passed_ms;

int64_t __wrap_clock_now_ms(void);
int64_t __real_clock_now_ms(void);
int __wrap_clock_poll_ms(int64_t deadline_ms);
int __real_clock_poll_ms(int64_t deadline_ms);

int64_t __wrap_clock_now_ms(void)
{
    return __real_clock_now_ms() + passed_ms;
}

int __wrap_clock_poll_ms(int64_t deadline_ms)
{
    return __real_clock_poll_ms(deadline_ms == CLOCK_NEVER ? deadline_ms : deadline_ms - passed_ms);
}

static void say(const char *text)
{
    assert_int_equal(write(peer.master, text, strlen(text)), strlen(text));
}

/* After the stop the guest has no more turns: a child hears one line more, and it has to be `line`. */
static void leave_to_a_child(const char *line)
{
    struct pollfd pollfd = { .fd = peer.master, .events = POLLIN };
    char heard[64] = "";
    size_t n = 0;

    peer.successor = fork();
    assert_true(peer.successor >= 0);
    if (peer.successor > 0)
        return;
    while (!strchr(heard, '\r') && n < sizeof heard - 1 && poll(&pollfd, 1, 10000) > 0) {
        ssize_t got = read(peer.master, heard + n, sizeof heard - 1 - n);
        n += got > 0 ? (size_t)got : 0;
    }
    say("\r\nOK\r\n");
    _exit(strncmp(heard, line, strlen(line)) == 0 ? 0 : 1);
}

static void answer(const char *line)
{
    size_t n = strlen(peer.heard);

    if (peer.echoes || peer.always_echoes) {
        say(line);
        say("\r");
    }
    if (strncmp(line, "ATE", 3) == 0)
        peer.echoes = line[3] == '1';
    if (strcmp(line, "AT") != 0)
        (void)snprintf(peer.heard + n, sizeof peer.heard - n, "%s ", line);
    if (peer.stop_at && strcmp(line, peer.stop_at) == 0)
        peer.stop = true;
    if (peer.dead) {
        passed_ms += 60000;
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(peer.answers) && peer.answers[i].line; i++)
        if (strcmp(line, peer.answers[i].line) == 0 &&
            (peer.answers[i].times == 0 || peer.answers[i].said++ < peer.answers[i].times)) {
            passed_ms += 1000 * (int64_t)peer.answers[i].takes_s;
            if (peer.answers[i].answer)
                say(peer.answers[i].answer);
            else
                peer.dead = peer.dies;
            if (peer.stop_at && peer.stop)
                leave_to_a_child(peer.successor_hears);
            return;
        }
    say("\r\nOK\r\n");
}

static bool turn(void *ctx)
{
    char bytes[256];
    ssize_t n = read(peer.master, bytes, sizeof bytes);

    (void)ctx;
    for (ssize_t i = 0; i < n; i++) {
        if (bytes[i] != '\r') {
            assert_true(peer.len < sizeof peer.line - 1);
            peer.line[peer.len++] = bytes[i];
            continue;
        }
        peer.line[peer.len] = '\0';
        peer.len = 0;
        answer(peer.line);
    }
    return !peer.stop;
}

static void count_event(void *ctx, enum modem_event event)
{
    (void)ctx;
    peer.events[event]++;
}

static int64_t never(void *ctx)
{
    (void)ctx;
    return CLOCK_NEVER;
}

static void say_usual_things(void)
{
    static const char *const usual[][2] = {
        { "AT+CGMI", "\r\nQuectel\r\n\r\nOK\r\n" },
        { "AT+CGMM", "\r\n+CGMM: \"EC25\"\r\n\r\nOK\r\n" },
        { "AT+CGMR", "\r\nEC25EFAR06A06M4G\r\n\r\nOK\r\n" },
        { "AT+CFUN?", "\r\n+CFUN: 1\r\n\r\nOK\r\n" },
        { "AT+CPIN?", "\r\n+CPIN: READY\r\n\r\nOK\r\n" },
    };

    for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
        peer.answers[i].line = usual[i][0];
        peer.answers[i].answer = usual[i][1];
    }
}

enum { CFUN = 3, CPIN = 4, EXTRA = 5 };

static struct modem *begin_with(enum modem_reset_kind reset, const char *const *init,
                                size_t init_count)
{
    static char shell[] = "/bin/sh", option[] = "-c", command[] = "exit 3";
    static char *const program[] = { shell, option, command, NULL };

    memset(&peer, 0, sizeof peer);
    peer.master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    assert_true(peer.master >= 0);
    assert_int_equal(grantpt(peer.master), 0);
    assert_int_equal(unlockpt(peer.master), 0);
    (void)snprintf(peer.port, sizeof peer.port, "%s", ptsname(peer.master));
    say_usual_things();
    struct modem_options options = {
        .port = peer.port,
        .baud = 115200,
        .init = init,
        .init_count = init_count,
        .reset = reset,
        .reset_command = "AT+MYRESET",
        .reset_exec = program,
        .guest = { .fd = peer.master, .turn = turn, .deadline_ms = never },
        .on_event = count_event,
    };
    struct modem *modem = modem_new(&options);
    assert_non_null(modem);
    return modem;
}

static struct modem *begin(enum modem_reset_kind reset)
{
    static const char *const init[] = { "AT+QCFG=\"x\"" };

    return begin_with(reset, init, ARRAY_LEN(init));
}

static void end(struct modem *modem)
{
    modem_free(modem);
    if (peer.master >= 0)
        (void)close(peer.master);
}

/* Until `count` of `event` came, or too long. */
static void idle_for(struct modem *modem, enum modem_event event, unsigned count)
{
    for (int i = 0; i < 20 && peer.events[event] < count; i++)
        (void)modem_idle(modem, clock_now_ms() + 500);
    assert_int_equal(peer.events[event], count);
}

static void set_up_says_all_that_is_wanted(void **state)
{
    struct modem *modem = begin(MODEM_RESET_NONE);
    struct modem_counters counters;
    struct traffic traffic = { 0 };

    (void)state;
    assert_false(modem_is_open(modem));
    assert_ok(modem_open(modem));
    assert_true(modem_is_open(modem));
    assert_string_equal(peer.heard,
                        "ATE0 AT+CMEE=1 AT+CFUN? AT+CPIN? AT+CGMI AT+CGMM AT+CGMR AT+CGSN "
                        "AT+COPS=3,2 AT+CREG=2 AT+CGREG=2 AT+CEREG=2 AT+C5GREG=2 "
                        "AT+QCFG=\"x\" ");
    assert_string_equal(modem_identity(modem)->manufacturer, "Quectel");
    assert_string_equal(modem_identity(modem)->model, "EC25");
    assert_string_equal(modem_identity(modem)->revision, "EC25EFAR06A06M4G");
    assert_string_equal(modem_identity(modem)->port, peer.port);
    modem_get_counters(modem, &counters);
    assert_int_equal(counters.timeouts, 0);
    modem_get_traffic(modem, &traffic);
    assert_int_equal(traffic.came, 1);
    assert_int_equal(traffic.went, 0);
    assert_int_equal(traffic.commands[TRAFFIC_CREG][TRAFFIC_OK] +
                         traffic.commands[TRAFFIC_CREG][TRAFFIC_ERROR],
                     4);
    assert_int_equal(traffic.commands[TRAFFIC_CPIN][TRAFFIC_OK], 1);
    modem_close(modem);
    assert_false(modem_is_open(modem));
    assert_code(modem_check_sim(modem), ERROR_MODEM_ABSENT);
    assert_int_equal(peer.events[MODEM_EVENT_GONE], 0);
    end(modem);
}

static void a_radio_left_off_and_a_locked_card(void **state)
{
    struct modem *modem = begin(MODEM_RESET_NONE);

    (void)state;
    peer.answers[CFUN].answer = "\r\n+CFUN: 4\r\n\r\nOK\r\n";
    peer.answers[CPIN].answer = "\r\n+CPIN: PH-NET PIN\r\n\r\nOK\r\n";
    struct error e = modem_open(modem);
    assert_code(e, ERROR_SIM_LOCKED);
    assert_int_equal(e.detail, ERROR_FINAL_NONE);
    assert_true(modem_is_open(modem));
    assert_non_null(strstr(peer.heard, "AT+CFUN? AT+CFUN=1 "));
    peer.answers[CPIN].answer = "\r\n+CME ERROR: 10\r\n";
    e = modem_check_sim(modem);
    assert_code(e, ERROR_CARD_ABSENT);
    assert_int_equal(e.detail, 10);
    peer.answers[CPIN].answer = "\r\n+CPIN: NOT INSERTED\r\n\r\nOK\r\n";
    e = modem_check_sim(modem);
    assert_code(e, ERROR_CARD_ABSENT);
    assert_int_equal(e.detail, ERROR_FINAL_NONE);
    peer.answers[CPIN].answer = "\r\n+CPIN: NOT READY\r\n\r\nOK\r\n";
    e = modem_check_sim(modem);
    assert_code(e, ERROR_CARD_BUSY);
    assert_int_equal(e.detail, ERROR_FINAL_NONE);
    peer.answers[CPIN].answer = "\r\n+CME ERROR: 14\r\n";
    assert_code(modem_check_sim(modem), ERROR_CARD_BUSY);
    assert_int_equal(peer.events[MODEM_EVENT_SIM], 0);
    peer.answers[CPIN].answer = "\r\n+CPIN: READY\r\n\r\nOK\r\n";
    assert_ok(modem_check_sim(modem));
    assert_int_equal(peer.events[MODEM_EVENT_SIM], 1);
    assert_int_equal(peer.events[MODEM_EVENT_RESTARTED], 0);
    end(modem);
}

static void lines_unasked_become_events(void **state)
{
    struct modem *modem = begin(MODEM_RESET_NONE);

    (void)state;
    assert_ok(modem_open(modem));
    say("\r\n+CREG: 1,\"1A2B\",\"01A2D003\",7\r\n");
    idle_for(modem, MODEM_EVENT_HINT, 1);
    say("\r\n+QUSIM: 1\r\n");
    idle_for(modem, MODEM_EVENT_SIM, 1);
    say("\r\n+CPIN: NOT READY\r\n");
    idle_for(modem, MODEM_EVENT_RESTARTED, 1);
    idle_for(modem, MODEM_EVENT_SIM, 2);
    say("\r\n+CPIN: READY\r\n");
    idle_for(modem, MODEM_EVENT_SIM, 3);

    peer.heard[0] = '\0';
    say("\r\nRDY\r\n");
    idle_for(modem, MODEM_EVENT_RESTARTED, 2);
    assert_string_equal(peer.heard, "");
    assert_ok(modem_check_sim(modem));
    assert_non_null(strstr(peer.heard, "ATE0 AT+CMEE=1 AT+COPS=3,2 "));
    assert_non_null(strstr(peer.heard, "AT+CFUN? AT+CPIN? "));
    peer.heard[0] = '\0';
    peer.answers[CFUN].answer = "\r\n+CFUN: 4\r\n\r\nOK\r\n";
    say("\r\nRDY\r\n");
    idle_for(modem, MODEM_EVENT_RESTARTED, 3);
    assert_ok(modem_check_sim(modem));
    assert_non_null(strstr(peer.heard, "AT+CFUN? AT+CFUN=1 AT+CPIN? "));
    end(modem);
}

static size_t times_heard(const char *line)
{
    size_t count = 0;

    for (const char *at = strstr(peer.heard, line); at; at = strstr(at + 1, line))
        count++;
    return count;
}

/* How often the settings are said after `restarts` restarts that only the echo tells of, each with some
 * readings behind it. */
static const struct {
    const char *what, *init[2], *ate0;
    bool always_echoes;
    unsigned restarts, said;
} silent_restarts[] = {
    // clang-format off
    { "none", { "AT+ONE", "AT+TWO" }, "\r\nOK\r\n", false, 0, 1 },
    { "each is noticed", { "AT+ONE", "AT+TWO" }, "\r\nOK\r\n", false, 2, 3 },
    { "a modem that always echoes", { "AT+ONE", "AT+TWO" }, "\r\nOK\r\n", true, 2, 1 },
    { "one that refuses ATE0", { "AT+ONE", "AT+TWO" }, "\r\nERROR\r\n", true, 2, 1 },
    { "the owner's own echo", { "AT+ONE", "ATE1" }, "\r\nOK\r\n", false, 0, 1 },
    { "the owner's own echo in the middle", { "ATE1", "AT+ONE" }, "\r\nOK\r\n", false, 0, 1 },
    { "the same after a restart", { "AT+ONE", "ATE1" }, "\r\nOK\r\n", false, 2, 3 },
}; // clang-format on

static void a_restart_in_silence_is_told_by_the_echo(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(silent_restarts); i++) {
        struct modem *modem = begin_with(MODEM_RESET_NONE, silent_restarts[i].init, 2);

        print_message("%s\n", silent_restarts[i].what);
        peer.answers[EXTRA].line = "ATE0";
        peer.answers[EXTRA].answer = silent_restarts[i].ate0;
        peer.always_echoes = silent_restarts[i].always_echoes;
        assert_ok(modem_open(modem));
        for (unsigned k = 0; k <= silent_restarts[i].restarts; k++) {
            for (int readings = 0; readings < 5; readings++)
                assert_ok(modem_check_sim(modem));
            peer.echoes = true;
        }
        assert_int_equal(times_heard("AT+CMEE=1 "), silent_restarts[i].said);
        assert_int_equal(times_heard("AT+CEREG=2 "), silent_restarts[i].said);
        assert_int_equal(peer.events[MODEM_EVENT_RESTARTED], 0);
        end(modem);
    }
}

static void a_hang_up_is_told_at_once(void **state)
{
    struct modem *modem = begin(MODEM_RESET_NONE);

    (void)state;
    assert_ok(modem_open(modem));
    (void)close(peer.master);
    peer.master = -1;
    assert_true(modem_idle(modem, clock_now_ms() + 60000));
    assert_int_equal(peer.events[MODEM_EVENT_GONE], 1);
    assert_int_equal(peer.events[MODEM_EVENT_RESTARTED], 1);
    assert_false(modem_is_open(modem));
    assert_code(modem_open(modem), ERROR_MODEM_ABSENT);
    assert_int_equal(peer.events[MODEM_EVENT_GONE], 1);
    end(modem);
}

static void after_the_stop_nothing_begins(void **state)
{
    struct modem *modem = begin(MODEM_RESET_CFUN);
    struct transport *csim = modem_csim(modem);
    struct transport_answer got;
    static const uint8_t list[] = { 0x81, 0x18, 0x00, 0x00, 0xFF };
    static const uint8_t close_channel[] = { 0x00, 0x70, 0x80, 0x01, 0x00 };

    (void)state;
    assert_ok(modem_open(modem));
    peer.answers[EXTRA].line = "AT+CSIM=10,\"0070800100\"";
    peer.answers[EXTRA].answer = "\r\n+CSIM: 4,\"9000\"\r\nOK\r\n";
    peer.stop = true;
    assert_ok(modem_check_sim(modem)); /* on the wire when the stop came */
    assert_false(modem_idle(modem, clock_now_ms() + 60000));
    assert_code(modem_check_sim(modem), ERROR_SHUTTING_DOWN);
    assert_code(modem_cycle_radio(modem), ERROR_SHUTTING_DOWN);
    assert_code(csim->ops->transmit(csim, list, sizeof list, CLOCK_NEVER, &got),
                ERROR_SHUTTING_DOWN);
    assert_code(modem_open(modem), ERROR_SHUTTING_DOWN);
    assert_true(modem_is_open(modem));
    /* The guest is called no more: nobody answers, but the line goes out. */
    int64_t began = clock_now_ms();
    assert_code(csim->ops->transmit(csim, close_channel, sizeof close_channel, began + 100, &got),
                ERROR_MODEM_TIMEOUT);
    peer.heard[0] = '\0';
    (void)turn(NULL);
    assert_non_null(strstr(peer.heard, "AT+CSIM=10,\"0070800100\" "));
    end(modem);
}

static void the_reset_ladder(void **state)
{
    static const struct {
        enum modem_reset_kind kind;
        enum error_code code;
        const char *heard;
    } rows[] = {
        { MODEM_RESET_NONE, ERROR_NOT_SWITCHED, "" },
        { MODEM_RESET_CFUN, ERROR_NOT_SWITCHED, "" },
        { MODEM_RESET_VENDOR, ERROR_NONE, "AT+CFUN=1,1 " },
        { MODEM_RESET_COMMAND, ERROR_NONE, "AT+MYRESET " },
        { MODEM_RESET_EXEC, ERROR_NOT_SWITCHED, "" }, /* the program fails */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct modem *modem = begin(rows[i].kind);

        assert_ok(modem_open(modem));
        peer.heard[0] = '\0';
        struct error e = modem_reset(modem);
        print_message("%s\n", e.message);
        assert_int_equal(e.code, rows[i].code);
        assert_string_equal(peer.heard, rows[i].heard);
        end(modem);
    }
}

static void a_radio_cycle_and_an_attach(void **state)
{
    struct modem *modem = begin(MODEM_RESET_CFUN);

    (void)state;
    assert_ok(modem_open(modem));
    peer.heard[0] = '\0';
    assert_ok(modem_cycle_radio(modem));
    assert_string_equal(peer.heard, "AT+CFUN=0 AT+CFUN=1 ");
    peer.heard[0] = '\0';
    peer.answers[EXTRA].line = "AT+COPS?";
    peer.answers[EXTRA].answer = "\r\n+COPS: 1,2,\"26201\",7\r\n\r\nOK\r\n";
    assert_ok(modem_after_switch(modem, clock_now_ms() + 10000));
    assert_string_equal(peer.heard, "AT+COPS? AT+COPS=0 ");
    peer.answers[EXTRA].answer = "\r\n+COPS: 0\r\n\r\nOK\r\n";
    peer.heard[0] = '\0';
    assert_ok(modem_after_switch(modem, clock_now_ms() + 10000));
    assert_ok(modem_attach(modem, clock_now_ms() + 10000));
    assert_string_equal(peer.heard, "AT+COPS? AT+CGATT=1 ");
    end(modem);
}

/* Both defined as "IP" with "iot" and without authentication where a row does not say else. */
static const struct {
    const char *what;
    struct modem_context now, want;
    /* What goes out; "": they do not differ. */
    const char *heard;
} contexts[] = {
// clang-format off
#define PLAIN .cid = 1, .pdp_type = "IP", .apn = "iot", .auth_known = true
#define USER .auth = MODEM_AUTH_PAP, .username = "user", .password = "secret"
    { "the same", { PLAIN }, { PLAIN }, "" },
    { "another case", { .cid = 1, .pdp_type = "ip", .apn = "IoT", .auth_known = true }, { PLAIN }, "" },
    { "the network's end", { .cid = 1, .pdp_type = "IP", .apn = "iot.mnc001.MCC262.gprs", .auth_known = true }, { PLAIN }, "" },
    { "another end", { .cid = 1, .pdp_type = "IP", .apn = "iot.mnc001.mcc26a.gprs", .auth_known = true }, { PLAIN }, "AT+CGDCONT=1,\"IP\",\"iot\" " },
    { "an end alone is an APN", { .cid = 1, .pdp_type = "IP", .apn = ".mnc001.mcc262.gprs", .auth_known = true }, { .cid = 1, .pdp_type = "IP", .auth_known = true }, "AT+CGDCONT=1,\"IP\",\"\" " },
    { "another APN", { .cid = 1, .pdp_type = "IP", .apn = "iot2", .auth_known = true }, { PLAIN }, "AT+CGDCONT=1,\"IP\",\"iot\" " },
    { "another type", { .cid = 1, .pdp_type = "IPV6", .apn = "iot", .auth_known = true }, { PLAIN }, "AT+CGDCONT=1,\"IP\",\"iot\" " },
    { "not defined yet", { .cid = 1, .auth_known = true }, { PLAIN, USER }, "AT+CGDCONT=1,\"IP\",\"iot\" AT+CGAUTH=1,1,\"user\",\"secret\" " },
    { "defined no more", { PLAIN, USER }, { .cid = 1, .auth_known = true }, "AT+CGAUTH=1,0 AT+CGDCONT=1 " },
    { "neither defined", { .cid = 1, .apn = "a", .auth_known = true }, { .cid = 1, .apn = "b", .auth_known = true }, "" },
    { "a user", { PLAIN }, { PLAIN, USER }, "AT+CGAUTH=1,1,\"user\",\"secret\" " },
    { "the same user", { PLAIN, USER }, { PLAIN, USER }, "" },
    { "another password", { PLAIN, .auth = MODEM_AUTH_PAP, .username = "user" }, { PLAIN, USER }, "AT+CGAUTH=1,1,\"user\",\"secret\" " },
    { "a user no more", { PLAIN, USER }, { PLAIN, .username = "left over" }, "AT+CGAUTH=1,0 " },
    { "what is not told is left alone", { .cid = 1, .pdp_type = "IP", .apn = "iot" }, { PLAIN }, "" },
    { "unless it is wanted", { .cid = 1, .pdp_type = "IP", .apn = "iot" }, { PLAIN, USER }, "AT+CGAUTH=1,1,\"user\",\"secret\" " },
#undef PLAIN
#undef USER
}; // clang-format on

static void a_context_is_written_where_it_differs(void **state)
{
    struct modem *modem = begin(MODEM_RESET_CFUN);

    (void)state;
    assert_ok(modem_open(modem));
    for (size_t i = 0; i < ARRAY_LEN(contexts); i++) {
        print_message("%s\n", contexts[i].what);
        peer.heard[0] = '\0';
        assert_ok(modem_write_context(modem, &contexts[i].now, &contexts[i].want));
        assert_string_equal(peer.heard, contexts[i].heard);
        assert_int_equal(modem_context_differs(&contexts[i].now, &contexts[i].want),
                         contexts[i].heard[0] != '\0');
    }
    const struct modem_context now = { .cid = 1 };
    const struct modem_context odd = {
        .cid = 1, .pdp_type = "IP", .auth = MODEM_AUTH_PAP, .password = "sec\"ret"
    };
    peer.heard[0] = '\0';
    struct error e = modem_write_context(modem, &now, &odd);
    assert_code(e, ERROR_INVALID_REQUEST);
    assert_null(strstr(e.message, "ret"));
    assert_string_equal(peer.heard, "");
    peer.answers[EXTRA].line = "AT+CGDCONT=1,\"IP\",\"iot\"";
    peer.answers[EXTRA].answer = "\r\n+CME ERROR: 3\r\n";
    assert_code(modem_write_context(modem, &now, &contexts[0].want), ERROR_CARD);
    end(modem);
}

static void a_context_is_read(void **state)
{
    struct modem *modem = begin(MODEM_RESET_CFUN);
    struct modem_context context = { .cid = 9, .apn = "as before" };

    (void)state;
    assert_ok(modem_open(modem));
    peer.answers[EXTRA].line = "AT+CGDCONT?";
    peer.answers[EXTRA].answer = "\r\n+CGDCONT: 1,\"IP\",\"one\",\"\",0,0\r\n"
                                 "+CGDCONT: 2,\"IPV6\",\"two\"\r\n\r\nOK\r\n";
    peer.answers[EXTRA + 1].line = "AT+CGAUTH?";
    peer.answers[EXTRA + 1].answer = "\r\n+CGAUTH: 1,0\r\n+CGAUTH: 2,2,\"u\",\"p\"\r\n\r\nOK\r\n";
    peer.heard[0] = '\0';
    assert_ok(modem_read_context(modem, 2, &context));
    assert_string_equal(peer.heard, "AT+CGDCONT? AT+CGAUTH? ");
    assert_int_equal(context.cid, 2);
    assert_string_equal(context.pdp_type, "IPV6");
    assert_string_equal(context.apn, "two");
    assert_true(context.auth_known);
    assert_int_equal(context.auth, MODEM_AUTH_CHAP);
    assert_string_equal(context.username, "u");
    assert_string_equal(context.password, "p");
    assert_ok(modem_read_context(modem, 3, &context));
    assert_string_equal(context.pdp_type, "");
    assert_true(context.auth_known);
    assert_int_equal(context.auth, MODEM_AUTH_NONE);
    peer.answers[EXTRA + 1].answer = "\r\n+CME ERROR: 4\r\n";
    assert_ok(modem_read_context(modem, 1, &context));
    assert_string_equal(context.apn, "one");
    assert_false(context.auth_known);
    peer.answers[EXTRA].answer = "\r\nERROR\r\n";
    assert_code(modem_read_context(modem, 2, &context), ERROR_CARD);
    assert_int_equal(context.cid, 1);
    end(modem);
}

/* `refused`: a line that gets +CME ERROR: 30. */
static const struct {
    const char *refused, *heard;
} attaches[] = {
    { "", "AT+CGATT=0 AT+CGATT=1 " },
    { "AT+CGATT=0", "AT+CGATT=0 AT+CFUN=0 AT+CFUN=1 " },
    { "AT+CGATT=1", "AT+CGATT=0 AT+CGATT=1 AT+CFUN=0 AT+CFUN=1 " },
};

static void an_attach_anew(void **state)
{
    struct modem *modem = begin(MODEM_RESET_CFUN);

    (void)state;
    assert_ok(modem_open(modem));
    peer.answers[EXTRA].answer = "\r\n+CME ERROR: 30\r\n";
    for (size_t i = 0; i < ARRAY_LEN(attaches); i++) {
        peer.heard[0] = '\0';
        peer.answers[EXTRA].line = attaches[i].refused;
        assert_ok(modem_attach_anew(modem, clock_now_ms() + 10000));
        assert_string_equal(peer.heard, attaches[i].heard);
    }
    /* Even where all of the time is over. */
    peer.heard[0] = '\0';
    peer.answers[EXTRA].line = "";
    assert_ok(modem_attach_anew(modem, clock_now_ms()));
    assert_string_equal(peer.heard, "AT+CGATT=1 ");
    end(modem);
}

/* The stop between the two: the modem does not stay detached. */
static void an_attach_goes_out_after_the_stop(void **state)
{
    struct modem *modem = begin(MODEM_RESET_CFUN);

    (void)state;
    assert_ok(modem_open(modem));
    peer.answers[EXTRA].line = "AT+CGATT=0";
    peer.answers[EXTRA].answer = "\r\nOK\r\n";
    peer.stop_at = "AT+CGATT=0";
    peer.successor_hears = "AT+CGATT=1\r";
    assert_ok(modem_attach_anew(modem, clock_now_ms() + 10000));
    int status = 1;
    assert_int_equal(waitpid(peer.successor, &status, 0), peer.successor);
    assert_int_equal(status, 0);
    assert_code(modem_attach_anew(modem, clock_now_ms() + 10000), ERROR_SHUTTING_DOWN);
    end(modem);
}

static void recovery_and_its_refusals(void **state)
{
    struct modem *modem = begin(MODEM_RESET_CFUN);

    (void)state;
    assert_ok(modem_open(modem));
    peer.answers[EXTRA].line = "AT+COPS?";
    peer.answers[EXTRA].answer = "\r\n+COPS: 1,2,\"26201\",7\r\n\r\nOK\r\n";
    peer.answers[EXTRA + 1].line = "AT+CGATT=1";
    peer.answers[EXTRA + 1].answer = "\r\n+CME ERROR: 30\r\n";
    peer.heard[0] = '\0';
    assert_ok(modem_recover(modem, clock_now_ms() + 10000));
    assert_string_equal(peer.heard, "AT+COPS? AT+COPS=0 AT+CGATT=1 ");
    peer.answers[EXTRA].answer = "\r\nERROR\r\n";
    peer.heard[0] = '\0';
    assert_ok(modem_recover(modem, clock_now_ms() + 10000));
    assert_string_equal(peer.heard, "AT+COPS? AT+CGATT=1 ");
    /* A modem that started over gets its settings first. */
    say("\r\nRDY\r\n");
    idle_for(modem, MODEM_EVENT_RESTARTED, 1);
    peer.heard[0] = '\0';
    assert_ok(modem_recover(modem, clock_now_ms() + 10000));
    assert_non_null(strstr(peer.heard, "AT+CMEE=1 "));
    peer.stop = true;
    assert_ok(modem_check_sim(modem)); /* on the wire when the stop came */
    assert_code(modem_recover(modem, clock_now_ms() + 10000), ERROR_SHUTTING_DOWN);
    end(modem);
}

static void commands_go_on_behind_a_refusal(void **state)
{
    static const char *const texts[] = { "AT+ONE", "AT+TWO=1", "AT+THREE", "AT+FOUR" };
    struct modem *modem = begin(MODEM_RESET_CFUN);

    (void)state;
    assert_ok(modem_open(modem));
    peer.heard[0] = '\0';
    assert_ok(modem_run_commands(modem, texts, 0));
    assert_ok(modem_run_commands(modem, texts, 2));
    assert_string_equal(peer.heard, "AT+ONE AT+TWO=1 ");
    peer.answers[EXTRA].line = "AT+TWO=1";
    peer.answers[EXTRA].answer = "\r\n+CME ERROR: 3\r\n";
    peer.answers[EXTRA + 1].line = "AT+THREE";
    peer.answers[EXTRA + 1].answer = "\r\nERROR\r\n";
    peer.heard[0] = '\0';
    struct error e = modem_run_commands(modem, texts, ARRAY_LEN(texts));
    assert_code(e, ERROR_CARD);
    assert_int_equal(e.detail, 3);
    assert_non_null(strstr(e.message, "AT+TWO"));
    assert_string_equal(peer.heard, "AT+ONE AT+TWO=1 AT+THREE AT+FOUR ");
    (void)close(peer.master);
    peer.master = -1;
    assert_code(modem_run_commands(modem, texts, ARRAY_LEN(texts)), ERROR_MODEM_ABSENT);
    end(modem);
}

/* Nothing is known of the radio then, and the rest works. */
static void a_radio_that_is_not_told_of(void **state)
{
    static const char *const answers[] = { "\r\nOK\r\n", "\r\n+CFUN:\r\n\r\nOK\r\n",
                                           "\r\nERROR\r\n" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct modem *modem = begin(MODEM_RESET_CFUN);

        peer.answers[CFUN].answer = answers[i];
        assert_ok(modem_open(modem));
        assert_null(strstr(peer.heard, "AT+CFUN=1"));
        say("\r\nRDY\r\n");
        idle_for(modem, MODEM_EVENT_RESTARTED, 1);
        assert_ok(modem_check_sim(modem));
        end(modem);
    }
}

/* One of modem.init, "AT+LAST" behind it; what is heard of the two. `answer` NULL: none, within 30 s
 * more than such a command gets. */
static const struct {
    const char *what, *text, *answer;
    int takes_s;
    bool dies;
    const char *heard;
    enum error_code code;
} slow_inits[] = {
    // clang-format off
    { "the radio is slow", "AT+CFUN=1", "\r\nOK\r\n", 170, false, "AT+CFUN=1 AT+LAST ", ERROR_NONE },
    { "the network is slow", "AT+COPS=0", "\r\nOK\r\n", 170, false, "AT+COPS=0 AT+LAST ", ERROR_NONE },
    { "slow to refuse", "AT+CGATT=1", "\r\n+CME ERROR: 30\r\n", 170, false, "AT+CGATT=1 AT+LAST ", ERROR_NONE },
    { "a context is slow", "AT+CGACT=1,1", "\r\nOK\r\n", 140, false, "AT+CGACT=1,1 AT+LAST ", ERROR_NONE },
    { "too slow, and not said twice", "AT+COPS=0", NULL, 190, false, "AT+COPS=0 AT+LAST ", ERROR_NONE },
    { "never again", "AT+COPS=0", NULL, 190, true, "AT+COPS=0 ", ERROR_MODEM_ABSENT },
    { "a plain one is said twice", "AT+COPS=3,0", NULL, 10, false, "AT+COPS=3,0 AT+COPS=3,0 ", ERROR_MODEM_ABSENT },
}; // clang-format on

static void init_commands_get_their_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(slow_inits); i++) {
        const char *const init[] = { slow_inits[i].text, "AT+LAST" };
        struct modem *modem = begin_with(MODEM_RESET_NONE, init, ARRAY_LEN(init));

        print_message("%s\n", slow_inits[i].what);
        peer.answers[EXTRA].line = slow_inits[i].text;
        peer.answers[EXTRA].answer = slow_inits[i].answer;
        peer.answers[EXTRA].takes_s = slow_inits[i].takes_s;
        peer.dies = slow_inits[i].dies;
        assert_code(modem_open(modem), slow_inits[i].code);
        assert_string_equal(strstr(peer.heard, slow_inits[i].text), slow_inits[i].heard);
        end(modem);
    }
}

/* The same of a profile's, of which one that is not answered ends it. */
static void commands_get_their_time(void **state)
{
    static const char *const texts[] = { "AT+COPS=0", "AT+ONE", "AT+TWO" };
    struct modem *modem = begin(MODEM_RESET_CFUN);

    (void)state;
    assert_ok(modem_open(modem));
    peer.answers[EXTRA].line = "AT+COPS=0";
    peer.answers[EXTRA].answer = "\r\nOK\r\n";
    peer.answers[EXTRA].takes_s = 170;
    peer.answers[EXTRA + 1].line = "AT+ONE";
    peer.answers[EXTRA + 1].takes_s = 10;
    peer.heard[0] = '\0';
    assert_code(modem_run_commands(modem, texts, ARRAY_LEN(texts)), ERROR_MODEM_TIMEOUT);
    assert_string_equal(peer.heard, "AT+COPS=0 AT+ONE ");
    end(modem);
}

/* A refusal of AT+CFUN=1 is never the last word. */
static void a_radio_is_owed_until_it_is_on(void **state)
{
    static const char refusal[] = "\r\n+CME ERROR: 14\r\n", off[] = "\r\n+CFUN: 4\r\n\r\nOK\r\n";
    struct modem *modem = begin(MODEM_RESET_CFUN);

    (void)state;
    peer.answers[CFUN].answer = off;
    peer.answers[EXTRA].line = "AT+CFUN=1";
    peer.answers[EXTRA].answer = refusal;
    peer.answers[EXTRA].times = 1;
    assert_ok(modem_open(modem));
    assert_non_null(strstr(peer.heard, "AT+CFUN? AT+CFUN=1 AT+CFUN? AT+CPIN? "));
    peer.heard[0] = '\0';
    assert_ok(modem_attach(modem, clock_now_ms() + 10000));
    assert_ok(modem_attach(modem, clock_now_ms() + 10000));
    assert_string_equal(peer.heard, "AT+CFUN=1 AT+CGATT=1 AT+CGATT=1 ");

    peer.heard[0] = '\0';
    peer.answers[EXTRA].said = 0;
    assert_ok(modem_cycle_radio(modem));
    assert_string_equal(peer.heard, "AT+CFUN=0 AT+CFUN=1 AT+CFUN? AT+CFUN=1 ");

    /* Refused, and on all the same. */
    peer.heard[0] = '\0';
    peer.answers[EXTRA].said = 0;
    peer.answers[CFUN].answer = "\r\n+CFUN: 1\r\n\r\nOK\r\n";
    assert_ok(modem_cycle_radio(modem));
    assert_ok(modem_check_sim(modem));
    assert_string_equal(peer.heard, "AT+CFUN=0 AT+CFUN=1 AT+CFUN? AT+CPIN? ");

    /* The stop in the middle: once more, and that is all. */
    peer.heard[0] = '\0';
    peer.answers[CFUN].answer = off;
    peer.answers[EXTRA].said = 0;
    peer.stop_at = "AT+CFUN?";
    peer.successor_hears = "AT+CFUN=1\r";
    assert_ok(modem_cycle_radio(modem));
    int status = 1;
    assert_int_equal(waitpid(peer.successor, &status, 0), peer.successor);
    assert_int_equal(status, 0);
    assert_string_equal(peer.heard, "AT+CFUN=0 AT+CFUN=1 AT+CFUN? ");
    end(modem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_up_says_all_that_is_wanted),
        cmocka_unit_test(a_radio_left_off_and_a_locked_card),
        cmocka_unit_test(lines_unasked_become_events),
        cmocka_unit_test(a_restart_in_silence_is_told_by_the_echo),
        cmocka_unit_test(a_hang_up_is_told_at_once),
        cmocka_unit_test(after_the_stop_nothing_begins),
        cmocka_unit_test(the_reset_ladder),
        cmocka_unit_test(a_radio_cycle_and_an_attach),
        cmocka_unit_test(a_context_is_written_where_it_differs),
        cmocka_unit_test(a_context_is_read),
        cmocka_unit_test(an_attach_anew),
        cmocka_unit_test(an_attach_goes_out_after_the_stop),
        cmocka_unit_test(recovery_and_its_refusals),
        cmocka_unit_test(commands_go_on_behind_a_refusal),
        cmocka_unit_test(a_radio_that_is_not_told_of),
        cmocka_unit_test(init_commands_get_their_time),
        cmocka_unit_test(commands_get_their_time),
        cmocka_unit_test(a_radio_is_owed_until_it_is_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
