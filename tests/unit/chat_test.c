#include "agent/modem/chat.h"

#include "agent/base/clock.h"
#include "agent/modem/at_network.h"
#include "tests/test.h"
#include "tests/unit/scripted_modem.h"

static struct scripted_modem modem;
static struct chat chat;

/* A dialogue in step, ATE0 through. */
static void begin(const struct scripted_step *steps, size_t count)
{
    memset(&chat, 0, sizeof chat);
    scripted_init(&modem, steps, count);
    chat_init(&chat, &scripted_ops, &modem);
    chat.out_of_step = false;
    chat.owed = 0;
    chat.echo_off = true;
}

static struct error run(struct chat_command command, const struct chat_answer **ret)
{
    if (command.deadline_ms == 0)
        command.deadline_ms = modem.now_ms + 5000;
    return chat_run(&chat, &command, ret);
}

static struct error ask_csq(const struct chat_answer **ret)
{
    return run((struct chat_command){ .text = "AT+CSQ", .prefix = "+CSQ", .needs_line = true },
               ret);
}

/* One exchange a row; `line` NULL: it fails with `code`. */
static const struct {
    const char *what;
    struct scripted_step step;
    const char *line;
    enum error_code code;
    size_t unsolicited;
} exchanges[] = {
    // clang-format off
    { "plain", { "AT+CSQ", "\r\n+CSQ: 20,99\r\n\r\nOK\r\n" }, "+CSQ: 20,99", ERROR_NONE, 0 },
    { "byte by byte", { "AT+CSQ", "\r\n+CSQ: 20,99\r\n\r\nOK\r\n", .split = true }, "+CSQ: 20,99", ERROR_NONE, 0 },
    { "unsolicited before", { "AT+CSQ", "\r\n+CREG: 1\r\n+CSQ: 20,99\r\nOK\r\n" }, "+CSQ: 20,99", ERROR_NONE, 1 },
    { "unsolicited between", { "AT+CSQ", "\r\n+CSQ: 20,99\r\n+CREG: 1\r\nRING\r\nOK\r\n" }, "+CSQ: 20,99", ERROR_NONE, 2 },
    { "unsolicited behind", { "AT+CSQ", "\r\n+CSQ: 20,99\r\nOK\r\n+CSQ: 1,1\r\n" }, "+CSQ: 20,99", ERROR_NONE, 1 },
    { "OK before the data", { "AT+CSQ", "\r\nOK\r\n\r\n+CSQ: 20,99\r\n" }, "+CSQ: 20,99", ERROR_NONE, 0 },
    { "garbage between", { "AT+CSQ", "\xFF\xFE\r\n+CSQ: 20,99\r\n\x01\x02\r\nOK\r\n" }, "+CSQ: 20,99", ERROR_NONE, 0 },
    { "an echo", { "AT+CSQ", "AT+CSQ\r\r\n+CSQ: 20,99\r\nOK\r\n" }, "+CSQ: 20,99", ERROR_NONE, 0 },
    { "refused", { "AT+CSQ", "\r\nERROR\r\n" }, NULL, ERROR_CARD, 0 },
    { "SIM busy", { "AT+CSQ", "\r\n+CME ERROR: 14\r\n" }, NULL, ERROR_CARD_BUSY, 0 },
    { "aborted", { "AT+CSQ", "\r\nABORTED\r\n" }, NULL, ERROR_CARD, 0 },
    { "OK alone", { "AT+CSQ", "\r\nOK\r\n" }, NULL, ERROR_MODEM_TIMEOUT, 0 },
    { "another's answer", { "AT+CSQ", "\r\n+CPIN: READY\r\nOK\r\n" }, NULL, ERROR_MODEM_TIMEOUT, 1 },
    { "nothing", { "AT+CSQ", NULL }, NULL, ERROR_MODEM_TIMEOUT, 0 },
    { "no final line", { "AT+CSQ", "\r\n+CSQ: 20,99\r\n" }, NULL, ERROR_MODEM_TIMEOUT, 0 },
    { "the port goes", { "AT+CSQ", NULL, .drop = true }, NULL, ERROR_MODEM_ABSENT, 0 },
}; // clang-format on

static void one_command_one_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(exchanges); i++) {
        const struct chat_answer *answer = NULL;

        begin(&exchanges[i].step, 1);
        struct error e = ask_csq(&answer);
        print_message("%s: %s %s\n", exchanges[i].what, error_code_name(e.code), e.message);
        assert_int_equal(e.code, exchanges[i].code);
        if (exchanges[i].line) {
            assert_int_equal(answer->count, 1);
            assert_string_equal(answer->lines[0], exchanges[i].line);
        }
        assert_int_equal(modem.unsolicited_count, exchanges[i].unsolicited);
        assert_int_equal(chat.broken, exchanges[i].step.drop);
        assert_int_equal(modem.broken, exchanges[i].step.drop);
        scripted_done(&modem);
    }
}

