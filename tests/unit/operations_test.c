#include "agent/operation/operations.h"

#include <pthread.h>
#include <stdatomic.h>

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/state/bus.h"
#include "agent/state/snapshot.h"
#include "tests/test.h"
#include "tests/unit/fake_clock.h"

#define A "89882110000001234568" /* in use */
#define B "8949001312170061988"
#define C "89860A09091830300220"
#define TAG "\"3-0123456789abcdef\""

enum { BUDGET_MS = 1000000, HEARD_MAX = 4096 };

struct heard {
    char id[ID_LEN + 1];
    enum operation_state state;
    int64_t rev;
};

/* One agent's worth of wiring. */
static struct {
    struct bus *bus;
    struct state *state;
    struct operations *ops;
    unsigned wakes;
    size_t heard_count, heard_wrong;
    struct heard heard[HEARD_MAX];
    struct operation again; /* what was told last for one that came again */
} all;

static void hear(void *ctx, enum bus_event event, const void *data)
{
    const struct operation *op = data;
    struct operation now;

    (void)ctx;
    /* The lock is free, and what is told is not ahead of what is kept. Counted, since a failing
     * assertion must not leave another thread. */
    if (event == BUS_OPERATION_AGAIN)
        all.again = *op;
    if (event == BUS_OPERATION_AGAIN)
        return;
    if (event != BUS_OPERATION || all.heard_count == HEARD_MAX ||
        !operations_find(all.ops, op->id, &now) || now.rev < op->rev) {
        all.heard_wrong++;
        return;
    }
    memcpy(all.heard[all.heard_count].id, op->id, sizeof op->id);
    all.heard[all.heard_count].state = op->state;
    all.heard[all.heard_count++].rev = op->rev;
}

static void count_wakes(void *ctx)
{
    ++*(unsigned *)ctx;
}

