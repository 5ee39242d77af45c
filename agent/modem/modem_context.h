#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/error.h"

/* The modem's PDP context: what a profile needs of it, and what stands there. */

struct modem;

enum {
    MODEM_CONTEXT_TYPE_MAX = 12, /* "Unstructured" */
    MODEM_CONTEXT_APN_MAX = 100,
    MODEM_CONTEXT_USER_MAX = 127,
};

struct modem_context {
    int cid;
    /* "": the context is not defined. */
    char pdp_type[MODEM_CONTEXT_TYPE_MAX + 1];
    char apn[MODEM_CONTEXT_APN_MAX + 1];
    enum modem_auth { MODEM_AUTH_NONE = 0, MODEM_AUTH_PAP, MODEM_AUTH_CHAP } auth;
    /* False: the modem does not tell, and `auth` says nothing. Of a wanted context `auth` counts. */
    bool auth_known;
    char username[MODEM_CONTEXT_USER_MAX + 1], password[MODEM_CONTEXT_USER_MAX + 1];
};

/* Whether modem_write_context() would have anything to do. APNs are the same in any case, and with
 * or without the network's own end of them (".mnc001.mcc262.gprs"). */
bool modem_context_differs(const struct modem_context *now, const struct modem_context *want);

/* Errors: the readings', and what the modem says where it refuses AT+CGDCONT?. */
MUST_CHECK struct error modem_read_context(struct modem *modem, int cid, struct modem_context *ret);
/* Sets what differs, and nothing else; an undefined `want` removes the context. It counts from the
 * next attach on. ERROR_INVALID_REQUEST: a character that no AT command can carry; nothing was sent.
 * Errors: as above. */
MUST_CHECK struct error modem_write_context(struct modem *modem, const struct modem_context *now,
                                            const struct modem_context *want);
