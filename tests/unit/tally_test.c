#include "agent/operation/tally.h"

#include "agent/operation/operation.h"
#include "agent/state/bus.h"
#include "agent/state/metrics.h"
#include "tests/test.h"

/* What ended, and what that adds to. */
static const struct {
    const char *what;
    struct operation op;
    enum bus_event event;
    unsigned ends, switches, blackouts, rollbacks, stranded;
} rows[] = {
    // clang-format off
    { "it waits", { .state = OPERATION_ACCEPTED }, BUS_OPERATION, 0, 0, 0, 0, 0 },
    { "it runs", { .state = OPERATION_RUNNING, .sent = true }, BUS_OPERATION, 0, 0, 0, 0, 0 },
    { "succeeded", { .state = OPERATION_SUCCEEDED, .sent = true, .has_result = true, .changed = true, .blackout_ms = 900 }, BUS_OPERATION, 1, 1, 1, 0, 0 },
    { "told again", { .state = OPERATION_SUCCEEDED, .sent = true, .has_result = true, .changed = true, .blackout_ms = 900 }, BUS_OPERATION_AGAIN, 0, 0, 0, 0, 0 },
    { "without a measure", { .state = OPERATION_SUCCEEDED, .sent = true, .has_result = true, .changed = true, .blackout_ms = -1 }, BUS_OPERATION, 1, 1, 0, 0, 0 },
    { "was enabled", { .state = OPERATION_SUCCEEDED, .has_result = true }, BUS_OPERATION, 1, 0, 0, 0, 0 },
    { "the card said no", { .state = OPERATION_FAILED, .sent = true, .has_result = true, .problem.error.code = ERROR_POLICY_FORBIDS }, BUS_OPERATION, 1, 1, 0, 0, 0 },
    { "rolled back", { .state = OPERATION_FAILED, .phase = PHASE_ROLLED_BACK, .sent = true, .has_result = true, .blackout_ms = 5000, .problem.error.code = ERROR_NOT_REGISTERED }, BUS_OPERATION, 1, 1, 1, 1, 0 },
    { "stranded", { .state = OPERATION_FAILED, .phase = PHASE_ROLLING_BACK, .sent = true, .problem.error.code = ERROR_STRANDED }, BUS_OPERATION, 1, 1, 0, 0, 1 },
    { "canceled", { .state = OPERATION_CANCELED }, BUS_OPERATION, 1, 0, 0, 0, 0 },
    { "expired", { .state = OPERATION_EXPIRED, .problem.error.code = ERROR_EXPIRED }, BUS_OPERATION, 1, 0, 0, 0, 0 },
    { "rejected", { .state = OPERATION_REJECTED, .problem.error.code = ERROR_COOLDOWN }, BUS_OPERATION, 1, 0, 0, 0, 0 },
}; // clang-format on

static uint64_t count_of(const struct metrics_histogram *histogram)
{
    uint64_t sum = 0;

    for (size_t i = 0; i <= METRICS_BUCKETS; i++)
        sum += histogram->buckets[i];
    return sum;
}

static void an_end_is_counted_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct metrics *metrics = metrics_new();
        struct metrics_values now;
        struct bus *bus = bus_new();
        struct operation op = rows[i].op;

        print_message("%s\n", rows[i].what);
        op.request.channel = CHANNEL_MQTT;
        tally_listen(metrics, bus);
        bus_publish(bus, rows[i].event, &op);
        metrics_copy(metrics, &now);
        assert_int_equal(now.operations[CHANNEL_MQTT][op.state], rows[i].ends);
        assert_int_equal(now.errors[CHANNEL_MQTT][op.state][op.problem.error.code],
                         op.problem.error.code ? rows[i].ends : 0);
        assert_int_equal(count_of(&now.switches[op.state]), rows[i].switches);
        assert_int_equal(count_of(&now.blackout), rows[i].blackouts);
        assert_int_equal(now.counters[METRICS_ROLLBACKS], rows[i].rollbacks);
        assert_int_equal(now.counters[METRICS_STRANDED], rows[i].stranded);
        bus_free(bus);
        metrics_free(metrics);
    }
}

/* One may be there twice, from before a restart. */
static void phases_add_up_to_the_switch(void **state)
{
    struct operation op = { .state = OPERATION_SUCCEEDED,
                            .sent = true,
                            .phase_count = 4,
                            .phases = { { .phase = PHASE_ENABLING, .ms = 160 },
                                        { .phase = PHASE_REGISTERING, .ms = 700 },
                                        { .phase = PHASE_REGISTERING, .ms = 40 },
                                        { .phase = PHASE_VERIFYING, .ms = 9000 } } };
    struct metrics *metrics = metrics_new();
    struct metrics_values now;
    struct bus *bus = bus_new();

    (void)state;
    tally_listen(metrics, bus);
    bus_publish(bus, BUS_OPERATION, &op);
    metrics_copy(metrics, &now);
    assert_int_equal(now.phases[PHASE_ENABLING].sum_ms, 160);
    assert_int_equal(now.phases[PHASE_REGISTERING].sum_ms, 740);
    assert_int_equal(count_of(&now.phases[PHASE_REGISTERING]), 2);
    assert_int_equal(now.phases[PHASE_VERIFYING].sum_ms, 9000);
    assert_int_equal(now.switches[OPERATION_SUCCEEDED].sum_ms, 9900);
    bus_free(bus);
    metrics_free(metrics);
}

static void the_journal_fails_until_it_recovers(void **state)
{
    static const struct {
        const char *what;
        bool fails;
        enum metrics_counter counter;
    } steps[] = {
        { "set-aside", false, METRICS_JOURNAL_SET_ASIDE },
        { "storage-full", true, METRICS_JOURNAL_FULL },
        { "set-aside", true, METRICS_JOURNAL_SET_ASIDE },
        { "recovered", false, METRICS_JOURNAL_RECOVERED },
        /* Of the broker's, not the file's. */
        { "refused", false, METRICS_COUNTERS },
    };
    struct metrics *metrics = metrics_new();
    uint64_t counts[METRICS_COUNTERS + 1] = { 0 };
    struct bus *bus = bus_new();

    (void)state;
    tally_listen(metrics, bus);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct metrics_values now;

        print_message("%s\n", steps[i].what);
        bus_publish(bus, BUS_JOURNAL, &(struct bus_journal){ .what = steps[i].what });
        counts[steps[i].counter]++;
        metrics_copy(metrics, &now);
        assert_memory_equal(now.counters, counts, sizeof now.counters);
        assert_int_equal(now.journal_fails, steps[i].fails);
    }
    bus_free(bus);
    metrics_free(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_end_is_counted_once),
        cmocka_unit_test(phases_add_up_to_the_switch),
        cmocka_unit_test(the_journal_fails_until_it_recovers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
