#pragma once

#include <stdbool.h>
#include <stdint.h>

/* How many switches may be, across all who ask: it spares the card and the network. Policy: pure. */

/* k in a window; 0 or less: no such limit. */
struct operations_limits {
    int64_t min_interval_ms; /* one in it */
    int64_t max_per_hour, max_per_day;
};

/* The age of the `nth` (from 1) newest switch; false: there are fewer. */
typedef bool (*limits_age)(void *ctx, int64_t nth, int64_t *ret_age_ms);

/* How long until all of them let one more through: a limit of k is reached while the k-th newest is
 * younger than its window. 0: now. */
int64_t limits_wait_ms(const struct operations_limits *limits, limits_age age_of, void *ctx);
