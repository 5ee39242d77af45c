#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/state/samples.h"

/* Samples as the columns of one message (P/m/connectivity). Pure: time is given.
 *
 * {"at","samples", what describes the state, "offset_s":[…], what was measured…}
 *
 * `at` is the first row's moment and `offset_s` the whole seconds of each row from it, rising (two rows
 * within one second are told as one apart). What was measured is an array as long, null where a row
 * does not know it. What describes the state is one value where all rows have it, else such an array. A
 * column that no row knows is absent. Bytes are those since the row before. */

enum {
    BATCH_ROWS = 32,
    /* Bytes of the text at most. */
    BATCH_MAX = 500,
    /* Rows that are enough while nothing happens: no state changes, and no level moves by 6 dB. */
    BATCH_QUIET_ROWS = 6,
    /* Of up to so many samples none goes for that: whoever has so few a batch wants to see them. */
    BATCH_WHOLE_ROWS = 16,
};

/* `count` rows (1 to BATCH_ROWS, oldest first) of the `taken` that there were in their time. Where they
 * do not fit, and of more than BATCH_WHOLE_ROWS
 * also those beyond BATCH_QUIET_ROWS in which nothing happens, the ones that say least
 * are left out: the first and the last stay, one where the state changes goes last of all, of the
 * others first the one whose levels differ least from the row kept before it; its bytes are added to
 * the next row's. Where two rows do not fit either, measured columns
 * go, those of least worth first. Gives the text (free); NULL: no memory. */
char *batch_to_text(const struct sample *rows, size_t count, int64_t taken, bool clock_is_set);
