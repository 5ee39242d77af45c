#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/clock.h"

/* The journal's own clock over restarts and reboots. Codec: no clock is read here. */

/* All clocks at one moment. */
struct journal_stamp {
    int64_t journal_ms;
    /* "" never equals another's. */
    char boot[CLOCK_BOOT_LEN + 1];
    int64_t boot_ms, utc_ms;
    bool is_set;
};

/* What the journal's clock shows at `now` (whose own `journal_ms` is not looked at) when it was last
 * seen at `last`. Within one boot CLOCK_BOOTTIME says how long that is; over a reboot the wall clock,
 * where it was set at both ends and says something between nothing and ten years; at the least it is
 * the time since the boot. */
int64_t journal_clock_go_on(const struct journal_stamp *last, const struct journal_stamp *now);
