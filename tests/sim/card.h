#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scenario.h"
#include "util.h"

/* The eUICC: logical channels, the LPM applet, an ISD-R, and which profile is really enabled. It
 * knows nothing of modems; what a modem has to notice it tells through `event`. */

enum { CARD_CHANNELS = 20, APDU_MAX = 261, ANSWER_MAX = 258, STORE_MAX = 2048 };

enum card_app { APP_NONE, APP_LPM, APP_ISDR };

enum card_event {
    /* ENABLE answered well, and a REFRESH is wanted. */
    CARD_ENABLED,
    /* The channel of that ENABLE closed. */
    CARD_ENABLE_CLOSED
};

struct card_channel {
    bool open;
    enum card_app app;
    /* What GET RESPONSE gives. */
    struct buf pending;
    /* STORE DATA blocks so far. */
    uint8_t store[STORE_MAX];
    size_t store_len;
    int store_next;
};

struct card {
    const struct card_scn *scn;
    void (*event)(void *owner, enum card_event event);
    void *owner;
    struct card_channel channels[CARD_CHANNELS];
    /* Index of the enabled profile, -1 for none. */
    int enabled;
    /* An ENABLE whose channel is still open: its channel, its target, -1 for none. */
    int enable_channel, enable_target;
    bool refresh_wanted;
    int64_t busy_until_ms;
    int busy_count;
    /* Told to the log after each APDU. */
    const char *op;
    int channel;
    struct fault faults[2 * MAX_FAULTS];
    size_t fault_count;
    bool fault_struck;
};

void card_init(struct card *c, const struct card_scn *scn);
void card_done(struct card *c);
/* Takes the enabled profile, the busy count and the faults from the scenario. */
void card_load(struct card *c);
/* Power or reset line: all channels are gone, what waited for a close is done. */
void card_reset(struct card *c);
/* One command. `answer` has room for ANSWER_MAX bytes; data and status word. Returns its length. */
size_t card_apdu(struct card *c, const uint8_t *apdu, size_t len, uint8_t *answer);
/* The enabled profile, NULL for none. */
const struct profile_scn *card_profile(const struct card *c);
/* -1: there is none. */
int card_find_iccid(const struct card_scn *scn, const char *iccid);
/* The SM-SR enables a profile, over the air. */
void card_enable(struct card *c, int index);
/* Channel of a class byte, -1: not a class with channels. */
int card_cla_channel(uint8_t cla);
/* The class byte with another channel in it. */
uint8_t card_cla_for(uint8_t cla, int channel);

/* Shared by card.c and card_es10.c: an answer in the making. */
struct card_answer {
    struct buf data;
    unsigned sw;
};

struct card_command {
    int channel;
    uint8_t cla, ins, p1, p2;
    const uint8_t *data;
    size_t lc;
    /* Whether there is an Le, and its value with 0 meaning 256. */
    bool has_le;
    size_t le;
};

/* STORE DATA with an ES10c request in it. */
void card_es10_store(struct card *c, const struct card_command *cmd, struct card_answer *a);
/* "eid", "list", "enable" or "other", by the tag of an ES10c request. */
const char *card_es10_op(const uint8_t *data, size_t len);
/* Remembers the ENABLE and carries it out when the scenario says so. */
void card_begin_enable(struct card *c, int channel, int target, bool refresh);
bool card_is_busy(const struct card *c);
/* Keeps the data for GET RESPONSE, and answers 61XX. */
void card_chain(struct card *c, int channel, struct card_answer *a);
int card_find_aid(const struct card *c, const uint8_t *aid);
