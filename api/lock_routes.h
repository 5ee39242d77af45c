#pragma once

#include "api/call.h"

/* PUT, GET and DELETE of /v1/locks/switch: handlers as in routes.c. */

struct routes;
struct snapshot;

void lock_routes_get(const struct routes *routes, const struct snapshot *now, struct call *call,
                     struct answer *ret);
void lock_routes_put(const struct routes *routes, const struct snapshot *now, struct call *call,
                     struct answer *ret);
void lock_routes_delete(const struct routes *routes, const struct snapshot *now, struct call *call,
                        struct answer *ret);
