#include "agent/operation/operations.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/state/bus.h"
#include "agent/state/etag.h"
#include "agent/state/snapshot.h"

struct operations {
    struct bus *bus;
    struct state *state;
    void (*wake)(void *ctx);
    void *wake_ctx;
    int64_t budget_ms;
    pthread_mutex_t lock;
    /* under lock: */
    struct operation *kept;                   /* OPERATIONS_KEPT places, in no order */
    struct operation *order[OPERATIONS_KEPT]; /* a ring of them, by age */
    size_t count, newest;
    bool closed;
    /* One at a time is told: two threads may change operations, and `rev` has to arrive in order. */
    pthread_mutex_t telling;
};

struct operations *operations_new(struct bus *bus, struct state *state)
{
    struct operations *ops = calloc(1, sizeof *ops);

    if (!ops)
        return NULL;
    /* Zeroed pages cost nothing until an operation is written to them. */
    ops->kept = calloc(OPERATIONS_KEPT, sizeof *ops->kept);
    if (!ops->kept) {
        free(ops);
        return NULL;
    }
    ops->bus = bus;
    ops->state = state;
    ops->newest = OPERATIONS_KEPT - 1;
    pthread_mutex_init(&ops->lock, NULL);
    pthread_mutex_init(&ops->telling, NULL);
    return ops;
}

void operations_free(struct operations *ops)
{
    if (!ops)
        return;
    pthread_mutex_destroy(&ops->lock);
    pthread_mutex_destroy(&ops->telling);
    free(ops->kept);
    free(ops);
}

void operations_set_wake(struct operations *ops, void (*wake)(void *ctx), void *ctx)
{
    ops->wake = wake;
    ops->wake_ctx = ctx;
}

void operations_set_budget(struct operations *ops, int64_t budget_ms)
{
    ops->budget_ms = budget_ms;
}

int64_t operations_budget_ms(const struct operations *ops)
{
    return ops->budget_ms;
}

/* The i-th newest. Under lock. */
static struct operation **nth_place(struct operations *ops, size_t i)
{
    return &ops->order[(ops->newest + OPERATIONS_KEPT - i) % OPERATIONS_KEPT];
}

static struct operation *nth_newest(struct operations *ops, size_t i)
{
    return *nth_place(ops, i);
}

static struct operation *find(struct operations *ops, const char *id)
{
    for (size_t i = 0; i < ops->count; i++)
        if (strcmp(nth_newest(ops, i)->id, id) == 0)
            return nth_newest(ops, i);
    return NULL;
}

static struct operation *find_request(struct operations *ops, enum operation_channel channel,
                                      const char *request)
{
    for (size_t i = 0; i < ops->count; i++) {
        struct operation *op = nth_newest(ops, i);

        if (op->request.channel == channel && strcmp(op->request.request, request) == 0)
            return op;
    }
    return NULL;
}

/* The one that waits or runs; there is at most one, since the door refuses a second. */
static struct operation *find_active(struct operations *ops)
{
    for (size_t i = 0; i < ops->count; i++)
        if (!operation_has_ended(nth_newest(ops, i)))
            return nth_newest(ops, i);
    return NULL;
}

enum worth {
    /* WORTH_LITTLE: it never ran, and has no key by which it could come again. */
    WORTH_LITTLE = 0,
    /* WORTH_SOME: it never ran; forgotten, the same request is judged anew. */
    WORTH_SOME,
    /* WORTH_MUCH: it ran; forgotten, the same request would switch once more. */
    WORTH_MUCH,
    /* WORTH_ALL: it waits or runs. */
    WORTH_ALL,
};

static enum worth worth_of(const struct operation *op)
{
    if (!operation_has_ended(op))
        return WORTH_ALL;
    if (op->started_utc_ms)
        return WORTH_MUCH;
    return op->request.request[0] ? WORTH_SOME : WORTH_LITTLE;
}

/* The oldest of those that are worth the least, so that whoever floods the door drives out neither
 * the switch that runs nor the memory of those that ran. Gives its place; the order of the others
 * stays. Only when all places are taken. */
static struct operation *forget_one(struct operations *ops)
{
    size_t victim = OPERATIONS_KEPT - 1;
    struct operation *place;

