#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/connectivity.h"
#include "agent/base/error.h"
#include "agent/operation/intent.h"
#include "agent/operation/operation.h"

/* The switch as a state machine: what to do next is a function of the phase, of what was seen and of
 * the time, and of nothing else. switch.c looks and acts.
 *
 *   enabling -> resetting -> registering -> attaching -> verifying [-> confirming] -> committed
 *
 * Where a phase fails the machine turns back: a leg to the profile before, if that had what the new
 * one lacks, then one to the profile with the fallback mark, each from enabling to registered. What
 * it must not forget is in its intent. */

struct saga_limits {
    /* How long the modem may take to notice by itself, after a radio cycle, after a reset. */
    int64_t refresh_ms, cycle_ms, reset_ms;
    int64_t register_ms, attach_ms, verify_ms;
    /* 0: nobody has to confirm. */
    int64_t confirm_ms;
    /* Denied, or a card that asks for a PIN, for that long running is final. */
    int64_t denied_ms, locked_ms;
    /* Nothing for that long in a phase: attach by command, once. */
    int64_t help_ms;
    /* The longest that a helping command may hold up the looking. */
    int64_t hold_ms;
    /* What a profile that is registered again gets to carry data, while it is measured how long there
     * was none. */
    int64_t settle_ms;
    /* What a port that is away gets to return. */
    int64_t patience_ms;
    /* How far up the reset ladder. */
    bool may_cycle, may_reset;
    bool rolls_back;
};

struct saga {
    struct intent intent;
    int64_t phase_began_ms;
    /* Rung of the reset ladder: 0 the modem by itself, 1 radio cycle, 2 reset. */
    unsigned rung;
    /* When its command had returned, however long that took; -1: at the next look. */
    int64_t rung_began_ms;
    /* The radio was cycled; once is enough, but a port that was away then owes it. */
    bool cycled;
    /* Since when without a break; -1: not now. */
    int64_t denied_since_ms, locked_since_ms, registered_since_ms;
    bool helped;
    /* After a restart: the phase that was interrupted, and what it had used up by then. */
    enum phase interrupted;
    int64_t interrupted_used_ms;
};

/* What became of a leg's ENABLE. */
enum saga_enabled {
    /* SAGA_NOT_SENT: it has not been tried. */
    SAGA_NOT_SENT = 0,
    SAGA_ENABLED,
    /* SAGA_REFUSED: nothing changed on the card, and it stays so. */
    SAGA_REFUSED,
    /* SAGA_LOST: the card could not be asked what it did. */
    SAGA_LOST,
    /* SAGA_FOREIGN: a profile is in use that is not of this switch. */
    SAGA_FOREIGN,
};

/* One look at the modem. What could not be read is false, unknown or an error. */
struct saga_seen {
    bool modem_open;
    /* In `enabling`; `enable_error` says why it was not SAGA_ENABLED. */
    enum saga_enabled enabled;
    struct error enable_error;
    /* Since ENABLE the modem was seen to start over: card not ready, port gone, registration left,
     * another IMSI. */
    bool restarted;
    /* The ICCID that the modem uses is the one of the leg's profile; another one; one that none of
     * this switch's profiles has. */
    bool on_profile, elsewhere, foreign;
    /* As of modem_check_sim(). */
    struct error sim;
    enum registration registration;
    /* Attached, with an address. */
    bool data;
    /* Enough probes were accepted over this profile. */
    bool reached;
    /* The broker accepted a connection that was begun over this profile, or refused one, which
     * proves the way all the same. */
    bool broker_accepted, broker_refused;
    /* The word that `confirming` waits for. */
    bool confirmed;
};

enum saga_act {
    /* SAGA_LOOK: look again, at `look_at_ms` at the latest. */
    SAGA_LOOK = 0,
    /* SAGA_ENABLE: enable the leg's profile, and see what came of it. */
    SAGA_ENABLE,
    /* SAGA_ENTER: the leg is in `phase` now. */
    SAGA_ENTER,
    SAGA_CYCLE_RADIO,
    SAGA_RESET_MODEM,
    SAGA_HELP,
    /* SAGA_TURN_BACK: the next leg begins, in `enabling`; `error` is why. */
    SAGA_TURN_BACK,
    SAGA_END,
};

enum saga_end {
    /* SAGA_UNCHANGED: ENABLE changed nothing. */
    SAGA_UNCHANGED = 0,
    SAGA_COMMITTED,
    /* SAGA_STAYED: failed, and there is nothing better to go back to. */
    SAGA_STAYED,
    SAGA_ROLLED_BACK,
    /* SAGA_STRANDED: no profile came up. */
    SAGA_STRANDED,
    SAGA_OVERTAKEN,
};

struct saga_step {
    enum saga_act act;
    enum phase phase;   /* SAGA_ENTER */
    int64_t look_at_ms; /* SAGA_LOOK */
    /* What is done for SAGA_HELP may take no longer. */
    int64_t deadline_ms;
    enum saga_end end; /* SAGA_END */
    struct error
        error; /* SAGA_TURN_BACK; SAGA_END: the first reason, ERROR_NONE for SAGA_COMMITTED */
};

/* A new switch: in `enabling`. */
struct saga saga_begin(const struct intent *intent, int64_t now_ms);
/* One that was interrupted, once the card has said that the leg's profile is enabled: goes on from
 * `resetting` (or in `confirming`), the interrupted phase with what is left of its time. `same_boot`
 * false: the phase has its full time again, once. */
struct saga saga_resume(const struct intent *intent, bool same_boot, int64_t now_ms);
/* The intent, to be written: with the time that the phase has used up by now. */
struct intent saga_intent(const struct saga *saga, int64_t now_ms);
/* Advances `saga` and says what to do. */
struct saga_step saga_next(struct saga *saga, const struct saga_limits *limits,
                           const struct saga_seen *seen, int64_t now_ms);
