#pragma once

#include "agent/base/iccid.h"
#include "agent/operation/history.h"

/* What earlier switches say of each profile, kept in memory: the journal is asked once for a profile
 * after each end of an operation, not for each GET. */

struct journal;
struct proofs;

/* Keeps `journal`. NULL: no memory. */
struct proofs *proofs_new(struct journal *journal);
void proofs_free(struct proofs *proofs);
/* A switch has ended: what is kept is old. Any thread. */
void proofs_forget(struct proofs *proofs);
/* Only one thread. */
void proofs_find(struct proofs *proofs, const struct iccid *iccid, struct history *ret);
