#pragma once

#include <cjson/cJSON.h>

#include "ctl/commands.h"

/* Follows an operation to its end: by events, and by asking again and again where they are not to be
 * had. Shows its phases: on a terminal the running one lives. */

/* Takes `operation`, the last that is known of it. With --json the operation is printed as it was last
 * known, else how it ended. OUTCOME_FAILED: it did not succeed; OUTCOME_INTERRUPTED, OUTCOME_TIMEOUT,
 * OUTCOME_UNREACHABLE: it goes on without us, which is told. */
enum outcome follow_to_the_end(struct context *ctl, cJSON *operation);
/* Whether it has ended. */
bool follow_is_over(const cJSON *operation);