    for (size_t i = OPERATIONS_KEPT; i-- > 0;) {
        if (worth_of(nth_newest(ops, i)) < worth_of(nth_newest(ops, victim)))
            victim = i;
        if (worth_of(nth_newest(ops, victim)) == WORTH_LITTLE)
            break;
    }
    place = nth_newest(ops, victim);
    for (size_t i = victim; i + 1 < OPERATIONS_KEPT; i++)
        *nth_place(ops, i) = nth_newest(ops, i + 1);
    return place;
}

static struct operation *add(struct operations *ops, const struct operation *op)
{
    struct operation *place =
        ops->count < OPERATIONS_KEPT ? &ops->kept[ops->count++] : forget_one(ops);

    ops->newest = (ops->newest + 1) % OPERATIONS_KEPT;
    ops->order[ops->newest] = place;
    *place = *op;
    return place;
}

static void log_end(const struct operation *op)
{
    log_info(
        "operation ended", LOG_STR("op", op->id), LOG_STR("state", operation_state_name(op->state)),
        LOG_STR("channel", operation_channel_name(op->request.channel)),
        LOG_STR("code", op->problem.error.code ? error_code_name(op->problem.error.code) : NULL),
        LOG_STR("why", op->problem.error.code ? op->problem.error.message : NULL));
}

/* Changes are made between begin_change() and tell_change(): `lock` keeps the data true, `telling`
 * keeps the order of what listeners hear; they are called with `lock` free. */
static void begin_change(struct operations *ops)
{
    pthread_mutex_lock(&ops->telling);
    pthread_mutex_lock(&ops->lock);
}

/* Lets both locks go; `op` NULL: there is nothing to tell. True: `*ret` is what was told. */
static bool tell(struct operations *ops, enum bus_event event, const struct operation *op,
                 struct operation *ret)
{
    if (op)
        *ret = *op;
    pthread_mutex_unlock(&ops->lock);
    if (op)
        bus_publish(ops->bus, event, ret);
    pthread_mutex_unlock(&ops->telling);
    return op != NULL;
}

/* `changed` NULL: nothing changed. */
static void tell_change(struct operations *ops, const struct operation *changed)
{
    struct operation told;

    if (tell(ops, BUS_OPERATION, changed, &told) && operation_has_ended(&told))
        log_end(&told);
}

static void close_phase(struct operation *op, int64_t now_ms)
{
    if (op->phase_count > 0 && op->phases[op->phase_count - 1].ms < 0)
        op->phases[op->phase_count - 1].ms = now_ms - op->phases[op->phase_count - 1].began_ms;
}

static void enter_phase(struct operation *op, enum phase phase)
{
    int64_t now_ms = clock_now_ms();

    close_phase(op, now_ms);
    op->phase = phase;
    if (op->phase_count < OPERATION_PHASES_MAX)
        op->phases[op->phase_count++] =
            (struct operation_phase){ .phase = phase, .began_ms = now_ms, .ms = -1 };
}

static void finish(struct operation *op, enum operation_state state, const struct error *error)
{
    close_phase(op, clock_now_ms());
    op->state = state;
    op->ended_utc_ms = clock_utc_ms();
    if (error)
        op->problem.error = *error;
    op->rev++;
}

static void expire(struct operation *op)
{
    const struct error e =
        error_make(ERROR_IN_AGENT, ERROR_EXPIRED, 0, "its time was over before it could begin");

    finish(op, OPERATION_EXPIRED, &e);
}

/* --- the door --- */

static bool same_ref(const struct profile_ref *a, const struct profile_ref *b)
{
    return a->by_aid == b->by_aid &&
           (a->by_aid ? aid_equal(&a->aid, &b->aid) : iccid_equal(&a->iccid, &b->iccid));
}

/* REST compares path and body as they were parsed; MQTT leaves out what only says why and until
 * when, since a sender that asks again may say that differently. */
static bool same_fingerprint(const struct operation_request *a, const struct operation_request *b)
{
    if (!same_ref(&a->target, &b->target) || a->force != b->force || a->confirm_s != b->confirm_s ||
        a->has_expect_enabled != b->has_expect_enabled ||
        (a->has_expect_enabled && !iccid_equal(&a->expect_enabled, &b->expect_enabled)))
        return false;
    return a->channel != CHANNEL_REST ||
           (a->ttl_s == b->ttl_s && strcmp(a->reason, b->reason) == 0);
}

static struct problem refusal(struct error e, const struct operation *in_the_way)
{
    struct problem problem = { .error = e };

    if (in_the_way)
        memcpy(problem.operation, in_the_way->id, sizeof problem.operation);
    return problem;
}

