#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ctl/client.h"
#include "ctl/sse.h"

/* One connection to /v1/events, and what the next one needs to know. */

struct stream {
    struct sse sse;
    /* The agent has begun to answer. */
    bool open;
    /* Set by who listens: the connection is to end. */
    bool enough;
    /* Connections that ended without an event, in a row. */
    unsigned failures;
};

/* Keeps `ctx`. */
void stream_init(struct stream *stream, void (*tell)(const struct sse_event *event, void *ctx),
                 void *ctx);
void stream_done(struct stream *stream);
/* Events are told until the connection ends or `on_tick` (may be NULL; gets tell's ctx) wants no more. Goes
 * on behind the last event of the connection before. What is no stream is in *ret (client_done()). */
enum client_result stream_run(struct stream *stream, const char *socket, int64_t deadline_ms,
                              bool (*on_tick)(void *ctx), struct client_answer *ret);
/* Whether what stream_run() brought was a stream, ended by who sent it. */
bool stream_is(enum client_result result, const struct client_answer *answer);
/* How long to wait before the next one: as the agent wants it, longer after failures, jittered. */
int64_t stream_pause_ms(const struct stream *stream);
