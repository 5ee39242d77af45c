#include "agent/state/samples.h"

#include <pthread.h>
#include <stdlib.h>

#include "agent/base/clock.h"

struct samples {
    pthread_mutex_t lock;
    /* under lock: */
    int64_t newest;
    size_t count;
    struct sample items[SAMPLES_MAX];
};

struct samples *samples_new(void)
{
    struct samples *samples = calloc(1, sizeof *samples);

    if (samples)
        pthread_mutex_init(&samples->lock, NULL);
    return samples;
}

void samples_free(struct samples *samples)
{
    if (!samples)
        return;
    pthread_mutex_destroy(&samples->lock);
    free(samples);
}

static void thin(struct samples *samples)
{
    size_t kept = 0;

    for (size_t i = 0; i < samples->count; i++)
        if (i >= samples->count / 2 || i % 2 == 0)
            samples->items[kept++] = samples->items[i];
    samples->count = kept;
}

/* By the newest, whose clock is set. */
static void date(struct samples *samples)
{
    const struct connectivity *newest = &samples->items[samples->count - 1].reading;

    if (!clock_was_set(newest->at_utc_ms))
        return;
    for (size_t i = samples->count - 1; i-- > 0;) {
        struct connectivity *earlier = &samples->items[i].reading;

        if (clock_was_set(earlier->at_utc_ms))
            return;
        earlier->at_utc_ms = newest->at_utc_ms - (newest->at_ms - earlier->at_ms);
    }
}

void samples_add(struct samples *samples, const struct connectivity *reading)
{
    pthread_mutex_lock(&samples->lock);
    if (samples->count == SAMPLES_MAX)
        thin(samples);
    samples->items[samples->count++] =
        (struct sample){ .number = ++samples->newest, .reading = *reading };
    date(samples);
    pthread_mutex_unlock(&samples->lock);
}

/* The first with a higher number. Under lock. */
static size_t find_after(const struct samples *samples, int64_t after)
{
    size_t low = 0, high = samples->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (samples->items[middle].number > after)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

size_t samples_after(struct samples *samples, int64_t after, size_t cap, struct sample *ret)
{
    size_t count = 0;

    pthread_mutex_lock(&samples->lock);
    for (size_t i = find_after(samples, after); i < samples->count && count < cap; i++)
        ret[count++] = samples->items[i];
    pthread_mutex_unlock(&samples->lock);
    return count;
}

int64_t samples_newest(struct samples *samples)
{
    int64_t newest;

    pthread_mutex_lock(&samples->lock);
    newest = samples->newest;
    pthread_mutex_unlock(&samples->lock);
    return newest;
}
