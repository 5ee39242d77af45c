#include "api/info_routes.h"

#include "agent/base/clock.h"
#include "agent/base/json.h"
#include "agent/base/macros.h"
#include "agent/state/render.h"
#include "agent/state/snapshot.h"
#include "api/health.h"
#include "api/routes.h"
#include "config/config.h"

static bool add_process(cJSON *to, const struct routes *routes)
{
    int64_t uptime_s = (clock_now_ms() - routes->started_ms) / 1000;

    return json_add_time(to, "started_at",
                         clock_utc_of(routes->started_ms, routes->started_utc_ms)) &&
           cJSON_AddNumberToObject(to, "uptime_s", (double)uptime_s) != NULL &&
           cJSON_AddBoolToObject(to, "clock_set", clock_is_set()) != NULL;
}

/* Of the profile in use, where it is known. */
static bool add_since(cJSON *to, const struct snapshot *now)
{
    return !now->enabled_since_utc_ms ||
           (json_add_time(to, "enabled_since", now->enabled_since_utc_ms) &&
            json_add_text(to, "enabled_by", now->enabled_by));
}

static bool add_abilities(cJSON *to)
{
    static const char *const names[] = { "eid",          "profiles",    "enable",         "wait",
                                         "if-match",     "idempotency", "expect-enabled", "cancel",
                                         "connectivity", "plan",        "confirm",        "lock",
                                         "force",        "events",      "metrics" };
    cJSON *can = cJSON_CreateStringArray(names, (int)ARRAY_LEN(names));

    if (can && cJSON_AddItemToObject(to, "can", can))
        return true;
    cJSON_Delete(can);
    return false;
}

void info_routes_get(const struct routes *routes, const struct snapshot *now, struct call *call,
                     struct answer *ret)
{
    cJSON *json = render_info(now, routes->config->device_id);

    if (json && !(add_process(cJSON_GetObjectItemCaseSensitive(json, "agent"), routes) &&
                  add_since(cJSON_GetObjectItemCaseSensitive(json, "card"), now) &&
                  health_add_parts(json, routes, now) &&
                  json_add_text(json, "role", role_name(call->role)) && add_abilities(json))) {
        cJSON_Delete(json);
        json = NULL;
    }
    answer_json(ret, 200, json);
    if (!ret->is_problem)
        answer_add_header(ret, "Cache-Control", "no-cache");
}
