#include "agent/operation/lock.h"
#include "tests/test.h"

#define UNTIL_MS INT64_C(1795464089120) /* 2026-11-23T20:01:29.120Z */

static struct operation_lock example(void)
{
    static struct operation_lock lock;

    memset(&lock, 0, sizeof lock);
    strcpy(lock.holder, "ann");
    strcpy(lock.reason, "firmware \"update\"");
    lock.ends_ms = 100000;
    lock.until_utc_ms = UNTIL_MS;
    return lock;
}

static const struct {
    const char *what, *holder;
    int64_t ends_ms, now_ms, left_ms; /* -1: not held */
} times[] = {
    // clang-format off
    { "nobody", "", 100000, 1, -1 },
    { "the last millisecond", "ann", 100000, 99999, 1 },
    { "over", "ann", 100000, 100000, -1 },
    { "long over", "ann", 100000, 900000, -1 },
    { "the longest", "ann", INT64_C(86400000) + 5, 5, 86400000 },
    { "longer than can be asked for", "ann", INT64_C(86400000) + 6, 5, -1 },
}; // clang-format on

static void ends_by_itself(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        struct operation_lock lock = example();

        print_message("%s\n", times[i].what);
        strcpy(lock.holder, times[i].holder);
        lock.ends_ms = times[i].ends_ms;
        lock.left_ms = -1;
        assert_int_equal(lock_is_held(&lock, times[i].now_ms, UNTIL_MS), times[i].left_ms >= 0);
        assert_int_equal(lock.left_ms, times[i].left_ms);
    }
}

/* 40 s are left. */
static const struct {
    const char *what;
    int64_t utc_now_ms, until_utc_ms;
} clocks[] = {
    { "as it was", UNTIL_MS - 40000, UNTIL_MS },
    { "a little off", UNTIL_MS - 40000 + 2000, UNTIL_MS },
    { "a little off, the other way", UNTIL_MS - 40000 - 2000, UNTIL_MS },
    { "set since", UNTIL_MS + 3600000, UNTIL_MS + 3600000 + 40000 },
    { "set back since", UNTIL_MS - 3600000, UNTIL_MS - 3600000 + 40000 },
};

static void its_end_is_told_by_the_clock_of_now(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(clocks); i++) {
        struct operation_lock lock = example();

        print_message("%s\n", clocks[i].what);
        assert_true(lock_is_held(&lock, lock.ends_ms - 40000, clocks[i].utc_now_ms));
        assert_int_equal(lock.until_utc_ms, clocks[i].until_utc_ms);
    }
}

static void assert_json(const struct operation_lock *lock, const char *expected)
{
    cJSON *json = lock_to_json(lock);
    char *text = cJSON_PrintUnformatted(json);

    assert_string_equal(text, expected);
    cJSON_free(text);
    cJSON_Delete(json);
}

static void its_json_is_the_contracts(void **state)
{
    struct operation_lock lock = example();

    (void)state;
    lock.left_ms = 1;
    assert_json(&lock, "{\"holder\":\"ann\",\"reason\":\"firmware \\\"update\\\"\","
                       "\"until\":\"2026-11-23T20:01:29.120Z\",\"ttl_s\":1}");
    lock.reason[0] = '\0';
    lock.left_ms = 86400000;
    assert_json(&lock, "{\"holder\":\"ann\",\"until\":\"2026-11-23T20:01:29.120Z\","
                       "\"ttl_s\":86400}");
    lock.left_ms = 2001;
    assert_json(&lock, "{\"holder\":\"ann\",\"until\":\"2026-11-23T20:01:29.120Z\",\"ttl_s\":3}");
}

static void a_refusal_says_who_why_and_until_when(void **state)
{
    struct operation_lock lock = example();
    struct problem problem = lock_refusal(&lock);

    (void)state;
    assert_int_equal(problem.error.code, ERROR_LOCKED);
    assert_string_equal(problem.error.message,
                        "ann holds the lock on switching: firmware \"update\"");
    assert_string_equal(problem.holder, "ann");
    assert_int_equal(problem.until_utc_ms, UNTIL_MS);
    lock.reason[0] = '\0';
    problem = lock_refusal(&lock);
    assert_string_equal(problem.error.message, "ann holds the lock on switching");
}

#define SIXTY_FOUR "0123456789012345678901234567890123456789012345678901234567890123"
#define AT_MOST SIXTY_FOUR SIXTY_FOUR SIXTY_FOUR SIXTY_FOUR

