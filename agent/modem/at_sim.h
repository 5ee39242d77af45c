#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/iccid.h"
#include "agent/base/transport.h"

/* Information lines that tell of the card (27.007 8.3, 8.17, 8.18, 8.43, 8.45). Codec: false, and
 * the output as before, for a line that is none of its kind. */

enum { AT_SESSION_MAX = 32 };

/* "+CSIM: 4,"9000"", quotes, prefix and closing quote may be missing; the number has to be that of
 * the hex characters. */
bool at_csim_parse(const char *line, struct transport_answer *ret);
bool at_cgla_parse(const char *line, struct transport_answer *ret);
/* "+CCHO: 1", "2", "+CCHO: 000000000385a7cf": an opaque handle, kept as text. */
bool at_ccho_parse(const char *line, char ret[AT_SESSION_MAX + 1]);
/* The channel that the CLA has to carry in this session: 1 to 19; 0 for an opaque handle. */
unsigned at_session_channel(const char *session);
/* "+CRSM: 144,0,"…"". `ret->len` 0: no data. */
bool at_crsm_parse(const char *line, struct transport_answer *ret);
/* "+CCID: 89…", "+ICCID:", "+QCCID:", "#CCID:", or the digits alone; F padding and quotes or not. */
bool at_iccid_parse(const char *line, struct iccid *ret);

enum at_pin {
    AT_PIN_READY,
    /* AT_PIN_WAIT: not ready yet. */
    AT_PIN_WAIT,
    AT_PIN_ABSENT,
    /* AT_PIN_LOCKED: wants a PIN, a PUK or a code for its network. */
    AT_PIN_LOCKED,
};

/* "+CPIN: READY". SIM PIN2 and PUK2 are ready: nothing of ours needs them. */
bool at_cpin_parse(const char *line, enum at_pin *ret);
enum { AT_IMSI_MAX = 15 };
/* 6 to 15 digits, mostly without prefix. */
bool at_imsi_parse(const char *line, char ret[AT_IMSI_MAX + 1]);
