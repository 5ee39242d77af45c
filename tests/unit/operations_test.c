#include "agent/operation/operations.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/operation/intent.h"
#include "agent/operation/letter.h"
#include "agent/state/bus.h"
#include "agent/state/snapshot.h"
#include "tests/test.h"
#include "tests/unit/fake_clock.h"
#include "tests/unit/temp_journal.h"

#define A "89882110000001234568" /* in use */
#define B "8949001312170061988"
#define C "89860A09091830300220"
#define TAG "\"3-0123456789abcdef\""

enum { BUDGET_MS = 1000000, HEARD_MAX = 4096, POSTED_MAX = 64, ROWS_MAX = 1000 };

struct heard {
    char id[ID_LEN + 1];
    enum operation_state state;
    int64_t rev;
};

/* One that was posted. */
struct posted {
    char payload[80];
    int64_t number;
    size_t heard_before; /* so many changes had been heard by then */
};

/* One agent's worth of wiring. */
static struct {
    struct temp_journal temp;
    struct bus *bus;
    struct state *state;
    struct operations *ops;
    unsigned wakes;
    size_t heard_count, heard_wrong, health_count, list_count;
    struct heard heard[HEARD_MAX];
    struct operation again; /* what was told last for one that came again */
    bool forgotten;         /* what is told need not be kept */
    size_t posted_count;    /* may be more than POSTED_MAX */
    struct posted posted[POSTED_MAX];
} all;

/* How often something was written to the journal. */
static atomic_uint writes;

struct error __real_journal_write(struct journal *journal, const struct journal_change *change);
struct error __wrap_journal_write(struct journal *journal, const struct journal_change *change);
const char *__wrap_clock_boot_id(void);

/* Somebody who comes while the disk is waited for; NULL: nobody. */
static void *(*comes_meanwhile)(void *id);
static char meanwhile_id[ID_LEN + 1];
static pthread_t meanwhile;

struct error __wrap_journal_write(struct journal *journal, const struct journal_change *change)
{
    atomic_fetch_add(&writes, 1);
    if (comes_meanwhile) {
        assert_int_equal(pthread_create(&meanwhile, NULL, comes_meanwhile, meanwhile_id), 0);
        comes_meanwhile = NULL;
    }
    return __real_journal_write(journal, change);
}

static const char *boot = "00000000-0000-0000-0000-000000000001";

const char *__wrap_clock_boot_id(void)
{
    return boot;
}

