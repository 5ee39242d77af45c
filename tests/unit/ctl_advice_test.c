#include "ctl/advice.h"
#include "tests/test.h"

static void knows_every_code(void **state)
{
    (void)state;
    assert_string_equal(advice_of(ERROR_NONE), "");
    for (int code = ERROR_NONE + 1; code < ERROR_CODES; code++) {
        const char *name = error_code_name((enum error_code)code);

        print_message("%s\n", name);
        assert_true(strlen(advice_of((enum error_code)code)) > 20);
        assert_string_equal(advice_of_name(name), advice_of((enum error_code)code));
        /* The doctor's rows take it whole. */
        assert_true(strlen(advice_of((enum error_code)code)) < 256);
    }
}

static void knows_nothing_of_others(void **state)
{
    (void)state;
    assert_string_equal(advice_of(ERROR_CODES), "");
    assert_string_equal(advice_of((enum error_code) - 1), "");
    assert_string_equal(advice_of_name("gremlins"), "");
    assert_string_equal(advice_of_name(""), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_every_code),
        cmocka_unit_test(knows_nothing_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
