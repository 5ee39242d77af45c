#include "agent/base/cursor.h"
#include "tests/test.h"

static const uint8_t bytes[] = { 1, 2, 3, 4, 5 };

static void takes_up_to_the_end(void **state)
{
    struct cursor c = cursor_of(bytes, sizeof bytes);
    const uint8_t *at = NULL;
    uint8_t byte = 0;

    (void)state;
    assert_true(cursor_take_u8(&c, &byte));
    assert_int_equal(byte, 1);
    assert_true(cursor_take_bytes(&c, 4, &at));
    assert_ptr_equal(at, bytes + 1);
    assert_int_equal(c.left, 0);
    assert_true(cursor_take_bytes(&c, 0, &at));
    assert_false(cursor_take_u8(&c, &byte));
    assert_int_equal(byte, 1);
}

/* Every length from 0 to beyond the end, from every place. */
static void a_take_that_fails_changes_nothing(void **state)
{
    (void)state;
    for (size_t from = 0; from <= sizeof bytes; from++)
        for (size_t len = 0; len <= sizeof bytes + 1; len++) {
            struct cursor c = cursor_of(bytes + from, sizeof bytes - from);
            struct cursor part = { .at = NULL, .left = 99 };
            bool fits = len <= sizeof bytes - from;

            assert_int_equal(cursor_take_cursor(&c, len, &part), fits);
            assert_int_equal(part.left, fits ? len : 99);
            assert_int_equal(c.left, sizeof bytes - from - (fits ? len : 0));
            assert_ptr_equal(c.at, bytes + from + (fits ? len : 0));
        }
}

static void no_length_wraps(void **state)
{
    struct cursor c = cursor_of(bytes, sizeof bytes);
    struct cursor empty = cursor_of(NULL, 0);
    const uint8_t *at = bytes;
    uint8_t byte = 7;

    (void)state;
    assert_false(cursor_take_bytes(&c, SIZE_MAX, &at));
    assert_int_equal(c.left, sizeof bytes);
    assert_false(cursor_take_u8(&empty, &byte));
    assert_true(cursor_take_bytes(&empty, 0, &at));
    assert_int_equal(byte, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_up_to_the_end),
        cmocka_unit_test(a_take_that_fails_changes_nothing),
        cmocka_unit_test(no_length_wraps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
