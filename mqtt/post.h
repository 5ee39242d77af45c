#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "mqtt/outbox.h"

/* The outbox for all threads: its lock, and the descriptor that wakes the thread which sends. The
 * lock is a leaf: under it nothing is called, so it may be taken in a call-back of Paho's. */

struct post;

/* NULL: no memory or no descriptor. */
struct post *post_new(size_t cap_bytes);
void post_free(struct post *post);

/* Readable when there is something to do; of the one thread that waits for it. */
int post_fd(const struct post *post);
/* Any thread. */
void post_wake(struct post *post);
/* Takes the wake-ups that came. */
void post_woken(struct post *post);

/* Any thread: puts and wakes. `payload` is taken (free); NULL (no memory to make it): nothing is
 * said, and that is logged. */
void post_say(struct post *post, const struct outbox_message *message, char *payload);
void post_withdraw(struct post *post, const char *topic);

/* The sending thread's, as of outbox.h. */
const struct outbox_row *post_next(struct post *post, int64_t now_ms, size_t max_in_flight,
                                   size_t max_packet);
int64_t post_next_ms(struct post *post, int64_t now_ms);
enum outbox_ack post_acked(struct post *post, int64_t number, int reason, int64_t now_ms);
void post_returned(struct post *post, int64_t number);
void post_lost(struct post *post);
struct outbox_counts post_counts(struct post *post);