static int set_up(void **state)
{
    (void)state;
    log_set(LOG_LEVEL_ERR, LOG_FORMAT_TEXT, false);
    fake_clock.unset = false;
    memset(&all, 0, sizeof all);
    all.bus = bus_new();
    all.state = state_new();
    all.ops = operations_new(all.bus, all.state);
    operations_set_budget(all.ops, BUDGET_MS);
    operations_set_wake(all.ops, count_wakes, &all.wakes);
    bus_listen(all.bus, hear, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    operations_free(all.ops);
    assert_int_equal(all.heard_wrong, 0);
    state_free(all.state);
    bus_free(all.bus);
    return 0;
}

enum snap {
    SNAP_LIST = 0, /* read long ago */
    SNAP_FRESH,    /* just within OPERATIONS_LIST_FRESH_MS */
    SNAP_FRESH_SWITCHING,
    SNAP_EMPTY,
    SNAP_DROPPED,
    SNAP_SWITCHING,
    SNAP_REGISTERED,
    SNAP_ATTACHED
};

static const struct aid aid_of_a = { 16, { 0xA0, 1 } }, aid_of_b = { 16, { 0xA0, 2 } };

static void publish(enum snap kind)
{
    struct snapshot next = { .modem = MODEM_READY };

    if (kind != SNAP_EMPTY) {
        next.has_list = kind != SNAP_DROPPED;
        next.switching = kind == SNAP_SWITCHING || kind == SNAP_FRESH_SWITCHING;
        next.list_at_ms = fake_clock.now_ms - OPERATIONS_LIST_FRESH_MS +
                          (kind == SNAP_FRESH || kind == SNAP_FRESH_SWITCHING);
        strcpy(next.etag, TAG);
        next.list = (struct profile_list){
            .count = 2,
            .rows = { { .has_iccid = true,
                        .has_aid = true,
                        .iccid = { A },
                        .aid = aid_of_a,
                        .enabled = true },
                      { .has_iccid = true, .has_aid = true, .iccid = { B }, .aid = aid_of_b } }
        };
    }
    next.has_connectivity = kind == SNAP_REGISTERED || kind == SNAP_ATTACHED;
    next.connectivity.registration = REGISTRATION_ROAMING;
    if (kind == SNAP_ATTACHED) {
        next.connectivity.attached_known = next.connectivity.attached = true;
        next.connectivity.address_count = 1;
        strcpy(next.connectivity.addresses[0], "10.0.0.1");
    }
    assert_ok(state_publish(all.state, &next));
}

static struct operation_request ask(enum operation_channel channel, const char *iccid,
                                    const char *key)
{
    struct operation_request request = { .channel = channel };

    strcpy(request.target.iccid.text, iccid);
    strcpy(request.request, key ? key : "");
    return request;
}

static enum admission admit(const struct operation_request *request, struct operation *ret,
                            struct problem *ret_problem)
{
    return operations_admit(all.ops, request, NULL, ret, ret_problem);
}

/* Accepted, by REST and without a key. */
static struct operation accepted(const char *iccid)
{
    struct operation_request request = ask(CHANNEL_REST, iccid, NULL);
    struct operation op;
    struct problem problem;

    assert_int_equal(admit(&request, &op, &problem), ADMISSION_ACCEPTED);
    return op;
}

static struct operation now_of(const char *id)
{
    struct operation op;

    assert_true(operations_find(all.ops, id, &op));
    return op;
}

static void end_well(const char *id)
{
    const struct operation_end end = { .has_result = true,
                                       .changed = true,
                                       .has_now = true,
                                       .now = { B },
                                       .blackout_ms = 7,
                                       .verified = VERIFIED_ATTACHED };

    operations_end(all.ops, id, &end);
}

/* --- the door --- */

enum tag { TAG_NONE = 0, TAG_FITS, TAG_OLD, TAG_STAR, TAG_WEAK };
enum active { ACTIVE_NONE = 0, ACTIVE_ACCEPTED, ACTIVE_RUNNING, ACTIVE_SENT };

static const struct {
    const char *what, *target, *expect;
    enum snap snap;
    enum tag tag;
    enum active active;
    bool by_aid, closed;
    enum admission admission;
    enum error_code code;
} doors[] = {
    // clang-format off
    { "another profile", B, .admission = ADMISSION_ACCEPTED },
    { "by AID", B, .by_aid = true, .admission = ADMISSION_ACCEPTED },
    { "not in the list of before: the card decides", C, .admission = ADMISSION_ACCEPTED },
    { "not in a fresh list", C, .snap = SNAP_FRESH, .code = ERROR_PROFILE_NOT_FOUND },
    { "in a fresh list", B, .snap = SNAP_FRESH, .admission = ADMISSION_ACCEPTED },
    { "not in a fresh list, old tag", C, .snap = SNAP_FRESH, .tag = TAG_OLD, .code = ERROR_PRECONDITION_FAILED },
    { "not in a fresh list, expected another", C, .snap = SNAP_FRESH, .expect = B, .code = ERROR_PRECONDITION_FAILED },
    { "not in a fresh list, one waits", C, .snap = SNAP_FRESH, .active = ACTIVE_ACCEPTED, .code = ERROR_SWITCH_IN_PROGRESS },
    { "not in the list of a switch that ends", C, .snap = SNAP_FRESH_SWITCHING, .admission = ADMISSION_ACCEPTED },
    { "no list yet", B, .snap = SNAP_EMPTY, .admission = ADMISSION_ACCEPTED },
    { "list dropped", A, .snap = SNAP_DROPPED, .admission = ADMISSION_ACCEPTED },
    { "in use already", A, .admission = ADMISSION_DONE },
    { "in use already, by AID", A, .by_aid = true, .admission = ADMISSION_DONE },
    { "in use, so says the list of before a switch", A, .snap = SNAP_SWITCHING, .admission = ADMISSION_ACCEPTED },
    { "expected", B, .expect = A, .admission = ADMISSION_ACCEPTED },
    { "expected, and done", A, .expect = A, .admission = ADMISSION_DONE },
    { "expected another", B, .expect = B, .code = ERROR_PRECONDITION_FAILED },
    { "expected another, done all the same", A, .expect = B, .code = ERROR_PRECONDITION_FAILED },
    { "expected without a list: looked at later", B, .expect = B, .snap = SNAP_EMPTY, .admission = ADMISSION_ACCEPTED },
    { "tag fits", B, .tag = TAG_FITS, .admission = ADMISSION_ACCEPTED },
    { "tag is old", B, .tag = TAG_OLD, .code = ERROR_PRECONDITION_FAILED },
    { "tag is weak", B, .tag = TAG_WEAK, .code = ERROR_PRECONDITION_FAILED },
    { "any tag", B, .tag = TAG_STAR, .admission = ADMISSION_ACCEPTED },
    { "tag is old, done all the same", A, .tag = TAG_OLD, .code = ERROR_PRECONDITION_FAILED },
    { "the tag of the list that was dropped", B, .tag = TAG_FITS, .snap = SNAP_DROPPED, .code = ERROR_PRECONDITION_FAILED },
    { "a tag before the first list", B, .tag = TAG_FITS, .snap = SNAP_EMPTY, .code = ERROR_PRECONDITION_FAILED },
    { "one waits", B, .active = ACTIVE_ACCEPTED, .code = ERROR_SWITCH_IN_PROGRESS },
    { "one runs", B, .active = ACTIVE_RUNNING, .snap = SNAP_SWITCHING, .code = ERROR_SWITCH_IN_PROGRESS },
    { "one is on the card", C, .active = ACTIVE_SENT, .snap = SNAP_SWITCHING, .code = ERROR_SWITCH_IN_PROGRESS },
    { "one runs, in use until then", A, .active = ACTIVE_RUNNING, .snap = SNAP_SWITCHING, .code = ERROR_SWITCH_IN_PROGRESS },
    { "tag before in progress", B, .tag = TAG_OLD, .active = ACTIVE_RUNNING, .snap = SNAP_SWITCHING, .code = ERROR_PRECONDITION_FAILED },
    { "closed", B, .closed = true, .code = ERROR_SHUTTING_DOWN },
    { "closed, done all the same", A, .closed = true, .code = ERROR_SHUTTING_DOWN },
    { "closed while one runs", B, .closed = true, .active = ACTIVE_RUNNING, .code = ERROR_SHUTTING_DOWN },
}; // clang-format on

static void make_active(enum active active, char ret_id[ID_LEN + 1])
{
    if (active == ACTIVE_NONE)
        return;
    publish(SNAP_LIST);
    strcpy(ret_id, accepted(B).id);
    if (active >= ACTIVE_RUNNING)
        assert_true(operations_start(all.ops, ret_id));
    if (active >= ACTIVE_SENT)
        assert_true(operations_commit_to_send(all.ops, ret_id));
}

static const char *tag_text(enum tag tag)
{
    return tag == TAG_FITS   ? TAG
           : tag == TAG_OLD  ? "\"2-0123456789abcdef\""
           : tag == TAG_STAR ? "*"
           : tag == TAG_WEAK ? "W/" TAG
                             : NULL;
}

static void check_door(size_t i, enum operation_channel channel)
{
    struct operation_request request = ask(channel, doors[i].target, "k");
    char active[ID_LEN + 1] = "";
    struct operation op, kept;
    struct problem problem;
    enum admission admission;
    size_t heard;
    unsigned wakes;

    make_active(doors[i].active, active);
    publish(doors[i].snap);
    if (doors[i].closed)
        operations_close_doors(all.ops);
    if (doors[i].by_aid)
        request.target =
            (struct profile_ref){ .by_aid = true,
                                  .aid = strcmp(doors[i].target, A) == 0 ? aid_of_a : aid_of_b };
    if (doors[i].expect) {
        request.has_expect_enabled = true;
        strcpy(request.expect_enabled.text, doors[i].expect);
    }
    heard = all.heard_count;
    wakes = all.wakes;
    admission = operations_admit(all.ops, &request, tag_text(doors[i].tag), &op, &problem);
    assert_int_equal(admission, doors[i].admission);
    assert_string_equal(error_code_name(problem.error.code), error_code_name(doors[i].code));
    assert_string_equal(problem.operation, doors[i].code == ERROR_SWITCH_IN_PROGRESS ? active : "");
    assert_int_equal(problem.retry_after_s > 0, doors[i].code == ERROR_SHUTTING_DOWN);
    assert_int_equal(all.wakes - wakes, admission == ADMISSION_ACCEPTED);
    if (admission == ADMISSION_REFUSED &&
        (channel == CHANNEL_REST || doors[i].code == ERROR_SHUTTING_DOWN)) {
        assert_int_equal(op.rev, 0);
        assert_int_equal(all.heard_count, heard);
        assert_false(operations_find_request(all.ops, channel, "k", &kept));
        return;
    }
    assert_int_equal(all.heard_count, heard + 1);
    assert_true(operations_find_request(all.ops, channel, "k", &kept));
    assert_string_equal(kept.id, op.id);
    assert_int_equal(op.rev, 1);
    assert_int_equal(op.state, admission == ADMISSION_REFUSED ? OPERATION_REJECTED
                               : admission == ADMISSION_DONE  ? OPERATION_SUCCEEDED
                                                              : OPERATION_ACCEPTED);
    assert_int_equal(op.problem.error.code, doors[i].code);
}

static void doors_admit_in_the_contracts_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_LEN(doors); i++) {
        size_t row = i / 2;

        /* If-Match is REST's alone. */
        if (i % 2 && doors[row].tag)
            continue;
        print_message("%s: %s\n", i % 2 ? "mqtt" : "rest", doors[row].what);
        tear_down(NULL);
        set_up(NULL);
        check_door(row, i % 2 ? CHANNEL_MQTT : CHANNEL_REST);
    }
}

