#include "agent/base/connectivity.h"

bool connectivity_is_registered(const struct connectivity *c)
{
    return c->registration == REGISTRATION_HOME || c->registration == REGISTRATION_ROAMING;
}

bool connectivity_has_data(const struct connectivity *c)
{
    return c->attached_known && c->attached && c->address_count > 0;
}

const char *registration_name(enum registration r)
{
    static const char *const names[] = {
        [REGISTRATION_UNKNOWN] = "unknown",     [REGISTRATION_IDLE] = "idle",
        [REGISTRATION_SEARCHING] = "searching", [REGISTRATION_DENIED] = "denied",
        [REGISTRATION_EMERGENCY] = "emergency", [REGISTRATION_HOME] = "home",
        [REGISTRATION_ROAMING] = "roaming",
    };
    return names[r];
}

const char *technology_name(enum technology t)
{
    static const char *const names[] = {
        [TECHNOLOGY_UNKNOWN] = "unknown", [TECHNOLOGY_GSM] = "GSM",
        [TECHNOLOGY_EC_GSM] = "EC-GSM",   [TECHNOLOGY_3G] = "3G",
        [TECHNOLOGY_NB_IOT] = "NB-IoT",   [TECHNOLOGY_LTE_M] = "LTE-M",
        [TECHNOLOGY_LTE] = "LTE",         [TECHNOLOGY_LTE_NR] = "LTE-NR",
        [TECHNOLOGY_NR] = "NR",
    };
    return names[t];
}
