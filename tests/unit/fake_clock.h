#pragma once

/* Both clocks of agent/base/clock.h as a test sets them. A program that includes this is linked with
 * --wrap for the three functions, so nothing in the product knows of it. */

#include <stdbool.h>
#include <stdint.h>

static struct {
    int64_t now_ms, utc_ms;
    bool unset;
} fake_clock = { .now_ms = 1000000,
                 .utc_ms = INT64_C(1795464089120) }; /* 2026-11-23T20:01:29.120Z */

int64_t __wrap_clock_now_ms(void);
int64_t __wrap_clock_utc_ms(void);
bool __wrap_clock_is_set(void);

int64_t __wrap_clock_now_ms(void)
{
    return fake_clock.now_ms;
}

int64_t __wrap_clock_utc_ms(void)
{
    return fake_clock.utc_ms;
}

bool __wrap_clock_is_set(void)
{
    return !fake_clock.unset;
}

static inline void fake_clock_pass(int64_t ms)
{
    fake_clock.now_ms += ms;
    fake_clock.utc_ms += ms;
}
