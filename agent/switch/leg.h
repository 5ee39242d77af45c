#pragma once

#include "agent/switch/run.h"

/* Gets a leg's ENABLE to the card and finds out what became of it: once for the target, after the
 * last look at whether it may go; for a roll-back as often as it takes. What was not answered clearly
 * is settled: all channels closed, then a list, and that decides. */

/* Writes run->enabled and run->enable_error, and for the target what decided it. ERROR_SHUTTING_DOWN:
 * the agent stops, and nothing is known or concluded; else ERROR_NONE. */
MUST_CHECK struct error leg_enable(struct run *run);
/* The fleet hears that a switch runs, and until when at the latest; waits for that for 2 s at most. */
void leg_tell_switching(const struct run *run);
/* After a restart: what the card says now of the leg that was interrupted, as leg_enable(). */
MUST_CHECK struct error leg_find(struct run *run);
