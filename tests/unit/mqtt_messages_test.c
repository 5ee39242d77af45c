#include "mqtt/messages.h"
#include "tests/test.h"

/* Texts are compared whole: their readers see exactly this. */
static void assert_says(char *text, const char *expected)
{
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

static void presence(void **state)
{
    struct messages_health h = { .session = 17, .since_utc_ms = 1000, .clock_is_set = true };

    (void)state;
    assert_says(messages_online(&h), "{\"online\":true,\"session\":17,\"agent\":\"" LPM_VERSION
                                     "\",\"since\":\"1970-01-01T00:00:01.000Z\"}");
    h.clock_is_set = false;
    h.switching_until_utc_ms = 2000;
    assert_says(messages_online(&h),
                "{\"online\":true,\"session\":17,\"agent\":\"" LPM_VERSION
                "\",\"since\":\"1970-01-01T00:00:01.000Z\",\"clock_set\":false,"
                "\"switching_until\":\"1970-01-01T00:00:02.000Z\"}");
    assert_says(messages_offline(3, "connection-lost", 0, true),
                "{\"online\":false,\"session\":3,\"reason\":\"connection-lost\"}");
    assert_says(messages_offline(3, "shutdown", 1000, true),
                "{\"online\":false,\"session\":3,\"reason\":\"shutdown\","
                "\"at\":\"1970-01-01T00:00:01.000Z\"}");
}

static struct snapshot a_snapshot(void)
{
    struct snapshot s = { .modem = MODEM_READY, .has_eid = true, .has_list = true };

    memcpy(s.eid.text, "89001039450410141400000000001580", EID_TEXT_LEN + 1);
    s.list.count = 1;
    s.list.rows[0] = (struct profile){ .has_iccid = true, .enabled = true, .class = -1 };
    memcpy(s.list.rows[0].iccid.text, "8949001312170061988", 20);
    s.enabled_since_utc_ms = 1000;
    memcpy(s.enabled_by, "operation", 10);
    return s;
}

static struct render_facts find(void *ctx, const struct iccid *iccid)
{
    (void)iccid;
    return (struct render_facts){ .label = ctx, .last_error = ERROR_UNREACHABLE };
}

static void the_twin(void **state)
{
    struct snapshot s = a_snapshot();
    struct snapshot nothing = { 0 };
    char home[] = "Home";
    char *text = messages_esim(&s, find, home);

    (void)state;
    assert_non_null(strstr(text, "\"eid\":\"89001039450410141400000000001580\""));
    assert_non_null(strstr(text, "\"label\":\"Home\""));
    assert_non_null(strstr(text, "\"last_error\":\"unreachable\""));
    assert_non_null(strstr(text, "\"enabled\":\"8949001312170061988\","
                                 "\"enabled_since\":\"1970-01-01T00:00:01.000Z\","
                                 "\"enabled_by\":\"operation\"}"));
    free(text);
    assert_says(messages_esim(&nothing, NULL, NULL), "{}");
    assert_says(messages_connectivity(&nothing), "{}");
    assert_says(messages_operations(NULL, 0), "{\"operations\":[]}");
}

/* By AID where the card gives no ICCID. */
static void enabled_without_iccid(void **state)
{
    struct snapshot s = a_snapshot();
    char *text;

    (void)state;
    s.list.rows[0].has_iccid = false;
    s.list.rows[0].has_aid = true;
    s.list.rows[0].aid = (struct aid){ 5, { 0xA0, 0, 0, 5, 0x59 } };
    text = messages_esim(&s, NULL, NULL);
    assert_non_null(strstr(text, "\"enabled\":\"A000000559\""));
    free(text);
}

static void info_lists_what_is_allowed(void **state)
{
    const struct snapshot s = a_snapshot();
    char *text = messages_info(&s, "gw", CONFIG_COMMAND_GET_EID | CONFIG_COMMAND_LOCK_SWITCH, true);

    (void)state;
    assert_non_null(strstr(text, "\"commands\":{\"get-eid\":[\"refresh\"],\"lock-switch\":["
                                 "\"holder\",\"ttl_s\",\"reason\"]},\"force\":true}"));
    free(text);
    text =
        messages_info(&s, "gw", CONFIG_COMMAND_PLAN_PROFILE | CONFIG_COMMAND_UNLOCK_SWITCH, false);
    assert_non_null(strstr(text, "\"commands\":{\"plan-profile\":[\"iccid\",\"aid\",\"refresh\"],"
                                 "\"unlock-switch\":[\"holder\",\"force\"]},\"force\":false}"));
    free(text);
    /* Whatever may be allowed is there. */
    text = messages_info(&s, "gw", CONFIG_COMMANDS_ALL, true);
    for (unsigned bit = 1; bit & CONFIG_COMMANDS_ALL; bit <<= 1)
        assert_non_null(strstr(text, config_command_name((enum config_command)bit)));
    free(text);
}

static void answers(void **state)
{
    const struct snapshot s = a_snapshot();
    const struct problem problem = { .error = { .code = ERROR_QUEUE_FULL, .message = "full" },
                                     .retry_after_s = 1 };

    (void)state;
    assert_says(messages_result(CONFIG_COMMAND_GET_EID, "r1", &s, NULL, NULL),
                "{\"id\":\"r1\",\"kind\":\"get-eid\",\"state\":\"succeeded\",\"result\":{\"eid\":"
                "\"89001039450410141400000000001580\",\"valid\":true,\"profile_code\":\"041\"}}");
    assert_says(messages_result(CONFIG_COMMAND_GET_STEERING, "r2", &s, NULL, NULL),
                "{\"id\":\"r2\",\"kind\":\"get-steering\",\"state\":\"succeeded\","
                "\"result\":{\"mode\":\"off\"}}");
    assert_says(messages_answer(CONFIG_COMMAND_UNLOCK_SWITCH, "r4", cJSON_CreateObject()),
                "{\"id\":\"r4\",\"kind\":\"unlock-switch\",\"state\":\"succeeded\","
                "\"result\":{}}");
    assert_null(messages_answer(CONFIG_COMMAND_UNLOCK_SWITCH, "r4", NULL));
    assert_says(messages_error("get-eid", "r3", "rejected", &problem),
                "{\"id\":\"r3\",\"kind\":\"get-eid\",\"state\":\"rejected\",\"error\":{"
                "\"code\":\"queue-full\",\"detail\":\"full\",\"retry_after_s\":1}}");
}

static void events(void **state)
{
    const struct error trouble = { .code = ERROR_SIM_LOCKED, .message = "PIN" };
    const struct error none = { 0 };
    struct messages_event e = { .id = "01", .at_utc_ms = 1000, .clock_is_set = true };
    struct operation op = {
        .id = "01ARZ", .state = OPERATION_SUCCEEDED, .rev = 3, .ended_utc_ms = 1000
    };
    char *text = messages_switch(&op);

    (void)state;
    assert_non_null(strstr(text, "\"id\":\"01ARZ\""));
    assert_non_null(strstr(text, "\"at\":\"1970-01-01T00:00:01.000Z\"}"));
    free(text);
    e.by = "external";
    assert_says(messages_event(&e),
                "{\"id\":\"01\",\"at\":\"1970-01-01T00:00:01.000Z\",\"by\":\"external\"}");
    e.by = NULL;
    e.state = "absent";
    e.error = &trouble;
    e.clock_is_set = false;
    assert_says(messages_event(&e),
                "{\"id\":\"01\",\"at\":\"1970-01-01T00:00:01.000Z\",\"clock_set\":false,"
                "\"state\":\"absent\",\"error\":{\"code\":\"sim-locked\",\"detail\":\"PIN\"}}");
    e = (struct messages_event){ .id = "01", .at_utc_ms = 1000, .clock_is_set = true };
    e.what = "refused";
    e.detail = "Not authorized: t";
    assert_says(messages_event(&e), "{\"id\":\"01\",\"at\":\"1970-01-01T00:00:01.000Z\","
                                    "\"what\":\"refused\",\"detail\":\"Not authorized: t\"}");
    e = (struct messages_event){ .id = "01", .at_utc_ms = 1000, .clock_is_set = true };
    e.error = &none;
    assert_says(messages_event(&e), "{\"id\":\"01\",\"at\":\"1970-01-01T00:00:01.000Z\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presence),
        cmocka_unit_test(the_twin),
        cmocka_unit_test(enabled_without_iccid),
        cmocka_unit_test(info_lists_what_is_allowed),
        cmocka_unit_test(answers),
        cmocka_unit_test(events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
