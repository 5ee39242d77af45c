#include "agent/operation/store.h"

#include "tests/test.h"

#define ID "01JDZ0000000000000000000AB"
#define A "89882110000001234568"
#define B "8949001312170061988"
#define C "89860A09091830300220"
#define BORN_MS INT64_C(1795464089120)

static const struct store_now same_boot = { .same_boot = true, .clock_is_set = true };

/* No member is zero, so that one which is forgotten is missed. Zeroed as a whole, padding too. */
static struct operation *full(void)
{
    static struct operation op;

    memset(&op, 0, sizeof op);
    strcpy(op.id, ID);
    op.request.channel = CHANNEL_STEERING;
    memset(op.request.requester, 'r', OPERATION_REQUESTER_MAX);
    memset(op.request.request, 'k', ID_SENDER_MAX);
    op.request.target.by_aid = true;
    strcpy(op.request.target.iccid.text, A);
    op.request.target.aid = (struct aid){ 16, { 0xA0, 1, 2, 3, [15] = 0xFF } };
    strcpy(op.request.reason, "weekly \"test\" \xC3\xBC\n");
    op.request.ttl_s = OPERATION_TTL_MAX_S;
    op.request.has_expect_enabled = true;
    strcpy(op.request.expect_enabled.text, B);
    op.request.force = true;
    op.request.confirm_s = 86400;
    op.state = OPERATION_FAILED;
    op.phase = PHASE_ROLLED_BACK;
    op.rev = INT64_C(999999999999999);
    op.created_utc_ms = BORN_MS;
    op.started_utc_ms = BORN_MS + 1;
    op.ended_utc_ms = BORN_MS + 2;
    op.ends_by_utc_ms = BORN_MS + 3;
    op.clock_was_set = op.sent = op.confirmed = true;
    op.expires_ms = 1234567;
    op.phase_count = OPERATION_PHASES_MAX;
    for (size_t i = 0; i < OPERATION_PHASES_MAX; i++)
        op.phases[i] = (struct operation_phase){ (enum phase)(1 + i % PHASE_ROLLED_BACK),
                                                 1000 + (int64_t)i, (int64_t)i - 1 };
    op.has_target = op.has_from = true;
    op.target.has_iccid = op.target.has_aid = op.target.enabled = true;
    strcpy(op.target.iccid.text, C);
    op.target.aid = (struct aid){ 5, { 0xA0, 9, 8, 7, 6 } };
    op.target.fallback = FALLBACK_YES;
    strcpy(op.target.nickname, "nick");
    memset(op.target.provider, 'p', PROFILE_NAME_MAX);
    strcpy(op.target.name, "name");
    op.target.class = -1;
    strcpy(op.from.text, A);
    op.has_result = op.changed = op.has_now = true;
    strcpy(op.now.text, B);
    op.blackout_ms = -1;
    op.verified = VERIFIED_BROKER;
    op.problem.error.code = ERROR_STRANDED;
    op.problem.error.domain = ERROR_IN_STORAGE;
    op.problem.error.detail = -1005;
    strcpy(op.problem.error.field, "args.ttl_s");
    memset(op.problem.error.message, 'm', ERROR_MESSAGE_MAX);
    op.problem.retry_after_s = 77;
    strcpy(op.problem.operation, "01JDZ0000000000000000000AC");
    memset(op.problem.holder, 'h', OPERATION_HOLDER_MAX);
    op.problem.until_utc_ms = BORN_MS + 4;
    op.problem.cause = ERROR_INTERNAL;
    return &op;
}

/* By its text, too: what a copy makes of padding is nobody's business. */
static void assert_back(const struct operation *op)
{
    char *text = store_to_text(op), *again;
    static struct operation back;

    assert_non_null(text);
    memset(&back, 0, sizeof back);
    assert_ok(store_from_text(text, &same_boot, &back));
    again = store_to_text(&back);
    assert_string_equal(text, again);
    assert_memory_equal(&back.request, &op->request, sizeof back.request);
    assert_memory_equal(back.phases, op->phases, sizeof back.phases);
    assert_memory_equal(&back.target, &op->target, sizeof back.target);
    assert_memory_equal(&back.problem, &op->problem, sizeof back.problem);
    assert_memory_equal(&back, op, sizeof back);
    free(text);
    free(again);
}

