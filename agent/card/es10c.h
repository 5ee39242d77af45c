#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/aid.h"
#include "agent/base/eid.h"
#include "agent/base/error.h"
#include "agent/base/iccid.h"
#include "agent/base/profile.h"
#include "agent/card/apdu.h"

/* ES10c, the local interface of an eUICC (SGP.22 5.7): each command is one block of STORE DATA.
 * Outputs are as before on failure. */

/* Without Le: whoever sends adds one where the card wants it. */
struct apdu es10c_get_eid(void);
/* With names, or with what enabling needs alone. Never without a tag list, which may bring icons. */
struct apdu es10c_list(bool names);
struct apdu es10c_enable_by_iccid(const struct iccid *iccid, bool refresh);
struct apdu es10c_enable_by_aid(const struct aid *aid, bool refresh);

/* Results of EnableProfile (SGP.22 5.7.16). */
enum es10c_result {
    ES10C_OK = 0,
    ES10C_NOT_FOUND = 1,
    /* ES10C_NOT_DISABLED: it is enabled already, or is no profile that can be. */
    ES10C_NOT_DISABLED = 2,
    ES10C_POLICY = 3,
    ES10C_WRONG_REENABLING = 4,
    /* ES10C_BUSY: the SIM toolkit is at work, as 9300. */
    ES10C_BUSY = 5,
    ES10C_UNDEFINED = 127,
};

/* ERROR_CARD. */
MUST_CHECK struct error es10c_eid_from_answer(const uint8_t *data, size_t len, struct eid *ret);
/* ERROR_CARD, also for the card's own error in the answer, whose number the message has. */
MUST_CHECK struct error es10c_list_from_answer(const uint8_t *data, size_t len,
                                               struct profile_list *ret);
/* `*ret` may be a number that enum es10c_result does not have. ERROR_CARD: no result in it. */
MUST_CHECK struct error es10c_result_from_answer(const uint8_t *data, size_t len, unsigned *ret);
