#include "agent/worker/rescue.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "agent/base/clock.h"
#include "agent/base/json.h"

enum { WAIT_MIN_MS = 5 * 60 * 1000, WAIT_MAX_MS = 60 * 60 * 1000, DOUBLINGS_MAX = 4 };

/* 5, 10, 20, 40, 60 min, each a tenth more or less, so that a fleet under one failed operator does not
 * move as one. */
static int64_t wait_ms(unsigned tries, uint32_t chance)
{
    int64_t ms = (int64_t)WAIT_MIN_MS << (tries < DOUBLINGS_MAX ? tries : DOUBLINGS_MAX);

    if (ms > WAIT_MAX_MS)
        ms = WAIT_MAX_MS;
    return ms - ms / 10 + (int64_t)(chance % (uint32_t)(ms / 5));
}

/* --- over a restart --- */

static bool add_profile(cJSON *array, const struct intent_profile *profile)
{
    char aid[AID_TEXT_MAX + 1];
    cJSON *item;

    if (!profile->known)
        return true;
    aid_to_text(&profile->aid, aid);
    item = cJSON_CreateString(profile->has_aid ? aid : profile->iccid.text);
    if (item && cJSON_AddItemToArray(array, item))
        return true;
    cJSON_Delete(item);
    return false;
}

char *rescue_to_text(const struct rescue *rescue)
{
    cJSON *json, *array;
    char *text = NULL;

    if (!rescue->stranded)
        return NULL;
    json = cJSON_CreateObject();
    array = json ? cJSON_AddArrayToObject(json, "profiles") : NULL;
    if (array && add_profile(array, &rescue->profiles[0]) &&
        add_profile(array, &rescue->profiles[1]) &&
        cJSON_AddNumberToObject(json, "tries", rescue->tries))
        text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return text;
}

static struct intent_profile profile_from(const cJSON *item)
{
    struct intent_profile profile = { 0 };
    struct profile_ref ref;

    if (!cJSON_IsString(item) ||
        profile_ref_from_text(item->valuestring, strlen(item->valuestring), &ref).code)
        return profile;
    profile.known = true;
    profile.has_aid = ref.by_aid;
    profile.has_iccid = !ref.by_aid;
    profile.aid = ref.aid;
    profile.iccid = ref.iccid;
    return profile;
}

static bool from_text(const char *text, struct rescue *ret)
{
    cJSON *json = NULL;
    const cJSON *array;
    int64_t tries = 0;
    struct error e = json_parse(text, strlen(text), &json);

    if (!e.code)
        e = json_get_int(json, "tries", 0, 1000000, &tries, NULL);
    array = cJSON_GetObjectItemCaseSensitive(json, "profiles");
    for (int i = 0; !e.code && i < RESCUE_PROFILES; i++)
        ret->profiles[i] = profile_from(cJSON_GetArrayItem(array, i));
    cJSON_Delete(json);
    ret->tries = (unsigned)tries;
    return !e.code && ret->profiles[0].known;
}

struct rescue rescue_begin(const char *text, bool journal_lost, int64_t now_ms)
{
    struct rescue rescue = { .next_ms = CLOCK_NEVER,
                             .watching = journal_lost,
                             .watching_since_ms = -1 };

    rescue.stranded = text && from_text(text, &rescue);
    if (rescue.stranded)
        rescue.next_ms = now_ms + wait_ms(rescue.tries, 0);
    return rescue;
}

/* --- what happens --- */

void rescue_strand(struct rescue *rescue, const struct intent_profile *previous,
                   const struct intent_profile *fallback, int64_t now_ms, uint32_t chance)
{
    size_t count = 0;

    *rescue = (struct rescue){ .next_ms = CLOCK_NEVER };
    if (previous->known)
        rescue->profiles[count++] = *previous;
    if (fallback->known)
        rescue->profiles[count++] = *fallback;
    rescue->stranded = count > 0;
    if (rescue->stranded)
        rescue->next_ms = now_ms + wait_ms(0, chance);
}

bool rescue_end(struct rescue *rescue)
{
    bool was = rescue->stranded || rescue->watching;

    *rescue = (struct rescue){ .next_ms = CLOCK_NEVER };
    return was;
}

void rescue_see_unregistered(struct rescue *rescue, int64_t now_ms)
{
    if (rescue->watching && rescue->watching_since_ms < 0)
        rescue->watching_since_ms = now_ms;
}

int64_t rescue_next_ms(const struct rescue *rescue, int64_t register_ms)
{
    if (rescue->watching)
        return rescue->watching_since_ms < 0 ? CLOCK_NEVER
                                             : rescue->watching_since_ms + register_ms;
    return rescue->next_ms;
}

static struct profile_ref ref_of_known(const struct intent_profile *profile)
{
    return (struct profile_ref){ .by_aid = profile->has_aid,
                                 .aid = profile->aid,
                                 .iccid = profile->iccid };
}

static const struct profile *find_row(const struct profile_list *list,
                                      const struct intent_profile *profile)
{
    const struct profile_ref ref = ref_of_known(profile);

    return profile->known ? profile_find(list, &ref) : NULL;
}

static struct profile_ref ref_of(const struct profile *row)
{
    return (struct profile_ref){ .by_aid = !row->has_iccid, .aid = row->aid, .iccid = row->iccid };
}

static bool fallback_of(const struct profile_list *list, struct profile_ref *ret)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->rows[i].fallback == FALLBACK_YES && !list->rows[i].enabled) {
            *ret = ref_of(&list->rows[i]);
            return true;
        }
    return false;
}

/* The one whose turn it is; where that is in use already, the other. `list` NULL: which one is in use is not
 * known. */
static bool turn_of(const struct rescue *rescue, const struct profile_list *list,
                    struct profile_ref *ret)
{
    for (unsigned i = 0; i < RESCUE_PROFILES; i++) {
        const struct intent_profile *profile =
            &rescue->profiles[(rescue->tries + i) % RESCUE_PROFILES];
        const struct profile *row = list ? find_row(list, profile) : NULL;

        if (list ? row && !row->enabled : profile->known) {
            *ret = row ? ref_of(row) : ref_of_known(profile);
            return true;
        }
    }
    return false;
}

bool rescue_next(struct rescue *rescue, const struct profile_list *list, int64_t register_ms,
                 int64_t now_ms, uint32_t chance, struct profile_ref *ret)
{
    bool found;

    if (now_ms < rescue_next_ms(rescue, register_ms) || (rescue->watching && !list))
        return false;
    if (rescue->watching) {
        rescue->watching = false;
        return fallback_of(list, ret);
    }
    found = turn_of(rescue, list, ret);
    rescue->tries++;
    rescue->next_ms = now_ms + wait_ms(rescue->tries, chance);
    return found;
}
