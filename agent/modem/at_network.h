#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/connectivity.h"

/* Information lines that tell of the network (27.007 7.2, 7.3, 8.5, 8.69, 10.1). Codec: false, and
 * the output as before, for a line that is none of its kind. */

enum { AT_AREA_MAX = 8, AT_CELL_MAX = 16 };

struct at_registration {
    /* One leading number: a line nobody asked for, a hint and no data; the rest is then unset. */
    bool unsolicited;
    int stat;
    /* Hex as it came; "" unknown. */
    char area[AT_AREA_MAX + 1];
    char cell[AT_CELL_MAX + 1];
    /* -1 unknown. The cause only where its type is 0, 3GPP's own. */
    int act, reject_cause;
};

/* `prefix`: "+CREG", "+CGREG", "+CEREG", "+C5GREG". */
bool at_registration_parse(const char *line, const char *prefix, struct at_registration *ret);
/* +CREG <stat>: 1 home, 5 roaming, 9 and 10 likewise; 6 and 7, SMS only, count as searching. */
enum registration at_registration_state(int stat);
/* <AcT>; `act8_is_lte_m`: some modems use EC-GSM's number for LTE-M. */
enum technology at_technology(int act, bool act8_is_lte_m);

struct at_operator {
    int mode; /* 0 automatic, 1 manual … */
    char plmn[CONNECTIVITY_PLMN_MAX + 1];
    int act; /* -1 unknown */
};

/* "+COPS: 0,2,"26201",7". A name in place of the number leaves `plmn` empty. */
bool at_cops_parse(const char *line, struct at_operator *ret);

/* Fills what the line tells, leaves the rest as it was. */
bool at_cesq_parse(const char *line, struct signal_reading *ret);
bool at_csq_parse(const char *line, struct signal_reading *ret);

bool at_cgatt_parse(const char *line, bool *ret);
bool at_cfun_parse(const char *line, int *ret);

/* Adds the line's addresses: dotted, 16 dotted numbers (IPv6) or with colons, in quotes or not.
 * 0.0.0.0 and :: are none; what is over CONNECTIVITY_ADDRESSES is left out. */
bool at_cgpaddr_parse(const char *line, struct connectivity *ret);
