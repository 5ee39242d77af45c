#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/switch/probe.h"
#include "agent/switch/saga.h"
#include "agent/switch/switch.h"

/* One switch that runs: what its parts (leg.h, look.h, hook.h) share. Only inside of
 * agent/switch/. */

enum {
    RUN_REOPEN_MIN_MS = 200,
    RUN_REOPEN_MAX_MS = 5000,
    RUN_SIGN_GAP_MS = 100,
    /* One ENABLE job: ENABLE and close, 30 s each. */
    RUN_ENABLE_MS = 60000,
    RUN_SETTLE_MS = 120000,
    /* How long a roll-back tries to get its ENABLE to the card, with the modem away or busy. */
    RUN_TURN_BACK_MS = 300000,
    /* What a port that goes while the modem starts over gets to come back. */
    RUN_PORT_MS = 120000,
    /* ENABLE jobs at the most, as long as ENABLE itself has not gone out. */
    RUN_JOBS_MAX = 2,
    /* A SIM that is busy before ENABLE is waited for. */
    RUN_BUSY_MS = 30000,
    /* What the targets of probes get, before ENABLE, to say what the profile before reaches. */
    RUN_PROBE_MS = 10000,
    /* What a port that was away before ENABLE gets to come back. */
    RUN_CYCLE_MS = 30000,
};

struct run {
    const struct switch_tools *tools;
    const struct operation *op;
    struct switch_outcome *ret;
    struct saga saga;
    struct probe *probe; /* NULL: nothing to probe */
    /* The agent was started anew while this ran. */
    bool resumed;
    /* When the intent was last written to survive a kill. */
    int64_t saved_ms;
    /* What became of the leg's ENABLE. */
    enum saga_enabled enabled;
    struct error enable_error;
    /* Of the target's leg: ENABLE went out; nothing had to be done. */
    bool sent, already_enabled;
    /* One went out before the one that is being tried, and the card has taken that after all. */
    bool sent_before, taken_late;
    int64_t busy_until_ms;
    /* Since the leg's ENABLE: the modem was seen to start over; we had it start over (which proves
     * something only of a modem that tells which card it uses). */
    bool restarted, cycled;
    /* The profile that the modem works with, as of the last look. */
    bool has_now;
    struct iccid now;
    /* Since when the modem works with the leg's profile: a connection begun later goes over it. */
    int64_t arrived_ms;
    bool probing;
    int64_t probe_again_ms;
};

/* False: the agent stops. */
bool run_pause_until(const struct run *run, int64_t until_ms);
/* Until the time comes or the modem gives a sign; a modem that gives them all the time is not asked
 * more often than every RUN_SIGN_GAP_MS. False: the agent stops. */
bool run_wait_for_sign(const struct run *run, int64_t until_ms);
/* False: not open at the deadline, or the agent stops (ERROR_SHUTTING_DOWN). */
bool run_open_again(const struct run *run, int64_t deadline_ms, struct error *ret_last);
struct error run_stopping(void);

/* Writes phase and intent: `phase` as the operation shows it. */
void run_enter(struct run *run, enum phase phase, bool counts);
/* Lets the intent survive a kill, at most every two seconds. */
void run_save(struct run *run);

const struct intent_profile *run_profile(const struct run *run);
struct intent_profile run_profile_of(const struct profile *row);
struct profile_ref run_ref_of(const struct intent_profile *profile);
bool run_is_profile(const struct intent_profile *profile, const struct profile *row);
/* One of those that this switch has used or means to use. */
bool run_is_ours(const struct run *run, const struct profile *row);
bool run_is_our_iccid(const struct run *run, const struct iccid *iccid);
