#pragma once

#include <stddef.h>

#include "agent/base/error.h"
#include "agent/operation/lock.h"
#include "agent/operation/operation.h"

/* What stands in the bodies of requests. Pure. What is not known, of another type or out of range is
 * ERROR_INVALID_REQUEST and names the field; on failure *ret is as before. */

enum { BODY_MAX = 16 * 1024 };

/* POST …/enable: fills in reason, ttl_s, expect_enabled, force and confirm_s. All are optional, so
 * is the body. */
MUST_CHECK struct error body_parse_enable(const char *text, size_t len,
                                          struct operation_request *ret);
/* PUT of a lock, as of lock_request_from_json(). */
MUST_CHECK struct error body_parse_lock(const char *text, size_t len,
                                        struct operation_lock_request *ret);

/* A call that takes nothing: no body, or {}. */
MUST_CHECK struct error body_parse_nothing(const char *text, size_t len);
