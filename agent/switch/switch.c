#include "agent/switch/switch.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/card/card.h"
#include "agent/modem/modem.h"
#include "agent/state/bus.h"
#include "agent/switch/saga.h"
#include "config/config.h"

enum {
    ENABLE_MS = 60000, /* ENABLE and close, 30 s each */
    /* What the modem gets after a cycle, and the longest that its two commands take. */
    CYCLE_MS = 30000,
    CYCLE_COMMANDS_MS = 2 * 180000,
    RESET_MS = 60000,
    SETTLE_MS = 120000,
    DENIED_MS = 60000,
    LOCKED_MS = 10000,
    HELP_MS = 15000,
    HOLD_MS = 30000,
    /* A SIM that is busy before ENABLE is waited for. */
    BUSY_MS = 30000,
    BUSY_PAUSE_MS = 1000,
    SIGN_GAP_MS = 100,
    REOPEN_MIN_MS = 200,
    REOPEN_MAX_MS = 5000,
    SETTLE_PAUSE_MIN_MS = 1000,
    SETTLE_PAUSE_MAX_MS = 8000,
    /* ENABLE jobs at the most, as long as ENABLE itself has not gone out. */
    JOBS_MAX = 2,
};

/* One run's memory. */
struct run {
    const struct switch_tools *tools;
    const struct operation *op;
    struct switch_outcome *ret;
    /* From before ENABLE. */
    char imsi_before[17];
    bool was_registered, was_ready;
    /* From the list. */
    struct profile target;
    bool has_from;
    struct iccid from;
    /* Why decide() declined. */
    struct error declined;
    bool already_enabled;
    /* CLOCK_BOOTTIME when ENABLE went out; 0: it has not. */
    int64_t sent_ms;
    /* Until when a SIM that is busy is asked again. */
    int64_t busy_until_ms;
    /* The card has switched: it said so, or its list did. */
    bool switched;
    /* Since ENABLE: the modem was seen to start over; we had it start over (which proves something
     * only of a modem that tells which card it uses). */
    bool restarted, cycled;
    bool has_now;
    struct iccid now;
};

int64_t switch_budget_ms(const struct config *config)
{
    /* Two cycles: one in vain where the port is away, one when it is back. */
    return JOBS_MAX * (int64_t)ENABLE_MS + BUSY_MS + CYCLE_MS + SETTLE_MS +
           2 * (CYCLE_COMMANDS_MS + CYCLE_MS) + RESET_MS +
           1000 * ((int64_t)config->switching.refresh_s + config->switching.register_s +
                   config->switching.attach_s + config->switching.verify_s);
}

static struct saga_limits limits_of(const struct config *config)
{
    return (struct saga_limits){
        .refresh_ms = 1000 * (int64_t)config->switching.refresh_s,
        .cycle_ms = CYCLE_MS,
        .reset_ms = RESET_MS,
        .register_ms = 1000 * (int64_t)config->switching.register_s,
        .attach_ms = 1000 * (int64_t)config->switching.attach_s,
        .denied_ms = DENIED_MS,
        .locked_ms = LOCKED_MS,
        .help_ms = HELP_MS,
        .hold_ms = HOLD_MS,
        .may_cycle = config->modem.reset >= CONFIG_RESET_CFUN,
        .may_reset = config->modem.reset >= CONFIG_RESET_VENDOR,
        .needs_data = config->switching.verify != CONFIG_VERIFY_REGISTERED,
    };
}

/* False: the agent stops. */
static bool pause_until(const struct run *run, int64_t until_ms)
{
    while (clock_now_ms() < until_ms)
        if (!modem_idle(run->tools->modem, until_ms))
            return false;
    return true;
}

/* Until the time comes or the modem gives a sign; a modem that gives them all the time is not asked
 * more often than every SIGN_GAP_MS. False: the agent stops. */
static bool wait_for_sign(const struct run *run, int64_t until_ms)
{
    if (!pause_until(run, clock_now_ms() + SIGN_GAP_MS))
        return false;
    while (clock_now_ms() < until_ms && !run->tools->signs->hint)
        if (!modem_idle(run->tools->modem, until_ms))
            return false;
    run->tools->signs->hint = false;
    return true;
}

