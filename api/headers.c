#include "api/headers.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "agent/base/macros.h"

static const struct {
    const char *name;
    bool is_list;
} headers[HEADER_COUNT] = {
    [HEADER_ACCEPT] = { "Accept", true },
    [HEADER_AUTHORIZATION] = { "Authorization", false },
    [HEADER_CACHE_CONTROL] = { "Cache-Control", true },
    [HEADER_CONTENT_LENGTH] = { "Content-Length", false },
    [HEADER_CONTENT_TYPE] = { "Content-Type", false },
    [HEADER_HOST] = { "Host", false },
    [HEADER_IDEMPOTENCY_KEY] = { "Idempotency-Key", false },
    [HEADER_IF_MATCH] = { "If-Match", true },
    [HEADER_IF_NONE_MATCH] = { "If-None-Match", true },
    [HEADER_LAST_EVENT_ID] = { "Last-Event-ID", false },
    [HEADER_ORIGIN] = { "Origin", false },
    [HEADER_PREFER] = { "Prefer", true },
    [HEADER_TRANSFER_ENCODING] = { "Transfer-Encoding", false },
};

const char *header_name(enum header header)
{
    return headers[header].name;
}

enum header header_find(const char *name)
{
    size_t i = 0;

    /* The first letters differ mostly. */
    while (i < HEADER_COUNT &&
           (((headers[i].name[0] ^ name[0]) & 0xDF) != 0 || strcasecmp(headers[i].name, name) != 0))
        i++;
    return (enum header)i;
}

bool header_is_list(enum header header)
{
    return headers[header].is_list;
}

/* A piece of a header's value; a quoted string keeps its backslashes, which no value that we know
 * needs. */
