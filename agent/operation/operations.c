#include "agent/operation/operations.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/operation/door.h"
#include "agent/operation/intent.h"
#include "agent/operation/journal.h"
#include "agent/operation/letter.h"
#include "agent/operation/life.h"
#include "agent/operation/page.h"
#include "agent/state/bus.h"
#include "agent/state/snapshot.h"

enum { RETRY_MS = 1000, UNREAD_RETRY_MS = 5000 };

/* The journal's name for the lock. */
static const char lock_key[] = "lock";

/* What the disk did not take. */
struct unsaved {
    /* The active operation and its intent. */
    bool any;
    int64_t retry_at_ms;
    int counts;
    bool has_result;
    struct journal_result result;
    /* Of its end: they went out already, and are kept in the same words for the next start. */
    struct letters letters;
};

struct operations {
    struct bus *bus;
    struct state *state;
    struct journal *journal;
    void (*wake)(void *ctx);
    void *wake_ctx;
    struct operations_scribe scribe;
    int64_t budget_ms;
    /* One change at a time is decided, written and told: `rev` has to arrive in order. Held while
     * the disk is waited for, so it guards only what no reader looks at: */
    pthread_mutex_t telling;
    char *intent; /* of the active operation; NULL: none */
    int64_t began_ms;
    int64_t ends_by_utc_ms; /* for the next change of phase; 0: as it is */
    /* The active operation turns back or ends without the word that it waited for. Not on disk: a start
     * that finds it waiting still lets it wait. */
    bool waits_no_longer;
    struct unsaved unsaved;
    /* The journal could not be read yet: what it says of before is not known. */
    bool unread;
    /* Written under both locks, so read under either: */
    pthread_mutex_t lock;
    bool has_active;         /* it waits or runs, or has ended and could not be written yet */
    struct operation active; /* at most one waits or runs, since the door refuses a second */
    struct operation_lock held;
    bool closed;
    /* under lock: */
    struct operations_limits limits;
};

/* What has changed, until it is told. */
struct news {
    bool any;
    enum bus_event event;
    struct operation op;
    struct letters letters;
};

/* --- wiring --- */

static void take_up(struct operations *ops)
{
    char *lock = journal_get_value(ops->journal, lock_key);

    ops->has_active = journal_find_active(ops->journal, &ops->active, &ops->intent);
    if (ops->has_active)
        ops->began_ms = clock_now_ms() - life_ran_ms(&ops->active);
    if (lock) {
        struct error e = lock_from_text(lock, &ops->held);

        if (e.code)
            log_warning("the lock on switching is lost, nobody holds it now", LOG_ERR(&e));
    }
    free(lock);
}

/* A file that could not be read at the start is there now: what it says of before holds. */
static void catch_up(struct operations *ops)
{
    struct error ignored;

    if (!ops->unread)
        return;
    ignored = journal_check(ops->journal);
    (void)ignored; /* it tries; whether it can be read is what counts */
    if (journal_is_unread(ops->journal))
        return;
    ops->unread = false;
    if (!ops->has_active)
        take_up(ops);
}

struct operations *operations_new(struct bus *bus, struct state *state, struct journal *journal)
{
    struct operations *ops = calloc(1, sizeof *ops);

    if (!ops)
        return NULL;
    ops->bus = bus;
    ops->state = state;
    ops->journal = journal;
    pthread_mutex_init(&ops->lock, NULL);
    pthread_mutex_init(&ops->telling, NULL);
    take_up(ops);
    ops->unread = journal_is_unread(journal);
    return ops;
}

