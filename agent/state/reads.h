#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/base/error.h"

/* Where readers of the card and the network wait for what the snapshot lacks. The doors ask, the
 * worker reads once for all who wait and answers; between them is this bounded list. */

struct reads;

/* What a reader wants; a set. */
enum read_want { READ_EID = 1, READ_PROFILES = 2, READ_CONNECTIVITY = 4 };

enum { READS_MAX = 2048, READS_WAIT_MS = 30000 };

/* Called exactly once for each accepted reads_ask(), on the worker's thread (or on the one that
 * calls reads_close()), with no lock held: code ERROR_NONE means that the snapshot has it now. It
 * only posts. */
typedef void (*reads_done)(void *ctx, const struct error *error);

/* NULL: no memory. */
struct reads *reads_new(void);
/* Nobody may wait any more. */
void reads_free(struct reads *reads);
/* `wake` (borrowed context) tells the worker that someone waits; before the first thread. */
void reads_set_wake(struct reads *reads, void (*wake)(void *ctx), void *ctx);

/* --- the doors' side: any thread, never waits --- */

/* Joins the read of `wants` that waits or runs, else begins one. Answered within READS_WAIT_MS
 * (ERROR_MODEM_TIMEOUT), or at once when the modem is not ready (ERROR_MODEM_ABSENT,
 * ERROR_SIM_LOCKED, ERROR_APPLET_ABSENT …) or a switch runs and the snapshot has what is wanted.
 * An error here (ERROR_QUEUE_FULL, ERROR_SHUTTING_DOWN): `done` is not called. */
MUST_CHECK struct error reads_ask(struct reads *reads, unsigned wants, reads_done done, void *ctx);

struct reads_counts {
    /* Who waits now. */
    size_t waiting;
    /* Who came since the start and was answered or turned away, by how that ended; ERROR_NONE: served. */
    uint64_t answered[ERROR_CODES];
};
void reads_get_counts(struct reads *reads, struct reads_counts *ret);

/* --- the worker's side --- */

/* What is wanted by those who wait; 0: nobody. */
unsigned reads_wanted(struct reads *reads);
/* When the first of them has waited READS_WAIT_MS; CLOCK_NEVER: nobody waits. */
int64_t reads_deadline_ms(struct reads *reads);
/* Answers, by `error`, everyone of whose wants nothing is left after `had`; with an error, everyone
 * who wants any of `had`. */
void reads_answer(struct reads *reads, unsigned had, const struct error *error);
/* Answers those whose time is over with ERROR_MODEM_TIMEOUT. */
void reads_expire(struct reads *reads, int64_t now_ms);
/* From now on ERROR_SHUTTING_DOWN; all who wait get it too. */
void reads_close(struct reads *reads);
