#include "api/router.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/base/hex.h"

enum { SEGMENTS_MAX = 4 };

/* What is called by several methods has a row for each, one behind the other; that of GET, which goes
 * for HEAD too, comes first. */
static const struct row {
    enum route route;
    /* "{}" takes any segment that is not empty. */
    const char *path;
    const char *query[ROUTER_QUERY_MAX];
    /* NULL: GET. All others change something. */
    const char *method;
    bool is_open;
    /* NULL: JSON. */
    const char *media;
} rows[] = {
    // clang-format off
    { ROUTE_HEALTHZ, "/healthz", .is_open = true },
    { ROUTE_READYZ, "/readyz", .is_open = true },
    { ROUTE_EID, "/v1/eid" },
    { ROUTE_PROFILES, "/v1/profiles" },
    { ROUTE_PROFILE, "/v1/profiles/{}" },
    { ROUTE_ENABLE, "/v1/profiles/{}/enable", .method = "POST" },
    { ROUTE_PLAN, "/v1/profiles/{}/plan" },
    { ROUTE_OPERATIONS, "/v1/operations", .query = { "state", "limit", "before" } },
    { ROUTE_OPERATION, "/v1/operations/{}" },
    { ROUTE_CANCEL, "/v1/operations/{}/cancel", .method = "POST" },
    { ROUTE_CONFIRM, "/v1/operations/{}/confirm", .method = "POST" },
    { ROUTE_LOCK, "/v1/locks/switch" },
    { ROUTE_LOCK_PUT, "/v1/locks/switch", .method = "PUT" },
    { ROUTE_LOCK_DELETE, "/v1/locks/switch", .query = { "holder", "force" }, .method = "DELETE" },
    { ROUTE_CONNECTIVITY, "/v1/connectivity", .query = { "since" } },
    { ROUTE_STEERING, "/v1/steering" },
    { ROUTE_INFO, "/v1/info" },
    { ROUTE_EVENTS, "/v1/events", .media = "text/event-stream" },
    { ROUTE_OPENAPI, "/v1/openapi.json" },
    { ROUTE_METRICS, "/metrics", .media = "text/plain; version=0.0.4; charset=utf-8" },
    { ROUTE_PAGE, "/", .is_open = true, .media = "text/html; charset=utf-8" },
    { ROUTE_PAGE_CSS, "/page.css", .is_open = true, .media = "text/css; charset=utf-8" },
    { ROUTE_PAGE_JS, "/page.js", .is_open = true, .media = "text/javascript; charset=utf-8" },
    { ROUTE_ICON, "/icon.svg", .is_open = true, .media = "image/svg+xml" },
}; // clang-format on

static struct error bad_target(const char *why)
{
    return error_make(ERROR_IN_AGENT, ERROR_INVALID_REQUEST, 0, "%s", why);
}

/* NULL, or what is wrong with the target; *ret_len of `cap` or more: longer than anything we know. */
static const char *decode(const char *text, size_t len, char *ret, size_t cap, size_t *ret_len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        uint8_t byte = (uint8_t)text[i];
        size_t ignored;

        if (text[i] == '%') {
            if (len - i < 3 || !hex_to_bytes(text + i + 1, 2, &byte, 1, &ignored))
                return "the target has a bad percent escape";
            i += 2;
        }
        /* Nothing that we name needs more than ASCII. */
        if (byte < 0x20 || byte > 0x7E)
            return "the target has a control character or is no ASCII";
        if (n < cap)
            ret[n] = (char)byte;
        n++;
    }
    ret[n < cap ? n : cap] = '\0';
    *ret_len = n;
    return NULL;
}

struct segments {
    size_t count;
    char text[SEGMENTS_MAX][ROUTER_PARAM_MAX + 1];
    /* One was longer, or there were more: no path of ours. */
    bool too_much;
};

/* NULL, or what is wrong with the target. */
static const char *split(const char *path, size_t len, struct segments *ret)
{
    const char *end = path + len;

    ret->count = 0;
    ret->too_much = false;
    while (path < end) {
        const char *slash = memchr(path + 1, '/', (size_t)(end - path - 1));
        const char *stop = slash ? slash : end;
        char text[ROUTER_PARAM_MAX + 1];
        size_t n = 0;
        const char *wrong = decode(path + 1, (size_t)(stop - path - 1), text, ROUTER_PARAM_MAX, &n);

        if (wrong)
            return wrong;
        if (n > ROUTER_PARAM_MAX || ret->count == SEGMENTS_MAX)
            ret->too_much = true;
        else
            memcpy(ret->text[ret->count++], text, sizeof text);
        path = stop;
    }
    return NULL;
}

static bool fits(const struct row *row, const struct segments *path, const char **ret_param)
{
    const char *at = row->path, *param = "";

    for (size_t i = 0; i < path->count; i++) {
        const char *text = path->text[i];
        size_t len;

        if (*at != '/')
            return false;
        len = strcspn(++at, "/");
        if (at[0] == '{' && text[0])
            param = text;
        else if (strncmp(at, text, len) != 0 || text[len] != '\0')
            return false;
        at += len;
    }
    if (*at)
        return false;
    *ret_param = param;
    return true;
}

static bool takes(const struct row *row, const char *method)
{
    return row->method ? strcmp(row->method, method) == 0
                       : strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

/* Most targets are a path as it stands in its row. NULL: this one is not, or has a parameter, or does
 * not take the method. */
static const struct row *find_row_as_it_is(const char *target, const char *method)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcmp(rows[i].path, target) == 0 && takes(&rows[i], method))
            return strchr(target, '{') ? NULL : &rows[i];
    return NULL;
}

