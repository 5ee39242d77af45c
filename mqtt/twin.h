#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/connectivity.h"

/* Which readings of the network are worth their bytes. Pure: time is given. */

/* How far a level has to move to be worth telling. */
enum { TWIN_STEP_DB = 6 };

/* What a reading has to tell; a set. */
enum twin_news {
    TWIN_NOTHING = 0,
    /* Another registration (or cause of a denial), technology, operator, attachment, addresses, ICCID or
     * IMSI. */
    TWIN_STATE = 1 << 0,
    /* Loss came to 20 % or to all, or back. */
    TWIN_LOSS = 1 << 1,
    /* A level moved by TWIN_STEP_DB, or was not known before. */
    TWIN_LEVELS = 1 << 2,
};

/* `now` against what was told last. */
unsigned twin_news_of(const struct connectivity *told, const struct connectivity *now);

/* What swings between two values is news each time, so each kind has so many tokens, and gets one more
 * after a time. Zero: nothing was told yet. */
struct twin_pace {
    struct twin_tokens {
        /* When all are there again. */
        int64_t full_ms;
        /* The earliest next. */
        int64_t next_ms;
    } state, loss, levels;
};

/* True: what is new may be told now, and that is counted. */
bool twin_may_tell(struct twin_pace *pace, unsigned news, int64_t now_ms);
