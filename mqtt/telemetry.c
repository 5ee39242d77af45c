#include "mqtt/telemetry.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/id.h"
#include "agent/base/log.h"
#include "agent/state/samples.h"
#include "mqtt/batch.h"
#include "mqtt/post.h"
#include "mqtt/topics.h"

struct telemetry {
    struct samples *samples;
    struct post *post;
    char topic[TOPICS_MAX], events[TOPICS_MAX];
    atomic_int publish_s;
    /* of the link's thread: */
    int publish_s_in_use;
    int64_t due_ms;
    int64_t cut; /* the number of the last sample that is in a batch */
    struct sample rows[BATCH_ROWS];
};

/* From now on, with a random part of the time first. */
static void begin(struct telemetry *telemetry)
{
    telemetry->publish_s_in_use = atomic_load(&telemetry->publish_s);
    telemetry->due_ms =
        clock_now_ms() + id_random_below((uint32_t)telemetry->publish_s_in_use * 1000);
}

struct telemetry *telemetry_new(struct samples *samples, const char *base, struct post *post,
                                int publish_s)
{
    struct telemetry *telemetry = calloc(1, sizeof *telemetry);

    if (!telemetry)
        return NULL;
    telemetry->samples = samples;
    telemetry->post = post;
    topics_of(base, "m/connectivity", telemetry->topic);
    topics_of(base, "e/", telemetry->events);
    atomic_init(&telemetry->publish_s, publish_s);
    begin(telemetry);
    return telemetry;
}

void telemetry_free(struct telemetry *telemetry)
{
    free(telemetry);
}

void telemetry_set_publish_s(struct telemetry *telemetry, int publish_s)
{
    atomic_store(&telemetry->publish_s, publish_s);
}

/* What was read before the clock was set gets its date by it. */
static void date(struct connectivity *reading)
{
    if (clock_is_set() && !clock_was_set(reading->at_utc_ms))
        reading->at_utc_ms = clock_utc_ms() - (clock_now_ms() - reading->at_ms);
}

/* The first of as many batches as `pending` samples need, all of the same length as far as that goes.
 * False: there is none, or no memory for it. */
static bool cut_one(struct telemetry *telemetry, int64_t pending)
{
    const struct outbox_message message = { .class = OUTBOX_TELEMETRY, .topic = telemetry->topic };
    int64_t batches = (pending + BATCH_ROWS - 1) / BATCH_ROWS;
    size_t count = samples_after(telemetry->samples, telemetry->cut,
                                 (size_t)((pending + batches - 1) / batches), telemetry->rows);
    char *text;
    int64_t last;

    if (count == 0)
        return false;
    last = telemetry->rows[count - 1].number;
    date(&telemetry->rows[0].reading);
    text = batch_to_text(telemetry->rows, count, last - telemetry->cut, clock_is_set());
    if (!text)
        return false;
    telemetry->cut = last;
    post_say_kept(telemetry->post, &message, text);
    return true;
}

void telemetry_cut(struct telemetry *telemetry)
{
    int64_t newest = samples_newest(telemetry->samples);

    while (telemetry->cut < newest && cut_one(telemetry, newest - telemetry->cut))
        ;
    telemetry->due_ms = clock_now_ms() + (int64_t)telemetry->publish_s_in_use * 1000;
}

static int64_t pending(const struct telemetry *telemetry)
{
    return samples_newest(telemetry->samples) - telemetry->cut;
}

void telemetry_work(struct telemetry *telemetry)
{
    if (atomic_load(&telemetry->publish_s) != telemetry->publish_s_in_use)
        begin(telemetry);
    if (pending(telemetry) >= TELEMETRY_PENDING_MAX ||
        (pending(telemetry) > 0 && clock_now_ms() >= telemetry->due_ms))
        telemetry_cut(telemetry);
}

void telemetry_went_out(struct telemetry *telemetry, const char *topic)
{
    if (strncmp(topic, telemetry->events, strlen(telemetry->events)) == 0 && pending(telemetry) > 0)
        telemetry->due_ms = 0;
}

int64_t telemetry_next_ms(const struct telemetry *telemetry)
{
    return pending(telemetry) > 0 ? telemetry->due_ms : CLOCK_NEVER;
}
