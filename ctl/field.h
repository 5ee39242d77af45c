#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

/* What stands in an answer, by its path ("modem.trouble.code"). Anything may be absent or of another
 * type than expected: that is then not known. Borrowed from the tree; `json` may be NULL. */

const cJSON *field_find(const cJSON *json, const char *path);
/* NULL: not known. */
const char *field_text(const cJSON *json, const char *path);
/* "" where it is not known. */
const char *field_shown(const cJSON *json, const char *path);
bool field_is_true(const cJSON *json, const char *path);
bool field_is_false(const cJSON *json, const char *path);
/* False: not known, *ret as before. */
bool field_number(const cJSON *json, const char *path, double *ret);
