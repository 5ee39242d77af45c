#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/connectivity.h"

/* When the network is read (each telemetry.sample_s, and at once when the modem tells of a change), and
 * where a reading goes: with what the probes learned into the ring of samples and, where that is wanted,
 * into a file. Of the worker's thread, but for sampler_reload(). */

struct config;
struct prober;
struct recorder;
struct samples;
struct sampler;

/* Keeps both. NULL: no memory. */
struct sampler *sampler_new(const struct config *config, struct samples *samples);
void sampler_free(struct sampler *sampler);

/* Takes a configuration whose `telemetry` and `probe` are to be in force from the next
 * sampler_take_reload() on, which sampler_work() begins with. Any thread. */
void sampler_reload(struct sampler *sampler, struct config *config);
void sampler_take_reload(struct sampler *sampler);
/* The configuration whose `telemetry` and `probe` are in force; until the next sampler_take_reload(). */
const struct config *sampler_config(const struct sampler *sampler);

/* A reading is due at once; one is enough for all hints that come within a few seconds. */
void sampler_want(struct sampler *sampler);
void sampler_hint(struct sampler *sampler);
bool sampler_is_due(const struct sampler *sampler, int64_t now_ms);
/* An attempt to read was made: the next one is due in telemetry.sample_s. */
void sampler_tried(struct sampler *sampler, int64_t now_ms);
/* When that was; 0: never. */
int64_t sampler_tried_ms(const struct sampler *sampler);
/* A reading is through: adds its quality, keeps and records it. */
void sampler_put(struct sampler *sampler, struct connectivity *reading);

/* Takes over a reload and probes as it is due; `now`: the last reading, NULL where there is none. When it
 * has to be called again. Never waits. */
int64_t sampler_work(struct sampler *sampler, const struct connectivity *now, int64_t now_ms);
/* The profile is being left, or the modem is gone: what the probes that run would say is of no use. */
void sampler_interrupt(struct sampler *sampler);
