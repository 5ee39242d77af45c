#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/connectivity.h"
#include "agent/base/profile.h"
#include "agent/operation/intent.h"
#include "agent/operation/operation.h"
#include "agent/operation/operations.h"

/* Runs one switch to its end, on the worker's thread: ENABLE on the card, settling what was not clear,
 * then looking and acting as saga.h says until it is committed, rolled back, or nothing is left to
 * try. One that was interrupted goes on where the journal says. */

struct broker;
struct bus;
struct card;
struct config;
struct journal;
struct modem;

/* What the modem told by unsolicited lines; the owner of the modem sets them, whoever reacts clears
 * them. */
struct switch_signs {
    /* Something about registration or data changed: look at once. */
    bool hint;
    /* The modem was seen to start over, or its port went. */
    bool restarted;
};

struct switch_tools {
    const struct config *config;
    /* What a reload may have changed since. */
    const struct config *live;
    struct modem *modem;
    struct card *card;
    struct operations *operations;
    struct journal *journal;
    struct broker *broker;
    struct bus *bus;
    struct switch_signs *signs;
    /* Called now and then while the target works and its confirmation is waited for, maybe for a day:
     * the owner may read card and modem. May be NULL. */
    void (*at_rest)(void *ctx);
    void *ctx;
};

struct switch_outcome {
    /* Code and result for operations_end(). */
    struct operation_end end;
    /* The operation ended meanwhile by itself (canceled, expired): `end` says nothing. */
    bool ended_already;
    /* The agent stops, and the next one goes on with it: it has not ended. */
    bool interrupted;
    /* ENABLE went out: what was known of the list is no longer true. */
    bool list_dropped;
    /* Somebody else switched meanwhile. */
    bool overtaken;
    /* No profile came up: `previous` and `fallback` are worth further tries. */
    bool stranded;
    struct intent_profile previous, fallback;
    /* The list that the job read, still true when `list_dropped` is false. */
    bool has_list;
    struct profile_list list;
};

/* `interrupted`: the intent of one that the agent's end interrupted; NULL for a new one, and for one
 * whose ENABLE had not gone out. Always ends; in the longest case after switch_budget_ms(). */
void switch_run(const struct switch_tools *tools, const struct operation *op,
                const struct intent *interrupted, struct switch_outcome *ret);

/* Of one whose ENABLE went out and whose own intent cannot be read any more: what the operation still
 * says, and the most cautious for the rest. */
struct intent switch_guess_intent(const struct operation *op);

/* The longest that switch_run() may take, roll-back included, without `confirm_s`. */
int64_t switch_budget_ms(const struct config *config);
