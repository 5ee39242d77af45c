#pragma once

#include "tests/unit/switch_world.h"

/* One switch a row: what the world does, and what has to come of it. */

/* END_SAME: failed, and nothing has changed; END_STAYS: failed, and not gone back; END_OPEN: the
 * agent stopped, and the next one goes on. */
enum ends {
    END_WELL = 0,
    END_SAME,
    END_STAYS,
    END_BACK,
    END_STRANDED,
    END_OVERTAKEN,
    END_OPEN,
    END_CANCELED,
    END_EXPIRED
};

struct row {
    const char *what;
    struct script script;
    enum ends ends;
    enum error_code code;
    /* `now` in the result: 'A', 'B', 'C'; 0: no result at all. Not known: '?', and 'a' where nothing
     * has changed after all. */
    char now;
    enum verified verified;
    const char *trace;
};

void row_check_all(const struct row *rows, size_t count);
