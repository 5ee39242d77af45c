#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/error.h"
#include "agent/base/profile.h"
#include "agent/operation/operation.h"

/* What a running switch must not forget, since the power may go at any instant: written before
 * ENABLE goes out and with every change of phase. Plain values. */

/* Which profile is being brought up. */
enum leg { LEG_TARGET = 0, LEG_PREVIOUS, LEG_FALLBACK, LEGS };

/* A profile as the card's list named it; `known` false: there is none. */
struct intent_profile {
    bool known;
    bool has_iccid, has_aid;
    struct iccid iccid;
    struct aid aid;
};

enum { INTENT_BOOT_MAX = 36 };

struct intent {
    enum leg leg;
    /* Of the leg: PHASE_ENABLING to PHASE_CONFIRMING. The operation shows rolling-back for all of
     * a roll-back's. */
    enum phase phase;
    struct intent_profile profiles[LEGS];
    /* A leg that was begun. */
    bool tried[LEGS];
    /* What the modem said before this leg's ENABLE: a change from it proves that it noticed. */
    char imsi_before[17];
    /* The same before the switch began. */
    char imsi_previous[17];
    bool was_ready, was_registered;
    /* What the profile before had when the switch began (the modem worked with it, it was registered
     * …): a roll-back goes only to what had what the new one lacks. */
    bool had_card, had_registration, had_data, had_reach, had_broker;
    /* The proof that the switch has to end with. */
    enum verified wanted;
    /* The strongest proof so far over the target. */
    enum verified proof;
    /* Since this leg's ENABLE the modem was seen to start over. */
    bool restarted;
    /* The modem was seen to start over at all, so the profile before has lost its service. */
    bool left_previous;
    /* It was seen to work with the target. */
    bool arrived;
    /* Milliseconds of the phase that are used up, while the agent ran. */
    int64_t used_ms;
    /* The boot (CLOCK_BOOTTIME is valid within one) in which it was written, and that this phase
     * has had its full time again after a reboot. */
    char boot[INTENT_BOOT_MAX + 1];
    bool again;
    /* CLOCK_BOOTTIME of the last moment that data could flow; 0: it could not. */
    int64_t data_ended_ms;
    /* From then to the first moment that it could again; -1: not yet. */
    int64_t blackout_ms;
    /* The programs that ran for it. */
    bool hooked_before, hooked_after;
    /* Why it rolls back; ERROR_NONE: it does not. */
    struct error reason;
};

/* As JSON text. Gives (free); NULL: no memory. */
char *intent_to_text(const struct intent *intent);
/* ERROR_INTERNAL: not what intent_to_text() wrote; *ret is as before. */
MUST_CHECK struct error intent_from_text(const char *text, struct intent *ret);
