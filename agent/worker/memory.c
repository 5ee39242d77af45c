#include "agent/worker/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/operation/journal.h"

enum { LEFT_OPEN_MS = 10 * 60 * 1000, CONNACK_MS = 10 * 60 * 1000 };

static const char enabled_key[] = "enabled", channels_key[] = "channels", connack_key[] = "connack";

/* "<ICCID>[ <UTC ms> <by>]"; what is none: not known. */
static void find_enabled(struct memory *memory)
{
    char *text = journal_get_value(memory->journal, enabled_key);
    char iccid[ICCID_TEXT_MAX + 1] = "", by[MEMORY_BY_MAX + 1] = "";
    int64_t since_utc_ms = 0;
    int count = text ? sscanf(text, "%20s %" SCNd64 " %15s", iccid, &since_utc_ms, by) : 0;

    if (count >= 1 && !iccid_from_text(iccid, strlen(iccid), &memory->enabled).code && count == 3) {
        memory->since_utc_ms = since_utc_ms;
        memcpy(memory->by, by, sizeof by);
    }
    free(text);
}

void memory_init(struct memory *memory, struct journal *journal)
{
    *memory = (struct memory){ .journal = journal };
    find_enabled(memory);
}

void memory_keep_enabled(struct memory *memory, const struct iccid *enabled, int64_t since_utc_ms,
                         const char *by)
{
    char text[ICCID_TEXT_MAX + MEMORY_BY_MAX + 32];

    if (iccid_equal(enabled, &memory->enabled) && since_utc_ms == memory->since_utc_ms &&
        strcmp(by, memory->by) == 0)
        return;
    memory->enabled = *enabled;
    memory->since_utc_ms = since_utc_ms;
    (void)snprintf(memory->by, sizeof memory->by, "%s", by);
    (void)snprintf(text, sizeof text, "%s %" PRId64 " %s", enabled->text, since_utc_ms, by);
    journal_save_value(memory->journal, enabled_key, text);
}

/* "<boot> <journal's clock> <what is open>"; nothing while nothing is. */
void memory_keep_channels(struct memory *memory, const char *open)
{
    char text[CLOCK_BOOT_LEN + CARD_CHANNELS_MAX + 32];

    (void)snprintf(text, sizeof text, "%s %" PRId64 " %s", clock_boot_id(),
                   journal_now_ms(memory->journal), open);
    journal_save_value(memory->journal, channels_key, open[0] ? text : NULL);
}

bool memory_find_channels(const struct memory *memory, char ret[CARD_CHANNELS_MAX + 1])
{
    char *text = journal_get_value(memory->journal, channels_key);
    char boot[CLOCK_BOOT_LEN + 1] = "", open[CARD_CHANNELS_MAX + 1] = "";
    int64_t at_ms = 0;
    bool found = text && sscanf(text, "%36s %" SCNd64 " %63s", boot, &at_ms, open) == 3 &&
                 strcmp(boot, clock_boot_id()) == 0 &&
                 journal_now_ms(memory->journal) - at_ms < LEFT_OPEN_MS;

    if (found)
        memcpy(ret, open, sizeof open);
    free(text);
    return found;
}

void memory_keep_connack(struct memory *memory, const struct broker_facts *facts)
{
    int64_t now_ms = clock_now_ms();
    bool is_new = facts->accepted_at_ms > memory->connack_ms;
    char text[24];

    if (!is_new && !(facts->online && now_ms - memory->connack_ms >= CONNACK_MS))
        return;
    memory->connack_ms = now_ms;
    (void)snprintf(text, sizeof text, "%" PRId64, journal_now_ms(memory->journal));
    journal_save_value(memory->journal, connack_key, text);
}

bool memory_find_connack(const struct memory *memory, int64_t *ret_at_ms)
{
    char *text = journal_get_value(memory->journal, connack_key);
    int64_t at_ms = text ? strtoll(text, NULL, 10) : 0;
    int64_t age_ms = journal_now_ms(memory->journal) - at_ms;

    free(text);
    if (at_ms <= 0 || age_ms < 0)
        return false;
    *ret_at_ms = clock_now_ms() - age_ms;
    return true;
}
