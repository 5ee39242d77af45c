#pragma once

#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

/* The vectors of tests/vectors, shared with other tools. What is not as expected fails the test that
 * asks. */

/* The whole file ("card.json"); free with cJSON_Delete. */
cJSON *vectors_load(const char *file);
/* `file`'s member, an array with at least one row. */
const cJSON *vectors_array(const cJSON *file, const char *name);
/* The row's member; NULL when it has none. */
const char *vectors_text(const cJSON *row, const char *name);
/* The row's member as bytes; returns how many. */
size_t vectors_bytes(const cJSON *row, const char *name, uint8_t *ret, size_t cap);
