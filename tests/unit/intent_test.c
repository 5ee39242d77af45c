#include "agent/operation/intent.h"

#include "tests/test.h"

/* No member is zero, so that one which is forgotten is missed. Zeroed as a whole, padding too. */
static struct intent *full(void)
{
    static struct intent intent;

    memset(&intent, 0, sizeof intent);
    intent.leg = LEG_FALLBACK;
    intent.phase = PHASE_CONFIRMING;
    for (size_t i = 0; i < LEGS; i++) {
        struct intent_profile *profile = &intent.profiles[i];

        profile->known = profile->has_iccid = profile->has_aid = true;
        strcpy(profile->iccid.text, "89882110000001234568");
        profile->iccid.text[18] = (char)('0' + i);
        profile->aid = (struct aid){ 16, { 0xA0, (uint8_t)i, [15] = 1 } };
        intent.tried[i] = true;
    }
    strcpy(intent.imsi_before, "0123456789abcdef");
    strcpy(intent.imsi_previous, "fedcba9876543210");
    intent.was_ready = intent.was_registered = true;
    intent.had_card = intent.had_registration = intent.had_data = true;
    intent.had_reach = intent.had_broker = true;
    intent.wanted = VERIFIED_BROKER;
    intent.proof = VERIFIED_ATTACHED;
    intent.restarted = intent.left_previous = intent.arrived = true;
    intent.used_ms = 86400000;
    memset(intent.boot, 'b', INTENT_BOOT_MAX);
    intent.again = true;
    intent.data_ended_ms = INT64_C(999999999999999);
    intent.blackout_ms = -1;
    intent.hooked_before = intent.hooked_after = true;
    intent.reason = error_make(ERROR_IN_MODEM, ERROR_SIM_LOCKED, ERROR_FINAL_NONE, "\"PIN\"");
    strcpy(intent.reason.field, "field");
    return &intent;
}

static void assert_back(const struct intent *intent)
{
    char *text = intent_to_text(intent);
    static struct intent back;

    assert_non_null(text);
    memset(&back, 0, sizeof back);
    assert_ok(intent_from_text(text, &back));
    assert_memory_equal(back.profiles, intent->profiles, sizeof back.profiles);
    assert_memory_equal(&back.reason, &intent->reason, sizeof back.reason);
    assert_memory_equal(&back, intent, sizeof back);
    free(text);
}

static void all_of_it_comes_back(void **state)
{
    struct intent *intent = full();

    (void)state;
    assert_back(intent);
    for (int i = 0; i < LEGS; i++) {
        intent->leg = (enum leg)i;
        memset(&intent->profiles[i], 0, sizeof intent->profiles[i]);
        intent->tried[i] = false;
        assert_back(intent);
    }
    for (int i = 0; i <= PHASE_ROLLED_BACK; i++) {
        intent->phase = (enum phase)i;
        assert_back(intent);
    }
    memset(intent, 0, sizeof *intent);
    assert_back(intent);
}

/* One member at a time: none takes the place of another. */
static void flags_are_their_own(void **state)
{
    static struct intent intent;
    bool *const flags[] = {
        &intent.tried[0],          &intent.tried[1],
        &intent.tried[2],          &intent.was_ready,
        &intent.was_registered,    &intent.had_card,
        &intent.had_registration,  &intent.had_data,
        &intent.had_reach,         &intent.had_broker,
        &intent.restarted,         &intent.left_previous,
        &intent.arrived,           &intent.again,
        &intent.hooked_before,     &intent.hooked_after,
        &intent.profiles[0].known, &intent.profiles[1].known,
        &intent.profiles[2].known,
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        memset(&intent, 0, sizeof intent);
        *flags[i] = true;
        assert_back(&intent);
    }
}

static void assert_refused(const char *text)
{
    struct intent as_before, back;

    memset(&as_before, 0x5A, sizeof as_before);
    memcpy(&back, &as_before, sizeof back);
    assert_code(intent_from_text(text, &back), ERROR_INTERNAL);
    assert_memory_equal(&back, &as_before, sizeof back);
}

static void nothing_shorter_is_taken(void **state)
{
    char *text = intent_to_text(full());

    (void)state;
    for (size_t n = strlen(text); n-- > 0;) {
        text[n] = '\0';
        assert_refused(text);
    }
    free(text);
}

static const char *const others[] = {
    "{}",
    "[]",
    "true",
    "{\"leg\":\"target\",\"phase\":\"enabling\"}",
    "{\"intent\":false}",
    "{\"intent\":true} x",
    "{\"intent\":true,\"leg\":\"third\"}",
    "{\"intent\":true,\"leg\":1}",
    "{\"intent\":true,\"phase\":\"waiting\"}",
    "{\"intent\":true,\"was_ready\":\"yes\"}",
    "{\"intent\":true,\"used_ms\":0.5}",
    "{\"intent\":true,\"used_ms\":1e17}",
    "{\"intent\":true,\"imsi_before\":\"0123456789abcdef0\"}",
    "{\"intent\":true,\"boot\":7}",
    "{\"intent\":true,\"target_iccid\":\"12345\"}",
    "{\"intent\":true,\"target_aid\":\"A0\"}",
    "{\"intent\":true,\"target_has_iccid\":true}",
    "{\"intent\":true,\"previous_has_aid\":true}",
    "{\"intent\":true,\"fallback_has_aid\":true}",
    "{\"intent\":true,\"reason_code\":\"bad-luck\"}",
};

static void only_our_own_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        print_message("%s\n", others[i]);
        assert_refused(others[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it_comes_back),
        cmocka_unit_test(flags_are_their_own),
        cmocka_unit_test(nothing_shorter_is_taken),
        cmocka_unit_test(only_our_own_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