static const char next_answer[] = "\r\n+CSQ: 7,7\r\nOK\r\n";

/* What may still come for the command that was given up; the next one gets its own answer. */
static const struct {
    const char *what, *late;
    int late_ms;
} late_answers[] = {
    // clang-format off
    { "never", NULL, 0 },
    { "while quiet is waited for", "\r\n+CSQ: 1,1\r\nOK\r\n", 5050 },
    { "in two halves around the first AT", "\r\n+CSQ: 1,1\r\n", 5190 },
    { "in place of the first AT's OK", "\r\n+CSQ: 1,1\r\nOK\r\n", 5201 },
    { "between AT and AT", "\r\n+CSQ: 1,1\r\nOK\r\n", 5300 },
    { "an error", "\r\n+CME ERROR: 100\r\n", 5201 },
    { "after the second AT", "\r\n+CSQ: 1,1\r\nOK\r\n", 5403 },
}; // clang-format on

static void a_late_answer_is_never_the_next_ones(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(late_answers); i++) {
        const struct scripted_step steps[] = { { "AT+CSQ", NULL }, { "AT+CSQ", next_answer } };
        const struct chat_answer *answer = NULL;

        print_message("%s\n", late_answers[i].what);
        begin(steps, ARRAY_LEN(steps));
        if (late_answers[i].late)
            scripted_say(&modem, modem.now_ms + late_answers[i].late_ms, late_answers[i].late);
        assert_code(ask_csq(NULL), ERROR_MODEM_TIMEOUT);
        assert_true(chat.out_of_step);
        assert_ok(ask_csq(&answer));
        assert_string_equal(answer->lines[0], "+CSQ: 7,7");
        assert_true(modem.ats >= 1);
        assert_int_equal(chat.counters.timeouts, 1);
        assert_int_equal(chat.counters.resyncs, 1);
        assert_false(chat.out_of_step);
        scripted_done(&modem);
    }
}

/* Each command ends in one way, and is counted under that. */
static const struct {
    struct scripted_step step;
    enum traffic_result result;
} results[] = {
    { { "AT+CSQ", next_answer }, TRAFFIC_OK },
    { { "AT+CSQ", "\r\nERROR\r\n" }, TRAFFIC_ERROR },
    { { "AT+CSQ", "\r\n+CME ERROR: 14\r\n" }, TRAFFIC_CME },
    { { "AT+CSQ", "\r\n+CMS ERROR: 500\r\n" }, TRAFFIC_CMS },
    { { "AT+CSQ", "\r\nNO CARRIER\r\n" }, TRAFFIC_NO_CARRIER },
    { { "AT+CSQ", "\r\nABORTED\r\n" }, TRAFFIC_ABORTED },
    { { "AT+CSQ", "\r\nBUSY\r\n" }, TRAFFIC_BUSY },
    { { "AT+CSQ", "\r\nOK\r\n" }, TRAFFIC_MISFIT },
    { { "AT+CSQ", NULL }, TRAFFIC_TIMEOUT },
    { { "AT+CSQ", NULL, .drop = true }, TRAFFIC_GONE },
};

static void ends_are_counted(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(results); i++) {
        print_message("%s\n", traffic_result_name(results[i].result));
        begin(&results[i].step, 1);
        struct error ignored = ask_csq(NULL);
        (void)ignored;
        for (size_t k = 0; k < TRAFFIC_RESULTS; k++)
            assert_int_equal(chat.counters.results[TRAFFIC_CSQ][k], k == results[i].result);
        scripted_done(&modem);
    }
}

static void a_modem_that_stays_silent_is_given_up(void **state)
{
    const struct scripted_step steps[] = { { "AT+CSQ", NULL } };

    (void)state;
    begin(steps, ARRAY_LEN(steps));
    assert_code(ask_csq(NULL), ERROR_MODEM_TIMEOUT);
    modem.deaf = 100;
    assert_code(ask_csq(NULL), ERROR_MODEM_ABSENT);
    assert_int_equal(modem.deaf, 100 - CHAT_SYNC_FAILURES);
    assert_int_equal(modem.broken, 1);
    assert_code(ask_csq(NULL), ERROR_MODEM_ABSENT);
    assert_int_equal(modem.broken, 1);
    scripted_done(&modem);
}

