#include "agent/operation/limits.h"
#include "tests/test.h"

enum { S = 1000, MIN = 60 * S, H = 60 * MIN, AGES = 5 };

/* Newest first; 0 is the end. */
static const struct {
    const char *what;
    struct operations_limits limits;
    int64_t ages_ms[AGES];
    int64_t wait_ms;
} rows[] = {
    // clang-format off
    { "no limits, no history", { 0 }, { 0 }, 0 },
    { "no limits", { 0 }, { 1, 2, 3, 4 }, 0 },
    { "no history", { 60 * S, 1, 1 }, { 0 }, 0 },
    { "interval: just switched", { .min_interval_ms = 60 * S }, { 1 }, 60 * S - 1 },
    { "interval: almost over", { .min_interval_ms = 60 * S }, { 60 * S - 1 }, 1 },
    { "interval: over", { .min_interval_ms = 60 * S }, { 60 * S }, 0 },
    { "interval: the newest counts", { .min_interval_ms = 60 * S }, { 10 * S, 5 * H }, 50 * S },
    { "hour: fewer", { .max_per_hour = 3 }, { 1, 2 }, 0 },
    { "hour: as many, young", { .max_per_hour = 3 }, { 1, 2, 50 * MIN }, 10 * MIN },
    { "hour: the third is old", { .max_per_hour = 3 }, { 1, 2, H }, 0 },
    { "hour: more than allowed", { .max_per_hour = 2 }, { 1 * S, 2 * S, 3 * S }, H - 2 * S },
    { "day: as many, young", { .max_per_day = 2 }, { 1, 20 * H }, 4 * H },
    { "day: the second is old", { .max_per_day = 2 }, { 1, 24 * H }, 0 },
    { "the longest of them: interval", { 2 * H, 1, 4 }, { 1 * MIN, 2 * MIN }, 2 * H - MIN },
    { "the longest of them: hour", { 60 * S, 2, 4 }, { 30 * S, 10 * MIN }, 50 * MIN },
    { "the longest of them: day", { 60 * S, 2, 3 }, { 30 * S, 10 * MIN, 20 * H }, 4 * H },
    { "negative is none", { -1, -1, -1 }, { 1, 2, 3 }, 0 },
}; // clang-format on

static bool age_of(void *ctx, int64_t nth, int64_t *ret_age_ms)
{
    const int64_t *ages = ctx;

    assert_true(nth >= 1);
    for (int64_t i = 0; i < nth; i++)
        if (i == AGES || ages[i] == 0)
            return false;
    *ret_age_ms = ages[nth - 1];
    return true;
}

static void waits_for_the_longest(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t ages[AGES];

        print_message("%s\n", rows[i].what);
        memcpy(ages, rows[i].ages_ms, sizeof ages);
        assert_int_equal(limits_wait_ms(&rows[i].limits, age_of, ages), rows[i].wait_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(waits_for_the_longest) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