static void all_of_it_comes_back(void **state)
{
    struct operation *op = full();

    (void)state;
    assert_back(op);
    /* The least that there can be. */
    memset(op, 0, sizeof *op);
    strcpy(op->id, ID);
    strcpy(op->request.target.iccid.text, A);
    op->state = OPERATION_ACCEPTED;
    assert_back(op);
    /* Each state, phase, door and domain. */
    for (int i = OPERATION_ACCEPTED; i <= OPERATION_EXPIRED; i++) {
        op->state = (enum operation_state)i;
        assert_back(op);
    }
    for (int i = 0; i <= PHASE_ROLLED_BACK; i++) {
        op->phase = (enum phase)i;
        op->request.channel = (enum operation_channel)(i % (CHANNEL_AGENT + 1));
        op->verified = (enum verified)(i % (VERIFIED_BROKER + 1));
        op->problem.error.domain = (enum error_domain)(i % (ERROR_IN_STORAGE + 1));
        assert_back(op);
    }
    for (int i = 0; i < ERROR_CODES; i++) {
        op->problem.error.code = (enum error_code)i;
        assert_back(op);
    }
}

/* What a modem said is quoted as it came; it must not cost the operation. */
static void text_that_is_not_utf8_is_mended(void **state)
{
    struct operation *op = full();
    struct operation back;
    char *text;

    (void)state;
    strcpy(op->problem.error.message, "said \xFF\xC3(\x80 \xE2\x82\xAC \x01");
    text = store_to_text(op);
    assert_ok(store_from_text(text, &same_boot, &back));
    assert_string_equal(back.problem.error.message, "said \x3F\x3F(\x3F \xE2\x82\xAC \x01");
    free(text);
}

static void nothing_shorter_is_taken(void **state)
{
    char *text = store_to_text(full());
    struct operation as_before, back;
    size_t len = strlen(text);

    (void)state;
    memset(&as_before, 0x5A, sizeof as_before);
    memcpy(&back, &as_before, sizeof back);
    for (size_t n = 0; n < len; n++) {
        char *cut = strndup(text, n);

        assert_code(store_from_text(cut, &same_boot, &back), ERROR_INTERNAL);
        assert_memory_equal(&back, &as_before, sizeof back);
        free(cut);
    }
    free(text);
}

#define HEAD "{\"id\":\"" ID "\",\"state\":\"accepted\",\"wants_iccid\":\"" A "\""
#define LONG_65 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
    const char *what, *text;
    bool good;
} texts[] = {
    // clang-format off
    { "the least", HEAD "}", true },
    { "a member of a later version", HEAD ",\"later\":[1]}", true },
    { "nothing", "" },
    { "no JSON", "accepted" },
    { "no object", "[]" },
    { "null", "null" },
    { "an empty one", "{}" },
    { "something behind it", HEAD "} {}" },
    { "a member twice", HEAD ",\"rev\":1,\"rev\":2}" },
    { "no id", "{\"state\":\"accepted\",\"wants_iccid\":\"" A "\"}" },
    { "an id of another kind", "{\"id\":\"k1\",\"state\":\"accepted\",\"wants_iccid\":\"" A "\"}" },
    { "no state", "{\"id\":\"" ID "\",\"wants_iccid\":\"" A "\"}" },
    { "the state none", "{\"id\":\"" ID "\",\"state\":\"none\",\"wants_iccid\":\"" A "\"}" },
    { "an unknown state", "{\"id\":\"" ID "\",\"state\":\"lost\",\"wants_iccid\":\"" A "\"}" },
    { "a state by number", "{\"id\":\"" ID "\",\"state\":1,\"wants_iccid\":\"" A "\"}" },
    { "no target", "{\"id\":\"" ID "\",\"state\":\"accepted\"}" },
    { "an AID promised", HEAD ",\"wants_by_aid\":true}" },
    { "an ICCID of 3 digits", "{\"id\":\"" ID "\",\"state\":\"accepted\",\"wants_iccid\":\"123\"}" },
    { "an ICCID by number", HEAD ",\"from\":89882110000001234}" },
    { "an AID of 4 bytes", HEAD ",\"wants_aid\":\"A0000000\"}" },
    { "from promised", HEAD ",\"has_from\":true}" },
    { "now promised", HEAD ",\"has_now\":true}" },
    { "expect_enabled promised", HEAD ",\"has_expect_enabled\":true}" },
    { "the target's ICCID promised", HEAD ",\"target_has_iccid\":true}" },
    { "the target's AID promised", HEAD ",\"target_has_aid\":true}" },
    { "a flag by number", HEAD ",\"force\":1}" },
    { "null for a member", HEAD ",\"force\":null}" },
    { "half a number", HEAD ",\"rev\":1.5}" },
    { "a number as text", HEAD ",\"rev\":\"1\"}" },
    { "over 15 digits", HEAD ",\"rev\":1e15}" },
    { "over a double", HEAD ",\"rev\":1e999}" },
    { "over an int", HEAD ",\"error_detail\":2147483648}" },
    { "under an int", HEAD ",\"error_detail\":-2147483649}" },
    { "a text that is too long", HEAD ",\"request\":\"" LONG_65 "\"}" },
    { "a text with a NUL", HEAD ",\"request\":\"a\\u0000b\"}" },
    { "phases that are none", HEAD ",\"phases\":{}}" },
    { "a phase that is none", HEAD ",\"phases\":[1]}" },
    { "an unknown phase", HEAD ",\"phases\":[{\"phase\":\"waiting\"}]}" },
    { "33 phases", HEAD ",\"phases\":[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}]}" },
    { "32 phases", HEAD ",\"phases\":[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}]}", true },
}; // clang-format on

