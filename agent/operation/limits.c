#include "agent/operation/limits.h"

#include <stddef.h>

#include "agent/base/macros.h"

enum { HOUR_MS = 3600 * 1000, DAY_MS = 24 * HOUR_MS };

int64_t limits_wait_ms(const struct operations_limits *limits, limits_age age_of, void *ctx)
{
    const struct {
        int64_t count, window_ms;
    } rules[] = {
        { 1, limits->min_interval_ms },
        { limits->max_per_hour, HOUR_MS },
        { limits->max_per_day, DAY_MS },
    };
    int64_t longest_ms = 0;

    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        int64_t age_ms;

        if (rules[i].count > 0 && age_of(ctx, rules[i].count, &age_ms) &&
            rules[i].window_ms - age_ms > longest_ms)
            longest_ms = rules[i].window_ms - age_ms;
    }
    return longest_ms;
}
