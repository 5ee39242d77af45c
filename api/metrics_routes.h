#pragma once

#include "api/routes.h"

struct snapshot;

/* GET /metrics: what is counted and known, from memory. It asks the modem nothing and leaves nothing in
 * the journal. */
void metrics_routes_get(const struct routes *routes, const struct snapshot *now, struct call *call,
                        struct answer *ret);