static struct error check_preconditions(const struct operation_request *request,
                                        const char *if_match, const struct snapshot *now)
{
    const struct profile *enabled = now->has_list ? profile_enabled(&now->list) : NULL;

    /* While the list is dropped, every tag that a client can have is older than what dropped it. */
    if (if_match && !etag_fits(if_match, now->has_list ? now->etag : "", ETAG_STRONG))
        return error_make(ERROR_IN_AGENT, ERROR_PRECONDITION_FAILED, 0,
                          "the list has changed since that ETag");
    /* Without a list the worker looks, with a fresh one. */
    if (request->has_expect_enabled && now->has_list &&
        !(enabled && enabled->has_iccid && iccid_equal(&enabled->iccid, &request->expect_enabled)))
        return error_make(ERROR_IN_AGENT, ERROR_PRECONDITION_FAILED, 0,
                          "another profile than expect_enabled is in use");
    return ERROR_OK;
}

static struct operation begin(const struct operations *ops, const struct operation_request *request)
{
    struct operation op = { .request = *request, .state = OPERATION_ACCEPTED, .rev = 1 };
    int64_t ttl_ms = 1000 * (request->ttl_s ? request->ttl_s : OPERATION_TTL_DEFAULT_S);

    op.created_utc_ms = clock_utc_ms();
    op.clock_was_set = clock_is_set();
    op.expires_ms = clock_now_ms() + ttl_ms;
    op.ends_by_utc_ms = op.created_utc_ms + ttl_ms + ops->budget_ms;
    op.blackout_ms = -1;
    id_make(op.created_utc_ms, op.id);
    return op;
}

/* Already in use: succeeded at once, and no command to the card. */
static void end_unchanged(struct operation *op, const struct profile *enabled,
                          const struct snapshot *now)
{
    op->has_target = true;
    op->target = *enabled;
    op->has_result = true;
    op->has_from = op->has_now = enabled->has_iccid;
    op->from = op->now = enabled->iccid;
    op->blackout_ms = 0;
    if (now->has_connectivity && connectivity_is_registered(&now->connectivity))
        op->verified =
            connectivity_has_data(&now->connectivity) ? VERIFIED_ATTACHED : VERIFIED_REGISTERED;
    op->state = OPERATION_SUCCEEDED;
    op->ended_utc_ms = op->ends_by_utc_ms = op->created_utc_ms;
}

bool operations_list_is_fresh(const struct snapshot *now)
{
    return now->has_list && clock_now_ms() - now->list_at_ms < OPERATIONS_LIST_FRESH_MS;
}

/* Everything after the key, in the contract's order. ERROR_NONE: `op` may live, as accepted or, when
 * `*ret_done`, ended already. */
static struct problem judge(struct operations *ops, struct operation *op, const char *if_match,
                            const struct snapshot *now, bool *ret_done)
{
    const struct operation *active = find_active(ops);
    const struct profile *row =
        now->has_list ? profile_find(&now->list, &op->request.target) : NULL;
    struct problem problem;

    *ret_done = false;
    if (ops->closed) {
        problem = refusal(
            error_make(ERROR_IN_AGENT, ERROR_SHUTTING_DOWN, 0, "the agent is stopping"), NULL);
        problem.retry_after_s = 10;
        return problem;
    }
    problem = refusal(check_preconditions(&op->request, if_match, now), NULL);
    if (problem.error.code)
        return problem;
    /* While another switch runs, the list says what was, not what will be. */
    if (!active && !now->switching && row && row->enabled) {
        end_unchanged(op, row, now);
        *ret_done = true;
    } else if (active) {
        problem = refusal(error_make(ERROR_IN_AGENT, ERROR_SWITCH_IN_PROGRESS, 0,
                                     "another switch has not ended yet"),
                          active);
    } else if (!now->switching && !row && operations_list_is_fresh(now)) {
        problem.error =
            error_make(ERROR_IN_AGENT, ERROR_PROFILE_NOT_FOUND, 0, "the card has no such profile");
    }
    return problem;
}

