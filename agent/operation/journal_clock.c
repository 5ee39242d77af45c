#include "agent/operation/journal_clock.h"

#include <string.h>

#define YEARS_10_MS (INT64_C(3653) * 24 * 3600 * 1000)
/* No clock of ours gets there; a sum of two of these does not overflow. */
#define CLOCK_MOST_MS (INT64_C(1) << 60)

static int64_t within(int64_t ms)
{
    return ms < 0 ? 0 : ms > CLOCK_MOST_MS ? CLOCK_MOST_MS : ms;
}

static bool wall_clock_tells(const struct journal_stamp *last, const struct journal_stamp *now)
{
    return last->is_set && now->is_set && now->utc_ms >= last->utc_ms &&
           within(now->utc_ms) - within(last->utc_ms) <= YEARS_10_MS;
}

int64_t journal_clock_go_on(const struct journal_stamp *last, const struct journal_stamp *now)
{
    int64_t uptime = within(now->boot_ms);
    int64_t passed = uptime;

    if (last->boot[0] && strcmp(last->boot, now->boot) == 0)
        passed = within(uptime - within(last->boot_ms));
    else if (wall_clock_tells(last, now) && within(now->utc_ms) - within(last->utc_ms) > uptime)
        passed = within(now->utc_ms) - within(last->utc_ms);
    return within(last->journal_ms) + passed;
}
