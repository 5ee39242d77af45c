#include "mqtt/uri.h"
#include "tests/test.h"

#include "config/config.h"

static void a_uri_that_is_refused(void **state)
{
    static const struct {
        const char *uri;
        bool insecure, ok;
    } rows[] = {
        // clang-format off
        { "mqtt://127.0.0.1:1883", false, true }, { "mqtt://localhost", false, true },
        { "mqtt://[::1]:1883", false, true }, { "mqtts://broker.example", false, true },
        { "mqtt://broker.example", false, false }, { "mqtt://broker.example", true, true },
        { "mqtt://127.evil.example", false, false }, { "mqtt://localhost.example", false, false },
        { "mqtts://user:pw@broker.example", false, false }, { "ws://localhost", true, false },
        { "mqtts://", false, false }, { "mqtts://[::1]:8883", false, false },
        { "mqtts://127.0.0.1:8883", false, true },
    }; // clang-format on

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config config = { 0 };
        char uri[64];

        print_message("%s\n", rows[i].uri);
        (void)snprintf(uri, sizeof uri, "%s", rows[i].uri);
        config.mqtt.uri = uri;
        config.mqtt.insecure = rows[i].insecure;
        assert_int_equal(uri_check(&config).code, rows[i].ok ? ERROR_NONE : ERROR_INVALID_REQUEST);
        assert_int_equal(uri_is_tls(&config), strncmp(uri, "mqtts:", 6) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_uri_that_is_refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
