#include "api/body.h"
#include "tests/test.h"

#define SIXTY_FOUR "0123456789012345678901234567890123456789012345678901234567890123"
#define AT_MOST SIXTY_FOUR SIXTY_FOUR SIXTY_FOUR SIXTY_FOUR

/* `field` NULL: well-formed. "": no field is named. */
static const struct {
    const char *text, *field;
} rows[] = {
    // clang-format off
    { "", NULL },
    { "{}", NULL },
    { " {\n} ", NULL },
    { "{\"reason\":\"weekly\",\"ttl_s\":60,\"expect_enabled\":\"8949001312170061988\",\"force\":true,\"confirm_s\":300}", NULL },
    { "{\"reason\":\"" AT_MOST "\"}", NULL },
    { "{\"reason\":null,\"ttl_s\":null,\"confirm_s\":null}", NULL },
    { "{\"ttl_s\":1}", NULL },
    { "{\"ttl_s\":604800}", NULL },
    { "{\"ttl_s\":0}", "ttl_s" },
    { "{\"ttl_s\":604801}", "ttl_s" },
    { "{\"ttl_s\":-1}", "ttl_s" },
    { "{\"ttl_s\":1.5}", "ttl_s" },
    { "{\"ttl_s\":1e300}", "ttl_s" },
    { "{\"ttl_s\":\"60\"}", "ttl_s" },
    { "{\"ttl_s\":true}", "ttl_s" },
    { "{\"reason\":\"" AT_MOST "x\"}", "reason" },
    { "{\"reason\":7}", "reason" },
    { "{\"reason\":\"a\\nb\"}", "reason" },
    { "{\"force\":1}", "force" },
    { "{\"force\":\"true\"}", "force" },
    { "{\"expect_enabled\":\"\"}", "expect_enabled" },
    { "{\"expect_enabled\":\"12\"}", "expect_enabled" },
    { "{\"expect_enabled\":8949001312170061988}", "expect_enabled" },
    { "{\"expect_enabled\":\"" SIXTY_FOUR "5\"}", "expect_enabled" },
    { "{\"confirm_s\":60}", NULL },
    { "{\"confirm_s\":86400}", NULL },
    { "{\"confirm_s\":0}", "confirm_s" },
    { "{\"confirm_s\":59}", "confirm_s" },
    { "{\"confirm_s\":86401}", "confirm_s" },
    { "{\"confirm_s\":-60}", "confirm_s" },
    { "{\"confirm_s\":60.5}", "confirm_s" },
    { "{\"confirm_s\":true}", "confirm_s" },
    { "{\"confirm_s\":\"x\"}", "confirm_s" },
    { "{\"requester\":\"me\"}", "requester" },
    { "{\"Reason\":\"x\"}", "Reason" },
    { "{\"iccid\":\"8949001312170061988\"}", "iccid" },
    { "{\"expect_enabled\":8949001312170061988}", "expect_enabled" },
    { "{\"\":1}", "" },
    { "[]", "" },
    { "null", "" },
    { "\"x\"", "" },
    { "7", "" },
    { "{", "" },
    { "{}{}", "" },
    { "{\"ttl_s\":01}", "" },
    { "{\"ttl_s\":1,\"ttl_s\":2}", "" },
    { "{\"ttl_s\":NaN}", "" },
    { "{\"reason\":\"\\u0000\"}", "" },
    { "{\"reason\":\"\xff\"}", "" },
    { "{\"force\":true,}", "" },
    { "{/**/}", "" },
    { "ttl_s=60", "" },
    { "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]", "" },
}; // clang-format on

static void enable(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct operation_request request = { .ttl_s = 77 };
        struct error e = body_parse_enable(rows[i].text, strlen(rows[i].text), &request);

        print_message("%s: %s %s\n", rows[i].text, e.field, e.message);
        assert_int_equal(e.code, rows[i].field ? ERROR_INVALID_REQUEST : ERROR_NONE);
        if (!rows[i].field)
            continue;
        if (rows[i].field[0])
            assert_string_equal(e.field, rows[i].field);
        assert_int_equal(request.ttl_s, 77);
        assert_string_equal(request.reason, "");
        assert_false(request.force || request.has_expect_enabled || request.confirm_s);
    }
}

static void enable_values(void **state)
{
    struct operation_request request = { 0 };

    (void)state;
    assert_ok(body_parse_enable(rows[3].text, strlen(rows[3].text), &request));
    assert_string_equal(request.reason, "weekly");
    assert_int_equal(request.ttl_s, 60);
    assert_true(request.force && request.has_expect_enabled);
    assert_int_equal(request.confirm_s, 300);
    assert_string_equal(request.expect_enabled.text, "8949001312170061988");
    /* The text ends where it says, not at a NUL. */
    assert_code(body_parse_enable("{}\0", 3, &request), ERROR_INVALID_REQUEST);
}

/* What stands in it is lock_test's. */
static void lock(void **state)
{
    static const struct {
        const char *text, *field, *holder;
    } bodies[] = {
        // clang-format off
        { "{\"holder\":\"a\",\"ttl_s\":1}", NULL, "a" },
        { "", "holder", NULL },
        { "{}", "holder", NULL },
        { "{\"holder\":\"a\"}", "ttl_s", NULL },
        { "{\"holder\":\"a\",\"ttl_s\":60,\"force\":true}", "force", NULL },
        { "{", "", NULL },
    }; // clang-format on

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct operation_lock_request lock = { .holder = "as before" };
        struct error e = body_parse_lock(bodies[i].text, strlen(bodies[i].text), &lock);

        print_message("%s: %s %s\n", bodies[i].text, e.field, e.message);
        assert_int_equal(e.code, bodies[i].field ? ERROR_INVALID_REQUEST : ERROR_NONE);
        assert_string_equal(e.field, bodies[i].field ? bodies[i].field : "");
        assert_string_equal(lock.holder, bodies[i].field ? "as before" : bodies[i].holder);
    }
}

static void nothing(void **state)
{
    (void)state;
    assert_ok(body_parse_nothing(NULL, 0));
    assert_ok(body_parse_nothing("{}", 2));
    assert_code(body_parse_nothing("[]", 2), ERROR_INVALID_REQUEST);
    assert_code(body_parse_nothing("{\"a\":1}", 7), ERROR_INVALID_REQUEST);
    assert_code(body_parse_nothing("x", 1), ERROR_INVALID_REQUEST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(enable),
        cmocka_unit_test(enable_values),
        cmocka_unit_test(lock),
        cmocka_unit_test(nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
