#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/error.h"
#include "agent/base/iccid.h"

/* The APN that a profile wants (profiles.<iccid> in the configuration), and what stood in the modem's
 * context before the agent wrote there: that is kept in the journal, by the ICCID of the profile that
 * had it, and whoever returns to a profile without an `apn` of its own gets it back. A context that was
 * never touched is never touched. */

struct config;
struct journal;
struct modem;

struct context_tools {
    const struct config *config;
    struct journal *journal;
    struct modem *modem;
};

/* The modem works with `now`; `before` (NULL: not known) is the profile whose context may stand there
 * still. `keep`: what was kept of `before` is newer than what stands there now, and stays. Compares,
 * writes what differs and attaches anew, at most until `deadline_ms`. `*ret_changed` is set also on
 * failure. ERROR_STORAGE_FULL: what stands there could not be kept, so nothing was written. Else the
 * modem's errors, and ERROR_INTERNAL of the password's file. */
MUST_CHECK struct error context_apply(const struct context_tools *tools, const struct iccid *now,
                                      const struct iccid *before, bool keep, int64_t deadline_ms,
                                      bool *ret_changed);