/* The disk takes nothing any more, or all again. */
static void fill_disk(bool full)
{
    struct rlimit limit;

    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = full ? 1 : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void hear(void *ctx, enum bus_event event, const void *data)
{
    const struct operation *op = data;
    struct operation now;

    (void)ctx;
    /* The lock is free, and what is told is not ahead of what is kept. Counted, since a failing
     * assertion must not leave another thread. */
    if (event == BUS_OPERATION_AGAIN)
        all.again = *op;
    if (event == BUS_HEALTH)
        all.health_count++;
    if (event == BUS_LIST)
        all.list_count++;
    if (event == BUS_OPERATION_AGAIN || event == BUS_HEALTH || event == BUS_LIST)
        return;
    if (event != BUS_OPERATION || all.heard_count == HEARD_MAX ||
        (!all.forgotten && (!operations_find(all.ops, op->id, &now) || now.rev < op->rev))) {
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

static char *payload_of(const struct operation *op, bool again)
{
    char text[80];

    (void)snprintf(text, sizeof text, "%s %lld %s%s", op->id, (long long)op->rev,
                   operation_state_name(op->state), again ? " again" : "");
    return strdup(text);
}

/* One letter that is kept, one that is not. */
static void write_letters(void *ctx, const struct operation *op, bool again, struct letters *ret)
{
    struct letter *letter = letters_add(ret, 1, strdup("status"), payload_of(op, again));

    (void)ctx;
    letter->kept = true;
    letter->rev = op->rev;
    memcpy(letter->operation, op->id, sizeof letter->operation);
    letters_add(ret, 2, strdup("twin"), strdup("[]"));
}

static void post_letters(void *ctx, struct letters *letters)
{
    (void)ctx;
    /* What the disk did not take at first comes later, without what is not kept. */
    if (!(letters->count == 2 && letters->items[1].number == 0) &&
        !(letters->count == 1 && letters->items[0].number > 0))
        all.heard_wrong++;
    if (all.posted_count++ < POSTED_MAX) {
        struct posted *posted = &all.posted[all.posted_count - 1];

        (void)snprintf(posted->payload, sizeof posted->payload, "%s", letters->items[0].payload);
        posted->number = letters->items[0].number;
        posted->heard_before = all.heard_count;
    }
    letters_done(letters);
}

static void start(void)
{
    const struct operations_scribe scribe = { .write = write_letters, .post = post_letters };

    all.bus = bus_new();
    all.state = state_new();
    all.ops = operations_new(all.bus, all.state, all.temp.journal);
    operations_set_budget(all.ops, BUDGET_MS);
    operations_set_wake(all.ops, count_wakes, &all.wakes);
    operations_set_scribe(all.ops, &scribe);
    bus_listen(all.bus, hear, NULL);
}

static void stop(void)
{
    operations_free(all.ops);
    state_free(all.state);
    bus_free(all.bus);
}

/* As after a kill: what is not on disk is gone. */
static void restart(void)
{
    stop();
    temp_journal_reopen(&all.temp);
    start();
}

static int set_up(void **state)
{
    (void)state;
    log_set(LOG_LEVEL_ERR, LOG_FORMAT_TEXT, false);
    fake_clock.unset = false;
    boot = "00000000-0000-0000-0000-000000000001";
    memset(&all, 0, sizeof all);
    temp_journal_init(&all.temp);
    start();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fill_disk(false);
    stop();
    temp_journal_done(&all.temp);
    assert_int_equal(all.heard_wrong, 0);
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

static const struct intent an_intent = { .phase = PHASE_ENABLING,
                                         .imsi_before = "262011234567890",
                                         .blackout_ms = -1 };

static struct error send(const char *id)
{
    return operations_commit_to_send(all.ops, id, &an_intent);
}

static void enter(const char *id, enum phase phase)
{
    const struct intent intent = { .phase = phase, .used_ms = 7, .blackout_ms = -1 };

    operations_enter(all.ops, id, phase, &intent, false);
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
        assert_ok(send(ret_id));
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
    atomic_store(&writes, 0);
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
    assert_ok(send(op.id));
    fake_clock_pass(161);
    enter(op.id, PHASE_RESETTING);
    fake_clock_pass(920);
    enter(op.id, PHASE_REGISTERING);
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
    /* One commit a change, and one before ENABLE. */
    assert_int_equal(atomic_load(&writes), 6);
    /* The end is the end. */
    enter(op.id, PHASE_ATTACHING);
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

/* Phases may come more often than there is room: the oldest go. */
static void too_many_phases(void **state)
{
    struct operation op;

    (void)state;
    publish(SNAP_LIST);
    op = accepted(B);
    assert_true(operations_start(all.ops, op.id));
    for (int i = 0; i < 3 * OPERATION_PHASES_MAX; i++) {
        fake_clock_pass(1);
        enter(op.id, i % 2 ? PHASE_REGISTERING : PHASE_RESETTING);
    }
    op = now_of(op.id);
    assert_int_equal(op.phase_count, OPERATION_PHASES_MAX);
    assert_int_equal(op.phase, PHASE_REGISTERING);
    for (size_t i = 0; i < OPERATION_PHASES_MAX; i++) {
        assert_int_equal(op.phases[i].phase, i % 2 ? PHASE_REGISTERING : PHASE_RESETTING);
        assert_int_equal(op.phases[i].ms, i + 1 < OPERATION_PHASES_MAX ? 1 : -1);
    }
    end_well(op.id);
    assert_int_equal(now_of(op.id).phase_count, OPERATION_PHASES_MAX);
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
        assert_ok(send(op.id));
    if (age >= AGE_PHASE)
        enter(op.id, PHASE_RESETTING);
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
        assert_code(send(op.id), ERROR_TOO_LATE);
        enter(op.id, PHASE_RESETTING);
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
    assert_code(send(op.id), ERROR_TOO_LATE);
    op = now_of(op.id);
    assert_int_equal(op.state, OPERATION_EXPIRED);
    assert_int_equal(op.rev, 3);
    assert_int_equal(op.phases[0].ms, 1);
    assert_false(op.sent);

    op = accepted(B);
    fake_clock_pass(899998);
    assert_true(operations_start(all.ops, op.id));
    fake_clock_pass(1);
    assert_ok(send(op.id));
    fake_clock_pass(1000000);
    enter(op.id, PHASE_RESETTING);
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

/* Ids are of the wall clock, which may have been set back before a restart: pages go by arrival, and
 * end. */
static void pages_end_when_the_clock_went_back(void **state)
{
    char ids[3][ID_LEN + 1];
    struct operation rows[4], op;

    (void)state;
    publish(SNAP_LIST);
    op = accepted(B);
    end_well(op.id);
    op = now_of(op.id);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        op.id[0] = '7';
        op.id[ID_LEN - 1] = (char)('0' + i);
        memcpy(ids[i], op.id, sizeof ids[i]);
        assert_ok(journal_write(all.temp.journal, &(struct journal_change){ .op = &op }));
    }
    op = accepted(B);
    assert_int_equal(operations_list(all.ops, OPERATION_NONE, NULL, 2, rows), 2);
    assert_string_equal(rows[0].id, op.id);
    assert_string_equal(rows[1].id, ids[2]);
    assert_int_equal(operations_list(all.ops, OPERATION_NONE, ids[2], 2, rows), 2);
    assert_string_equal(rows[0].id, ids[1]);
    assert_string_equal(rows[1].id, ids[0]);
    assert_int_equal(operations_list(all.ops, OPERATION_NONE, ids[0], 4, rows), 1);
    assert_string_not_equal(rows[0].id, op.id);
    assert_int_equal(operations_list(all.ops, OPERATION_ACCEPTED, NULL, 3, rows), 1);
    assert_int_equal(operations_list(all.ops, OPERATION_ACCEPTED, ids[2], 3, rows), 0);
}

/* --- messages --- */

static void assert_posted(size_t i, const char *id, int64_t rev, const char *state)
{
    char payload[80];

    assert_true(i < all.posted_count);
    (void)snprintf(payload, sizeof payload, "%s %lld %s", id, (long long)rev, state);
    assert_string_equal(all.posted[i].payload, payload);
}

/* What the journal has for the broker, after a restart. */
static void assert_kept(size_t i, size_t count, const char *payload)
{
    struct letter letters[POSTED_MAX];
    size_t n = journal_load_letters(all.temp.journal, 0, POSTED_MAX, letters);

    assert_int_equal(n, count);
    if (count > 0) {
        assert_string_equal(letters[i].payload, payload);
        assert_string_equal(letters[i].topic, "status");
    }
    for (size_t j = 0; j < n; j++) {
        free(letters[j].topic);
        free(letters[j].payload);
    }
}

static void letters_are_written_with_the_change(void **state)
{
    static const char *const states[] = { "accepted", "running", "running", "succeeded" };
    struct operation_request request = ask(CHANNEL_MQTT, B, "m1");
    struct problem problem;
    struct operation op;

    (void)state;
    publish(SNAP_LIST);
    assert_int_equal(admit(&request, &op, &problem), ADMISSION_ACCEPTED);
    assert_true(operations_start(all.ops, op.id));
    assert_ok(send(op.id));
    enter(op.id, PHASE_RESETTING);
    enter(op.id, PHASE_RESETTING);
    end_well(op.id);
    assert_int_equal(all.posted_count, ARRAY_LEN(states));
    restart();
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        assert_posted(i, op.id, (int64_t)i + 1, states[i]);
        assert_true(all.posted[i].number > (i ? all.posted[i - 1].number : 0));
        /* Posted before it is heard. */
        assert_int_equal(all.posted[i].heard_before, i);
        assert_kept(i, ARRAY_LEN(states), all.posted[i].payload);
    }
    /* A refusal and what comes again, too. */
    publish(SNAP_FRESH);
    assert_int_equal(admit(&request, &op, &problem), ADMISSION_REPEATED);
    assert_posted(4, op.id, 4, "succeeded again");
    assert_true(all.posted[4].number > all.posted[3].number);
    request = ask(CHANNEL_MQTT, C, "m2");
    assert_int_equal(admit(&request, &op, &problem), ADMISSION_REFUSED);
    assert_posted(5, op.id, 1, "rejected");
    assert_true(all.posted[5].number > all.posted[4].number);
    /* Of what leaves nothing nothing is said. */
    request = ask(CHANNEL_MQTT, B, "m2");
    assert_int_equal(admit(&request, &op, &problem), ADMISSION_REFUSED);
    assert_int_equal(problem.error.code, ERROR_KEY_REUSED);
    request = ask(CHANNEL_REST, C, "r1");
    assert_int_equal(admit(&request, &op, &problem), ADMISSION_REFUSED);
    assert_int_equal(all.posted_count, 6);
    restart();
    assert_kept(5, 6, all.posted[5].payload);
}

/* --- limits --- */

/* A switch through to its end. */
static void do_switch(void)
{
    struct operation_request request = ask(CHANNEL_AGENT, B, NULL);
    struct operation op;
    struct problem problem;

    assert_int_equal(admit(&request, &op, &problem), ADMISSION_ACCEPTED);
    assert_true(operations_start(all.ops, op.id));
    assert_ok(send(op.id));
    end_well(op.id);
}

static const struct {
    const char *what, *target;
    enum operation_channel channel;
    bool force, keyed_before, locked;
    int64_t passes_ms;
    enum admission admission;
    enum error_code code;
    int64_t retry_after_s;
} cooldowns[] = {
    // clang-format off
    { "at once", B, .code = ERROR_COOLDOWN, .retry_after_s = 60 },
    { "rounded up", B, .passes_ms = 59001, .code = ERROR_COOLDOWN, .retry_after_s = 1 },
    { "in time", B, .passes_ms = 60000, .admission = ADMISSION_ACCEPTED },
    { "forced", B, .force = true, .admission = ADMISSION_ACCEPTED },
    { "MQTT", B, CHANNEL_MQTT, .code = ERROR_COOLDOWN, .retry_after_s = 60 },
    { "MQTT, forced", B, CHANNEL_MQTT, .force = true, .admission = ADMISSION_ACCEPTED },
    { "steering", B, CHANNEL_STEERING, .code = ERROR_COOLDOWN, .retry_after_s = 60 },
    { "steering has no force", B, CHANNEL_STEERING, .force = true, .code = ERROR_COOLDOWN, .retry_after_s = 60 },
    { "the agent itself", B, CHANNEL_AGENT, .admission = ADMISSION_ACCEPTED },
    { "in use already", A, .admission = ADMISSION_DONE },
    { "the lock is before the limits", B, .locked = true, .code = ERROR_LOCKED },
    { "not on the card is before the limits", C, .code = ERROR_PROFILE_NOT_FOUND },
}; // clang-format on

static void limits_are_at_the_door(void **state)
{
    const struct operations_limits limits = { .min_interval_ms = 60000, 4, 24 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cooldowns); i++) {
        struct operation_request request = ask(cooldowns[i].channel, cooldowns[i].target, "k");
        struct operation_lock lock;
        struct operation op;
        struct problem problem;

        print_message("%s\n", cooldowns[i].what);
        tear_down(NULL);
        set_up(NULL);
        operations_set_limits(all.ops, &limits);
        publish(SNAP_LIST);
        assert_int_equal(operations_cooldown_ms(all.ops), 0);
        do_switch();
        assert_int_equal(operations_cooldown_ms(all.ops), 60000);
        fake_clock_pass(cooldowns[i].passes_ms);
        publish(SNAP_FRESH);
        if (cooldowns[i].locked)
            assert_ok(operations_lock(
                all.ops, &(struct operation_lock_request){ .holder = "ann", .ttl_s = 9 }, &lock));
        request.force = cooldowns[i].force;
        assert_int_equal(admit(&request, &op, &problem), cooldowns[i].admission);
        assert_string_equal(error_code_name(problem.error.code),
                            error_code_name(cooldowns[i].code));
        assert_int_equal(problem.retry_after_s, cooldowns[i].retry_after_s);
    }
}

/* Roll-backs count, what was not sent does not, and a restart forgets none. */
static void every_enable_counts(void **state)
{
    const struct operations_limits limits = { .max_per_hour = 2 };
    struct operation op;
    int64_t age_ms;

    (void)state;
    operations_set_limits(all.ops, &limits);
    publish(SNAP_LIST);
    op = accepted(B);
    assert_true(operations_start(all.ops, op.id));
    end_well(op.id);
    assert_false(journal_age_of(all.temp.journal, JOURNAL_SWITCH, 1, &age_ms));
    op = accepted(B);
    assert_true(operations_start(all.ops, op.id));
    assert_ok(send(op.id));
    assert_int_equal(operations_cooldown_ms(all.ops), 0);
    operations_enter(all.ops, op.id, PHASE_ROLLING_BACK, &an_intent, true);
    assert_int_equal(operations_cooldown_ms(all.ops), 3600000);
    fake_clock_pass(1000);
    restart();
    operations_set_limits(all.ops, &limits);
    assert_int_equal(operations_cooldown_ms(all.ops), 3599000);
}

/* --- the lock --- */

static struct error lock_by(const char *holder, int64_t ttl_s, struct operation_lock *ret)
{
    struct operation_lock_request request = { .reason = "update", .ttl_s = ttl_s };

    strcpy(request.holder, holder);
    return operations_lock(all.ops, &request, ret);
}

static const struct {
    const char *what, *target;
    enum operation_channel channel;
    bool force, runs;
    enum admission admission;
    enum error_code code;
} locked[] = {
    // clang-format off
    { "REST", B, .code = ERROR_LOCKED },
    { "REST, forced", B, .force = true, .admission = ADMISSION_ACCEPTED },
    { "MQTT", B, CHANNEL_MQTT, .code = ERROR_LOCKED },
    { "MQTT, forced", B, CHANNEL_MQTT, .force = true, .admission = ADMISSION_ACCEPTED },
    { "steering", B, CHANNEL_STEERING, .code = ERROR_LOCKED },
    { "steering has no force", B, CHANNEL_STEERING, .force = true, .code = ERROR_LOCKED },
    { "the agent itself", B, CHANNEL_AGENT, .admission = ADMISSION_ACCEPTED },
    { "in use already", A, .admission = ADMISSION_DONE },
    { "before in progress", B, .runs = true, .code = ERROR_LOCKED },
    { "in progress is not forced", B, .runs = true, .force = true, .code = ERROR_SWITCH_IN_PROGRESS },
    { "not on the card", C, .code = ERROR_LOCKED },
}; // clang-format on

static void a_lock_stands_in_the_way(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(locked); i++) {
        struct operation_request request = ask(locked[i].channel, locked[i].target, "k");
        struct operation_lock lock;
        struct operation op;
        struct problem problem;

        print_message("%s\n", locked[i].what);
        tear_down(NULL);
        set_up(NULL);
        publish(SNAP_FRESH);
        if (locked[i].runs)
            accepted(B);
        assert_ok(lock_by("ann", 60, &lock));
        request.force = locked[i].force;
        assert_int_equal(admit(&request, &op, &problem), locked[i].admission);
        assert_string_equal(error_code_name(problem.error.code), error_code_name(locked[i].code));
        assert_string_equal(problem.holder, locked[i].code == ERROR_LOCKED ? "ann" : "");
        assert_int_equal(problem.until_utc_ms,
                         locked[i].code == ERROR_LOCKED ? fake_clock.utc_ms + 60000 : 0);
        if (locked[i].channel == CHANNEL_MQTT && locked[i].code)
            assert_string_equal(now_of(op.id).problem.holder, "ann");
    }
}

static void a_lock_is_taken_renewed_and_let_go(void **state)
{
    struct operation_lock lock;

    (void)state;
    assert_false(operations_get_lock(all.ops, &lock));
    assert_code(operations_unlock(all.ops, "ann", false), ERROR_NOT_FOUND);
    assert_code(operations_unlock(all.ops, NULL, true), ERROR_NOT_FOUND);
    assert_ok(lock_by("ann", 60, &lock));
    assert_string_equal(lock.holder, "ann");
    assert_string_equal(lock.reason, "update");
    assert_int_equal(lock.left_ms, 60000);
    fake_clock_pass(59000);
    assert_code(lock_by("bob", 5, &lock), ERROR_LOCKED);
    assert_string_equal(lock.holder, "ann");
    assert_int_equal(lock.left_ms, 1000);
    assert_ok(lock_by("ann", 10, &lock));
    fake_clock_pass(9999);
    assert_true(operations_get_lock(all.ops, &lock));
    assert_int_equal(lock.left_ms, 1);
    fake_clock_pass(1);
    assert_false(operations_get_lock(all.ops, &lock));
    assert_code(operations_unlock(all.ops, "ann", false), ERROR_NOT_FOUND);
    assert_ok(lock_by("bob", 86400, &lock));
    assert_code(operations_unlock(all.ops, "ann", false), ERROR_LOCKED);
    assert_code(operations_unlock(all.ops, NULL, false), ERROR_LOCKED);
    assert_ok(operations_unlock(all.ops, "bob", false));
    assert_false(operations_get_lock(all.ops, &lock));
    assert_ok(lock_by("bob", 1, &lock));
    assert_ok(operations_unlock(all.ops, NULL, true));
    assert_false(operations_get_lock(all.ops, &lock));
    /* Taken or renewed four times, let go twice. */
    assert_int_equal(all.health_count, 6);
}

/* Who ticks is woken for it, and tells it once. */
static void the_end_of_a_lock_is_told(void **state)
{
    struct operation_lock lock;
    unsigned wakes = 0;

    (void)state;
    operations_set_wake(all.ops, count_wakes, &wakes);
    assert_int_equal(operations_tick(all.ops), CLOCK_NEVER);
    assert_ok(lock_by("ann", 60, &lock));
    assert_int_equal(wakes, 1);
    assert_int_equal(operations_tick(all.ops), fake_clock.now_ms + 60000);
    fake_clock_pass(59999);
    assert_int_equal(operations_tick(all.ops), fake_clock.now_ms + 1);
    assert_int_equal(all.health_count, 1);
    fake_clock_pass(1);
    assert_int_equal(operations_tick(all.ops), CLOCK_NEVER);
    assert_int_equal(all.health_count, 2);
    assert_int_equal(operations_tick(all.ops), CLOCK_NEVER);
    assert_int_equal(all.health_count, 2);
    assert_ok(lock_by("bob", 1, &lock));
    assert_ok(operations_unlock(all.ops, "bob", false));
    assert_int_equal(operations_tick(all.ops), CLOCK_NEVER);
    assert_int_equal(all.health_count, 4);
}

static void a_lock_outlives_restarts(void **state)
{
    struct operation_lock lock;

    (void)state;
    assert_ok(lock_by("ann", 60, &lock));
    fake_clock_pass(20000);
    restart();
    assert_true(operations_get_lock(all.ops, &lock));
    assert_string_equal(lock.holder, "ann");
    assert_string_equal(lock.reason, "update");
    assert_int_equal(lock.left_ms, 40000);
    assert_ok(operations_unlock(all.ops, "ann", false));
    restart();
    assert_false(operations_get_lock(all.ops, &lock));
    /* What is not on disk holds nobody off. */
    fill_disk(true);
    assert_code(lock_by("ann", 60, &lock), ERROR_STORAGE_FULL);
    assert_false(operations_get_lock(all.ops, &lock));
    fill_disk(false);
    assert_ok(journal_put_value(all.temp.journal, "lock", "{\"holder\":1}"));
    restart();
    assert_false(operations_get_lock(all.ops, &lock));
    assert_ok(lock_by("ann", 60, &lock));
    fill_disk(true);
    assert_code(operations_unlock(all.ops, "ann", false), ERROR_STORAGE_FULL);
    assert_true(operations_get_lock(all.ops, &lock));
}

/* Somebody takes the journal away: what goes on, and the lock, are in the one that comes in its place. */
static void a_new_file_knows_what_goes_on(void **state)
{
    struct operation op, now;
    struct operation_lock lock;
    struct journal_news news;
    char path[128];

    (void)state;
    op = accepted(A);
    assert_ok(lock_by("ann", 60, &lock));
    (void)snprintf(path, sizeof path, "%s/journal.db", all.temp.dir);
    assert_int_equal(remove(path), 0);
    assert_ok(journal_put_value(all.temp.journal, "other", "x"));
    assert_true(journal_take_news(all.temp.journal, &news));
    assert_string_equal(news.what, "set-aside");
    operations_write_anew(all.ops);
    restart();
    assert_true(operations_find(all.ops, op.id, &now));
    assert_int_equal(now.state, OPERATION_ACCEPTED);
    assert_int_equal(now.rev, op.rev);
    assert_true(operations_is_busy(all.ops));
    assert_true(operations_get_lock(all.ops, &lock));
    assert_string_equal(lock.holder, "ann");
    /* Where there is nothing, nothing is written. */
    assert_ok(operations_unlock(all.ops, "ann", false));
    assert_ok(operations_cancel(all.ops, op.id, &now));
    operations_write_anew(all.ops);
    restart();
    assert_false(operations_is_busy(all.ops));
    assert_false(operations_get_lock(all.ops, &lock));
}

/* --- the word that a switch waits for --- */

static void a_word_confirms(void **state)
{
    static const struct {
        const char *what;
        enum phase phase;
        enum error_code code;
    } rows[] = {
        { "not sent yet", PHASE_ENABLING, ERROR_TOO_LATE },
        { "too early", PHASE_VERIFYING, ERROR_TOO_LATE },
        { "in time", PHASE_CONFIRMING, ERROR_NONE },
        { "too late", PHASE_ROLLING_BACK, ERROR_TOO_LATE },
    };
    struct operation op, ret = { 0 };

    (void)state;
    publish(SNAP_LIST);
    assert_code(operations_confirm(all.ops, "01JDZ0000000000000000000AB", &ret), ERROR_NOT_FOUND);
    op = accepted(B);
    assert_code(operations_confirm(all.ops, op.id, &ret), ERROR_TOO_LATE);
    assert_true(operations_start(all.ops, op.id));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t heard;
        unsigned wakes = all.wakes;

        print_message("%s\n", rows[i].what);
        if (i == 3) {
            end_well(op.id);
            op = accepted(B);
            assert_true(operations_start(all.ops, op.id));
            wakes = all.wakes;
        }
        enter(op.id, rows[i].phase);
        heard = all.heard_count;
        assert_code(operations_confirm(all.ops, op.id, &ret), rows[i].code);
        assert_int_equal(operations_is_confirmed(all.ops, op.id), !rows[i].code);
        assert_int_equal(all.heard_count, heard);
        assert_int_equal(all.wakes, wakes + !rows[i].code);
        if (rows[i].code)
            continue;
        /* Said twice is said once, and it is on disk. */
        atomic_store(&writes, 0);
        assert_ok(operations_confirm(all.ops, op.id, &ret));
        assert_int_equal(atomic_load(&writes), 0);
        assert_true(ret.confirmed);
        assert_int_equal(ret.rev, now_of(op.id).rev);
        restart();
        publish(SNAP_LIST);
        assert_true(operations_is_confirmed(all.ops, op.id));
        /* Also of a switch that a restart has to prove anew. */
        enter(op.id, PHASE_REGISTERING);
        assert_ok(operations_confirm(all.ops, op.id, &ret));
        enter(op.id, PHASE_CONFIRMING);
    }
}

/* Who turns back says so first, and is told of a word that came before. No word is taken that would be
 * in vain, and none that was taken is told again of a switch that it did not keep. */
static void a_word_is_taken_only_where_it_counts(void **state)
{
    static const struct {
        const char *what;
        /* Before the switch waits no longer. */
        bool said;
        /* What comes of the switch then; none of it: the agent is killed. */
        bool goes_back, ends_well, ends_badly;
        /* The word once more, now and after a restart. */
        enum error_code code, again;
    } rows[] = {
        // clang-format off
        { "not said; killed before anything came of that: it waits again", .code = ERROR_TOO_LATE },
        { "not said, and it goes back", .goes_back = true, .code = ERROR_TOO_LATE, .again = ERROR_TOO_LATE },
        { "not said, and it ends", .ends_badly = true, .code = ERROR_TOO_LATE, .again = ERROR_TOO_LATE },
        { "said; killed before anything came of that", .said = true },
        { "said, and the switch is kept", .said = true, .ends_well = true },
        { "said, and it goes back for something else", .said = true, .goes_back = true, .code = ERROR_TOO_LATE, .again = ERROR_TOO_LATE },
        { "said, and it ends otherwise", .said = true, .ends_badly = true, .code = ERROR_TOO_LATE, .again = ERROR_TOO_LATE },
    }; // clang-format on
    const struct operation_end bad = { .error = { .code = ERROR_OVERTAKEN }, .blackout_ms = -1 };

    (void)state;
    publish(SNAP_LIST);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct operation op = accepted(B), ret;

        print_message("%s\n", rows[i].what);
        assert_true(operations_start(all.ops, op.id));
        assert_ok(send(op.id));
        enter(op.id, PHASE_CONFIRMING);
        if (rows[i].said)
            assert_ok(operations_confirm(all.ops, op.id, &ret));
        assert_int_equal(operations_stop_waiting(all.ops, op.id), rows[i].said);
        if (rows[i].goes_back)
            enter(op.id, PHASE_ROLLING_BACK);
        if (rows[i].ends_well)
            end_well(op.id);
        if (rows[i].ends_badly)
            operations_end(all.ops, op.id, &bad);
        assert_code(operations_confirm(all.ops, op.id, &ret), rows[i].code);
        restart();
        publish(SNAP_LIST);
        assert_code(operations_confirm(all.ops, op.id, &ret), rows[i].again);
        end_well(op.id);
    }
}

