#include "mqtt/aside.h"

#include <string.h>

#include "mqtt/outbox.h"

enum { TELL_AGAIN_MS = 3600000 };

bool aside_is_told(struct aside *aside, const struct outbox_aside *message, const char *journal,
                   int64_t now_ms)
{
    int64_t *next_ms = &aside->next_ms[message->reason & (ASIDE_REASONS - 1)];

    if (now_ms < *next_ms || message->class == OUTBOX_RESPONSE ||
        strcmp(message->topic, journal) == 0)
        return false;
    *next_ms = now_ms + TELL_AGAIN_MS;
    return true;
}
