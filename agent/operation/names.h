#pragma once

#include "agent/operation/operation.h"

/* For tables of fields (fields.h): the names of an operation's enumerators by number, and how many
 * there are. */

const char *names_state(unsigned value);
const char *names_channel(unsigned value);
const char *names_phase(unsigned value);
const char *names_verified(unsigned value);
const char *names_error_code(unsigned value);
const char *names_error_domain(unsigned value);

#define NAMES_STATE names_state, OPERATION_EXPIRED + 1
#define NAMES_CHANNEL names_channel, CHANNEL_AGENT + 1
#define NAMES_PHASE names_phase, PHASE_ROLLED_BACK + 1
#define NAMES_VERIFIED names_verified, VERIFIED_BROKER + 1
#define NAMES_ERROR_CODE names_error_code, ERROR_CODES
#define NAMES_ERROR_DOMAIN names_error_domain, ERROR_IN_STORAGE + 1
