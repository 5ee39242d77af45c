#pragma once

#include <stdbool.h>

#include <cjson/cJSON.h>

/* How the agent itself is, as JSON: what `GET /v1/info` says beside modem and card, and the event
 * `health`. Only the API's thread; asks the journal. */

struct routes;
struct snapshot;

/* Adds {"broker":{"configured","online","since","trouble":{"code","detail"}},"storage":{"ok","detail"},
 * "stranded","lock" (absent: free)} to `to`. False: no memory. */
bool health_add_parts(cJSON *to, const struct routes *routes, const struct snapshot *now);
/* {"ready","trouble",…the parts…}. Gives (cJSON_Delete); NULL: no memory. */
cJSON *health_to_json(const struct routes *routes, const struct snapshot *now);
/* Why the modem or the card cannot be used now; code ERROR_NONE: they can. */
struct error health_trouble(const struct snapshot *now);
