#include "ctl/redact.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/base/aid.h"
#include "agent/base/at_secret.h"
#include "agent/base/iccid.h"
#include "agent/base/macros.h"

enum {
    IDENTITY_SHOWN = 4,
    /* An IMSI has 14 or 15 digits, an IMEI 15. */
    SUBSCRIBER_MIN = 14,
    /* IPv6 in decimal, with its mask, as AT+CGPADDR writes it. */
    OCTETS_MAX = 32,
};

static const char hidden[] = "***";

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* As in log.c: an ICCID may have A to E among its digits. */
static bool is_identity_char(char c)
{
    return is_digit(c) || (c >= 'A' && c <= 'E') || (c >= 'a' && c <= 'e');
}

static const struct redact_known *find_known(const struct redact *r, const char *word)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->known[i].word, word) == 0)
            return &r->known[i];
    return NULL;
}

static unsigned count_with_end(const struct redact *r, const char *end)
{
    unsigned n = 0;

    for (size_t i = 0; i < r->count; i++)
        n += r->known[i].mask[0] == '*' && strncmp(r->known[i].mask + 1, end, IDENTITY_SHOWN) == 0;
    return n;
}

static bool put_known(struct redact *r, const char *word, const char *mask, struct buffer *ret)
{
    if (r->count < REDACT_KNOWN_MAX) {
        struct redact_known *row = &r->known[r->count++];

        (void)snprintf(row->word, sizeof row->word, "%s", word);
        (void)snprintf(row->mask, sizeof row->mask, "%s", mask);
    }
    return buffer_add_text(ret, mask);
}

/* Longer than any identity: its end alone. */
static bool put_identity(struct redact *r, const char *from, size_t len, struct buffer *ret)
{
    const char *end = from + len - IDENTITY_SHOWN;
    char word[REDACT_WORD_MAX + 1] = "";
    const struct redact_known *known;
    char mask[16];
    unsigned others;

    for (size_t i = 0; i < len && len <= REDACT_WORD_MAX; i++)
        word[i] = (char)toupper((unsigned char)from[i]);
    known = word[0] ? find_known(r, word) : NULL;
    if (known)
        return buffer_add_text(ret, known->mask);
    others = word[0] ? count_with_end(r, end) : 0;
    if (others == 0)
        (void)snprintf(mask, sizeof mask, "*%.4s", end);
    else
        (void)snprintf(mask, sizeof mask, "*%.4s~%u", end, others + 1);
    return word[0] ? put_known(r, word, mask, ret) : buffer_add_text(ret, mask);
}

static size_t identity_at(const char *at)
{
    size_t n = 0, digits = 0;

    if (!is_digit(*at))
        return 0;
    while (is_identity_char(at[n]))
        n++;
    while (is_digit(at[digits]))
        digits++;
    if (n >= ICCID_TEXT_MIN)
        return n;
    return digits >= SUBSCRIBER_MIN ? digits : 0;
}

static size_t count_octets(const char *word)
{
    size_t octets = 0;

    for (const char *at = word;; at++) {
        unsigned value = 0, n = 0;

        for (; is_digit(*at) && n < 4; at++, n++)
            value = value * 10 + (unsigned)(*at - '0');
        if (n == 0 || n > 3 || value > 255)
            return 0;
        octets++;
        if (*at == '\0')
            return octets;
        if (*at != '.')
            return 0;
    }
}

