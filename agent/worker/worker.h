#pragma once

#include "agent/base/error.h"

/* The one thread that owns the modem: it reads the card for all who ask, runs the operations, takes
 * the readings and keeps the snapshot true. One poll() over its queue, the port and its deadlines,
 * also while an AT command is under way. */

struct bus;
struct config;
struct operations;
struct reads;
struct state;
struct worker;

/* Keeps all of them, and makes itself the one that `operations` and `reads` wake. NULL: no memory
 * or no descriptor. */
struct worker *worker_new(const struct config *config, struct state *state, struct reads *reads,
                          struct operations *operations, struct bus *bus);
MUST_CHECK struct error worker_start(struct worker *worker);
/* Takes over what a reload may change (telemetry.sample_s, from the next reading on); borrows
 * `config`. Any thread. */
void worker_reload(struct worker *worker, const struct config *config);
/* Ends the thread: what is on the wire gets at most 4 s, the card's channel is closed, a running
 * operation is marked, all readers are answered ERROR_SHUTTING_DOWN. */
void worker_stop(struct worker *worker);
void worker_free(struct worker *worker);
