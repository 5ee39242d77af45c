#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/modem/modem.h"
#include "agent/state/reads.h"
#include "agent/state/snapshot.h"

/* The next snapshot in the making: what the worker learns goes in here, is published, and is told on
 * the bus where it is news. The worker's thread only. */

struct bus;

struct view {
    struct state *state;
    struct bus *bus;
    struct snapshot now;
    /* Rises whenever the list is dropped, also across restarts; part of its ETag. */
    uint64_t generation;
    /* The rows last seen, without the generation: what is news and what is not. */
    char rows_tag[SNAPSHOT_ETAG_MAX + 1];
    /* What will have changed the next list if it differs: "start", "operation", "external". */
    const char *list_by;
    /* It was told how modem and card are. */
    bool said_trouble;
    /* The profile in use as of before the start: its ICCID, "" not known. */
    char remembered[ICCID_TEXT_MAX + 1];
    int64_t remembered_since_utc_ms;
    char remembered_by[16];
};

/* Keeps both. */
void view_init(struct view *view, struct state *state, struct bus *bus);
void view_publish(struct view *view);
bool view_has(const struct view *view, enum read_want want);

void view_take_identity(struct view *view, const struct modem_identity *id);
void view_take_eid(struct view *view, const struct eid *eid);
/* The card that it is of is in no more. */
void view_drop_eid(struct view *view);
/* There was a list before, and `list` has none of its profiles. */
bool view_is_other_card(const struct view *view, const struct profile_list *list);
/* What the journal remembers of the profile in use, since when (0: not known) and by what; "" nothing. A
 * first list that says otherwise was changed by somebody else while the agent was away. */
void view_remember(struct view *view, const char *enabled, int64_t since_utc_ms, const char *by);
/* A fresh list of the card. */
void view_take_list(struct view *view, const struct profile_list *list);
/* What was known of the list holds no longer; `by` (a literal) is to blame for what the next one
 * says. */
void view_drop_list(struct view *view, const char *by);
/* Trouble is told when it begins, changes its kind or ends, not at each try. */
void view_set_trouble(struct view *view, enum modem_state modem, const struct error *trouble,
                      const char *transport, const char *interface);
