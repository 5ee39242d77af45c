#pragma once

#include "agent/base/cursor.h"
#include "agent/base/error.h"
#include "agent/base/profile.h"

/* One profile of a card's list: the value of E3, ProfileInfo (SGP.22 5.7.15), which LPM and ES10c
 * fill alike but for a few tags. */

/* What differs. */
struct profile_row_form {
    /* The values of 9F70. */
    uint8_t enabled, disabled;
    /* Tag 53 tells of the fallback attribute. */
    bool fallback;
    /* Tags 90, 91, 92 and 95 are names and class. */
    bool names;
};

/* Takes E3's value as a new row of `list`; other tags are skipped. ERROR_CARD, and `list` as before:
 * malformed, a tag twice, neither ICCID nor AID, no state or one that is unknown, or the list is
 * full. */
MUST_CHECK struct error profile_row_add(struct cursor value, const struct profile_row_form *form,
                                        struct profile_list *list);
