#include "api/list.h"

#include <stdlib.h>

#include "agent/operation/proofs.h"
#include "agent/state/render.h"
#include "api/routes.h"

cJSON *list_to_json(const struct routes *routes, const struct snapshot *now,
                    char ret_etag[ETAG_REFINED_MAX + 1])
{
    cJSON *json = cJSON_CreateObject();
    cJSON *rows = render_profiles(&now->list, proofs_find, routes->proofs);
    char *text = NULL;

    if (json && rows && cJSON_AddItemToObject(json, "profiles", rows)) {
        rows = NULL;
        text = cJSON_PrintUnformatted(json);
    }
    if (text) {
        etag_refine(now->etag, text, ret_etag);
        free(text);
        return json;
    }
    cJSON_Delete(rows);
    cJSON_Delete(json);
    return NULL;
}
