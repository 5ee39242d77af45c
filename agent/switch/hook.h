#pragma once

#include "agent/switch/run.h"

/* switch.hooks: other programs on the gateway (a dialler, NetworkManager) are told of a switch, with
 * the operation as JSON on their standard input. A program that was told and whose answer is not on
 * disk is told again after a restart. */

/* Right before ENABLE. ERROR_INTERRUPTED: it failed, so ENABLE must not go out; ERROR_SHUTTING_DOWN. */
MUST_CHECK struct error hook_before(struct run *run);
/* The target is attached: data may be asked for, and the proof of the switch with it. */
void hook_after(struct run *run);
/* Back on a profile from before; also where `before` was told and nothing was sent after all. */
void hook_undo(struct run *run);
