#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/aid.h"
#include "agent/base/error.h"

/* The way to the card: what agent/modem implements (CSIM, CGLA) and agent/card uses. One APDU at a
 * time; deadlines are on CLOCK_BOOTTIME. The implementations never interpret a status word. */

enum {
    /* A short APDU: CLA INS P1 P2 Lc 255 bytes Le. */
    TRANSPORT_COMMAND_MAX = 5 + 255 + 1,
    /* Its answer, 256 bytes SW1 SW2, or what a modem collected that sends GET RESPONSE itself: as much
     * as is in hex on a line of 4 KiB. */
    TRANSPORT_ANSWER_MAX = 2040,
};

struct transport_answer {
    /* The data, without the status word. */
    size_t len;
    uint8_t data[TRANSPORT_ANSWER_MAX];
    /* SW1SW2. */
    uint16_t sw;
};

struct transport {
    const struct transport_ops *ops;
    /* "csim", "cgla". */
    const char *name;
    /* How often the card was seen to be reset: channels from before are gone. */
    unsigned restarts;
};

/* Errors: ERROR_MODEM_TIMEOUT (an answer did not come: the command may have been executed),
 * ERROR_MODEM_ABSENT (the port is gone: may have been executed), ERROR_SHUTTING_DOWN, and what the
 * modem's final line means (domain ERROR_IN_MODEM, detail the CME number): ERROR_CARD_BUSY,
 * ERROR_CARD_ABSENT, ERROR_SIM_LOCKED, ERROR_CARD. */
struct transport_ops {
    /* A channel with the application selected on it, by the modem itself (AT+CCHO). `*ret_channel`:
     * what the CLA of a command has to carry, 0 when the modem sets it. NULL: the caller opens by
     * MANAGE CHANNEL and SELECT through `transmit` (AT+CSIM). */
    struct error (*open)(struct transport *t, const struct aid *aid, int64_t deadline_ms,
                         unsigned *ret_channel);
    /* One command APDU, one answer. */
    struct error (*transmit)(struct transport *t, const uint8_t *apdu, size_t len,
                             int64_t deadline_ms, struct transport_answer *ret);
    /* The pendant of `open`; NULL where `open` is. Closing what is closed is no error; ERROR_NONE is
     * the truth: what could not be closed is an error. */
    struct error (*close)(struct transport *t, int64_t deadline_ms);
    /* Closes what others may have left open, a program that was killed among them. NULL: nothing
     * can be done. Refusals are fine: an error means that the modem cannot be talked to. */
    struct error (*clear)(struct transport *t, int64_t deadline_ms);
    /* What names the session that is open, for a later process; "" none. And back: close() then
     * closes what an earlier process left open. NULL where `open` is. */
    const char *(*session)(const struct transport *t);
    void (*adopt)(struct transport *t, const char *session);
};