static void what_is_in_use_is_done_at_once(void **state)
{
    static const struct {
        enum snap snap;
        enum verified verified;
    } rows[] = { { SNAP_LIST, VERIFIED_NOTHING },
                 { SNAP_REGISTERED, VERIFIED_REGISTERED },
                 { SNAP_ATTACHED, VERIFIED_ATTACHED } };
    struct operation_request request = ask(CHANNEL_REST, A, NULL);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct operation op;
        struct problem problem;

        publish(rows[i].snap);
        assert_int_equal(admit(&request, &op, &problem), ADMISSION_DONE);
        assert_true(op.has_result && op.has_from && op.has_now && op.has_target);
        assert_false(op.changed);
        assert_string_equal(op.from.text, A);
        assert_string_equal(op.now.text, A);
        assert_int_equal(op.verified, rows[i].verified);
        assert_int_equal(op.blackout_ms, 0);
        assert_int_equal(op.ended_utc_ms, fake_clock.utc_ms);
        assert_int_equal(op.phase, PHASE_NONE);
    }
    assert_int_equal(all.wakes, 0);
}

/* --- the same key again --- */

static void other_target(struct operation_request *r)
{
    strcpy(r->target.iccid.text, C);
}
static void target_by_aid(struct operation_request *r)
{
    r->target = (struct profile_ref){ .by_aid = true, .aid = aid_of_b };
}
static void with_force(struct operation_request *r)
{
    r->force = true;
}
static void with_confirm(struct operation_request *r)
{
    r->confirm_s = 60;
}
static void with_expect(struct operation_request *r)
{
    r->has_expect_enabled = true;
    strcpy(r->expect_enabled.text, A);
}
static void with_reason(struct operation_request *r)
{
    strcpy(r->reason, "another");
}
static void with_ttl(struct operation_request *r)
{
    r->ttl_s = 60;
}
static void with_requester(struct operation_request *r)
{
    strcpy(r->requester, "uid:7");
}
static void unchanged(struct operation_request *r)
{
    (void)r;
}

