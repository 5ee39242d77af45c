#include "api/tell.h"

#include "agent/state/render.h"
#include "agent/state/snapshot.h"
#include "api/events.h"
#include "api/health.h"
#include "api/list.h"
#include "api/news.h"
#include "api/routes.h"

/* NULL: no memory. */
static cJSON *profiles_to_json(const struct routes *routes, const struct snapshot *now,
                               const char *by)
{
    char etag[ETAG_REFINED_MAX + 1];
    cJSON *json = list_to_json(routes, now, etag);

    if (json && cJSON_AddStringToObject(json, "by", by) &&
        cJSON_AddStringToObject(json, "etag", etag))
        return json;
    cJSON_Delete(json);
    return NULL;
}

static void tell_item(const struct news_item *item, const struct routes *routes,
                      struct events *events)
{
    /* Of after the news, so that none is told as it was before. */
    const struct snapshot *now = state_take(routes->state);

    switch (item->kind) {
    case NEWS_OPERATION:
        events_add(events, "operation", operation_to_json(&item->op));
        break;
    case NEWS_PROFILES:
        /* Dropped again: it is told when it is known. */
        if (now->has_list)
            events_add(events, "profiles", profiles_to_json(routes, now, item->by));
        break;
    case NEWS_CONNECTIVITY:
        if (now->has_connectivity)
            events_add(events, "connectivity", render_connectivity(&now->connectivity));
        break;
    case NEWS_HEALTH:
        events_add(events, "health", health_to_json(routes, now));
        break;
    case NEWS_LOST:
    case NEWS_KINDS:
        events_skip(events);
        break;
    }
    snapshot_release(now);
}

bool tell_news(struct news *news, const struct routes *routes, struct events *events)
{
    struct news_item item;
    bool any_operation = false;

    /* Bounded, as all that is posted meanwhile wakes the thread once more. */
    for (size_t i = 0; i < NEWS_OPERATIONS_MAX + NEWS_KINDS && news_take(news, &item); i++) {
        tell_item(&item, routes, events);
        any_operation = any_operation || item.kind == NEWS_OPERATION || item.kind == NEWS_LOST;
    }
    return any_operation;
}