/* False: not open at the deadline, or the agent stops. */
static bool open_again(const struct run *run, int64_t deadline_ms, struct error *ret_last)
{
    struct modem *modem = run->tools->modem;
    int64_t pause_ms = REOPEN_MIN_MS;

    *ret_last = ERROR_OK;
    while (!modem_is_open(modem)) {
        *ret_last = modem_open(modem);
        if (modem_is_open(modem))
            break;
        if (ret_last->code == ERROR_SHUTTING_DOWN || clock_now_ms() >= deadline_ms)
            return false;
        if (!pause_until(run, clock_now_ms() + pause_ms)) {
            *ret_last = error_make(ERROR_IN_AGENT, ERROR_SHUTTING_DOWN, 0, "the agent is stopping");
            return false;
        }
        pause_ms = 2 * pause_ms > REOPEN_MAX_MS ? REOPEN_MAX_MS : 2 * pause_ms;
    }
    return true;
}

/* --- ENABLE --- */

/* What the modem says before: only a change from it proves anything afterwards. */
static void look_before(struct run *run)
{
    struct connectivity before = { 0 };
    struct error e = modem_read_imsi_hash(run->tools->modem, run->imsi_before);

    if (e.code)
        run->imsi_before[0] = '\0';
    e = modem_check_sim(run->tools->modem);
    run->was_ready = !e.code;
    e = modem_read_registration(run->tools->modem, &before);
    run->was_registered = !e.code && connectivity_is_registered(&before);
}

static struct error check_expectation(const struct operation *op, const struct profile *enabled)
{
    if (!op->request.has_expect_enabled ||
        (enabled && enabled->has_iccid &&
         iccid_equal(&enabled->iccid, &op->request.expect_enabled)))
        return ERROR_OK;
    return error_make(ERROR_IN_AGENT, ERROR_PRECONDITION_FAILED, 0,
                      "another profile than expect_enabled is in use");
}

/* In the middle of the job, with the card's list in hand: the last word before ENABLE. */
static const struct profile *decide(void *ctx, const struct profile_list *list)
{
    struct run *run = ctx;
    const struct switch_tools *tools = run->tools;
    const struct profile *enabled = profile_enabled(list);
    const struct profile *row = profile_find(list, &run->op->request.target);
    struct bus_switching told;

    run->ret->list = *list;
    run->ret->has_list = true;
    run->declined = check_expectation(run->op, enabled);
    if (run->declined.code)
        return NULL;
    if (!row) {
        run->declined =
            error_make(ERROR_IN_AGENT, ERROR_PROFILE_NOT_FOUND, 0, "the card has no such profile");
        return NULL;
    }
    run->target = *row;
    run->has_from = enabled && enabled->has_iccid;
    if (run->has_from)
        run->from = enabled->iccid;
    operations_set_target(tools->operations, run->op->id, row, run->has_from ? &run->from : NULL);
    if (row->enabled) {
        run->already_enabled = true;
        return NULL;
    }
    if (!operations_commit_to_send(tools->operations, run->op->id)) {
        run->ret->ended_already = true;
        return NULL;
    }
    told.until_utc_ms = clock_utc_ms() + switch_budget_ms(tools->config);
    bus_publish(tools->bus, BUS_SWITCHING, &told);
    log_info("profile is being enabled", LOG_STR("op", run->op->id),
             LOG_ID("iccid", row->has_iccid ? row->iccid.text : NULL));
    *tools->signs = (struct switch_signs){ 0 };
    run->sent_ms = clock_now_ms();
    return row;
}

static bool may_try_again(const struct card_enable *result)
{
    return result->sent == CARD_NOT_SENT &&
           (result->error.code == ERROR_MODEM_TIMEOUT || result->error.code == ERROR_MODEM_ABSENT);
}

/* As the modem says it while it reads the card anew (CME 14, 13, 0, 100). */
static bool is_busy(const struct error *e)
{
    return e->code == ERROR_CARD_BUSY && e->domain == ERROR_IN_MODEM;
}

/* False: the SIM has been busy for long enough, or the agent stops. */
static bool wait_for_busy_sim(const struct run *run)
{
    return clock_now_ms() < run->busy_until_ms && pause_until(run, clock_now_ms() + BUSY_PAUSE_MS);
}

/* One job, or as many as a SIM wants that says that it is busy. */
static struct card_enable enable_once(struct run *run)
{
    struct card_enable result = { 0 };

    do {
        look_before(run);
        card_enable(run->tools->card, decide, run, &result);
    } while (result.sent == CARD_NOT_SENT && !run->sent_ms && is_busy(&result.error) &&
             wait_for_busy_sim(run));
    return result;
}

/* ENABLE goes out at most once. Before that, a job that failed is begun anew, and so is the look
 * before: the port may have been away. */
