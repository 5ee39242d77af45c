#include "agent/operation/plan_gather.h"

#include <signal.h>
#include <sys/resource.h>

#include "agent/base/log.h"
#include "agent/operation/intent.h"
#include "agent/operation/journal.h"
#include "agent/operation/operations.h"
#include "agent/state/bus.h"
#include "agent/state/snapshot.h"
#include "tests/test.h"
#include "tests/unit/temp_journal.h"

/* Each fact comes from whoever knows it; what a plan makes of it is plan_test's. */

#define A "89882110000001234568" /* in use */
#define B "8949001312170061988"
#define AID "A0000005591010FFFFFFFF8900001100"

enum { ROW_A = 0, ROW_B, ROW_NAMELESS, BUDGET_MS = 900000 };

static struct {
    struct temp_journal temp;
    struct bus *bus;
    struct state *state;
    struct operations *ops;
    struct snapshot now;
    struct plan_sources sources;
    unsigned labels; /* how often one was asked for */
    char text[4096]; /* the plan as JSON */
} all;

static const char *label_of(const void *ctx, const struct iccid *iccid)
{
    assert_ptr_equal(ctx, &all);
    all.labels++;
    return strcmp(iccid->text, B) == 0 ? "backup" : NULL;
}

static struct profile *add_profile(const char *iccid)
{
    struct profile *row = &all.now.list.rows[all.now.list.count++];

    row->class = -1;
    row->fallback = FALLBACK_NO;
    row->has_iccid = iccid != NULL;
    row->has_aid = !iccid;
    if (iccid)
        assert_ok(iccid_from_text(iccid, strlen(iccid), &row->iccid));
    else
        assert_ok(aid_from_text(AID, strlen(AID), &row->aid));
    return row;
}

static int set_up(void **state)
{
    (void)state;
    log_set(LOG_LEVEL_ERR, LOG_FORMAT_TEXT, false);
    memset(&all, 0, sizeof all);
    temp_journal_init(&all.temp);
    all.bus = bus_new();
    all.state = state_new();
    all.ops = operations_new(all.bus, all.state, all.temp.journal);
    assert_non_null(all.ops);
    operations_set_budget(all.ops, BUDGET_MS);
    all.now.modem = MODEM_READY;
    all.now.has_list = true;
    add_profile(A)->enabled = true;
    (void)add_profile(B);
    (void)add_profile(NULL);
    assert_ok(state_publish(all.state, &all.now));
    all.sources = (struct plan_sources){ .operations = all.ops,
                                         .journal = all.temp.journal,
                                         .verify = "broker",
                                         .rolls_back = true,
                                         .label = label_of,
                                         .label_ctx = &all };
    return 0;
}

