#include "mqtt/quiet.h"

bool quiet_lets(struct quiet *q, int64_t now_ms, int64_t *ret_unsaid)
{
    q->count++;
    if (now_ms < q->next_ms) {
        q->unsaid++;
        return false;
    }
    *ret_unsaid = q->unsaid;
    q->unsaid = 0;
    q->next_ms = now_ms + QUIET_MS;
    return true;
}
