#pragma once

#include <stdint.h>

#include "agent/base/error.h"

/* The one thread that owns the modem: it reads the card for all who ask, runs the operations, takes
 * the readings and keeps the snapshot true. One poll() over its queue, the port and its deadlines,
 * also while an AT command is under way. */

struct bus;
struct config;
struct operations;
struct state;
struct worker;

/* What a reader wants; a set. */
enum worker_want { WORKER_EID = 1, WORKER_PROFILES = 2, WORKER_CONNECTIVITY = 4 };

enum { WORKER_READERS_MAX = 2048, WORKER_READ_MS = 30000 };

/* Called once for each accepted worker_read(), on the worker's thread with no lock held (or on the
 * caller's, inside worker_stop()): `error` code ERROR_NONE means that the snapshot has it now. It
 * only posts. */
typedef void (*worker_done)(void *ctx, const struct error *error);

/* Keeps all of them. NULL: no memory or no descriptor. */
struct worker *worker_new(const struct config *config, struct state *state,
                          struct operations *operations, struct bus *bus);
MUST_CHECK struct error worker_start(struct worker *worker);

/* Joins the read of `wants` that waits or runs; else begins one. Answered
 * within WORKER_READ_MS (ERROR_MODEM_TIMEOUT). Any thread, never waits. ERROR_QUEUE_FULL,
 * ERROR_SHUTTING_DOWN, or what keeps the modem from being ready (ERROR_MODEM_ABSENT,
 * ERROR_SIM_LOCKED, ERROR_APPLET_ABSENT …): `done` is then not called. During a switch nothing is
 * read: `done` is called at once when the snapshot has what is wanted. */
MUST_CHECK struct error worker_read(struct worker *worker, unsigned wants, worker_done done,
                                    void *ctx);

/* An operation waits. Any thread. */
void worker_wake(void *worker);

/* Ends the thread: what is on the wire gets at most 4 s, the card's channel is closed, a running
 * operation is marked, all readers are answered ERROR_SHUTTING_DOWN. */
void worker_stop(struct worker *worker);
void worker_free(struct worker *worker);
