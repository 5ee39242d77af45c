#pragma once

#include "config/config.h"

/* Keys that the agent knows and checks, and that have no effect in this version. A row of the table
 * leaves with the commit that gives its key an effect. */

/* Calls `tell` once a key that is set to other than its default and has no effect: its path, and what
 * happens instead. Nothing where memory ran out. */
void config_pending_each(const struct config *config,
                         void (*tell)(const char *path, const char *instead, void *arg), void *arg);
