#include "api/router.h"

#include <strings.h>

#include "tests/test.h"

#define ICCID "8949001312170061988"
#define SIXTY_FOUR "0123456789012345678901234567890123456789012345678901234567890123"

static const struct {
    const char *method, *target;
    enum error_code code;
    enum route route;
    const char *param;
    /* What the problem says: the methods allowed, or the query parameter. */
    const char *says;
} rows[] = {
    // clang-format off
    { "GET", "/healthz", ERROR_NONE, ROUTE_HEALTHZ },
    { "GET", "/readyz", ERROR_NONE, ROUTE_READYZ },
    { "GET", "/v1/eid", ERROR_NONE, ROUTE_EID },
    { "HEAD", "/v1/eid", ERROR_NONE, ROUTE_EID },
    { "GET", "/v1/eid?", ERROR_NONE, ROUTE_EID },
    { "GET", "/v1/eid?&", ERROR_NONE, ROUTE_EID },
    { "GET", "/v1/%65id", ERROR_NONE, ROUTE_EID },
    { "GET", "http://lpm/v1/eid", ERROR_NONE, ROUTE_EID },
    { "GET", "HTTP://[::1]:80/v1/eid", ERROR_NONE, ROUTE_EID },
    { "GET", "/v1/profiles", ERROR_NONE, ROUTE_PROFILES },
    { "GET", "/v1/profiles/" ICCID, ERROR_NONE, ROUTE_PROFILE, ICCID },
    { "GET", "/v1/profiles/a%2Fb", ERROR_NONE, ROUTE_PROFILE, "a/b" },
    { "GET", "/v1/profiles/" SIXTY_FOUR, ERROR_NONE, ROUTE_PROFILE, SIXTY_FOUR },
    { "POST", "/v1/profiles/" ICCID "/enable", ERROR_NONE, ROUTE_ENABLE, ICCID },
    { "GET", "/v1/operations", ERROR_NONE, ROUTE_OPERATIONS },
    { "GET", "/v1/operations?limit=5&state=failed&before=01", ERROR_NONE, ROUTE_OPERATIONS },
    { "GET", "/v1/operations/01JD", ERROR_NONE, ROUTE_OPERATION, "01JD" },
    { "POST", "/v1/operations/01JD/cancel", ERROR_NONE, ROUTE_CANCEL, "01JD" },
    { "GET", "/v1/profiles/" ICCID "/plan", ERROR_NONE, ROUTE_PLAN, ICCID },
    { "HEAD", "/v1/profiles/" ICCID "/plan", ERROR_NONE, ROUTE_PLAN, ICCID },
    { "POST", "/v1/operations/01JD/confirm", ERROR_NONE, ROUTE_CONFIRM, "01JD" },
    { "GET", "/v1/locks/switch", ERROR_NONE, ROUTE_LOCK },
    { "HEAD", "/v1/locks/switch", ERROR_NONE, ROUTE_LOCK },
    { "PUT", "/v1/locks/switch", ERROR_NONE, ROUTE_LOCK_PUT },
    { "DELETE", "/v1/locks/switch", ERROR_NONE, ROUTE_LOCK_DELETE },
    { "DELETE", "/v1/locks/switch?holder=a%20b&force=true", ERROR_NONE, ROUTE_LOCK_DELETE },
    { "GET", "/v1/connectivity?since=2026-11-23T20:01:29.120%2B01:00", ERROR_NONE, ROUTE_CONNECTIVITY },
    { "GET", "/v1/steering", ERROR_NONE, ROUTE_STEERING },
    { "GET", "/v1/info", ERROR_NONE, ROUTE_INFO },
    { "GET", "/v1/events", ERROR_NONE, ROUTE_EVENTS },
    { "GET", "/v1/openapi.json", ERROR_NONE, ROUTE_OPENAPI },
    { "GET", "/metrics", ERROR_NONE, ROUTE_METRICS },
    { "GET", "/", ERROR_NONE, ROUTE_PAGE },
    { "GET", "http://lpm/", ERROR_NONE, ROUTE_PAGE },
    { "GET", "/page.css", ERROR_NONE, ROUTE_PAGE_CSS },
    { "GET", "/page.js", ERROR_NONE, ROUTE_PAGE_JS },
    { "GET", "/icon.svg", ERROR_NONE, ROUTE_ICON },
    { "POST", "/", ERROR_METHOD_NOT_ALLOWED, ROUTE_PAGE, .says = "GET, HEAD" },

    { "GET", "//", ERROR_NOT_FOUND },
    { "GET", "/v1", ERROR_NOT_FOUND },
    { "GET", "/v1/", ERROR_NOT_FOUND },
    { "GET", "/v1/eid/", ERROR_NOT_FOUND },
    { "GET", "//v1/eid", ERROR_NOT_FOUND },
    { "GET", "/v1//eid", ERROR_NOT_FOUND },
    { "GET", "/v1/../v1/eid", ERROR_NOT_FOUND },
    { "GET", "/V1/eid", ERROR_NOT_FOUND },
    { "GET", "/v1/EID", ERROR_NOT_FOUND },
    { "GET", "/v1/{}", ERROR_NOT_FOUND },
    { "GET", "/v1/profiles/{}", ERROR_NONE, ROUTE_PROFILE, "{}" },
    { "GET", "/v1/profiles/{", ERROR_NONE, ROUTE_PROFILE, "{" },
    { "GET", "/v1%2Feid", ERROR_NOT_FOUND },
    { "GET", "/v1/profiles/", ERROR_NOT_FOUND },
    { "POST", "/v1/profiles//enable", ERROR_NOT_FOUND },
    { "GET", "/v1/profiles/" SIXTY_FOUR "5", ERROR_NOT_FOUND },
    { "POST", "/v1/profiles/" ICCID "/enable/now", ERROR_NOT_FOUND },
    { "POST", "/v1/profiles/" ICCID "/disable", ERROR_NOT_FOUND },
    /* Of later versions. */
    { "GET", "/v1/event", ERROR_NOT_FOUND },
    { "GET", "/v1/locks", ERROR_NOT_FOUND },
    { "GET", "/v1/locks/steering", ERROR_NOT_FOUND },
    { "PUT", "/v1/locks/switch/x", ERROR_NOT_FOUND },
    { "GET", "/v1/openapi.yaml", ERROR_NOT_FOUND },
    { "GET", "/v1/metrics", ERROR_NOT_FOUND },

    { "POST", "/v1/eid", ERROR_METHOD_NOT_ALLOWED, ROUTE_EID, .says = "GET, HEAD" },
    { "get", "/v1/eid", ERROR_METHOD_NOT_ALLOWED, ROUTE_EID, .says = "GET, HEAD" },
    { "DELETE", "/healthz", ERROR_METHOD_NOT_ALLOWED, ROUTE_HEALTHZ, .says = "GET, HEAD" },
    { "OPTIONS", "/v1/info", ERROR_METHOD_NOT_ALLOWED, ROUTE_INFO, .says = "GET, HEAD" },
    { "GET", "/v1/profiles/" ICCID "/enable", ERROR_METHOD_NOT_ALLOWED, ROUTE_ENABLE, ICCID, "POST" },
    { "PUT", "/v1/operations/x/cancel", ERROR_METHOD_NOT_ALLOWED, ROUTE_CANCEL, "x", "POST" },
    { "POST", "/v1/profiles/" ICCID "/plan", ERROR_METHOD_NOT_ALLOWED, ROUTE_PLAN, ICCID, "GET, HEAD" },
    { "GET", "/v1/operations/x/confirm", ERROR_METHOD_NOT_ALLOWED, ROUTE_CONFIRM, "x", "POST" },
    { "POST", "/v1/locks/switch", ERROR_METHOD_NOT_ALLOWED, ROUTE_LOCK, .says = "GET, HEAD, PUT, DELETE" },
    { "put", "/v1/locks/switch", ERROR_METHOD_NOT_ALLOWED, ROUTE_LOCK, .says = "GET, HEAD, PUT, DELETE" },
    { "", "/v1/eid", ERROR_METHOD_NOT_ALLOWED, ROUTE_EID, .says = "GET, HEAD" },

    { "GET", "", ERROR_INVALID_REQUEST },
    { "GET", "v1/eid", ERROR_INVALID_REQUEST },
    { "OPTIONS", "*", ERROR_INVALID_REQUEST },
    { "CONNECT", "lpm:80", ERROR_INVALID_REQUEST },
    { "GET", "http:///v1/eid", ERROR_INVALID_REQUEST },
    { "GET", "ftp://lpm/v1/eid", ERROR_INVALID_REQUEST },
    { "GET", "/v1/eid#x", ERROR_INVALID_REQUEST },
    { "GET", "/v1/eid%", ERROR_INVALID_REQUEST },
    { "GET", "/v1/eid%4", ERROR_INVALID_REQUEST },
    { "GET", "/v1/eid%4g", ERROR_INVALID_REQUEST },
    { "GET", "/v1/%/eid", ERROR_INVALID_REQUEST },
    { "GET", "/v1/eid%00", ERROR_INVALID_REQUEST },
    { "GET", "/v1/%0aeid", ERROR_INVALID_REQUEST },
    { "GET", "/v1/eid%7f", ERROR_INVALID_REQUEST },
    { "GET", "/v1/eid%c3%a9", ERROR_INVALID_REQUEST },
    { "GET", "/v1/eid\x80", ERROR_INVALID_REQUEST },

    { "GET", "/v1/eid?x=1", ERROR_INVALID_REQUEST, ROUTE_EID, .says = "x" },
    { "GET", "/v1/eid?x", ERROR_INVALID_REQUEST, ROUTE_EID, .says = "x" },
    { "GET", "/v1/eid?limit=1", ERROR_INVALID_REQUEST, ROUTE_EID, .says = "limit" },
    { "GET", "/v1/operations?limit=1&limit=2", ERROR_INVALID_REQUEST, ROUTE_OPERATIONS, .says = "limit" },
    { "GET", "/v1/operations?limit=1&LIMIT=2", ERROR_INVALID_REQUEST, ROUTE_OPERATIONS, .says = "LIMIT" },
    { "GET", "/v1/operations?limit=1&=2", ERROR_INVALID_REQUEST, ROUTE_OPERATIONS, .says = "" },
    { "GET", "/v1/operations?before=" SIXTY_FOUR "5", ERROR_INVALID_REQUEST, ROUTE_OPERATIONS, .says = "before" },
    { "GET", "/v1/operations?" SIXTY_FOUR "=1", ERROR_INVALID_REQUEST, ROUTE_OPERATIONS },
    { "GET", "/v1/operations?limit=%00", ERROR_INVALID_REQUEST, ROUTE_OPERATIONS },
    { "GET", "/v1/locks/switch?holder=x", ERROR_INVALID_REQUEST, ROUTE_LOCK, .says = "holder" },
    { "PUT", "/v1/locks/switch?holder=x", ERROR_INVALID_REQUEST, ROUTE_LOCK_PUT, .says = "holder" },
    { "DELETE", "/v1/locks/switch?who=x", ERROR_INVALID_REQUEST, ROUTE_LOCK_DELETE, .says = "who" },
    { "GET", "/v1/operations?%zz=1", ERROR_INVALID_REQUEST, ROUTE_OPERATIONS },
}; // clang-format on

