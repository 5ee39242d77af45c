#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/error.h"

/* SW1SW2, the two bytes that end every answer of a card (ISO 7816-4 5.1.3, ETSI TS 102 221 10.2). */

enum status_word_class {
    /* STATUS_WORD_OTHER: nothing that we know. */
    STATUS_WORD_OTHER = 0,
    /* STATUS_WORD_DONE: 9000, 92XX, and 91XX: a proactive command waits, which the modem fetches. */
    STATUS_WORD_DONE,
    /* STATUS_WORD_MORE: 61XX, done, and XX bytes wait for GET RESPONSE. */
    STATUS_WORD_MORE,
    /* STATUS_WORD_WRONG_LE: 6CXX, not done, again with Le XX. */
    STATUS_WORD_WRONG_LE,
    /* STATUS_WORD_BUSY: 9300, not done, the SIM toolkit is at work. */
    STATUS_WORD_BUSY,
    /* STATUS_WORD_CHANNEL_GONE: 6881, not done. */
    STATUS_WORD_CHANNEL_GONE,
    /* STATUS_WORD_NO_CHANNEL: 6A81, of MANAGE CHANNEL. */
    STATUS_WORD_NO_CHANNEL,
    /* STATUS_WORD_ABSENT: 6A82, of SELECT. */
    STATUS_WORD_ABSENT,
    /* STATUS_WORD_NO_PROFILE: 6A88 and 6A80, of ENABLE. */
    STATUS_WORD_NO_PROFILE,
    /* STATUS_WORD_POLICY: 69E1, of ENABLE: POL1 of the profile in use. */
    STATUS_WORD_POLICY,
    /* STATUS_WORD_CONDITIONS: 6985, for an ENABLE also "is enabled already". */
    STATUS_WORD_CONDITIONS,
    /* STATUS_WORD_WRONG_LENGTH: 6700, not done. */
    STATUS_WORD_WRONG_LENGTH,
    /* STATUS_WORD_NOT_UNDERSTOOD: 6D00, 6E00, not done. */
    STATUS_WORD_NOT_UNDERSTOOD,
    /* STATUS_WORD_CHECKED: any other from 67XX to 6EXX: refused before anything was done. */
    STATUS_WORD_CHECKED,
    /* STATUS_WORD_FAILED: 64XX, 65XX, 6FXX: something may have been done. */
    STATUS_WORD_FAILED,
};

enum status_word_class status_word_class(uint16_t sw);
/* A few words for a person. */
const char *status_word_text(uint16_t sw);
/* The error of `what` (a command's name) that ended with `sw`; detail is `sw`. */
MUST_CHECK struct error status_word_error(uint16_t sw, enum error_code code, const char *what);