static const struct {
    const char *what;
    void (*change)(struct operation_request *r);
    bool rest_same, mqtt_same;
} again[] = {
    // clang-format off
    { "the same", unchanged, true, true },
    { "requester", with_requester, true, true },
    { "reason", with_reason, false, true },
    { "ttl", with_ttl, false, true },
    { "target", other_target, false, false },
    { "target by AID", target_by_aid, false, false },
    { "force", with_force, false, false },
    { "confirm", with_confirm, false, false },
    { "expect_enabled", with_expect, false, false },
}; // clang-format on

static void check_again(size_t i, enum operation_channel channel, bool ended)
{
    bool same = channel == CHANNEL_REST ? again[i].rest_same : again[i].mqtt_same;
    struct operation_request request = ask(channel, B, "k1");
    struct operation first, op;
    struct problem problem;
    size_t heard;

    assert_int_equal(admit(&request, &first, &problem), ADMISSION_ACCEPTED);
    if (ended) {
        assert_true(operations_start(all.ops, first.id));
        end_well(first.id);
    }
    heard = all.heard_count;
    fake_clock_pass(1000);
    again[i].change(&request);
    /* Neither a closed door nor an old tag stands before the key. */
    operations_close_doors(all.ops);
    if (same) {
        assert_int_equal(operations_admit(all.ops, &request, "\"old\"", &op, &problem),
                         ADMISSION_REPEATED);
        assert_string_equal(op.id, first.id);
        assert_string_equal(all.again.id, first.id);
        assert_int_equal(all.again.rev, op.rev);
        assert_int_equal(op.state, ended ? OPERATION_SUCCEEDED : OPERATION_ACCEPTED);
        assert_int_equal(problem.error.code, ERROR_NONE);
    } else {
        assert_int_equal(operations_admit(all.ops, &request, "\"old\"", &op, &problem),
                         ADMISSION_REFUSED);
        assert_int_equal(problem.error.code, ERROR_KEY_REUSED);
        assert_string_equal(problem.operation, first.id);
        assert_int_equal(op.rev, 0);
        assert_int_equal(op.state, OPERATION_REJECTED);
        assert_string_equal(op.problem.operation, first.id);
        assert_string_equal(op.request.request, "k1");
        assert_int_equal(op.ended_utc_ms, fake_clock.utc_ms);
        assert_true(operations_find_request(all.ops, channel, "k1", &op));
        assert_string_equal(op.id, first.id);
    }
    assert_int_equal(all.heard_count, heard);
    assert_int_equal(all.wakes, 1);
}

static void a_key_comes_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4 * ARRAY_LEN(again); i++) {
        print_message("%s%s: %s\n", i & 1 ? "mqtt" : "rest", i & 2 ? ", ended" : "",
                      again[i / 4].what);
        tear_down(NULL);
        set_up(NULL);
        publish(SNAP_LIST);
        check_again(i / 4, i & 1 ? CHANNEL_MQTT : CHANNEL_REST, i & 2);
    }
}

static void keys_are_a_doors_own(void **state)
{
    struct operation_request request = ask(CHANNEL_REST, A, "k1");
    struct operation first, second, third;
    struct problem problem;

    (void)state;
    publish(SNAP_LIST);
    assert_int_equal(admit(&request, &first, &problem), ADMISSION_DONE);
    request.channel = CHANNEL_MQTT;
    assert_int_equal(admit(&request, &second, &problem), ADMISSION_DONE);
    assert_string_not_equal(first.id, second.id);
    assert_true(operations_find_request(all.ops, CHANNEL_REST, "k1", &third));
    assert_string_equal(third.id, first.id);
    /* Without a key nothing is the same. */
    request = ask(CHANNEL_REST, A, NULL);
    assert_int_equal(admit(&request, &first, &problem), ADMISSION_DONE);
    assert_int_equal(admit(&request, &second, &problem), ADMISSION_DONE);
    assert_string_not_equal(first.id, second.id);
}

/* A refusal by MQTT is an end, told again as it was, also when nothing is in the way any more. */
static void rejected_commands_are_remembered(void **state)
{
    struct operation_request request = ask(CHANNEL_MQTT, B, "m1");
    struct operation active, op;
    struct problem problem;

    (void)state;
    publish(SNAP_LIST);
    active = accepted(B);
    assert_int_equal(admit(&request, &op, &problem), ADMISSION_REFUSED);
    assert_int_equal(op.state, OPERATION_REJECTED);
    assert_string_equal(op.problem.operation, active.id);
    assert_int_equal(op.ended_utc_ms, op.created_utc_ms);
    end_well(active.id);
    assert_int_equal(admit(&request, &op, &problem), ADMISSION_REPEATED);
    assert_int_equal(op.state, OPERATION_REJECTED);
    assert_int_equal(op.problem.error.code, ERROR_SWITCH_IN_PROGRESS);
    /* By REST it leaves nothing, and the same key may try anew. */
    active = accepted(B);
    request = ask(CHANNEL_REST, B, "r1");
    assert_int_equal(admit(&request, &op, &problem), ADMISSION_REFUSED);
    end_well(active.id);
    assert_int_equal(admit(&request, &op, &problem), ADMISSION_ACCEPTED);
}

/* --- a life --- */