static bool is_address(const char *word)
{
    struct in_addr v4;
    struct in6_addr v6;
    size_t octets;

    if (inet_pton(AF_INET, word, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) != 127 && v4.s_addr != 0;
    if (inet_pton(AF_INET6, word, &v6) == 1)
        return !IN6_IS_ADDR_LOOPBACK(&v6) && !IN6_IS_ADDR_UNSPECIFIED(&v6);
    octets = count_octets(word);
    return octets == 8 || octets == 16 || octets == OCTETS_MAX;
}

static size_t span_of(const char *at, const char *more)
{
    size_t n = 0;

    while (at[n] && (isxdigit((unsigned char)at[n]) || strchr(more, at[n])))
        n++;
    return n;
}

/* How long the address at the front is; a port or a full stop behind it is none of it. */
static size_t address_at(const char *at, char ret_word[REDACT_WORD_MAX * 2 + 1])
{
    static const char *const alphabets[] = { ":.", "." };

    for (size_t i = 0; i < ARRAY_LEN(alphabets); i++) {
        size_t n = span_of(at, alphabets[i]);

        while (n > 0 && (at[n - 1] == '.' || (at[n - 1] == ':' && n > 1 && at[n - 2] != ':')))
            n--;
        if (n < 2 || n > REDACT_WORD_MAX * 2)
            continue;
        memcpy(ret_word, at, n);
        ret_word[n] = '\0';
        if (is_address(ret_word))
            return n;
    }
    return 0;
}

static bool put_address(struct redact *r, const char *word, struct buffer *ret)
{
    const struct redact_known *known;
    char mask[16];

    if (strlen(word) > REDACT_WORD_MAX)
        return buffer_add_text(ret, "<ip>");
    known = find_known(r, word);
    if (known)
        return buffer_add_text(ret, known->mask);
    (void)snprintf(mask, sizeof mask, "<ip-%zu>", ++r->addresses);
    return put_known(r, word, mask, ret);
}

/* --- secrets --- */

/* What a secret is called; the word ends there ("password_file" is none). */
static const char *const secret_names[] = { "password", "passwd", "passphrase", "pass",   "pwd",
                                            "token",    "secret", "psk",        "pin",    "pin2",
                                            "puk",      "puk2",   "apikey",     "api_key" };

static bool is_word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* Quotes around names and values, escaped ones too, as they stand in a line of JSON. */
static size_t quote_at(const char *at)
{
    if (at[0] == '\\' && (at[1] == '"' || at[1] == '\''))
        return 2;
    return at[0] == '"' || at[0] == '\'' ? 1 : 0;
}

/* Between a secret's name and its value; 0: no value follows. */
static size_t gap_at(const char *at)
{
    size_t n = quote_at(at), begin;

    while (at[n] == ' ')
        n++;
    begin = n;
    while (at[n] == '=' || at[n] == ':')
        n++;
    if (n == begin)
        return 0;
    while (at[n] == ' ')
        n++;
    return n;
}

static size_t quoted_len(const char *at, size_t quote)
{
    size_t n = quote;

    while (at[n] && at[n] != '\n' &&
           !(quote_at(at + n) == quote && at[n + quote - 1] == at[quote - 1]))
        n += at[n] == '\\' && quote == 1 && at[n + 1] && at[n + 1] != '\n' ? 2 : 1;
    return n;
}

static size_t value_len(const char *at)
{
    return strcspn(at, " \t\r\n,;}&\"'\\");
}

/* Writes `***` for the value at the front, quotes kept; how much of it there was is in *ret_len. */
static bool put_hidden(const char *at, struct buffer *ret, size_t *ret_len)
{
    size_t quote = quote_at(at);

    *ret_len = quote ? quoted_len(at, quote) : value_len(at);
    if (!buffer_add(ret, at, quote))
        return false;
    return *ret_len == quote || buffer_add_text(ret, hidden);
}

static size_t secret_name_at(const char *text, const char *at)
{
    if (at > text && isalnum((unsigned char)at[-1]))
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(secret_names); i++) {
        size_t n = strlen(secret_names[i]);

        if (strncasecmp(at, secret_names[i], n) == 0 && !is_word_char(at[n])) {
            size_t gap = gap_at(at + n);

            return gap ? n + gap : 0;
        }
    }
    return 0;
}

static size_t bearer_at(const char *at)
{
    static const char name[] = "Bearer ";

    return strncasecmp(at, name, sizeof name - 1) == 0 ? sizeof name - 1 : 0;
}

/* "//user:password@": up to the sign. */
static size_t user_at(const char *at)
{
    size_t n;

    if (strncmp(at, "//", 2) != 0)
        return 0;
    n = 2 + strcspn(at + 2, "/@ \t\r\n\"'<>");
    return at[n] == '@' && n > 2 ? n : 0;
}

/* The parameters of a command that carries a secret. Where their quotes are escaped they stand in a text of
 * JSON, which ends at the first that is not; else nobody knows where they end, and all of the line goes. */
static size_t parameters_len(const char *at)
{
    size_t line = strcspn(at, "\r\n");
    size_t n = strcspn(at, "\"\r\n");

    if (strncmp(at, hidden, sizeof hidden - 1) == 0)
        return sizeof hidden - 1;
    if (n == 0 || n >= line || at[n - 1] != '\\')
        return line;
    while (n < line && !(at[n] == '"' && at[n - 1] != '\\'))
        n++;
    return n;
}

