#pragma once

#include <stdint.h>

/* Tells listeners in this process that something changed. A listener is called on the thread of
 * whoever published, with no lock held, and only posts (to its own queue, to an eventfd): it never
 * waits, does no I/O on the network and never publishes. Listeners are added while the agent is
 * wired, before the first thread, and removed never. */

enum bus_event {
    /* BUS_OPERATION: an operation changed; `data` is a const struct operation * (borrowed). */
    BUS_OPERATION,
    /* BUS_OPERATION_AGAIN: it was asked for once more and is as it was; `data` as above. Comes in
     * the same order as the changes, so what it says is never older than what was said before. */
    BUS_OPERATION_AGAIN,
    /* BUS_PROFILES: the list, or which profile is in use; `data` is a const struct bus_profiles *. */
    BUS_PROFILES,
    /* BUS_LIST: the list is as it was, but for its ETag or what else is known of its rows; `data` is a
     * const struct bus_profiles *. */
    BUS_LIST,
    /* BUS_CONNECTIVITY: a new reading is in the snapshot; `data` NULL. */
    BUS_CONNECTIVITY,
    /* BUS_MODEM: the modem came, went, or its trouble changed; `data` NULL. */
    BUS_MODEM,
    /* BUS_SIM: the modem told of a SIM change; `data` NULL. */
    BUS_SIM,
    /* BUS_JOURNAL: something happened to the journal; `data` is a const struct bus_journal *. */
    BUS_JOURNAL,
    /* BUS_SWITCHING: right before an ENABLE; `data` is a const struct bus_switching *. */
    BUS_SWITCHING,
    /* BUS_HEALTH: the lock, the way to the broker, whether the device is stranded, or what there is
     * to say of a modem's trouble; `data` NULL. */
    BUS_HEALTH,
};

struct bus_profiles {
    /* "operation", "external" or "start". */
    const char *by;
};

struct bus_journal {
    /* "set-aside", "storage-full", "recovered", "refused" (the broker will not have a message). */
    const char *what;
    const char *detail;
};

struct bus_switching {
    /* The latest end of the switch: UTC, milliseconds. */
    int64_t until_utc_ms;
};

typedef void (*bus_listener)(void *ctx, enum bus_event event, const void *data);

struct bus;

/* NULL: no memory. */
struct bus *bus_new(void);
void bus_free(struct bus *bus);
/* Keeps `ctx`. At most 8; more is a broken invariant. */
void bus_listen(struct bus *bus, bus_listener listener, void *ctx);
void bus_publish(struct bus *bus, enum bus_event event, const void *data);
