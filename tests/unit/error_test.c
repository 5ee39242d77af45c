#include "agent/base/error.h"
#include "tests/test.h"

/* Every code has one name, of lower-case words. */
static void names_both_ways(void **state)
{
    (void)state;
    for (int code = ERROR_NONE + 1; code < ERROR_CODES; code++) {
        enum error_code back = ERROR_NONE;
        const char *name = error_code_name((enum error_code)code);

        print_message("%d %s\n", code, name);
        assert_true(strlen(name) > 0 &&
                    strspn(name, "abcdefghijklmnopqrstuvwxyz-") == strlen(name));
        assert_true(error_code_from_name(name, &back));
        assert_int_equal(back, code);
    }
    assert_string_equal(error_code_name(ERROR_NONE), "");
    assert_string_equal(error_code_name(ERROR_CODES), "internal");
}

static void no_such_name(void **state)
{
    enum error_code code = ERROR_CARD;

    (void)state;
    assert_false(error_code_from_name("", &code));
    assert_false(error_code_from_name("card", &code));
    assert_int_equal(code, ERROR_CARD);
}

static void messages_are_cut_and_printable(void **state)
{
    char longer[2 * ERROR_MESSAGE_MAX];
    struct error e;

    (void)state;
    e = error_make(ERROR_IN_SYSTEM, ERROR_INTERNAL, 5, "a\nb\tc\x7f%s", "\x1b[31m");
    assert_string_equal(e.message, "a?b?c??[31m");
    assert_int_equal(e.detail, 5);

    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    e = error_make(ERROR_IN_AGENT, ERROR_INTERNAL, 0, "%s", longer);
    assert_int_equal(strlen(e.message), ERROR_MESSAGE_MAX);

    /* The cut falls into the middle of a character. */
    memcpy(longer + ERROR_MESSAGE_MAX - 1, "\xE2\x82\xAC", 3);
    e = error_make(ERROR_IN_AGENT, ERROR_INTERNAL, 0, "%s", longer);
    assert_int_equal(strlen(e.message), ERROR_MESSAGE_MAX - 1);
}

static void context_keeps_what_it_is(void **state)
{
    struct error e = error_make(ERROR_IN_CARD, ERROR_POLICY_FORBIDS, 0x69E1, "refused");

    (void)state;
    e = error_within(e, "enable %s", "x");
    assert_string_equal(e.message, "enable x: refused");
    assert_int_equal(e.code, ERROR_POLICY_FORBIDS);
    assert_int_equal(e.domain, ERROR_IN_CARD);
    assert_int_equal(e.detail, 0x69E1);
    for (int i = 0; i < 40; i++)
        e = error_within(e, "again");
    assert_int_equal(strlen(e.message), ERROR_MESSAGE_MAX);
}

static void a_field_is_named(void **state)
{
    struct error e = error_field("args.ttl_s", "expected %d", 7);

    (void)state;
    assert_int_equal(e.code, ERROR_INVALID_REQUEST);
    assert_string_equal(e.field, "args.ttl_s");
    assert_string_equal(e.message, "expected 7");
}

static const struct {
    enum error_domain domain;
    int detail;
    const char *text;
} finals[] = {
    // clang-format off
    { ERROR_IN_MODEM, 14, "+CME ERROR: 14" },
    { ERROR_IN_MODEM, 0, "+CME ERROR: 0" },
    { ERROR_IN_MODEM, ERROR_FINAL_ERROR, "ERROR" },
    { ERROR_IN_MODEM, ERROR_FINAL_NO_CARRIER, "NO CARRIER" },
    { ERROR_IN_MODEM, ERROR_FINAL_ABORTED, "ABORTED" },
    { ERROR_IN_MODEM, ERROR_FINAL_BUSY, "BUSY" },
    { ERROR_IN_MODEM, ERROR_FINAL_NONE, "" },
    { ERROR_IN_MODEM, ERROR_FINAL_CMS - 310, "+CMS ERROR: 310" },
    { ERROR_IN_CARD, 0x6A82, "" },
    { ERROR_IN_AGENT, 0, "" },
}; // clang-format on

static void final_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(finals); i++) {
        struct error e = { .code = ERROR_CARD,
                           .domain = finals[i].domain,
                           .detail = finals[i].detail };
        char text[ERROR_FINAL_MAX + 1];

        error_final_text(&e, text);
        assert_string_equal(text, finals[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_both_ways),
        cmocka_unit_test(no_such_name),
        cmocka_unit_test(messages_are_cut_and_printable),
        cmocka_unit_test(context_keeps_what_it_is),
        cmocka_unit_test(a_field_is_named),
        cmocka_unit_test(final_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
