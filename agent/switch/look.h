#pragma once

#include "agent/switch/run.h"

/* What a switch sees: the modem before an ENABLE, and at each look after it. Only reads. */

/* What the modem says before the leg's ENABLE: only a change from it proves anything afterwards. For
 * the target's leg also what the profile before has, for the case of a roll-back. */
void look_before(struct run *run);
/* The proof that the switch has to end with (switch.verify). */
enum verified look_wanted(const struct run *run);
/* Right before the target's ENABLE: from here on no data may flow. */
void look_note_end_of_data(struct run *run);
/* One look, for the phase that the saga is in. */
struct saga_seen look_now(struct run *run);
