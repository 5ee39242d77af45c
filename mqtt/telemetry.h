#pragma once

#include <stdbool.h>
#include <stdint.h>

/* When samples are cut into batches (batch.h) and put in the outbox, on disk, too: each `publish_s`
 * (the first time after a random part of it, so that a fleet does not come as one wave), behind an
 * event that went out, at a stop, and when many wait. Whether the link is up does not matter. */

enum {
    /* So many samples do not wait for their time; they come in short intervals then. */
    TELEMETRY_PENDING_MAX = 256,
};

struct post;
struct samples;
struct telemetry;

/* Keeps samples and post; `base` is P. NULL: no memory. */
struct telemetry *telemetry_new(struct samples *samples, const char *base, struct post *post,
                                int publish_s);
void telemetry_free(struct telemetry *telemetry);

/* Any thread; the one of the link has to be woken. Another time than before begins as after a start. */
void telemetry_set_publish_s(struct telemetry *telemetry, int publish_s);

/* --- the link's thread --- */

/* Cuts what is due. */
void telemetry_work(struct telemetry *telemetry);
/* Cuts all that waits. */
void telemetry_cut(struct telemetry *telemetry);
/* A message went out: after an event telemetry_work() cuts all that waits. */
void telemetry_went_out(struct telemetry *telemetry, const char *topic);
/* When telemetry_work() has to be called though no sample comes; CLOCK_NEVER. */
int64_t telemetry_next_ms(const struct telemetry *telemetry);
