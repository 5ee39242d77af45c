#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/error.h"

/* EID: the serial number of an eUICC, 32 decimal digits, in 16 bytes that are not swapped (SGP.02
 * 2.2.2, SGP.29). One with a wrong check is shown and marked, never hidden. */

enum { EID_CARD_LEN = 16, EID_TEXT_LEN = 32, EID_PROFILE_CODE_LEN = 3 };

/* Made only by eid_from_card(): 32 decimal digits, the check may be wrong. */
struct eid {
    char text[EID_TEXT_LEN + 1];
};

/* ERROR_CARD: not 16 bytes, a nibble that is no digit; *ret is then as before. */
MUST_CHECK struct error eid_from_card(const uint8_t *bytes, size_t len, struct eid *ret);
/* The whole number modulo 97 is 1 (SGP.02 2.2.2). */
bool eid_is_valid(const struct eid *eid);
/* Digits 11 to 13: which product the card is (the vendor's guide). */
void eid_profile_code(const struct eid *eid, char ret[EID_PROFILE_CODE_LEN + 1]);
