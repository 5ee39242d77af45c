#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/operation/journal.h"

/* What earlier switches to one profile say about the next one. Pure; plain values. */

/* More results than that say nothing new. */
enum { HISTORY_MAX = 100 };

struct history {
    size_t count, failed;
    /* One succeeded. The last time that it did by a clock that was set; 0: not known. */
    bool has_proven;
    int64_t proven_utc_ms;
    /* How long those took that succeeded: the middle one (of two, their mean), and the one that 95 of
     * 100 did not exceed. Set with `has_proven`. */
    int64_t median_ms, p95_ms;
    /* Of the newest, where it failed; ERROR_NONE: it succeeded, or there was none. */
    enum error_code last_error;
};

/* `results` newest first, as journal_results() gives them; at most HISTORY_MAX are looked at. */
void history_from_results(const struct journal_result *results, size_t count, struct history *ret);
