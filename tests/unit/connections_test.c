#include "api/connections.h"

#include "agent/base/clock.h"
#include "tests/test.h"

enum { CROWD = 6 };

static struct connections all;
static struct connections_link links[CROWD];

/* Everyone of the crowd, one a millisecond, with 100 ms. */
static void fill(size_t max, size_t count)
{
    connections_init(&all, max);
    for (size_t i = 0; i < count; i++)
        connections_add(&all, &links[i], &links[i], (int64_t)i + 100);
}

/* Who is ended at that time: their numbers, in that order. */
static const char *ended(int64_t now_ms)
{
    static char text[CROWD + 1];
    size_t n = 0;

    for (struct connections_link *l; (l = connections_end_one(&all, now_ms)) != NULL;) {
        assert_ptr_equal(l->owner, l);
        assert_true(n < CROWD);
        text[n++] = (char)('0' + (l - links));
    }
    text[n] = '\0';
    return text;
}

static void late(void **state)
{
    (void)state;
    fill(10, 4);
    assert_int_equal(connections_deadline_ms(&all), 100);
    assert_string_equal(ended(99), "");
    assert_string_equal(ended(101), "01");
    assert_int_equal(all.count, 2);
    assert_int_equal(connections_deadline_ms(&all), 102);
    connections_touch(&all, &links[2], 500);
    assert_string_equal(ended(103), "3");
    assert_int_equal(connections_deadline_ms(&all), 500);
    /* Nobody is ended twice, and who is ended does not come back. */
    connections_touch(&all, &links[3], 400);
    connections_hold(&all, &links[3]);
    assert_string_equal(ended(499), "");
    for (size_t i = 0; i < 4; i++)
        connections_remove(&all, &links[i]);
    assert_int_equal(all.count, 0);
    assert_null(all.oldest);
    assert_null(all.newest);
    assert_string_equal(ended(CLOCK_NEVER - 1), "");
    assert_int_equal(connections_deadline_ms(&all), CLOCK_NEVER);
}

static void too_many(void **state)
{
    (void)state;
    fill(3, 3);
    assert_string_equal(ended(10), "");
    connections_touch(&all, &links[0], 200);
    connections_add(&all, &links[3], &links[3], 200);
    connections_add(&all, &links[4], &links[4], 200);
    assert_string_equal(ended(10), "12");
    assert_int_equal(all.count, 3);
    /* The ended leave in their time, and count no more. */
    connections_remove(&all, &links[2]);
    assert_int_equal(all.count, 3);
    connections_remove(&all, &links[0]);
    connections_add(&all, &links[5], &links[5], 200);
    assert_string_equal(ended(10), "");
}

static void held(void **state)
{
    (void)state;
    fill(2, 2);
    connections_hold(&all, &links[0]);
    connections_add(&all, &links[2], &links[2], 300);
    assert_string_equal(ended(50), "1");
    assert_string_equal(ended(250), "");
    connections_hold(&all, &links[2]);
    assert_string_equal(ended(CLOCK_NEVER - 1), "");
    /* All that stay are held: the one who comes has to go. */
    connections_add(&all, &links[3], &links[3], 300);
    assert_string_equal(ended(50), "3");
    /* Touched, it is as all the others. */
    connections_touch(&all, &links[0], 260);
    assert_string_equal(ended(260), "0");
    assert_int_equal(all.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(late),
        cmocka_unit_test(too_many),
        cmocka_unit_test(held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
