#include "agent/modem/at_timeout.h"

#include "tests/test.h"

static const struct {
    const char *text;
    int timeout_s;
} rows[] = {
    // clang-format off
    { "AT", 5 },
    { "", 5 },
    { "AT+QCFG=\"nwscanmode\",3", 5 },
    { "AT+CREG=2", 5 },
    /* The radio and the network. */
    { "AT+CFUN=1", 180 },
    { "AT+CFUN=1,1", 180 },
    { "at+cfun=0", 180 },
    { "AT+COPS=0", 180 },
    { "AT+COPS=1,2,\"26201\"", 180 },
    { "AT+COPS=?", 180 },
    { "AT+CGATT=1", 180 },
    { "AT+CGACT=1,1", 150 },
    /* Only read, or set for later. */
    { "AT+CFUN?", 5 },
    { "AT+COPS?", 5 },
    { "AT+COPS=3,2", 5 },
    { "AT+CGATT?", 5 },
    { "AT+CGACT?", 5 },
    { "AT+COPSX=1", 5 },
    { "AT+QCFUN=1", 5 },
    /* The longest of several. */
    { "AT+CMEE=1;+CFUN=1", 180 },
    { "AT+CGACT=1,1;+CMEE=1", 150 },
    { "AT+COPS=3,2;+COPS=0", 180 },
    { "AT+COPS=3,2;+CREG=2", 5 },
}; // clang-format on

static void by_the_commands_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("%s\n", rows[i].text);
        assert_int_equal(at_timeout_ms(rows[i].text), 1000 * rows[i].timeout_s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(by_the_commands_name) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