static void *stop_waiting(void *id)
{
    static char came;

    return operations_stop_waiting(all.ops, id) ? &came : NULL;
}

static struct operation waiting_for_word(void)
{
    struct operation op;

    publish(SNAP_LIST);
    op = accepted(B);
    assert_true(operations_start(all.ops, op.id));
    assert_ok(send(op.id));
    enter(op.id, PHASE_CONFIRMING);
    return op;
}

/* The disk takes its time with the word, and its sender is told that it counts. */
static void a_word_that_is_being_written_counts(void **state)
{
    struct operation op, ret;
    void *came = NULL;

    (void)state;
    op = waiting_for_word();
    memcpy(meanwhile_id, op.id, sizeof op.id);
    comes_meanwhile = stop_waiting;
    assert_ok(operations_confirm(all.ops, op.id, &ret));
    assert_int_equal(pthread_join(meanwhile, &came), 0);
    assert_non_null(came);
}

/* The switch commits at once, so nothing hangs on the word's being kept; it is written when it can be. */
static void a_word_needs_no_disk(void **state)
{
    struct operation op, ret;

    (void)state;
    op = waiting_for_word();
    fill_disk(true);
    assert_ok(operations_confirm(all.ops, op.id, &ret));
    assert_true(operations_is_confirmed(all.ops, op.id));
    fill_disk(false);
    fake_clock_pass(1000);
    assert_int_equal(operations_tick(all.ops), CLOCK_NEVER);
    restart();
    publish(SNAP_LIST);
    assert_true(operations_is_confirmed(all.ops, op.id));
}

