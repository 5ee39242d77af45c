#include "agent/switch/leg.h"

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/card/card.h"
#include "agent/modem/modem.h"
#include "agent/state/broker.h"
#include "agent/state/bus.h"
#include "agent/switch/hook.h"
#include "agent/switch/look.h"
#include "config/config.h"

enum {
    BUSY_PAUSE_MS = 1000,
    SETTLE_PAUSE_MIN_MS = 1000,
    SETTLE_PAUSE_MAX_MS = 8000,
    TURN_BACK_PAUSE_MIN_MS = 1000,
    TURN_BACK_PAUSE_MAX_MS = 10000,
    /* ENABLEs of a roll-back that the card did not execute, before it counts as refused. */
    TURN_BACK_SENT_MAX = 3,
    TELL_MS = 2000,
    TELL_LOOK_MS = 20,
};

/* As the modem says it while it reads the card anew (CME 14, 13, 0, 100). */
static bool is_busy(const struct error *e)
{
    return e->code == ERROR_CARD_BUSY && e->domain == ERROR_IN_MODEM;
}

static void conclude(struct run *run, enum saga_enabled enabled, struct error error)
{
    run->enabled = enabled;
    run->enable_error = error;
}

/* --- settling --- */

/* A card that commits only when the channel closes shows an old list before that, and one whose
 * channel was lost may still wait for it: what counts is a list begun after all channels are gone. */
static struct error settle_once(struct run *run, int64_t deadline_ms, bool *channels_closed)
{
    const struct switch_tools *tools = run->tools;
    struct error e;

    if (!run_open_again(run, deadline_ms, &e))
        return e.code ? e : error_make(ERROR_IN_AGENT, ERROR_MODEM_ABSENT, 0, "no modem");
    if (!*channels_closed) {
        e = modem_cycle_radio(tools->modem);
        card_forget_channels(tools->card);
        if (e.code)
            return e;
        *channels_closed = run->cycled = true;
    }
    e = modem_check_sim(tools->modem);
    /* A modem that is locked against the new profile lists it all the same. */
    return e.code && e.code != ERROR_SIM_LOCKED
               ? e
               : card_read(tools->card, NULL, &run->ret->list, NULL);
}

/* ERROR_NONE: the list is there. */
static struct error settle(struct run *run, bool channels_closed)
{
    const int64_t deadline_ms = clock_now_ms() + RUN_SETTLE_MS;
    int64_t pause_ms = SETTLE_PAUSE_MIN_MS;

    for (;;) {
        struct error e = settle_once(run, deadline_ms, &channels_closed);

        if (!e.code)
            break;
        if (e.code == ERROR_SHUTTING_DOWN || clock_now_ms() >= deadline_ms)
            return e;
        run_save(run);
        if (!run_wait_for_sign(run, clock_now_ms() + pause_ms))
            return run_stopping();
        pause_ms = 2 * pause_ms > SETTLE_PAUSE_MAX_MS ? SETTLE_PAUSE_MAX_MS : 2 * pause_ms;
    }
    run->ret->has_list = true;
    return ERROR_OK;
}

/* What a list says that was begun after all channels were closed; `why`: what it is if ENABLE did
 * not take. */
static void conclude_from_list(struct run *run, struct error why)
{
    const struct profile *row = profile_enabled(&run->ret->list);

    if (row && run_is_profile(run_profile(run), row))
        conclude(run, SAGA_ENABLED, ERROR_OK);
    else if (row && !run_is_ours(run, row))
        conclude(run, SAGA_FOREIGN, ERROR_OK);
    else if (!row && run->saga.intent.leg == LEG_TARGET &&
             run->saga.intent.profiles[LEG_PREVIOUS].known)
        conclude(run, SAGA_LOST, why); /* the one before is not in use any more, and no other is */
    else
        conclude(run, SAGA_REFUSED, why);
}

static struct error settle_enable(struct run *run, const struct card_enable *result)
{
    struct error e;

    log_warning("ENABLE was not answered clearly, asking the card", LOG_STR("op", run->op->id),
                LOG_ERR(&result->error));
    e = settle(run, result->channels_closed);
    if (e.code == ERROR_SHUTTING_DOWN)
        return e;
    if (!e.code) {
        conclude_from_list(run, result->error);
        return ERROR_OK;
    }
    /* What the modem worked with before this ENABLE it may not work with now. */
    run->has_now = false;
    conclude(run, SAGA_LOST, error_within(e, "the card could not be asked what ENABLE did"));
    return ERROR_OK;
}