void operations_free(struct operations *ops)
{
    if (!ops)
        return;
    pthread_mutex_destroy(&ops->lock);
    pthread_mutex_destroy(&ops->telling);
    letters_done(&ops->unsaved.letters);
    free(ops->intent);
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

void operations_set_scribe(struct operations *ops, const struct operations_scribe *scribe)
{
    ops->scribe = *scribe;
}

void operations_set_limits(struct operations *ops, const struct operations_limits *limits)
{
    pthread_mutex_lock(&ops->lock);
    ops->limits = *limits;
    pthread_mutex_unlock(&ops->lock);
}

/* --- telling --- */

static void log_end(const struct operation *op)
{
    enum log_level level = op->problem.error.code == ERROR_STRANDED ? LOG_LEVEL_ERR
                           : op->state == OPERATION_FAILED          ? LOG_LEVEL_WARNING
                                                                    : LOG_LEVEL_INFO;

    log_at(level, "operation ended", LOG_STR("op", op->id),
           LOG_STR("state", operation_state_name(op->state)),
           LOG_STR("channel", operation_channel_name(op->request.channel)),
           LOG_STR("code", op->problem.error.code ? error_code_name(op->problem.error.code) : NULL),
           LOG_STR("why", op->problem.error.code ? op->problem.error.message : NULL));
}

/* Changes are made between begin_change() and tell_change(), or end_silently(). */
static void begin_change(struct operations *ops)
{
    pthread_mutex_lock(&ops->telling);
}

static void end_silently(struct operations *ops)
{
    pthread_mutex_unlock(&ops->telling);
}

static void write_news(struct operations *ops, const struct operation *op, enum bus_event event,
                       struct news *ret)
{
    ret->any = true;
    ret->event = event;
    ret->op = *op;
    ret->letters = (struct letters){ 0 };
    if (ops->scribe.write)
        ops->scribe.write(ops->scribe.ctx, op, event == BUS_OPERATION_AGAIN, &ret->letters);
}

static void drop_news(struct news *news)
{
    letters_done(&news->letters);
    news->any = false;
}

/* Takes the letters. */
static void tell(struct operations *ops, struct news *news)
{
    if (news->any && news->letters.count > 0)
        ops->scribe.post(ops->scribe.ctx, &news->letters);
    if (news->any)
        bus_publish(ops->bus, news->event, &news->op);
    pthread_mutex_unlock(&ops->telling);
}

static void tell_change(struct operations *ops, struct news *news)
{
    tell(ops, news);
    if (news->any && operation_has_ended(&news->op))
        log_end(&news->op);
}

/* --- the active operation and the disk; all within a change --- */

static const struct operation *find_active(const struct operations *ops, const char *id)
{
    return ops->has_active && strcmp(ops->active.id, id) == 0 ? &ops->active : NULL;
}

/* The one that waits or runs. */
static const struct operation *find_going(const struct operations *ops)
{
    return ops->has_active && !operation_has_ended(&ops->active) ? &ops->active : NULL;
}

static void set_active(struct operations *ops, const struct operation *op)
{
    pthread_mutex_lock(&ops->lock);
    ops->active = *op;
    ops->has_active = !operation_has_ended(op) || ops->unsaved.any;
    pthread_mutex_unlock(&ops->lock);
}

static void set_intent(struct operations *ops, char *text)
{
    free(ops->intent);
    ops->intent = text;
}

/* `op` and all that the disk lacks; `intent`: that has changed, too. */
static struct error write_active(struct operations *ops, const struct operation *op,
                                 struct letters *letters, bool intent)
{
    struct unsaved *unsaved = &ops->unsaved;
    const char *text = ops->intent ? ops->intent : "";
    const struct journal_change change = {
        .op = op,
        .intent = intent || unsaved->any ? text : NULL,
        .letters = letters,
        .counts = unsaved->counts > 0,
        .result = unsaved->has_result ? &unsaved->result : NULL,
    };
    struct error e = journal_write(ops->journal, &change);

    if (e.code)
        return e;
    if (unsaved->counts > 0)
        unsaved->counts--;
    while (unsaved->counts > 0 && !journal_count(ops->journal, JOURNAL_SWITCH).code)
        unsaved->counts--;
    unsaved->has_result = unsaved->any = false;
    return ERROR_OK;
}

/* A change that no disk can stop: what is not written now is written later. Until then nobody is told of
 * it: killed before that, the next start may know better. */
static void go_on(struct operations *ops, const struct operation *op, struct letters *letters,
                  bool intent)
{
    struct unsaved *unsaved = &ops->unsaved;
    struct error e = write_active(ops, op, letters, intent);

    if (e.code) {
        unsaved->any = true;
        unsaved->retry_at_ms = clock_now_ms() + RETRY_MS;
        if (operation_has_ended(op) && letters)
            letters_copy_kept(letters, &unsaved->letters);
        if (letters)
            letters_done(letters);
    }
    set_active(ops, op);
}

/* The same, told. */
static void go_on_and_tell(struct operations *ops, const struct operation *op, bool intent,
                           struct news *ret)
{
    bool ended = operation_has_ended(op);

    write_news(ops, op, BUS_OPERATION, ret);
    if (ended)
        set_intent(ops, NULL);
    go_on(ops, op, &ret->letters, intent || ended);
}

static void write_unsaved(struct operations *ops)
{
    const struct operation op = ops->active;
    struct error e;

    if (!ops->unsaved.any)
        return;
    e = write_active(ops, &op, &ops->unsaved.letters, true);
    if (e.code) {
        ops->unsaved.retry_at_ms = clock_now_ms() + RETRY_MS;
        return;
    }
    if (ops->unsaved.letters.count > 0)
        ops->scribe.post(ops->scribe.ctx, &ops->unsaved.letters);
    letters_done(&ops->unsaved.letters);
    set_active(ops, &op);
    /* What its profile's row says of it could not be looked up before. */
    bus_publish(ops->bus, BUS_LIST, &(struct bus_profiles){ "operation" });
}

void operations_finish(struct operations *ops)
{
    begin_change(ops);
    write_unsaved(ops);
    end_silently(ops);
}

/* A lock that has come to its end is let go; true: it was now. `*again_ms`: no later than its end. */
static bool let_go_of_lock(struct operations *ops, int64_t *again_ms)
{
    struct operation_lock lock = ops->held;

    if (!lock.holder[0])
        return false;
    if (lock_is_held(&lock, journal_now_ms(ops->journal), clock_utc_ms())) {
        *again_ms = clock_earlier(*again_ms, clock_now_ms() + lock.left_ms);
        return false;
    }
    pthread_mutex_lock(&ops->lock);
    ops->held = (struct operation_lock){ 0 };
    pthread_mutex_unlock(&ops->lock);
    return true;
}

int64_t operations_tick(struct operations *ops)
{
    int64_t again_ms;
    bool unlocked;

    begin_change(ops);
    catch_up(ops);
    if (ops->unsaved.any && ops->unsaved.retry_at_ms <= clock_now_ms())
        write_unsaved(ops);
    again_ms = ops->unsaved.any ? ops->unsaved.retry_at_ms
               : ops->unread    ? clock_now_ms() + UNREAD_RETRY_MS
                                : CLOCK_NEVER;
    unlocked = let_go_of_lock(ops, &again_ms);
    end_silently(ops);
    if (unlocked)
        bus_publish(ops->bus, BUS_HEALTH, NULL);
    return again_ms;
}

/* --- the door --- */

bool operations_list_is_fresh(const struct snapshot *now)
{
    return now->has_list && clock_now_ms() - now->list_at_ms < OPERATIONS_LIST_FRESH_MS;
}

static bool age_of_switch(void *ctx, int64_t nth, int64_t *ret_age_ms)
{
    return journal_age_of(ctx, JOURNAL_SWITCH, nth, ret_age_ms);
}

int64_t operations_cooldown_ms(struct operations *ops)
{
    struct operations_limits limits;

    pthread_mutex_lock(&ops->lock);
    limits = ops->limits;
    pthread_mutex_unlock(&ops->lock);
    return limits_wait_ms(&limits, age_of_switch, ops->journal);
}

static struct problem check_lock(struct operations *ops)
{
    struct operation_lock lock = ops->held;

    return lock_is_held(&lock, journal_now_ms(ops->journal), clock_utc_ms())
               ? lock_refusal(&lock)
               : (struct problem){ 0 };
}

static struct problem check_limits(struct operations *ops)
{
    int64_t wait_s = (operations_cooldown_ms(ops) + 999) / 1000;
    struct problem problem = { .retry_after_s = wait_s };

    if (wait_s > 0)
        problem.error =
            error_make(ERROR_IN_AGENT, ERROR_COOLDOWN, 0,
                       "too many switches lately: the next may be in %lld s", (long long)wait_s);
    return problem;
}

static struct problem shutting_down(void)
{
    return (struct problem){ .error = error_make(ERROR_IN_AGENT, ERROR_SHUTTING_DOWN, 0,
                                                 "the agent is stopping"),
                             .retry_after_s = 10 };
}

static struct problem in_the_way(struct error e, const struct operation *op)
{
    struct problem problem = { .error = e };

    memcpy(problem.operation, op->id, sizeof problem.operation);
    return problem;
}

/* What stands between a new one and the card. */
static struct problem check_way(struct operations *ops, const struct operation_request *request,
                                const struct snapshot *now, bool listed)
{
    const struct operation *going = find_going(ops);
    bool is_free = door_is_free(request);
    struct problem problem = { 0 };

    if (!is_free)
        problem = check_lock(ops);
    if (problem.error.code)
        return problem;
    if (going)
        return in_the_way(error_make(ERROR_IN_AGENT, ERROR_SWITCH_IN_PROGRESS, 0,
                                     "another switch has not ended yet"),
                          going);
    if (!now->switching && !listed && operations_list_is_fresh(now))
        problem.error =
            error_make(ERROR_IN_AGENT, ERROR_PROFILE_NOT_FOUND, 0, "the card has no such profile");
    else if (!is_free)
        problem = check_limits(ops);
    return problem;
}

/* Everything after the key and before the disk, in the contract's order. ERROR_NONE: `op` may live,
 * as accepted or ended already. */
static struct problem judge(struct operations *ops, struct operation *op, const char *if_match,
                            const struct snapshot *now)
{
    const struct profile *row =
        now->has_list ? profile_find(&now->list, &op->request.target) : NULL;
    struct problem problem = { 0 };

    if (ops->closed)
        return shutting_down();
    problem.error = door_check_preconditions(&op->request, if_match, now);
    if (problem.error.code)
        return problem;
    /* While another switch runs, the list says what was, not what will be. */
    if (!find_going(ops) && !now->switching && row && row->enabled) {
        door_end_unchanged(op, row, now);
        return problem;
    }
    return check_way(ops, &op->request, now, row != NULL);
}

/* To the disk, and where it waits into its place. */
static struct error put_new(struct operations *ops, const struct operation *op,
                            struct letters *letters)
{
    const struct journal_change change = { .op = op, .letters = letters };
    struct error e = ERROR_OK;

    /* One that has ended and is not on disk has to get there first. */
    write_unsaved(ops);
    if (ops->has_active && !operation_has_ended(op))
        return error_make(ERROR_IN_AGENT, ERROR_STORAGE_FULL, 0,
                          "the end of the last switch cannot be written yet");
    if (!operation_has_ended(op))
        e = journal_check(ops->journal);
    if (!e.code)
        e = journal_write(ops->journal, &change);
    if (!e.code && !operation_has_ended(op))
        set_active(ops, op);
    return e;
}

/* A refused REST request leaves nothing behind: its client has the answer in hand. Nor does a
 * refusal by a stopping agent: the same id may come again. */
static bool leaves_a_trace(const struct operation_request *request, const struct problem *problem)
{
    return !problem->error.code ||
           (request->channel == CHANNEL_MQTT && problem->error.code != ERROR_SHUTTING_DOWN);
}

/* Done at once and without a key, it cannot come again: it needs no disk. */
static bool is_answer_enough(const struct operation *op)
{
    return op->state == OPERATION_SUCCEEDED && !op->request.request[0];
}

static enum admission admit_new(struct operations *ops, const struct operation_request *request,
                                const char *if_match, const struct snapshot *now,
                                struct operation *ret, struct problem *ret_problem,
                                struct news *ret_news)
{
    struct operation op = door_begin(request, ops->budget_ms);
    struct problem problem = judge(ops, &op, if_match, now);
    bool is_new = leaves_a_trace(request, &problem);
    struct error e = ERROR_OK;

    if (problem.error.code)
        door_reject(&op, &problem);
    if (is_new) {
        write_news(ops, &op, BUS_OPERATION, ret_news);
        e = put_new(ops, &op, &ret_news->letters);
    }
    if (e.code && !is_answer_enough(&op)) {
        drop_news(ret_news);
        is_new = false;
        if (!problem.error.code)
            problem.error = e;
    }
    *ret = is_new ? op : door_refused(request, &problem);
    *ret_problem = problem;
    if (problem.error.code)
        return ADMISSION_REFUSED;
    return operation_has_ended(&op) ? ADMISSION_DONE : ADMISSION_ACCEPTED;
}

/* What is said again is not worth waiting for the disk: what it repeats is there already. */
static void add_letters(struct operations *ops, struct letters *letters)
{
    for (size_t i = 0; i < letters->count; i++)
        if (letters->items[i].kept) {
            struct error e = journal_add_letter(ops->journal, &letters->items[i]);

            (void)e; /* it goes out all the same, without a number */
        }
}

static enum admission admit_repeated(struct operations *ops, const struct operation *before,
                                     const struct operation_request *request, struct operation *ret,
                                     struct problem *ret_problem, struct news *ret_news)
{
    if (door_is_same(&before->request, request)) {
        *ret = *before;
        write_news(ops, before, BUS_OPERATION_AGAIN, ret_news);
        /* What is on no disk yet is told once it is. */
        if (ops->unsaved.any && find_active(ops, before->id))
            letters_done(&ret_news->letters);
        add_letters(ops, &ret_news->letters);
        return ADMISSION_REPEATED;
    }
    *ret_problem = in_the_way(error_make(ERROR_IN_AGENT, ERROR_KEY_REUSED, 0,
                                         "the same key came before with another request"),
                              before);
    *ret = door_refused(request, ret_problem);
    return ADMISSION_REFUSED;
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
    struct news news = { 0 };
    enum admission admission;
    struct operation before;
    const struct snapshot *now;

    *ret_problem = (struct problem){ 0 };
    begin_change(ops);
    catch_up(ops);
    /* Within the change (the lock of its own is held for two lines): the worker drops the list before
     * it ends a switch, so a list from before the switch is never looked at after it. */
    now = state_take(ops->state);
    /* A disk that is back says whether it came before; what fails now, judging it will meet again. */
    if (request->request[0]) {
        struct error ignored = journal_check(ops->journal);

        (void)ignored;
    }
    if (request->request[0] &&
        operations_find_request(ops, request->channel, request->request, &before))
        admission = admit_repeated(ops, &before, request, ret, ret_problem, &news);
    else
        admission = admit_new(ops, request, if_match, now, ret, ret_problem, &news);
    tell(ops, &news);
    if (news.any && news.event == BUS_OPERATION)
        log_admitted(&news.op);
    snapshot_release(now);
    if (admission == ADMISSION_ACCEPTED && ops->wake)
        ops->wake(ops->wake_ctx);
    return admission;
}

void operations_close_doors(struct operations *ops)
{
    begin_change(ops);
    pthread_mutex_lock(&ops->lock);
    ops->closed = true;
    pthread_mutex_unlock(&ops->lock);
    end_silently(ops);
}

/* --- readers --- */

bool operations_is_busy(struct operations *ops)
{
    bool busy;

    pthread_mutex_lock(&ops->lock);
    busy = find_going(ops) != NULL;
    pthread_mutex_unlock(&ops->lock);
    return busy;
}

bool operations_find(struct operations *ops, const char *id, struct operation *ret)
{
    bool found;

    pthread_mutex_lock(&ops->lock);
    found = find_active(ops, id) != NULL;
    if (found)
        *ret = ops->active;
    pthread_mutex_unlock(&ops->lock);
    return found || journal_find(ops->journal, id, ret);
}

bool operations_find_request(struct operations *ops, enum operation_channel channel,
                             const char *request, struct operation *ret)
{
    bool found;

    pthread_mutex_lock(&ops->lock);
    found = ops->has_active && ops->active.request.channel == channel &&
            strcmp(ops->active.request.request, request) == 0;
    if (found)
        *ret = ops->active;
    pthread_mutex_unlock(&ops->lock);
    return found || journal_find_request(ops->journal, channel, request, ret);
}

size_t operations_list(struct operations *ops, enum operation_state state, const char *before,
                       size_t cap, struct operation *ret)
{
    size_t count = journal_list(ops->journal, state, before, cap, ret);
    bool has_active, fits;
    struct operation active, kept;

    pthread_mutex_lock(&ops->lock);
    has_active = ops->has_active;
    if (has_active)
        active = ops->active;
    pthread_mutex_unlock(&ops->lock);
    if (!has_active || cap == 0)
        return count;
    /* The journal may be behind with it: of those that wait or run there is no other. */
    fits = state == OPERATION_NONE || active.state == state;
    if (page_has(ret, count, active.id))
        return fits ? page_replace(ret, count, &active) : page_remove(ret, count, active.id);
    if (!fits || (before && strcmp(active.id, before) >= 0))
        return count;
    /* Where the journal has it as one of these, it has it on another page. */
    if (journal_find(ops->journal, active.id, &kept) &&
        (state == OPERATION_NONE || kept.state == state))
        return count;
    return page_insert(ret, count, cap, &active);
}

/* --- a word in between --- */

struct error operations_cancel(struct operations *ops, const char *id, struct operation *ret)
{
    struct error e = ERROR_OK;
    struct news news = { 0 };
    struct operation op;

    begin_change(ops);
    if (!operations_find(ops, id, &op)) {
        e = error_make(ERROR_IN_AGENT, ERROR_NOT_FOUND, 0, "no such operation");
    } else if (op.state != OPERATION_CANCELED &&
               (op.sent || operation_has_ended(&op) || !find_active(ops, id))) {
        e = operation_has_ended(&op)
                ? error_make(ERROR_IN_AGENT, ERROR_TOO_LATE, 0, "it has ended: %s",
                             operation_state_name(op.state))
                : error_make(ERROR_IN_AGENT, ERROR_TOO_LATE, 0, "it is under way on the card");
    } else {
        if (op.state != OPERATION_CANCELED) {
            life_finish(&op, OPERATION_CANCELED, NULL);
            go_on_and_tell(ops, &op, false, &news);
        }
        *ret = op;
    }
    tell_change(ops, &news);
    return e;
}

static bool waits_for_word(const struct operations *ops, const struct operation *op)
{
    return op->state == OPERATION_RUNNING && op->phase == PHASE_CONFIRMING &&
           find_active(ops, op->id) && !ops->waits_no_longer;
}

/* A restart may have to prove the profile anew; the word still counts. */
static bool is_kept_by_word(const struct operation *op)
{
    return op->state == OPERATION_RUNNING ? op->phase != PHASE_ROLLING_BACK
                                          : op->state == OPERATION_SUCCEEDED;
}

/* A disk that does not take the word stops nothing: the switch commits at once. */
static struct error confirm(struct operations *ops, struct operation *op)
{
    bool waits = waits_for_word(ops, op);

    if (op->confirmed && is_kept_by_word(op))
        return ERROR_OK;
    if (!waits)
        return error_make(ERROR_IN_AGENT, ERROR_TOO_LATE, 0, "it does not wait for a confirmation");
    op->confirmed = true;
    go_on(ops, op, NULL, false);
    return ERROR_OK;
}

struct error operations_confirm(struct operations *ops, const char *id, struct operation *ret)
{
    struct error e = error_make(ERROR_IN_AGENT, ERROR_NOT_FOUND, 0, "no such operation");
    struct operation op;

    begin_change(ops);
    if (operations_find(ops, id, &op))
        e = confirm(ops, &op);
    if (!e.code)
        *ret = op;
    end_silently(ops);
    if (!e.code && ops->wake)
        ops->wake(ops->wake_ctx);
    return e;
}

/* --- the lock on switching --- */

bool operations_get_lock(struct operations *ops, struct operation_lock *ret)
{
    struct operation_lock lock;

    pthread_mutex_lock(&ops->lock);
    lock = ops->held;
    pthread_mutex_unlock(&ops->lock);
    if (!lock_is_held(&lock, journal_now_ms(ops->journal), clock_utc_ms()))
        return false;
    *ret = lock;
    return true;
}

/* `lock` NULL: nobody's. */
static struct error change_lock(struct operations *ops, const struct operation_lock *lock)
{
    char *text = lock ? lock_to_text(lock) : NULL;
    struct error e;

    if (lock && !text)
        return error_make(ERROR_IN_AGENT, ERROR_STORAGE_FULL, 0, "no memory for the lock");
    e = journal_put_value(ops->journal, lock_key, text);
    free(text);
    if (e.code)
        return e;
    pthread_mutex_lock(&ops->lock);
    ops->held = lock ? *lock : (struct operation_lock){ 0 };
    pthread_mutex_unlock(&ops->lock);
    return ERROR_OK;
}

void operations_write_anew(struct operations *ops)
{
    struct error e = ERROR_OK;

    begin_change(ops);
    if (ops->has_active) {
        ops->unsaved.any = true;
        write_unsaved(ops);
    }
    if (ops->held.holder[0]) {
        const struct operation_lock lock = ops->held;

        e = change_lock(ops, &lock);
    }
    if (e.code)
        log_warning("the lock on switching could not be written anew, a restart would forget it",
                    LOG_ERR(&e));
    end_silently(ops);
}

struct error operations_lock(struct operations *ops, const struct operation_lock_request *request,
                             struct operation_lock *ret)
{
    int64_t ttl_ms = 1000 * request->ttl_s;
    struct operation_lock lock = { .ends_ms = journal_now_ms(ops->journal) + ttl_ms,
                                   .until_utc_ms = clock_utc_ms() + ttl_ms,
                                   .left_ms = ttl_ms };
    struct operation_lock held;
    struct error e;

    memcpy(lock.holder, request->holder, sizeof lock.holder);
    memcpy(lock.reason, request->reason, sizeof lock.reason);
    begin_change(ops);
    if (operations_get_lock(ops, &held) && strcmp(held.holder, lock.holder) != 0) {
        *ret = held;
        e = lock_refusal(&held).error;
    } else {
        e = change_lock(ops, &lock);
        if (!e.code)
            *ret = lock;
    }
    end_silently(ops);
    if (e.code)
        return e;
    log_info("switching locked", LOG_STR("holder", lock.holder), LOG_NUM("ttl_s", request->ttl_s),
             LOG_STR("reason", lock.reason[0] ? lock.reason : NULL));
    bus_publish(ops->bus, BUS_HEALTH, NULL);
    /* Who ticks has one more end to wait for. */
    if (ops->wake)
        ops->wake(ops->wake_ctx);
    return e;
}

struct error operations_unlock(struct operations *ops, const char *holder, bool force)
{
    struct operation_lock held;
    struct error e;

    begin_change(ops);
    if (!operations_get_lock(ops, &held))
        e = error_make(ERROR_IN_AGENT, ERROR_NOT_FOUND, 0, "nobody holds the lock on switching");
    else if (!force && !(holder && strcmp(held.holder, holder) == 0))
        e = lock_refusal(&held).error;
    else
        e = change_lock(ops, NULL);
    end_silently(ops);
    if (e.code)
        return e;
    log_info("switching unlocked", LOG_STR("holder", held.holder));
    bus_publish(ops->bus, BUS_HEALTH, NULL);
    return e;
}

/* --- the worker's side --- */

bool operations_interrupted(struct operations *ops, struct operation *ret, bool *ret_has_intent,
                            struct intent *ret_intent)
{
    struct error e = ERROR_OK;
    bool found;

    begin_change(ops);
    found = ops->has_active && ops->active.state == OPERATION_RUNNING;
    if (found) {
        *ret = ops->active;
        if (ops->intent)
            e = intent_from_text(ops->intent, ret_intent);
        *ret_has_intent = ops->intent && !e.code;
    }
    end_silently(ops);
    if (e.code)
        log_warning("the intent of a switch is lost, the card's list decides",
                    LOG_STR("op", ret->id), LOG_ERR(&e));
    return found;
}

bool operations_next(struct operations *ops, struct operation *ret, int64_t *ret_next_expiry_ms)
{
    const struct operation *going;
    struct news news = { 0 };
    bool waits;

    *ret_next_expiry_ms = CLOCK_NEVER;
    begin_change(ops);
    going = find_going(ops);
    waits = going && going->state == OPERATION_ACCEPTED;
    if (waits && going->expires_ms <= clock_now_ms()) {
        struct operation op = *going;

        life_expire(&op);
        go_on_and_tell(ops, &op, false, &news);
        waits = false;
    }
    if (waits) {
        *ret_next_expiry_ms = going->expires_ms;
        *ret = *going;
    }
    tell_change(ops, &news);
    return waits;
}

bool operations_one_waits(struct operations *ops)
{
    bool waits;

    pthread_mutex_lock(&ops->lock);
    waits = ops->has_active && ops->active.state == OPERATION_ACCEPTED;
    pthread_mutex_unlock(&ops->lock);
    return waits;
}

bool operations_start(struct operations *ops, const char *id)
{
    const struct operation *active;
    struct news news = { 0 };

    begin_change(ops);
    active = find_active(ops, id);
    if (active && active->state == OPERATION_ACCEPTED) {
        struct operation op = *active;

        ops->began_ms = clock_now_ms();
        ops->waits_no_longer = false;
        life_start(&op, ops->budget_ms);
        go_on_and_tell(ops, &op, false, &news);
    }
    tell_change(ops, &news);
    return news.any;
}

/* The intent takes its place only when it is on disk. */
static struct error write_to_send(struct operations *ops, struct operation *op,
                                  const struct intent *intent)
{
    char *before = ops->intent;
    char *text = intent_to_text(intent);
    struct error e;

    if (!text)
        return error_make(ERROR_IN_AGENT, ERROR_STORAGE_FULL, 0, "no memory for the intent");
    op->sent = true;
    ops->intent = text;
    ops->unsaved.counts++;
    e = write_active(ops, op, NULL, true);
    if (e.code) {
        ops->unsaved.counts--;
        ops->intent = before;
        free(text);
        return e;
    }
    free(before);
    set_active(ops, op);
    return ERROR_OK;
}

struct error operations_commit_to_send(struct operations *ops, const char *id,
                                       const struct intent *intent)
{
    struct error e = error_make(ERROR_IN_AGENT, ERROR_TOO_LATE, 0, "it has ended meanwhile");
    const struct operation *active;
    struct news news = { 0 };

    begin_change(ops);
    active = find_active(ops, id);
    if (active && active->state == OPERATION_RUNNING) {
        struct operation op = *active;

        if (!op.sent && op.expires_ms <= clock_now_ms()) {
            life_expire(&op);
            go_on_and_tell(ops, &op, false, &news);
        } else {
            e = write_to_send(ops, &op, intent);
        }
    }
    tell_change(ops, &news);
    return e;
}

void operations_set_target(struct operations *ops, const char *id, const struct profile *target,
                           const struct iccid *from)
{
    begin_change(ops);
    if (find_active(ops, id)) {
        struct operation op = ops->active;

        op.has_target = true;
        op.target = *target;
        op.has_from = from != NULL;
        if (from)
            op.from = *from;
        set_active(ops, &op);
    }
    end_silently(ops);
}

void operations_set_ends_by(struct operations *ops, const char *id, int64_t ends_by_utc_ms)
{
    begin_change(ops);
    if (find_active(ops, id))
        ops->ends_by_utc_ms = ends_by_utc_ms;
    end_silently(ops);
}

/* Without memory for its text the one before stays, which is less far but true. */
static bool change_intent(struct operations *ops, const struct intent *intent)
{
    char *text = intent ? intent_to_text(intent) : NULL;

    if (text)
        set_intent(ops, text);
    return text != NULL;
}

void operations_enter(struct operations *ops, const char *id, enum phase phase,
                      const struct intent *intent, bool counts)
{
    const struct operation *active;
    struct news news = { 0 };

    begin_change(ops);
    active = find_active(ops, id);
    if (active && active->state == OPERATION_RUNNING) {
        struct operation op = *active;
        bool has_intent = change_intent(ops, intent);

        ops->unsaved.counts += counts;
        if (op.phase == phase) {
            go_on(ops, &op, NULL, has_intent);
        } else {
            life_enter(&op, phase);
            if (ops->ends_by_utc_ms)
                op.ends_by_utc_ms = ops->ends_by_utc_ms;
            ops->ends_by_utc_ms = 0;
            go_on_and_tell(ops, &op, has_intent, &news);
        }
    }
    tell_change(ops, &news);
}

void operations_save(struct operations *ops, const char *id, const struct intent *intent)
{
    const struct operation *active;

    begin_change(ops);
    active = find_active(ops, id);
    if (active && active->state == OPERATION_RUNNING && change_intent(ops, intent))
        journal_save_intent(ops->journal, id, ops->intent);
    end_silently(ops);
}

bool operations_is_confirmed(struct operations *ops, const char *id)
{
    const struct operation *active;
    bool confirmed;

    pthread_mutex_lock(&ops->lock);
    active = find_active(ops, id);
    confirmed = active && active->confirmed;
    pthread_mutex_unlock(&ops->lock);
    return confirmed;
}

bool operations_stop_waiting(struct operations *ops, const char *id)
{
    const struct operation *active;
    bool confirmed;

    /* A word that is on its way to the disk has come. */
    begin_change(ops);
    active = find_active(ops, id);
    confirmed = active && active->confirmed;
    if (active && !confirmed)
        ops->waits_no_longer = true;
    end_silently(ops);
    return confirmed;
}

/* For the plans to come: only of what went to the card, and by the name of its target. */
static void note_result(struct operations *ops, const struct operation *op)
{
    if (!op->sent || !op->has_target || !op->target.has_iccid)
        return;
    ops->unsaved.has_result = true;
    ops->unsaved.result = (struct journal_result){
        .to = op->target.iccid,
        .ms = clock_now_ms() - ops->began_ms,
        .verified = op->verified,
        .code = op->problem.error.code,
        .at_utc_ms = op->ended_utc_ms,
    };
}

void operations_end(struct operations *ops, const char *id, const struct operation_end *end)
{
    struct news news = { 0 };

    begin_change(ops);
    if (find_active(ops, id) && find_going(ops)) {
        struct operation op = ops->active;

        life_end(&op, end);
        note_result(ops, &op);
        go_on_and_tell(ops, &op, true, &news);
    }
    tell_change(ops, &news);
}
