#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/operation/operation.h"

/* A page of operations, newest first, and one that is kept elsewhere. Each gives the new number of
 * rows; pure. */

bool page_has(const struct operation *rows, size_t count, const char *id);
/* The row with its id, which is there. */
size_t page_replace(struct operation *rows, size_t count, const struct operation *op);
/* The row `id`, which is there. */
size_t page_remove(struct operation *rows, size_t count, const char *id);
/* Where it belongs by its id, since those rise with time; what has no room any more falls off the end. */
size_t page_insert(struct operation *rows, size_t count, size_t cap, const struct operation *op);
