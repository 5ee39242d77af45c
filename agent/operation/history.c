#include "agent/operation/history.h"

#include <stdlib.h>

#include "agent/base/clock.h"

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static int64_t median(const int64_t *sorted, size_t count)
{
    const int64_t low = sorted[(count - 1) / 2], high = sorted[count / 2];

    return low + (high - low) / 2;
}

/* By nearest rank: one that really happened. */
static int64_t percentile_95(const int64_t *sorted, size_t count)
{
    return sorted[(95 * count + 99) / 100 - 1];
}

void history_from_results(const struct journal_result *results, size_t count, struct history *ret)
{
    int64_t took[HISTORY_MAX];
    size_t n = 0;

    *ret = (struct history){ .count = count < HISTORY_MAX ? count : HISTORY_MAX };
    for (size_t i = 0; i < ret->count; i++) {
        if (results[i].code)
            continue;
        if (ret->proven_utc_ms == 0 && clock_was_set(results[i].at_utc_ms))
            ret->proven_utc_ms = results[i].at_utc_ms;
        took[n++] = results[i].ms;
    }
    ret->failed = ret->count - n;
    ret->has_proven = n > 0;
    ret->last_error = ret->count > 0 ? results[0].code : ERROR_NONE;
    if (n == 0)
        return;
    qsort(took, n, sizeof took[0], compare);
    ret->median_ms = median(took, n);
    ret->p95_ms = percentile_95(took, n);
}
