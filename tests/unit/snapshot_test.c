#include "agent/state/snapshot.h"

#include <pthread.h>
#include <stdatomic.h>

#include "tests/test.h"

static void the_first_says_that_there_is_nothing(void **unused)
{
    struct state *state = state_new();
    const struct snapshot *now;

    (void)unused;
    assert_non_null(state);
    now = state_take(state);
    assert_int_equal(now->modem, MODEM_ABSENT);
    assert_int_equal(now->trouble.code, ERROR_MODEM_ABSENT);
    assert_false(now->has_eid || now->has_list || now->has_connectivity || now->switching);
    assert_string_equal(now->etag, "");
    snapshot_release(now);
    state_free(state);
    state_free(NULL);
}

/* Who holds one keeps it as it was, also past the end of the state. */
static void users_keep_theirs_while_it_is_replaced(void **unused)
{
    struct state *state = state_new();
    struct snapshot next = { .modem = MODEM_READY, .etag = "\"1\"" };
    const struct snapshot *first, *again, *second, *third;

    (void)unused;
    first = state_take(state);
    again = state_take(state);
    assert_ptr_equal(first, again);
    assert_ok(state_publish(state, &next));
    second = state_take(state);
    strcpy(next.etag, "\"2\""); /* copied, not kept */
    assert_ok(state_publish(state, &next));
    third = state_take(state);
    assert_string_equal(first->etag, "");
    assert_string_equal(second->etag, "\"1\"");
    assert_string_equal(third->etag, "\"2\"");
    snapshot_release(first);
    assert_int_equal(again->trouble.code, ERROR_MODEM_ABSENT);
    snapshot_release(again);
    snapshot_release(second);
    state_free(state);
    assert_string_equal(third->etag, "\"2\"");
    snapshot_release(third);
}

enum { READERS = 4, ROUNDS = 1500 };

struct crowd {
    struct state *state;
    atomic_bool over;
};

/* A snapshot is whole: its parts were written by one publication. */
static void *read_on(void *ctx)
{
    struct crowd *crowd = ctx;
    int64_t last = 0;
    intptr_t wrong = 0;

    while (!atomic_load(&crowd->over)) {
        const struct snapshot *one = state_take(crowd->state);
        const struct snapshot *two = state_take(crowd->state);

        if (one->eid_at_ms != one->list_at_ms || one->list_at_ms != one->enabled_since_utc_ms ||
            one->eid_at_ms < last || two->eid_at_ms < one->eid_at_ms)
            wrong++;
        last = one->eid_at_ms;
        snapshot_release(one);
        snapshot_release(two);
    }
    return (void *)wrong;
}

static void threads_see_whole_ones_in_order(void **unused)
{
    struct crowd crowd = { .state = state_new() };
    pthread_t readers[READERS];
    struct snapshot next = { 0 };

    (void)unused;
    atomic_init(&crowd.over, false);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_on, &crowd), 0);
    for (int64_t i = 1; i <= ROUNDS; i++) {
        next.eid_at_ms = next.list_at_ms = next.enabled_since_utc_ms = i;
        assert_ok(state_publish(crowd.state, &next));
    }
    atomic_store(&crowd.over, true);
    for (int i = 0; i < READERS; i++) {
        void *wrong;

        assert_int_equal(pthread_join(readers[i], &wrong), 0);
        assert_int_equal((intptr_t)wrong, 0);
    }
    state_free(crowd.state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_says_that_there_is_nothing),
        cmocka_unit_test(users_keep_theirs_while_it_is_replaced),
        cmocka_unit_test(threads_see_whole_ones_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
