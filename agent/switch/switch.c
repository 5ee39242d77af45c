#include "agent/switch/switch.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/card/card.h"
#include "agent/modem/at_timeout.h"
#include "agent/modem/modem.h"
#include "agent/operation/journal.h"
#include "agent/switch/context.h"
#include "agent/switch/hook.h"
#include "agent/switch/leg.h"
#include "agent/switch/look.h"
#include "config/config.h"

enum {
    /* What the modem gets after a cycle, and the longest that its two commands take. */
    CYCLE_MS = 30000,
    CYCLE_COMMANDS_MS = 2 * 180000,
    RESET_MS = 60000,
    DENIED_MS = 60000,
    LOCKED_MS = 10000,
    HELP_MS = 15000,
    HOLD_MS = 30000,
    SETTLE_MS = 10000,
    /* Resets above CFUN in an hour, over restarts. */
    RESETS_MAX = 2,
    HOUR_MS = 3600000,
};

/* --- how long --- */

static int64_t hook_ms(const struct config_hook *hook)
{
    return hook->exec ? 1000 * (int64_t)hook->timeout_s : 0;
}

static int64_t commands_ms(const struct config_strings *commands)
{
    int64_t ms = 0;

    for (size_t i = 0; i < commands->count; i++)
        ms += at_timeout_ms(commands->items[i]);
    return ms;
}

/* What the owner has the modem told once it has started over, and when the slowest profile is in use. */
static int64_t init_budget_ms(const struct config *config)
{
    int64_t longest_ms = 0;

    for (size_t i = 0; i < config->profile_count; i++) {
        int64_t ms = commands_ms(&config->profiles[i].init);

        longest_ms = ms > longest_ms ? ms : longest_ms;
    }
    return commands_ms(&config->modem.init) + longest_ms;
}

/* Until the modem works with a profile that the card has enabled. Two cycles: one in vain where the
 * port is away, one when it is back. */
static int64_t reset_budget_ms(const struct config *config)
{
    return 1000 * (int64_t)config->switching.refresh_s + 2 * (CYCLE_COMMANDS_MS + CYCLE_MS) +
           RESET_MS + RUN_PORT_MS + init_budget_ms(config);
}

static int64_t back_budget_ms(const struct config *config)
{
    return (int64_t)RUN_TURN_BACK_MS + RUN_ENABLE_MS + RUN_SETTLE_MS + reset_budget_ms(config) +
           1000 * (int64_t)config->switching.register_s + 2 * (int64_t)HOLD_MS + SETTLE_MS;
}

int64_t switch_budget_ms(const struct config *config)
{
    int64_t ms = RUN_JOBS_MAX * (int64_t)RUN_ENABLE_MS + RUN_BUSY_MS + RUN_CYCLE_MS + RUN_PROBE_MS +
                 RUN_SETTLE_MS + reset_budget_ms(config) + 3 * (int64_t)HOLD_MS +
                 1000 * ((int64_t)config->switching.register_s + config->switching.attach_s +
                         config->switching.verify_s) +
                 hook_ms(&config->switching.before) + hook_ms(&config->switching.after) +
                 hook_ms(&config->switching.rolled_back);

    return config->switching.rollback ? ms + 2 * back_budget_ms(config) : ms;
}

static bool may_reset(const struct switch_tools *tools)
{
    int64_t age_ms;

    return tools->config->modem.reset >= CONFIG_RESET_VENDOR &&
           !(journal_age_of(tools->journal, JOURNAL_RESET, RESETS_MAX, &age_ms) &&
             age_ms < HOUR_MS);
}

static struct saga_limits limits_of(const struct switch_tools *tools, const struct operation *op)
{
    const struct config *config = tools->config;

    return (struct saga_limits){
        .refresh_ms = 1000 * (int64_t)config->switching.refresh_s,
        .cycle_ms = CYCLE_MS,
        .reset_ms = RESET_MS,
        .register_ms = 1000 * (int64_t)config->switching.register_s,
        .attach_ms = 1000 * (int64_t)config->switching.attach_s,
        .verify_ms = 1000 * (int64_t)config->switching.verify_s,
        .confirm_ms = 1000 * op->request.confirm_s,
        .patience_ms = RUN_PORT_MS,
        .denied_ms = DENIED_MS,
        .locked_ms = LOCKED_MS,
        .help_ms = HELP_MS,
        .hold_ms = HOLD_MS,
        .settle_ms = config->switching.verify == CONFIG_VERIFY_REGISTERED ? 0 : SETTLE_MS,
        .may_cycle = config->modem.reset >= CONFIG_RESET_CFUN,
        .may_reset = may_reset(tools),
        /* The agent's own tries are what is left when there is nothing to go back to. */
        .rolls_back = config->switching.rollback && op->request.channel != CHANNEL_AGENT,
    };
}

