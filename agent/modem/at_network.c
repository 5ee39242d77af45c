#include "agent/modem/at_network.h"

#include <arpa/inet.h>
#include <string.h>

#include "agent/base/macros.h"
#include "agent/modem/at_fields.h"

/* A state is one or two digits without quotes; an area code is longer or quoted. */
static bool is_state(const struct at_fields *fields, size_t i)
{
    return i < fields->count && !fields->items[i].quoted && fields->items[i].len <= 2 &&
           at_fields_number(fields, i, 99) >= 0;
}

bool at_registration_parse(const char *line, const char *prefix, struct at_registration *ret)
{
    struct at_registration value = { .act = -1, .reject_cause = -1 };
    struct at_fields fields;

    if (!at_fields_split(line, prefix, &fields) || !is_state(&fields, 0))
        return false;
    if (!is_state(&fields, 1)) {
        value.unsolicited = true;
        value.stat = at_fields_number(&fields, 0, 99);
        *ret = value;
        return true;
    }
    value.stat = at_fields_number(&fields, 1, 99);
    if (!at_fields_text(&fields, 2, value.area, sizeof value.area))
        value.area[0] = '\0';
    if (!at_fields_text(&fields, 3, value.cell, sizeof value.cell))
        value.cell[0] = '\0';
    value.act = at_fields_number(&fields, 4, 99);
    /* Where the cause stands: behind <rac> in CGREG, behind the NSSAI in C5GREG. */
    size_t cause = 5;
    if (strcmp(prefix, "+CGREG") == 0)
        cause = 6;
    else if (strcmp(prefix, "+C5GREG") == 0)
        cause = 7;
    if (at_fields_number(&fields, cause, 99) == 0)
        value.reject_cause = at_fields_number(&fields, cause + 1, 255);
    *ret = value;
    return true;
}

enum registration at_registration_state(int stat)
{
    switch (stat) {
    case 0:
        return REGISTRATION_IDLE;
    case 1:
    case 9:
        return REGISTRATION_HOME;
    case 5:
    case 10:
        return REGISTRATION_ROAMING;
    case 2:
    case 6:
    case 7:
        return REGISTRATION_SEARCHING;
    case 3:
        return REGISTRATION_DENIED;
    case 8:
        return REGISTRATION_EMERGENCY;
    default:
        return REGISTRATION_UNKNOWN;
    }
}

enum technology at_technology(int act, bool act8_is_lte_m)
{
    static const enum technology by_act[] = {
        [0] = TECHNOLOGY_GSM,    [1] = TECHNOLOGY_GSM,     [2] = TECHNOLOGY_3G,
        [3] = TECHNOLOGY_GSM,    [4] = TECHNOLOGY_3G,      [5] = TECHNOLOGY_3G,
        [6] = TECHNOLOGY_3G,     [7] = TECHNOLOGY_LTE,     [8] = TECHNOLOGY_EC_GSM,
        [9] = TECHNOLOGY_NB_IOT, [10] = TECHNOLOGY_LTE,    [11] = TECHNOLOGY_NR,
        [12] = TECHNOLOGY_NR,    [13] = TECHNOLOGY_LTE_NR,
    };

    if (act == 8 && act8_is_lte_m)
        return TECHNOLOGY_LTE_M;
    return act >= 0 && (size_t)act < ARRAY_LEN(by_act) ? by_act[act] : TECHNOLOGY_UNKNOWN;
}

bool at_cops_parse(const char *line, struct at_operator *ret)
{
    struct at_operator value = { .act = -1 };
    struct at_fields fields;

    if (!at_fields_split(line, "+COPS", &fields))
        return false;
    value.mode = at_fields_number(&fields, 0, 9);
    if (value.mode < 0)
        return false;
    value.act = at_fields_number(&fields, 3, 99);
    if (at_fields_number(&fields, 1, 9) == 2 && at_fields_number(&fields, 2, 999999) >= 0 &&
        fields.items[2].len >= 5 && !at_fields_text(&fields, 2, value.plmn, sizeof value.plmn))
        return false;
    *ret = value;
    return true;
}

/* A figure of 27.007 8.69: level = first + n * step, n from 0 to `last`; above, it is unknown. */
struct scale {
    double first, step;
    int last;
};

