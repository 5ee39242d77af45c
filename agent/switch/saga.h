#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/connectivity.h"
#include "agent/base/error.h"
#include "agent/operation/operation.h"

/* The switch after the card has said yes, as a state machine: what to do next is a function of the
 * phase, of what was seen and of the time, and of nothing else. switch.c looks and acts.
 *
 *   resetting -> registering -> attaching -> verifying -> committed
 *
 * Where a phase fails, the machine says so and stays: rolling back begins here, when there is a
 * journal that remembers what to go back to. */

struct saga_limits {
    /* How long the modem may take to notice by itself, after a radio cycle, after a reset. */
    int64_t refresh_ms, cycle_ms, reset_ms;
    int64_t register_ms, attach_ms;
    /* Denied, or a card that asks for a PIN, for that long running is final. */
    int64_t denied_ms, locked_ms;
    /* Nothing for that long in a phase: attach by command, once. */
    int64_t help_ms;
    /* The longest that a helping command may hold up the looking. */
    int64_t hold_ms;
    /* How far up the reset ladder. */
    bool may_cycle, may_reset;
    /* False: registered is enough (switch.verify "registered"). */
    bool needs_data;
};

struct saga {
    enum phase phase;
    int64_t phase_began_ms;
    /* Rung of the reset ladder: 0 the modem by itself, 1 radio cycle, 2 reset. */
    unsigned rung;
    /* When its command had returned, however long that took; -1: at the next look. */
    int64_t rung_began_ms;
    /* The radio was cycled; once is enough, but a port that was away then owes it. */
    bool cycled;
    /* Since when without a break; -1: not now. */
    int64_t denied_since_ms, locked_since_ms;
    bool helped;
};

/* One look at the modem. What could not be read is false, unknown or an error. */
struct saga_seen {
    bool modem_open;
    /* Since ENABLE the modem was seen to start over: card not ready, port gone, registration left,
     * another IMSI. */
    bool restarted;
    /* The ICCID that the modem uses is the target's. */
    bool on_target;
    /* It uses another one than the target. */
    bool elsewhere;
    /* As of modem_check_sim(). */
    struct error sim;
    enum registration registration;
    /* Attached, with an address. */
    bool data;
};

enum saga_act {
    /* SAGA_LOOK: look again, at `look_at_ms` at the latest. */
    SAGA_LOOK = 0,
    SAGA_ENTER,
    SAGA_CYCLE_RADIO,
    SAGA_RESET_MODEM,
    SAGA_HELP,
    SAGA_COMMIT,
    SAGA_FAIL,
};

struct saga_step {
    enum saga_act act;
    enum phase phase;   /* SAGA_ENTER */
    int64_t look_at_ms; /* SAGA_LOOK */
    /* What is done for SAGA_ENTER and SAGA_HELP may take no longer. */
    int64_t deadline_ms;
    struct error error; /* SAGA_FAIL */
};

/* In `resetting`, as of `now_ms`. */
struct saga saga_begin(int64_t now_ms);
/* Advances `saga` and says what to do. */
struct saga_step saga_next(struct saga *saga, const struct saga_limits *limits,
                           const struct saga_seen *seen, int64_t now_ms);
