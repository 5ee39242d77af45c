#include "mqtt/tls.h"
#include "tests/test.h"

#include "config/config.h"

/* OpenSSL's lines, as Paho hands them on. */
static void what_openssl_says(void **state)
{
    static const struct {
        const char *line, *why;
    } rows[] = {
        // clang-format off
        { "4087D0:error:0A000086:SSL routines:tls_post_process:certificate verify failed:../ssl/statem.c:1889:\n", "TLS: certificate verify failed" },
        { "4087D0:error:0A000126:SSL routines::unexpected eof while reading:../ssl/record.c:308:\n", "TLS: unexpected eof while reading" },
        { "something else\n", "TLS: something else" },
        { "x:error:1:2", "TLS: x" },
        { "", "TLS: " },
    }; // clang-format on

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char why[TLS_WHY_MAX + 1] = "as before";

        tls_begin("mqtts://localhost:8883");
        assert_false(tls_why(why));
        assert_string_equal(why, "as before");
        assert_false(tls_is_through());
        assert_int_equal(tls_on_error(rows[i].line, strlen(rows[i].line), NULL),
                         strlen(rows[i].line));
        (void)tls_on_error("x:error:1:2:3:later", strlen("x:error:1:2:3:later"), NULL);
        assert_true(tls_why(why));
        assert_string_equal(why, rows[i].why);
    }
}

static void files_that_do_not_fit(void **state)
{
    static char none[] = "/nonexistent/file", null[] = "/dev/null";
    struct config config = { 0 };
    struct error e;

    (void)state;
    assert_ok(tls_check_files(&config));
    config.mqtt.ca_file = none;
    e = tls_check_files(&config);
    assert_string_equal(e.message, "mqtt.ca_file cannot be read: No such file or directory");
    config.mqtt.ca_file = null;
    e = tls_check_files(&config);
    assert_non_null(strstr(e.message, "mqtt.ca_file has no certificate in PEM: "));
    config.mqtt.ca_file = NULL;
    config.mqtt.cert_file = null;
    config.mqtt.key_file = null;
    e = tls_check_files(&config);
    assert_non_null(strstr(e.message, "mqtt.cert_file has no certificate in PEM: "));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_openssl_says),
                                        cmocka_unit_test(files_that_do_not_fit) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