static struct card_enable enable(struct run *run)
{
    struct card_enable result = enable_once(run);
    struct error last;

    for (int i = 1; i < JOBS_MAX && may_try_again(&result) && !run->sent_ms; i++) {
        log_warning("card could not be asked, trying once more", LOG_STR("op", run->op->id),
                    LOG_ERR(&result.error));
        if (!open_again(run, clock_now_ms() + CYCLE_MS, &last)) {
            if (last.code == ERROR_SHUTTING_DOWN)
                result.error = last;
            break;
        }
        result = enable_once(run);
    }
    return result;
}

/* A card that commits only when the channel closes shows an old list before that, and one whose
 * channel was lost may still wait for it: what counts is a list begun after all channels are gone. */
static struct error settle_once(struct run *run, int64_t deadline_ms, bool *channels_closed)
{
    const struct switch_tools *tools = run->tools;
    struct error e;

    if (!open_again(run, deadline_ms, &e))
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

static struct error settle(struct run *run, bool channels_closed, bool *ret_enabled)
{
    const int64_t deadline_ms = clock_now_ms() + SETTLE_MS;
    const struct profile_ref target = { .by_aid = run->target.has_aid,
                                        .aid = run->target.aid,
                                        .iccid = run->target.iccid };
    int64_t pause_ms = SETTLE_PAUSE_MIN_MS;
    const struct profile *row;

    for (;;) {
        struct error e = settle_once(run, deadline_ms, &channels_closed);

        if (!e.code)
            break;
        if (e.code == ERROR_SHUTTING_DOWN || clock_now_ms() >= deadline_ms)
            return e;
        if (!wait_for_sign(run, clock_now_ms() + pause_ms))
            return error_make(ERROR_IN_AGENT, ERROR_SHUTTING_DOWN, 0, "the agent is stopping");
        pause_ms = 2 * pause_ms > SETTLE_PAUSE_MAX_MS ? SETTLE_PAUSE_MAX_MS : 2 * pause_ms;
    }
    run->ret->has_list = true;
    row = profile_find(&run->ret->list, &target);
    *ret_enabled = row && row->enabled;
    return ERROR_OK;
}

/* --- after ENABLE --- */

static void look_at_sim(struct run *run, struct saga_seen *ret)
{
    ret->sim = modem_check_sim(run->tools->modem);
    if (ret->sim.code == ERROR_CARD_BUSY || ret->sim.code == ERROR_CARD_ABSENT ||
        (ret->sim.code == ERROR_SIM_LOCKED && run->was_ready))
        run->restarted = true;
}

static bool has_other_imsi(const struct run *run)
{
    char imsi[17];
    struct error e = modem_read_imsi_hash(run->tools->modem, imsi);

    return !e.code && run->imsi_before[0] && strcmp(imsi, run->imsi_before) != 0;
}

/* Which profile the modem works with. One that has no command for it lets the card be read (CRSM),
 * and the card has switched: then the IMSI has to be another one, too. */
static void look_at_card_in_use(struct run *run, struct saga_seen *ret)
{
    struct iccid now;
    bool cached, matches;
    struct error e = modem_read_iccid(run->tools->modem, &now, &cached);

    run->has_now = false;
    /* A modem that tells no ICCID in any way: after the card's yes, another IMSI has to do. */
    if (e.code == ERROR_CARD && run->target.has_iccid && has_other_imsi(run)) {
        run->restarted = run->has_now = ret->on_target = true;
        run->now = run->target.iccid;
    }
    if (e.code)
        return;
    matches = run->target.has_iccid && iccid_equal(&now, &run->target.iccid);
    if (matches && (!cached || !run->restarted) && has_other_imsi(run))
        run->restarted = ret->on_target = true;
    if (matches && (cached || !run->imsi_before[0]))
        ret->on_target = true;
    ret->elsewhere = !matches;
    run->has_now = cached || ret->on_target;
    run->now = now;
    if (ret->on_target && cached && run->cycled)
        run->restarted = true;
}

static void look_at_network(struct run *run, bool data_too, struct saga_seen *ret)
{
    struct modem *modem = run->tools->modem;
    struct connectivity now = { 0 };
    struct error e = modem_read_registration(modem, &now);

    if (e.code)
        return;
    ret->registration = now.registration;
    if (run->was_registered && !connectivity_is_registered(&now))
        run->restarted = true;
    if (!data_too)
        return;
    e = modem_read_data(modem, &now);
    ret->data = !e.code && connectivity_has_data(&now);
}

static struct saga_seen look(struct run *run, enum phase phase)
{
    struct saga_seen seen = { .sim = ERROR_OK };