/* --- acting --- */

/* The port may vanish at any moment of a switch. */
static struct error keep_open(struct run *run)
{
    struct error e = ERROR_OK;

    if (modem_is_open(run->tools->modem) || run->saga.intent.phase == PHASE_ENABLING)
        return ERROR_OK;
    run->restarted = true;
    card_forget_channels(run->tools->card);
    if (!run_open_again(run, clock_now_ms(), &e) && e.code == ERROR_SHUTTING_DOWN)
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
    struct error e = journal_count(run->tools->journal, JOURNAL_RESET);

    if (e.code)
        log_warning("reset could not be written down, going on", LOG_STR("op", run->op->id),
                    LOG_ERR(&e));
    e = modem_reset(run->tools->modem);
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

static const struct iccid *iccid_of(const struct intent_profile *profile)
{
    return profile->known && profile->has_iccid ? &profile->iccid : NULL;
}

/* Whose context stands in the modem. NULL: that of the target or of the profile before, as far as
 * each of the two came; what is kept of them stays. */
static const struct iccid *left(const struct intent *intent)
{
    if (intent->leg == LEG_FALLBACK && intent->tried[LEG_PREVIOUS])
        return NULL;
    return iccid_of(&intent->profiles[intent->leg == LEG_TARGET ? LEG_PREVIOUS : LEG_TARGET]);
}

static void apply_context(struct run *run, const struct iccid *now, int64_t deadline_ms)
{
    const struct context_tools tools = { .config = run->tools->config,
                                         .journal = run->tools->journal,
                                         .modem = run->tools->modem };
    bool changed;
    struct error e =
        context_apply(&tools, now, left(&run->saga.intent), run->resumed, deadline_ms, &changed);

    if (e.code)
        log_warning("APN could not be set, going on with the one that is there",
                    LOG_STR("op", run->op->id), LOG_ERR(&e));
    else if (changed)
        log_info("APN was set", LOG_STR("op", run->op->id), LOG_ID("iccid", now->text));
}

static void run_init_commands(struct run *run, const struct iccid *now)
{
    const struct config_profile *row = config_profile_find(run->tools->config, now);
    const int64_t began_ms = clock_now_ms();
    struct error e;

    if (!row || row->init.count == 0)
        return;
    e = modem_run_commands(run->tools->modem, (const char *const *)row->init.items,
                           row->init.count);
    /* They may take minutes, and none of those that the network has. */
    run->saga.phase_began_ms += clock_now_ms() - began_ms;
    if (e.code)
        log_warning("command of profiles.*.init was refused, going on", LOG_STR("op", run->op->id),
                    LOG_ERR(&e));
}

/* The modem works with the leg's profile. Each step has a time of its own: what a modem that started over has to
 * be told first may take minutes. */
static void arrive(struct run *run)
{
    const struct iccid *now = iccid_of(run_profile(run));
    struct error e = modem_after_switch(run->tools->modem, clock_now_ms() + HOLD_MS);

    if (!e.code && run->resumed)
        e = modem_recover(run->tools->modem, clock_now_ms() + HOLD_MS);
    if (e.code)
        log_warning("modem's after-switch command was refused, going on",
                    LOG_STR("op", run->op->id), LOG_ERR(&e));
    if (!now)
        return;
    run_init_commands(run, now);
    apply_context(run, now, clock_now_ms() + HOLD_MS);
}

static void enter(struct run *run, enum phase phase)
{
    bool target = run->saga.intent.leg == LEG_TARGET;

    if (phase == PHASE_REGISTERING)
        run->arrived_ms = clock_now_ms();
    /* Nobody sees the phases of a roll-back: a restart finds out by asking the card. */
    if (target)
        run_enter(run, phase, false);
    else
        run_save(run);
    if (phase == PHASE_REGISTERING)
        arrive(run);
    if (phase == PHASE_VERIFYING)
        hook_after(run);
}

static void turn_back(struct run *run, const struct error *why)
{
    log_warning("switch failed, going back", LOG_STR("op", run->op->id), LOG_ERR(why),
                LOG_STR("to", run->saga.intent.leg == LEG_PREVIOUS ? "previous" : "fallback"));
    run->probing = false;
    run->enabled = SAGA_NOT_SENT;
    run->restarted = run->cycled = false;
    run_enter(run, PHASE_ROLLING_BACK, true);
}

static bool goes_wrong(const struct saga_step *step)
{
    return step->act == SAGA_TURN_BACK || (step->act == SAGA_END && step->end != SAGA_COMMITTED);
}

/* A word may come behind the look, until none is taken any more. */
static struct saga_step next_step(struct run *run, const struct saga_limits *limits,
                                  struct saga_seen *seen)
{
    const struct saga before = run->saga;
    const int64_t now_ms = clock_now_ms();
    struct saga_step step = saga_next(&run->saga, limits, seen, now_ms);