static enum admission admit_repeated(const struct operation *before,
                                     const struct operation_request *request, struct operation *ret,
                                     struct problem *ret_problem)
{
    if (same_fingerprint(&before->request, request)) {
        *ret = *before;
        return ADMISSION_REPEATED;
    }
    *ret_problem = refusal(error_make(ERROR_IN_AGENT, ERROR_KEY_REUSED, 0,
                                      "the same key came before with another request"),
                           before);
    *ret = (struct operation){ .request = *request,
                               .state = OPERATION_REJECTED,
                               .blackout_ms = -1,
                               .clock_was_set = true,
                               .created_utc_ms = clock_utc_ms(),
                               .problem = *ret_problem };
    id_make(ret->created_utc_ms, ret->id);
    ret->ended_utc_ms = ret->ends_by_utc_ms = ret->created_utc_ms;
    return ADMISSION_REFUSED;
}

static enum admission admit_new(struct operations *ops, const struct operation_request *request,
                                const char *if_match, const struct snapshot *now,
                                struct operation *ret, struct problem *ret_problem,
                                const struct operation **ret_told)
{
    struct operation op = begin(ops, request);
    bool done;

    *ret_problem = judge(ops, &op, if_match, now, &done);
    if (ret_problem->error.code) {
        op.state = OPERATION_REJECTED;
        op.problem = *ret_problem;
        op.ended_utc_ms = op.ends_by_utc_ms = op.created_utc_ms;
    }
    /* A refused REST request leaves nothing behind: its client has the answer in hand. Nor does a
     * refusal by a stopping agent: the same id may come again. */
    if (!ret_problem->error.code ||
        (request->channel == CHANNEL_MQTT && ret_problem->error.code != ERROR_SHUTTING_DOWN))
        *ret_told = add(ops, &op);
    else
        op.rev = 0;
    *ret = op;
    if (ret_problem->error.code)
        return ADMISSION_REFUSED;
    return done ? ADMISSION_DONE : ADMISSION_ACCEPTED;
}

static void log_came(const struct operation *op)
{
    const struct operation_request *r = &op->request;

    log_info("operation came", LOG_STR("op", op->id),
             LOG_STR("channel", operation_channel_name(r->channel)),
             LOG_STR("request", r->request[0] ? r->request : NULL),
             LOG_STR("requester", r->requester[0] ? r->requester : NULL));
}

/* Only for what is new; its end at the door comes behind it. */
static void log_admitted(const struct operation *op)
{
    log_came(op);
    if (operation_has_ended(op))
        log_end(op);
}

enum admission operations_admit(struct operations *ops, const struct operation_request *request,
                                const char *if_match, struct operation *ret,
                                struct problem *ret_problem)
{
    const struct operation *told = NULL;
    struct operation copy;
    const struct operation *before;
    enum admission admission;
    const struct snapshot *now;
    bool again;

    *ret_problem = (struct problem){ 0 };
    begin_change(ops);
    /* Under the lock (its own is held for two lines): the worker drops the list before it ends a
     * switch, so a list from before the switch is never looked at after it. */
    now = state_take(ops->state);
    before = request->request[0] ? find_request(ops, request->channel, request->request) : NULL;
    if (before)
        admission = admit_repeated(before, request, ret, ret_problem);
    else
        admission = admit_new(ops, request, if_match, now, ret, ret_problem, &told);
    again = admission == ADMISSION_REPEATED;
    if (tell(ops, again ? BUS_OPERATION_AGAIN : BUS_OPERATION, again ? before : told, &copy) &&
        !again)
        log_admitted(&copy);
    snapshot_release(now);
    if (admission == ADMISSION_ACCEPTED && ops->wake)
        ops->wake(ops->wake_ctx);
    return admission;
}

bool operations_find(struct operations *ops, const char *id, struct operation *ret)
{
    const struct operation *op;

    pthread_mutex_lock(&ops->lock);
    op = find(ops, id);
    if (op)
        *ret = *op;
    pthread_mutex_unlock(&ops->lock);
    return op != NULL;
}

bool operations_find_request(struct operations *ops, enum operation_channel channel,
                             const char *request, struct operation *ret)
{
    const struct operation *op;

    pthread_mutex_lock(&ops->lock);
    op = find_request(ops, channel, request);
    if (op)
        *ret = *op;
    pthread_mutex_unlock(&ops->lock);
    return op != NULL;
}

size_t operations_list(struct operations *ops, enum operation_state state, const char *before,
                       size_t cap, struct operation *ret)
{
    size_t n = 0;

    pthread_mutex_lock(&ops->lock);
    for (size_t i = 0; i < ops->count && n < cap; i++) {
        const struct operation *op = nth_newest(ops, i);

        /* Ids rise with time, so an older one is a smaller one. */
        if (before && strcmp(op->id, before) >= 0)
            continue;
        if (state == OPERATION_NONE || op->state == state)
            ret[n++] = *op;
    }
    pthread_mutex_unlock(&ops->lock);
    return n;
}

