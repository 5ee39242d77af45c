#include "agent/switch/saga.h"

#include "agent/base/aid.h"

/* What a profile lacks where a phase fails. */
enum lack {
    LACK_CARD = 0, /* the modem does not work with it */
    LACK_REGISTRATION,
    LACK_DATA,
    LACK_REACH,
    LACK_BROKER,
    LACK_WORD, /* nobody confirmed */
};

enum { CONFIRM_LOOK_MS = 5000 };

static void start_phase(struct saga *saga, enum phase phase, int64_t now_ms)
{
    saga->intent.phase = phase;
    saga->phase_began_ms = saga->rung_began_ms = now_ms;
    saga->rung = 0;
    saga->cycled = saga->helped = false;
    saga->denied_since_ms = saga->locked_since_ms = saga->registered_since_ms = -1;
    if (phase != saga->interrupted)
        return;
    saga->phase_began_ms -= saga->interrupted_used_ms;
    saga->interrupted = PHASE_NONE;
}

struct saga saga_begin(const struct intent *intent, int64_t now_ms)
{
    struct saga saga = { .intent = *intent };

    saga.intent.tried[saga.intent.leg] = true;
    start_phase(&saga, PHASE_ENABLING, now_ms);
    return saga;
}

struct saga saga_resume(const struct intent *intent, bool same_boot, int64_t now_ms)
{
    struct saga saga = { .intent = *intent };
    bool again = !same_boot && !intent->again;

    if (intent->phase > PHASE_RESETTING) {
        saga.interrupted = intent->phase;
        saga.interrupted_used_ms = again ? 0 : intent->used_ms;
        /* What had been used up since it was written last: who is killed again and again must not wait
         * for ever. */
        if (intent->phase == PHASE_CONFIRMING && !again)
            saga.interrupted_used_ms += CONFIRM_LOOK_MS;
    }
    saga.intent.again = intent->again || !same_boot;
    /* What the target proves it has to prove anew, unless all that is left is somebody's word. */
    if (intent->leg == LEG_TARGET && intent->phase != PHASE_CONFIRMING)
        saga.intent.proof = VERIFIED_NOTHING;
    start_phase(&saga, intent->phase == PHASE_CONFIRMING ? PHASE_CONFIRMING : PHASE_RESETTING,
                now_ms);
    return saga;
}

/* While the way back to the interrupted phase is made again, that one is still what is written: a
 * second restart must not give it its time anew. */
struct intent saga_intent(const struct saga *saga, int64_t now_ms)
{
    struct intent intent = saga->intent;

    if (saga->interrupted != PHASE_NONE) {
        intent.phase = saga->interrupted;
        intent.used_ms = saga->interrupted_used_ms;
    } else {
        intent.used_ms = now_ms - saga->phase_began_ms;
    }
    return intent;
}

/* A modem answers quickly after a refresh or takes minutes to find a network: look often at first,
 * then less often. An unsolicited line brings the next look forward, and so does the word that a
 * confirmation waits for, for a day maybe. */
static int64_t next_look(const struct saga *saga, int64_t now_ms)
{
    int64_t age_ms = now_ms - saga->phase_began_ms;

    if (saga->intent.phase == PHASE_CONFIRMING)
        return now_ms + CONFIRM_LOOK_MS;
    return now_ms + (age_ms < 5000 ? 250 : age_ms < 60000 ? 1000 : 2000);
}

static struct saga_step look(const struct saga *saga, int64_t now_ms)
{
    return (struct saga_step){ .act = SAGA_LOOK, .look_at_ms = next_look(saga, now_ms) };
}

static struct saga_step enter(struct saga *saga, enum phase phase, int64_t now_ms)
{
    if (saga->interrupted == PHASE_NONE)
        saga->intent.again = false;
    start_phase(saga, phase, now_ms);
    return (struct saga_step){ .act = SAGA_ENTER, .phase = phase };
}

static struct saga_step end(enum saga_end how, struct error error)
{
    return (struct saga_step){ .act = SAGA_END, .end = how, .error = error };
}

/* --- turning back --- */

