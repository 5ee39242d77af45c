#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The connections of one door, by when each did something last: says whom to end when one takes too
 * long, or when there are too many. Pure: it ends nobody and knows no sockets. */

struct connections_link {
    struct connections_link *next, *before;
    /* Whose it is; the caller's. */
    void *owner;
    int64_t deadline_ms;
    bool is_held, is_ended;
};

/* All zero but for the limit: nobody is there. */
struct connections {
    struct connections_link *oldest, *newest;
    /* Of those that are not ended. */
    size_t count;
    size_t max;
    /* No deadline of a link is earlier. */
    int64_t sweep_ms;
};

void connections_init(struct connections *all, size_t max);
/* Keeps `link` until it is removed; `owner` is only passed on. */
void connections_add(struct connections *all, struct connections_link *link, void *owner,
                     int64_t deadline_ms);
void connections_remove(struct connections *all, struct connections_link *link);
/* It has done something, and has to do the next thing by then. */
void connections_touch(struct connections *all, struct connections_link *link, int64_t deadline_ms);
/* It waits for us, until it is touched: it is not late, and is not ended to make room. */
void connections_hold(struct connections *all, struct connections_link *link);

/* One to be ended now, as its deadline is over, or as there are more than `max` and it has been quiet
 * the longest; counts as ended from now on. NULL: nobody. */
struct connections_link *connections_end_one(struct connections *all, int64_t now_ms);
/* When to look again; CLOCK_NEVER: when somebody comes. */
int64_t connections_deadline_ms(const struct connections *all);
