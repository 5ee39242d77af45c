#include "agent/operation/operation.h"
#include "tests/test.h"

/* The text as a value: compared without regard to blanks. */
static void assert_json(cJSON *is, const char *expected)
{
    cJSON *want = cJSON_Parse(expected);
    char *is_text = cJSON_PrintUnformatted(is);
    char *want_text = cJSON_PrintUnformatted(want);

    assert_non_null(want);
    assert_string_equal(is_text, want_text); /* the contract's order, too */
    cJSON_free(is_text);
    cJSON_free(want_text);
    cJSON_Delete(is);
    cJSON_Delete(want);
}

#define BORN_MS INT64_C(1795464089120) /* 2026-11-23T20:01:29.120Z */
#define ID "01JDZ0000000000000000000AB"

static struct operation example(void)
{
    return (struct operation){
        .id = ID,
        .request = { .channel = CHANNEL_REST,
                     .requester = "uid:1000",
                     .request = "k1",
                     .target = { .iccid = { "8949001312170061988" } },
                     .reason = "weekly test" },
        .state = OPERATION_RUNNING,
        .phase = PHASE_REGISTERING,
        .rev = 4,
        .created_utc_ms = BORN_MS,
        .started_utc_ms = BORN_MS + 5,
        .ends_by_utc_ms = BORN_MS + 900000,
        .clock_was_set = true,
        .phase_count = 3,
        .phases = { { PHASE_ENABLING, 10, 161 },
                    { PHASE_RESETTING, 171, 920 },
                    { PHASE_REGISTERING, 1091, -1 } },
        .blackout_ms = -1,
    };
}

static void the_contracts_example(void **state)
{
    const struct operation op = example();

    (void)state;
    assert_json(operation_to_json(&op),
                "{\"id\":\"" ID "\",\"kind\":\"enable-profile\",\"state\":\"running\","
                "\"phase\":\"registering\",\"rev\":4,"
                "\"source\":{\"channel\":\"rest\",\"requester\":\"uid:1000\",\"request\":\"k1\"},"
                "\"args\":{\"iccid\":\"8949001312170061988\"},\"reason\":\"weekly test\","
                "\"created_at\":\"2026-11-23T20:01:29.120Z\","
                "\"started_at\":\"2026-11-23T20:01:29.125Z\","
                "\"ends_by\":\"2026-11-23T20:16:29.120Z\",\"ended_at\":null,"
                "\"phases\":[{\"phase\":\"enabling\",\"ms\":161},"
                "{\"phase\":\"resetting\",\"ms\":920}],\"result\":null,\"error\":null}");
}

static void all_arguments_and_a_result(void **state)
{
    struct operation op = example();

    (void)state;
    op.request.channel = CHANNEL_MQTT;
    op.request.requester[0] = op.request.reason[0] = '\0';
    op.request.target = (struct profile_ref){
        .by_aid = true,
        .aid = { 16, { 0xA0, 0, 0, 5, 0x59, 0x10, 0x10, 255, 255, 255, 255, 0x89, 0, 0, 0x11, 0 } }
    };
    op.request.ttl_s = 604800;
    op.request.has_expect_enabled = true;
    strcpy(op.request.expect_enabled.text, "89882110000001234568");
    op.request.force = true;
    op.request.confirm_s = 86400;
    op.state = OPERATION_SUCCEEDED;
    op.phase = PHASE_COMMITTED;
    op.phases[2].ms = 0;
    op.rev = 7;
    op.ended_utc_ms = BORN_MS + 5880;
    op.clock_was_set = false;
    op.has_target = op.target.has_iccid = op.has_from = op.has_now = op.has_result = true;
    op.changed = true;
    strcpy(op.target.iccid.text, "8949001312170061988");
    strcpy(op.from.text, "89882110000001234568");
    strcpy(op.now.text, "8949001312170061988");
    op.blackout_ms = 4800;
    op.verified = VERIFIED_ATTACHED;
    assert_json(
        operation_to_json(&op),
        "{\"id\":\"" ID "\",\"kind\":\"enable-profile\",\"state\":\"succeeded\","
        "\"phase\":\"committed\",\"rev\":7,\"source\":{\"channel\":\"mqtt\",\"request\":\"k1\"},"
        "\"args\":{\"aid\":\"A0000005591010FFFFFFFF8900001100\",\"ttl_s\":604800,"
        "\"expect_enabled\":\"89882110000001234568\",\"force\":true,\"confirm_s\":86400},"
        "\"created_at\":\"2026-11-23T20:01:29.120Z\",\"started_at\":\"2026-11-23T20:01:29.125Z\","
        "\"ends_by\":\"2026-11-23T20:16:29.120Z\",\"ended_at\":\"2026-11-23T20:01:35.000Z\","
        "\"clock_set\":false,\"phases\":[{\"phase\":\"enabling\",\"ms\":161},"
        "{\"phase\":\"resetting\",\"ms\":920},{\"phase\":\"registering\",\"ms\":0}],"
        "\"result\":{\"changed\":true,\"from\":\"89882110000001234568\","
        "\"to\":\"8949001312170061988\",\"now\":\"8949001312170061988\",\"blackout_ms\":4800,"
        "\"verified\":\"attached\"},\"error\":null}");
}

