#pragma once

#include <stdbool.h>

#include "agent/operation/plan.h"
#include "agent/state/render.h"

/* What a plan is made of, gathered from all who know it now: the same for every door. */

struct journal;
struct operations;
struct snapshot;

struct plan_sources {
    struct operations *operations;
    struct journal *journal;
    /* As of plan_facts; of the configuration. */
    const char *verify;
    bool rolls_back;
    render_label label;
    const void *label_ctx;
};

/* `target` is a row of the snapshot's list; *ret borrows from both. Asks the journal. Any thread. */
void plan_gather(const struct plan_sources *sources, const struct snapshot *now,
                 const struct profile *target, struct plan *ret);
