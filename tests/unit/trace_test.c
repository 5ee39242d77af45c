#define _XOPEN_SOURCE 700 /* mkdtemp() */

#include "agent/modem/trace.h"

#include <sys/stat.h>
#include <unistd.h>

#include "tests/test.h"

static const struct {
    const char *line, *shown;
} rows[] = {
    // clang-format off
    { "AT+CSQ", "AT+CSQ" },
    { "+CCID: 89123108001757010071", "+CCID: xxxxxxxxxxxxxxxx0071" },
    { "262011234567890", "xxxxxxxxxxx7890" },
    { "+CESQ: 99,99,255,255,20,60", "+CESQ: 99,99,255,255,20,60" },
    { "+CSIM: 40,\"4C10890010394504101414000000000015809000\"", "+CSIM: 40,\"4Cxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx9000\"" },
    { "+CSIM: 1,\"E3175A0A98940A312171001689F89F70013F\"", "+CSIM: 1,\"E3175A0Axxxxxxxxxxxxxxxx89F89F70013F\"" },
    { "+CRSM: 144,0,\"989400312171001689F8\"", "+CRSM: 144,0,\"xxxxxxxxxxxxxx1689F8\"" },
    { "AT+CGAUTH=1,1,\"user\",\"pass\"", "AT+CGAUTH=" },
    { "at+cpin=1234", "at+cpin=" },
    { "+CGAUTH: 1,1,\"user\",\"pass\"", "+CGAUTH:" },
    { "T+CGAUTH=1,2,\"user\",\"pass\"", "T+CGAUTH=" },
    { "AT+CGATT=0;+CGAUTH=1,1,\"user\",\"pass\"", "AT+CGATT=0;+CGAUTH=" },
    { "AT+CGAUTH?", "AT+CGAUTH?" },
    { "AT+CGAUTH=?", "AT+CGAUTH=?" },
    { "AT$QCPDPP=1,1,\"pass\",\"user\"", "AT$QCPDPP=" },
    { "^AUTHDATA: 1,2,\"\",\"pass\",\"user\"", "^AUTHDATA:" },
    { "AT+CNMPWD=1,\"pass\"", "AT+CNMPWD=" },
    { "+QICSGP: 1,\"apn\",\"user\",\"pass\",1", "+QICSGP:" },
    { "+CPIN: READY", "+CPIN: READY" },
    { "AT+CPIN?", "AT+CPIN?" },
    { "5A0A", "5A0A" },
}; // clang-format on

static void identities_and_secrets_are_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char shown[128];

        trace_redact(rows[i].line, shown, sizeof shown);
        print_message("%s\n", shown);
        assert_string_equal(shown, rows[i].shown);
    }
}

static void the_file_turns_over(void **state)
{
    char dir[] = "trace-test-XXXXXX";
    char path[64];
    char old[80];
    char line[1000];
    struct stat st;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/at.trace", dir);
    (void)snprintf(old, sizeof old, "%s.old", path);
    memset(line, '+', sizeof line);
    line[sizeof line - 1] = '\0';
    struct trace *trace = trace_new(path);
    assert_non_null(trace);
    for (int i = 0; i < 3 * TRACE_SIZE_MAX / 1000; i++)
        trace_write(trace, i % 2, line);
    trace_free(trace);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true(st.st_size > 0 && st.st_size <= TRACE_SIZE_MAX);
    assert_int_equal(stat(old, &st), 0);
    assert_true(st.st_size <= TRACE_SIZE_MAX);
    assert_null(trace_new(dir));
    (void)unlink(path);
    (void)unlink(old);
    (void)rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(identities_and_secrets_are_cut),
                                        cmocka_unit_test(the_file_turns_over) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