/* --- a disk that is full --- */

static const struct {
    const char *what, *target, *key;
    enum operation_channel channel;
    bool runs;
    enum admission admission;
    enum error_code code;
} fulls[] = {
    // clang-format off
    { "REST", B, "", .code = ERROR_STORAGE_FULL },
    { "REST with a key", B, "k", .code = ERROR_STORAGE_FULL },
    { "MQTT", B, "k", CHANNEL_MQTT, .code = ERROR_STORAGE_FULL },
    { "steering", B, "", CHANNEL_STEERING, .code = ERROR_STORAGE_FULL },
    { "in use already", A, "", .admission = ADMISSION_DONE },
    { "in use already, with a key", A, "k", .code = ERROR_STORAGE_FULL },
    { "in use already, MQTT", A, "k", CHANNEL_MQTT, .code = ERROR_STORAGE_FULL },
    { "not on the card is before the disk", C, "k", .code = ERROR_PROFILE_NOT_FOUND },
    { "not on the card, MQTT", C, "k", CHANNEL_MQTT, .code = ERROR_PROFILE_NOT_FOUND },
    { "in progress is before the disk", B, "k", .runs = true, .code = ERROR_SWITCH_IN_PROGRESS },
    { "in progress, MQTT", B, "k", CHANNEL_MQTT, .runs = true, .code = ERROR_SWITCH_IN_PROGRESS },
}; // clang-format on

