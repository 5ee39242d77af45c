#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "mqtt/outbox.h"

/* The outbox for all threads: its lock, the descriptor that wakes the thread which sends, and its part
 * of the journal. The lock is a leaf: under it nothing is called, so it may be taken in a call-back of
 * Paho's. Where the disk takes nothing, messages go on in memory. */

struct journal;
struct letters;
struct post;

/* Keeps the journal, and takes up what it has. NULL: no memory or no descriptor. */
struct post *post_new(size_t cap_bytes, struct journal *journal);
/* The journal is as post_tidy() left it: what has not been sent stays there. */
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
/* The same, and it is on disk before (without an fsync). Not in a call-back of Paho's. */
void post_say_kept(struct post *post, const struct outbox_message *message, char *payload);
/* Any thread: puts what is written of an operation, and wakes. Takes the letters. */
void post_letters(struct post *post, struct letters *letters);
void post_withdraw(struct post *post, const char *topic);

/* The sending thread's, as of outbox.h. */
const struct outbox_row *post_next(struct post *post, int64_t now_ms, size_t max_in_flight,
                                   size_t max_packet);
int64_t post_next_ms(struct post *post, int64_t now_ms);
enum outbox_ack post_acked(struct post *post, int64_t number, int reason, int64_t now_ms);
void post_returned(struct post *post, int64_t number);
void post_lost(struct post *post);
bool post_take_aside(struct post *post, struct outbox_aside *ret);
struct outbox_counts post_counts(struct post *post);
/* Takes off the disk what is done with, and fetches what was left there once memory has room. */
void post_tidy(struct post *post);
