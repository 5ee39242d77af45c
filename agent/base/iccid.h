#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/error.h"

/* ICCID: the serial number of a card, or of one profile on it (ITU-T E.118). A card keeps it in
 * 10 bytes, the two digits of each byte swapped, F as padding; people and our API use its 18 to 20
 * digits. Some issuers use A to E as digits, some a wrong Luhn digit: both are kept as they are. */

enum { ICCID_CARD_LEN = 10, ICCID_TEXT_MIN = 18, ICCID_TEXT_MAX = 20 };

/* Made only by iccid_from_card() and iccid_from_text(), so always valid. Digits and A to E, no padding. */
struct iccid {
    char text[ICCID_TEXT_MAX + 1];
};

/* ERROR_CARD: not 10 bytes, too few digits, a digit after padding; *ret is then as before. */
MUST_CHECK struct error iccid_from_card(const uint8_t *bytes, size_t len, struct iccid *ret);

/* What a person or a modem wrote: 18 to 20 digits and A to E (any case), F as padding at the end
 * taken off; nothing else around it. ERROR_INVALID_REQUEST; *ret is then as before. */
MUST_CHECK struct error iccid_from_text(const char *text, size_t len, struct iccid *ret);

/* As the card has it, padded with F, also with 18 or 19 digits. */
void iccid_to_card(const struct iccid *id, uint8_t ret[ICCID_CARD_LEN]);
/* False: say so in the answer, never refuse. Real cards get it wrong. */
bool iccid_luhn_ok(const struct iccid *id);
bool iccid_equal(const struct iccid *a, const struct iccid *b);