static void a_full_disk_leaves_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fulls); i++) {
        struct operation_request request = ask(fulls[i].channel, fulls[i].target, fulls[i].key);
        bool done = fulls[i].admission == ADMISSION_DONE;
        struct operation op, kept;
        struct problem problem;
        size_t heard, posted;

        print_message("%s\n", fulls[i].what);
        tear_down(NULL);
        set_up(NULL);
        publish(SNAP_FRESH);
        if (fulls[i].runs)
            accepted(B);
        heard = all.heard_count;
        posted = all.posted_count;
        all.forgotten = done;
        fill_disk(true);
        for (int round = 0; round < 2; round++) {
            assert_int_equal(admit(&request, &op, &problem), fulls[i].admission);
            assert_string_equal(error_code_name(problem.error.code),
                                error_code_name(fulls[i].code));
        }
        assert_int_equal(all.heard_count, heard + 2 * done);
        assert_int_equal(all.posted_count, posted + 2 * done);
        assert_false(operations_find(all.ops, op.id, &kept));
        assert_int_equal(op.rev, done);
        assert_int_equal(op.state, done ? OPERATION_SUCCEEDED : OPERATION_REJECTED);
        assert_int_equal(op.problem.error.code, fulls[i].code);
        if (request.request[0])
            assert_false(operations_find_request(all.ops, fulls[i].channel, "k", &kept));
        fill_disk(false);
        all.forgotten = false;
        /* What a switch needs is not promised at once. */
        if (fulls[i].code == ERROR_STORAGE_FULL && strcmp(fulls[i].target, B) == 0)
            assert_int_equal(admit(&request, &op, &problem), ADMISSION_REFUSED);
        fake_clock_pass(1000);
        publish(SNAP_FRESH);
        /* With space again it is judged anew. */
        if (fulls[i].code == ERROR_STORAGE_FULL)
            assert_int_not_equal(admit(&request, &op, &problem), ADMISSION_REFUSED);
    }
}

static void enable_waits_for_the_disk(void **state)
{
    struct operation op, back;
    struct intent intent;
    bool has_intent;
    int64_t age_ms;

    (void)state;
    publish(SNAP_LIST);
    op = accepted(B);
    assert_true(operations_start(all.ops, op.id));
    fill_disk(true);
    assert_code(send(op.id), ERROR_STORAGE_FULL);
    assert_false(now_of(op.id).sent);
    assert_true(operations_interrupted(all.ops, &back, &has_intent, &intent));
    assert_false(has_intent);
    assert_int_equal(now_of(op.id).state, OPERATION_RUNNING);
    fill_disk(false);
    assert_false(journal_age_of(all.temp.journal, JOURNAL_SWITCH, 1, &age_ms));
    assert_ok(send(op.id));
    assert_true(now_of(op.id).sent);
    assert_true(journal_age_of(all.temp.journal, JOURNAL_SWITCH, 1, &age_ms));
    assert_false(journal_age_of(all.temp.journal, JOURNAL_SWITCH, 2, &age_ms));
}

