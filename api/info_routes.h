#pragma once

#include "api/call.h"

/* GET /v1/info: agent, modem, card, broker, disk and lock, who asks, and what this version can do. */

struct routes;
struct snapshot;

void info_routes_get(const struct routes *routes, const struct snapshot *now, struct call *call,
                     struct answer *ret);