static void match(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct route_match found;
        struct error e;

        memset(&found, 0xA5, sizeof found); /* as of the request before */
        e = router_match(rows[i].method, rows[i].target, &found);
        print_message("%s %s: %s\n", rows[i].method, rows[i].target, e.message);
        assert_int_equal(e.code, rows[i].code);
        assert_int_equal(found.route, rows[i].route);
        assert_string_equal(found.param, rows[i].param ? rows[i].param : "");
        if (rows[i].says)
            assert_string_equal(e.code == ERROR_INVALID_REQUEST ? e.field : found.allow,
                                rows[i].says);
        assert_true((found.allow[0] != '\0') == (e.code == ERROR_METHOD_NOT_ALLOWED));
        assert_true((found.authority[0] != '\0') ==
                    (strncasecmp(rows[i].target, "http://", 7) == 0 && rows[i].target[7] != '/'));
        assert_true(found.query_count == 0 || strchr(rows[i].target, '?'));
    }
}

static void query(void **state)
{
    struct route_match found;

    (void)state;
    assert_ok(router_match("GET", "http://lpm:80/v1/operations?limit=5&before=a%3d+b", &found));
    assert_string_equal(router_query(&found, "limit"), "5");
    assert_string_equal(router_query(&found, "before"), "a=+b");
    assert_null(router_query(&found, "state"));
    assert_string_equal(found.authority, "lpm:80");
}

