#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

/* A struct's fields as members of a JSON object, by a table: one row a field, used in both directions,
 * so that what is written is read again. What is zero or empty is left out, and what is absent is left
 * as it was; members without a row are not looked at. Enumerators go by their names, so that a later
 * version with more of them reads the same. */

enum field_kind {
    FIELD_BOOL = 0,
    FIELD_INT,
    /* FIELD_NUMBER: int64_t; beyond 15 digits, which is what comes back exactly, it is cut to that. */
    FIELD_NUMBER,
    FIELD_ENUM,
    /* FIELD_TEXT: an array of char; bytes that are not UTF-8 become '?'. */
    FIELD_TEXT,
    FIELD_ICCID,
    FIELD_AID,
};

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset, size;
    /* FIELD_ENUM: the names of `count` values from 0. */
    const char *(*value_name)(unsigned value);
    unsigned count;
};

#define FIELD_AT(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)

/* False: no memory. */
bool fields_put(cJSON *to, const struct field *rows, size_t count, const void *from);
/* False: a member is not what fields_put() writes; some of `*ret` may be set. */
bool fields_take(const cJSON *from, const struct field *rows, size_t count, void *ret);