static void a_modem_wakes_up_late(void **state)
{
    (void)state;
    for (int deaf = 0; deaf < 8; deaf++) {
        begin(NULL, 0);
        chat_init(&chat, &scripted_ops, &modem);
        modem.deaf = deaf;
        assert_code(chat_wake(&chat, 6, 1000), deaf < 6 ? ERROR_NONE : ERROR_MODEM_ABSENT);
        scripted_done(&modem);
    }
}

static void a_storm_does_not_keep_us_from_step(void **state)
{
    const struct scripted_step steps[] = { { "AT+CSQ", NULL }, { "AT+CSQ", next_answer } };

    (void)state;
    begin(steps, ARRAY_LEN(steps));
    for (int i = 0; i < 12; i++)
        scripted_say(&modem, modem.now_ms + 4900 + i * 100, "\r\n+CREG: 1\r\n");
    assert_code(ask_csq(NULL), ERROR_MODEM_TIMEOUT);
    assert_ok(ask_csq(NULL));
    scripted_done(&modem);
}

static void a_misfit_is_asked_again_only_where_that_is_safe(void **state)
{
    static const struct scripted_step steps[] = { { "AT+CSQ", "\r\nOK\r\n" },
                                                  { "AT+CSQ", next_answer } };
    const struct chat_answer *answer = NULL;
    struct chat_command command = {
        .text = "AT+CSQ", .prefix = "+CSQ", .needs_line = true, .repeatable = true
    };

    (void)state;
    begin(steps, 2);
    assert_ok(run(command, &answer));
    assert_string_equal(answer->lines[0], "+CSQ: 7,7");
    assert_int_equal(chat.counters.mismatched, 1);
    scripted_done(&modem);

    command.repeatable = false;
    begin(steps, 1);
    assert_code(run(command, NULL), ERROR_MODEM_TIMEOUT);
    assert_true(chat.out_of_step);
    scripted_done(&modem);
}

static enum chat_match match_creg(const char *line)
{
    struct at_registration one;

    if (!at_registration_parse(line, "+CREG", &one))
        return CHAT_APART;
    return one.unsolicited ? CHAT_APART : CHAT_TAKE;
}

static void the_same_prefix_unasked_is_no_answer(void **state)
{
    static const struct scripted_step steps[] = {
        { "AT+CREG?", "\r\n+CREG: 1\r\n+CREG: 2,5\r\n+CREG: 1,\"1A2B\"\r\nOK\r\n" }
    };
    const struct chat_answer *answer = NULL;

    (void)state;
    begin(steps, 1);
    assert_ok(
        run((struct chat_command){ .text = "AT+CREG?", .match = match_creg, .needs_line = true },
            &answer));
    assert_int_equal(answer->count, 1);
    assert_string_equal(answer->lines[0], "+CREG: 2,5");
    assert_int_equal(modem.unsolicited_count, 2);
    scripted_done(&modem);
}

static void an_echo_that_came_back_is_switched_off(void **state)
{
    static const struct scripted_step steps[] = { { "AT+CSQ", next_answer },
                                                  { "ATE0", "\r\nOK\r\n" },
                                                  { "AT+CSQ", next_answer } };
    const struct chat_answer *answer = NULL;

    (void)state;
    begin(steps, ARRAY_LEN(steps));
    modem.echo = true;
    assert_ok(ask_csq(NULL));
    assert_true(chat.echo_seen);
    modem.echo = false;
    assert_ok(ask_csq(&answer));
    assert_string_equal(answer->lines[0], "+CSQ: 7,7");
    assert_false(chat.echo_seen);
    scripted_done(&modem);
}

/* Whether the echo is there with each command; what ATE0 gets, NULL: it is not sent. */
static const struct {
    const char *what;
    bool before, then, ate0, last;
    const char *answer;
    bool restarted;
} echoes[] = {
    // clang-format off
    { "gone, and back", false, true, true, false, "\r\nOK\r\n", true },
    { "gone, and back without the one of ATE0", false, true, false, false, "\r\nOK\r\n", true },
    { "gone, back, and ATE0 is refused", false, true, true, true, "\r\nERROR\r\n", false },
    { "never gone", true, true, true, true, "\r\nOK\r\n", false },
    { "gone, and stays away", false, false, false, false, NULL, false },
}; // clang-format on

