#pragma once

#include "agent/state/bus.h"
#include "agent/state/render.h"

/* What is known of a profile beside the card's list: what the configuration calls it, and what earlier
 * switches say of it, kept in memory: the journal is asked once for a profile after each end of an
 * operation, not for each reader. One for each door. */

struct journal;
struct proofs;

/* Keeps `journal` and `ctx`, which `label` (may be NULL) gets. NULL: no memory. */
struct proofs *proofs_new(struct journal *journal, render_label label, const void *ctx);
void proofs_free(struct proofs *proofs);
/* What the bus tells, for its door's listener: a switch that has ended, or what the disk takes late, makes
 * what is kept old. Any thread. */
void proofs_on_bus(struct proofs *proofs, enum bus_event event, const void *data);
/* Another one: what proofs_find() gave may be old. Any thread. */
unsigned proofs_version(struct proofs *proofs);
/* A render_find, whose context is the struct proofs. Only one thread. */
struct render_facts proofs_find(void *proofs, const struct iccid *iccid);