/* --- the target --- */

static struct error check_expectation(const struct operation *op, const struct profile *enabled)
{
    if (!op->request.has_expect_enabled ||
        (enabled && enabled->has_iccid &&
         iccid_equal(&enabled->iccid, &op->request.expect_enabled)))
        return ERROR_OK;
    return error_make(ERROR_IN_AGENT, ERROR_PRECONDITION_FAILED, 0,
                      "another profile than expect_enabled is in use");
}

/* The door's rule for what comes over MQTT, looked at once more: a reload may have taken the targets. */
static struct error check_proof(const struct run *run)
{
    if (run->op->request.channel != CHANNEL_MQTT || run->op->request.confirm_s > 0 ||
        run->tools->config->mqtt.link != CONFIG_LINK_OTHER || run->probe)
        return ERROR_OK;
    return error_make(ERROR_IN_AGENT, ERROR_INVALID_REQUEST, 0,
                      "nothing would prove the profile: probe.targets are gone, and there is no "
                      "confirm_s");
}

static const struct profile *find_fallback(const struct profile_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->rows[i].fallback == FALLBACK_YES)
            return &list->rows[i];
    return NULL;
}

static void note_profiles(struct run *run, const struct profile_list *list,
                          const struct profile *target)
{
    struct intent *intent = &run->saga.intent;
    const struct profile *enabled = profile_enabled(list), *fallback = find_fallback(list);

    intent->profiles[LEG_TARGET] = run_profile_of(target);
    if (enabled)
        intent->profiles[LEG_PREVIOUS] = run_profile_of(enabled);
    if (fallback)
        intent->profiles[LEG_FALLBACK] = run_profile_of(fallback);
    intent->wanted = look_wanted(run);
    operations_set_target(run->tools->operations, run->op->id, target,
                          enabled && enabled->has_iccid ? &enabled->iccid : NULL);
}

/* The intent is on disk when this returns ERROR_NONE, and ENABLE goes out next. */
static struct error commit_to_send(struct run *run)
{
    const struct switch_tools *tools = run->tools;
    struct intent intent;
    struct error e = hook_before(run);

    if (e.code)
        return e;
    look_note_end_of_data(run);
    intent = saga_intent(&run->saga, clock_now_ms());
    e = operations_commit_to_send(tools->operations, run->op->id, &intent);
    if (e.code == ERROR_TOO_LATE) {
        run->ret->ended_already = true;
        hook_undo(run);
    }
    return e;
}

/* Before the link is cut: what follows is no outage. */
void leg_tell_switching(const struct run *run)
{
    const int64_t asked_ms = clock_now_ms();
    const struct bus_switching told = {
        .until_utc_ms = clock_utc_ms() + switch_budget_ms(run->tools->config) +
                        1000 * run->op->request.confirm_s,
    };

    bus_publish(run->tools->bus, BUS_SWITCHING, &told);
    while (broker_facts(run->tools->broker).online &&
           broker_facts(run->tools->broker).switching_told_ms < asked_ms &&
           clock_now_ms() < asked_ms + TELL_MS)
        if (!run_pause_until(run, clock_now_ms() + TELL_LOOK_MS))
            return;
}

/* In the middle of the job, with the card's list in hand: the last word before ENABLE. */
static const struct profile *decide(void *ctx, const struct profile_list *list)
{
    struct run *run = ctx;
    const struct profile *row = profile_find(list, &run->op->request.target);

    run->ret->list = *list;
    run->ret->has_list = true;
    if (row && row->enabled && run->sent_before) {
        /* What the modem said right before this may be of the target already. */
        run->saga.intent.imsi_before[0] = '\0';
        run->taken_late = true;
        return NULL;
    }
    run->enable_error = check_expectation(run->op, profile_enabled(list));
    if (run->enable_error.code)
        return NULL;
    if (!row) {
        run->enable_error =
            error_make(ERROR_IN_AGENT, ERROR_PROFILE_NOT_FOUND, 0, "the card has no such profile");
        return NULL;
    }
    note_profiles(run, list, row);
    if (row->enabled) {
        run->already_enabled = true;
        return NULL;
    }
    run->enable_error = check_proof(run);
    if (!run->enable_error.code)
        run->enable_error = commit_to_send(run);
    if (run->enable_error.code)
        return NULL;
    leg_tell_switching(run);
    log_info("profile is being enabled", LOG_STR("op", run->op->id),
             LOG_ID("iccid", row->has_iccid ? row->iccid.text : NULL));
    *run->tools->signs = (struct switch_signs){ 0 };
    run->sent = true;
    return row;
}

