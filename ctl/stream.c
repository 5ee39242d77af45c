#include "ctl/stream.h"

#include <stdio.h>

#include "agent/base/id.h"

static const char media[] = "text/event-stream";

/* The agent sends a comment every 15 s. */
enum { IDLE_MS = 45000, RETRY_DEFAULT_MS = 3000, PAUSE_MAX_MS = 30000, DOUBLINGS_MAX = 4 };

void stream_init(struct stream *stream, void (*tell)(const struct sse_event *event, void *ctx),
                 void *ctx)
{
    *stream = (struct stream){ .open = false };
    sse_init(&stream->sse, tell, ctx);
}

void stream_done(struct stream *stream)
{
    sse_done(&stream->sse);
}

struct running {
    struct stream *stream;
    bool (*on_tick)(void *ctx);
};

static bool take(const char *bytes, size_t len, void *ctx)
{
    struct stream *stream = ((struct running *)ctx)->stream;

    stream->open = true;
    stream->failures = 0;
    return sse_take(&stream->sse, bytes, len) && !stream->enough;
}

static bool tick(void *ctx)
{
    const struct running *r = ctx;

    return r->on_tick(r->stream->sse.ctx);
}

enum client_result stream_run(struct stream *stream, const char *socket, int64_t deadline_ms,
                              bool (*on_tick)(void *ctx), struct client_answer *ret)
{
    struct running running = { .stream = stream, .on_tick = on_tick };
    char resume[SSE_ID_MAX + 32];
    const char *headers[] = { "Accept: text/event-stream", NULL, NULL };
    const struct client_call call = {
        .method = "GET",
        .path = "/v1/events",
        .headers = headers,
        .deadline_ms = deadline_ms,
        .idle_ms = IDLE_MS,
        .on_data = take,
        .data_type = media,
        .on_tick = on_tick ? tick : NULL,
        .ctx = &running,
    };

    stream->open = false;
    stream->failures++;
    sse_restart(&stream->sse);
    if (stream->sse.last_id[0]) {
        (void)snprintf(resume, sizeof resume, "Last-Event-ID: %s", stream->sse.last_id);
        headers[1] = resume;
    }
    return client_ask(socket, &call, ret);
}

bool stream_is(enum client_result result, const struct client_answer *answer)
{
    return result == CLIENT_OK && answer->status == 200 && client_is_type(answer->type, media);
}

int64_t stream_pause_ms(const struct stream *stream)
{
    unsigned doublings = stream->failures < DOUBLINGS_MAX ? stream->failures : DOUBLINGS_MAX;
    int64_t most = stream->sse.retry_ms >= 0 ? stream->sse.retry_ms : RETRY_DEFAULT_MS;

    most <<= doublings;
    most = most < PAUSE_MAX_MS ? most : PAUSE_MAX_MS;
    return most / 4 + id_random_below((uint32_t)(most - most / 4 + 1));
}