    if (!limits->confirm_ms || !goes_wrong(&step) ||
        !operations_stop_waiting(run->tools->operations, run->op->id))
        return step;
    run->saga = before;
    seen->confirmed = true;
    return saga_next(&run->saga, limits, seen, now_ms);
}

/* ERROR_NONE: `*ret_last` is the SAGA_END. ERROR_SHUTTING_DOWN. */
static struct error follow(struct run *run, struct saga_limits *limits, struct saga_step *ret_last)
{
    for (;;) {
        struct error e = keep_open(run);
        struct saga_seen seen;

        if (e.code)
            return e;
        seen = look_now(run);
        /* Once the agent stops nothing can be read, and nothing can be concluded from that. */
        if (!modem_idle(run->tools->modem, clock_now_ms()))
            return run_stopping();
        *ret_last = next_step(run, limits, &seen);
        switch (ret_last->act) {
        case SAGA_LOOK:
            run_save(run);
            if (run->saga.intent.phase == PHASE_CONFIRMING && run->tools->at_rest)
                run->tools->at_rest(run->tools->ctx);
            if (!run_wait_for_sign(run, ret_last->look_at_ms))
                return run_stopping();
            break;
        case SAGA_ENABLE:
            e = leg_enable(run);
            if (e.code)
                return e;
            break;
        case SAGA_ENTER:
            enter(run, ret_last->phase);
            break;
        case SAGA_CYCLE_RADIO:
            cycle_radio(run);
            break;
        case SAGA_RESET_MODEM:
            reset_modem(run);
            limits->may_reset = may_reset(run->tools);
            break;
        case SAGA_HELP:
            help(run, ret_last->deadline_ms);
            break;
        case SAGA_TURN_BACK:
            turn_back(run, &ret_last->error);
            break;
        case SAGA_END:
        default:
            return ERROR_OK;
        }
    }
}

/* --- the end --- */

static void tell_what_is_listed(struct run *run)
{
    struct operation_end *end = &run->ret->end;
    const struct profile *enabled = run->ret->has_list ? profile_enabled(&run->ret->list) : NULL;

    end->has_now = enabled && enabled->has_iccid;
    if (end->has_now)
        end->now = enabled->iccid;
}

static void end_already_enabled(struct run *run)
{
    struct operation_end *end = &run->ret->end;
    struct connectivity now = { 0 };
    struct error e = modem_read_registration(run->tools->modem, &now);

    end->error = ERROR_OK;
    end->has_result = true;
    end->blackout_ms = 0;
    end->verified =
        !e.code && connectivity_is_registered(&now) ? VERIFIED_REGISTERED : VERIFIED_NOTHING;
}

/* Data has stopped on the profile that stays, and nobody has measured for how long. */
static bool broke_off(const struct run *run)
{
    return run->restarted || run->cycled || run->tools->signs->restarted;
}

/* Nothing went out, or the card said no, or settling showed that it had not. */
static void end_unchanged(struct run *run, struct error why)
{
    struct operation_end *end = &run->ret->end;

    tell_what_is_listed(run);
    end->error = why;
    if (run->already_enabled) {
        end_already_enabled(run);
        return;
    }
    if (run->saga.intent.hooked_before && !run->ret->ended_already)
        hook_undo(run);
    end->has_result = run->sent || run->resumed;
    end->blackout_ms = !end->has_result || broke_off(run) ? -1 : 0;
}

/* What is in use now is the profile before. */
static bool is_from(const struct run *run, const struct operation_end *end)
{
    const struct intent_profile *from = &run->saga.intent.profiles[LEG_PREVIOUS];

    return end->has_now && from->has_iccid && iccid_equal(&end->now, &from->iccid);
}

/* ENABLE went out, and it is not known that nothing changed. Where the modem does not tell what it
 * works with, the card's word counts; without that there is no result to tell. */
static void end_changed(struct run *run, struct error why)
{
    struct operation_end *end = &run->ret->end;
    bool switched = run->enabled == SAGA_ENABLED;

    run->ret->list_dropped = true;
    end->error = why;
    end->has_result = switched || run->has_now;
    end->has_now = run->has_now;
    end->now = run->now;
    /* A modem that cannot work with the profile does not tell: then the card's word counts. */
    if (why.code == ERROR_SIM_LOCKED && !run->has_now && switched && run_profile(run)->has_iccid) {
        end->has_now = true;
        end->now = run_profile(run)->iccid;
    }
    end->changed =
        end->has_now ? !is_from(run, end) : switched && run->saga.intent.leg != LEG_PREVIOUS;
    end->blackout_ms = run->saga.intent.blackout_ms;
}

static void end_committed(struct run *run)
{
    end_changed(run, ERROR_OK);
    run->ret->end.verified = run->saga.intent.proof;
    if (!run->ret->end.has_now && run_profile(run)->has_iccid) {
        run->ret->end.has_now = true;
        run->ret->end.now = run_profile(run)->iccid;
    }
}

static void end_rolled_back(struct run *run, struct error why)
{
    end_changed(run, why);
    run->ret->end.rolled_back = true;
    run->ret->end.verified = VERIFIED_REGISTERED;
    hook_undo(run);
}

static void end_stranded(struct run *run, struct error why)
{
    end_changed(run, error_make(why.domain, ERROR_STRANDED, why.detail, "no profile works: %s",
                                why.message));
    run->ret->end.cause = why.code;
    run->ret->stranded = true;
    run->ret->previous = run->saga.intent.profiles[LEG_PREVIOUS];
    run->ret->fallback = run->saga.intent.profiles[LEG_FALLBACK];
}

static void finish(struct run *run, const struct saga_step *last)
{
    switch (last->end) {
    case SAGA_UNCHANGED:
        end_unchanged(run, last->error);
        break;
    case SAGA_COMMITTED:
        end_committed(run);
        break;
    case SAGA_ROLLED_BACK:
        end_rolled_back(run, last->error);
        break;
    case SAGA_STRANDED:
        end_stranded(run, last->error);
        break;
    case SAGA_OVERTAKEN:
        run->ret->overtaken = true;
        /* Seen in the card's list, before the modem could be looked at. */
        if (run->enabled == SAGA_FOREIGN) {
            end_changed(run, last->error);
            tell_what_is_listed(run);
            run->ret->end.has_result = true;
            run->ret->end.changed = !is_from(run, &run->ret->end);
            break;
        }
        end_changed(run, last->error);
        break;
    case SAGA_STAYED:
    default:
        end_changed(run, last->error);
        break;
    }
}

/* --- the whole --- */

static struct intent fresh_intent(void)
{
    struct intent intent = { .blackout_ms = -1 };