static bool may_try_again(const struct run *run, const struct card_enable *result)
{
    return result->sent == CARD_NOT_SENT && !run->sent && !run->enable_error.code &&
           (result->error.code == ERROR_MODEM_TIMEOUT || result->error.code == ERROR_MODEM_ABSENT);
}

/* False: the SIM has been busy for long enough, or the agent stops. */
static bool wait_for_busy_sim(const struct run *run)
{
    return clock_now_ms() < run->busy_until_ms &&
           run_pause_until(run, clock_now_ms() + BUSY_PAUSE_MS);
}

/* One job, or as many as a SIM wants that says that it is busy. */
static struct card_enable enable_once(struct run *run)
{
    struct card_enable result = { 0 };

    do {
        look_before(run);
        card_enable(run->tools->card, decide, run, &result);
    } while (result.sent == CARD_NOT_SENT && !run->sent && is_busy(&result.error) &&
             wait_for_busy_sim(run));
    return result;
}

/* ENABLE goes out at most once. Before that, a job that failed is begun anew, and so is the look
 * before: the port may have been away. */
static struct card_enable enable(struct run *run)
{
    struct card_enable result = enable_once(run);
    struct error last;

    for (int i = 1; i < RUN_JOBS_MAX && may_try_again(run, &result); i++) {
        log_warning("card could not be asked, trying once more", LOG_STR("op", run->op->id),
                    LOG_ERR(&result.error));
        if (!run_open_again(run, clock_now_ms() + RUN_CYCLE_MS, &last)) {
            if (last.code == ERROR_SHUTTING_DOWN)
                result.error = last;
            break;
        }
        result = enable_once(run);
    }
    return result;
}

/* What the door or decide() said counts before what the card did. */
static struct error conclude_unsent(struct run *run, const struct card_enable *result)
{
    struct error why = run->enable_error.code ? run->enable_error : result->error;

    if (why.code == ERROR_SHUTTING_DOWN)
        return why;
    if (run->taken_late) {
        run->sent = true;
        conclude(run, SAGA_ENABLED, ERROR_OK);
        return ERROR_OK;
    }
    /* Nothing went out, so whatever happened is no success. */
    if (!why.code && !run->already_enabled)
        why = error_make(ERROR_IN_AGENT, ERROR_INTERNAL, 0, "ENABLE was not sent");
    conclude(run, SAGA_REFUSED, why);
    return ERROR_OK;
}

/* `*ret_again`: the modem was busy when ENABLE came, the card has since shown that it did not get
 * it, and there is time for another. */
static struct error enable_target_once(struct run *run, bool *ret_again)
{
    struct card_enable result;
    struct error e;

    run->sent_before = run->sent_before || run->sent;
    *ret_again = run->sent = false;
    result = enable(run);
    switch (result.sent) {
    case CARD_NOT_SENT:
        return conclude_unsent(run, &result);
    case CARD_REFUSED:
        if (result.error.code == ERROR_SHUTTING_DOWN)
            return result.error;
        conclude(run, SAGA_REFUSED, result.error);
        return ERROR_OK;
    case CARD_ENABLED:
        conclude(run, SAGA_ENABLED, ERROR_OK);
        return ERROR_OK;
    case CARD_UNCLEAR:
    default:
        break;
    }
    e = settle_enable(run, &result);
    *ret_again =
        !e.code && run->enabled == SAGA_REFUSED && is_busy(&result.error) && wait_for_busy_sim(run);
    return e;
}

static struct error enable_target(struct run *run)
{
    struct error e;
    bool again;

    run->busy_until_ms = clock_now_ms() + RUN_BUSY_MS;
    do
        e = enable_target_once(run, &again);
    while (!e.code && again);
    return e;
}

/* --- turning back --- */

