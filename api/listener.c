#include "api/listener.h"

#include <stdio.h>
#include <string.h>

static const char beat[] = ":\n\n";

/* The id of the first block is where it begins: who loses the line before anything has happened can
 * resume all the same. */
static void write_head(struct listener *listener, bool known)
{
    char id[EVENT_ID_MAX + 1];

    events_id(listener->events, listener->number - 1, id);
    listener->head_len = (size_t)snprintf(listener->head, sizeof listener->head,
                                          known ? ": events of lpm-agent\nretry: %d\nid: %s\n\n"
                                                : "retry: %d\nevent: reset\nid: %s\ndata: {}\n\n",
                                          LISTENER_RETRY_MS, id);
}

void listener_init(struct listener *listener, const struct events *events,
                   const char *last_event_id)
{
    int64_t last = events_newest(events);
    bool known = !last_event_id || !last_event_id[0] || events_resume(events, last_event_id, &last);

    *listener = (struct listener){ .events = events, .number = last + 1, .part = LISTENER_HEAD };
    write_head(listener, known);
}

/* What is to be sent next of all; LISTENER_BETWEEN: nothing. */
static enum listener_part choose(const struct listener *listener)
{
    if (listener->number <= events_newest(listener->events))
        return LISTENER_EVENT;
    return listener->beats ? LISTENER_BEAT : LISTENER_BETWEEN;
}

/* NULL: it is gone. */
static const char *text_of(const struct listener *listener, size_t *ret_len)
{
    switch (listener->part) {
    case LISTENER_HEAD:
        *ret_len = listener->head_len;
        return listener->head;
    case LISTENER_EVENT:
        return events_find(listener->events, listener->number, ret_len);
    case LISTENER_BEAT:
    case LISTENER_BETWEEN:
        break;
    }
    *ret_len = sizeof beat - 1;
    return beat;
}

static void end_part(struct listener *listener)
{
    if (listener->part == LISTENER_EVENT)
        listener->number++;
    listener->part = LISTENER_BETWEEN;
    listener->sent = 0;
    /* Whatever was sent is as good as a comment. */
    listener->beats = false;
}

ssize_t listener_fill(struct listener *listener, char *buffer, size_t cap)
{
    size_t n = 0;

    while (n < cap) {
        size_t len = 0, more;
        const char *text;

        if (listener->part == LISTENER_BETWEEN)
            listener->part = choose(listener);
        if (listener->part == LISTENER_BETWEEN)
            break;
        text = text_of(listener, &len);
        if (!text)
            return LISTENER_LOST;
        more = len - listener->sent < cap - n ? len - listener->sent : cap - n;
        memcpy(buffer + n, text + listener->sent, more);
        n += more;
        listener->sent += more;
        if (listener->sent == len)
            end_part(listener);
    }
    if (n > 0)
        return (ssize_t)n;
    return listener->ends ? LISTENER_OVER : LISTENER_IDLE;
}

bool listener_has_more(const struct listener *listener)
{
    return listener->ends || listener->part != LISTENER_BETWEEN ||
           choose(listener) != LISTENER_BETWEEN;
}