    (void)snprintf(intent.boot, sizeof intent.boot, "%s", clock_boot_id());
    return intent;
}

static bool is_same_boot(const struct intent *intent)
{
    const char *boot = clock_boot_id();

    return boot[0] && strcmp(boot, intent->boot) == 0;
}

/* The moment when data ended is told by a clock that a reboot sets back. The phase gets its time again,
 * once, also where this start is cut off, too. */
static struct intent carried_over(const struct intent *interrupted)
{
    struct intent intent = *interrupted;

    if (!is_same_boot(interrupted)) {
        intent.data_ended_ms = 0;
        intent.used_ms = intent.again ? intent.used_ms : 0;
        intent.again = true;
    }
    (void)snprintf(intent.boot, sizeof intent.boot, "%s", clock_boot_id());
    return intent;
}

/* ENABLE did not take: once more, as long as the operation is in time. */
static bool may_send_again(const struct run *run)
{
    return run->enabled == SAGA_REFUSED && run->saga.intent.leg == LEG_TARGET &&
           run->saga.intent.phase == PHASE_ENABLING && clock_now_ms() < run->op->expires_ms;
}

/* Where the interrupted switch stands. ERROR_SHUTTING_DOWN. */
static struct error take_up(struct run *run, const struct intent *interrupted)
{
    bool same_boot = is_same_boot(interrupted);
    struct error e;

