#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "ctl/commands.h"

/* The doctor: one check after the other, each with what was found and what to do. Works as far as it
 * can without an agent. */

enum doctor_level { DOCTOR_OK = 0, DOCTOR_SKIP, DOCTOR_WARN, DOCTOR_FAIL };

enum { DOCTOR_ROWS_MAX = 64, DOCTOR_TEXT_MAX = 255 };

struct doctor_row {
    enum doctor_level level;
    const char *check;
    char text[DOCTOR_TEXT_MAX + 1];
    /* What to do; "" nothing. */
    char advice[DOCTOR_TEXT_MAX + 1];
};

struct doctor_report {
    size_t count;
    struct doctor_row rows[DOCTOR_ROWS_MAX];
};

/* Where this machine keeps things. */
struct doctor_places {
    const char *proc, *udev_data, *by_id;
};

void doctor_examine(const struct context *ctl, const struct doctor_places *places,
                    struct doctor_report *ret);
extern const struct doctor_places doctor_usual_places;

bool doctor_has_failures(const struct doctor_report *report);
void doctor_print(const struct doctor_report *report, FILE *out, bool coloured);
/* False: no memory. */
bool doctor_print_json(const struct doctor_report *report, FILE *out);
