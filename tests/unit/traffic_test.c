#include "agent/base/traffic.h"
#include "tests/test.h"

static const struct {
    const char *name;
    enum traffic_command command;
} rows[] = {
    { "AT+CSIM", TRAFFIC_CSIM },   { "AT+CGLA", TRAFFIC_CGLA },
    { "AT+CCHO", TRAFFIC_CCHO },   { "AT+CCHC", TRAFFIC_CCHC },
    { "AT+CFUN", TRAFFIC_CFUN },   { "AT+CESQ", TRAFFIC_CESQ },
    { "AT+QCCID", TRAFFIC_CCID },  { "AT#CCID", TRAFFIC_CCID },
    { "AT^ICCID", TRAFFIC_CCID },  { "AT+CEREG", TRAFFIC_CREG },
    { "AT+C5GREG", TRAFFIC_CREG }, { "AT+CGAUTH", TRAFFIC_CGDCONT },
    { "AT+QCSQ", TRAFFIC_OTHER },  { "AT", TRAFFIC_OTHER },
    { "ATE0", TRAFFIC_OTHER },     { "", TRAFFIC_OTHER },
    { "CSIM", TRAFFIC_OTHER },     { "AT+other", TRAFFIC_OTHER },
    { "AT+CSIMX", TRAFFIC_OTHER }, { "AT+CGPADDR", TRAFFIC_CGPADDR },
};

static void commands_have_a_group(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("%s\n", rows[i].name);
        assert_int_equal(traffic_command_of(rows[i].name), rows[i].command);
    }
}

/* `name` of each of `count`: there, and none twice. */
static void check_names(const char *(*name)(unsigned), unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        assert_non_null(name(i));
        for (unsigned before = 0; before < i; before++)
            assert_string_not_equal(name(before), name(i));
    }
}

static const char *command_name(unsigned i)
{
    return traffic_command_name((enum traffic_command)i);
}

static const char *result_name(unsigned i)
{
    return traffic_result_name((enum traffic_result)i);
}

static const char *answer_name(unsigned i)
{
    return traffic_answer_name((enum traffic_answer)i);
}

static const char *reset_name(unsigned i)
{
    return traffic_reset_name((enum traffic_reset)i);
}

static void all_have_a_name_of_their_own(void **state)
{
    (void)state;
    check_names(command_name, TRAFFIC_COMMANDS);
    check_names(result_name, TRAFFIC_RESULTS);
    check_names(answer_name, TRAFFIC_ANSWERS);
    check_names(reset_name, TRAFFIC_RESETS);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(commands_have_a_group),
                                        cmocka_unit_test(all_have_a_name_of_their_own) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
