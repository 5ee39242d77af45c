#pragma once

#include <stdint.h>

#include "agent/base/error.h"
#include "api/call.h"

/* What each call answers. It never waits: what is not there yet comes back as something to wait
 * for. */

struct broker;
struct config;
struct journal;
struct metrics;
struct operations;
struct proofs;
struct reads;
struct samples;
struct state;

/* All are kept. */
struct routes {
    const struct config *config;
    struct broker *broker;
    struct state *state;
    struct operations *operations;
    struct journal *journal;
    struct proofs *proofs;
    struct samples *samples;
    struct reads *reads;
    struct metrics *metrics; /* may be NULL */
    /* When the process began: CLOCK_BOOTTIME, and the wall clock. */
    int64_t started_ms, started_utc_ms;
};

/* Whether it may come in: what stands against it, whatever is asked for; ERROR_NONE is nothing. */
MUST_CHECK enum error_code routes_check(const struct call *call);
/* Begins, or goes on after what `call` waited for is there (or its time is over). `ret` is set in
 * any case. */
void routes_answer(const struct routes *routes, struct call *call, struct answer *ret);