static void a_life_with_its_times(void **state)
{
    struct operation op;
    int64_t expiry_ms, born_ms;

    (void)state;
    publish(SNAP_LIST);
    born_ms = fake_clock.utc_ms;
    op = accepted(B);
    assert_int_equal(op.created_utc_ms, born_ms);
    assert_int_equal(op.ends_by_utc_ms, born_ms + 900000 + BUDGET_MS);
    assert_int_equal(op.expires_ms, fake_clock.now_ms + 900000);
    assert_true(op.clock_was_set);
    fake_clock_pass(50);
    assert_true(operations_next(all.ops, &op, &expiry_ms));
    assert_int_equal(expiry_ms, op.expires_ms);
    assert_int_equal(op.state, OPERATION_ACCEPTED);
    assert_true(operations_start(all.ops, op.id));
    assert_false(operations_start(all.ops, op.id));
    assert_false(operations_next(all.ops, &op, &expiry_ms));
    assert_int_equal(expiry_ms, CLOCK_NEVER);
    op = now_of(op.id);
    assert_int_equal(op.started_utc_ms, born_ms + 50);
    assert_int_equal(op.ends_by_utc_ms, born_ms + 50 + BUDGET_MS);
    operations_set_target(all.ops, op.id, &(struct profile){ .has_iccid = true, .iccid = { B } },
                          &(struct iccid){ A });
    assert_true(operations_commit_to_send(all.ops, op.id));
    fake_clock_pass(161);
    operations_enter(all.ops, op.id, PHASE_RESETTING);
    fake_clock_pass(920);
    operations_enter(all.ops, op.id, PHASE_REGISTERING);
    op = now_of(op.id);
    assert_int_equal(op.phase_count, 3);
    assert_int_equal(op.phases[0].phase, PHASE_ENABLING);
    assert_int_equal(op.phases[0].ms, 161);
    assert_int_equal(op.phases[1].ms, 920);
    assert_int_equal(op.phases[2].ms, -1);
    fake_clock_pass(3000);
    end_well(op.id);
    op = now_of(op.id);
    assert_int_equal(op.state, OPERATION_SUCCEEDED);
    assert_int_equal(op.phase, PHASE_COMMITTED);
    assert_int_equal(op.phase_count, 3);
    assert_int_equal(op.phases[2].ms, 3000);
    assert_int_equal(op.ended_utc_ms, born_ms + 4131);
    assert_string_equal(op.from.text, A);
    assert_true(op.changed && op.has_now && op.has_result);
    assert_int_equal(op.blackout_ms, 7);
    assert_int_equal(op.rev, 5);
    for (size_t i = 0; i < all.heard_count; i++)
        assert_int_equal(all.heard[i].rev, i + 1);
    assert_int_equal(all.heard_count, 5);
    /* The end is the end. */
    operations_enter(all.ops, op.id, PHASE_ATTACHING);
    operations_end(all.ops, op.id, &(struct operation_end){ .error = { .code = ERROR_NO_DATA } });
    assert_int_equal(now_of(op.id).rev, 5);
    assert_int_equal(all.heard_count, 5);
}

static void a_failure_keeps_its_phase(void **state)
{
    const struct operation_end end = {
        .error = error_make(ERROR_IN_CARD, ERROR_POLICY_FORBIDS, 0x69E1, "no"), .blackout_ms = -1
    };
    struct operation op;

    (void)state;
    publish(SNAP_LIST);
    op = accepted(B);
    assert_true(operations_start(all.ops, op.id));
    fake_clock_pass(9);
    operations_end(all.ops, op.id, &end);
    op = now_of(op.id);
    assert_int_equal(op.state, OPERATION_FAILED);
    assert_int_equal(op.phase, PHASE_ENABLING);
    assert_int_equal(op.phases[0].ms, 9);
    assert_int_equal(op.problem.error.detail, 0x69E1);
    assert_false(op.has_result);
}

/* Phases may come more often than there is room: none is written past the end. */
static void too_many_phases(void **state)
{
    struct operation op;

    (void)state;
    publish(SNAP_LIST);
    op = accepted(B);
    assert_true(operations_start(all.ops, op.id));
    for (int i = 0; i < 3 * OPERATION_PHASES_MAX; i++) {
        fake_clock_pass(1);
        operations_enter(all.ops, op.id, i % 2 ? PHASE_REGISTERING : PHASE_RESETTING);
    }
    op = now_of(op.id);
    assert_int_equal(op.phase_count, OPERATION_PHASES_MAX);
    assert_int_equal(op.phase, PHASE_REGISTERING);
    assert_int_equal(op.phases[OPERATION_PHASES_MAX - 1].ms, 1);
    end_well(op.id);
}

static void a_clock_that_is_not_set_is_told(void **state)
{
    (void)state;
    publish(SNAP_LIST);
    fake_clock.unset = true;
    assert_false(accepted(B).clock_was_set);
}

/* --- cancel and expiry --- */

enum age {
    AGE_ACCEPTED,
    AGE_RUNNING,
    AGE_SENT,
    AGE_PHASE,
    AGE_SUCCEEDED,
    AGE_FAILED,
    AGE_CANCELED,
    AGE_EXPIRED
};

