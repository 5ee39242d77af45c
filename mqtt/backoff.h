#pragma once

#include <stdbool.h>
#include <stdint.h>

/* When to try to connect again: full jitter, so that a fleet that lost one broker does not return
 * as one wave. Before try n (from 0) the wait is anything in [0, min(max, min * 2^n)]. Pure: time
 * and chance are given. */

enum {
    /* A connection that held for this long starts the back-off over. */
    BACKOFF_HELD_MS = 60000,
    /* When registration has returned: the next try comes within this. */
    BACKOFF_SOON_MS = 2000,
    /* While a switch hangs on it: the longest wait, and the one of what waiting does not cure. */
    BACKOFF_HURRIED_MS = 4000,
    BACKOFF_HURRIED_REFUSED_MS = 16000,
};

struct backoff {
    int64_t min_ms, max_ms;
    unsigned tries;
};

struct backoff backoff_make(int64_t min_ms, int64_t max_ms);
/* The ceiling of the wait before the next try. */
int64_t backoff_ceiling_ms(const struct backoff *b);
/* The wait before the next try, which it counts. `chance` is evenly in [0, 2^32). */
int64_t backoff_next_ms(struct backoff *b, uint32_t chance);
/* For what waiting does not cure (bad credentials): in the upper half of the longest wait. */
int64_t backoff_longest_ms(struct backoff *b, uint32_t chance);
/* While a switch hangs on it: in the upper half of the longest wait of that; not counted. */
int64_t backoff_hurried_ms(bool refused, uint32_t chance);
/* A connection ended that had held for `held_ms`. */
void backoff_ended(struct backoff *b, int64_t held_ms);
