#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/cursor.h"

/* BER-TLV (ISO 7816-4 5.2.2, ITU-T X.690), read from front to back. Tags of one to three bytes,
 * lengths of one to four; the indefinite form is refused, as cards never use it. */

struct tlv {
    /* The tag's bytes as one number: 0x5A, 0x9F70, 0xBF2D. */
    uint32_t tag;
    /* Borrows the cursor's bytes. */
    struct cursor value;
};

/* The next object, whole. False, and nothing changed: it is malformed, longer than what is left, or
 * nothing is left. */
bool tlv_take(struct cursor *c, struct tlv *ret);
