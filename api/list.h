#pragma once

#include <cjson/cJSON.h>

#include "agent/state/etag.h"

/* The list of profiles as REST gives it, with the ETag of just these bytes. Only the API's thread. */

struct routes;
struct snapshot;

/* {"profiles":[…]} of now->list; its tag is that of the card's list, refined by what else the rows say.
 * Gives (cJSON_Delete); NULL: no memory. */
cJSON *list_to_json(const struct routes *routes, const struct snapshot *now,
                    char ret_etag[ETAG_REFINED_MAX + 1]);