    /* What the modem worked with before it went or started over is not what it works with now. */
    if (phase == PHASE_RESETTING)
        run->has_now = false;
    if (modem_is_open(run->tools->modem)) {
        look_at_sim(run, &seen);
        if (!seen.sim.code)
            look_at_card_in_use(run, &seen);
        /* While resetting, registration tells only whether the modem has left the old network. */
        if (phase != PHASE_RESETTING || !run->restarted)
            look_at_network(run, phase == PHASE_ATTACHING, &seen);
    }
    run->restarted = run->restarted || run->tools->signs->restarted;
    seen.modem_open = modem_is_open(run->tools->modem);
    seen.restarted = run->restarted;
    return seen;
}

/* The port may vanish at any moment of a switch. */
static struct error keep_open(struct run *run)
{
    struct error e = ERROR_OK;

    if (modem_is_open(run->tools->modem))
        return ERROR_OK;
    run->restarted = true;
    card_forget_channels(run->tools->card);
    if (!open_again(run, clock_now_ms(), &e) && e.code == ERROR_SHUTTING_DOWN)
        return e;
    return ERROR_OK;
}

static void cycle_radio(struct run *run)
{
    struct error e = modem_cycle_radio(run->tools->modem);

    card_forget_channels(run->tools->card);
    if (e.code)
        log_warning("radio could not be cycled, waiting on", LOG_STR("op", run->op->id),
                    LOG_ERR(&e));
    else
        run->cycled = true;
}

static void reset_modem(struct run *run)
{
    struct error e = modem_reset(run->tools->modem);

    card_forget_channels(run->tools->card);
    if (e.code)
        log_warning("modem could not be reset, waiting on", LOG_STR("op", run->op->id),
                    LOG_ERR(&e));
    else
        run->cycled = true;
}

static void help(struct run *run, int64_t deadline_ms)
{
    struct error e = modem_attach(run->tools->modem, deadline_ms);

    if (e.code)
        log_warning("attaching by command was refused, waiting on", LOG_STR("op", run->op->id),
                    LOG_ERR(&e));
}

static void enter(struct run *run, enum phase phase, int64_t deadline_ms)
{
    operations_enter(run->tools->operations, run->op->id, phase);
    if (phase == PHASE_REGISTERING) {
        struct error e = modem_after_switch(run->tools->modem, deadline_ms);

        if (e.code)
            log_warning("modem's after-switch command was refused, going on",
                        LOG_STR("op", run->op->id), LOG_ERR(&e));
    }
}

/* From the card's yes to the end. */
static struct error follow(struct run *run)
{
    const struct saga_limits limits = limits_of(run->tools->config);
    struct saga saga = saga_begin(clock_now_ms());