static const struct {
    const char *what;
    enum age age;
    enum error_code code;
    enum operation_state after;
    bool told;
} cancels[] = {
    // clang-format off
    { "accepted", AGE_ACCEPTED, ERROR_NONE, OPERATION_CANCELED, true },
    { "running, nothing sent", AGE_RUNNING, ERROR_NONE, OPERATION_CANCELED, true },
    { "ENABLE is out", AGE_SENT, ERROR_TOO_LATE, OPERATION_RUNNING, false },
    { "in a later phase", AGE_PHASE, ERROR_TOO_LATE, OPERATION_RUNNING, false },
    { "succeeded", AGE_SUCCEEDED, ERROR_TOO_LATE, OPERATION_SUCCEEDED, false },
    { "failed", AGE_FAILED, ERROR_TOO_LATE, OPERATION_FAILED, false },
    { "canceled already", AGE_CANCELED, ERROR_NONE, OPERATION_CANCELED, false },
    { "expired", AGE_EXPIRED, ERROR_TOO_LATE, OPERATION_EXPIRED, false },
}; // clang-format on

static struct operation aged(enum age age)
{
    struct operation op = accepted(B);
    int64_t expiry_ms;

    if (age == AGE_CANCELED)
        assert_ok(operations_cancel(all.ops, op.id, &op));
    if (age == AGE_EXPIRED) {
        fake_clock_pass(900000);
        assert_false(operations_next(all.ops, &op, &expiry_ms));
    }
    if (age == AGE_ACCEPTED || age == AGE_CANCELED || age == AGE_EXPIRED)
        return op;
    assert_true(operations_start(all.ops, op.id));
    if (age >= AGE_SENT)
        assert_true(operations_commit_to_send(all.ops, op.id));
    if (age >= AGE_PHASE)
        operations_enter(all.ops, op.id, PHASE_RESETTING);
    if (age == AGE_SUCCEEDED)
        end_well(op.id);
    if (age == AGE_FAILED)
        operations_end(all.ops, op.id,
                       &(struct operation_end){ .error = { .code = ERROR_NO_DATA } });
    return op;
}

static void cancel_in_each_state(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cancels); i++) {
        struct operation op, ret = { .rev = -7 };
        size_t heard;
        int64_t rev;

        print_message("%s\n", cancels[i].what);
        tear_down(NULL);
        set_up(NULL);
        publish(SNAP_LIST);
        op = aged(cancels[i].age);
        heard = all.heard_count;
        rev = now_of(op.id).rev;
        assert_code(operations_cancel(all.ops, op.id, &ret), cancels[i].code);
        assert_int_equal(now_of(op.id).state, cancels[i].after);
        assert_int_equal(all.heard_count, heard + cancels[i].told);
        assert_int_equal(now_of(op.id).rev, rev + cancels[i].told);
        assert_int_equal(ret.rev, cancels[i].code ? -7 : rev + cancels[i].told);
        if (cancels[i].after != OPERATION_CANCELED)
            continue;
        /* The worker finds it ended wherever it comes to it, and another may come at once. */
        assert_false(operations_start(all.ops, op.id));
        assert_false(operations_commit_to_send(all.ops, op.id));
        operations_enter(all.ops, op.id, PHASE_RESETTING);
        end_well(op.id);
        assert_int_equal(now_of(op.id).state, OPERATION_CANCELED);
        assert_int_equal(now_of(op.id).rev, rev + cancels[i].told);
        accepted(B);
    }
    assert_code(operations_cancel(all.ops, "01JDZ0000000000000000000AB", &(struct operation){ 0 }),
                ERROR_NOT_FOUND);
}

static void waiting_expires_to_the_millisecond(void **state)
{
    struct operation_request request = ask(CHANNEL_MQTT, B, "m1");
    struct operation op;
    struct problem problem;
    int64_t expiry_ms;

    (void)state;
    publish(SNAP_LIST);
    request.ttl_s = 5;
    assert_int_equal(admit(&request, &op, &problem), ADMISSION_ACCEPTED);
    assert_int_equal(op.ends_by_utc_ms, fake_clock.utc_ms + 5000 + BUDGET_MS);
    fake_clock_pass(4999);
    assert_true(operations_next(all.ops, &op, &expiry_ms));
    assert_int_equal(expiry_ms, fake_clock.now_ms + 1);
    fake_clock_pass(1);
    assert_false(operations_next(all.ops, &op, &expiry_ms));
    assert_int_equal(expiry_ms, CLOCK_NEVER);
    op = now_of(op.id);
    assert_int_equal(op.state, OPERATION_EXPIRED);
    assert_int_equal(op.problem.error.code, ERROR_EXPIRED);
    assert_int_equal(op.rev, 2);
    assert_int_equal(all.heard[all.heard_count - 1].state, OPERATION_EXPIRED);
    assert_int_equal(op.ended_utc_ms, fake_clock.utc_ms);
    assert_int_equal(op.phase_count, 0);
}

/* A correction of the wall clock neither ends nor lengthens anything. */
static void a_time_correction_does_not_expire(void **state)
{
    struct operation op;
    int64_t expiry_ms;

    (void)state;
    publish(SNAP_LIST);
    op = accepted(B);
    fake_clock.utc_ms += INT64_C(50) * 365 * 86400 * 1000;
    assert_true(operations_next(all.ops, &op, &expiry_ms));
    fake_clock.utc_ms -= INT64_C(50) * 365 * 86400 * 1000;
    fake_clock_pass(900000);
    assert_false(operations_next(all.ops, &op, &expiry_ms));
    assert_int_equal(now_of(op.id).state, OPERATION_EXPIRED);
}

