#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

/* What has happened lately, ready to be sent: blocks of text/event-stream (WHATWG HTML, "Server-sent
 * events"), numbered from 1, in a ring. Listeners read from it at their own pace, so that one who is slow
 * costs nothing. Only the API's thread. */

enum {
    EVENTS_KEPT = 1024,
    /* The oldest go earlier when they are this large together. */
    EVENTS_BYTES_MAX = 4 * 1024 * 1024,
    /* "<8 hex digits of this process>-<number>" */
    EVENT_ID_MAX = 8 + 1 + 20,
};

struct events;

/* NULL: no memory. */
struct events *events_new(void);
void events_free(struct events *events);

/* Adds `event: <name>` with `data` in one line; takes `data`. NULL (no memory): as events_skip(). */
void events_add(struct events *events, const char *name, cJSON *data);
/* One that should be here is lost: nobody can go on over it as if there was nothing. */
void events_skip(struct events *events);
/* Of the newest; 0: there was none. */
int64_t events_newest(const struct events *events);
/* The block with this number; NULL: it is gone, or not there yet. Lives until the next events_add(). */
const char *events_find(const struct events *events, int64_t number, size_t *ret_len);

void events_id(const struct events *events, int64_t number, char ret[EVENT_ID_MAX + 1]);
/* The number that Last-Event-ID names. False: it is not ours, or some that came after it are gone. */
bool events_resume(const struct events *events, const char *last_event_id, int64_t *ret_number);
