#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The fields of one information line: "+CREG: 2,1,\"1A2B\"" is 2, 1 and 1A2B. Codec. */

enum { AT_FIELDS_MAX = 24 };

struct at_field {
    /* Without quotes and blanks around it; in the line. */
    const char *at;
    size_t len;
    bool quoted;
};

struct at_fields {
    size_t count;
    struct at_field items[AT_FIELDS_MAX];
};

/* False: the line does not begin with `prefix` and a colon. NULL: the line has no prefix. A
 * closing quote may be missing at the line's end; what is behind AT_FIELDS_MAX is left out. */
bool at_fields_split(const char *line, const char *prefix, struct at_fields *ret);
/* As above, but a line without any prefix will do too. */
bool at_fields_split_bare(const char *line, const char *prefix, struct at_fields *ret);
/* A decimal number without quotes or in them; -1: no such field, empty, not a number, over `max`. */
int at_fields_number(const struct at_fields *fields, size_t i, int max);
/* A decimal number with a sign or without, whole or with a fraction ("-12", "+3.5"), at most 9 digits on
 * either side of the point. False: it is none, and *ret is as before. */
bool at_fields_decimal(const struct at_fields *fields, size_t i, double *ret);
/* Copies the field; "" when there is none. False: it does not fit, and nothing is written. */
bool at_fields_text(const struct at_fields *fields, size_t i, char *ret, size_t size);
bool at_has_prefix(const char *line, const char *prefix);
