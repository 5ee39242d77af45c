#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/error.h"

/* From a method and a request target to what is asked for. Pure. Percent-decoding is strict: what
 * is no pair of hex digits, and what decodes to a control character or no ASCII, is refused. */

enum route {
    ROUTE_NONE = 0,
    ROUTE_HEALTHZ,
    ROUTE_READYZ,
    ROUTE_EID,
    ROUTE_PROFILES,
    ROUTE_PROFILE,
    ROUTE_ENABLE,
    ROUTE_PLAN,
    ROUTE_OPERATIONS,
    ROUTE_OPERATION,
    ROUTE_CANCEL,
    ROUTE_CONFIRM,
    ROUTE_LOCK,
    ROUTE_LOCK_PUT,
    ROUTE_LOCK_DELETE,
    ROUTE_CONNECTIVITY,
    ROUTE_STEERING,
    ROUTE_INFO,
    ROUTE_EVENTS,
    ROUTE_OPENAPI,
    ROUTE_METRICS,
    ROUTE_PAGE,
    ROUTE_PAGE_CSS,
    ROUTE_PAGE_JS,
    ROUTE_ICON,
    ROUTE_COUNT,
};

enum {
    ROUTER_TARGET_MAX = 2048,
    ROUTER_AUTHORITY_MAX = 255,
    ROUTER_PARAM_MAX = 64,
    ROUTER_NAME_MAX = 32,
    ROUTER_VALUE_MAX = 64,
    ROUTER_QUERY_MAX = 4,
    ROUTER_ALLOW_MAX = 31,
};

struct route_match {
    enum route route;
    /* It changes something: an operator's. */
    bool changes;
    /* No token is needed for it. */
    bool is_open;
    /* The media type of what it answers, with its parameters; problems are JSON all the same. */
    const char *media;
    /* What stood at {…} in the path, decoded; "" where there is none. */
    char param[ROUTER_PARAM_MAX + 1];
    size_t query_count;
    struct {
        char name[ROUTER_NAME_MAX + 1];
        char value[ROUTER_VALUE_MAX + 1];
    } query[ROUTER_QUERY_MAX];
    /* The host of a target in absolute form (RFC 9112 3.2.2), which counts more than Host; else "". */
    char authority[ROUTER_AUTHORITY_MAX + 1];
    /* For the header Allow of ERROR_METHOD_NOT_ALLOWED: "GET, HEAD"; else "". */
    char allow[ROUTER_ALLOW_MAX + 1];
};

/* ERROR_NOT_FOUND, ERROR_METHOD_NOT_ALLOWED, ERROR_INVALID_REQUEST (names an unknown or repeated
 * query parameter). *ret is set in any case, as far as it was understood. */
MUST_CHECK struct error router_match(const char *method, const char *target,
                                     struct route_match *ret);
/* NULL: not given. */
const char *router_query(const struct route_match *match, const char *name);

/* A route's path with {} where it takes anything, and its method: names for who counts. "unmatched" and
 * "" for ROUTE_NONE; NULL: there is no such route. */
const char *router_name(enum route route, const char **ret_path);
