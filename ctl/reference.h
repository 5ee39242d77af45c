#pragma once

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "ctl/commands.h"

/* What a person calls a profile: ICCID, AID, or a label or nickname. */

/* True: `text` is an ICCID or an ISD-P's AID, as the API takes it. */
bool reference_is_exact(const char *text);
/* The row of the list that alone is called so, in any case of its letters where none is in just that
 * case. NULL: none (*ret_count 0), or several. */
const cJSON *reference_find(const cJSON *profiles, const char *text, int *ret_count);
/* Asks for the list where that is needed. OUTCOME_OK: gives what the API takes (free). */
enum outcome reference_resolve(struct context *ctl, const char *text, char **ret);
