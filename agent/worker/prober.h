#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/connectivity.h"

/* How well data flows between the switches: a connection to each of probe.targets each
 * probe.interval_s, each probe.failing_interval_s while too few are reached, and none while the
 * interface is seen to receive; and what that interface carried. Never waits: the owner calls again when
 * prober_next_ms() says so. Session. */

struct config;
struct prober;

/* Keeps `config`. NULL: no memory. */
struct prober *prober_new(const struct config *config);
void prober_free(struct prober *prober);

/* Forgets and ends what runs: it belongs to a profile that is being left, or to a modem that is gone. */
void prober_abandon(struct prober *prober);
/* What is due now. `may`: the modem has service, so there is something to try. True: enough are reached
 * that were not before, or no longer. */
bool prober_work(struct prober *prober, bool may, int64_t now_ms);
/* When it has to be called again; CLOCK_NEVER. */
int64_t prober_next_ms(const struct prober *prober, bool may);
/* Loss and round trip of the rounds since the last time, else as they were while no round has come; what
 * the interface carried since the last time. */
void prober_take(struct prober *prober, struct quality *ret);