/* The row of the path and the method. Where the path does not take the method: its first one, and
 * `ret_allow` says what it takes. NULL: no such path. */
static const struct row *find_row(const struct segments *path, const char *method,
                                  const char **ret_param, char ret_allow[ROUTER_ALLOW_MAX + 1])
{
    const struct row *first = NULL;

    for (size_t i = 0; !path->too_much && i < ARRAY_LEN(rows); i++) {
        size_t n;

        if (!fits(&rows[i], path, ret_param))
            continue;
        n = strlen(ret_allow);
        if (takes(&rows[i], method)) {
            ret_allow[0] = '\0';
            return &rows[i];
        }
        first = first ? first : &rows[i];
        (void)snprintf(ret_allow + n, ROUTER_ALLOW_MAX + 1 - n, "%s%s", n > 0 ? ", " : "",
                       rows[i].method ? rows[i].method : "GET, HEAD");
    }
    return first;
}

static bool knows(const struct row *row, const char *name)
{
    for (size_t i = 0; i < ROUTER_QUERY_MAX && row->query[i]; i++)
        if (strcmp(row->query[i], name) == 0)
            return true;
    return false;
}

static struct error add_parameter(const struct row *row, const char *pair, size_t len,
                                  struct route_match *ret)
{
    const char *equals = memchr(pair, '=', len);
    size_t name_len = equals ? (size_t)(equals - pair) : len, n = 0;
    char name[ROUTER_NAME_MAX + 1], value[ROUTER_VALUE_MAX + 1] = "";
    const char *wrong = decode(pair, name_len, name, ROUTER_NAME_MAX, &n);

    if (wrong)
        return bad_target(wrong);
    if (n > ROUTER_NAME_MAX || !knows(row, name))
        return error_field(name, "there is no such query parameter here");
    if (router_query(ret, name))
        return error_field(name, "is given twice");
    if (equals)
        wrong = decode(equals + 1, len - name_len - 1, value, ROUTER_VALUE_MAX, &n);
    if (wrong)
        return bad_target(wrong);
    if (equals && n > ROUTER_VALUE_MAX)
        return error_field(name, "is too long");
    memcpy(ret->query[ret->query_count].name, name, sizeof name);
    memcpy(ret->query[ret->query_count++].value, value, sizeof value);
    return ERROR_OK;
}

static struct error parse_query(const struct row *row, const char *query, struct route_match *ret)
{
    while (*query) {
        size_t len = strcspn(query, "&");
        struct error e = len ? add_parameter(row, query, len, ret) : ERROR_OK;

        if (e.code)
            return e;
        query += len + (query[len] == '&');
    }
    return ERROR_OK;
}

/* Takes "http://host:port" off the front; what is left begins with "/", or is no path at all. */
static const char *take_authority(const char *target, struct route_match *ret)
{
    size_t len;

    if (strncasecmp(target, "http://", 7) != 0)
        return target;
    len = strcspn(target + 7, "/?#");
    if (len == 0 || len > ROUTER_AUTHORITY_MAX)
        return "";
    memcpy(ret->authority, target + 7, len);
    ret->authority[len] = '\0';
    return target[7 + len] == '\0' ? "/" : target + 7 + len;
}

/* Without its texts' whole lengths: each request comes through here. */
static void clear(struct route_match *ret)
{
    ret->route = ROUTE_NONE;
    ret->changes = ret->is_open = false;
    ret->media = "application/json";
    ret->query_count = 0;
    ret->param[0] = ret->authority[0] = ret->allow[0] = '\0';
}

static void take_row(const struct row *row, struct route_match *ret)
{
    ret->route = row->route;
    ret->changes = row->method != NULL;
    ret->is_open = row->is_open;
    if (row->media)
        ret->media = row->media;
}

struct error router_match(const char *method, const char *target, struct route_match *ret)
{
    const struct row *row = find_row_as_it_is(target, method);
    const char *param = "", *query, *wrong;
    struct segments path;

    clear(ret);
    if (row) {
        take_row(row, ret);
        return ERROR_OK;
    }
    target = take_authority(target, ret);
    if (target[0] != '/')
        return bad_target("the target is no path");
    if (strchr(target, '#'))
        return bad_target("the target has a fragment");
    query = target + strcspn(target, "?");
    wrong = split(target, (size_t)(query - target), &path);
    if (wrong)
        return bad_target(wrong);
    row = find_row(&path, method, &param, ret->allow);
    if (!row)
        return error_make(ERROR_IN_AGENT, ERROR_NOT_FOUND, 0, "there is nothing at this path");
    take_row(row, ret);
    memcpy(ret->param, param, strlen(param) + 1);
    if (ret->allow[0])
        return error_make(ERROR_IN_AGENT, ERROR_METHOD_NOT_ALLOWED, 0, "this takes %s only",
                          ret->allow);
    return *query ? parse_query(row, query + 1, ret) : ERROR_OK;
}

const char *router_query(const struct route_match *match, const char *name)
{
    for (size_t i = 0; i < match->query_count; i++)
        if (strcmp(match->query[i].name, name) == 0)
            return match->query[i].value;
    return NULL;
}

const char *router_name(enum route route, const char **ret_path)
{
    if (route == ROUTE_NONE) {
        *ret_path = "unmatched";
        return "";
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].route == route) {
            *ret_path = rows[i].path;
            return rows[i].method ? rows[i].method : "GET";
        }
    return NULL;
}
