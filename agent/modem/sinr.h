#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The SINR in a maker's own lines; 27.007's CESQ has it for NR alone. Codec. */

enum { SINR_WORDS = 2, SINR_FORMS = 2 };

/* One kind of line. Fields count from 0. */
struct sinr_form {
    /* What sets it apart from other kinds: fields and what they are. NULL: no more. */
    struct {
        size_t at;
        const char *is;
    } words[SINR_WORDS];
    /* The number's field. Outside of `min` to `max` it means unknown. */
    size_t at;
    double min, max;
    /* dB = first + number * step; step 0: there is no such form. */
    double first, step;
};

struct sinr_source {
    /* NULL: none is known. */
    const char *command;
    /* How its lines begin, up to the colon. NULL: they have none and begin with a digit. */
    const char *prefix;
    /* The first of them that tells the SINR counts. */
    struct sinr_form forms[SINR_FORMS];
};

/* Of the lines of one answer. False: none of them tells it, and *ret_db is as before. */
bool sinr_parse(const struct sinr_source *source, const char *const *lines, size_t count,
                double *ret_db);