static void an_echo_that_was_gone_tells_of_a_restart(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(echoes); i++) {
        const struct scripted_step ate0 = { "ATE0", echoes[i].answer },
                                   csq = { "AT+CSQ", next_answer };
        struct scripted_step steps[6];
        size_t n = 0;

        print_message("%s\n", echoes[i].what);
        steps[n++] = csq;
        if (echoes[i].before)
            steps[n++] = ate0;
        steps[n++] = csq;
        if (echoes[i].then)
            steps[n++] = ate0;
        steps[n++] = csq;
        begin(steps, n);
        modem.echo = echoes[i].before;
        assert_ok(ask_csq(NULL));
        modem.echo = echoes[i].then;
        assert_ok(ask_csq(NULL));
        assert_false(chat.restarted);
        modem.echo = echoes[i].ate0;
        if (echoes[i].then)
            modem.echo_ends_at = echoes[i].last ? NULL : "ATE0";
        assert_ok(ask_csq(NULL));
        assert_int_equal(chat.restarted, echoes[i].restarted);
        assert_int_equal(chat.echo_seen, echoes[i].last);
        scripted_done(&modem);
    }
}

static void peace_is_kept_once_learned(void **state)
{
    static const struct scripted_step steps[] = { { "AT+CSQ", next_answer },
                                                  { "AT+CSQ", NULL },
                                                  { "AT+CSQ", next_answer },
                                                  { "AT+CSQ", next_answer } };

    (void)state;
    begin(steps, ARRAY_LEN(steps));
    assert_ok(ask_csq(NULL));
    assert_code(ask_csq(NULL), ERROR_MODEM_TIMEOUT);
    assert_int_equal(chat.peace_ms, CHAT_PEACE_MS);
    assert_ok(ask_csq(NULL));
    int64_t before = chat.final_at_ms;
    assert_ok(ask_csq(NULL));
    assert_true(chat.final_at_ms >= before + CHAT_PEACE_MS);
    scripted_done(&modem);
}

static void a_long_line_goes_out_in_pieces(void **state)
{
    char text[600];
    const struct scripted_step step = { text, "\r\nOK\r\n" };

    (void)state;
    memset(text, 'A', sizeof text);
    text[sizeof text - 1] = '\0';
    begin(&step, 1);
    modem.room = 7;
    assert_ok(run((struct chat_command){ .text = text }, NULL));
    scripted_done(&modem);
}

static void after_the_stop(void **state)
{
    static const struct scripted_step in_time[] = { { "AT+CSQ", next_answer, 3000, .stop = true },
                                                    { "AT+CCHC=1", "\r\nOK\r\n" } };
    static const struct scripted_step too_late[] = { { "AT+CSQ", next_answer, 20000,
                                                       .stop = true } };
    struct chat_command close = { .text = "AT+CCHC=1", .cleaning = true };

    (void)state;
    begin(in_time, ARRAY_LEN(in_time));
    assert_ok(ask_csq(NULL));
    assert_code(ask_csq(NULL), ERROR_SHUTTING_DOWN);
    assert_ok(run(close, NULL));
    modem.now_ms = modem.stopped_ms + CHAT_STOP_MS + CHAT_CLEANING_MS;
    assert_code(run(close, NULL), ERROR_SHUTTING_DOWN);
    scripted_done(&modem);

    begin(too_late, ARRAY_LEN(too_late));
    int64_t began = modem.now_ms;
    assert_code(run((struct chat_command){ .text = "AT+CSQ", .deadline_ms = began + 30000 }, NULL),
                ERROR_MODEM_TIMEOUT);
    assert_int_equal(modem.now_ms - began, CHAT_STOP_MS);
    modem.deaf = 100;
    assert_code(run(close, NULL), ERROR_SHUTTING_DOWN);
    assert_true(modem.now_ms - began <= CHAT_STOP_MS + CHAT_CLEANING_MS);
    scripted_done(&modem);
}

static void a_stop_counts_while_no_byte_goes_out(void **state)
{
    (void)state;
    begin(NULL, 0);
    int64_t began = modem.now_ms;
    modem.full = true;
    modem.stop_at_ms = began + 1000;
    assert_code(run((struct chat_command){ .text = "AT+CSQ", .deadline_ms = began + 180000 }, NULL),
                ERROR_MODEM_TIMEOUT);
    assert_int_equal(modem.now_ms - began, 1000 + CHAT_STOP_MS);
    modem.len = 0;
    scripted_done(&modem);
}

