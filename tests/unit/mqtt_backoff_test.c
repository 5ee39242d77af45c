#include "mqtt/backoff.h"
#include "tests/test.h"

static void grows_to_the_longest(void **state)
{
    static const int64_t ceilings[] = { 5000, 10000, 20000, 40000, 80000, 160000, 300000, 300000 };
    struct backoff b = backoff_make(5000, 300000);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ceilings); i++) {
        struct backoff least = b;

        assert_int_equal(backoff_ceiling_ms(&b), ceilings[i]);
        assert_int_equal(backoff_next_ms(&least, 0), 0);
        assert_int_equal(backoff_next_ms(&b, UINT32_MAX), ceilings[i]);
    }
    for (int i = 0; i < 1000; i++)
        assert_true(backoff_next_ms(&b, UINT32_MAX) == 300000);
}

static void begins_anew_after_a_minute(void **state)
{
    struct backoff b = backoff_make(5000, 300000);

    (void)state;
    for (int i = 0; i < 4; i++)
        (void)backoff_next_ms(&b, 1);
    backoff_ended(&b, BACKOFF_HELD_MS - 1);
    assert_int_equal(backoff_ceiling_ms(&b), 80000);
    backoff_ended(&b, BACKOFF_HELD_MS);
    assert_int_equal(backoff_ceiling_ms(&b), 5000);
}

static void a_refusal_waits_long_at_once(void **state)
{
    struct backoff b = backoff_make(5000, 300000);

    (void)state;
    assert_int_equal(backoff_longest_ms(&b, 0), 300000);
    assert_int_equal(backoff_longest_ms(&b, UINT32_MAX), 150000);
}

/* Neither fast, nor long: a switch waits. The back-off of before goes on afterwards. */
static void while_a_switch_waits(void **state)
{
    (void)state;
    assert_int_equal(backoff_hurried_ms(false, 0), BACKOFF_HURRIED_MS);
    assert_int_equal(backoff_hurried_ms(false, UINT32_MAX), BACKOFF_HURRIED_MS / 2);
    assert_int_equal(backoff_hurried_ms(true, 0), BACKOFF_HURRIED_REFUSED_MS);
    assert_int_equal(backoff_hurried_ms(true, UINT32_MAX), BACKOFF_HURRIED_REFUSED_MS / 2);
}

static void odd_limits(void **state)
{
    struct backoff turned = backoff_make(9000, 1000);
    struct backoff widest = backoff_make(604800000, 604800000);

    (void)state;
    assert_int_equal(backoff_ceiling_ms(&turned), 9000);
    assert_int_equal(backoff_next_ms(&widest, UINT32_MAX), 604800000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_to_the_longest),
        cmocka_unit_test(begins_anew_after_a_minute),
        cmocka_unit_test(a_refusal_waits_long_at_once),
        cmocka_unit_test(while_a_switch_waits),
        cmocka_unit_test(odd_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