    run->resumed = run->sent = true;
    run->saga.intent = carried_over(interrupted);
    run->restarted = interrupted->restarted;
    /* Asking the card uses up nothing of it. */
    run->saga.interrupted = interrupted->phase;
    run->saga.interrupted_used_ms = run->saga.intent.used_ms;
    e = leg_find(run);
    if (e.code)
        return e;
    log_warning("an interrupted switch goes on", LOG_STR("op", run->op->id),
                LOG_STR("phase", phase_name(interrupted->phase)),
                LOG_NUM("card_has_switched", run->enabled == SAGA_ENABLED));
    /* The card had said yes and the profile has proven itself: all that is waited for is a word, and that
     * needs no modem. */
    if (run->enabled == SAGA_LOST && !run->ret->has_list && run->saga.intent.leg == LEG_TARGET &&
        interrupted->phase == PHASE_CONFIRMING)
        run->enabled = SAGA_ENABLED;
    if (run->enabled == SAGA_ENABLED) {
        run->saga = saga_resume(&run->saga.intent, same_boot, clock_now_ms());
        run_enter(run,
                  run->saga.intent.leg == LEG_TARGET ? run->saga.intent.phase : PHASE_ROLLING_BACK,
                  false);
        return ERROR_OK;
    }
    /* Past `enabling` the card had said yes: somebody has switched back since. */
    if (run->enabled == SAGA_REFUSED && run->saga.intent.leg == LEG_TARGET &&
        run->saga.intent.phase != PHASE_ENABLING)
        run->enabled = SAGA_FOREIGN;
    if (may_send_again(run) || (run->enabled != SAGA_FOREIGN && run->saga.intent.leg != LEG_TARGET))
        run->enabled = SAGA_NOT_SENT;
    run->saga = saga_begin(&run->saga.intent, clock_now_ms());
    /* The target's intent is written right before its ENABLE. */
    if (run->saga.intent.leg != LEG_TARGET)
        run_enter(run, PHASE_ROLLING_BACK, false);
    return ERROR_OK;
}

/* It went back from a target that had failed: that is not enabled once more. */
static void guess_way_back(struct intent *intent)
{
    intent->leg = LEG_PREVIOUS;
    intent->tried[LEG_PREVIOUS] = true;
    intent->reason = error_make(ERROR_IN_AGENT, ERROR_INTERRUPTED, 0,
                                "the agent ended while it went back, and why it did is lost");
}

struct intent switch_guess_intent(const struct operation *op)
{
    struct intent intent = fresh_intent();

    intent.phase = PHASE_ENABLING;
    intent.tried[LEG_TARGET] = true;
    intent.had_card = intent.had_registration = intent.had_data = true;
    intent.wanted = VERIFIED_ATTACHED;
    if (op->has_target)
        intent.profiles[LEG_TARGET] = run_profile_of(&op->target);
    if (op->has_from)
        intent.profiles[LEG_PREVIOUS] =
            (struct intent_profile){ .known = true, .has_iccid = true, .iccid = op->from };
    if (op->phase == PHASE_ROLLING_BACK && op->has_from)
        guess_way_back(&intent);
    return intent;
}

static struct probe *make_probe(const struct config *config)
{
    const struct probe_options options = probe_options_from(config);

    return config->probe.target_count > 0 ? probe_new(&options) : NULL;
}

void switch_run(const struct switch_tools *tools, const struct operation *op,
                const struct intent *interrupted, struct switch_outcome *ret)
{
    struct saga_limits limits = limits_of(tools, op);
    const struct intent fresh = fresh_intent();
    struct run run = { .tools = tools,
                       .op = op,
                       .ret = ret,
                       .saga = saga_begin(&fresh, clock_now_ms()),
                       .probe = make_probe(tools->live) };
    struct saga_step last;
    struct error e = ERROR_OK;

    *ret = (struct switch_outcome){ .end = { .blackout_ms = -1 } };
    /* What is left of an interrupted one may take its whole time again. */
    if (interrupted) {
        operations_set_ends_by(tools->operations, op->id,
                               clock_utc_ms() + switch_budget_ms(tools->config) +
                                   limits.confirm_ms);
        leg_tell_switching(&run);
        e = take_up(&run, interrupted);
    }
    if (!e.code)
        e = follow(&run, &limits, &last);
    if (e.code) {
        struct intent intent = saga_intent(&run.saga, clock_now_ms());

        ret->interrupted = true;
        ret->list_dropped = run.sent;
        if (run.sent)
            operations_save(tools->operations, op->id, &intent);
    } else {
        finish(&run, &last);
    }
    probe_free(run.probe);
}
