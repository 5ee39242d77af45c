#pragma once

#include <stdint.h>

#include "agent/base/error.h"
#include "agent/operation/operation.h"

/* Errors on the wire: RFC 9457 problem details. Pure. */

/* The HTTP status of a code that is refused at the door or met by a read. */
unsigned problem_status(enum error_code code);
/* A few words that are the same for every problem of this code. */
const char *problem_title(enum error_code code);
/* `problem`, with a Retry-After in it where the contract wants one and none was given. */
struct problem problem_complete(struct problem problem);
/* The body with this status. Gives the text (free); NULL: no memory. */
char *problem_to_text(const struct problem *problem, unsigned status);