/* The leg's profile in the list; NULL and a conclusion where there is nothing to send. */
static const struct profile *decide_back(void *ctx, const struct profile_list *list)
{
    struct run *run = ctx;
    const struct profile_ref ref = run_ref_of(run_profile(run));
    const struct profile *row = profile_find(list, &ref), *enabled = profile_enabled(list);

    run->ret->list = *list;
    run->ret->has_list = true;
    if (enabled && !run_is_ours(run, enabled))
        conclude(run, SAGA_FOREIGN, ERROR_OK);
    else if (!row)
        conclude(run, SAGA_REFUSED,
                 error_make(ERROR_IN_AGENT, ERROR_PROFILE_NOT_FOUND, 0,
                            "the profile to go back to is not on the card any more"));
    else if (row->enabled) {
        /* What the modem said right before this may be of it already. */
        run->saga.intent.imsi_before[0] = '\0';
        conclude(run, SAGA_ENABLED, ERROR_OK);
    }
    if (run->enabled != SAGA_NOT_SENT)
        return NULL;
    *run->tools->signs = (struct switch_signs){ 0 };
    log_info("going back to a profile", LOG_STR("op", run->op->id),
             LOG_ID("iccid", row->has_iccid ? row->iccid.text : NULL));
    return row;
}

/* ERROR_NONE with run->enabled SAGA_NOT_SENT: worth another try. */
static struct error enable_back_once(struct run *run, int64_t deadline_ms, int *sent)
{
    struct card_enable result = { 0 };
    struct error e;

    if (!run_open_again(run, deadline_ms, &e))
        return e.code == ERROR_SHUTTING_DOWN ? e : ERROR_OK;
    look_before(run);
    card_enable(run->tools->card, decide_back, run, &result);
    if (run->enabled != SAGA_NOT_SENT)
        return ERROR_OK;
    if (result.error.code == ERROR_SHUTTING_DOWN)
        return result.error;
    run->enable_error = result.error;
    if (result.sent != CARD_NOT_SENT)
        (*sent)++;
    if (result.sent == CARD_ENABLED)
        conclude(run, SAGA_ENABLED, ERROR_OK);
    else if (result.sent == CARD_REFUSED && result.error.code == ERROR_POLICY_FORBIDS)
        conclude(run, SAGA_REFUSED, result.error);
    else if (result.sent == CARD_UNCLEAR)
        e = settle_enable(run, &result);
    /* What did not take is tried again, but not for ever. */
    if (!e.code && run->enabled == SAGA_REFUSED && *sent < TURN_BACK_SENT_MAX &&
        run->enable_error.code != ERROR_POLICY_FORBIDS)
        run->enabled = SAGA_NOT_SENT;
    return e;
}

static struct error enable_back(struct run *run)
{
    const int64_t deadline_ms = clock_now_ms() + RUN_TURN_BACK_MS;
    int64_t pause_ms = TURN_BACK_PAUSE_MIN_MS;
    int sent = 0;

    conclude(run, SAGA_NOT_SENT, ERROR_OK);
    for (;;) {
        struct error e = enable_back_once(run, deadline_ms, &sent);

        if (e.code || run->enabled != SAGA_NOT_SENT)
            return e;
        if (clock_now_ms() >= deadline_ms || sent >= TURN_BACK_SENT_MAX) {
            conclude(run, SAGA_LOST, run->enable_error);
            return ERROR_OK;
        }
        run_save(run);
        if (!run_pause_until(run, clock_now_ms() + pause_ms))
            return run_stopping();
        pause_ms = 2 * pause_ms > TURN_BACK_PAUSE_MAX_MS ? TURN_BACK_PAUSE_MAX_MS : 2 * pause_ms;
    }
}

/* --- all --- */

struct error leg_enable(struct run *run)
{
    run->restarted = run->cycled = false;
    return run->saga.intent.leg == LEG_TARGET ? enable_target(run) : enable_back(run);
}

struct error leg_find(struct run *run)
{
    /* Past `enabling` every channel had been closed. */
    struct error e = settle(run, run->saga.intent.phase != PHASE_ENABLING);

    if (e.code == ERROR_SHUTTING_DOWN)
        return e;
    if (e.code)
        conclude(run, SAGA_LOST, error_within(e, "the card could not be asked what ENABLE did"));
    else
        conclude_from_list(run, error_make(ERROR_IN_AGENT, ERROR_INTERRUPTED, 0,
                                           "the agent ended before ENABLE reached the card"));
    return ERROR_OK;
}
