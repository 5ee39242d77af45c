#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The request headers that the API looks at, and what their values mean: pure parsers of text that
 * a peer wrote. A value of NULL stands for a header that was not sent. */

enum header {
    HEADER_ACCEPT = 0,
    HEADER_AUTHORIZATION,
    HEADER_CACHE_CONTROL,
    HEADER_CONTENT_LENGTH,
    HEADER_CONTENT_TYPE,
    HEADER_HOST,
    HEADER_IDEMPOTENCY_KEY,
    HEADER_IF_MATCH,
    HEADER_IF_NONE_MATCH,
    HEADER_LAST_EVENT_ID,
    HEADER_ORIGIN,
    HEADER_PREFER,
    HEADER_TRANSFER_ENCODING,
    HEADER_COUNT
};

const char *header_name(enum header header);
/* HEADER_COUNT: none of those above. */
enum header header_find(const char *name);
/* Several lines of it are one list (RFC 9110 5.3); of all others a second line is an error. */
bool header_is_list(enum header header);

/* What a header's name and the words of most values are made of (RFC 9110 5.6.2); NUL is none. */
bool header_is_token_char(char c);

enum { HEADERS_WAIT_MAX_S = 600 };

/* Prefer: wait=N (RFC 7240 4.3), the first one counts; N over 600 is taken as 600. False: no such
 * preference, or malformed. */
bool headers_prefer_wait(const char *prefer, int64_t *ret_s);
/* Whether the peer takes `media`, a media type that may have parameters (RFC 9110 12.5.1). A malformed
 * value is as none. */
bool headers_accept(const char *accept, const char *media);
/* application/json, in UTF-8 if it says so. */
bool headers_is_json(const char *content_type);
/* Cache-Control has the directive no-cache. */
bool headers_want_fresh(const char *cache_control);
