#pragma once

#include "agent/base/error.h"

/* What a person can do about each error code of the contract. */

/* One sentence or two; "" for ERROR_NONE. */
const char *advice_of(enum error_code code);
/* The same by the code's name on the wire; "" for one that this version does not know. */
const char *advice_of_name(const char *name);
