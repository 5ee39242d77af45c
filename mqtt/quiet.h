#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Keeps what a peer can provoke at will from filling the log: one line a minute for each cause, and
 * with it how many went unsaid. */

enum { QUIET_MS = 60000 };

struct quiet {
    /* How often in all. */
    int64_t count;
    int64_t unsaid;
    int64_t next_ms;
};

/* Counts one. True: say it, and that `*ret_unsaid` before it were not. */
bool quiet_lets(struct quiet *q, int64_t now_ms, int64_t *ret_unsaid);
