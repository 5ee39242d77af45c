#include "agent/modem/at_sim.h"

#include "agent/base/hex.h"
#include "tests/test.h"
#include "tests/unit/vectors.h"

typedef bool (*answer_parser)(const char *line, struct transport_answer *ret);

static void check_answers(const cJSON *rows, answer_parser parse)
{
    const cJSON *row;

    cJSON_ArrayForEach (row, rows) {
        struct transport_answer answer;
        uint8_t data[TRANSPORT_ANSWER_MAX];
        char sw[8];

        print_message("%s\n", vectors_text(row, "line"));
        assert_true(parse(vectors_text(row, "line"), &answer));
        assert_int_equal(answer.len, vectors_bytes(row, "data", data, sizeof data));
        assert_memory_equal(answer.data, data, answer.len);
        (void)snprintf(sw, sizeof sw, "%04X", (unsigned)answer.sw);
        assert_string_equal(sw, vectors_text(row, "sw"));
    }
}

static void answers_of_the_card(void **state)
{
    cJSON *file = vectors_load("at.json");
    const cJSON *row;

    (void)state;
    check_answers(vectors_array(file, "csim"), at_csim_parse);
    check_answers(vectors_array(file, "cgla"), at_cgla_parse);
    cJSON_ArrayForEach (row, vectors_array(file, "csim_bad")) {
        struct transport_answer answer;
        struct transport_answer before;

        memset(&answer, 0x5A, sizeof answer);
        before = answer;
        assert_false(at_csim_parse(cJSON_GetStringValue(row), &answer));
        assert_memory_equal(&answer, &before, sizeof answer);
    }
    cJSON_Delete(file);
}

static void the_longest_answer_and_one_more(void **state)
{
    char line[2 * TRANSPORT_ANSWER_MAX + 64];
    struct transport_answer answer;

    (void)state;
    for (size_t n = 0; n <= TRANSPORT_ANSWER_MAX + 1; n++) {
        int at = snprintf(line, sizeof line, "+CSIM: %zu,\"", 2 * n);
        memset(line + at, 'a', 2 * n);
        (void)snprintf(line + at + 2 * n, sizeof line - (size_t)at - 2 * n, "\"");
        assert_int_equal(at_csim_parse(line, &answer), n >= 2 && n <= TRANSPORT_ANSWER_MAX);
    }
}

static void sessions(void **state)
{
    cJSON *file = vectors_load("at.json");
    static const char *const bad[] = {
        "RDY",         "+CCHO:", "", "+CREG: 1", "1,2", "+CCHO: 0123456789abcdef0123456789abcdef0",
        "NORMAL POWER"
    };
    const cJSON *row;
    char session[AT_SESSION_MAX + 1] = "as before";

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(at_ccho_parse(bad[i], session));
    assert_string_equal(session, "as before");
    cJSON_ArrayForEach (row, vectors_array(file, "ccho")) {
        assert_true(at_ccho_parse(vectors_text(row, "line"), session));
        assert_string_equal(session, vectors_text(row, "session"));
    }
    cJSON_Delete(file);
    assert_int_equal(at_session_channel("1"), 1);
    assert_int_equal(at_session_channel("19"), 19);
    assert_int_equal(at_session_channel("20"), 0);
    assert_int_equal(at_session_channel("0"), 0);
    assert_int_equal(at_session_channel("000000000385a7cf"), 0);
    assert_int_equal(at_session_channel("0001"), 0);
}

static void iccids(void **state)
{
    cJSON *file = vectors_load("at.json");
    static const char *const bad[] = { "OK",
                                       "+CCID: ",
                                       "+CCID: 1234",
                                       "+CREG: 1",
                                       "Model: 89123108001757010071",
                                       "+CCID: 8912310800175701007199",
                                       "+CCID: ,89033023426300000000012345678987" };
    const cJSON *row;
    struct iccid iccid = { "as before" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(at_iccid_parse(bad[i], &iccid));
    assert_string_equal(iccid.text, "as before");
    cJSON_ArrayForEach (row, vectors_array(file, "ccid")) {
        print_message("%s\n", vectors_text(row, "line"));
        assert_true(at_iccid_parse(vectors_text(row, "line"), &iccid));
        assert_string_equal(iccid.text, vectors_text(row, "iccid"));
    }
    assert_true(at_iccid_parse("+CCID: \"89123108001757010071\"", &iccid));
    assert_true(at_iccid_parse("ICCID: 89123108001757010071", &iccid));
    assert_true(at_iccid_parse("#CCID: 89123108001757010071", &iccid));
    cJSON_Delete(file);
}

static void files_of_the_card(void **state)
{
    cJSON *file = vectors_load("at.json");
    const cJSON *row;

    (void)state;
    cJSON_ArrayForEach (row, vectors_array(file, "crsm_iccid")) {
        struct transport_answer answer;
        struct iccid iccid;
        char sw[8];

        print_message("%s\n", vectors_text(row, "line"));
        assert_true(at_crsm_parse(vectors_text(row, "line"), &answer));
        (void)snprintf(sw, sizeof sw, "%04X", (unsigned)answer.sw);
        if (vectors_text(row, "error")) {
            assert_string_equal(sw, vectors_text(row, "error"));
            continue;
        }
        assert_string_equal(sw, "9000");
        assert_ok(iccid_from_card(answer.data, answer.len, &iccid));
        assert_string_equal(iccid.text, vectors_text(row, "iccid"));
    }
    cJSON_Delete(file);
}

static const struct {
    const char *line;
    bool ok;
    enum at_pin pin;
} pins[] = {
    // clang-format off
    { "+CPIN: READY", true, AT_PIN_READY },
    { "+CPIN:READY", true, AT_PIN_READY },
    { "+CPIN: SIM PIN2", true, AT_PIN_READY },
    { "+CPIN: SIM PUK2", true, AT_PIN_READY },
    { "+CPIN: NOT READY", true, AT_PIN_WAIT },
    { "+CPIN: NOT INSERTED", true, AT_PIN_ABSENT },
    { "+CPIN: SIM NOT INSERTED", true, AT_PIN_ABSENT },
    { "+CPIN: SIM REMOVED", true, AT_PIN_ABSENT },
    { "+CPIN: SIM PIN", true, AT_PIN_LOCKED },
    { "+CPIN: SIM PUK", true, AT_PIN_LOCKED },
    { "+CPIN: PH-NET PIN", true, AT_PIN_LOCKED },
    { "+CPIN:", false, AT_PIN_READY },
    { "READY", false, AT_PIN_READY },
}; // clang-format on

static void pins_and_imsis(void **state)
{
    char imsi[AT_IMSI_MAX + 1];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pins); i++) {
        enum at_pin pin = AT_PIN_READY;
        print_message("%s\n", pins[i].line);
        assert_int_equal(at_cpin_parse(pins[i].line, &pin), pins[i].ok);
        assert_int_equal(pin, pins[i].pin);
    }
    assert_true(at_imsi_parse("262011234567890", imsi));
    assert_string_equal(imsi, "262011234567890");
    assert_true(at_imsi_parse("+CIMI: 310410123456789", imsi));
    assert_false(at_imsi_parse("2620112345678901", imsi));
    assert_false(at_imsi_parse("26201", imsi));
    assert_false(at_imsi_parse("RDY", imsi));
    assert_false(at_imsi_parse("+CREG: 1", imsi));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_of_the_card),
        cmocka_unit_test(the_longest_answer_and_one_more),
        cmocka_unit_test(sessions),
        cmocka_unit_test(iccids),
        cmocka_unit_test(files_of_the_card),
        cmocka_unit_test(pins_and_imsis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
