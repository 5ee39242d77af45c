#include "agent/switch/saga.h"

struct saga saga_begin(int64_t now_ms)
{
    return (struct saga){ .phase = PHASE_RESETTING,
                          .phase_began_ms = now_ms,
                          .rung_began_ms = now_ms,
                          .denied_since_ms = -1,
                          .locked_since_ms = -1 };
}

/* A modem answers quickly after a refresh or takes minutes to find a network: look often at first,
 * then less often. An unsolicited line brings the next look forward. */
static int64_t next_look(const struct saga *saga, int64_t now_ms)
{
    int64_t age_ms = now_ms - saga->phase_began_ms;

    return now_ms + (age_ms < 5000 ? 250 : age_ms < 60000 ? 1000 : 2000);
}

static struct saga_step look(const struct saga *saga, int64_t now_ms)
{
    return (struct saga_step){ .act = SAGA_LOOK, .look_at_ms = next_look(saga, now_ms) };
}

static struct saga_step enter(struct saga *saga, const struct saga_limits *limits, enum phase phase,
                              int64_t now_ms)
{
    saga->phase = phase;
    saga->phase_began_ms = now_ms;
    saga->helped = false;
    return (struct saga_step){ .act = SAGA_ENTER,
                               .phase = phase,
                               .deadline_ms = now_ms + limits->hold_ms };
}

static struct saga_step fail(struct error error)
{
    return (struct saga_step){ .act = SAGA_FAIL, .error = error };
}

/* How long `is` has been so, in `since`; -1 when it is not so. */
static int64_t lasts(int64_t *since_ms, bool is, int64_t now_ms)
{
    if (!is)
        *since_ms = -1;
    else if (*since_ms < 0)
        *since_ms = now_ms;
    return is ? now_ms - *since_ms : -1;
}

/* A CME code says it for good; +CPIN may say PIN for a moment while the card starts. Before the
 * modem has started over, it is the old profile that is locked: a reason to leave it, not to fail. */
static bool is_locked(struct saga *saga, const struct saga_limits *limits,
                      const struct saga_seen *seen, int64_t now_ms)
{
    bool locked = seen->modem_open && seen->sim.code == ERROR_SIM_LOCKED &&
                  (saga->phase != PHASE_RESETTING || seen->restarted);
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
    return fail(error_make(ERROR_IN_AGENT, ERROR_NOT_SWITCHED, 0, "the card has switched, %s",
                           !seen->modem_open ? "the modem's port has not come back"
                           : seen->sim.code  ? "the modem does not get on with the card"
                           : seen->on_target ? "the modem was not seen to start over with it"
                                             : "the modem still works with the old profile"));
}

static struct saga_step resetting(struct saga *saga, const struct saga_limits *limits,
                                  const struct saga_seen *seen, int64_t now_ms)
{
    if (saga->rung_began_ms < 0)
        saga->rung_began_ms = now_ms;
    if (seen->modem_open && seen->restarted && seen->on_target && !seen->sim.code)
        return enter(saga, limits, PHASE_REGISTERING, now_ms);
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

static struct saga_step registering(struct saga *saga, const struct saga_limits *limits,
                                    const struct saga_seen *seen, int64_t now_ms)
{
    bool denied = seen->registration == REGISTRATION_DENIED;
    bool over = now_ms - saga->phase_began_ms >= limits->register_ms;
    int64_t denied_ms = lasts(&saga->denied_since_ms, denied, now_ms);

    if (is_registered(seen))
        return enter(saga, limits, PHASE_ATTACHING, now_ms);
    if (denied_ms >= limits->denied_ms || (denied && over))
        return fail(error_make(ERROR_IN_AGENT, ERROR_REGISTRATION_DENIED, 0,
                               "the network has denied registration for %d s",
                               (int)(denied_ms / 1000)));
    if (over)
        return fail(error_make(ERROR_IN_AGENT, ERROR_NOT_REGISTERED, 0,
                               "not registered within %d s (%s)", (int)(limits->register_ms / 1000),
                               registration_name(seen->registration)));
    return wait_or_help(saga, limits, seen, now_ms);
}

static struct saga_step attaching(struct saga *saga, const struct saga_limits *limits,
                                  const struct saga_seen *seen, int64_t now_ms)
{
    if (seen->data || !limits->needs_data)
        return enter(saga, limits, PHASE_VERIFYING, now_ms);
    if (now_ms - saga->phase_began_ms >= limits->attach_ms)
        return fail(error_make(ERROR_IN_AGENT, ERROR_NO_DATA, 0,
                               "registered, but without an address for %d s",
                               (int)(limits->attach_ms / 1000)));
    return wait_or_help(saga, limits, seen, now_ms);
}

struct saga_step saga_next(struct saga *saga, const struct saga_limits *limits,
                           const struct saga_seen *seen, int64_t now_ms)
{
    if (is_locked(saga, limits, seen, now_ms))
        return fail(seen->sim);
    if (seen->elsewhere && saga->phase != PHASE_RESETTING)
        return fail(error_make(ERROR_IN_AGENT, ERROR_OVERTAKEN, 0,
                               "somebody else has switched to another profile meanwhile"));
    switch (saga->phase) {
    case PHASE_RESETTING:
        return resetting(saga, limits, seen, now_ms);
    case PHASE_REGISTERING:
        return registering(saga, limits, seen, now_ms);
    case PHASE_ATTACHING:
        return attaching(saga, limits, seen, now_ms);
    case PHASE_VERIFYING:
        return (struct saga_step){ .act = SAGA_COMMIT };
    default:
        return fail(error_make(ERROR_IN_AGENT, ERROR_INTERNAL, 0, "no step out of phase %s",
                               phase_name(saga->phase)));
    }
}