static bool same_profile(const struct intent_profile *a, const struct intent_profile *b)
{
    if (!a->known || !b->known)
        return false;
    return a->has_iccid && b->has_iccid ? iccid_equal(&a->iccid, &b->iccid)
                                        : a->has_aid && b->has_aid && aid_equal(&a->aid, &b->aid);
}

/* A profile that works is not thrown away for one that did not have what it lacks. */
static bool previous_had(const struct intent *intent, enum lack lack)
{
    switch (lack) {
    case LACK_CARD:
        return intent->had_card;
    case LACK_DATA:
        return intent->had_data;
    case LACK_REACH:
        return intent->had_reach;
    case LACK_BROKER:
        return intent->had_broker;
    case LACK_REGISTRATION:
    case LACK_WORD:
    default:
        return intent->had_registration;
    }
}

static struct saga_step turn_back(struct saga *saga, enum leg leg, int64_t now_ms)
{
    struct intent *intent = &saga->intent;

    intent->leg = leg;
    intent->tried[leg] = true;
    intent->restarted = intent->again = false;
    /* The IMSI of the leg before may be the one that this leg comes to: it proves nothing. */
    intent->imsi_before[0] = '\0';
    saga->interrupted = PHASE_NONE;
    start_phase(saga, PHASE_ENABLING, now_ms);
    return (struct saga_step){ .act = SAGA_TURN_BACK, .error = intent->reason };
}

/* The fallback is tried whatever it had; the target again only where it had registered. */
static bool may_fall_back(const struct intent *intent)
{
    const struct intent_profile *fallback = &intent->profiles[LEG_FALLBACK];

    if (!fallback->known || intent->tried[LEG_FALLBACK])
        return false;
    if (same_profile(fallback, &intent->profiles[LEG_PREVIOUS]) && intent->tried[LEG_PREVIOUS])
        return false;
    if (same_profile(fallback, &intent->profiles[LEG_TARGET]))
        return intent->leg == LEG_PREVIOUS && intent->proof >= VERIFIED_REGISTERED;
    return true;
}

static struct saga_step give_up_target(struct saga *saga, const struct saga_limits *limits,
                                       enum lack lack, int64_t now_ms)
{
    struct intent *intent = &saga->intent;

    if (!limits->rolls_back)
        return end(SAGA_STAYED, intent->reason);
    if (intent->profiles[LEG_PREVIOUS].known && previous_had(intent, lack))
        return turn_back(saga, LEG_PREVIOUS, now_ms);
    if (lack != LACK_WORD && may_fall_back(intent))
        return turn_back(saga, LEG_FALLBACK, now_ms);
    return end(lack == LACK_CARD || lack == LACK_REGISTRATION ? SAGA_STRANDED : SAGA_STAYED,
               intent->reason);
}

static struct saga_step give_up(struct saga *saga, const struct saga_limits *limits, enum lack lack,
                                struct error why, int64_t now_ms)
{
    if (!saga->intent.reason.code)
        saga->intent.reason = why;
    if (saga->intent.leg == LEG_TARGET)
        return give_up_target(saga, limits, lack, now_ms);
    if (saga->intent.leg == LEG_PREVIOUS && may_fall_back(&saga->intent))
        return turn_back(saga, LEG_FALLBACK, now_ms);
    return end(SAGA_STRANDED, saga->intent.reason);
}

static struct saga_step overtaken(void)
{
    return end(SAGA_OVERTAKEN,
               error_make(ERROR_IN_AGENT, ERROR_OVERTAKEN, 0,
                          "somebody else has switched to another profile meanwhile"));
}

/* --- the phases --- */

/* How long `is` has been so, in `since`; -1 when it is not so. */
static int64_t lasts(int64_t *since_ms, bool is, int64_t now_ms)
{
    if (!is)
        *since_ms = -1;
    else if (*since_ms < 0)
        *since_ms = now_ms;
    return is ? now_ms - *since_ms : -1;
}

