#include "agent/state/metrics.h"

#include <pthread.h>

#include "tests/test.h"

/* A value lies in the bucket whose bound is not below it. */
static const struct {
    int64_t ms;
    size_t bucket;
} rows[] = {
    { 0, 0 },    { 100, 0 },   { 101, 1 },    { 250, 1 },     { 999, 3 },     { 1000, 3 },
    { 1001, 4 }, { 60000, 9 }, { 60001, 10 }, { 600000, 12 }, { 600001, 13 }, { INT64_MAX / 2, 13 },
};

static void values_find_their_bucket(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct metrics *metrics = metrics_new();
        struct metrics_values now;

        print_message("%lld ms\n", (long long)rows[i].ms);
        metrics_add_phase(metrics, 3, rows[i].ms);
        metrics_copy(metrics, &now);
        for (size_t k = 0; k <= METRICS_BUCKETS; k++)
            assert_int_equal(now.phases[3].buckets[k], k == rows[i].bucket);
        assert_int_equal(now.phases[3].sum_ms, rows[i].ms);
        metrics_free(metrics);
    }
    for (size_t i = 1; i < METRICS_BUCKETS; i++)
        assert_true(metrics_bounds_ms[i - 1] < metrics_bounds_ms[i]);
    assert_int_equal(metrics_bounds_ms[0], 100);
    assert_int_equal(metrics_bounds_ms[METRICS_BUCKETS - 1], 600000);
}

/* Where a row of the table is missing, nothing is written beside it. */
static void what_is_outside_of_the_table_is_not_counted(void **state)
{
    struct metrics_values now, none = { 0 };
    struct metrics *metrics = metrics_new();

    (void)state;
    metrics_count(metrics, METRICS_COUNTERS);
    metrics_count_end(metrics, METRICS_CHANNELS, 1, ERROR_NONE);
    metrics_count_end(metrics, 0, METRICS_STATES, ERROR_NONE);
    metrics_count_end(metrics, 0, 1, ERROR_CODES);
    metrics_add_phase(metrics, METRICS_PHASES, 1);
    metrics_add_phase(metrics, 1, -1); /* not known */
    metrics_add_switch(metrics, METRICS_STATES, 1);
    metrics_add_blackout(metrics, -1);
    metrics_count_http(metrics, METRICS_ROUTES, 200);
    metrics_count_http(metrics, 1, 99);
    metrics_count_http(metrics, 1, 600);
    metrics_add_open(metrics, METRICS_OPEN, 1);
    metrics_copy(metrics, &now);
    assert_memory_equal(&now, &none, sizeof now);
    metrics_free(metrics);
}

static void what_is_inside_is(void **state)
{
    const struct traffic traffic = { .came = 3 };
    const struct metrics_outbox outbox = { .rows = 2, .oldest_ms = 7 };
    struct metrics *metrics = metrics_new();
    struct metrics_values now;

    (void)state;
    metrics_count(metrics, METRICS_JOURNAL_RECOVERED);
    metrics_count_end(metrics, 3, 7, ERROR_NONE);
    metrics_count_end(metrics, 1, 5, ERROR_LOCKED);
    metrics_add_switch(metrics, 3, 1500);
    metrics_add_blackout(metrics, 0);
    metrics_count_http(metrics, 2, 204);
    metrics_count_http(metrics, 2, 599);
    metrics_add_open(metrics, METRICS_CONNECTIONS, +2);
    metrics_add_open(metrics, METRICS_CONNECTIONS, -1);
    metrics_set_traffic(metrics, &traffic);
    metrics_set_outbox(metrics, &outbox);
    metrics_set_journal_fails(metrics, true);
    metrics_copy(metrics, &now);
    assert_int_equal(now.counters[METRICS_JOURNAL_RECOVERED], 1);
    assert_int_equal(now.operations[3][7], 1);
    assert_int_equal(now.operations[1][5], 1);
    assert_int_equal(now.errors[1][5][ERROR_LOCKED], 1);
    assert_int_equal(now.errors[3][7][ERROR_NONE], 0);
    assert_int_equal(now.switches[3].sum_ms, 1500);
    assert_int_equal(now.blackout.buckets[0], 1);
    assert_int_equal(now.http[2][1], 1);
    assert_int_equal(now.http[2][4], 1);
    assert_int_equal(now.open[METRICS_CONNECTIONS], 1);
    assert_int_equal(now.traffic.came, 3);
    assert_int_equal(now.outbox.oldest_ms, 7);
    assert_true(now.journal_fails);
    metrics_free(metrics);
}

/* Unit tests of the doors, and whoever wants no page, have none. */
static void without_a_table_nothing_happens(void **state)
{
    struct metrics_values now, none = { 0 };

    (void)state;
    metrics_count(NULL, METRICS_ROLLBACKS);
    metrics_count_end(NULL, 0, 1, ERROR_NONE);
    metrics_add_phase(NULL, 1, 1);
    metrics_add_switch(NULL, 1, 1);
    metrics_add_blackout(NULL, 1);
    metrics_count_http(NULL, 1, 200);
    metrics_add_open(NULL, METRICS_LISTENERS, 1);
    metrics_set_traffic(NULL, &(struct traffic){ 0 });
    metrics_set_outbox(NULL, &(struct metrics_outbox){ 0 });
    metrics_set_journal_fails(NULL, true);
    metrics_copy(NULL, &now);
    assert_memory_equal(&now, &none, sizeof now);
    metrics_free(NULL);
}

enum { THREADS = 4, TIMES = 5000 };

static void *count_much(void *ctx)
{
    struct metrics_values now;

    for (int i = 0; i < TIMES; i++) {
        metrics_count(ctx, METRICS_MQTT_SENT);
        metrics_add_phase(ctx, 1, i);
        if (i % 500 == 0)
            metrics_copy(ctx, &now);
    }
    return NULL;
}

static void any_thread_counts(void **state)
{
    struct metrics *metrics = metrics_new();
    struct metrics_values now;
    pthread_t threads[THREADS];
    uint64_t sum = 0;

    (void)state;
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_much, metrics), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    metrics_copy(metrics, &now);
    for (size_t k = 0; k <= METRICS_BUCKETS; k++)
        sum += now.phases[1].buckets[k];
    assert_int_equal(now.counters[METRICS_MQTT_SENT], THREADS * TIMES);
    assert_int_equal(sum, THREADS * TIMES);
    metrics_free(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_find_their_bucket),
        cmocka_unit_test(what_is_outside_of_the_table_is_not_counted),
        cmocka_unit_test(what_is_inside_is),
        cmocka_unit_test(without_a_table_nothing_happens),
        cmocka_unit_test(any_thread_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
