#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/connectivity.h"
#include "agent/base/eid.h"
#include "agent/base/error.h"
#include "agent/base/profile.h"

/* What everyone may read at any time without waiting for the modem: one immutable value, replaced
 * whole by the worker, counted by its readers. */

enum modem_state {
    /* MODEM_ABSENT: no port, or set-up is not through; `trouble` says why. */
    MODEM_ABSENT = 0,
    /* MODEM_READY: set up, and it answers. */
    MODEM_READY,
};

enum { SNAPSHOT_TEXT_MAX = 63, SNAPSHOT_ETAG_MAX = 39, SNAPSHOT_PATH_MAX = 255 };

struct snapshot {
    enum modem_state modem;
    /* Why reads cannot be served now (modem-absent, sim-locked, card-absent, applet-absent …);
     * code ERROR_NONE: they can. */
    struct error trouble;
    /* "" when not known. */
    char manufacturer[SNAPSHOT_TEXT_MAX + 1];
    char model[SNAPSHOT_TEXT_MAX + 1];
    char revision[SNAPSHOT_TEXT_MAX + 1];
    char port[SNAPSHOT_PATH_MAX + 1];
    /* "csim", "cgla", "" when not known yet. */
    char transport[8];
    /* "lpm", "es10c", "" when not known yet. */
    char interface[8];

    bool has_eid;
    struct eid eid;
    int64_t eid_at_ms; /* CLOCK_BOOTTIME */

    bool has_list;
    struct profile_list list;
    int64_t list_at_ms;
    /* A strong ETag with its quotes; stays when the list is dropped, so that an If-Match of before
     * can be told from a wrong one. "" before the first list. */
    char etag[SNAPSHOT_ETAG_MAX + 1];
    /* Since when and by what ("operation", "external", "start") the enabled profile is in use; 0
     * and "" when not known. */
    int64_t enabled_since_utc_ms;
    char enabled_by[16];

    bool has_connectivity;
    struct connectivity connectivity;

    /* A switch is running: reads are answered from here whatever they ask. */
    bool switching;
    /* No profile worked, and the agent goes on trying by itself. */
    bool stranded;
};

struct state;

/* Holds one empty snapshot. NULL: no memory. */
struct state *state_new(void);
void state_free(struct state *state);

/* The snapshot of now; give it back with snapshot_release(). Never NULL. Any thread. */
const struct snapshot *state_take(struct state *state);
void snapshot_release(const struct snapshot *snapshot);
/* Another one: what was made of a snapshot taken after this said so before may be old. Any thread. */
unsigned state_version(struct state *state);

/* Replaces the snapshot by a copy of `next`. Only the worker. ERROR_INTERNAL: no memory, and the
 * one before stays. */
MUST_CHECK struct error state_publish(struct state *state, const struct snapshot *next);
