#pragma once

/* Counts operations, switches and what happens to the journal, from what the bus tells: an operation
 * once, when it ends, with all that its phases hold, also of before a restart. What is told again is
 * not counted again. */

struct bus;
struct metrics;

/* Keeps `metrics`; before the first thread. */
void tally_listen(struct metrics *metrics, struct bus *bus);
