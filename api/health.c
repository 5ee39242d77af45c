#include "api/health.h"

#include "agent/base/clock.h"
#include "agent/base/json.h"
#include "agent/operation/journal.h"
#include "agent/operation/operations.h"
#include "agent/state/broker.h"
#include "agent/state/render.h"
#include "agent/state/snapshot.h"
#include "api/routes.h"
#include "config/config.h"

static bool add_broker(cJSON *to, const struct routes *routes)
{
    const struct broker_facts facts = broker_facts(routes->broker);
    cJSON *broker = cJSON_AddObjectToObject(to, "broker");

    return broker && json_add_bool(broker, "configured", routes->config->mqtt.uri != NULL) &&
           json_add_bool(broker, "online", facts.online) &&
           (!facts.online ||
            json_add_time(broker, "since",
                          clock_utc_of(facts.accepted_at_ms, facts.accepted_utc_ms))) &&
           (facts.online || !facts.trouble[0] ||
            render_trouble(broker, facts.trouble_is_refusal ? ERROR_FORBIDDEN : ERROR_UNREACHABLE,
                           facts.trouble));
}

static bool add_storage(cJSON *to, struct journal *journal)
{
    const struct error e = journal_check(journal);
    cJSON *storage = cJSON_AddObjectToObject(to, "storage");

    return storage && json_add_bool(storage, "ok", !e.code) &&
           (!e.code || json_add_text(storage, "detail", e.message));
}

struct error health_trouble(const struct snapshot *now)
{
    if (now->trouble.code || now->modem == MODEM_READY)
        return now->trouble;
    return error_make(ERROR_IN_AGENT, ERROR_MODEM_ABSENT, 0, "the modem is not set up yet");
}

/* Absent where nobody holds it. */
static bool add_lock(cJSON *to, struct operations *operations)
{
    struct operation_lock lock;
    cJSON *json;

    if (!operations_get_lock(operations, &lock))
        return true;
    json = lock_to_json(&lock);
    if (json && cJSON_AddItemToObject(to, "lock", json))
        return true;
    cJSON_Delete(json);
    return false;
}

bool health_add_parts(cJSON *to, const struct routes *routes, const struct snapshot *now)
{
    return add_broker(to, routes) && add_storage(to, routes->journal) &&
           json_add_bool(to, "stranded", now->stranded) && add_lock(to, routes->operations);
}

cJSON *health_to_json(const struct routes *routes, const struct snapshot *now)
{
    const struct error trouble = health_trouble(now);
    cJSON *json = cJSON_CreateObject();

    if (json && json_add_bool(json, "ready", !trouble.code) &&
        (!trouble.code || render_trouble(json, trouble.code, trouble.message)) &&
        health_add_parts(json, routes, now))
        return json;
    cJSON_Delete(json);
    return NULL;
}
