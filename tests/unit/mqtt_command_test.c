#include "mqtt/command.h"
#include "tests/test.h"

#define ICCID "\"iccid\":\"89882110000001234568\""
#define AID "A0000005591010FFFFFFFF8900001100"
#define NOW INT64_C(1795478400000) /* 2026-11-24T00:00:00Z */

/* One payload of enable-profile a row. */
static const struct {
    const char *what, *payload;
    int64_t expiry_s;
    bool force_allowed, clock_unset;
    enum error_code code;
    const char *field; /* of the error */
    int64_t ttl_s;
} rows[] = {
    // clang-format off
    { "by ICCID", "{" ICCID "}", -1, false, false, ERROR_NONE, "", 0 },
    { "by AID, any case", "{\"aid\":\"a0000005591010ffffffff8900001100\"}", -1, false, false, ERROR_NONE, "", 0 },
    { "everything", "{" ICCID ",\"reason\":\"r\",\"requester\":\"q\",\"ttl_s\":60,\"expect_enabled\":\"8949001312170061988\",\"force\":true}", -1, true, false, ERROR_NONE, "", 60 },
    { "the message's expiry counts first", "{" ICCID ",\"ttl_s\":60}", 7, false, false, ERROR_NONE, "", 7 },
    { "an expiry beyond our longest", "{" ICCID "}", UINT32_MAX, false, false, ERROR_NONE, "", 604800 },
    { "an expiry of 0", "{" ICCID "}", 0, false, false, ERROR_NONE, "", -1 },
    { "ttl_s before expires_at", "{" ICCID ",\"ttl_s\":60,\"expires_at\":\"2026-11-24T01:00:00Z\"}", -1, false, false, ERROR_NONE, "", 60 },
    { "expires_at", "{" ICCID ",\"expires_at\":\"2026-11-24T01:00:00Z\"}", -1, false, false, ERROR_NONE, "", 3600 },
    { "expires_at, rounded up", "{" ICCID ",\"expires_at\":\"2026-11-24T00:00:00.001Z\"}", -1, false, false, ERROR_NONE, "", 1 },
    { "expires_at is now", "{" ICCID ",\"expires_at\":\"2026-11-24T00:00:00Z\"}", -1, false, false, ERROR_NONE, "", -1 },
    { "expires_at long ago", "{" ICCID ",\"expires_at\":\"1999-01-01T00:00:00Z\"}", -1, false, false, ERROR_NONE, "", -1 },
    { "expires_at in a century", "{" ICCID ",\"expires_at\":\"2126-01-01T00:00:00Z\"}", -1, false, false, ERROR_NONE, "", 604800 },
    { "expires_at without a clock", "{" ICCID ",\"expires_at\":\"1999-01-01T00:00:00Z\"}", -1, false, true, ERROR_NONE, "", 0 },
    { "expires_at is no date", "{" ICCID ",\"expires_at\":\"tomorrow\"}", -1, false, false, ERROR_INVALID_REQUEST, "expires_at", 0 },
    { "ttl_s 0", "{" ICCID ",\"ttl_s\":0}", -1, false, false, ERROR_INVALID_REQUEST, "ttl_s", 0 },
    { "ttl_s too long", "{" ICCID ",\"ttl_s\":604801}", -1, false, false, ERROR_INVALID_REQUEST, "ttl_s", 0 },
    { "ttl_s no number", "{" ICCID ",\"ttl_s\":\"60\"}", -1, false, false, ERROR_INVALID_REQUEST, "ttl_s", 0 },
    { "ttl_s wrong though the expiry counts", "{" ICCID ",\"ttl_s\":-1}", 7, false, false, ERROR_INVALID_REQUEST, "ttl_s", 0 },
    { "empty", "", -1, false, false, ERROR_INVALID_REQUEST, "iccid", 0 },
    { "no target", "{}", -1, false, false, ERROR_INVALID_REQUEST, "iccid", 0 },
    { "two targets", "{" ICCID ",\"aid\":\"" AID "\"}", -1, false, false, ERROR_INVALID_REQUEST, "aid", 0 },
    { "an ICCID of 17", "{\"iccid\":\"89882110000001234\"}", -1, false, false, ERROR_INVALID_REQUEST, "iccid", 0 },
    { "an ICCID as a number", "{\"iccid\":89882110000001234568}", -1, false, false, ERROR_INVALID_REQUEST, "iccid", 0 },
    { "an AID too short", "{\"aid\":\"A000000559\"}", -1, false, false, ERROR_INVALID_REQUEST, "aid", 0 },
    { "an AID that is no hex", "{\"aid\":\"X0000005591010FFFFFFFF8900001100\"}", -1, false, false, ERROR_INVALID_REQUEST, "aid", 0 },
    { "expect_enabled", "{" ICCID ",\"expect_enabled\":\"x\"}", -1, false, false, ERROR_INVALID_REQUEST, "expect_enabled", 0 },
    { "unknown field", "{" ICCID ",\"ICCID\":\"1\"}", -1, false, false, ERROR_INVALID_REQUEST, "ICCID", 0 },
    { "an array", "[]", -1, false, false, ERROR_INVALID_REQUEST, "", 0 },
    { "no JSON", "{" ICCID, -1, false, false, ERROR_INVALID_REQUEST, "", 0 },
    { "the same twice", "{" ICCID "," ICCID "}", -1, false, false, ERROR_INVALID_REQUEST, NULL, 0 },
    { "force", "{" ICCID ",\"force\":true}", -1, false, false, ERROR_FORBIDDEN, "force", 0 },
    { "force false is no force", "{" ICCID ",\"force\":false}", -1, false, false, ERROR_NONE, "", 0 },
    { "force no boolean", "{" ICCID ",\"force\":1}", -1, true, false, ERROR_INVALID_REQUEST, "force", 0 },
    { "confirm_s too short", "{" ICCID ",\"confirm_s\":59}", -1, false, false, ERROR_INVALID_REQUEST, "confirm_s", 0 },
    { "confirm_s too long", "{" ICCID ",\"confirm_s\":86401}", -1, false, false, ERROR_INVALID_REQUEST, "confirm_s", 0 },
    { "confirm_s no number", "{" ICCID ",\"confirm_s\":\"60\"}", -1, false, false, ERROR_INVALID_REQUEST, "confirm_s", 0 },
    { "a reason of a number", "{" ICCID ",\"reason\":1}", -1, false, false, ERROR_INVALID_REQUEST, "reason", 0 },
}; // clang-format on

