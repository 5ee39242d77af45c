#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/buffer.h"

/* A stream of server-sent events (WHATWG HTML, "Event stream interpretation"), in whatever pieces it
 * comes. Pure: bytes in, events out. */

enum { SSE_LINE_MAX = 1024 * 1024, SSE_NAME_MAX = 63, SSE_ID_MAX = 127 };

/* Borrowed until the call returns. */
struct sse_event {
    /* "message" where the stream names none. */
    const char *name;
    /* The last id that the stream gave; "" none. */
    const char *id;
    const char *data;
};

struct sse {
    void (*tell)(const struct sse_event *event, void *ctx);
    void *ctx;
    struct buffer line, data;
    bool has_data, after_cr, broken;
    /* How much of a byte order mark at the front has come. */
    unsigned mark;
    char name[SSE_NAME_MAX + 1];
    /* Of the block that comes in; `last_id` is of the blocks that ended. */
    char id[SSE_ID_MAX + 1];
    char last_id[SSE_ID_MAX + 1];
    /* How long to wait before the next connection, as the stream wants it; -1: it said nothing. */
    int64_t retry_ms;
};

/* Keeps `ctx`. */
void sse_init(struct sse *sse, void (*tell)(const struct sse_event *event, void *ctx), void *ctx);
void sse_done(struct sse *sse);
/* For the next connection: what was half there is gone, `last_id` and `retry_ms` stay. */
void sse_restart(struct sse *sse);
/* False, now and from then on: a line or an event over SSE_LINE_MAX, or no memory. */
bool sse_take(struct sse *sse, const char *bytes, size_t len);
