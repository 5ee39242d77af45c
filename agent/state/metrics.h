#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/error.h"
#include "agent/base/traffic.h"

/* What is counted since the start, for whoever watches over a fleet: a table of fixed size, written by
 * any thread and read whole. Its lock is a leaf; nothing is allocated and no text is kept. NULL is a
 * table that nobody looks at: then nothing happens. */

struct metrics;

enum metrics_counter {
    METRICS_ROLLBACKS = 0,
    METRICS_STRANDED,
    /* METRICS_MQTT_ATTEMPTS: connections that were begun; of these, accepted and refused by a CONNACK. */
    METRICS_MQTT_ATTEMPTS,
    METRICS_MQTT_CONNECTS,
    METRICS_MQTT_REFUSALS,
    /* METRICS_MQTT_LOSSES: accepted connections that have ended, but for the last one at the stop. */
    METRICS_MQTT_LOSSES,
    /* METRICS_MQTT_RECEIVED: messages that the broker brought; METRICS_MQTT_SENT: that it acknowledged. */
    METRICS_MQTT_RECEIVED,
    METRICS_MQTT_SENT,
    /* METRICS_INTAKE_…: connections that were ended for what the broker sent (mqtt/intake.h). */
    METRICS_INTAKE_TOO_LARGE,
    METRICS_INTAKE_UNEXPECTED,
    METRICS_INTAKE_MALFORMED,
    METRICS_INTAKE_NO_MEMORY,
    /* METRICS_JOURNAL_…: what happened to the journal's file (bus.h). */
    METRICS_JOURNAL_SET_ASIDE,
    METRICS_JOURNAL_FULL,
    METRICS_JOURNAL_RECOVERED,
    METRICS_COUNTERS
};

/* What is open now. */
enum metrics_open { METRICS_CONNECTIONS = 0, METRICS_LISTENERS, METRICS_OPEN };

enum {
    /* Room for operation.h's channels, states and phases, and for router.h's routes. */
    METRICS_CHANNELS = 4,
    METRICS_STATES = 8,
    METRICS_PHASES = 10,
    METRICS_ROUTES = 48,
    /* Of HTTP: 1xx to 5xx. */
    METRICS_STATUSES = 5,
    METRICS_BUCKETS = 13,
};

/* Upper bounds of the buckets, milliseconds, rising; what is above all of them has a bucket, too. */
extern const int64_t metrics_bounds_ms[METRICS_BUCKETS];

struct metrics_histogram {
    /* Each value is in one bucket: the lowest whose bound is not below it. */
    uint64_t buckets[METRICS_BUCKETS + 1];
    uint64_t sum_ms;
};

/* What waits for the broker, as the link's thread saw it last. */
struct metrics_outbox {
    uint64_t rows, bytes, in_flight;
    /* When the oldest came, CLOCK_BOOTTIME; 0: none waits. */
    int64_t oldest_ms;
    /* Since the start. */
    uint64_t dropped, set_aside;
};

struct metrics_values {
    uint64_t counters[METRICS_COUNTERS];
    /* Ends, and the errors behind them. */
    uint64_t operations[METRICS_CHANNELS][METRICS_STATES];
    uint64_t errors[METRICS_CHANNELS][METRICS_STATES][ERROR_CODES];
    /* Of switches: operations whose ENABLE went out. */
    struct metrics_histogram phases[METRICS_PHASES];
    struct metrics_histogram switches[METRICS_STATES];
    struct metrics_histogram blackout;
    struct traffic traffic;
    struct metrics_outbox outbox;
    uint64_t http[METRICS_ROUTES][METRICS_STATUSES];
    /* HTTP connections, and those of them that listen to events. */
    int64_t open[METRICS_OPEN];
    bool journal_fails;
};

/* NULL: no memory. */
struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

void metrics_count(struct metrics *metrics, enum metrics_counter counter);
/* An operation has ended, or was refused at the door. What is outside of the table is not counted. */
void metrics_count_end(struct metrics *metrics, unsigned channel, unsigned state,
                       enum error_code code);
void metrics_add_phase(struct metrics *metrics, unsigned phase, int64_t ms);
void metrics_add_switch(struct metrics *metrics, unsigned state, int64_t ms);
void metrics_add_blackout(struct metrics *metrics, int64_t ms);
void metrics_count_http(struct metrics *metrics, unsigned route, unsigned status);
void metrics_add_open(struct metrics *metrics, enum metrics_open what, int by);
void metrics_set_traffic(struct metrics *metrics, const struct traffic *traffic);
void metrics_set_outbox(struct metrics *metrics, const struct metrics_outbox *outbox);
void metrics_set_journal_fails(struct metrics *metrics, bool fails);

/* All of it as of one moment; NULL: all zero. */
void metrics_copy(struct metrics *metrics, struct metrics_values *ret);
