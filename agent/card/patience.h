#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/error.h"

/* How long a job bears with a busy card: pauses that double, for a bounded time in all. The card and
 * its modem serve this one agent, so there is nobody whom jitter would keep apart. */

enum { PATIENCE_MS = 10000, PATIENCE_PAUSE_MIN_MS = 200, PATIENCE_PAUSE_MAX_MS = 2000 };

struct patience {
    /* CLOCK_BOOTTIME, and a wait that returns false when the agent stops. Kept. */
    int64_t (*now_ms)(void *ctx);
    bool (*pause)(void *ctx, int64_t until_ms);
    void *ctx;
    /* Zero until the first wait. */
    int64_t until_ms, pause_ms;
};

/* All of it anew. */
void patience_renew(struct patience *p);
int64_t patience_deadline_ms(const struct patience *p, int64_t timeout_ms);
/* Waits, then ERROR_NONE: try again. `why` when the time is used up; ERROR_SHUTTING_DOWN. */
MUST_CHECK struct error patience_wait(struct patience *p, struct error why);
