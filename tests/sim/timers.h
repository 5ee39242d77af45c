#pragma once

#include <stdbool.h>
#include <stdint.h>

/* One-shot timers of the poll loop. A timer is known by its function and argument: setting it again
 * moves it. */

struct sim;
typedef void (*timer_fn)(struct sim *sim, int arg);

void timer_set(timer_fn fn, int arg, int64_t delay_ms);
void timer_cancel(timer_fn fn, int arg);
bool timer_pending(timer_fn fn, int arg);
/* Runs what is due. Returns the milliseconds until the next, -1 for none. */
int timers_run(struct sim *sim);
