#pragma once

#include <stddef.h>

/* Files that are in the program itself, put there when it is built (cmake/embed.cmake): the status page
 * and the contract. */

struct asset {
    const unsigned char *bytes;
    size_t len;
    /* Strong, with its quotes. */
    const char *etag;
};

extern const struct asset asset_openapi_json, asset_index_html, asset_page_css, asset_page_js,
    asset_icon_svg;
