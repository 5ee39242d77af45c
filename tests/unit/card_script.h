#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/card/card.h"

/* A scripted peer for agent/card: two transports, one that the card opens channels on by APDU
 * ("csim") and one that opens by itself ("cgla"), and a clock that only pauses move. What is sent has
 * to be the next step's, the deadline has to be the one that is due; else the test fails. */

struct card_step {
    /* Upper-case hex over csim; over cgla the same behind '@', or "@open", "@close",
     * "@clear". NULL: the end. */
    const char *sent;
    /* Hex of data and status word; to "@open" the channel in decimal; to "@close" and "@clear" "". Or an error:
     * "!timeout", "!absent", "!stop", "!ERROR", "!NO CARRIER", "!<number of +CME ERROR>". '*' in front of it all: the
     * card is seen to be reset. */
    const char *answer;
    /* How often; 0 as 1. */
    unsigned times;
    /* Bytes AA in front of `answer`. */
    size_t fill;
};

struct card_script {
    const struct card_step *steps;
    unsigned step_times;
    int64_t now_ms, began_ms;
    /* The pause that finds the agent stopping, counted from 1; 0: none. */
    unsigned stop_at_pause, pauses;
    /* Commands to the card, opening and closing by the modem among them. */
    unsigned commands;
    /* Told with the second; NULL: nobody. */
    void (*on_channels)(void *ctx, const char *open);
    void *on_channels_ctx;
};

/* `ways` "csim", "cgla", "csim cgla" or "cgla csim". One script at a time. */
struct card *card_script_begin(struct card_script *script, const char *ways,
                               enum card_interface interface);
/* The steps from here on. */
void card_script_play(struct card_script *script, const struct card_step *steps);
/* Fails when a step is left. */
void card_script_end(const struct card_script *script);
