#include "api/headers.h"
#include "tests/test.h"

/* `wait` -1: no such preference, or one that does not count. */
static const struct {
    const char *what, *prefer;
    int64_t wait;
} waits[] = {
    // clang-format off
    { "none", NULL, -1 },
    { "empty", "", -1 },
    { "plain", "wait=30", 30 },
    { "zero", "wait=0", 0 },
    { "the most", "wait=600", 600 },
    { "more than the most", "wait=601", 600 },
    { "overflowing", "wait=99999999999999999999999999", 600 },
    { "leading zeros", "wait=0000000000000000000000030", 30 },
    { "any case", "WaIt=7", 7 },
    { "quoted", "wait=\"12\"", 12 },
    { "blanks around the equals sign", "wait = 12", 12 },
    { "blanks around", "  wait=12\t", 12 },
    { "behind others", "respond-async, handling=lenient , wait=5", 5 },
    { "before others", "wait=5, respond-async", 5 },
    { "the first counts", "wait=5, wait=6", 5 },
    { "with a parameter", "wait=5; x=y", 5 },
    { "inside a quoted string", "foo=\", wait=9\", wait=5", 5 },
    { "only inside a quoted string", "foo=\", wait=9\"", -1 },
    { "behind an escaped quote", "foo=\"a\\\"b, wait=9\", wait=5", 5 },
    { "as a parameter of another", "foo; wait=9", -1 },
    { "commas only", ",, ,", -1 },
    { "empty elements", ",,wait=5,,", 5 },
    { "negative", "wait=-1", -1 },
    { "a fraction", "wait=1.5", -1 },
    { "no number", "wait=soon", -1 },
    { "no value", "wait", -1 },
    { "empty value", "wait=", -1 },
    { "empty quoted value", "wait=\"\"", -1 },
    { "quote not closed", "wait=\"5", -1 },
    { "escape at the end", "wait=\"5\\", -1 },
    { "a longer name", "waiting=5", -1 },
    { "two words", "wait=5 6", -1 },
    { "signs", "wait=+5", -1 },
    { "malformed before it", "=, wait=5", 5 },
}; // clang-format on

static void prefer_wait(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        int64_t wait = -1;

        print_message("%s\n", waits[i].what);
        assert_int_equal(headers_prefer_wait(waits[i].prefer, &wait), waits[i].wait >= 0);
        assert_int_equal(wait, waits[i].wait);
    }
}

static const struct {
    const char *accept;
    bool ok;
} accepts[] = {
    // clang-format off
    { NULL, true },
    { "", true },
    { "*/*", true },
    { "application/json", true },
    { "APPLICATION/JSON", true },
    { "application/*", true },
    { "application/json;charset=utf-8", true },
    { "text/html, application/json;q=0.1", true },
    { "text/html,*/*;q=0.8", true },
    { "application/json;q=0.001", true },
    { "application/json ; q=1.000", true },
    { "application/problem+json, application/json", true },
    { "text/html", false },
    { "text/*", false },
    { "application/xml", false },
    { "application/problem+json", false },
    { "application/json;q=0", false },
    { "application/json;q=0.000", false },
    { "application/json;q=0, */*", false }, /* the closest range counts */
    { "*/*, application/json;q=0", false },
    { "application/*;q=0, */*", false },
    { "*/*;q=0", false },
    { "application/jsonx", false },
    /* Malformed is as none. */
    { "json", true },
    { "text/html;q=2", true },
    { "text/html;q=0.1234", true },
    { "text/html;q=\"", true },
    { "text/", true },
    { "text/html application/xml", true },
}; // clang-format on

static void accept_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(accepts); i++) {
        print_message("%s\n", accepts[i].accept ? accepts[i].accept : "none");
        assert_int_equal(headers_accept(accepts[i].accept, "application/json"), accepts[i].ok);
    }
}

static void accept_others(void **state)
{
    (void)state;
    assert_true(headers_accept("text/event-stream", "text/event-stream"));
    assert_true(headers_accept("text/*;q=0.2, application/json;q=0", "text/css; charset=utf-8"));
    assert_false(headers_accept("application/json", "text/event-stream"));
    assert_false(headers_accept("text/html", "text/plain; version=0.0.4; charset=utf-8"));
}

static const struct {
    const char *type;
    bool ok;
} types[] = {
    // clang-format off
    { "application/json", true },
    { "Application/JSON", true },
    { "application/json; charset=utf-8", true },
    { "application/json;charset=\"UTF-8\"", true },
    { "application/json ;", true },
    { " application/json ", true },
    { "application/json; version=1", true },
    { NULL, false },
    { "", false },
    { "text/json", false },
    { "application/*", false },
    { "*/*", false },
    { "application/json; charset=latin1", false },
    { "application/json; charset=utf-16", false },
    { "application/json; charset", false },
    { "application/json, text/plain", false },
    { "application/jsonp", false },
    { "application/json charset=utf-8", false },
    { "application/x-www-form-urlencoded", false },
    { "application", false },
    { "application/json; =", false },
}; // clang-format on

static void is_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        print_message("%s\n", types[i].type ? types[i].type : "none");
        assert_int_equal(headers_is_json(types[i].type), types[i].ok);
    }
}

static const struct {
    const char *value;
    bool fresh;
} caches[] = {
    // clang-format off
    { NULL, false },
    { "", false },
    { "no-cache", true },
    { "No-Cache", true },
    { "max-age=0, no-cache", true },
    { "no-cache=\"x\"", true },
    { "no-store", false },
    { "max-age=0", false },
    { "no-caches", false },
    { "x=\"no-cache\"", false },
    { "x=\", no-cache, \"", false },
    { "x=\", no-cache", false },
}; // clang-format on

static void want_fresh(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(caches); i++) {
        print_message("%s\n", caches[i].value ? caches[i].value : "none");
        if (i + 1 < ARRAY_LEN(caches)) /* a quote that is not closed: whatever, but it ends */
            assert_int_equal(headers_want_fresh(caches[i].value), caches[i].fresh);
        else
            (void)headers_want_fresh(caches[i].value);
    }
}

static void names(void **state)
{
    (void)state;
    for (int i = 0; i < HEADER_COUNT; i++)
        assert_int_equal(header_find(header_name((enum header)i)), i);
    assert_int_equal(header_find("prefer"), HEADER_PREFER);
    assert_int_equal(header_find("X-Other"), HEADER_COUNT);
    assert_true(header_is_list(HEADER_PREFER));
    assert_false(header_is_list(HEADER_HOST));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefer_wait),   cmocka_unit_test(accept_json),
        cmocka_unit_test(accept_others), cmocka_unit_test(is_json),
        cmocka_unit_test(want_fresh),    cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
