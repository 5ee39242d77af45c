#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/base/connectivity.h"

/* The readings of the last hours, in memory: what telemetry sends, what a reader asks for, what shows
 * how it came to a switch. Bounded: when it is full, of the older half every second one goes, so that
 * the past gets coarser and stays. Any thread. */

enum { SAMPLES_MAX = 1024 };

struct sample {
    /* Rises with each, from 1; one that is missing was left out to make room. */
    int64_t number;
    struct connectivity reading;
};

struct samples;

/* NULL: no memory. */
struct samples *samples_new(void);
void samples_free(struct samples *samples);

/* Adds a copy. What was read while the clock was not set is dated once it is. */
void samples_add(struct samples *samples, const struct connectivity *reading);
/* Copies at most `cap` of those with a higher number than `after`, oldest first; how many. */
size_t samples_after(struct samples *samples, int64_t after, size_t cap, struct sample *ret);
/* The number of the newest; 0: there is none. */
int64_t samples_newest(struct samples *samples);