/* The switch goes on without its disk, and all of it is there when that takes it again. */
static void a_switch_goes_on_without_a_disk(void **state)
{
    struct operation_request request = ask(CHANNEL_MQTT, B, "m1"), other;
    struct journal_result result;
    struct problem problem;
    struct operation op, row, none;
    struct intent intent;
    bool has_intent;
    int64_t age_ms;

    (void)state;
    publish(SNAP_LIST);
    assert_int_equal(admit(&request, &op, &problem), ADMISSION_ACCEPTED);
    assert_true(operations_start(all.ops, op.id));
    operations_set_target(all.ops, op.id, &(struct profile){ .has_iccid = true, .iccid = { B } },
                          NULL);
    assert_ok(send(op.id));
    assert_int_equal(operations_tick(all.ops), CLOCK_NEVER);
    fill_disk(true);
    enter(op.id, PHASE_RESETTING);
    operations_enter(all.ops, op.id, PHASE_ROLLING_BACK, &an_intent, true);
    assert_int_equal(now_of(op.id).rev, 4);
    assert_int_equal(operations_tick(all.ops), fake_clock.now_ms + 1000);
    fake_clock_pass(5000);
    end_well(op.id);
    /* Those in this process hear of it; the fleet does not, of what is on no disk. */
    assert_int_equal(all.heard_count, 5);
    assert_int_equal(all.posted_count, 2);
    /* It is seen as it is, and nothing new comes in before it is written. */
    assert_int_equal(now_of(op.id).state, OPERATION_SUCCEEDED);
    assert_int_equal(admit(&request, &row, &problem), ADMISSION_REPEATED);
    assert_int_equal(row.rev, 5);
    assert_int_equal(operations_list(all.ops, OPERATION_SUCCEEDED, NULL, 1, &row), 1);
    assert_string_equal(row.id, op.id);
    assert_int_equal(operations_list(all.ops, OPERATION_RUNNING, NULL, 1, &row), 0);
    other = ask(CHANNEL_REST, B, NULL);
    assert_int_equal(admit(&other, &row, &problem), ADMISSION_REFUSED);
    assert_int_equal(problem.error.code, ERROR_STORAGE_FULL);
    /* The worker has nothing to do with it any more. */
    assert_false(operations_interrupted(all.ops, &none, &has_intent, &intent));
    fill_disk(false);
    assert_int_equal(operations_tick(all.ops), fake_clock.now_ms + 1000);
    fake_clock_pass(999);
    assert_int_not_equal(operations_tick(all.ops), CLOCK_NEVER);
    assert_int_equal(all.list_count, 0);
    fake_clock_pass(1);
    assert_int_equal(operations_tick(all.ops), CLOCK_NEVER);
    /* The row of its profile says now how it ended. */
    assert_int_equal(all.list_count, 1);
    assert_int_equal(all.heard_count, 5);
    assert_int_equal(all.posted_count, 3);
    assert_posted(2, op.id, 5, "succeeded");
    assert_int_not_equal(all.posted[2].number, 0);
    restart();
    row = now_of(op.id);
    assert_int_equal(row.state, OPERATION_SUCCEEDED);
    assert_int_equal(row.rev, 5);
    assert_int_equal(row.phase_count, 3);
    assert_false(operations_interrupted(all.ops, &none, &has_intent, &intent));
    /* accepted, running, and the end in the words in which it was told. */
    assert_kept(2, 3, all.posted[2].payload);
    assert_true(journal_age_of(all.temp.journal, JOURNAL_SWITCH, 2, &age_ms));
    assert_false(journal_age_of(all.temp.journal, JOURNAL_SWITCH, 3, &age_ms));
    assert_int_equal(journal_results(all.temp.journal, &row.target.iccid, 1, &result), 1);
    assert_int_equal(result.ms, 5000);
}

/* Also what runs is written by the tick, with its intent. */
static void a_tick_writes_what_runs(void **state)
{
    struct operation op, back;
    struct intent intent;
    bool has_intent;

    (void)state;
    publish(SNAP_LIST);
    op = accepted(B);
    assert_true(operations_start(all.ops, op.id));
    assert_ok(send(op.id));
    fill_disk(true);
    enter(op.id, PHASE_RESETTING);
    enter(op.id, PHASE_REGISTERING);
    fill_disk(false);
    assert_int_equal(operations_tick(all.ops), fake_clock.now_ms + 1000);
    fake_clock_pass(1000);
    assert_int_equal(operations_tick(all.ops), CLOCK_NEVER);
    restart();
    assert_true(operations_interrupted(all.ops, &back, &has_intent, &intent));
    assert_string_equal(back.id, op.id);
    assert_int_equal(back.phase, PHASE_REGISTERING);
    assert_int_equal(back.rev, 4);
    assert_true(has_intent);
    assert_int_equal(intent.phase, PHASE_REGISTERING);
    /* What was told on the way is told no more: the broker has newer news by then. */
    assert_kept(1, 2, all.posted[1].payload);
    /* Or by the next change. */
    fill_disk(true);
    enter(op.id, PHASE_ATTACHING);
    fill_disk(false);
    enter(op.id, PHASE_VERIFYING);
    assert_int_equal(operations_tick(all.ops), CLOCK_NEVER);
    restart();
    assert_true(operations_interrupted(all.ops, &back, &has_intent, &intent));
    assert_int_equal(back.phase, PHASE_VERIFYING);
    assert_int_equal(intent.phase, PHASE_VERIFYING);
}

static void a_cancel_needs_no_disk(void **state)
{
    struct operation op, ret;
    int64_t expiry_ms;

    (void)state;
    publish(SNAP_LIST);
    op = accepted(B);
    fill_disk(true);
    assert_ok(operations_cancel(all.ops, op.id, &ret));
    assert_int_equal(ret.state, OPERATION_CANCELED);
    assert_int_equal(ret.rev, 2);
    assert_false(operations_next(all.ops, &ret, &expiry_ms));
    assert_ok(operations_cancel(all.ops, op.id, &ret));
    assert_int_equal(all.heard_count, 2);
    fill_disk(false);
    /* The next at the door takes it along. */
    fake_clock_pass(1000);
    accepted(B);
    restart();
    assert_int_equal(now_of(op.id).state, OPERATION_CANCELED);
    assert_kept(1, 3, all.posted[1].payload);
}

/* --- restarts --- */

static void what_waits_goes_on_waiting(void **state)
{
    struct operation_request request = ask(CHANNEL_MQTT, B, "m1");
    struct operation op, back;
    struct problem problem;
    struct intent intent;
    bool has_intent;
    int64_t expiry_ms;

    (void)state;
    publish(SNAP_LIST);
    request.ttl_s = 60;
    assert_int_equal(admit(&request, &op, &problem), ADMISSION_ACCEPTED);
    fake_clock_pass(59999);
    restart();
    publish(SNAP_LIST);
    assert_false(operations_interrupted(all.ops, &back, &has_intent, &intent));
    assert_true(operations_next(all.ops, &back, &expiry_ms));
    assert_string_equal(back.id, op.id);
    assert_int_equal(expiry_ms, fake_clock.now_ms + 1);
    assert_int_equal(back.rev, 1);
    /* The same key is the same operation, and another request under it is refused. */
    assert_int_equal(admit(&request, &back, &problem), ADMISSION_REPEATED);
    assert_string_equal(back.id, op.id);
    strcpy(request.target.iccid.text, C);
    assert_int_equal(admit(&request, &back, &problem), ADMISSION_REFUSED);
    assert_int_equal(problem.error.code, ERROR_KEY_REUSED);
    assert_string_equal(problem.operation, op.id);
    request = ask(CHANNEL_REST, B, NULL);
    assert_int_equal(admit(&request, &back, &problem), ADMISSION_REFUSED);
    assert_int_equal(problem.error.code, ERROR_SWITCH_IN_PROGRESS);
    fake_clock_pass(1);
    assert_false(operations_next(all.ops, &back, &expiry_ms));
    assert_int_equal(now_of(op.id).state, OPERATION_EXPIRED);
    assert_int_equal(now_of(op.id).rev, 2);
}

