#include "agent/operation/history.h"
#include "tests/test.h"

enum { ROW_MAX = 6 };

#define DAY INT64_C(1795464089120) /* by a clock that is set */

#define OK(how_long, when)                                                                         \
    {                                                                                              \
        .ms = (how_long), .at_utc_ms = DAY + (when)                                                \
    }
#define FAILED(why, when)                                                                          \
    {                                                                                              \
        .ms = 999999, .code = (why), .at_utc_ms = DAY + (when)                                     \
    }

/* Newest first. */
static const struct {
    const char *what;
    size_t count;
    struct journal_result results[ROW_MAX];
    struct history expected;
} rows[] = {
    // clang-format off
    { "none", 0, { { .ms = 0 } }, { 0 } },
    { "one", 1, { OK(20000, 50) }, { 1, 0, true, DAY + 50, 20000, 20000, ERROR_NONE } },
    { "two", 2, { OK(30000, 50), OK(20001, 40) }, { 2, 0, true, DAY + 50, 25000, 30000, ERROR_NONE } },
    { "three, in no order", 3, { OK(30000, 50), OK(90000, 40), OK(20000, 30) }, { 3, 0, true, DAY + 50, 30000, 90000, ERROR_NONE } },
    { "only failed", 2, { FAILED(ERROR_NO_DATA, 50), FAILED(ERROR_UNREACHABLE, 40) }, { 2, 2, false, 0, 0, 0, ERROR_NO_DATA } },
    { "failed after it was proven", 4, { FAILED(ERROR_UNREACHABLE, 60), FAILED(ERROR_NO_DATA, 50), OK(7000, 40), OK(9000, 30) }, { 4, 2, true, DAY + 40, 8000, 9000, ERROR_UNREACHABLE } },
    { "proven after it failed", 3, { OK(7000, 60), FAILED(ERROR_NO_DATA, 50), OK(5000, 40) }, { 3, 1, true, DAY + 60, 6000, 7000, ERROR_NONE } },
    { "proven by a clock that was not set", 1, { { .ms = 7000, .at_utc_ms = 50 } }, { 1, 0, true, 0, 7000, 7000, ERROR_NONE } },
    { "and before by one that was", 2, { { .ms = 7000, .at_utc_ms = 50 }, OK(9000, 30) }, { 2, 0, true, DAY + 30, 8000, 9000, ERROR_NONE } },
}; // clang-format on

static void assert_history(const struct history *got, const struct history *expected)
{
    assert_int_equal(got->count, expected->count);
    assert_int_equal(got->failed, expected->failed);
    assert_int_equal(got->has_proven, expected->has_proven);
    assert_int_equal(got->proven_utc_ms, expected->proven_utc_ms);
    assert_int_equal(got->median_ms, expected->median_ms);
    assert_int_equal(got->p95_ms, expected->p95_ms);
    assert_int_equal(got->last_error, expected->last_error);
}

static void table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct history history = { .count = 77 };

        print_message("%s\n", rows[i].what);
        history_from_results(rows[i].results, rows[i].count, &history);
        assert_history(&history, &rows[i].expected);
    }
}

/* 1 s to `count` s, shuffled: 7 has no divisor in common with the numbers below. */
static void percentiles(void **state)
{
    static const struct {
        size_t count;
        int64_t median_ms, p95_ms;
    } of[] = {
        { 19, 10000, 19000 },
        { 20, 10500, 19000 },
        { 40, 20500, 38000 },
        { 100, 50500, 95000 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(of); i++) {
        struct journal_result results[HISTORY_MAX] = { { .ms = 0 } };
        struct history history;

        for (size_t j = 0; j < of[i].count; j++)
            results[j].ms = 1000 * (int64_t)(1 + 7 * j % of[i].count);
        history_from_results(results, of[i].count, &history);
        assert_int_equal(history.median_ms, of[i].median_ms);
        assert_int_equal(history.p95_ms, of[i].p95_ms);
    }
}

static void more_than_are_looked_at(void **state)
{
    struct journal_result results[HISTORY_MAX + 1] = { { .ms = 5 } };
    struct history history;

    (void)state;
    results[HISTORY_MAX].code = ERROR_NO_DATA;
    history_from_results(results, ARRAY_LEN(results), &history);
    assert_int_equal(history.count, HISTORY_MAX);
    assert_int_equal(history.failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),
        cmocka_unit_test(percentiles),
        cmocka_unit_test(more_than_are_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