/* `field` NULL: well-formed, "": no field is named; the values of those that are well-formed. */
static const struct {
    const char *text, *field, *holder;
    int64_t ttl_s;
    const char *reason;
} asked[] = {
    // clang-format off
    { "{\"holder\":\"a\",\"ttl_s\":1}", NULL, "a", 1, "" },
    { "{\"reason\":\"upgrade\",\"ttl_s\":86400,\"holder\":\"field team ~7\"}", NULL, "field team ~7", 86400, "upgrade" },
    { "{\"holder\":\"" SIXTY_FOUR "\",\"ttl_s\":60,\"reason\":null}", NULL, SIXTY_FOUR, 60, "" },
    { "{}", "holder" },
    { "{\"ttl_s\":60}", "holder" },
    { "{\"holder\":null,\"ttl_s\":60}", "holder" },
    { "{\"holder\":\"\",\"ttl_s\":60}", "holder" },
    { "{\"holder\":7,\"ttl_s\":60}", "holder" },
    { "{\"holder\":\"" SIXTY_FOUR "5\",\"ttl_s\":60}", "holder" },
    { "{\"holder\":\"a\\nb\",\"ttl_s\":60}", "holder" },
    { "{\"holder\":\"a\\u007f\",\"ttl_s\":60}", "holder" },
    { "{\"holder\":\"\xc3\xa9\",\"ttl_s\":60}", "holder" },
    { "{\"holder\":\"a\"}", "ttl_s" },
    { "{\"holder\":\"a\",\"ttl_s\":null}", "ttl_s" },
    { "{\"holder\":\"a\",\"ttl_s\":0}", "ttl_s" },
    { "{\"holder\":\"a\",\"ttl_s\":86401}", "ttl_s" },
    { "{\"holder\":\"a\",\"ttl_s\":\"60\"}", "ttl_s" },
    { "{\"holder\":\"a\",\"ttl_s\":60,\"reason\":1}", "reason" },
    { "{\"holder\":\"a\",\"ttl_s\":60,\"reason\":\"" AT_MOST "x\"}", "reason" },
    { "{\"holder\":\"a\",\"ttl_s\":60,\"force\":true}", "force" },
    { "[]", "" },
    { "null", "" },
    { "7", "" },
}; // clang-format on

static void what_is_asked_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        struct operation_lock_request lock = { .holder = "as before", .ttl_s = 77 };
        cJSON *json = cJSON_Parse(asked[i].text);
        struct error e = lock_request_from_json(json, &lock);

        cJSON_Delete(json);
        print_message("%s: %s %s\n", asked[i].text, e.field, e.message);
        assert_int_equal(e.code, asked[i].field ? ERROR_INVALID_REQUEST : ERROR_NONE);
        assert_string_equal(e.field, asked[i].field ? asked[i].field : "");
        assert_string_equal(lock.holder, asked[i].field ? "as before" : asked[i].holder);
        assert_int_equal(lock.ttl_s, asked[i].field ? 77 : asked[i].ttl_s);
        assert_string_equal(lock.reason, asked[i].field ? "" : asked[i].reason);
    }
}

static void as_text_and_back(void **state)
{
    struct operation_lock lock = example(), back;
    char *text;

    (void)state;
    memset(lock.holder, 'h', OPERATION_HOLDER_MAX);
    memset(lock.reason, '\\', OPERATION_REASON_MAX);
    text = lock_to_text(&lock);
    memset(&back, 0x5A, sizeof back);
    assert_ok(lock_from_text(text, &back));
    assert_string_equal(back.holder, lock.holder);
    assert_string_equal(back.reason, lock.reason);
    assert_int_equal(back.ends_ms, lock.ends_ms);
    assert_int_equal(back.until_utc_ms, lock.until_utc_ms);
    for (size_t n = strlen(text); n-- > 0;) {
        text[n] = '\0';
        memset(&back, 0x5A, sizeof back);
        assert_code(lock_from_text(text, &back), ERROR_INTERNAL);
        assert_int_equal(back.holder[0], 0x5A);
        assert_int_equal(back.ends_ms, INT64_C(0x5A5A5A5A5A5A5A5A));
    }
    free(text);
    assert_code(lock_from_text("{}", &back), ERROR_INTERNAL);
    assert_code(lock_from_text("{\"holder\":1}", &back), ERROR_INTERNAL);
    assert_code(lock_from_text("{\"holder\":\"\",\"ends_ms\":1}", &back), ERROR_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked_for),
        cmocka_unit_test(ends_by_itself),
        cmocka_unit_test(its_end_is_told_by_the_clock_of_now),
        cmocka_unit_test(its_json_is_the_contracts),
        cmocka_unit_test(a_refusal_says_who_why_and_until_when),
        cmocka_unit_test(as_text_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
