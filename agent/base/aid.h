#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/error.h"

/* AID: the name of an application on a card, 5 to 16 bytes (ISO 7816-4). An ISD-P, which holds one
 * profile, has 16; nothing is assumed of its prefix. */

enum { AID_MIN = 5, AID_MAX = 16, AID_TEXT_MAX = 32 };

struct aid {
    uint8_t len;
    uint8_t bytes[AID_MAX];
};

/* ERROR_CARD: a length outside 5 to 16; *ret is then as before. */
MUST_CHECK struct error aid_from_card(const uint8_t *bytes, size_t len, struct aid *ret);
/* Hex digits of any case. ERROR_INVALID_REQUEST; *ret is then as before. */
MUST_CHECK struct error aid_from_text(const char *text, size_t len, struct aid *ret);
/* Upper-case hex. */
void aid_to_text(const struct aid *aid, char ret[AID_TEXT_MAX + 1]);
bool aid_equal(const struct aid *a, const struct aid *b);
