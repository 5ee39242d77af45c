#include "mqtt/quiet.h"
#include "tests/test.h"

static void one_a_minute(void **state)
{
    static const struct {
        int64_t at_ms;
        bool said;
        int64_t unsaid;
    } rows[] = { { 1000, true, 0 },   { 1001, false, 0 },  { 60999, false, 0 }, { 61000, true, 2 },
                 { 61001, false, 0 }, { 900000, true, 1 }, { 2000000, true, 0 } };
    struct quiet q = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t unsaid = -1;

        assert_int_equal(quiet_lets(&q, rows[i].at_ms, &unsaid), rows[i].said);
        assert_int_equal(unsaid, rows[i].said ? rows[i].unsaid : -1);
    }
    assert_int_equal(q.count, ARRAY_LEN(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(one_a_minute) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
