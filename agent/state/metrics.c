#include "agent/state/metrics.h"

#include <pthread.h>
#include <stdlib.h>

const int64_t metrics_bounds_ms[METRICS_BUCKETS] = { 100,    250,    500,   1000,  2500,
                                                     5000,   10000,  20000, 30000, 60000,
                                                     120000, 300000, 600000 };

struct metrics {
    pthread_mutex_t lock;
    /* under lock: */
    struct metrics_values values;
};

struct metrics *metrics_new(void)
{
    struct metrics *metrics = calloc(1, sizeof *metrics);

    if (metrics)
        pthread_mutex_init(&metrics->lock, NULL);
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    if (!metrics)
        return;
    pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}

static void add(struct metrics *metrics, uint64_t *value, uint64_t by)
{
    pthread_mutex_lock(&metrics->lock);
    *value += by;
    pthread_mutex_unlock(&metrics->lock);
}

void metrics_count(struct metrics *metrics, enum metrics_counter counter)
{
    if (metrics && counter < METRICS_COUNTERS)
        add(metrics, &metrics->values.counters[counter], 1);
}

void metrics_count_end(struct metrics *metrics, unsigned channel, unsigned state,
                       enum error_code code)
{
    if (!metrics || channel >= METRICS_CHANNELS || state >= METRICS_STATES || code >= ERROR_CODES)
        return;
    pthread_mutex_lock(&metrics->lock);
    metrics->values.operations[channel][state]++;
    if (code)
        metrics->values.errors[channel][state][code]++;
    pthread_mutex_unlock(&metrics->lock);
}

static void observe(struct metrics *metrics, struct metrics_histogram *histogram, int64_t ms)
{
    size_t i = 0;

    if (ms < 0)
        return;
    while (i < METRICS_BUCKETS && ms > metrics_bounds_ms[i])
        i++;
    pthread_mutex_lock(&metrics->lock);
    histogram->buckets[i]++;
    histogram->sum_ms += (uint64_t)ms;
    pthread_mutex_unlock(&metrics->lock);
}

void metrics_add_phase(struct metrics *metrics, unsigned phase, int64_t ms)
{
    if (metrics && phase < METRICS_PHASES)
        observe(metrics, &metrics->values.phases[phase], ms);
}

void metrics_add_switch(struct metrics *metrics, unsigned state, int64_t ms)
{
    if (metrics && state < METRICS_STATES)
        observe(metrics, &metrics->values.switches[state], ms);
}

void metrics_add_blackout(struct metrics *metrics, int64_t ms)
{
    if (metrics)
        observe(metrics, &metrics->values.blackout, ms);
}

void metrics_count_http(struct metrics *metrics, unsigned route, unsigned status)
{
    if (metrics && route < METRICS_ROUTES && status >= 100 && status < 600)
        add(metrics, &metrics->values.http[route][status / 100 - 1], 1);
}

void metrics_add_open(struct metrics *metrics, enum metrics_open what, int by)
{
    if (!metrics || what >= METRICS_OPEN)
        return;
    pthread_mutex_lock(&metrics->lock);
    metrics->values.open[what] += by;
    pthread_mutex_unlock(&metrics->lock);
}

void metrics_set_traffic(struct metrics *metrics, const struct traffic *traffic)
{
    if (!metrics)
        return;
    pthread_mutex_lock(&metrics->lock);
    metrics->values.traffic = *traffic;
    pthread_mutex_unlock(&metrics->lock);
}

void metrics_set_outbox(struct metrics *metrics, const struct metrics_outbox *outbox)
{
    if (!metrics)
        return;
    pthread_mutex_lock(&metrics->lock);
    metrics->values.outbox = *outbox;
    pthread_mutex_unlock(&metrics->lock);
}

void metrics_set_journal_fails(struct metrics *metrics, bool fails)
{
    if (!metrics)
        return;
    pthread_mutex_lock(&metrics->lock);
    metrics->values.journal_fails = fails;
    pthread_mutex_unlock(&metrics->lock);
}

void metrics_copy(struct metrics *metrics, struct metrics_values *ret)
{
    *ret = (struct metrics_values){ 0 };
    if (!metrics)
        return;
    pthread_mutex_lock(&metrics->lock);
    *ret = metrics->values;
    pthread_mutex_unlock(&metrics->lock);
}
