#pragma once

#include "agent/base/error.h"
#include "agent/operation/operation.h"

/* An operation as the journal keeps it: all of it, as JSON text (the contract's JSON leaves out what
 * is nobody's business). Codec: the moments that hang on a boot are moved into this one's
 * CLOCK_BOOTTIME by what is given. */

/* Gives (free); NULL: no memory. */
char *store_to_text(const struct operation *op);

struct store_now {
    /* The text was written in the boot that runs now: its CLOCK_BOOTTIME moments hold. */
    bool same_boot;
    bool clock_is_set;
    int64_t now_ms, utc_ms;
};

/* After a reboot an operation that waits keeps its time only when both clocks were set, else it is
 * over (`expires_ms` = now); a phase that was running begins now. ERROR_INTERNAL: not what
 * store_to_text() wrote; *ret is as before. */
MUST_CHECK struct error store_from_text(const char *text, const struct store_now *now,
                                        struct operation *ret);