static void set_level(struct level *ret, const struct at_fields *fields, size_t i,
                      struct scale scale)
{
    int n = at_fields_number(fields, i, scale.last);

    if (n >= 0)
        *ret = (struct level){ true, scale.first + n * scale.step };
}

bool at_cesq_parse(const char *line, struct signal_reading *ret)
{
    struct at_fields fields;

    if (!at_fields_split(line, "+CESQ", &fields) || fields.count < 6)
        return false;
    set_level(&ret->rssi_dbm, &fields, 0, (struct scale){ -111, 1, 63 });
    set_level(&ret->rscp_dbm, &fields, 2, (struct scale){ -121, 1, 96 });
    set_level(&ret->ecno_db, &fields, 3, (struct scale){ -24.5, 0.5, 49 });
    set_level(&ret->rsrq_db, &fields, 4, (struct scale){ -20, 0.5, 34 });
    set_level(&ret->rsrp_dbm, &fields, 5, (struct scale){ -141, 1, 97 });
    /* NR's figures follow where the modem knows NR, and count where it is on it. */
    set_level(&ret->rsrq_db, &fields, 6, (struct scale){ -43.5, 0.5, 126 });
    set_level(&ret->rsrp_dbm, &fields, 7, (struct scale){ -157, 1, 126 });
    set_level(&ret->sinr_db, &fields, 8, (struct scale){ -23.5, 0.5, 127 });
    return true;
}

bool at_csq_parse(const char *line, struct signal_reading *ret)
{
    struct at_fields fields;

    if (!at_fields_split(line, "+CSQ", &fields) || fields.count < 2)
        return false;
    set_level(&ret->rssi_dbm, &fields, 0, (struct scale){ -113, 2, 31 });
    return true;
}

bool at_cgatt_parse(const char *line, bool *ret)
{
    struct at_fields fields;

    if (!at_fields_split(line, "+CGATT", &fields))
        return false;
    int value = at_fields_number(&fields, 0, 1);
    if (value < 0)
        return false;
    *ret = value == 1;
    return true;
}

bool at_cfun_parse(const char *line, int *ret)
{
    struct at_fields fields;

    if (!at_fields_split(line, "+CFUN", &fields))
        return false;
    int value = at_fields_number(&fields, 0, 255);
    if (value < 0)
        return false;
    *ret = value;
    return true;
}

/* The numbers of "10.4.5.6" or of sixteen; 0: anything else. */
static size_t dotted_numbers(const char *text, uint8_t ret[16])
{
    size_t n = 0;

    while (n < 16) {
        int value = 0;
        size_t digits = strspn(text, "0123456789");
        if (digits == 0 || digits > 3)
            return 0;
        for (size_t i = 0; i < digits; i++)
            value = value * 10 + (text[i] - '0');
        if (value > 255)
            return 0;
        ret[n++] = (uint8_t)value;
        text += digits;
        if (*text == '\0')
            return n;
        if (*text++ != '.')
            return 0;
    }
    return 0;
}

static bool address_to_text(const char *text, char ret[CONNECTIVITY_ADDRESS_MAX + 1])
{
    uint8_t bytes[16] = { 0 };
    static const uint8_t none[16];
    size_t n = dotted_numbers(text, bytes);
    int family = n == 4 ? AF_INET : AF_INET6;

    if (n == 0 && inet_pton(AF_INET6, text, bytes) != 1)
        return false;
    if (n != 0 && n != 4 && n != 16)
        return false;
    if (memcmp(bytes, none, sizeof none) == 0)
        return false;
    return inet_ntop(family, bytes, ret, CONNECTIVITY_ADDRESS_MAX + 1) != NULL;
}

bool at_cgpaddr_parse(const char *line, struct connectivity *ret)
{
    struct at_fields fields;
    char text[72];

    if (!at_fields_split(line, "+CGPADDR", &fields) || at_fields_number(&fields, 0, 255) < 0)
        return false;
    for (size_t i = 1; i < fields.count && ret->address_count < CONNECTIVITY_ADDRESSES; i++)
        if (at_fields_text(&fields, i, text, sizeof text) &&
            address_to_text(text, ret->addresses[ret->address_count]))
            ret->address_count++;
    return true;
}
