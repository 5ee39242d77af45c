#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/error.h"

/* Who may do what: pure decisions. A unix socket gives its role to whoever may open it; the TCP door
 * asks for a token where there is a token file and is a viewer's where there is none, and guards
 * against web pages of others by Host and Origin. */

enum role { ROLE_NONE = 0, ROLE_VIEWER, ROLE_OPERATOR };

enum { AUTH_TOKEN_MAX = 256, AUTH_TOKENS_MAX = 64 };

struct auth_tokens {
    size_t count;
    struct {
        enum role role;
        /* Padded with zeros, so that comparing takes the same time whatever the text. */
        char text[AUTH_TOKEN_MAX + 1];
    } rows[AUTH_TOKENS_MAX];
};

const char *role_name(enum role role);

/* One "role token" a line; blank lines and lines that begin with # do not count.
 * ERROR_INVALID_REQUEST names the line and never the token. */
MUST_CHECK struct error auth_parse_tokens(const char *text, size_t len, struct auth_tokens *ret);
/* The role behind "Bearer <token>" (RFC 6750 2.1); ROLE_NONE: none, and for NULL. In constant time. */
enum role auth_role_of(const struct auth_tokens *tokens, const char *authorization);

/* Whether `host` (a Host header, any port) names this door: its own address, "localhost", or one
 * of `names`. NULL is no. */
bool auth_host_is_ours(const char *host, const char *own_address, char *const *names, size_t count);
/* Whether an Origin (NULL: not sent) is the page that this very host serves. */
bool auth_origin_is_ours(const char *origin, const char *host);
