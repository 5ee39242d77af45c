#include "mqtt/aside.h"
#include "tests/test.h"

#include "mqtt/outbox.h"

enum { HOUR_MS = 3600000 };

/* One after the other. */
static const struct {
    const char *what;
    int64_t at_ms;
    enum outbox_class class;
    int reason;
    const char *topic;
    bool told;
} rows[] = {
    // clang-format off
    { "the first", 0, OUTBOX_EVENT, 0x87, "p/e/sim", true },
    { "the same cause", HOUR_MS - 1, OUTBOX_OUTCOME, 0x87, "p/e/switch", false },
    { "another cause", HOUR_MS - 1, OUTBOX_OUTCOME, 0x95, "p/e/switch", true },
    { "the first cause again", HOUR_MS, OUTBOX_TELEMETRY, 0x87, "p/m/connectivity", true },
    { "a response", HOUR_MS, OUTBOX_RESPONSE, 0x99, "answers/me", false },
    { "the telling itself", HOUR_MS, OUTBOX_EVENT, 0x99, "p/e/journal", false },
    { "neither was counted", HOUR_MS, OUTBOX_EVENT, 0x99, "p/e/sim", true },
    { "a failure of the library's", HOUR_MS, OUTBOX_EVENT, 0x80, "p/e/sim", true },
    { "no reason of MQTT's", HOUR_MS, OUTBOX_EVENT, -1, "p/e/sim", true },
}; // clang-format on

static void once_an_hour(void **state)
{
    struct aside aside = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct outbox_aside message = { .class = rows[i].class, .reason = rows[i].reason };

        (void)snprintf(message.topic, sizeof message.topic, "%s", rows[i].topic);
        print_message("%s\n", rows[i].what);
        assert_int_equal(aside_is_told(&aside, &message, "p/e/journal", rows[i].at_ms),
                         rows[i].told);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(once_an_hour) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