static struct saga_step enabling(struct saga *saga, const struct saga_limits *limits,
                                 const struct saga_seen *seen, int64_t now_ms)
{
    switch (seen->enabled) {
    case SAGA_ENABLED:
        return enter(saga, PHASE_RESETTING, now_ms);
    case SAGA_REFUSED:
        if (saga->intent.leg == LEG_TARGET)
            return end(SAGA_UNCHANGED, seen->enable_error);
        return give_up(saga, limits, LACK_CARD, seen->enable_error, now_ms);
    case SAGA_LOST:
        return give_up(saga, limits, LACK_CARD, seen->enable_error, now_ms);
    case SAGA_FOREIGN:
        return overtaken();
    case SAGA_NOT_SENT:
    default:
        return (struct saga_step){ .act = SAGA_ENABLE };
    }
}

/* Whoever gave the word has been told that it keeps the profile; what is wrong with that from then on
 * is not the switch's any more. */
static bool is_kept(const struct saga *saga, const struct saga_seen *seen)
{
    return saga->intent.phase == PHASE_CONFIRMING && seen->confirmed;
}

/* A CME code says it for good; +CPIN may say PIN for a moment while the card starts. Before the
 * modem has started over, it is the old profile that is locked: a reason to leave it, not to fail. */
static bool is_locked(struct saga *saga, const struct saga_limits *limits,
                      const struct saga_seen *seen, int64_t now_ms)
{
    bool locked = seen->modem_open && seen->sim.code == ERROR_SIM_LOCKED &&
                  (saga->intent.phase != PHASE_RESETTING || seen->restarted);
    int64_t ms = lasts(&saga->locked_since_ms, locked, now_ms);

    return locked && ((seen->sim.domain == ERROR_IN_MODEM && seen->sim.detail >= 0) ||
                      ms >= limits->locked_ms);
}

static int64_t rung_ms(const struct saga *saga, const struct saga_limits *limits)
{
    return saga->rung == 0   ? limits->refresh_ms
           : saga->rung == 1 ? limits->cycle_ms
                             : limits->reset_ms;
}

/* Most modems that did not switch only cached the old card. */
static struct saga_step climb(struct saga *saga, const struct saga_limits *limits,
                              const struct saga_seen *seen, int64_t now_ms)
{
    if (saga->rung <= 1 && limits->may_cycle && !saga->cycled && seen->modem_open) {
        saga->rung = 1;
        saga->cycled = true;
        saga->rung_began_ms = -1;
        return (struct saga_step){ .act = SAGA_CYCLE_RADIO };
    }
    /* A port that is gone takes no command: it gets the time of this rung to come back. */
    if (saga->rung == 0 && limits->may_cycle) {
        saga->rung = 1;
        saga->rung_began_ms = now_ms;
        return look(saga, now_ms);
    }
    if (saga->rung <= 1 && limits->may_reset) {
        saga->rung = 2;
        saga->rung_began_ms = -1;
        return (struct saga_step){ .act = SAGA_RESET_MODEM };
    }
    /* Without its port nothing can be undone either, and behind a way back there is nothing left: a port
     * that is gone is waited for, and when it returns the modem gets the time of a rung. */
    if (!seen->modem_open && now_ms - saga->phase_began_ms < limits->patience_ms) {
        saga->rung_began_ms = now_ms;
        return look(saga, now_ms);
    }
    return give_up(saga, limits, LACK_CARD,
                   error_make(ERROR_IN_AGENT, ERROR_NOT_SWITCHED, 0, "the card has switched, %s",
                              !seen->modem_open  ? "the modem's port has not come back"
                              : seen->sim.code   ? "the modem does not get on with the card"
                              : seen->on_profile ? "the modem was not seen to start over with it"
                                                 : "the modem still works with the old profile"),
                   now_ms);
}

/* A modem that was never seen with the target has nothing to notice when the switch is undone. */
static bool has_switched(const struct saga *saga, const struct saga_limits *limits,
                         const struct saga_seen *seen, int64_t now_ms)
{
    bool never_left = saga->intent.leg == LEG_PREVIOUS && !saga->intent.arrived;

    return seen->modem_open && seen->on_profile && !seen->sim.code &&
           (seen->restarted ||
            (never_left && now_ms - saga->rung_began_ms >= rung_ms(saga, limits)));
}

