#pragma once

#include <stddef.h>

#include "agent/base/error.h"
#include "agent/operation/operation.h"

/* What stands in the bodies of requests. Pure. All fields are optional, so is the body; what is not
 * known, of another type or out of range is ERROR_INVALID_REQUEST and names the field. */

enum { BODY_MAX = 16 * 1024 };

/* POST …/enable: fills in reason, ttl_s, expect_enabled and force; *ret is as before on failure. */
MUST_CHECK struct error body_parse_enable(const char *text, size_t len,
                                          struct operation_request *ret);
/* A call that takes nothing: no body, or {}. */
MUST_CHECK struct error body_parse_nothing(const char *text, size_t len);
