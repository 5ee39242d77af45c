#include "mqtt/scribe.h"
#include "tests/test.h"

#include "mqtt/outbox.h"

#define STATUS "esim/v1/gw-1/cmd/enable-profile/job-1/status"
#define SWITCH "esim/v1/gw-1/e/switch"

/* One state of an operation a row; topic NULL: no such letter. */
static const struct {
    const char *what;
    enum operation_channel channel;
    enum operation_state state;
    bool started, again;
    struct {
        const char *topic;
        enum outbox_class class;
        bool kept;
    } letters[2];
} rows[] = {
    // clang-format off
    { "accepted", CHANNEL_MQTT, OPERATION_ACCEPTED, false, false, { { STATUS, OUTBOX_STATUS, false } } },
    { "running", CHANNEL_MQTT, OPERATION_RUNNING, true, false, { { STATUS, OUTBOX_STATUS, false } } },
    { "succeeded", CHANNEL_MQTT, OPERATION_SUCCEEDED, true, false, { { STATUS, OUTBOX_OUTCOME, true }, { SWITCH, OUTBOX_OUTCOME, true } } },
    { "failed", CHANNEL_MQTT, OPERATION_FAILED, true, false, { { STATUS, OUTBOX_OUTCOME, true }, { SWITCH, OUTBOX_OUTCOME, true } } },
    { "enabled already", CHANNEL_MQTT, OPERATION_SUCCEEDED, false, false, { { STATUS, OUTBOX_ANSWER, true }, { SWITCH, OUTBOX_EVENT, true } } },
    { "canceled before it began", CHANNEL_MQTT, OPERATION_CANCELED, false, false, { { STATUS, OUTBOX_ANSWER, true }, { SWITCH, OUTBOX_EVENT, true } } },
    { "expired", CHANNEL_MQTT, OPERATION_EXPIRED, false, false, { { STATUS, OUTBOX_ANSWER, true }, { SWITCH, OUTBOX_EVENT, true } } },
    { "a refusal is no switch", CHANNEL_MQTT, OPERATION_REJECTED, false, false, { { STATUS, OUTBOX_ANSWER, true } } },
    { "again while it runs", CHANNEL_MQTT, OPERATION_RUNNING, true, true, { { STATUS, OUTBOX_ANSWER, false } } },
    { "again after its end", CHANNEL_MQTT, OPERATION_SUCCEEDED, true, true, { { STATUS, OUTBOX_ANSWER, false } } },
    { "REST's runs", CHANNEL_REST, OPERATION_RUNNING, true, false, { { 0 } } },
    { "REST's has ended", CHANNEL_REST, OPERATION_SUCCEEDED, true, false, { { SWITCH, OUTBOX_OUTCOME, true } } },
    { "REST's once more", CHANNEL_REST, OPERATION_SUCCEEDED, true, true, { { 0 } } },
    { "steering's has ended", CHANNEL_STEERING, OPERATION_FAILED, true, false, { { SWITCH, OUTBOX_OUTCOME, true } } },
}; // clang-format on

static void assert_letter(const struct letter *letter, size_t row, size_t i)
{
    bool is_status = strcmp(letter->topic, STATUS) == 0;

    assert_string_equal(letter->topic, rows[row].letters[i].topic);
    assert_int_equal(letter->class, rows[row].letters[i].class);
    assert_int_equal(letter->kept, rows[row].letters[i].kept);
    assert_int_equal(letter->number, 0);
    /* Only statuses have to come one after the other. */
    assert_string_equal(letter->operation, is_status ? "01ARZ3NDEKTSV4RRFFQ69G5FAV" : "");
    assert_int_equal(letter->rev, is_status ? 3 : 0);
    assert_non_null(strstr(letter->payload, "\"id\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\""));
    assert_int_equal(strstr(letter->payload, "\"at\":") != NULL, !is_status);
}

static void what_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct operation op = {
            .id = "01ARZ3NDEKTSV4RRFFQ69G5FAV",
            .request = { .channel = rows[i].channel, .request = "job-1" },
            .state = rows[i].state,
            .rev = 3,
            .started_utc_ms = rows[i].started ? 1000 : 0,
            .ended_utc_ms = 2000,
            .blackout_ms = -1,
        };
        struct letters letters = { 0 };
        size_t count = 0;

        print_message("%s\n", rows[i].what);
        while (count < 2 && rows[i].letters[count].topic)
            count++;
        scribe_write("esim/v1/gw-1", &op, rows[i].again, &letters);
        assert_int_equal(letters.count, count);
        for (size_t n = 0; n < count; n++)
            assert_letter(&letters.items[n], i, n);
        letters_done(&letters);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_told) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
