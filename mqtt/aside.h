#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "mqtt/quiet.h"

/* Which of the messages that the broker refused are told of, so that a broker which refuses much makes
 * no storm. Pure: time is given. */

struct outbox_aside;

enum { ASIDE_REASONS = 0x100 };

/* Zero: nothing was told yet. */
struct aside {
    struct quiet log;
    int64_t next_ms[ASIDE_REASONS]; /* when the cause is told again */
};

/* True: event `journal` tells of it, which is counted. One cause is told once an hour; that the telling
 * itself is refused, not at all, nor is a response, which went where a sender wanted it. `journal` is
 * that event's topic. */
bool aside_is_told(struct aside *aside, const struct outbox_aside *message, const char *journal,
                   int64_t now_ms);