static struct saga_step resetting(struct saga *saga, const struct saga_limits *limits,
                                  const struct saga_seen *seen, int64_t now_ms)
{
    if (saga->rung_began_ms < 0)
        saga->rung_began_ms = now_ms;
    if (has_switched(saga, limits, seen, now_ms))
        return enter(saga, PHASE_REGISTERING, now_ms);
    if (now_ms - saga->rung_began_ms >= rung_ms(saga, limits))
        return climb(saga, limits, seen, now_ms);
    return look(saga, now_ms);
}

static struct saga_step wait_or_help(struct saga *saga, const struct saga_limits *limits,
                                     const struct saga_seen *seen, int64_t now_ms)
{
    if (seen->modem_open && !saga->helped && now_ms - saga->phase_began_ms >= limits->help_ms) {
        saga->helped = true;
        return (struct saga_step){ .act = SAGA_HELP, .deadline_ms = now_ms + limits->hold_ms };
    }
    return look(saga, now_ms);
}

static bool is_registered(const struct saga_seen *seen)
{
    return seen->registration == REGISTRATION_HOME || seen->registration == REGISTRATION_ROAMING;
}

static void prove(struct saga *saga, enum verified proof)
{
    if (saga->intent.proof < proof)
        saga->intent.proof = proof;
}

/* Registered is what a roll-back asks for. Data mostly follows at once, and only then is it known how
 * long there was none: for that it is waited for shortly. */
static struct saga_step registered(struct saga *saga, const struct saga_limits *limits,
                                   const struct saga_seen *seen, int64_t now_ms)
{
    int64_t ms = lasts(&saga->registered_since_ms, true, now_ms);

    bool measures = saga->intent.data_ended_ms && saga->intent.blackout_ms < 0;

    if (saga->intent.leg != LEG_TARGET)
        return seen->data || !measures || ms >= limits->settle_ms
                   ? end(SAGA_ROLLED_BACK, saga->intent.reason)
                   : look(saga, now_ms);
    prove(saga, VERIFIED_REGISTERED);
    return enter(saga, PHASE_ATTACHING, now_ms);
}

static struct saga_step registering(struct saga *saga, const struct saga_limits *limits,
                                    const struct saga_seen *seen, int64_t now_ms)
{
    bool denied = seen->registration == REGISTRATION_DENIED;
    bool over = now_ms - saga->phase_began_ms >= limits->register_ms;
    int64_t denied_ms = lasts(&saga->denied_since_ms, denied, now_ms);

    if (is_registered(seen))
        return registered(saga, limits, seen, now_ms);
    if (denied_ms >= limits->denied_ms || (denied && over))
        return give_up(saga, limits, LACK_REGISTRATION,
                       error_make(ERROR_IN_AGENT, ERROR_REGISTRATION_DENIED, 0,
                                  "the network has denied registration for %d s",
                                  (int)(denied_ms / 1000)),
                       now_ms);
    if (over)
        return give_up(
            saga, limits, LACK_REGISTRATION,
            error_make(ERROR_IN_AGENT, ERROR_NOT_REGISTERED, 0, "not registered within %d s (%s)",
                       (int)(limits->register_ms / 1000), registration_name(seen->registration)),
            now_ms);
    return wait_or_help(saga, limits, seen, now_ms);
}

static struct saga_step attaching(struct saga *saga, const struct saga_limits *limits,
                                  const struct saga_seen *seen, int64_t now_ms)
{
    if (seen->data)
        prove(saga, VERIFIED_ATTACHED);
    if (seen->data || saga->intent.wanted == VERIFIED_REGISTERED)
        return enter(saga, PHASE_VERIFYING, now_ms);
    if (now_ms - saga->phase_began_ms >= limits->attach_ms)
        return give_up(saga, limits, LACK_DATA,
                       error_make(ERROR_IN_AGENT, ERROR_NO_DATA, 0,
                                  "registered, but without an address for %d s",
                                  (int)(limits->attach_ms / 1000)),
                       now_ms);
    return wait_or_help(saga, limits, seen, now_ms);
}

