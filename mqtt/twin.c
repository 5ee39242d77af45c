#include "mqtt/twin.h"

#include <string.h>

static const double step_db = 6;

static bool level_moved(const struct level *told, const struct level *now)
{
    double by = now->value - told->value;

    if (!now->known)
        return false;
    return !told->known || by >= step_db || by <= -step_db;
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

bool twin_is_news(const struct connectivity *told, const struct connectivity *now)
{
    return told->registration != now->registration || told->technology != now->technology ||
           strcmp(told->plmn, now->plmn) != 0 || told->attached_known != now->attached_known ||
           told->attached != now->attached || addresses_differ(told, now) ||
           told->has_iccid != now->has_iccid ||
           (now->has_iccid && !iccid_equal(&told->iccid, &now->iccid)) ||
           signal_moved(&told->signal, &now->signal);
}