static void enable_payloads(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct command_rules rules = { .commands = CONFIG_COMMANDS_ALL,
                                             .force = rows[i].force_allowed,
                                             .clock_is_set = !rows[i].clock_unset,
                                             .now_utc_ms = NOW };
        const struct command_message m = { .payload = rows[i].payload,
                                           .len = strlen(rows[i].payload),
                                           .expiry_s = rows[i].expiry_s };
        struct operation_request got = { .reason = "as before" };
        struct error e = command_to_request(&rules, &m, "id-1", &got);

        print_message("%s: %s %s: %s\n", rows[i].what, error_code_name(e.code), e.field, e.message);
        assert_int_equal(e.code, rows[i].code);
        if (e.code) {
            if (rows[i].field)
                assert_string_equal(e.field, rows[i].field);
            assert_string_equal(got.reason, "as before");
            continue;
        }
        assert_int_equal(got.channel, CHANNEL_MQTT);
        assert_string_equal(got.request, "id-1");
        assert_int_equal(got.ttl_s, rows[i].ttl_s);
        assert_int_equal(got.confirm_s, 0);
    }
}

static void all_that_was_said_is_kept(void **state)
{
    static const char payload[] =
        "{\"aid\":\"" AID "\",\"reason\":\"why\",\"requester\":\"me\",\"force\":true,"
        "\"expect_enabled\":\"8949001312170061988\"}";
    const struct command_rules rules = { .commands = CONFIG_COMMANDS_ALL, .force = true };
    const struct command_message m = { .payload = payload,
                                       .len = sizeof payload - 1,
                                       .expiry_s = -1 };
    struct operation_request got;
    char aid[AID_TEXT_MAX + 1];

    (void)state;
    assert_ok(command_to_request(&rules, &m, "x", &got));
    assert_true(got.target.by_aid && got.force && got.has_expect_enabled);
    aid_to_text(&got.target.aid, aid);
    assert_string_equal(aid, AID);
    assert_string_equal(got.reason, "why");
    assert_string_equal(got.requester, "me");
    assert_string_equal(got.expect_enabled.text, "8949001312170061988");
}

/* What has to be confirmed, with and without another proof. */
static void the_word_to_wait_for(void **state)
{
    static const struct {
        const char *payload;
        bool needed;
        enum error_code code;
        int64_t confirm_s;
    } payloads[] = {
        // clang-format off
        { "{" ICCID "}", false, ERROR_NONE, 0 },
        { "{" ICCID "}", true, ERROR_INVALID_REQUEST, 0 },
        { "{" ICCID ",\"confirm_s\":60}", false, ERROR_NONE, 60 },
        { "{" ICCID ",\"confirm_s\":86400}", true, ERROR_NONE, 86400 },
        { "{" ICCID ",\"confirm_s\":0}", true, ERROR_INVALID_REQUEST, 0 },
    }; // clang-format on

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(payloads); i++) {
        const struct command_rules rules = { .commands = CONFIG_COMMANDS_ALL,
                                             .needs_confirm = payloads[i].needed };
        const struct command_message m = { .payload = payloads[i].payload,
                                           .len = strlen(payloads[i].payload),
                                           .expiry_s = -1 };
        struct operation_request got = { 0 };
        struct error e = command_to_request(&rules, &m, "x", &got);

        print_message("%s %d: %s\n", payloads[i].payload, payloads[i].needed, e.message);
        assert_int_equal(e.code, payloads[i].code);
        assert_string_equal(e.field, e.code ? "confirm_s" : "");
        assert_int_equal(got.confirm_s, payloads[i].confirm_s);
    }
}