static struct saga_step verified(struct saga *saga, const struct saga_limits *limits,
                                 int64_t now_ms)
{
    if (limits->confirm_ms > 0)
        return enter(saga, PHASE_CONFIRMING, now_ms);
    return end(SAGA_COMMITTED, ERROR_OK);
}

static struct saga_step verifying(struct saga *saga, const struct saga_limits *limits,
                                  const struct saga_seen *seen, int64_t now_ms)
{
    const struct intent *intent = &saga->intent;
    enum lack lack;

    if (seen->reached || seen->broker_refused)
        prove(saga, VERIFIED_REACHABLE);
    if (seen->broker_accepted)
        prove(saga, VERIFIED_BROKER);
    /* A broker that refuses has been reached: no other profile would change its mind. */
    if (intent->proof >= intent->wanted || seen->broker_refused)
        return verified(saga, limits, now_ms);
    if (now_ms - saga->phase_began_ms < limits->verify_ms)
        return look(saga, now_ms);
    /* Where not even the way to the broker was proven, it is reach that lacks. */
    lack = intent->proof < VERIFIED_REACHABLE ? LACK_REACH : LACK_BROKER;
    /* What the profile before lacked too may be nobody's fault but the broker's or the target's. */
    if (!previous_had(intent, lack))
        return verified(saga, limits, now_ms);
    return give_up(saga, limits, lack,
                   error_make(ERROR_IN_AGENT, ERROR_UNREACHABLE, 0,
                              "data flows, but %s was reached for %d s",
                              intent->wanted == VERIFIED_BROKER ? "no broker" : "no probe's target",
                              (int)(limits->verify_ms / 1000)),
                   now_ms);
}

static struct saga_step confirming(struct saga *saga, const struct saga_limits *limits,
                                   const struct saga_seen *seen, int64_t now_ms)
{
    if (seen->confirmed)
        return end(SAGA_COMMITTED, ERROR_OK);
    if (now_ms - saga->phase_began_ms < limits->confirm_ms) {
        struct saga_step step = look(saga, now_ms);
        int64_t end_ms = saga->phase_began_ms + limits->confirm_ms;

        step.look_at_ms = step.look_at_ms < end_ms ? step.look_at_ms : end_ms;
        return step;
    }
    return give_up(saga, limits, LACK_WORD,
                   error_make(ERROR_IN_AGENT, ERROR_UNCONFIRMED, 0,
                              "nobody confirmed in the %d s for that",
                              (int)(limits->confirm_ms / 1000)),
                   now_ms);
}

struct saga_step saga_next(struct saga *saga, const struct saga_limits *limits,
                           const struct saga_seen *seen, int64_t now_ms)
{
    enum phase phase = saga->intent.phase;

    if (phase == PHASE_ENABLING)
        return enabling(saga, limits, seen, now_ms);
    saga->intent.restarted = saga->intent.restarted || seen->restarted;
    saga->intent.left_previous = saga->intent.left_previous || seen->restarted;
    saga->intent.arrived = saga->intent.arrived ||
                           (saga->intent.leg == LEG_TARGET && seen->on_profile && seen->restarted);
    if (!is_kept(saga, seen) && is_locked(saga, limits, seen, now_ms))
        return give_up(saga, limits, LACK_CARD, seen->sim, now_ms);
    if (seen->foreign || (seen->elsewhere && phase != PHASE_RESETTING))
        return overtaken();
    switch (phase) {
    case PHASE_RESETTING:
        return resetting(saga, limits, seen, now_ms);
    case PHASE_REGISTERING:
        return registering(saga, limits, seen, now_ms);
    case PHASE_ATTACHING:
        return attaching(saga, limits, seen, now_ms);
    case PHASE_VERIFYING:
        return verifying(saga, limits, seen, now_ms);
    case PHASE_CONFIRMING:
        return confirming(saga, limits, seen, now_ms);
    default:
        return end(SAGA_STAYED, error_make(ERROR_IN_AGENT, ERROR_INTERNAL, 0,
                                           "no step out of phase %s", phase_name(phase)));
    }
}