static void who_may(void **state)
{
    struct route_match found;

    (void)state;
    assert_ok(router_match("GET", "/healthz", &found));
    assert_true(found.is_open && !found.changes);
    assert_ok(router_match("GET", "/", &found));
    assert_true(found.is_open && !found.changes);
    assert_string_equal(found.media, "text/html; charset=utf-8");
    assert_ok(router_match("GET", "/metrics", &found));
    assert_true(!found.is_open && !found.changes);
    assert_ok(router_match("GET", "/v1/eid", &found));
    assert_true(!found.is_open && !found.changes);
    assert_string_equal(found.media, "application/json");
    assert_ok(router_match("POST", "/v1/profiles/1/enable", &found));
    assert_true(!found.is_open && found.changes);
    assert_ok(router_match("GET", "/v1/locks/switch", &found));
    assert_true(!found.is_open && !found.changes);
    assert_ok(router_match("PUT", "/v1/locks/switch", &found));
    assert_true(!found.is_open && found.changes);
    assert_ok(router_match("DELETE", "/v1/locks/switch", &found));
    assert_true(!found.is_open && found.changes);
}

/* Each route has a name, and no two the same. */
static void names_of_routes(void **state)
{
    char names[ROUTE_ICON + 2][80];
    const char *path;

    (void)state;
    for (unsigned route = ROUTE_NONE; route <= ROUTE_ICON; route++) {
        const char *method = router_name((enum route)route, &path);

        assert_non_null(method);
        (void)snprintf(names[route], sizeof names[route], "%s %s", method, path);
        print_message("%s\n", names[route]);
        for (unsigned before = 0; before < route; before++)
            assert_string_not_equal(names[before], names[route]);
    }
    assert_string_equal(names[ROUTE_NONE], " unmatched");
    assert_string_equal(names[ROUTE_ENABLE], "POST /v1/profiles/{}/enable");
    assert_string_equal(names[ROUTE_LOCK_DELETE], "DELETE /v1/locks/switch");
    assert_string_equal(names[ROUTE_PAGE], "GET /");
    assert_null(router_name((enum route)1000, &path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_routes),
        cmocka_unit_test(match),
        cmocka_unit_test(query),
        cmocka_unit_test(who_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