/* A reason of the longest and one byte more. */
static void long_texts(void **state)
{
    const struct command_rules rules = { .commands = CONFIG_COMMANDS_ALL };
    char payload[1024];
    struct operation_request got;

    (void)state;
    for (int n = OPERATION_REASON_MAX; n <= OPERATION_REASON_MAX + 1; n++) {
        struct command_message m = { .payload = payload, .expiry_s = -1 };

        m.len = (size_t)snprintf(payload, sizeof payload, "{" ICCID ",\"reason\":\"%0*d\"}", n, 0);
        assert_code(command_to_request(&rules, &m, "x", &got),
                    n <= OPERATION_REASON_MAX ? ERROR_NONE : ERROR_INVALID_REQUEST);
    }
}

static void before_the_payload(void **state)
{
    static const struct {
        const char *what;
        struct command_message message;
        unsigned commands;
        enum error_code code;
    } checks[] = {
        // clang-format off
        { "fine", { .len = 4096 }, CONFIG_COMMANDS_ALL, ERROR_NONE },
        { "too long", { .len = 4097 }, CONFIG_COMMANDS_ALL, ERROR_PAYLOAD_TOO_LARGE },
        { "retained", { .len = 2, .retained = true }, CONFIG_COMMANDS_ALL, ERROR_INVALID_REQUEST },
        { "not allowed", { .len = 2 }, CONFIG_COMMAND_GET_EID, ERROR_FORBIDDEN },
    }; // clang-format on

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        const struct command_rules rules = { .commands = checks[i].commands };

        print_message("%s\n", checks[i].what);
        assert_code(command_check(&rules, CONFIG_COMMAND_ENABLE_PROFILE, &checks[i].message),
                    checks[i].code);
    }
}

/* `field` NULL: well-formed. */
static void plans(void **state)
{
    static const struct {
        const char *payload, *field;
        bool by_aid, refresh;
    } payloads[] = {
        // clang-format off
        { "{" ICCID "}", NULL, false, false },
        { "{\"aid\":\"" AID "\"}", NULL, true, false },
        { "{" ICCID ",\"refresh\":true}", NULL, false, true },
        { "", "iccid", false, false },
        { "{\"refresh\":true}", "iccid", false, false },
        { "{" ICCID ",\"aid\":\"" AID "\"}", "aid", false, false },
        { "{\"iccid\":\"89\"}", "iccid", false, false },
        { "{\"aid\":\"A0\"}", "aid", false, false },
        { "{" ICCID ",\"refresh\":\"yes\"}", "refresh", false, false },
        { "{" ICCID ",\"force\":true}", "force", false, false },
        { "[]", "", false, false },
    }; // clang-format on

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(payloads); i++) {
        const struct command_message m = { .payload = payloads[i].payload,
                                           .len = strlen(payloads[i].payload) };
        struct profile_ref target = { .by_aid = false };
        bool refresh = false;
        struct error e = command_to_plan(&m, &target, &refresh);

        print_message("%s: %s %s\n", payloads[i].payload, e.field, e.message);
        assert_int_equal(e.code, payloads[i].field ? ERROR_INVALID_REQUEST : ERROR_NONE);
        assert_string_equal(e.field, payloads[i].field ? payloads[i].field : "");
        assert_int_equal(refresh, payloads[i].refresh);
        assert_int_equal(target.by_aid, payloads[i].by_aid);
        assert_string_equal(target.iccid.text,
                            payloads[i].field || payloads[i].by_aid ? "" : "89882110000001234568");
    }
}

/* Whatever is in it is checked as REST's. */
static void locks(void **state)
{
    static const char good[] = "{\"holder\":\"ann\",\"ttl_s\":60,\"reason\":\"why\"}";
    static const struct command_message empty = { .payload = "" },
                                        more = { .payload = "{\"who\":1}", .len = 9 },
                                        none = { .payload = "{", .len = 1 },
                                        m = { .payload = good, .len = sizeof good - 1 };
    struct operation_lock_request lock = { .ttl_s = 77 };

    (void)state;
    assert_string_equal(command_to_lock(&empty, &lock).field, "holder");
    assert_string_equal(command_to_lock(&more, &lock).field, "who");
    assert_code(command_to_lock(&none, &lock), ERROR_INVALID_REQUEST);
    assert_int_equal(lock.ttl_s, 77);
    assert_ok(command_to_lock(&m, &lock));
    assert_string_equal(lock.holder, "ann");
    assert_string_equal(lock.reason, "why");
    assert_int_equal(lock.ttl_s, 60);
}