static void late_lines_while_idle(void **state)
{
    const struct scripted_step steps[] = { { "AT+CSQ", NULL }, { "AT+CSQ", next_answer } };
    const struct chat_answer *answer = NULL;

    (void)state;
    begin(steps, ARRAY_LEN(steps));
    scripted_say(&modem, modem.now_ms + 6000, "\r\n+CSQ: 1,1\r\nOK\r\n");
    assert_code(ask_csq(NULL), ERROR_MODEM_TIMEOUT);
    assert_int_equal(chat_listen(&chat, modem.now_ms + 9000), CHAT_WAIT_READY);
    assert_int_equal(chat_listen(&chat, modem.now_ms + 9000), CHAT_WAIT_OVER);
    assert_true(chat.out_of_step);
    assert_ok(ask_csq(&answer));
    assert_string_equal(answer->lines[0], "+CSQ: 7,7");
    assert_int_equal(modem.ats, 1);
    scripted_done(&modem);
}

/* A data call that dropped in the middle of a slow command; or the command's own end. `late_ms` 0: the
 * command's end does not come. */
static const struct {
    const char *what, *doubt, *late;
    int late_ms;
    enum error_code code;
    /* 0: as a plain one has. */
    int time_ms;
} doubts[] = {
    // clang-format off
    { "a call's, and the end in time", "\r\nNO CARRIER\r\n", "\r\nOK\r\n", 1000, ERROR_NONE },
    { "a call's, and the end too late", "\r\nNO CARRIER\r\n", "\r\nOK\r\n", 1500, ERROR_CARD },
    { "the same with the next command's name", "\r\nBUSY\r\n", "\r\n+CSQ: 1,1\r\nOK\r\n", 1500, ERROR_CARD },
    { "its own", "\r\nNO CARRIER\r\n", NULL, 0, ERROR_CARD },
    { "a call's, of a command that takes long", "\r\nNO CARRIER\r\n", "\r\nOK\r\n", 9900, ERROR_NONE, 180000 },
    { "the same, and the end too late", "\r\nNO CARRIER\r\n", "\r\nOK\r\n", 10500, ERROR_CARD, 180000 },
}; // clang-format on

static void an_end_in_doubt_leaves_the_step_in_doubt(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(doubts); i++) {
        const struct scripted_step steps[] = {
            { "AT+CGATT=1", doubts[i].doubt, .delay_ms = 100 },
            { "AT+CSQ", next_answer },
        };
        const struct chat_answer *answer = NULL;

        print_message("%s\n", doubts[i].what);
        begin(steps, ARRAY_LEN(steps));
        if (doubts[i].late)
            scripted_say(&modem, modem.now_ms + doubts[i].late_ms, doubts[i].late);
        assert_code(run((struct chat_command){ .text = "AT+CGATT=1",
                                               .deadline_ms = doubts[i].time_ms
                                                                  ? modem.now_ms + doubts[i].time_ms
                                                                  : 0 },
                        NULL),
                    doubts[i].code);
        assert_ok(ask_csq(&answer));
        assert_string_equal(answer->lines[0], "+CSQ: 7,7");
        assert_int_equal(chat.counters.resyncs, doubts[i].code != ERROR_NONE);
        assert_false(chat.out_of_step);
        assert_int_equal(chat.owed, 0);
        scripted_done(&modem);
    }
}

static void names_of_commands(void **state)
{
    char name[24];

    (void)state;
    chat_command_name("AT+CSIM=10,\"0070000001\"", name);
    assert_string_equal(name, "AT+CSIM");
    chat_command_name("AT+CREG?", name);
    assert_string_equal(name, "AT+CREG");
    chat_command_name("AT+AVERYLONGCOMMANDWITHOUTEND", name);
    assert_string_equal(name, "AT+AVERYLONGCOMMANDWITH");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_command_one_answer),
        cmocka_unit_test(a_late_answer_is_never_the_next_ones),
        cmocka_unit_test(ends_are_counted),
        cmocka_unit_test(a_modem_that_stays_silent_is_given_up),
        cmocka_unit_test(a_modem_wakes_up_late),
        cmocka_unit_test(a_storm_does_not_keep_us_from_step),
        cmocka_unit_test(a_misfit_is_asked_again_only_where_that_is_safe),
        cmocka_unit_test(the_same_prefix_unasked_is_no_answer),
        cmocka_unit_test(an_echo_that_came_back_is_switched_off),
        cmocka_unit_test(an_echo_that_was_gone_tells_of_a_restart),
        cmocka_unit_test(peace_is_kept_once_learned),
        cmocka_unit_test(a_long_line_goes_out_in_pieces),
        cmocka_unit_test(after_the_stop),
        cmocka_unit_test(a_stop_counts_while_no_byte_goes_out),
        cmocka_unit_test(late_lines_while_idle),
        cmocka_unit_test(an_end_in_doubt_leaves_the_step_in_doubt),
        cmocka_unit_test(names_of_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