/* Handles what begins at `at`; *ret_len 0: nothing does. False: no room. */
static bool take_secret(const char *text, const char *at, struct buffer *ret, size_t *ret_len)
{
    size_t head = secret_name_at(text, at);
    const char *command;
    size_t len = 0;
    bool done;

    *ret_len = 0;
    if (head == 0)
        head = bearer_at(at);
    if (head > 0) {
        done = buffer_add(ret, at, head) && put_hidden(at + head, ret, &len);
        *ret_len = head + len;
        return done;
    }
    command = at_secret_at(at);
    if (command) {
        head = (size_t)(command - at);
        *ret_len = head + parameters_len(command);
        return buffer_add(ret, at, head) && buffer_add_text(ret, hidden);
    }
    head = user_at(at);
    if (head > 0) {
        *ret_len = head;
        return buffer_add_text(ret, "//") && buffer_add_text(ret, hidden);
    }
    return true;
}

/* An AID as we write them, whole: it names an application, and all cards of a kind have the same. */
static size_t aid_at(const char *at)
{
    static const char registered[] = "A00000";
    size_t n = span_of(at, "");

    return n == AID_TEXT_MAX && strncasecmp(at, registered, sizeof registered - 1) == 0 ? n : 0;
}

static bool take_name(struct redact *r, const char *text, const char *at, struct buffer *ret,
                      size_t *ret_len)
{
    char word[REDACT_WORD_MAX * 2 + 1];
    bool begins = at == text || !(isalnum((unsigned char)at[-1]) || at[-1] == '.' || at[-1] == '_');

    *ret_len = begins ? address_at(at, word) : 0;
    if (*ret_len > 0)
        return put_address(r, word, ret);
    *ret_len = begins ? aid_at(at) : 0;
    if (*ret_len > 0)
        return buffer_add(ret, at, *ret_len);
    *ret_len = identity_at(at);
    return *ret_len == 0 || put_identity(r, at, *ret_len, ret);
}

bool redact_text(struct redact *r, const char *text, struct buffer *ret)
{
    for (const char *at = text; *at;) {
        size_t len;

        if (!take_secret(text, at, ret, &len))
            return false;
        if (len == 0 && !take_name(r, text, at, ret, &len))
            return false;
        if (len == 0 && !buffer_add(ret, at, 1))
            return false;
        at += len ? len : 1;
    }
    return true;
}

/* --- the configuration --- */

static bool hide_item(cJSON *item)
{
    return !cJSON_IsString(item) || cJSON_SetValuestring(item, hidden) != NULL;
}

/* ["/usr/bin/dial", "--key", "abc"]: what is run may be told, with what may not. */
static bool hide_arguments(cJSON *argv)
{
    bool first = true;
    cJSON *item;

    cJSON_ArrayForEach (item, argv) {
        if (!first && !hide_item(item))
            return false;
        first = false;
    }
    return true;
}

/* "AT+X=1,2" becomes "AT+X=***". */
static bool hide_parameters(cJSON *item)
{
    const char *equals = cJSON_IsString(item) ? strchr(item->valuestring, '=') : NULL;
    char line[128];
    size_t n;

    if (!equals)
        return true;
    n = (size_t)(equals - item->valuestring) + 1;
    if (n + sizeof hidden > sizeof line)
        return hide_item(item);
    memcpy(line, item->valuestring, n);
    memcpy(line + n, hidden, sizeof hidden);
    return cJSON_SetValuestring(item, line) != NULL;
}

static bool hide_lines(cJSON *lines)
{
    cJSON *item;

    cJSON_ArrayForEach (item, lines)
        if (!hide_parameters(item))
            return false;
    return true;
}

static bool is_named(const cJSON *item, const char *name)
{
    return item->string && strcmp(item->string, name) == 0;
}

static bool hide_key(cJSON *item)
{
    if (is_named(item, "exec"))
        return hide_arguments(item);
    if (is_named(item, "init"))
        return hide_lines(item);
    if (is_named(item, "reset") || is_named(item, "command"))
        return hide_parameters(item);
    return !is_named(item, "username") || hide_item(item);
}

bool redact_config(cJSON *config)
{
    enum { DEPTH = 8 };
    cJSON *at[DEPTH] = { config ? config->child : NULL };

    for (int depth = 0; depth >= 0;) {
        cJSON *item = at[depth];

        if (!item) {
            depth--;
            continue;
        }
        at[depth] = item->next;
        if (!hide_key(item))
            return false;
        if (cJSON_IsObject(item) && depth + 1 < DEPTH)
            at[++depth] = item->child;
    }
    return true;
}
