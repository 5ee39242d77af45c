#pragma once

#include <cjson/cJSON.h>

#include "agent/base/connectivity.h"
#include "agent/base/profile.h"
#include "agent/state/snapshot.h"

/* What the snapshot says, as the JSON that every door shows (REST, MQTT): what is not known is
 * absent, never null or zero. Pure; each function gives its tree (cJSON_Delete), NULL: no memory. */

/* What the configuration calls a profile; NULL: nothing. */
typedef const char *(*render_label)(const void *ctx, const struct iccid *iccid);

/* {"eid","valid","profile_code"} */
cJSON *render_eid(const struct eid *eid);
/* What is known of a profile beside the card's list; what is 0 or NULL is not. */
struct render_facts {
    const char *label; /* borrowed until the next call */
    int64_t proven_utc_ms;
    enum error_code last_error;
};
typedef struct render_facts (*render_find)(void *ctx, const struct iccid *iccid);

/* {"iccid","aid","enabled","fallback","label","name","provider","nickname","proven_at","last_error",
 * "warnings"}; `find` may be NULL. `warnings` holds "luhn" for an ICCID with a wrong check digit. */
cJSON *render_profile(const struct profile *profile, render_find find, void *ctx);
/* An array of them in the card's order. */
cJSON *render_profiles(const struct profile_list *list, render_find find, void *ctx);
/* {"at","clock_set" (false, where it is not),"registration","reject_cause","roaming","operator","technology","signal","data","quality",
 * "iccid","imsi_hash"} */
cJSON *render_connectivity(const struct connectivity *connectivity);
/* Adds "trouble":{"code","detail"} to `to`. False: no memory. */
bool render_trouble(cJSON *to, enum error_code code, const char *detail);
/* {"agent":{"version","device_id"},"modem":{…},"card":{…}}; the door adds what it can do.
 * `device_id` may be NULL. */
cJSON *render_info(const struct snapshot *snapshot, const char *device_id);
