#include "agent/modem/cgla.h"
#include "agent/modem/csim.h"
#include "agent/modem/transport_chat.h"

#include "agent/base/hex.h"
#include "tests/test.h"
#include "tests/unit/scripted_modem.h"

static struct scripted_modem modem;
static struct chat chat;

static void begin(const struct scripted_step *steps, size_t count)
{
    memset(&chat, 0, sizeof chat);
    scripted_init(&modem, steps, count);
    chat_init(&chat, &scripted_ops, &modem);
    chat.out_of_step = false;
    chat.owed = 0;
}

static struct error transmit(struct transport *t, const char *apdu, struct transport_answer *ret)
{
    uint8_t bytes[TRANSPORT_COMMAND_MAX + 1];
    size_t n = 0;

    assert_true(hex_to_bytes(apdu, strlen(apdu), bytes, sizeof bytes, &n));
    return t->ops->transmit(t, bytes, n, modem.now_ms + 10000, ret);
}

static const struct {
    const char *what;
    struct scripted_step steps[2];
    size_t count;
    const char *apdu, *answer;
    enum error_code code;
} csim_rows[] = {
    // clang-format off
    { "quotes", { { "AT+CSIM=10,\"0070000001\"", "\r\n+CSIM: 6,\"019000\"\r\nOK\r\n" } }, 1, "0070000001", "019000", ERROR_NONE },
    { "no quotes", { { "AT+CSIM=10,\"0070000001\"", "\r\n+CSIM: 6,019000\r\nOK\r\n" } }, 1, "0070000001", "019000", ERROR_NONE },
    { "no prefix", { { "AT+CSIM=10,\"0070000001\"", "\r\n6,\"019000\"\r\nOK\r\n" } }, 1, "0070000001", "019000", ERROR_NONE },
    { "upper case out, any in", { { "AT+CSIM=10,\"00C000000A\"", "\r\n+CSIM: 6,\"ab9000\"\r\nOK\r\n" } }, 1, "00c000000a", "AB9000", ERROR_NONE },
    { "a wrong length, read again", { { "AT+CSIM=10,\"81180000FF\"", "\r\n+CSIM: 4,\"019000\"\r\nOK\r\n" },
                                      { "AT+CSIM=10,\"81180000FF\"", "\r\n+CSIM: 6,\"019000\"\r\nOK\r\n" } }, 2, "81180000FF", "019000", ERROR_NONE },
    { "a wrong length, ENABLE never again", { { "AT+CSIM=10,\"8101000000\"", "\r\n+CSIM: 4,\"019000\"\r\nOK\r\n" } }, 1, "8101000000", NULL, ERROR_MODEM_TIMEOUT },
    { "the command before's answer", { { "AT+CSIM=10,\"8101000000\"", "\r\n+CSQ: 1,1\r\nOK\r\n" } }, 1, "8101000000", NULL, ERROR_MODEM_TIMEOUT },
    { "ERROR", { { "AT+CSIM=10,\"0070000001\"", "\r\nERROR\r\n" } }, 1, "0070000001", NULL, ERROR_CARD },
    { "busy", { { "AT+CSIM=10,\"0070000001\"", "\r\n+CME ERROR: SIM busy\r\n" } }, 1, "0070000001", NULL, ERROR_CARD_BUSY },
}; // clang-format on

static void by_csim(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(csim_rows); i++) {
        struct transport_answer answer = { 0 };
        struct csim csim = { 0 };
        char hex[2 * TRANSPORT_ANSWER_MAX + 1];

        begin(csim_rows[i].steps, csim_rows[i].count);
        csim_init(&csim, &chat);
        struct error e = transmit(&csim.transport, csim_rows[i].apdu, &answer);
        print_message("%s: %s\n", csim_rows[i].what, e.message);
        assert_int_equal(e.code, csim_rows[i].code);
        scripted_done(&modem);
        if (e.code)
            continue;
        hex_from_bytes(answer.data, answer.len, hex);
        (void)snprintf(hex + 2 * answer.len, 5, "%04X", (unsigned)answer.sw);
        assert_string_equal(hex, csim_rows[i].answer);
    }
}

/* A modem that sends GET RESPONSE itself brings all at once: a list of seven profiles, and as much as a
 * line holds. */
