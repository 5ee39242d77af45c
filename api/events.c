#include "api/events.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/id.h"

struct block {
    char *text;
    size_t len;
};

struct events {
    /* So that a number of an earlier process is not taken for one of ours. */
    uint32_t instance;
    /* Those with numbers in (forgotten, newest] are held, at number % EVENTS_KEPT. */
    int64_t forgotten, newest;
    size_t bytes;
    struct block ring[EVENTS_KEPT];
};

struct events *events_new(void)
{
    struct events *events = calloc(1, sizeof *events);

    if (events)
        id_random(&events->instance, sizeof events->instance);
    return events;
}

static void drop_oldest(struct events *events)
{
    struct block *oldest = &events->ring[++events->forgotten % EVENTS_KEPT];

    events->bytes -= oldest->len;
    free(oldest->text);
    *oldest = (struct block){ 0 };
}

static void forget_all(struct events *events)
{
    while (events->forgotten < events->newest)
        drop_oldest(events);
}

void events_free(struct events *events)
{
    if (!events)
        return;
    forget_all(events);
    free(events);
}

void events_skip(struct events *events)
{
    forget_all(events);
    events->newest++;
    events->forgotten++;
}

/* NULL: no memory. */
static char *make_block(const struct events *events, const char *name, const char *data,
                        size_t *ret_len)
{
    char id[EVENT_ID_MAX + 1];
    size_t size = strlen(name) + strlen(data) + sizeof id + 32;
    char *text = malloc(size);

    events_id(events, events->newest + 1, id);
    if (text)
        *ret_len = (size_t)snprintf(text, size, "event: %s\nid: %s\ndata: %s\n\n", name, id, data);
    return text;
}

void events_add(struct events *events, const char *name, cJSON *data)
{
    char *line = data ? cJSON_PrintUnformatted(data) : NULL;
    size_t len = 0;
    char *text = line ? make_block(events, name, line, &len) : NULL;

    cJSON_Delete(data);
    free(line);
    if (!text) {
        events_skip(events);
        return;
    }
    while (events->newest - events->forgotten == EVENTS_KEPT ||
           (events->forgotten < events->newest && events->bytes + len > EVENTS_BYTES_MAX))
        drop_oldest(events);
    events->ring[++events->newest % EVENTS_KEPT] = (struct block){ text, len };
    events->bytes += len;
}

int64_t events_newest(const struct events *events)
{
    return events->newest;
}

const char *events_find(const struct events *events, int64_t number, size_t *ret_len)
{
    const struct block *block;

    if (number <= events->forgotten || number > events->newest)
        return NULL;
    block = &events->ring[number % EVENTS_KEPT];
    *ret_len = block->len;
    return block->text;
}

void events_id(const struct events *events, int64_t number, char ret[EVENT_ID_MAX + 1])
{
    (void)snprintf(ret, EVENT_ID_MAX + 1, "%08" PRIx32 "-%" PRId64, events->instance, number);
}

bool events_resume(const struct events *events, const char *last_event_id, int64_t *ret_number)
{
    char id[EVENT_ID_MAX + 1];
    const char *dash = strchr(last_event_id, '-');
    long long number = dash ? strtoll(dash + 1, NULL, 10) : -1;

    if (number < events->forgotten || number > events->newest)
        return false;
    /* Only the very text that we gave. */
    events_id(events, number, id);
    if (strcmp(id, last_event_id) != 0)
        return false;
    *ret_number = number;
    return true;
}
