#pragma once

#include <stdbool.h>

#include "agent/operation/letter.h"
#include "agent/operation/operation.h"

/* What the fleet is told of an operation, as letters: its status, where it came over MQTT, and the
 * event `switch` when it has ended, whoever began it. Pure. */

/* Adds them; `base` is P, `again` as of operations.h. How it ended is kept on disk; how far it is will
 * be told anew after a restart. */
void scribe_write(const char *base, const struct operation *op, bool again, struct letters *ret);
