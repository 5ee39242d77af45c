#include "api/auth.h"

#include <string.h>
#include <strings.h>

const char *role_name(enum role role)
{
    static const char *const names[] = {
        [ROLE_NONE] = "none",
        [ROLE_VIEWER] = "viewer",
        [ROLE_OPERATOR] = "operator",
    };
    return names[role];
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* token68 (RFC 9110 11.2): what a Bearer header can carry. */
static bool is_token_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c && strchr("-._~+/=", c));
}

/* Every byte of both is looked at, so that time says nothing of where they differ. */
static bool same_token(const char a[AUTH_TOKEN_MAX + 1], const char b[AUTH_TOKEN_MAX + 1])
{
    volatile unsigned differs = 0;

    for (size_t i = 0; i <= AUTH_TOKEN_MAX; i++)
        differs = differs | ((unsigned char)a[i] ^ (unsigned char)b[i]);
    return differs == 0;
}

static enum role role_from(const char *text, size_t len)
{
    if (len == 8 && memcmp(text, "operator", 8) == 0)
        return ROLE_OPERATOR;
    return len == 6 && memcmp(text, "viewer", 6) == 0 ? ROLE_VIEWER : ROLE_NONE;
}

static struct error at_line(size_t number, const char *what)
{
    return error_make(ERROR_IN_AGENT, ERROR_INVALID_REQUEST, 0, "line %zu: %s", number, what);
}

static struct error add_token(struct auth_tokens *tokens, size_t number, enum role role,
                              const char *text, size_t len)
{
    if (len == 0 || len > AUTH_TOKEN_MAX)
        return at_line(number, "a token of 1 to 256 characters has to follow the role");
    for (size_t i = 0; i < len; i++)
        if (!is_token_char(text[i]))
            return at_line(number, "a token has only A-Z a-z 0-9 - . _ ~ + / =");
    if (tokens->count == AUTH_TOKENS_MAX)
        return at_line(number, "there are more than 64 tokens");
    tokens->rows[tokens->count].role = role;
    memcpy(tokens->rows[tokens->count].text, text, len);
    for (size_t i = 0; i < tokens->count; i++)
        if (same_token(tokens->rows[i].text, tokens->rows[tokens->count].text))
            return at_line(number, "the same token stands on a line before");
    tokens->count++;
    return ERROR_OK;
}

static struct error parse_line(struct auth_tokens *tokens, size_t number, const char *line,
                               size_t len)
{
    size_t word = 0;
    enum role role;

    while (len > 0 && (is_blank(line[len - 1]) || line[len - 1] == '\r'))
        len--;
    while (len > 0 && is_blank(*line)) {
        line++;
        len--;
    }
    if (len == 0 || *line == '#')
        return ERROR_OK;
    while (word < len && !is_blank(line[word]))
        word++;
    role = role_from(line, word);
    if (role == ROLE_NONE)
        return at_line(number, "the role is neither operator nor viewer");
    while (word < len && is_blank(line[word]))
        word++;
    return add_token(tokens, number, role, line + word, len - word);
}

struct error auth_parse_tokens(const char *text, size_t len, struct auth_tokens *ret)
{
    struct auth_tokens tokens = { 0 };
    const char *end = text + len;

    for (size_t number = 1; text < end; number++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *stop = newline ? newline : end;
        struct error e = parse_line(&tokens, number, text, (size_t)(stop - text));

        if (e.code)
            return e;
        text = newline ? newline + 1 : end;
    }
    if (tokens.count == 0)
        return error_make(ERROR_IN_AGENT, ERROR_INVALID_REQUEST, 0, "there is no token in it");
    *ret = tokens;
    return ERROR_OK;
}

enum role auth_role_of(const struct auth_tokens *tokens, const char *authorization)
{
    char given[AUTH_TOKEN_MAX + 1] = "";
    enum role role = ROLE_NONE;
    size_t len;

    if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0)
        return ROLE_NONE;
    authorization += 7 + strspn(authorization + 7, " ");
    len = strlen(authorization);
    if (len == 0 || len > AUTH_TOKEN_MAX)
        return ROLE_NONE;
    memcpy(given, authorization, len);
    for (size_t i = 0; i < tokens->count; i++)
        if (same_token(given, tokens->rows[i].text))
            role = tokens->rows[i].role;
    return role;
}

/* The length of the name in "name", "name:port", "[v6]:port"; 0: malformed. */
static size_t name_len(const char *host)
{
    size_t len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    const char *port = host + (len <= strlen(host) ? len : strlen(host));

    if (host[0] == '[' && host[len - 1] != ']')
        return 0;
    if (*port == '\0')
        return len;
    return port[0] == ':' && strspn(port + 1, "0123456789") == strlen(port + 1) ? len : 0;
}

static bool is_name(const char *host, size_t len, const char *name)
{
    return strlen(name) == len && strncasecmp(host, name, len) == 0;
}

bool auth_host_is_ours(const char *host, const char *own_address, char *const *names, size_t count)
{
    size_t len = host ? name_len(host) : 0;
    bool is_v6 = len > 2 && host[0] == '[';

    if (len == 0)
        return false;
    if (is_name(host, len, "localhost") ||
        is_name(host + is_v6, len - (is_v6 ? 2 : 0), own_address))
        return true;
    for (size_t i = 0; i < count; i++)
        if (is_name(host, len, names[i]) || strcasecmp(host, names[i]) == 0)
            return true;
    return false;
}

bool auth_origin_is_ours(const char *origin, const char *host)
{
    const char *rest = origin;

    if (!origin)
        return true;
    if (strncasecmp(origin, "http://", 7) == 0)
        rest += 7;
    else if (strncasecmp(origin, "https://", 8) == 0) /* TLS ends in a proxy before us */
        rest += 8;
    else
        return false;
    return host && strcasecmp(rest, host) == 0;
}
