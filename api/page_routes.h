#pragma once

#include "api/call.h"

/* What is answered from the program's own files: the status page and the contract. Each answer names its
 * version (ETag), so that a browser asks and gets it once. */

struct routes;
struct snapshot;

void page_routes_get(const struct routes *routes, const struct snapshot *now, struct call *call,
                     struct answer *ret);
