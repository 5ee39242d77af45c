#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "api/events.h"

/* How far one listener has got with the events: a place in the ring, and nothing of its own that could
 * grow. Pure; http.c moves the bytes. */

enum { LISTENER_BEAT_MS = 15000, LISTENER_RETRY_MS = 3000, LISTENER_HEAD_MAX = 127 };

enum listener_part {
    /* LISTENER_BETWEEN: what it began is sent. */
    LISTENER_BETWEEN = 0,
    LISTENER_HEAD,
    LISTENER_EVENT,
    LISTENER_BEAT,
};

struct listener {
    const struct events *events;
    /* The first block, which no other listener gets. */
    char head[LISTENER_HEAD_MAX + 1];
    size_t head_len;
    /* What is being sent, and how much of it is. */
    enum listener_part part;
    size_t sent;
    /* Of the event that is or comes next. */
    int64_t number;
    /* A comment is due, so that both sides notice when the other is gone. */
    bool beats;
    /* No more than what is there. */
    bool ends;
};

enum {
    /* LISTENER_IDLE: nothing to send now. */
    LISTENER_IDLE = 0,
    /* LISTENER_OVER: all is sent, and it was told to end. */
    LISTENER_OVER = -1,
    /* LISTENER_LOST: it was so slow that what comes next is gone. */
    LISTENER_LOST = -2,
};

/* Keeps `events`. `last_event_id` NULL or "": what happens from now on; one that is not known: an event
 * `reset` first. */
void listener_init(struct listener *listener, const struct events *events,
                   const char *last_event_id);
/* Writes what comes next, at most `cap` (> 0) bytes; how many, or one of the above. */
ssize_t listener_fill(struct listener *listener, char *buffer, size_t cap);
/* There is something to write. */
bool listener_has_more(const struct listener *listener);
