#include "mqtt/twin.h"

#include <string.h>

#include "agent/base/macros.h"

static const double much_loss_pct = 20;

static bool level_moved(const struct level *told, const struct level *now)
{
    double by = now->value - told->value;

    if (!now->known)
        return false;
    return !told->known || by >= TWIN_STEP_DB || by <= -TWIN_STEP_DB;
}

static bool signal_moved(const struct signal_reading *told, const struct signal_reading *now)
{
    return level_moved(&told->rssi_dbm, &now->rssi_dbm) ||
           level_moved(&told->rscp_dbm, &now->rscp_dbm) ||
           level_moved(&told->ecno_db, &now->ecno_db) ||
           level_moved(&told->rsrp_dbm, &now->rsrp_dbm) ||
           level_moved(&told->rsrq_db, &now->rsrq_db) || level_moved(&told->sinr_db, &now->sinr_db);
}

static bool has_address(const struct connectivity *c, const char *address)
{
    for (size_t i = 0; i < c->address_count; i++)
        if (strcmp(c->addresses[i], address) == 0)
            return true;
    return false;
}

/* The modem's order is no news. */
static bool addresses_differ(const struct connectivity *a, const struct connectivity *b)
{
    if (a->address_count != b->address_count)
        return true;
    for (size_t i = 0; i < a->address_count; i++)
        if (!has_address(b, a->addresses[i]))
            return true;
    return false;
}

static bool state_differs(const struct connectivity *a, const struct connectivity *b)
{
    return a->registration != b->registration ||
           (a->registration == REGISTRATION_DENIED && a->reject_cause != b->reject_cause) ||
           a->technology != b->technology || strcmp(a->plmn, b->plmn) != 0 ||
           a->attached_known != b->attached_known || a->attached != b->attached ||
           addresses_differ(a, b) || a->has_iccid != b->has_iccid ||
           (b->has_iccid && !iccid_equal(&a->iccid, &b->iccid)) ||
           strcmp(a->imsi_hash, b->imsi_hash) != 0;
}

enum loss { LOSS_LITTLE = 0, LOSS_MUCH, LOSS_ALL };

static enum loss loss_of(const struct level *loss_pct)
{
    if (!loss_pct->known || loss_pct->value < much_loss_pct)
        return LOSS_LITTLE;
    return loss_pct->value < 100 ? LOSS_MUCH : LOSS_ALL;
}

/* That nothing was tried since is no news. */
static bool loss_crossed(const struct level *told, const struct level *now)
{
    return now->known && loss_of(told) != loss_of(now);
}

unsigned twin_news_of(const struct connectivity *told, const struct connectivity *now)
{
    return (state_differs(told, now) ? TWIN_STATE : 0u) |
           (loss_crossed(&told->quality.loss_pct, &now->quality.loss_pct) ? TWIN_LOSS : 0u) |
           (signal_moved(&told->signal, &now->signal) ? TWIN_LEVELS : 0u);
}

/* --- pace --- */

/* How often a kind is told: `burst` in a row, `apart_ms` between them, one more after each `each_ms`. */
struct pace {
    int64_t burst, apart_ms, each_ms;
};

/* A switch makes a handful of changes, and some switches an hour are allowed: they all go at once. */
static const struct pace state_pace = { 30, 0, 600000 };
static const struct pace loss_pace = { 3, 300000, 3600000 };
static const struct pace levels_pace = { 3, 300000, 21600000 };

static bool has_token(const struct twin_tokens *tokens, const struct pace *pace, int64_t now_ms)
{
    return now_ms >= tokens->next_ms &&
           tokens->full_ms <= now_ms + (pace->burst - 1) * pace->each_ms;
}

static void take_token(struct twin_tokens *tokens, const struct pace *pace, int64_t now_ms)
{
    tokens->full_ms = (tokens->full_ms > now_ms ? tokens->full_ms : now_ms) + pace->each_ms;
    tokens->next_ms = now_ms + pace->apart_ms;
}

bool twin_may_tell(struct twin_pace *pace, unsigned news, int64_t now_ms)
{
    const struct {
        enum twin_news news;
        struct twin_tokens *tokens;
        const struct pace *pace;
    } kinds[] = {
        { TWIN_STATE, &pace->state, &state_pace },
        { TWIN_LOSS, &pace->loss, &loss_pace },
        { TWIN_LEVELS, &pace->levels, &levels_pace },
    };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if ((news & kinds[i].news) && has_token(kinds[i].tokens, kinds[i].pace, now_ms)) {
            take_token(kinds[i].tokens, kinds[i].pace, now_ms);
            return true;
        }
    return false;
}
