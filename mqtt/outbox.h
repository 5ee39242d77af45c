#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/id.h"
#include "mqtt/topics.h"

/* What waits to be told to the broker, in memory: a bounded list, in the order of its coming (but
 * telemetry, which is last). A row leaves when the broker has acknowledged it. A pure data structure:
 * no lock, no I/O, time is given. The caller keeps it under a lock of its own; a row in flight stays
 * where it is until outbox_acked(), outbox_returned() or outbox_lost(), so its fields may be read
 * without that lock by the one thread which calls these.
 *
 * A message may be on disk, too, under the number of its letter. The outbox tells which of these are
 * done with. Outcomes of which memory has enough are left on disk, and asked for once there is room. */

enum {
    OUTBOX_IN_FLIGHT_MAX = 16,
    /* Outcomes in memory at most; the others wait on disk. Where that takes none, the oldest go: a
     * switch makes two and takes a minute, and memory has an end. */
    OUTBOX_OUTCOMES_MAX = 1000,
    /* Letters that are done with and not taken yet; beyond, they come again after a restart. */
    OUTBOX_DONE_MAX = 2048,
    /* The first wait after PUBACK 0x97 (quota exceeded), doubling. */
    OUTBOX_QUOTA_MIN_MS = 1000,
    OUTBOX_QUOTA_MAX_MS = 300000,
};

/* Letters on disk have these numbers: they stay what they are. */
enum outbox_class {
    /* OUTBOX_EVENT: dropped when the outbox is over its cap, oldest first, and counted. */
    OUTBOX_EVENT = 0,
    /* OUTBOX_RESPONSE: as OUTBOX_EVENT, and sent once at most. */
    OUTBOX_RESPONSE,
    /* OUTBOX_LATEST: the value of a retained topic: a newer one takes its place. */
    OUTBOX_LATEST,
    /* OUTBOX_STATUS: of a running operation: may be replaced by the next of the same. */
    OUTBOX_STATUS,
    /* OUTBOX_ANSWER: as OUTBOX_EVENT: how an operation is, for who asked again, or how one ended
     * that never began. Whoever may send commands can make any number of them. */
    OUTBOX_ANSWER,
    /* OUTBOX_OUTCOME: how an operation ended that began: never dropped for the cap, and never at all
     * while it is on disk. */
    OUTBOX_OUTCOME,
    /* OUTBOX_TELEMETRY: goes behind all others. Over the cap it is dropped before them, and thinned:
     * every second one from the oldest on, and again from the oldest once the newest is reached. So a
     * long outage gets coarser and keeps its beginning. */
    OUTBOX_TELEMETRY,
};

struct outbox_message {
    enum outbox_class class;
    const char *topic, *payload;
    bool retained;
    /* Goes before all that is not. */
    bool urgent;
    /* The operation whose status it is, and its rev: these go one after the other, and on one topic
     * never from a higher rev to a lower one. NULL: none. */
    const char *operation;
    int64_t rev;
    /* MQTT 5's Correlation Data; NULL: none. */
    const void *correlation;
    size_t correlation_len;
    /* Its number on disk; 0: it is not there. */
    int64_t letter;
    /* When it was put, CLOCK_BOOTTIME; 0: not said. */
    int64_t came_ms;
};

struct outbox_row {
    int64_t number;
    struct outbox_message message; /* the row's own copies */
    size_t payload_len;
    /* A packet that holds it is at most this long. */
    size_t packet_len;
    /* private: */
    struct outbox_row *next, *before;
    struct outbox_row *chain; /* the next newer in its bucket */
    char operation[ID_LEN + 1];
    bool in_flight;
    unsigned quotas;
    int64_t not_before_ms;
};

struct outbox_counts {
    /* Rows and bytes that wait or are in flight. */
    size_t rows, bytes, in_flight;
    /* Of them, those that go before all others. */
    size_t urgent;
    /* When the oldest of them came; 0: there is none. */
    int64_t oldest_ms;
    /* Dropped over the cap; set aside since the broker does not take them. */
    int64_t dropped, set_aside;
};

/* A message that the broker will not have. */
struct outbox_aside {
    enum outbox_class class;
    int reason;
    char topic[TOPICS_MAX];
};

/* Letters of outcomes that are on disk only: from `first` (0: there are none) to `last`, not all. */
struct outbox_left {
    int64_t first, last;
};

struct outbox;

/* NULL: no memory. */
struct outbox *outbox_new(size_t cap_bytes);
void outbox_free(struct outbox *outbox);

/* Copies the message to the end, less what it replaces. Over the cap telemetry is thinned, then the
 * oldest that may be dropped go, but only where that makes room; for telemetry nothing else has to
 * go. A new one that may be dropped is not kept otherwise.
 * What a waiting row says already, or a newer one has overtaken, is not put. The work does not grow
 * with what waits. False: not kept, and it should have been. True also for an outcome that is left on
 * disk. */
bool outbox_put(struct outbox *outbox, const struct outbox_message *message);

/* The next row that may be sent while at most `max_in_flight` are; it is in flight then. Rows whose
 * packet is longer than `max_packet` are set aside. NULL: none now. */
const struct outbox_row *outbox_next(struct outbox *outbox, int64_t now_ms, size_t max_in_flight,
                                     size_t max_packet);
/* When a row that waits for quota may go; CLOCK_NEVER: none waits so. */
int64_t outbox_next_ms(const struct outbox *outbox, int64_t now_ms);

enum outbox_ack {
    /* OUTBOX_GONE: no such row in flight. */
    OUTBOX_GONE = 0,
    OUTBOX_DELIVERED,
    /* OUTBOX_AGAIN: quota exceeded; it will be sent again. */
    OUTBOX_AGAIN,
    /* OUTBOX_SET_ASIDE: the broker will not have it; it blocks nobody any more. */
    OUTBOX_SET_ASIDE,
};

/* The broker's PUBACK with its reason code (0 with 3.1.1). */
enum outbox_ack outbox_acked(struct outbox *outbox, int64_t number, int reason, int64_t now_ms);
/* It could not be handed over: as if it had never been in flight. */
void outbox_returned(struct outbox *outbox, int64_t number);
/* The link is gone: all that was in flight waits again in its old order, responses are dropped. */
void outbox_lost(struct outbox *outbox);
/* Takes back what of `topic` has not been sent. */
void outbox_withdraw(struct outbox *outbox, const char *topic);

/* The one that was set aside since the last call, of several the last that matters most (outcomes, then
 * all but responses); false: none. */
bool outbox_take_aside(struct outbox *outbox, struct outbox_aside *ret);

/* Letters whose messages have left for good, at most `cap`, each given once. The number written. */
size_t outbox_take_done(struct outbox *outbox, size_t cap, int64_t *ret);

/* Which letters to give to outbox_load(), oldest first; then outbox_loaded(). `first` 0: none, or
 * memory has to drain to the half first. Before, those of outbox_take_done() are to be off the disk. */
struct outbox_left outbox_wants(const struct outbox *outbox);
/* Puts it, if it is an outcome that was left. False: no memory; it is still left. */
bool outbox_load(struct outbox *outbox, const struct outbox_message *message);
/* All that is on disk up to this number was given to outbox_load(). */
void outbox_loaded(struct outbox *outbox, int64_t last);

struct outbox_counts outbox_counts(const struct outbox *outbox);