    run->switched = true;
    operations_enter(run->tools->operations, run->op->id, PHASE_RESETTING);
    for (;;) {
        struct error e = keep_open(run);
        struct saga_seen seen;
        struct saga_step step;

        if (e.code)
            return e;
        seen = look(run, saga.phase);
        /* Once the agent stops nothing can be read, and nothing can be concluded from that. */
        if (!modem_idle(run->tools->modem, clock_now_ms()))
            return error_make(ERROR_IN_AGENT, ERROR_SHUTTING_DOWN, 0, "the agent is stopping");
        if (seen.data && run->ret->end.blackout_ms < 0)
            run->ret->end.blackout_ms = clock_now_ms() - run->sent_ms;
        step = saga_next(&saga, &limits, &seen, clock_now_ms());
        switch (step.act) {
        case SAGA_LOOK:
            if (!wait_for_sign(run, step.look_at_ms))
                return error_make(ERROR_IN_AGENT, ERROR_SHUTTING_DOWN, 0, "the agent is stopping");
            break;
        case SAGA_ENTER:
            enter(run, step.phase, step.deadline_ms);
            break;
        case SAGA_CYCLE_RADIO:
            cycle_radio(run);
            break;
        case SAGA_RESET_MODEM:
            reset_modem(run);
            break;
        case SAGA_HELP:
            help(run, step.deadline_ms);
            break;
        case SAGA_COMMIT:
            run->ret->end.verified =
                run->ret->end.blackout_ms >= 0 ? VERIFIED_ATTACHED : VERIFIED_REGISTERED;
            return ERROR_OK;
        case SAGA_FAIL:
            return step.error;
        }
    }
}

/* --- the whole --- */

static void end_without_sending(struct run *run, const struct card_enable *result)
{
    struct operation_end *end = &run->ret->end;
    const struct profile *enabled = run->ret->has_list ? profile_enabled(&run->ret->list) : NULL;

    end->has_now = enabled && enabled->has_iccid;
    if (end->has_now)
        end->now = enabled->iccid;
    if (run->already_enabled) {
        struct connectivity now = { 0 };
        struct error e = modem_read_registration(run->tools->modem, &now);

        end->has_result = true;
        end->blackout_ms = 0;
        end->verified =
            !e.code && connectivity_is_registered(&now) ? VERIFIED_REGISTERED : VERIFIED_NOTHING;
        return;
    }
    end->error = run->declined.code ? run->declined : result->error;
    if (end->error.code == ERROR_SHUTTING_DOWN)
        end->error = error_make(ERROR_IN_AGENT, ERROR_INTERRUPTED, 0,
                                "the agent was stopped before ENABLE went out");
    /* Nothing went out, so whatever happened is no success. */
    if (!end->error.code)
        end->error = error_make(ERROR_IN_AGENT, ERROR_INTERNAL, 0, "ENABLE was not sent");
}

/* The card said no, or settling showed that it had not: nothing changed. */
static void end_unchanged(struct run *run, struct error why)
{
    const struct profile *enabled = profile_enabled(&run->ret->list);

    if (why.code == ERROR_SHUTTING_DOWN)
        why = error_make(ERROR_IN_AGENT, ERROR_INTERRUPTED, 0,
                         "the agent was stopped, and the card had refused so far");
    run->ret->end.error = why;
    run->ret->end.has_result = true;
    run->ret->end.blackout_ms = run->restarted ? -1 : 0;
    run->ret->end.has_now = enabled && enabled->has_iccid;
    if (enabled)
        run->ret->end.now = enabled->iccid;
}

/* ENABLE went out, and it is not known that nothing changed. Where the modem does not tell what it
 * works with, the card's word counts; without that there is no result to tell. */
static void end_changed(struct run *run, struct error why)
{
    if (why.code == ERROR_SHUTTING_DOWN)
        why = error_make(ERROR_IN_AGENT, ERROR_INTERRUPTED, 0,
                         "the agent was stopped after ENABLE had gone out");
    run->ret->list_dropped = true;
    run->ret->overtaken = why.code == ERROR_OVERTAKEN;
    run->ret->end.error = why;
    run->ret->end.has_result = run->switched;
    run->ret->end.changed =
        run->has_now ? !run->has_from || !iccid_equal(&run->now, &run->from) : run->switched;
    run->ret->end.has_now = run->has_now;
    run->ret->end.now = run->now;
}

/* True: the modem was busy when ENABLE came, the card has since shown that it did not get it, and
 * there is time for another. */
static bool settle_and_follow(struct run *run, const struct card_enable *result)
{
    bool enabled = false;
    struct error e;

    log_warning("ENABLE was not answered clearly, asking the card", LOG_STR("op", run->op->id),
                LOG_ERR(&result->error));
    e = settle(run, result->channels_closed, &enabled);
    if (e.code)
        end_changed(run, error_within(e, "the card could not be asked what ENABLE did"));
    else if (enabled)
        end_changed(run, follow(run));
    else if (is_busy(&result->error) && wait_for_busy_sim(run))
        return true;
    else
        end_unchanged(run, result->error);
    return false;
}

/* True: once more from the start. */
static bool enable_and_follow(struct run *run)
{
    struct card_enable result;

    run->sent_ms = 0;
    result = enable(run);
    if (run->ret->ended_already)
        return false;
    switch (result.sent) {
    case CARD_NOT_SENT:
        end_without_sending(run, &result);
        return false;
    case CARD_REFUSED:
        end_unchanged(run, result.error);
        return false;
    case CARD_ENABLED:
        end_changed(run, follow(run));
        return false;
    case CARD_UNCLEAR:
        break;
    }
    return settle_and_follow(run, &result);
}

void switch_run(const struct switch_tools *tools, const struct operation *op,
                struct switch_outcome *ret)
{
    struct run run = {
        .tools = tools, .op = op, .ret = ret, .busy_until_ms = clock_now_ms() + BUSY_MS
    };

    *ret = (struct switch_outcome){ .end = { .blackout_ms = -1 } };
    while (enable_and_follow(&run))
        ;
}
