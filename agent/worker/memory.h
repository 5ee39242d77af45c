#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/iccid.h"
#include "agent/card/card.h"
#include "agent/state/broker.h"

/* Small things that the worker remembers over a restart, in the journal and without an fsync: which
 * profile is in use, what it has open on the card, when the broker was there last. The worker's thread
 * only. */

struct journal;

enum { MEMORY_BY_MAX = 15 };

struct memory {
    struct journal *journal;
    /* The profile in use, as the journal has it; "": not known. Since when and by what; 0 and "": not
     * known. */
    struct iccid enabled;
    int64_t since_utc_ms;
    char by[MEMORY_BY_MAX + 1];
    /* When it was last written down that the broker is there; CLOCK_BOOTTIME. */
    int64_t connack_ms;
};

/* Keeps `journal`. Reads what there is; again when the journal can be read at last. */
void memory_init(struct memory *memory, struct journal *journal);

void memory_keep_enabled(struct memory *memory, const struct iccid *enabled, int64_t since_utc_ms,
                         const char *by);

/* As card_options.on_channels() tells it; "" nothing. */
void memory_keep_channels(struct memory *memory, const char *open);
/* What an earlier process had open a moment ago in this boot, for card_adopt(). False: nothing: later
 * the modem may have started over, and a channel of that number be somebody else's. */
bool memory_find_channels(const struct memory *memory, char ret[CARD_CHANNELS_MAX + 1]);

/* Called now and then: writes when the broker is there anew, and while it stays. */
void memory_keep_connack(struct memory *memory, const struct broker_facts *facts);
/* CLOCK_BOOTTIME of an earlier process's last, negative where that was before the boot. False: none is known. */
bool memory_find_connack(const struct memory *memory, int64_t *ret_at_ms);
