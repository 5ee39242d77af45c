#include "api/page_routes.h"

#include <assert.h>
#include <string.h>

#include "agent/base/macros.h"
#include "agent/state/etag.h"
#include "api/assets.h"

static const struct {
    enum route route;
    const struct asset *asset;
} rows[] = {
    { ROUTE_OPENAPI, &asset_openapi_json }, { ROUTE_PAGE, &asset_index_html },
    { ROUTE_PAGE_CSS, &asset_page_css },    { ROUTE_PAGE_JS, &asset_page_js },
    { ROUTE_ICON, &asset_icon_svg },
};

static const struct asset *find_asset(enum route route)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].route == route)
            return rows[i].asset;
    return NULL;
}

void page_routes_get(const struct routes *routes, const struct snapshot *now, struct call *call,
                     struct answer *ret)
{
    const char *if_none_match = call->headers[HEADER_IF_NONE_MATCH];
    const struct asset *asset = find_asset(call->match.route);

    (void)routes;
    (void)now;
    assert(asset);
    if (if_none_match && etag_fits(if_none_match, asset->etag, ETAG_WEAK))
        ret->status = 304;
    else
        answer_static(ret, 200, call->match.media, asset->bytes, asset->len);
    answer_add_header(ret, "ETag", "%s", asset->etag);
    answer_add_header(ret, "Cache-Control", "no-cache");
    /* Nothing but what the agent itself serves; nobody frames the page, so that nobody is led to click
     * on it. */
    answer_add_header(ret, "Content-Security-Policy",
                      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                      "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; "
                      "base-uri 'none'");
    answer_add_header(ret, "Referrer-Policy", "no-referrer");
}
