#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What is known of the way to the broker: the link writes it down, the switch takes it for proof.
 * Moments are CLOCK_BOOTTIME; any thread. */

struct broker;

enum { BROKER_TROUBLE_MAX = 199 };

struct broker_facts {
    /* When the attempt was begun that ended in the last accepting CONNACK, and when that came; 0:
     * never. */
    int64_t accepted_begun_ms, accepted_at_ms;
    /* The wall clock as that CONNACK came. */
    int64_t accepted_utc_ms;
    /* The same of the last refusing CONNACK: it proves the way, not the broker. */
    int64_t refused_begun_ms, refused_at_ms;
    /* The link is up now; it was, in this process. */
    bool online, was_online;
    /* Why the last attempt failed or the link ended, and whether the broker said so; "" since it is
     * up, and before the first attempt. */
    char trouble[BROKER_TROUBLE_MAX + 1];
    bool trouble_is_refusal;
    /* The last CONNACK of an earlier process. One of before the boot has a negative moment. */
    bool remembers;
    int64_t remembered_at_ms;
    /* When the broker had acknowledged that a switch is about to run; 0: never. */
    int64_t switching_told_ms;
};

/* NULL: no memory. */
struct broker *broker_new(void);
void broker_free(struct broker *broker);
/* `wake` (any thread, no lock held) is called after each change; before the first thread. */
void broker_set_wake(struct broker *broker, void (*wake)(void *ctx), void *ctx);

void broker_accepted(struct broker *broker, int64_t begun_ms, int64_t at_ms);
void broker_refused(struct broker *broker, int64_t begun_ms, int64_t at_ms);
void broker_lost(struct broker *broker);
/* Why it is tried again: for people. Cut at BROKER_TROUBLE_MAX. */
void broker_failed(struct broker *broker, const char *why, bool refused);
/* Before the first thread, or when the journal tells it at last. */
void broker_remember(struct broker *broker, int64_t at_ms);
void broker_told_switching(struct broker *broker, int64_t at_ms);
struct broker_facts broker_facts(struct broker *broker);