struct error operations_cancel(struct operations *ops, const char *id, struct operation *ret)
{
    struct error e = ERROR_OK;
    struct operation *told = NULL;
    struct operation *op;

    begin_change(ops);
    op = find(ops, id);
    if (!op) {
        e = error_make(ERROR_IN_AGENT, ERROR_NOT_FOUND, 0, "no such operation");
    } else if (op->state != OPERATION_CANCELED && (op->sent || operation_has_ended(op))) {
        e = error_make(ERROR_IN_AGENT, ERROR_TOO_LATE, 0, "it is %s",
                       operation_has_ended(op) ? operation_state_name(op->state)
                                               : "under way on the card");
    } else {
        if (op->state != OPERATION_CANCELED) {
            finish(op, OPERATION_CANCELED, NULL);
            told = op;
        }
        *ret = *op;
    }
    tell_change(ops, told);
    return e;
}

void operations_close_doors(struct operations *ops)
{
    pthread_mutex_lock(&ops->lock);
    ops->closed = true;
    pthread_mutex_unlock(&ops->lock);
}

/* --- the worker's side --- */

bool operations_next(struct operations *ops, struct operation *ret, int64_t *ret_next_expiry_ms)
{
    struct operation *told = NULL;
    struct operation *op;

    *ret_next_expiry_ms = CLOCK_NEVER;
    begin_change(ops);
    op = find_active(ops);
    if (op && op->state == OPERATION_ACCEPTED && op->expires_ms <= clock_now_ms()) {
        expire(op);
        told = op;
    }
    if (op && op->state == OPERATION_ACCEPTED) {
        *ret_next_expiry_ms = op->expires_ms;
        *ret = *op;
    } else {
        op = NULL;
    }
    tell_change(ops, told);
    return op != NULL;
}

bool operations_start(struct operations *ops, const char *id)
{
    struct operation *op;

    begin_change(ops);
    op = find(ops, id);
    if (op && op->state == OPERATION_ACCEPTED) {
        op->state = OPERATION_RUNNING;
        op->started_utc_ms = clock_utc_ms();
        op->ends_by_utc_ms = op->started_utc_ms + ops->budget_ms;
        enter_phase(op, PHASE_ENABLING);
        op->rev++;
    } else {
        op = NULL;
    }
    tell_change(ops, op);
    return op != NULL;
}

bool operations_commit_to_send(struct operations *ops, const char *id)
{
    struct operation *told = NULL;
    struct operation *op;
    bool go;

    begin_change(ops);
    op = find(ops, id);
    go = op && op->state == OPERATION_RUNNING;
    if (go && op->expires_ms <= clock_now_ms()) {
        expire(op);
        told = op;
        go = false;
    }
    if (go)
        op->sent = true;
    tell_change(ops, told);
    return go;
}

void operations_set_target(struct operations *ops, const char *id, const struct profile *target,
                           const struct iccid *from)
{
    struct operation *op;

    pthread_mutex_lock(&ops->lock);
    op = find(ops, id);
    if (op) {
        op->has_target = true;
        op->target = *target;
        op->has_from = from != NULL;
        if (from)
            op->from = *from;
    }
    pthread_mutex_unlock(&ops->lock);
}

void operations_enter(struct operations *ops, const char *id, enum phase phase)
{
    struct operation *op;

    begin_change(ops);
    op = find(ops, id);
    if (op && op->state == OPERATION_RUNNING) {
        enter_phase(op, phase);
        op->rev++;
    } else {
        op = NULL;
    }
    tell_change(ops, op);
}

void operations_end(struct operations *ops, const char *id, const struct operation_end *end)
{
    struct operation *op;

    begin_change(ops);
    op = find(ops, id);
    if (op && !operation_has_ended(op)) {
        op->has_result = end->has_result;
        op->changed = end->changed;
        op->has_now = end->has_now;
        op->now = end->now;
        op->blackout_ms = end->blackout_ms;
        op->verified = end->verified;
        if (!end->error.code && end->changed) {
            close_phase(op, clock_now_ms());
            op->phase = PHASE_COMMITTED;
        }
        finish(op, end->error.code ? OPERATION_FAILED : OPERATION_SUCCEEDED,
               end->error.code ? &end->error : NULL);
    } else {
        op = NULL;
    }
    tell_change(ops, op);
}
