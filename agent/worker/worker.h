#pragma once

#include "agent/base/error.h"

/* The one thread that owns the modem: it reads the card for all who ask, runs the operations, takes
 * the readings and keeps the snapshot true. One poll() over its queue, the port and its deadlines,
 * also while an AT command is under way. */

struct broker;
struct bus;
struct config;
struct journal;
struct metrics;
struct operations;
struct reads;
struct samples;
struct state;
struct worker;

struct worker_parts {
    const struct config *config;
    struct state *state;
    struct reads *reads;
    struct operations *operations;
    struct journal *journal;
    struct broker *broker;
    struct bus *bus;
    struct samples *samples;
    struct metrics *metrics; /* may be NULL */
};

/* Keeps all of the parts, and makes itself the one that `operations`, `reads` and `broker` wake. NULL:
 * no memory or no descriptor. */
struct worker *worker_new(const struct worker_parts *parts);
MUST_CHECK struct error worker_start(struct worker *worker);
/* Takes `config`: its limits of switches are in force at once, its telemetry and probes once no switch
 * runs. Any thread. */
void worker_reload(struct worker *worker, struct config *config);
/* Ends the thread: what is on the wire gets at most 4 s, the card's channel is closed, an operation that
 * waits or runs stays so in the journal and goes on at the next start, all readers are answered
 * ERROR_SHUTTING_DOWN. */
void worker_stop(struct worker *worker);
void worker_free(struct worker *worker);