struct piece {
    const char *text;
    size_t len;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static const char *skip_blanks(const char *at)
{
    while (is_blank(*at))
        at++;
    return at;
}

bool header_is_token_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool piece_is(struct piece piece, const char *word)
{
    return piece.len == strlen(word) && strncasecmp(piece.text, word, piece.len) == 0;
}

static bool take_token(const char **at, struct piece *ret)
{
    const char *end = *at;

    while (header_is_token_char(*end))
        end++;
    if (end == *at)
        return false;
    *ret = (struct piece){ *at, (size_t)(end - *at) };
    *at = end;
    return true;
}

/* RFC 9110 5.6.4 */
static bool take_quoted(const char **at, struct piece *ret)
{
    const char *end = *at + 1;

    if (**at != '"')
        return false;
    for (; *end && *end != '"'; end++)
        if (*end == '\\' && *++end == '\0')
            return false;
    if (*end != '"')
        return false;
    *ret = (struct piece){ *at + 1, (size_t)(end - *at - 1) };
    *at = end + 1;
    return true;
}

/* name [ "=" ( token | quoted-string ) ], blanks around "=" as RFC 7240 2 allows. */
static bool take_pair(const char **at, struct piece *ret_name, struct piece *ret_value)
{
    const char *next = *at;

    *ret_value = (struct piece){ "", 0 };
    if (!take_token(&next, ret_name))
        return false;
    *at = next;
    next = skip_blanks(next);
    if (*next != '=')
        return true;
    next = skip_blanks(next + 1);
    if (!take_quoted(&next, ret_value) && !take_token(&next, ret_value))
        return false;
    *at = next;
    return true;
}

/* Up to the "," that ends the element, over everything that a quoted string may hide. */
static const char *skip_element(const char *at)
{
    struct piece ignored;

    while (*at && *at != ',')
        if (*at != '"' || !take_quoted(&at, &ignored))
            at++;
    return at;
}

static const char *skip_commas(const char *at)
{
    while (is_blank(*at) || *at == ',')
        at++;
    return at;
}

static bool is_number(struct piece piece)
{
    for (size_t i = 0; i < piece.len; i++)
        if (piece.text[i] < '0' || piece.text[i] > '9')
            return false;
    return piece.len > 0;
}

bool headers_prefer_wait(const char *prefer, int64_t *ret_s)
{
    struct piece name, value;

    if (!prefer)
        return false;
    for (const char *at = skip_commas(prefer); *at; at = skip_commas(skip_element(at))) {
        int64_t seconds = 0;

        if (!take_pair(&at, &name, &value) || !piece_is(name, "wait"))
            continue;
        at = skip_blanks(at);
        if (!is_number(value) || (*at && *at != ',' && *at != ';'))
            return false;
        for (size_t i = 0; i < value.len && seconds <= HEADERS_WAIT_MAX_S; i++)
            seconds = 10 * seconds + (value.text[i] - '0');
        *ret_s = seconds > HEADERS_WAIT_MAX_S ? HEADERS_WAIT_MAX_S : seconds;
        return true;
    }
    return false;
}

/* A qvalue (RFC 9110 12.4.2) in thousandths; -1: malformed. */
static int weight_of(struct piece q)
{
    int weight = 0, unit = 1000;

    if (q.len == 0 || q.len > 5 || (q.text[0] != '0' && q.text[0] != '1') ||
        (q.len > 1 && q.text[1] != '.'))
        return -1;
    weight = (q.text[0] - '0') * unit;
    for (size_t i = 2; i < q.len; i++) {
        if (q.text[i] < '0' || q.text[i] > '9')
            return -1;
        unit /= 10;
        weight += (q.text[i] - '0') * unit;
    }
    return weight > 1000 ? -1 : weight;
}

/* *( OWS ";" OWS [ parameter ] ); the last "q" is in *ret_q when there is one. */
static bool take_parameters(const char **at, struct piece *ret_q, bool *ret_utf8)
{
    struct piece name, value;

    for (*at = skip_blanks(*at); **at == ';'; *at = skip_blanks(*at)) {
        *at = skip_blanks(*at + 1);
        if (**at == ';' || **at == ',' || **at == '\0')
            continue;
        if (!take_pair(at, &name, &value))
            return false;
        if (piece_is(name, "q"))
            *ret_q = value;
        if (piece_is(name, "charset"))
            *ret_utf8 = piece_is(value, "utf-8");
    }
    return true;
}

static bool take_media_type(const char **at, struct piece *ret_type, struct piece *ret_subtype)
{
    if (!take_token(at, ret_type) || **at != '/')
        return false;
    (*at)++;
    return take_token(at, ret_subtype);
}

static bool same_piece(struct piece a, struct piece b)
{
    return a.len == b.len && strncasecmp(a.text, b.text, a.len) == 0;
}

struct media {
    struct piece type, subtype;
};

/* How closely a media range names what is offered; 0: not at all. */
static int closeness(struct media range, struct media offer)
{
    if (same_piece(range.type, offer.type) && same_piece(range.subtype, offer.subtype))
        return 3;
    if (same_piece(range.type, offer.type) && piece_is(range.subtype, "*"))
        return 2;
    return piece_is(range.type, "*") && piece_is(range.subtype, "*") ? 1 : 0;
}

bool headers_accept(const char *accept, const char *media)
{
    int closest = 0, weight = 0;
    struct media offer = { 0 };
    bool is_media;

    if (!accept || *skip_commas(accept) == '\0')
        return true;
    is_media = take_media_type(&media, &offer.type, &offer.subtype);
    assert(is_media);
    for (const char *at = skip_commas(accept); *at; at = skip_commas(at)) {
        struct piece q = { "1", 1 };
        struct media range;
        bool ignored;

        if (!take_media_type(&at, &range.type, &range.subtype) ||
            !take_parameters(&at, &q, &ignored) || (*at && *at != ',') || weight_of(q) < 0)
            return true;
        if (closeness(range, offer) > closest) {
            closest = closeness(range, offer);
            weight = weight_of(q);
        }
    }
    return weight > 0;
}

bool headers_is_json(const char *content_type)
{
    struct piece type, subtype, ignored;
    bool utf8 = true;
    const char *at;

    if (!content_type)
        return false;
    at = skip_blanks(content_type);
    return take_media_type(&at, &type, &subtype) && piece_is(type, "application") &&
           piece_is(subtype, "json") && take_parameters(&at, &ignored, &utf8) && *at == '\0' &&
           utf8;
}

bool headers_want_fresh(const char *cache_control)
{
    struct piece name, value;

    if (!cache_control)
        return false;
    for (const char *at = skip_commas(cache_control); *at; at = skip_commas(skip_element(at)))
        if (take_pair(&at, &name, &value) && piece_is(name, "no-cache"))
            return true;
    return false;
}
