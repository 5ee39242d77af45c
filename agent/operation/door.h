#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/operation/operation.h"
#include "agent/state/snapshot.h"

/* What a door has to find out of a request, from values alone; operations.h puts it in order. */

/* One that came again under the same key. REST compares path and body as they were parsed; MQTT
 * leaves out what only says why and until when, since a sender that asks again may say that
 * differently. */
bool door_is_same(const struct operation_request *a, const struct operation_request *b);
/* Neither lock nor limits hold it back. */
bool door_is_free(const struct operation_request *request);
/* If-Match (its text or NULL) and expect_enabled. ERROR_PRECONDITION_FAILED. */
MUST_CHECK struct error door_check_preconditions(const struct operation_request *request,
                                                 const char *if_match, const struct snapshot *now);

/* A new one, accepted; over at the latest `budget_ms` after its time to begin. */
struct operation door_begin(const struct operation_request *request, int64_t budget_ms);
/* It wants what is in use: succeeded at once, and no command to the card. */
void door_end_unchanged(struct operation *op, const struct profile *enabled,
                        const struct snapshot *now);
/* It ends as it came. */
void door_reject(struct operation *op, const struct problem *problem);
/* One that leaves nothing: rejected, without a rev. */
struct operation door_refused(const struct operation_request *request,
                              const struct problem *problem);