static void running_expires_only_until_enable(void **state)
{
    struct operation op;

    (void)state;
    publish(SNAP_LIST);
    op = accepted(B);
    fake_clock_pass(899999);
    assert_true(operations_start(all.ops, op.id));
    fake_clock_pass(1);
    assert_false(operations_commit_to_send(all.ops, op.id));
    op = now_of(op.id);
    assert_int_equal(op.state, OPERATION_EXPIRED);
    assert_int_equal(op.rev, 3);
    assert_int_equal(op.phases[0].ms, 1);
    assert_false(op.sent);

    op = accepted(B);
    fake_clock_pass(899998);
    assert_true(operations_start(all.ops, op.id));
    fake_clock_pass(1);
    assert_true(operations_commit_to_send(all.ops, op.id));
    fake_clock_pass(1000000);
    operations_enter(all.ops, op.id, PHASE_RESETTING);
    assert_int_equal(now_of(op.id).state, OPERATION_RUNNING);
}

/* --- many --- */

static void lists_page_and_filter(void **state)
{
    char ids[10][ID_LEN + 1];
    struct operation rows[12];

    (void)state;
    publish(SNAP_LIST);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct operation op = accepted(B);

        memcpy(ids[i], op.id, sizeof ids[i]);
        if (i < 9 && i % 3)
            assert_ok(operations_cancel(all.ops, op.id, &op));
        else if (i < 9)
            end_well(op.id);
    }
    assert_int_equal(operations_list(all.ops, OPERATION_NONE, NULL, 12, rows), 10);
    for (size_t i = 0; i < 10; i++)
        assert_string_equal(rows[i].id, ids[9 - i]);
    assert_int_equal(operations_list(all.ops, OPERATION_NONE, NULL, 3, rows), 3);
    assert_int_equal(operations_list(all.ops, OPERATION_NONE, rows[2].id, 3, rows), 3);
    assert_string_equal(rows[0].id, ids[6]);
    assert_int_equal(operations_list(all.ops, OPERATION_NONE, ids[0], 12, rows), 0);
    assert_int_equal(operations_list(all.ops, OPERATION_NONE, NULL, 0, rows), 0);
    assert_int_equal(operations_list(all.ops, OPERATION_ACCEPTED, NULL, 12, rows), 1);
    assert_string_equal(rows[0].id, ids[9]);
    assert_int_equal(operations_list(all.ops, OPERATION_SUCCEEDED, NULL, 12, rows), 3);
    assert_int_equal(operations_list(all.ops, OPERATION_SUCCEEDED, ids[6], 12, rows), 2);
    assert_string_equal(rows[0].id, ids[3]);
    assert_string_equal(rows[1].id, ids[0]);
    assert_int_equal(operations_list(all.ops, OPERATION_FAILED, NULL, 12, rows), 0);
}

static void the_oldest_ended_go_first(void **state)
{
    static struct operation rows[OPERATIONS_KEPT + 1];
    struct operation_request request = ask(CHANNEL_REST, A, NULL);
    struct operation op, first, second;
    struct problem problem;

    (void)state;
    publish(SNAP_LIST);
    assert_int_equal(admit(&request, &first, &problem), ADMISSION_DONE);
    assert_int_equal(admit(&request, &second, &problem), ADMISSION_DONE);
    for (int i = 2; i < OPERATIONS_KEPT; i++)
        assert_int_equal(admit(&request, &op, &problem), ADMISSION_DONE);
    assert_true(operations_find(all.ops, first.id, &op));
    assert_int_equal(admit(&request, &op, &problem), ADMISSION_DONE);
    assert_false(operations_find(all.ops, first.id, &op));
    assert_true(operations_find(all.ops, second.id, &op));
    assert_int_equal(operations_list(all.ops, OPERATION_NONE, NULL, OPERATIONS_KEPT + 1, rows),
                     OPERATIONS_KEPT);
    for (size_t i = 1; i < OPERATIONS_KEPT; i++)
        assert_true(strcmp(rows[i].id, rows[i - 1].id) < 0);
}

/* Of a flood nothing stays that drives out what counts. */
static void what_ran_is_forgotten_last(void **state)
{
    static struct operation rows[OPERATIONS_KEPT + 1];
    struct operation ran, keyed, nameless, op;
    struct problem problem;
    struct operation_request request = ask(CHANNEL_REST, A, NULL);

    (void)state;
    publish(SNAP_LIST);
    ran = accepted(B);
    assert_true(operations_start(all.ops, ran.id));
    end_well(ran.id);
    request = ask(CHANNEL_MQTT, A, "first");
    assert_int_equal(admit(&request, &keyed, &problem), ADMISSION_DONE);
    request = ask(CHANNEL_REST, A, NULL);
    assert_int_equal(admit(&request, &nameless, &problem), ADMISSION_DONE);
    for (int i = 3; i < OPERATIONS_KEPT; i++)
        assert_int_equal(admit(&request, &op, &problem), ADMISSION_DONE);
    for (int i = 0; i < OPERATIONS_KEPT; i++) {
        bool had = operations_find(all.ops, nameless.id, &op);

        assert_int_equal(had, i == 0);
        assert_int_equal(operations_find(all.ops, keyed.id, &op), i < OPERATIONS_KEPT - 1);
        request = ask(CHANNEL_MQTT, A, "");
        (void)snprintf(request.request, sizeof request.request, "flood-%d", i);
        assert_int_equal(admit(&request, &op, &problem), ADMISSION_DONE);
    }
    assert_true(operations_find(all.ops, ran.id, &op));
    assert_int_equal(operations_list(all.ops, OPERATION_NONE, NULL, OPERATIONS_KEPT + 1, rows),
                     OPERATIONS_KEPT);
    for (size_t i = 1; i < OPERATIONS_KEPT; i++)
        assert_true(strcmp(rows[i].id, rows[i - 1].id) < 0);
    assert_string_equal(rows[OPERATIONS_KEPT - 1].id, ran.id);
}