static void unlocks(void **state)
{
    static const struct {
        const char *payload;
        bool allowed; /* mqtt.force */
        enum error_code code;
        const char *field, *holder;
        bool force;
    } payloads[] = {
        // clang-format off
        { "{\"holder\":\"ann\"}", false, ERROR_NONE, "", "ann", false },
        { "{\"holder\":\"ann\",\"force\":false}", false, ERROR_NONE, "", "ann", false },
        { "{\"force\":true}", true, ERROR_NONE, "", "", true },
        { "{\"holder\":\"ann\",\"force\":true}", true, ERROR_NONE, "", "ann", true },
        { "{\"force\":true}", false, ERROR_FORBIDDEN, "force", NULL, false },
        { "{\"holder\":\"ann\",\"force\":true}", false, ERROR_FORBIDDEN, "force", NULL, false },
        { "", true, ERROR_INVALID_REQUEST, "holder", NULL, false },
        { "{\"force\":false}", true, ERROR_INVALID_REQUEST, "holder", NULL, false },
        { "{\"holder\":\"\"}", true, ERROR_INVALID_REQUEST, "holder", NULL, false },
        { "{\"holder\":null}", true, ERROR_INVALID_REQUEST, "holder", NULL, false },
        { "{\"holder\":7}", true, ERROR_INVALID_REQUEST, "holder", NULL, false },
        { "{\"holder\":\"\xc3\xa9\"}", true, ERROR_INVALID_REQUEST, "holder", NULL, false },
        { "{\"holder\":7,\"force\":true}", true, ERROR_INVALID_REQUEST, "holder", NULL, false },
        { "{\"holder\":\"ann\",\"force\":1}", true, ERROR_INVALID_REQUEST, "force", NULL, false },
        { "{\"holder\":\"ann\",\"ttl_s\":60}", true, ERROR_INVALID_REQUEST, "ttl_s", NULL, false },
    }; // clang-format on

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(payloads); i++) {
        const struct command_rules rules = { .force = payloads[i].allowed };
        const struct command_message m = { .payload = payloads[i].payload,
                                           .len = strlen(payloads[i].payload) };
        struct command_unlock unlock = { .holder = "as before" };
        struct error e = command_to_unlock(&rules, &m, &unlock);

        print_message("%s: %s %s\n", payloads[i].payload, e.field, e.message);
        assert_int_equal(e.code, payloads[i].code);
        assert_string_equal(e.field, payloads[i].field);
        assert_string_equal(unlock.holder, e.code ? "as before" : payloads[i].holder);
        assert_int_equal(unlock.force, payloads[i].force);
    }
}

static void reads_and_words(void **state)
{
    static const struct {
        const char *payload;
        enum error_code read, word;
        bool refresh;
    } payloads[] = {
        // clang-format off
        { "", ERROR_NONE, ERROR_NONE, false },
        { "{}", ERROR_NONE, ERROR_NONE, false },
        { "{\"refresh\":true}", ERROR_NONE, ERROR_INVALID_REQUEST, true },
        { "{\"refresh\":false}", ERROR_NONE, ERROR_INVALID_REQUEST, false },
        { "{\"refresh\":1}", ERROR_INVALID_REQUEST, ERROR_INVALID_REQUEST, false },
        { "{\"fresh\":true}", ERROR_INVALID_REQUEST, ERROR_INVALID_REQUEST, false },
        { "null", ERROR_INVALID_REQUEST, ERROR_INVALID_REQUEST, false },
        { "{}{}", ERROR_INVALID_REQUEST, ERROR_INVALID_REQUEST, false },
    }; // clang-format on

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(payloads); i++) {
        const struct command_message m = { .payload = payloads[i].payload,
                                           .len = strlen(payloads[i].payload) };
        bool refresh = false;

        print_message("'%s'\n", payloads[i].payload);
        assert_code(command_to_refresh(&m, &refresh), payloads[i].read);
        assert_int_equal(refresh, payloads[i].refresh);
        assert_code(command_is_empty(&m), payloads[i].word);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(enable_payloads),
        cmocka_unit_test(all_that_was_said_is_kept),
        cmocka_unit_test(the_word_to_wait_for),
        cmocka_unit_test(long_texts),
        cmocka_unit_test(before_the_payload),
        cmocka_unit_test(reads_and_words),
        cmocka_unit_test(plans),
        cmocka_unit_test(locks),
        cmocka_unit_test(unlocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