static void fill_disk(bool full)
{
    struct rlimit limit;

    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = full ? 1 : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static int tear_down(void **state)
{
    (void)state;
    fill_disk(false);
    operations_free(all.ops);
    temp_journal_done(&all.temp);
    state_free(all.state);
    bus_free(all.bus);
    return 0;
}

static struct plan gather(size_t row)
{
    struct plan plan;
    cJSON *json;

    plan_gather(&all.sources, &all.now, &all.now.list.rows[row], &plan);
    json = plan_to_json(&plan);
    assert_true(cJSON_PrintPreallocated(json, all.text, sizeof all.text, false));
    cJSON_Delete(json);
    print_message("%s\n", all.text);
    return plan;
}

static struct operation admit(void)
{
    struct operation_request request = { .channel = CHANNEL_REST };
    struct problem problem;
    struct operation op;

    request.target.iccid = all.now.list.rows[ROW_B].iccid;
    assert_int_equal(operations_admit(all.ops, &request, NULL, &op, &problem), ADMISSION_ACCEPTED);
    return op;
}

static void start(const struct operation *op)
{
    const struct intent intent = { .phase = PHASE_ENABLING };

    assert_true(operations_start(all.ops, op->id));
    operations_set_target(all.ops, op->id, &all.now.list.rows[ROW_B],
                          &all.now.list.rows[ROW_A].iccid);
    assert_ok(operations_commit_to_send(all.ops, op->id, &intent));
}

static void nothing_in_the_way(void **state)
{
    struct plan plan = gather(ROW_B);

    (void)state;
    assert_int_equal(plan.outcome, PLAN_ACCEPTED);
    assert_int_equal(plan.obstacle_count, 0);
    assert_ptr_equal(plan.target, &all.now.list.rows[ROW_B]);
    assert_ptr_equal(plan.from, &all.now.list.rows[ROW_A]);
    assert_string_equal(plan.label, "backup");
    assert_string_equal(plan.verify, "broker");
    assert_true(plan.rolls_back);
    assert_int_equal(plan.at_most_ms, BUDGET_MS);
    assert_int_equal(plan.history.count, 0);
    all.sources.rolls_back = false;
    assert_false(gather(ROW_B).rolls_back);
    assert_int_equal(gather(ROW_A).outcome, PLAN_DONE);
}

static void a_profile_without_iccid_has_neither_label_nor_history(void **state)
{
    struct plan plan = gather(ROW_NAMELESS);

    (void)state;
    assert_null(plan.label);
    assert_int_equal(all.labels, 0);
    assert_int_equal(plan.history.count, 0);
}

/* --- one fact each: how it comes about, and the only obstacle that it makes --- */

static void take_lock(void)
{
    struct operation_lock_request request = { .holder = "ann", .ttl_s = 60 };
    struct operation_lock lock;

    assert_ok(operations_lock(all.ops, &request, &lock));
}

static void let_one_wait(void)
{
    (void)admit();
}

static void let_one_run(void)
{
    struct operation op = admit();

    start(&op);
}

static void be_limited(void)
{
    const struct operations_limits limits = { .min_interval_ms = 600000 };
    const struct operation_end end = { .has_result = true, .changed = true };
    struct operation op = admit();

    operations_set_limits(all.ops, &limits);
    start(&op);
    operations_end(all.ops, op.id, &end);
}

static void lose_the_disk(void)
{
    fill_disk(true);
    assert_code(journal_put_value(all.temp.journal, "x", "y"), ERROR_STORAGE_FULL);
}

static void lose_the_modem(void)
{
    all.now.modem = MODEM_ABSENT;
}

static void lock_the_sim(void)
{
    all.now.trouble = error_make(ERROR_IN_MODEM, ERROR_SIM_LOCKED, 11, "PIN");
}

static const struct {
    const char *what;
    void (*happen)(void);
    const char *code;
    enum plan_outcome outcome;
} rows[] = {
    // clang-format off
    { "a lock", take_lock, "\"code\":\"locked\"", PLAN_REFUSED },
    { "one waits", let_one_wait, "\"code\":\"switch-in-progress\"", PLAN_REFUSED },
    { "one runs", let_one_run, "\"code\":\"switch-in-progress\"", PLAN_REFUSED },
    { "too soon", be_limited, "\"code\":\"cooldown\"", PLAN_REFUSED },
    { "no disk", lose_the_disk, "\"code\":\"storage-full\"", PLAN_REFUSED },
    { "no modem", lose_the_modem, "\"code\":\"modem-absent\"", PLAN_ACCEPTED },
    { "the SIM", lock_the_sim, "\"code\":\"sim-locked\"", PLAN_ACCEPTED },
}; // clang-format on

static void each_fact(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct plan plan;

        if (i > 0) {
            (void)tear_down(state);
            (void)set_up(state);
        }
        print_message("%s: ", rows[i].what);
        rows[i].happen();
        plan = gather(ROW_B);
        assert_int_equal(plan.outcome, rows[i].outcome);
        assert_int_equal(plan.obstacle_count, 1);
        assert_non_null(strstr(all.text, rows[i].code));
    }
}

/* The list says what was. */
static void while_a_switch_runs_nothing_is_done(void **state)
{
    (void)state;
    all.now.switching = true;
    assert_int_equal(gather(ROW_A).outcome, PLAN_ACCEPTED);
}

static void what_earlier_switches_left(void **state)
{
    struct operation_end end = { .has_result = true, .changed = true };
    struct operation op = admit();
    struct plan plan;

    (void)state;
    start(&op);
    operations_end(all.ops, op.id, &end);
    op = admit();
    start(&op);
    end.error = error_make(ERROR_IN_AGENT, ERROR_NO_DATA, 0, "no luck");
    operations_end(all.ops, op.id, &end);
    plan = gather(ROW_B);
    assert_int_equal(plan.history.count, 2);
    assert_int_equal(plan.history.failed, 1);
    assert_true(plan.history.has_proven);
    assert_int_equal(plan.history.last_error, ERROR_NO_DATA);
    assert_int_equal(gather(ROW_A).history.count, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_in_the_way),
        TEST(a_profile_without_iccid_has_neither_label_nor_history),
        TEST(each_fact),
        TEST(while_a_switch_runs_nothing_is_done),
        TEST(what_earlier_switches_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