/* key-reused over MQTT: no rev, never begun. */
static void a_refusal_without_rev(void **state)
{
    struct operation op = { .id = ID,
                            .request = { .channel = CHANNEL_MQTT,
                                         .request = "k1",
                                         .target = { .iccid = { "8949001312170061988" } } },
                            .state = OPERATION_REJECTED,
                            .created_utc_ms = BORN_MS,
                            .ended_utc_ms = BORN_MS,
                            .ends_by_utc_ms = BORN_MS,
                            .clock_was_set = true,
                            .blackout_ms = -1,
                            .problem = { .error = error_make(ERROR_IN_AGENT, ERROR_KEY_REUSED, 0,
                                                             "came before"),
                                         .operation = "01JDZ000000000000000000000" } };

    (void)state;
    assert_json(
        operation_to_json(&op),
        "{\"id\":\"" ID "\",\"kind\":\"enable-profile\",\"state\":\"rejected\","
        "\"phase\":null,\"source\":{\"channel\":\"mqtt\",\"request\":\"k1\"},"
        "\"args\":{\"iccid\":\"8949001312170061988\"},"
        "\"created_at\":\"2026-11-23T20:01:29.120Z\",\"started_at\":null,"
        "\"ends_by\":\"2026-11-23T20:01:29.120Z\",\"ended_at\":\"2026-11-23T20:01:29.120Z\","
        "\"phases\":[],\"result\":null,\"error\":{\"code\":\"key-reused\","
        "\"detail\":\"came before\",\"operation\":\"01JDZ000000000000000000000\"}}");
}

/* A result in which nothing is known is told by nulls: the fields are always there. */
static void what_is_not_known_is_null(void **state)
{
    struct operation op = example();
    cJSON *json;

    (void)state;
    op.has_result = true;
    json = operation_to_json(&op);
    assert_json(cJSON_DetachItemFromObject(json, "result"),
                "{\"changed\":false,\"from\":null,\"to\":null,\"now\":null,\"blackout_ms\":null,"
                "\"verified\":null}");
    cJSON_Delete(json);
}

