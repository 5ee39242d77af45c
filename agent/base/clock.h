#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/error.h"

/* Two clocks. Durations and deadlines: milliseconds of CLOCK_BOOTTIME, which no time correction
 * moves and which goes on in suspend. Stamps that people read: milliseconds of UTC since 1970. */

enum { CLOCK_TEXT_LEN = 24 }; /* 2026-11-23T20:01:29.120Z */

/* A deadline that never comes. */
#define CLOCK_NEVER INT64_MAX

int64_t clock_now_ms(void);
int64_t clock_utc_ms(void);
/* False while the wall clock is before 2024: a gateway without a battery starts in 1970. */
bool clock_is_set(void);
/* The same of a moment that it told. */
bool clock_was_set(int64_t utc_ms);

/* The wall clock at a moment that both told; where it was not set then, as of the one of now. */
int64_t clock_utc_of(int64_t at_ms, int64_t at_utc_ms);

enum { CLOCK_BOOT_LEN = 36 };

/* Names the boot that runs: within one CLOCK_BOOTTIME goes on, over all that restarts here. "" where
 * the system does not tell; for the life of the process. Any thread. */
const char *clock_boot_id(void);

/* Of two deadlines. */
int64_t clock_earlier(int64_t a_ms, int64_t b_ms);
/* Milliseconds until `deadline` for poll(): 0 when past, -1 for CLOCK_NEVER, at most one hour. */
int clock_poll_ms(int64_t deadline_ms);

/* RFC 3339 with milliseconds, "Z". Years outside 0000 to 9999 are cut to them. */
void clock_to_text(int64_t utc_ms, char ret[CLOCK_TEXT_LEN + 1]);
/* RFC 3339, any offset, fractions cut to milliseconds, "T" and "Z" in any case, a leap second taken
 * as the second after. ERROR_INVALID_REQUEST. */
MUST_CHECK struct error clock_from_text(const char *text, int64_t *ret_utc_ms);