/* Whoever floods the door must not make the agent forget the switch that runs. */
static void the_one_that_runs_is_never_forgotten(void **state)
{
    static struct operation rows[OPERATIONS_KEPT + 1];
    struct operation running, op;
    struct problem problem;

    (void)state;
    publish(SNAP_LIST);
    running = aged(AGE_SENT);
    for (int i = 0; i < 2 * OPERATIONS_KEPT + 3; i++) {
        struct operation_request request = ask(CHANNEL_MQTT, B, "");

        (void)snprintf(request.request, sizeof request.request, "flood-%d", i);
        assert_int_equal(admit(&request, &op, &problem), ADMISSION_REFUSED);
        assert_int_equal(problem.error.code, ERROR_SWITCH_IN_PROGRESS);
    }
    assert_true(operations_find(all.ops, running.id, &op));
    assert_int_equal(operations_list(all.ops, OPERATION_NONE, NULL, OPERATIONS_KEPT + 1, rows),
                     OPERATIONS_KEPT);
    for (size_t i = 1; i < OPERATIONS_KEPT; i++)
        assert_true(strcmp(rows[i].id, rows[i - 1].id) < 0);
    assert_string_equal(rows[OPERATIONS_KEPT - 1].id, running.id);
    end_well(running.id);
    assert_int_equal(now_of(running.id).state, OPERATION_SUCCEEDED);
}

/* --- two threads --- */

enum { ROUNDS = 300 };

static void *cancel_on(void *ctx)
{
    struct operation_request request = ask(CHANNEL_MQTT, B, "");
    const char *name = ctx;

    for (int i = 0; i < ROUNDS; i++) {
        struct operation op;
        struct problem problem;

        (void)snprintf(request.request, sizeof request.request, "%s%d", name, i);
        if (admit(&request, &op, &problem) == ADMISSION_ACCEPTED && i % 2) {
            struct error e = operations_cancel(all.ops, op.id, &op);

            (void)e; /* TOO_LATE when the worker was quicker */
        }
    }
    return NULL;
}

static void *work_on(void *ctx)
{
    atomic_bool *over = ctx;

    while (!atomic_load(over)) {
        struct operation op;
        int64_t expiry_ms;

        if (!operations_next(all.ops, &op, &expiry_ms) || !operations_start(all.ops, op.id))
            continue;
        operations_set_target(all.ops, op.id, &(struct profile){ .has_iccid = true }, NULL);
        if (operations_commit_to_send(all.ops, op.id))
            operations_enter(all.ops, op.id, PHASE_RESETTING);
        end_well(op.id);
    }
    return NULL;
}

static void revs_are_heard_in_order(void **state)
{
    static struct operation rows[OPERATIONS_KEPT];
    char name_a[] = "a", name_b[] = "b";
    pthread_t doors_thread[2], worker;
    atomic_bool over;
    size_t n;

    (void)state;
    publish(SNAP_LIST);
    operations_set_wake(all.ops, NULL, NULL);
    atomic_init(&over, false);
    assert_int_equal(pthread_create(&worker, NULL, work_on, &over), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&doors_thread[i], NULL, cancel_on, i ? name_a : name_b), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(doors_thread[i], NULL), 0);
    atomic_store(&over, true);
    assert_int_equal(pthread_join(worker, NULL), 0);
    n = operations_list(all.ops, OPERATION_NONE, NULL, OPERATIONS_KEPT, rows);
    assert_true(n > 0);
    for (size_t i = 0; i < n; i++) {
        int64_t rev = 0;

        for (size_t j = 0; j < all.heard_count; j++)
            if (strcmp(all.heard[j].id, rows[i].id) == 0)
                assert_int_equal(all.heard[j].rev, ++rev);
        assert_int_equal(rev, rows[i].rev);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(doors_admit_in_the_contracts_order),
        TEST(what_is_in_use_is_done_at_once),
        TEST(a_key_comes_again),
        TEST(keys_are_a_doors_own),
        TEST(rejected_commands_are_remembered),
        TEST(a_life_with_its_times),
        TEST(a_failure_keeps_its_phase),
        TEST(too_many_phases),
        TEST(a_clock_that_is_not_set_is_told),
        TEST(cancel_in_each_state),
        TEST(waiting_expires_to_the_millisecond),
        TEST(a_time_correction_does_not_expire),
        TEST(running_expires_only_until_enable),
        TEST(lists_page_and_filter),
        TEST(the_oldest_ended_go_first),
        TEST(what_ran_is_forgotten_last),
        TEST(the_one_that_runs_is_never_forgotten),
        TEST(revs_are_heard_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
