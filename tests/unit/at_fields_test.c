#include "agent/modem/at_fields.h"

#include "agent/modem/at_context.h"
#include "agent/modem/at_line.h"
#include "agent/modem/at_network.h"
#include "agent/modem/at_sim.h"
#include "tests/test.h"

static const struct {
    const char *line, *prefix;
    bool ok;
    size_t count;
    const char *second;
} rows[] = {
    // clang-format off
    { "+X: 1,\"a,b\",c", "+X", true, 3, "a,b" },
    { "+X:1 , b ,c", "+X", true, 3, "b" },
    { "+X: 1,\"open", "+X", true, 2, "open" },
    { "+X: 1,,3", "+X", true, 3, "" },
    { "+X:", "+X", true, 1, "" },
    { "+X: 1,\"\"", "+X", true, 2, "" },
    { "+XY: 1,2", "+X", false, 0, NULL },
    { "+X", "+X", false, 0, NULL },
    { "1,2", NULL, true, 2, "2" },
    { "1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6", NULL, true, AT_FIELDS_MAX, "2" },
}; // clang-format on

static void lines_become_fields(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct at_fields fields;
        char text[16];

        print_message("%s\n", rows[i].line);
        assert_int_equal(at_fields_split(rows[i].line, rows[i].prefix, &fields), rows[i].ok);
        if (!rows[i].ok)
            continue;
        assert_int_equal(fields.count, rows[i].count);
        assert_true(at_fields_text(&fields, 1, text, sizeof text));
        assert_string_equal(text, rows[i].second);
    }
}

static void numbers_have_bounds(void **state)
{
    struct at_fields fields;
    char text[3] = "ab";

    (void)state;
    assert_true(at_fields_split("+X: 7,255,256,-1,1x,,99999999999", "+X", &fields));
    assert_int_equal(at_fields_number(&fields, 0, 255), 7);
    assert_int_equal(at_fields_number(&fields, 1, 255), 255);
    for (size_t i = 2; i < 9; i++)
        assert_int_equal(at_fields_number(&fields, i, 255), -1);
    assert_false(at_fields_text(&fields, 1, text, sizeof text));
    assert_string_equal(text, "ab");
}

static const struct {
    const char *field;
    bool ok;
    double value;
} decimals[] = {
    // clang-format off
    { "0", true, 0 }, { "12", true, 12 }, { "-12", true, -12 }, { "+3", true, 3 }, { "-0", true, 0 },
    { "12.4", true, 12.4 }, { "-2.05", true, -2.05 }, { "\"-089.10\"", true, -89.1 },
    { "999999999", true, 999999999 }, { "-0.000000001", true, -0.000000001 },
    { "1000000000", false, 0 }, { "0.0000000001", false, 0 }, { "", false, 0 }, { "-", false, 0 },
    { "+-1", false, 0 }, { ".5", false, 0 }, { "5.", false, 0 }, { "1.2.3", false, 0 }, { "1e3", false, 0 },
    { "0x10", false, 0 }, { "nan", false, 0 }, { "inf", false, 0 }, { "1 2", false, 0 }, { "---", false, 0 },
}; // clang-format on

static void decimals_have_a_sign_and_a_fraction(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(decimals); i++) {
        struct at_fields fields;
        char line[64];
        double value = 77;

        print_message("%s\n", decimals[i].field);
        (void)snprintf(line, sizeof line, "+X: 1,%s,2", decimals[i].field);
        assert_true(at_fields_split(line, "+X", &fields));
        assert_int_equal(at_fields_decimal(&fields, 1, &value), decimals[i].ok);
        double off = value - (decimals[i].ok ? decimals[i].value : 77);
        assert_true(off < 1e-12 && off > -1e-12);
        assert_false(at_fields_decimal(&fields, 3, &value));
    }
}

/* Every parser, on lines that begin well and go on as they like: a value or none, and nothing else. */
static void noise_breaks_nothing(void **state)
{
    static const char *const starts[] = {
        "+CSIM: ", "+CGLA:",     "+CCHO: ", "+CRSM: ",    "+CCID: ",   "+CPIN: ",      "+CREG: ",
        "+COPS: ", "+CGPADDR: ", "+CESQ: ", "+CGDCONT: ", "+CGAUTH: ", "+CME ERROR: ", ""
    };
    static const char alphabet[] = "0123456789ABCDEFabcdef,,,,\"\"\". :+-x";
    uint32_t seed = 1;

    (void)state;
    for (size_t round = 0; round < 20000; round++) {
        char line[96];
        char text[64];
        size_t n = (size_t)snprintf(line, sizeof line, "%s", starts[round % ARRAY_LEN(starts)]);
        union {
            struct transport_answer answer;
            struct iccid iccid;
            struct at_registration registration;
            struct at_operator operator;
            struct signal_reading signal;
            struct modem_context context;
            enum at_pin pin;
            int number;
            bool flag;
        } ret;
        struct connectivity c = { 0 };

        for (size_t len = n + round % 80; n < len && n < sizeof line - 1; n++) {
            seed = seed * 1664525u + 1013904223u;
            line[n] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
        }
        line[n] = '\0';
        (void)at_final_from_line(line);
        (void)at_csim_parse(line, &ret.answer);
        (void)at_cgla_parse(line, &ret.answer);
        (void)at_crsm_parse(line, &ret.answer);
        (void)at_ccho_parse(line, text);
        (void)at_imsi_parse(line, text);
        (void)at_iccid_parse(line, &ret.iccid);
        (void)at_cpin_parse(line, &ret.pin);
        (void)at_registration_parse(line, "+CREG", &ret.registration);
        (void)at_cops_parse(line, &ret.operator);
        (void)at_cesq_parse(line, &ret.signal);
        (void)at_csq_parse(line, &ret.signal);
        ret.context.cid = 1;
        (void)at_cgdcont_parse(line, &ret.context);
        (void)at_cgauth_parse(line, &ret.context);
        (void)at_cgatt_parse(line, &ret.flag);
        (void)at_cfun_parse(line, &ret.number);
        (void)at_cgpaddr_parse(line, &c);
        assert_true(c.address_count <= CONNECTIVITY_ADDRESSES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(lines_become_fields),
                                        cmocka_unit_test(numbers_have_bounds),
                                        cmocka_unit_test(decimals_have_a_sign_and_a_fraction),
                                        cmocka_unit_test(noise_breaks_nothing) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