static const struct {
    const char *what;
    struct problem problem;
    const char *json;
} problems[] = {
    // clang-format off
    { "our own", { { ERROR_EXPIRED, ERROR_IN_AGENT, 0, "", "too late" } },
      "{\"code\":\"expired\",\"detail\":\"too late\"}" },
    { "status word", { { ERROR_POLICY_FORBIDS, ERROR_IN_CARD, 0x69E1, "", "no" } },
      "{\"code\":\"policy-forbids\",\"detail\":\"no\",\"sw\":\"69E1\"}" },
    { "card without a status word", { { ERROR_CARD, ERROR_IN_CARD, 0, "", "bad" } },
      "{\"code\":\"card-error\",\"detail\":\"bad\"}" },
    { "CME code", { { ERROR_SIM_LOCKED, ERROR_IN_MODEM, 11, "", "PIN" } },
      "{\"code\":\"sim-locked\",\"detail\":\"PIN\",\"at\":\"+CME ERROR: 11\"}" },
    { "CME 0", { { ERROR_CARD_BUSY, ERROR_IN_MODEM, 0, "", "busy" } },
      "{\"code\":\"card-busy\",\"detail\":\"busy\",\"at\":\"+CME ERROR: 0\"}" },
    { "no final line", { { ERROR_MODEM_TIMEOUT, ERROR_IN_MODEM, ERROR_FINAL_NONE, "", "silent" } },
      "{\"code\":\"modem-timeout\",\"detail\":\"silent\"}" },
    { "errno is not shown", { { ERROR_MODEM_ABSENT, ERROR_IN_SYSTEM, 5, "", "gone" } },
      "{\"code\":\"modem-absent\",\"detail\":\"gone\"}" },
    { "field", { { ERROR_INVALID_REQUEST, ERROR_IN_AGENT, 0, "args.ttl_s", "1 to 604800" } },
      "{\"code\":\"invalid-request\",\"detail\":\"1 to 604800\",\"field\":\"args.ttl_s\"}" },
    { "retry and operation", { { ERROR_SWITCH_IN_PROGRESS, ERROR_IN_AGENT, 0, "", "wait" }, 30, ID },
      "{\"code\":\"switch-in-progress\",\"detail\":\"wait\",\"retry_after_s\":30,\"operation\":\"" ID "\"}" },
    { "lock", { { ERROR_LOCKED, ERROR_IN_AGENT, 0, "", "held" }, .holder = "ann", .until_utc_ms = BORN_MS },
      "{\"code\":\"locked\",\"detail\":\"held\",\"holder\":\"ann\",\"until\":\"2026-11-23T20:01:29.120Z\"}" },
    { "stranded", { { ERROR_STRANDED, ERROR_IN_AGENT, 0, "", "none works" }, .cause = ERROR_NO_DATA },
      "{\"code\":\"stranded\",\"detail\":\"none works\",\"cause\":\"no-data\"}" },
    { "stranded for no known reason", { { ERROR_STRANDED, ERROR_IN_AGENT, 0, "", "none works" } },
      "{\"code\":\"stranded\",\"detail\":\"none works\"}" },
    { "a cause of nothing else", { { ERROR_NO_DATA, ERROR_IN_AGENT, 0, "", "no address" }, .cause = ERROR_NO_DATA },
      "{\"code\":\"no-data\",\"detail\":\"no address\"}" },
}; // clang-format on

static void problems_say_what_belongs_to_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(problems); i++) {
        print_message("%s\n", problems[i].what);
        assert_json(problem_to_json(&problems[i].problem), problems[i].json);
    }
}

static const struct {
    enum operation_state state;
    const char *name;
    bool ended;
} states[] = {
    // clang-format off
    { OPERATION_ACCEPTED, "accepted", false },   { OPERATION_RUNNING, "running", false },
    { OPERATION_SUCCEEDED, "succeeded", true },  { OPERATION_FAILED, "failed", true },
    { OPERATION_REJECTED, "rejected", true },    { OPERATION_CANCELED, "canceled", true },
    { OPERATION_EXPIRED, "expired", true },
}; // clang-format on

static void names_are_the_contracts(void **state)
{
    static const char *const phases[] = { "none",         "enabling",   "resetting",  "registering",
                                          "attaching",    "verifying",  "confirming", "committed",
                                          "rolling-back", "rolled-back" };
    static const char *const proofs[] = { "nothing", "registered", "attached", "reachable",
                                          "broker" };
    static const char *const channels[] = { "rest", "mqtt", "steering", "agent" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        const struct operation op = { .state = states[i].state };

        assert_string_equal(operation_state_name(states[i].state), states[i].name);
        assert_int_equal(operation_state_from_name(states[i].name), states[i].state);
        assert_int_equal(operation_has_ended(&op), states[i].ended);
    }
    assert_int_equal(operation_state_from_name("none"), OPERATION_NONE);
    assert_int_equal(operation_state_from_name(""), OPERATION_NONE);
    assert_int_equal(operation_state_from_name("Running"), OPERATION_NONE);
    for (size_t i = 0; i < ARRAY_LEN(phases); i++)
        assert_string_equal(phase_name((enum phase)i), phases[i]);
    for (size_t i = 0; i < ARRAY_LEN(proofs); i++)
        assert_string_equal(verified_name((enum verified)i), proofs[i]);
    for (size_t i = 0; i < ARRAY_LEN(channels); i++)
        assert_string_equal(operation_channel_name((enum operation_channel)i), channels[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_contracts_example),
        cmocka_unit_test(all_arguments_and_a_result),
        cmocka_unit_test(a_refusal_without_rev),
        cmocka_unit_test(what_is_not_known_is_null),
        cmocka_unit_test(problems_say_what_belongs_to_them),
        cmocka_unit_test(names_are_the_contracts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
