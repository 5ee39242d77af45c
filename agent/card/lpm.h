#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/base/aid.h"
#include "agent/base/eid.h"
#include "agent/base/error.h"
#include "agent/base/profile.h"
#include "agent/card/apdu.h"

/* LPM, the applet's own commands (the vendor's guide): what to send, and what the answers say.
 * Outputs are as before on failure. */

struct apdu lpm_get_eid(void);
struct apdu lpm_list(void);
/* By ICCID is not published: the list gives the AID. */
struct apdu lpm_enable(const struct aid *aid);

/* 4C 10 and the EID. ERROR_CARD. */
MUST_CHECK struct error lpm_eid_from_answer(const uint8_t *data, size_t len, struct eid *ret);
/* A row of E3; none is an empty list. ERROR_CARD. */
MUST_CHECK struct error lpm_list_from_answer(const uint8_t *data, size_t len,
                                             struct profile_list *ret);
