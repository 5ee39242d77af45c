#include "agent/state/samples.h"

#include <string.h>

#include "tests/test.h"

static const int64_t noon_ms = INT64_C(1764158400000); /* 2025-11-26T12:00:00Z */

static struct sample got[SAMPLES_MAX];

static void add(struct samples *samples, int64_t at_ms, int64_t at_utc_ms)
{
    const struct connectivity reading = { .at_ms = at_ms, .at_utc_ms = at_utc_ms };

    samples_add(samples, &reading);
}

static void what_came_after(void **state)
{
    struct samples *samples = samples_new();

    (void)state;
    assert_int_equal(samples_newest(samples), 0);
    assert_int_equal(samples_after(samples, 0, SAMPLES_MAX, got), 0);
    for (int i = 1; i <= 5; i++)
        add(samples, 1000 * i, noon_ms + 1000 * i);
    assert_int_equal(samples_newest(samples), 5);
    assert_int_equal(samples_after(samples, 0, SAMPLES_MAX, got), 5);
    assert_int_equal(got[0].number, 1);
    assert_int_equal(got[4].reading.at_ms, 5000);
    assert_int_equal(samples_after(samples, 3, SAMPLES_MAX, got), 2);
    assert_int_equal(got[0].number, 4);
    /* The oldest of what does not fit all. */
    assert_int_equal(samples_after(samples, 1, 2, got), 2);
    assert_int_equal(got[0].number, 2);
    assert_int_equal(samples_after(samples, 5, SAMPLES_MAX, got), 0);
    assert_int_equal(samples_after(samples, 99, SAMPLES_MAX, got), 0);
    samples_free(samples);
    samples_free(NULL);
}

/* Ten times as many as there is room for: the first is still there, the newest are all there, and the
 * gaps never get wider towards now. */
static void the_oldest_are_thinned(void **state)
{
    struct samples *samples = samples_new();
    const int64_t all = 10 * SAMPLES_MAX;
    size_t count;

    (void)state;
    for (int64_t i = 1; i <= all; i++)
        add(samples, 1000 * i, noon_ms + 1000 * i);
    count = samples_after(samples, 0, SAMPLES_MAX, got);
    assert_true(count > SAMPLES_MAX / 2 && count <= SAMPLES_MAX);
    assert_int_equal(got[0].number, 1);
    assert_int_equal(got[count - 1].number, all);
    for (size_t i = 1; i < count; i++)
        assert_true(got[i].number > got[i - 1].number);
    for (size_t i = count - SAMPLES_MAX / 4; i < count; i++)
        assert_int_equal(got[i].number, got[i - 1].number + 1);
    assert_true(got[1].number - got[0].number > 8);
    samples_free(samples);
}

static void dated_once_the_clock_is_set(void **state)
{
    struct samples *samples = samples_new();

    (void)state;
    add(samples, 10000, 10000); /* 1970 */
    add(samples, 70000, 70000);
    assert_int_equal(samples_after(samples, 0, 2, got), 2);
    assert_int_equal(got[1].reading.at_utc_ms, 70000);
    add(samples, 130000, noon_ms);
    assert_int_equal(samples_after(samples, 0, 3, got), 3);
    assert_int_equal(got[0].reading.at_utc_ms, noon_ms - 120000);
    assert_int_equal(got[1].reading.at_utc_ms, noon_ms - 60000);
    assert_int_equal(got[2].reading.at_utc_ms, noon_ms);
    /* A clock that is corrected later moves none of them. */
    add(samples, 190000, noon_ms + 3600000);
    assert_int_equal(samples_after(samples, 0, 1, got), 1);
    assert_int_equal(got[0].reading.at_utc_ms, noon_ms - 120000);
    samples_free(samples);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_came_after),
        cmocka_unit_test(the_oldest_are_thinned),
        cmocka_unit_test(dated_once_the_clock_is_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
