#include "agent/operation/journal_clock.h"
#include "tests/test.h"

#define UTC INT64_C(1795464089120) /* 2026-11-23T20:01:29.120Z */
#define DAY (INT64_C(24) * 3600 * 1000)
#define YEAR (365 * DAY)

/* The journal's clock showed 1000 at the boot's 500. */
static const struct {
    const char *what, *last_boot, *boot;
    int64_t boot_ms, utc_ms;
    bool was_set, is_set;
    int64_t shows;
} rows[] = {
    // clang-format off
    { "the same boot", "a", "a", 2500, UTC + 2000, true, true, 3000 },
    { "the same boot, wall clock years on", "a", "a", 2500, UTC + 5 * YEAR, true, true, 3000 },
    { "the same boot, wall clock years back", "a", "a", 2500, UTC - 5 * YEAR, true, true, 3000 },
    { "the same moment", "a", "a", 500, UTC, true, true, 1000 },
    { "the same boot, yet earlier", "a", "a", 100, UTC, true, true, 1000 },
    { "rebooted", "a", "b", 300, UTC + 7000, true, true, 8000 },
    { "rebooted, off for a year", "a", "b", 300, UTC + YEAR, true, true, 1000 + YEAR },
    { "rebooted, off for ten years", "a", "b", 300, UTC + 10 * YEAR, true, true, 1000 + 10 * YEAR },
    { "rebooted, eleven years on", "a", "b", 300, UTC + 11 * YEAR, true, true, 1300 },
    { "rebooted, a day back", "a", "b", 300, UTC - DAY, true, true, 1300 },
    { "rebooted, years back", "a", "b", 300, UTC - 5 * YEAR, true, true, 1300 },
    { "rebooted, wall clock behind the uptime", "a", "b", 9000, UTC + 7000, true, true, 10000 },
    { "rebooted, now unset", "a", "b", 300, UTC + 7000, true, false, 1300 },
    { "rebooted, was unset", "a", "b", 300, UTC + 7000, false, true, 1300 },
    { "rebooted, never set", "a", "b", 300, UTC + 7000, false, false, 1300 },
    { "boots without a name", "", "", 300, UTC + 7000, true, true, 8000 },
    { "boots without a name, unset", "", "", 300, UTC + 7000, false, false, 1300 },
    { "a damaged wall clock", "a", "b", 300, INT64_MAX, true, true, 1300 },
    { "a wall clock before all", "a", "b", 300, INT64_MIN, true, true, 1300 },
}; // clang-format on

static void it_goes_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct journal_stamp last = { 1000, "", 500, UTC, rows[i].was_set };
        struct journal_stamp now = { -1, "", rows[i].boot_ms, rows[i].utc_ms, rows[i].is_set };

        print_message("%s\n", rows[i].what);
        strcpy(last.boot, rows[i].last_boot);
        strcpy(now.boot, rows[i].boot);
        assert_true(journal_clock_go_on(&last, &now) == rows[i].shows);
    }
}

/* A file may say anything; the sum stays a sum. */
static void it_never_overflows(void **state)
{
    static const int64_t odd[] = { INT64_MIN, -1, 0, 1, INT64_MAX - 1, INT64_MAX };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(odd); i++)
        for (size_t k = 0; k < ARRAY_LEN(odd); k++) {
            const struct journal_stamp last = { odd[i], "a", odd[k], odd[i], true };
            const struct journal_stamp same = { 0, "a", odd[i], odd[k], true };
            const struct journal_stamp other = { 0, "b", odd[i], odd[k], true };

            assert_true(journal_clock_go_on(&last, &same) >= 0);
            assert_true(journal_clock_go_on(&last, &other) >= 0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(it_goes_on),
                                        cmocka_unit_test(it_never_overflows) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
