#include "agent/card/patience.h"

void patience_renew(struct patience *p)
{
    p->until_ms = 0;
    p->pause_ms = 0;
}

int64_t patience_deadline_ms(const struct patience *p, int64_t timeout_ms)
{
    return p->now_ms(p->ctx) + timeout_ms;
}

struct error patience_wait(struct patience *p, struct error why)
{
    int64_t now_ms = p->now_ms(p->ctx);
    int64_t pause_until_ms;

    if (p->pause_ms == 0) {
        p->until_ms = now_ms + PATIENCE_MS;
        p->pause_ms = PATIENCE_PAUSE_MIN_MS;
    }
    if (now_ms >= p->until_ms)
        return why;
    pause_until_ms = now_ms + p->pause_ms < p->until_ms ? now_ms + p->pause_ms : p->until_ms;
    if (!p->pause(p->ctx, pause_until_ms))
        return error_make(ERROR_IN_AGENT, ERROR_SHUTTING_DOWN, 0, "the agent is stopping");
    p->pause_ms = 2 * p->pause_ms > PATIENCE_PAUSE_MAX_MS ? PATIENCE_PAUSE_MAX_MS : 2 * p->pause_ms;
    return ERROR_OK;
}
