#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "agent/base/error.h"

/* Strict JSON (RFC 8259) on top of cJSON. cJSON alone accepts duplicate keys, NaN, 01, 1., raw
 * control characters and invalid UTF-8, and cuts a string at \u0000: one scan before it refuses
 * all of these, depth over 8, and anything behind the value. */

enum { JSON_DEPTH_MAX = 8 };

/* Gives the tree (free with cJSON_Delete). ERROR_INVALID_REQUEST says what, and at which line and
 * byte of it (column, from 1). */
MUST_CHECK struct error json_parse(const char *text, size_t len, cJSON **ret);

/* As json_parse, for files: line comments and block comments outside of strings count as blanks. */
MUST_CHECK struct error json_parse_commented(const char *text, size_t len, cJSON **ret);

/* The checks of a request's body. `object` has to be an object and to have no field but the
 * `count` names. ERROR_INVALID_REQUEST names the field. */
MUST_CHECK struct error json_check_fields(const cJSON *object, const char *const *names,
                                          size_t count);

/* One field each: absent (also null) leaves *ret as it was; `*ret_present` may be NULL.
 * ERROR_INVALID_REQUEST names the field and what was expected. */
MUST_CHECK struct error json_get_bool(const cJSON *object, const char *name, bool *ret);
/* A whole number in [min, max]. */
MUST_CHECK struct error json_get_int(const cJSON *object, const char *name, int64_t min,
                                     int64_t max, int64_t *ret, bool *ret_present);
/* Text of at most `max` bytes without control characters; borrowed from the tree. */
MUST_CHECK struct error json_get_text(const cJSON *object, const char *name, size_t max,
                                      const char **ret);

/* Adds one field to an object. False: no memory. */
bool json_add_text(cJSON *to, const char *name, const char *text);
bool json_add_bool(cJSON *to, const char *name, bool value);
/* RFC 3339 in UTC, as clock_to_text(). */
bool json_add_time(cJSON *to, const char *name, int64_t utc_ms);