static void what_the_modem_collected(void **state)
{
    static const size_t sizes[] = { 258, 275, TRANSPORT_ANSWER_MAX };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        static char line[AT_LINE_MAX + 16];
        const struct scripted_step steps[] = { { "AT+CSIM=10,\"81180000FF\"", line } };
        static struct transport_answer answer;
        struct csim csim = { 0 };

        int at = snprintf(line, sizeof line, "\r\n+CSIM: %zu,\"", 2 * sizes[i]);
        memset(line + at, 'E', 2 * sizes[i] - 4);
        (void)snprintf(line + at + 2 * sizes[i] - 4, 16, "9000\"\r\nOK\r\n");
        begin(steps, 1);
        csim_init(&csim, &chat);
        assert_ok(transmit(&csim.transport, "81180000FF", &answer));
        assert_int_equal(answer.len, sizes[i] - 2);
        assert_int_equal(answer.data[answer.len - 1], 0xEE);
        assert_int_equal(answer.sw, 0x9000);
        scripted_done(&modem);
    }
}

static void what_may_be_asked_twice(void **state)
{
    static const struct {
        const char *apdu;
        bool read, close;
    } rows[] = {
        { "81160000", true, false },    { "81180000FF", true, false },
        { "01A40400", true, false },    { "C0180000FF", true, false },
        { "81010000", false, false },   { "81E29100", false, false },
        { "01C00000", false, false },   { "00700000", false, false },
        { "0070800100", false, true },  { "8170800100", false, true },
        { "0116000012", false, false }, { "0180", false, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t apdu[8];
        size_t n = 0;

        assert_true(hex_to_bytes(rows[i].apdu, strlen(rows[i].apdu), apdu, sizeof apdu, &n));
        assert_int_equal(transport_is_pure_read(apdu, n), rows[i].read);
        assert_int_equal(transport_is_close(apdu, n), rows[i].close);
    }
}

static const char ccho[] = "AT+CCHO=\"A000000815030040030902231003\"";

static struct error open_applet(struct cgla *cgla, unsigned *ret_channel)
{
    static const struct aid aid = {
        14, { 0xA0, 0x00, 0x00, 0x08, 0x15, 0x03, 0x00, 0x40, 0x03, 0x09, 0x02, 0x23, 0x10, 0x03 }
    };

    return cgla->transport.ops->open(&cgla->transport, &aid, modem.now_ms + 10000, ret_channel);
}

static struct error close_applet(struct cgla *cgla)
{
    return cgla->transport.ops->close(&cgla->transport, modem.now_ms + 30000);
}

static void sessions_of_all_kinds(void **state)
{
    static const struct {
        const char *answer, *cgla, *cchc;
        unsigned channel;
    } rows[] = {
        { "\r\n+CCHO: 1\r\nOK\r\n", "AT+CGLA=1,10,\"8116000012\"", "AT+CCHC=1", 1 },
        { "\r\n2\r\nOK\r\n", "AT+CGLA=2,10,\"8116000012\"", "AT+CCHC=2", 2 },
        { "\r\nOK\r\n3\r\n", "AT+CGLA=3,10,\"8116000012\"", "AT+CCHC=3", 3 },
        { "\r\n+CCHO: 000000000385a7cf\r\nOK\r\n", "AT+CGLA=000000000385a7cf,10,\"8116000012\"",
          "AT+CCHC=000000000385a7cf", 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct scripted_step steps[] = { { ccho, rows[i].answer },
                                               { rows[i].cgla, "\r\n4,9000\r\nOK\r\n" },
                                               { rows[i].cchc, "\r\nOK\r\n" } };
        struct transport_answer answer;
        struct cgla cgla = { 0 };
        unsigned channel = 99;

        begin(steps, ARRAY_LEN(steps));
        cgla_init(&cgla, &chat);
        assert_ok(open_applet(&cgla, &channel));
        assert_int_equal(channel, rows[i].channel);
        assert_ok(transmit(&cgla.transport, "8116000012", &answer));
        assert_int_equal(answer.sw, 0x9000);
        assert_ok(close_applet(&cgla));
        assert_ok(close_applet(&cgla)); /* closed already: nothing goes out */
        assert_code(transmit(&cgla.transport, "8116000012", &answer), ERROR_CARD);
        scripted_done(&modem);
    }
}

static void a_modem_without_cchc(void **state)
{
    static const struct scripted_step steps[] = {
        { ccho, "\r\n+CCHO: 1\r\nOK\r\n" },
        { "AT+CCHC=1", "\r\nERROR\r\n" },
        { "AT+CGLA=1,10,\"0070800100\"", "\r\n+CGLA: 4,\"9000\"\r\nOK\r\n" },
        { ccho, "\r\n+CCHO: 1\r\nOK\r\n" },
        { "AT+CCHC=1", "\r\nERROR\r\n" },
        { "AT+CGLA=1,10,\"0070800100\"", "\r\n+CGLA: 4,\"9000\"\r\nOK\r\n" },
        { ccho, "\r\n+CCHO: 1\r\nOK\r\n" },
        { "AT+CGLA=1,10,\"0070800100\"", "\r\n+CGLA: 4,\"9000\"\r\nOK\r\n" },
        { ccho, "\r\n+CCHO: 0000000000000001\r\nOK\r\n" },
    };
    struct cgla cgla = { 0 };
    unsigned channel = 0;

    (void)state;
    begin(steps, ARRAY_LEN(steps));
    cgla_init(&cgla, &chat);
    for (int i = 0; i < 3; i++) {
        assert_ok(open_applet(&cgla, &channel));
        assert_ok(close_applet(&cgla));
    }
    assert_ok(open_applet(&cgla, &channel));
    assert_code(close_applet(&cgla), ERROR_CARD); /* and nobody can */
    assert_ok(close_applet(&cgla));
    scripted_done(&modem);
}

static void a_session_that_a_reset_took_is_no_missing_command(void **state)
{
    static const struct scripted_step steps[] = {
        { ccho, "\r\n+CCHO: 1\r\nOK\r\n" },
        { "AT+CCHC=1", "\r\nOK\r\n" },
        { ccho, "\r\n+CCHO: 1\r\nOK\r\n" },
        { "AT+CCHC=1", "\r\nERROR\r\n" },
        { "AT+CGLA=1,10,\"0070800100\"", "\r\nERROR\r\n" },
        { ccho, "\r\n+CCHO: 1\r\nOK\r\n" },
        { "AT+CCHC=1", "\r\n+CME ERROR: 3\r\n" },
        { "AT+CGLA=1,10,\"0070800100\"", "\r\nERROR\r\n" },
        { ccho, "\r\n+CCHO: 1\r\nOK\r\n" },
        { "AT+CCHC=1", "\r\nOK\r\n" },
    };
    struct cgla cgla = { 0 };
    unsigned channel = 0;

    (void)state;
    begin(steps, ARRAY_LEN(steps));
    cgla_init(&cgla, &chat);
    for (int i = 0; i < 4; i++) {
        assert_ok(open_applet(&cgla, &channel));
        assert_code(close_applet(&cgla), i == 1 || i == 2 ? ERROR_CARD : ERROR_NONE);
    }
    scripted_done(&modem);
}

static void our_own_session_is_closed_before_the_next(void **state)
{
    static const struct scripted_step steps[] = {
        { ccho, "\r\n+CCHO: 1\r\nOK\r\n" },
        { "AT+CCHC=1", NULL }, /* no answer: it may be open still */
        { "AT+CCHC=1", "\r\nOK\r\n" },
        { ccho, "\r\n+CCHO: 1\r\nOK\r\n" },
    };
    struct cgla cgla = { 0 };
    unsigned channel = 0;

    (void)state;
    begin(steps, ARRAY_LEN(steps));
    cgla_init(&cgla, &chat);
    assert_ok(open_applet(&cgla, &channel));
    assert_code(close_applet(&cgla), ERROR_MODEM_TIMEOUT);
    assert_ok(open_applet(&cgla, &channel));
    scripted_done(&modem);
}

/* ERROR_NONE only where the session or its channel is closed. */
static void closing_tells_the_truth(void **state)
{
    static const struct {
        const char *cchc, *apdu;
        enum error_code code;
        bool again; /* the session is kept, and closed before the next */
    } rows[] = {
        { "\r\nOK\r\n", NULL, ERROR_NONE, false },
        { "\r\n+CME ERROR: 14\r\n", NULL, ERROR_CARD_BUSY, true },
        { "\r\n+CME ERROR: 100\r\n", NULL, ERROR_CARD_BUSY, true },
        { "\r\n+CME ERROR: 50\r\n", NULL, ERROR_CARD, false },
        { "\r\n+CME ERROR: 10\r\n", NULL, ERROR_CARD_ABSENT, false },
        { "\r\nERROR\r\n", "\r\n+CGLA: 4,\"9000\"\r\nOK\r\n", ERROR_NONE, false },
        { "\r\nERROR\r\n", "\r\n+CGLA: 4,\"910B\"\r\nOK\r\n", ERROR_NONE, false },
        { "\r\nERROR\r\n", "\r\n+CGLA: 4,\"6881\"\r\nOK\r\n", ERROR_NONE, false },
        { "\r\nERROR\r\n", "\r\n+CGLA: 4,\"6A86\"\r\nOK\r\n", ERROR_CARD, false },
        { "\r\nERROR\r\n", "\r\n+CGLA: 4,\"9300\"\r\nOK\r\n", ERROR_CARD, false },
        { "\r\nERROR\r\n", "\r\nERROR\r\n", ERROR_CARD, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scripted_step steps[4] = { { ccho, "\r\n+CCHO: 1\r\nOK\r\n" },
                                          { "AT+CCHC=1", rows[i].cchc } };
        size_t count = 2;
        struct cgla cgla = { 0 };
        unsigned channel = 0;

        if (rows[i].apdu)
            steps[count++] = (struct scripted_step){ "AT+CGLA=1,10,\"0070800100\"", rows[i].apdu };
        if (rows[i].again)
            steps[count++] = (struct scripted_step){ "AT+CCHC=1", "\r\nOK\r\n" };
        print_message("%s\n", rows[i].apdu ? rows[i].apdu : rows[i].cchc);
        begin(steps, count);
        cgla_init(&cgla, &chat);
        assert_ok(open_applet(&cgla, &channel));
        assert_code(close_applet(&cgla), rows[i].code);
        assert_ok(close_applet(&cgla));
        scripted_done(&modem);
    }
}

static void sessions_of_others_are_closed_when_asked_to(void **state)
{
    static const struct scripted_step steps[] = {
        { "AT+CCHC=1", "\r\nOK\r\n" },
        { "AT+CCHC=2", "\r\nERROR\r\n" },
        { "AT+CCHC=3", "\r\n+CME ERROR: 100\r\n" },
        { "AT+CCHC=1", NULL },
    };
    struct cgla cgla = { 0 };

    (void)state;
    begin(steps, ARRAY_LEN(steps));
    cgla_init(&cgla, &chat);
    assert_ok(cgla.transport.ops->clear(&cgla.transport, modem.now_ms + 30000));
    assert_code(cgla.transport.ops->clear(&cgla.transport, modem.now_ms + 30000),
                ERROR_MODEM_TIMEOUT);
    scripted_done(&modem);
}

static void refusals_of_ccho(void **state)
{
    static const struct {
        const char *answer;
        enum error_code code;
        int detail;
    } rows[] = {
        { "\r\nERROR\r\n", ERROR_CARD, ERROR_FINAL_ERROR },
        { "\r\n+CME ERROR: 100\r\n", ERROR_CARD_BUSY, 100 },
        { "\r\n+CME ERROR: 4\r\n", ERROR_CARD, 4 },
        { "\r\n+CME ERROR: 10\r\n", ERROR_CARD_ABSENT, 10 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct scripted_step steps[] = { { ccho, rows[i].answer } };
        struct cgla cgla = { 0 };
        unsigned channel = 99;

        begin(steps, 1);
        cgla_init(&cgla, &chat);
        struct error e = open_applet(&cgla, &channel);
        assert_int_equal(e.code, rows[i].code);
        assert_int_equal(e.domain, ERROR_IN_MODEM);
        assert_int_equal(e.detail, rows[i].detail);
        assert_int_equal(channel, 99);
        assert_ok(close_applet(&cgla));
        scripted_done(&modem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_csim),
        cmocka_unit_test(what_the_modem_collected),
        cmocka_unit_test(what_may_be_asked_twice),
        cmocka_unit_test(sessions_of_all_kinds),
        cmocka_unit_test(a_modem_without_cchc),
        cmocka_unit_test(a_session_that_a_reset_took_is_no_missing_command),
        cmocka_unit_test(our_own_session_is_closed_before_the_next),
        cmocka_unit_test(closing_tells_the_truth),
        cmocka_unit_test(sessions_of_others_are_closed_when_asked_to),
        cmocka_unit_test(refusals_of_ccho),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