/* The disk is away at the start, and back when the request comes once more: what it has counts. */
static void a_disk_that_returns_knows_the_key(void **state)
{
    struct operation_request request = ask(CHANNEL_MQTT, B, "m1");
    struct operation first, op;
    struct problem problem;
    char away[sizeof all.temp.dir + 8];

    (void)state;
    publish(SNAP_LIST);
    assert_int_equal(admit(&request, &first, &problem), ADMISSION_ACCEPTED);
    assert_true(operations_start(all.ops, first.id));
    end_well(first.id);
    (void)snprintf(away, sizeof away, "%s.away", all.temp.dir);
    journal_free(all.temp.journal);
    all.temp.journal = NULL;
    assert_int_equal(rename(all.temp.dir, away), 0);
    fclose(fopen(all.temp.dir, "w"));
    restart();
    assert_int_equal(remove(all.temp.dir), 0);
    assert_int_equal(rename(away, all.temp.dir), 0);
    fake_clock_pass(2000);
    publish(SNAP_LIST);
    assert_int_equal(admit(&request, &op, &problem), ADMISSION_REPEATED);
    assert_string_equal(op.id, first.id);
}

static void what_has_ended_is_known_by_its_key(void **state)
{
    struct operation_request request = ask(CHANNEL_REST, B, "k1");
    struct operation op, back;
    struct problem problem;

    (void)state;
    publish(SNAP_LIST);
    assert_int_equal(admit(&request, &op, &problem), ADMISSION_ACCEPTED);
    assert_true(operations_start(all.ops, op.id));
    assert_ok(send(op.id));
    end_well(op.id);
    restart();
    publish(SNAP_LIST);
    assert_int_equal(admit(&request, &back, &problem), ADMISSION_REPEATED);
    assert_string_equal(back.id, op.id);
    assert_int_equal(back.state, OPERATION_SUCCEEDED);
    request.force = true;
    assert_int_equal(admit(&request, &back, &problem), ADMISSION_REFUSED);
    assert_int_equal(problem.error.code, ERROR_KEY_REUSED);
    assert_string_equal(problem.operation, op.id);
    assert_code(operations_cancel(all.ops, op.id, &back), ERROR_TOO_LATE);
}

/* The machine starts anew: its clock with it. */
static void reboot(int64_t off_ms)
{
    boot = "00000000-0000-0000-0000-000000000002";
    fake_clock.utc_ms += off_ms;
    fake_clock.now_ms = 20000;
    restart();
    publish(SNAP_LIST);
}

static void a_reboot_leaves_what_is_left(void **state)
{
    static const struct {
        const char *what;
        bool unset_before, unset_after;
        int64_t off_ms;
        bool waits;
    } rows[] = {
        { "in time", false, false, 899999, true },
        { "too late", false, false, 900000, false },
        { "the clock was not set", true, false, 1000, false },
        { "the clock is not set", false, true, 1000, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct operation op, back;
        int64_t expiry_ms;

        print_message("%s\n", rows[i].what);
        tear_down(NULL);
        set_up(NULL);
        publish(SNAP_LIST);
        fake_clock.unset = rows[i].unset_before;
        op = accepted(B);
        fake_clock.unset = rows[i].unset_after;
        reboot(rows[i].off_ms);
        assert_int_equal(operations_next(all.ops, &back, &expiry_ms), rows[i].waits);
        assert_int_equal(expiry_ms, rows[i].waits ? fake_clock.now_ms + 1 : CLOCK_NEVER);
        assert_int_equal(now_of(op.id).state,
                         rows[i].waits ? OPERATION_ACCEPTED : OPERATION_EXPIRED);
    }
}

static void what_ran_is_taken_up(void **state)
{
    struct operation_request request = ask(CHANNEL_REST, B, NULL);
    struct operation op, back;
    struct problem problem;
    struct intent intent;
    struct journal_result result;
    bool has_intent;
    int64_t expiry_ms;

    (void)state;
    publish(SNAP_LIST);
    op = accepted(B);
    assert_true(operations_start(all.ops, op.id));
    restart();
    /* Before ENABLE: there is no intent, and it may still be canceled. */
    assert_true(operations_interrupted(all.ops, &back, &has_intent, &intent));
    assert_string_equal(back.id, op.id);
    assert_false(has_intent);
    assert_false(back.sent);
    assert_false(operations_next(all.ops, &back, &expiry_ms));
    operations_set_target(all.ops, op.id, &(struct profile){ .has_iccid = true, .iccid = { B } },
                          &(struct iccid){ A });
    fake_clock_pass(100);
    assert_ok(send(op.id));
    restart();
    assert_true(operations_interrupted(all.ops, &back, &has_intent, &intent));
    assert_true(has_intent && back.sent);
    assert_string_equal(intent.imsi_before, an_intent.imsi_before);
    assert_string_equal(back.target.iccid.text, B);
    assert_string_equal(back.from.text, A);
    enter(op.id, PHASE_RESETTING);
    operations_save(all.ops, op.id, &(struct intent){ .phase = PHASE_RESETTING, .used_ms = 4321 });
    fake_clock_pass(1000);
    reboot(500);
    assert_true(operations_interrupted(all.ops, &back, &has_intent, &intent));
    assert_true(has_intent);
    assert_int_equal(intent.used_ms, 4321);
    assert_int_equal(back.phase, PHASE_RESETTING);
    assert_code(operations_cancel(all.ops, op.id, &back), ERROR_TOO_LATE);
    assert_int_equal(admit(&request, &back, &problem), ADMISSION_REFUSED);
    assert_int_equal(problem.error.code, ERROR_SWITCH_IN_PROGRESS);
    /* Sent once more, long after its time to begin. */
    fake_clock_pass(10000000);
    assert_ok(send(op.id));
    end_well(op.id);
    restart();
    assert_false(operations_interrupted(all.ops, &back, &has_intent, &intent));
    back = now_of(op.id);
    assert_int_equal(back.state, OPERATION_SUCCEEDED);
    assert_int_equal(back.rev, 4);
    /* As far as is known: what was before the reboot, and what came after it. */
    assert_int_equal(journal_results(all.temp.journal, &back.target.iccid, 1, &result), 1);
    assert_int_equal(result.ms, 100 + 10000000);
}

/* Nothing of one switch is taken for the next one's, also when the disk is behind with that. */
static void an_intent_ends_with_its_switch(void **state)
{
    struct operation op, back;
    struct intent intent;
    bool has_intent;

    (void)state;
    publish(SNAP_LIST);
    do_switch();
    op = accepted(B);
    fill_disk(true);
    assert_true(operations_start(all.ops, op.id));
    fill_disk(false);
    fake_clock_pass(1000);
    assert_int_equal(operations_tick(all.ops), CLOCK_NEVER);
    restart();
    assert_true(operations_interrupted(all.ops, &back, &has_intent, &intent));
    assert_string_equal(back.id, op.id);
    assert_false(has_intent);
}

/* The door lets in one at a time; should the file have more, the newest is the one. */
static void one_of_two_is_taken_up(void **state)
{
    struct operation older, newer, back;
    int64_t expiry_ms;

    (void)state;
    publish(SNAP_LIST);
    older = newer = accepted(B);
    fake_clock_pass(1);
    id_make(fake_clock.utc_ms, newer.id);
    assert_ok(journal_write(all.temp.journal, &(struct journal_change){ .op = &newer }));
    restart();
    assert_true(operations_next(all.ops, &back, &expiry_ms));
    assert_string_equal(back.id, newer.id);
    assert_code(operations_cancel(all.ops, older.id, &back), ERROR_TOO_LATE);
    assert_ok(operations_cancel(all.ops, newer.id, &back));
}

/* An intent that cannot be read is none, and the card's list decides. */
static void a_lost_intent_is_none(void **state)
{
    struct operation op, back;
    struct intent intent;
    bool has_intent;

    (void)state;
    publish(SNAP_LIST);
    op = accepted(B);
    assert_true(operations_start(all.ops, op.id));
    assert_ok(send(op.id));
    journal_save_intent(all.temp.journal, op.id, "{\"intent\":tr");
    restart();
    assert_true(operations_interrupted(all.ops, &back, &has_intent, &intent));
    assert_false(has_intent);
    assert_true(back.sent);
}

/* --- ends --- */

static const struct {
    const char *what;
    struct operation_end end;
    bool sent, named;
    enum phase phase;
    size_t results;
} ends[] = {
    // clang-format off
    { "committed", { .has_result = true, .changed = true, .verified = VERIFIED_BROKER }, true, true, PHASE_COMMITTED, 1 },
    { "rolled back", { .error = { .code = ERROR_NO_DATA }, .rolled_back = true }, true, true, PHASE_ROLLED_BACK, 1 },
    { "stranded", { .error = { .code = ERROR_STRANDED }, .cause = ERROR_NO_DATA }, true, true, PHASE_RESETTING, 1 },
    { "a cause of nothing else", { .error = { .code = ERROR_NO_DATA }, .cause = ERROR_NO_DATA }, true, true, PHASE_RESETTING, 1 },
    { "without an ICCID", { .has_result = true, .changed = true }, true, false, PHASE_COMMITTED, 0 },
    { "nothing sent", { .error = { .code = ERROR_CARD_BUSY } }, false, true, PHASE_RESETTING, 0 },
    { "was in use", { .has_result = true }, false, true, PHASE_RESETTING, 0 },
}; // clang-format on

static void ends_are_written_down(void **state)
{
    const struct iccid to = { B };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct journal_result results[4];
        struct operation op, other;

        print_message("%s\n", ends[i].what);
        tear_down(NULL);
        set_up(NULL);
        publish(SNAP_LIST);
        op = accepted(B);
        assert_true(operations_start(all.ops, op.id));
        operations_set_target(
            all.ops, op.id, &(struct profile){ .has_iccid = ends[i].named, .iccid = { B } }, NULL);
        fake_clock_pass(30);
        if (ends[i].sent)
            assert_ok(send(op.id));
        enter(op.id, PHASE_RESETTING);
        fake_clock_pass(12);
        operations_end(all.ops, op.id, &ends[i].end);
        assert_ok(operations_cancel(all.ops, accepted(B).id, &other));
        restart();
        op = now_of(op.id);
        assert_int_equal(op.phase, ends[i].phase);
        assert_int_equal(op.phase_count, 2);
        assert_int_equal(op.phases[1].ms, 12);
        assert_int_equal(op.problem.error.code, ends[i].end.error.code);
        assert_int_equal(op.problem.cause,
                         op.problem.error.code == ERROR_STRANDED ? ERROR_NO_DATA : ERROR_NONE);
        assert_int_equal(journal_results(all.temp.journal, &to, 4, results), ends[i].results);
        if (ends[i].results == 0)
            continue;
        assert_string_equal(results[0].to.text, B);
        assert_int_equal(results[0].ms, 42);
        assert_int_equal(results[0].verified, ends[i].end.verified);
        assert_int_equal(results[0].code, ends[i].end.error.code);
        assert_int_equal(results[0].at_utc_ms, fake_clock.utc_ms);
    }
}

