#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "ctl/options.h"
#include "ctl/outcome.h"

/* What each command of the table does. Answers go to `out`; what went wrong, and what to do about it,
 * to standard error. */

struct context {
    const struct options *options;
    /* Of the agent; resolved. */
    const char *socket;
    /* CLOCK_BOOTTIME: of all that the command asks, by --timeout or what a read may take. */
    int64_t deadline_ms;
    FILE *out;
    bool colour;
};

enum outcome command_eid(struct context *ctl);
enum outcome command_profiles(struct context *ctl);
enum outcome command_enable(struct context *ctl);
enum outcome command_plan(struct context *ctl);
enum outcome command_operations(struct context *ctl);
enum outcome command_cancel(struct context *ctl);
enum outcome command_confirm(struct context *ctl);
enum outcome command_watch(struct context *ctl);
enum outcome command_connectivity(struct context *ctl);
enum outcome command_lock(struct context *ctl);
enum outcome command_unlock(struct context *ctl);
enum outcome command_info(struct context *ctl);
enum outcome command_doctor(struct context *ctl);
enum outcome command_bundle(struct context *ctl);
