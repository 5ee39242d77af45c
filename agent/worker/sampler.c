#include "agent/worker/sampler.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "agent/base/log.h"
#include "agent/state/samples.h"
#include "agent/worker/prober.h"
#include "agent/worker/recorder.h"
#include "config/config.h"

enum { HINT_GAP_MS = 5000 };

struct sampler {
    const struct config *config; /* in force */
    struct config *own;          /* the same, once a reload has brought it */
    _Atomic(struct config *) reloaded;
    struct samples *samples;
    struct prober *prober;
    struct recorder *recorder; /* NULL: none is wanted */
    int64_t due_ms, tried_ms;
};

struct sampler *sampler_new(const struct config *config, struct samples *samples)
{
    struct sampler *sampler = calloc(1, sizeof *sampler);

    if (!sampler)
        return NULL;
    sampler->config = config;
    sampler->samples = samples;
    atomic_init(&sampler->reloaded, NULL);
    sampler->prober = prober_new(config);
    if (!sampler->prober) {
        free(sampler);
        return NULL;
    }
    sampler->recorder = recorder_new(config->telemetry.record);
    return sampler;
}

void sampler_free(struct sampler *sampler)
{
    if (!sampler)
        return;
    prober_free(sampler->prober);
    recorder_free(sampler->recorder);
    config_free(atomic_load(&sampler->reloaded));
    config_free(sampler->own);
    free(sampler);
}

void sampler_reload(struct sampler *sampler, struct config *config)
{
    config_free(atomic_exchange(&sampler->reloaded, config));
}

const struct config *sampler_config(const struct sampler *sampler)
{
    return sampler->config;
}

static int64_t interval_ms(const struct sampler *sampler)
{
    return 1000 * (int64_t)sampler->config->telemetry.sample_s;
}

static void advance_to(struct sampler *sampler, int64_t at_ms)
{
    if (at_ms < sampler->due_ms)
        sampler->due_ms = at_ms;
}

void sampler_take_reload(struct sampler *sampler)
{
    struct config *config = atomic_exchange(&sampler->reloaded, NULL);
    struct prober *prober;

    if (!config)
        return;
    prober = prober_new(config);
    if (!prober) {
        log_err("out of memory, going on with the telemetry and probes of before");
        config_free(config);
        return;
    }
    prober_free(sampler->prober);
    recorder_free(sampler->recorder);
    config_free(sampler->own);
    sampler->config = sampler->own = config;
    sampler->prober = prober;
    sampler->recorder = recorder_new(config->telemetry.record);
    advance_to(sampler, sampler->tried_ms + interval_ms(sampler));
}

void sampler_want(struct sampler *sampler)
{
    sampler->due_ms = 0;
}

/* A modem may tell of every change of a weak signal. */
void sampler_hint(struct sampler *sampler)
{
    advance_to(sampler, sampler->tried_ms + HINT_GAP_MS);
}

bool sampler_is_due(const struct sampler *sampler, int64_t now_ms)
{
    return sampler->due_ms <= now_ms;
}

void sampler_tried(struct sampler *sampler, int64_t now_ms)
{
    sampler->tried_ms = now_ms;
    sampler->due_ms = now_ms + interval_ms(sampler);
}

int64_t sampler_tried_ms(const struct sampler *sampler)
{
    return sampler->tried_ms;
}

void sampler_put(struct sampler *sampler, struct connectivity *reading)
{
    prober_take(sampler->prober, &reading->quality);
    samples_add(sampler->samples, reading);
    recorder_write(sampler->recorder, reading);
}

/* There is something to try: registered, and not known to be detached. */
static bool may_carry(const struct connectivity *now)
{
    return now && connectivity_is_registered(now) && (!now->attached_known || now->attached);
}

int64_t sampler_work(struct sampler *sampler, const struct connectivity *now, int64_t now_ms)
{
    bool may = may_carry(now);
    int64_t next_ms;

    sampler_take_reload(sampler);
    /* Reach was lost or is back: that is worth a reading. */
    if (prober_work(sampler->prober, may, now_ms))
        sampler_hint(sampler);
    next_ms = prober_next_ms(sampler->prober, may);
    return next_ms < sampler->due_ms ? next_ms : sampler->due_ms;
}

void sampler_interrupt(struct sampler *sampler)
{
    prober_abandon(sampler->prober);
}