/* What is set on the way is told with the next change, and the same phase again is no change. */
static void only_changes_are_told(void **state)
{
    struct operation op;
    struct intent intent;
    bool has_intent;

    (void)state;
    publish(SNAP_LIST);
    op = accepted(B);
    assert_true(operations_start(all.ops, op.id));
    operations_set_ends_by(all.ops, op.id, 777);
    assert_int_not_equal(now_of(op.id).ends_by_utc_ms, 777); /* one rev says one thing only */
    assert_int_equal(all.heard_count, 2);
    enter(op.id, PHASE_ROLLING_BACK);
    assert_int_equal(now_of(op.id).ends_by_utc_ms, 777);
    atomic_store(&writes, 0);
    for (int i = 0; i < 3; i++)
        operations_enter(all.ops, op.id, PHASE_ROLLING_BACK,
                         &(struct intent){ .phase = PHASE_ATTACHING }, false);
    assert_int_equal(atomic_load(&writes), 3);
    assert_int_equal(all.heard_count, 3);
    assert_int_equal(all.posted_count, 3);
    op = now_of(op.id);
    assert_int_equal(op.rev, 3);
    assert_int_equal(op.phase_count, 2);
    restart();
    assert_true(operations_interrupted(all.ops, &op, &has_intent, &intent));
    assert_true(has_intent);
    assert_int_equal(intent.phase, PHASE_ATTACHING);
    assert_int_equal(op.ends_by_utc_ms, 777);
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
        operations_set_target(all.ops, op.id,
                              &(struct profile){ .has_iccid = true, .iccid = { B } }, NULL);
        if (!send(op.id).code)
            enter(op.id, PHASE_RESETTING);
        end_well(op.id);
    }
    return NULL;
}

static void revs_are_heard_in_order(void **state)
{
    static struct operation rows[ROWS_MAX];
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
    n = operations_list(all.ops, OPERATION_NONE, NULL, ROWS_MAX, rows);
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
        TEST(pages_end_when_the_clock_went_back),
        TEST(letters_are_written_with_the_change),
        TEST(limits_are_at_the_door),
        TEST(every_enable_counts),
        TEST(a_lock_stands_in_the_way),
        TEST(a_lock_is_taken_renewed_and_let_go),
        TEST(the_end_of_a_lock_is_told),
        TEST(a_lock_outlives_restarts),
        TEST(a_new_file_knows_what_goes_on),
        TEST(a_word_confirms),
        TEST(a_word_is_taken_only_where_it_counts),
        TEST(a_word_that_is_being_written_counts),
        TEST(a_word_needs_no_disk),
        TEST(a_full_disk_leaves_nothing),
        TEST(enable_waits_for_the_disk),
        TEST(a_switch_goes_on_without_a_disk),
        TEST(a_tick_writes_what_runs),
        TEST(a_cancel_needs_no_disk),
        TEST(what_waits_goes_on_waiting),
        TEST(a_disk_that_returns_knows_the_key),
        TEST(what_has_ended_is_known_by_its_key),
        TEST(a_reboot_leaves_what_is_left),
        TEST(what_ran_is_taken_up),
        TEST(an_intent_ends_with_its_switch),
        TEST(one_of_two_is_taken_up),
        TEST(a_lost_intent_is_none),
        TEST(ends_are_written_down),
        TEST(only_changes_are_told),
        TEST(revs_are_heard_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