static void only_our_own_is_taken(void **state)
{
    struct operation as_before;

    (void)state;
    memset(&as_before, 0x5A, sizeof as_before);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct operation back;

        memcpy(&back, &as_before, sizeof back);
        print_message("%s\n", texts[i].what);
        assert_code(store_from_text(texts[i].text, &same_boot, &back),
                    texts[i].good ? ERROR_NONE : ERROR_INTERNAL);
        if (texts[i].good)
            assert_string_equal(back.id, ID);
        else
            assert_memory_equal(&back, &as_before, sizeof back);
    }
}

enum { NOW_MS = 5000, EXPIRES_MS = 777000, TTL_MS = 60000 };

static const struct {
    const char *what;
    enum operation_state state;
    bool same_boot, was_set, is_set;
    int64_t later_ms; /* by the wall clock, since its birth */
    int64_t ttl_s;
    int64_t expires_ms;
} boots[] = {
    // clang-format off
    { "the same boot", OPERATION_ACCEPTED, true, true, true, 50000, 60, EXPIRES_MS },
    { "the same boot, clock unset", OPERATION_ACCEPTED, true, false, false, 50000, 60, EXPIRES_MS },
    { "both clocks set", OPERATION_ACCEPTED, false, true, true, 50000, 60, NOW_MS + 10000 },
    { "just in time", OPERATION_ACCEPTED, false, true, true, 59999, 60, NOW_MS + 1 },
    { "its time is over", OPERATION_ACCEPTED, false, true, true, 60000, 60, NOW_MS },
    { "long over", OPERATION_ACCEPTED, false, true, true, 6000000, 60, NOW_MS },
    { "not set at birth", OPERATION_ACCEPTED, false, false, true, 1000, 60, NOW_MS },
    { "not set now", OPERATION_ACCEPTED, false, true, false, 1000, 60, NOW_MS },
    { "the clock was set back: no longer than asked for", OPERATION_ACCEPTED, false, true, true, -90000, 60, NOW_MS + TTL_MS },
    { "the default", OPERATION_ACCEPTED, false, true, true, 1000, 0, NOW_MS + 899000 },
    { "over when it came", OPERATION_ACCEPTED, false, true, true, -1000, -1, NOW_MS },
    { "running", OPERATION_RUNNING, false, true, true, 50000, 60, NOW_MS + 10000 },
    { "ended", OPERATION_SUCCEEDED, false, true, true, 50000, 60, EXPIRES_MS },
}; // clang-format on

static void a_reboot_moves_its_moments(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(boots); i++) {
        const struct store_now now = { boots[i].same_boot, boots[i].is_set, NOW_MS,
                                       BORN_MS + boots[i].later_ms };
        bool moved = !boots[i].same_boot && boots[i].state <= OPERATION_RUNNING;
        struct operation op = {
            .id = ID,
            .request = { .target = { .iccid = { A } }, .ttl_s = boots[i].ttl_s },
            .state = boots[i].state,
            .created_utc_ms = BORN_MS,
            .clock_was_set = boots[i].was_set,
            .expires_ms = EXPIRES_MS,
            .phase_count = 2,
            .phases = { { PHASE_ENABLING, 700000, 100 }, { PHASE_RESETTING, 700100, -1 } }
        };
        struct operation back;
        char *text = store_to_text(&op);

        print_message("%s\n", boots[i].what);
        assert_ok(store_from_text(text, &now, &back));
        assert_int_equal(back.expires_ms, boots[i].expires_ms);
        assert_int_equal(back.phases[0].began_ms, 700000);
        assert_int_equal(back.phases[0].ms, 100);
        assert_int_equal(back.phases[1].began_ms, moved ? NOW_MS : 700100);
        assert_int_equal(back.phases[1].ms, -1);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it_comes_back),
        cmocka_unit_test(text_that_is_not_utf8_is_mended),
        cmocka_unit_test(nothing_shorter_is_taken),
        cmocka_unit_test(only_our_own_is_taken),
        cmocka_unit_test(a_reboot_moves_its_moments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
