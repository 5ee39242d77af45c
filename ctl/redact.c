#include "ctl/redact.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/base/aid.h"
#include "agent/base/iccid.h"
#include "agent/base/macros.h"
#include "ctl/redact_person.h"
#include "ctl/redact_secret.h"

enum {
    IDENTITY_SHOWN = 4,
    /* An IMSI has 14 or 15 digits, an IMEI 15. */
    SUBSCRIBER_MIN = 14,
    /* IPv6 in decimal, with its mask, as AT+CGPADDR writes it. */
    OCTETS_MAX = 32,
    ADDRESS_MAX = 128,
    /* The first byte of 127.0.0.0/8. */
    LOOPBACK = 127,
};

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

/* "20261126-080000" and "2026-11-26-08-00-00" are as long as an IMSI. */
static bool is_stamp(const char *at)
{
    size_t first = strspn(at, "0123456789");
    size_t second = strspn(at + first + 1, "0123456789");

    return strncmp(at, "20", 2) == 0 &&
           ((first == 4 && second == 2) || (first == 8 && second == 6));
}

/* Whether what stands before is only the beginning of a word or a number. */
static bool goes_on(const char *at)
{
    return isalnum((unsigned char)at[0]) ||
           (at[0] && strchr("-.:_", at[0]) && isalnum((unsigned char)at[1]));
}

/* What may stand between groups of digits: one sign, also any that is not ASCII, or a hyphen with blanks around. */
static size_t sign_at(const char *at)
{
    size_t n = 0;

    if (*at && strchr("-. :_", *at))
        n = strncmp(at, " - ", 3) == 0 ? 3 : 1;
    else
        while (n < 3 && (unsigned char)at[n] >= 0x80)
            n++;
    return is_digit(at[n]) ? n : 0;
}

/* As people write them, "35-209900-176148-1": groups of digits with one sign between. Their length, and the
 * digits alone; 0: these are none. A group as long as an identity is one by itself. */
static size_t groups_at(const char *at, bool behind_word, char ret_digits[REDACT_WORD_MAX + 1])
{
    size_t n = strspn(at, "0123456789"), digits = 0, len = 0, count = 0;
    const char *sign = at + n;
    size_t sign_len = sign_at(sign);

    if (n == 0 || sign_len == 0 || is_stamp(at))
        return 0;
    for (const char *group = at;; group += n + sign_len) {
        bool more;

        n = strspn(group, "0123456789");
        if (n == 0 || n >= SUBSCRIBER_MIN || digits + n > REDACT_WORD_MAX)
            break;
        /* It may be the first one of something else: "1764158400 2026-11-26". */
        more = strncmp(group + n, sign, sign_len) == 0;
        if (!more && goes_on(group + n))
            break;
        memcpy(ret_digits + digits, group, n);
        digits += n;
        count++;
        len = (size_t)(group - at) + n;
        if (!more)
            break;
    }
    ret_digits[digits] = '\0';
    /* Two numbers with a blank between are mostly just that. */
    return digits >= SUBSCRIBER_MIN && ((*sign == '-' && !behind_word) || count > 2) ? len : 0;
}

struct octets {
    size_t count;
    unsigned first;
    /* Each has three digits: "010.001.002.003", as some modems write it. "01.001.01.001" is a version. */
    bool padded;
    bool all_zero;
};

/* Decimal numbers of a byte with dots between; `count` 0: something else. */
static struct octets octets_of(const char *word)
{
    struct octets none = { .count = 0 };
    struct octets octets = { .padded = true, .all_zero = true };

    for (const char *at = word;; at++) {
        unsigned value = 0, n = 0;

        for (; is_digit(*at) && n < 4; at++, n++)
            value = value * 10 + (unsigned)(*at - '0');
        if (n == 0 || n > 3 || value > 255)
            return none;
        if (octets.count++ == 0)
            octets.first = value;
        octets.padded = octets.padded && n == 3;
        octets.all_zero = octets.all_zero && value == 0;
        if (*at == '\0')
            return octets;
        if (*at != '.')
            return none;
    }
}

static bool is_address(const char *word)
{
    struct octets octets = octets_of(word);
    struct in_addr v4;
    struct in6_addr v6;

    if (inet_pton(AF_INET, word, &v4) == 1 || (octets.count == 4 && octets.padded))
        return octets.first != LOOPBACK && !octets.all_zero;
    if (inet_pton(AF_INET6, word, &v6) == 1)
        return !IN6_IS_ADDR_LOOPBACK(&v6) && !IN6_IS_ADDR_UNSPECIFIED(&v6);
    return octets.count == 8 || octets.count == 16 || octets.count == OCTETS_MAX;
}

/* Looks one further than what anybody takes: what is longer is nothing of ours. */
static size_t span_of(const char *at, const char *more)
{
    size_t n = 0;

    while (at[n] && n <= ADDRESS_MAX && (isxdigit((unsigned char)at[n]) || strchr(more, at[n])))
        n++;
    return n;
}

/* How long the address at the front is; a port or a full stop behind it is none of it. */
static size_t address_at(const char *at, char ret_word[ADDRESS_MAX + 1])
{
    static const char *const alphabets[] = { ":.", "." };

    for (size_t i = 0; i < ARRAY_LEN(alphabets); i++) {
        size_t n = span_of(at, alphabets[i]);

        if (n > ADDRESS_MAX)
            continue;
        while (n > 0 && (at[n - 1] == '.' || (at[n - 1] == ':' && n > 1 && at[n - 2] != ':')))
            n--;
        if (n < 2)
            continue;
        memcpy(ret_word, at, n);
        ret_word[n] = '\0';
        if (is_address(ret_word))
            return n;
    }
    return 0;
}

/* "<ip-1>", by the order in which they come. */
static bool put_numbered(struct redact *r, const char *word, const char *kind, size_t *count,
                         struct buffer *ret)
{
    const struct redact_known *known;
    char mask[16];

    if (strlen(word) > REDACT_WORD_MAX)
        return buffer_add_text(ret, "<") && buffer_add_text(ret, kind) && buffer_add_text(ret, ">");
    known = find_known(r, word);
    if (known)
        return buffer_add_text(ret, known->mask);
    (void)snprintf(mask, sizeof mask, "<%s-%zu>", kind, ++*count);
    return put_known(r, word, mask, ret);
}

/* Behind its name. Of 10^10 IMSIs each can be tried; with the end of one that is told elsewhere, even an end of the
 * hash would do. */
static size_t hash_at(const char *text, const char *at)
{
    static const char name[] = "imsi_hash";
    enum { HASH_LEN = 16, GAP_MAX = 12 };
    const char *end = at;

    if (span_of(at, "") != HASH_LEN)
        return 0;
    while (end > text && at - end < GAP_MAX && strchr("\\\"' \t:=", end[-1]))
        end--;
    if (end == at || (size_t)(end - text) < sizeof name - 1)
        return 0;
    return strncasecmp(end - (sizeof name - 1), name, sizeof name - 1) == 0 ? HASH_LEN : 0;
}

static bool take_person(struct redact *r, const char *text, const char *at, struct buffer *ret,
                        size_t *ret_len)
{
    char word[REDACT_WORD_MAX + 2] = "";
    char digits[REDACT_PHONE_MAX + 1];

    *ret_len = hash_at(text, at);
    if (*ret_len > 0) {
        memcpy(word, at, *ret_len);
        return put_numbered(r, word, "imsi", &r->hashes, ret);
    }
    *ret_len = redact_phone_at(at, digits);
    if (*ret_len > 0)
        return put_numbered(r, digits, "phone", &r->phones, ret);
    *ret_len = redact_mail_at(text, at);
    /* One that is too long for `word` stays too long for the list. */
    for (size_t i = 0; i < *ret_len && i < sizeof word - 1; i++)
        word[i] = (char)tolower((unsigned char)at[i]);
    return *ret_len == 0 || put_numbered(r, word, "mail", &r->mails, ret);
}

/* --- the text --- */

/* An AID with its registered provider: it names an application, and all cards of a kind have the same. */
static size_t aid_at(const char *at)
{
    static const char registered[] = "A00000";
    size_t n = span_of(at, "");

    return n >= AID_MIN * 2 && n <= AID_TEXT_MAX && n % 2 == 0 &&
                   strncasecmp(at, registered, sizeof registered - 1) == 0
               ? n
               : 0;
}

static bool take_groups(struct redact *r, const char *at, bool behind_word, struct buffer *ret,
                        size_t *ret_len)
{
    char digits[REDACT_WORD_MAX + 1];

    *ret_len = groups_at(at, behind_word, digits);
    return *ret_len == 0 || put_identity(r, digits, strlen(digits), ret);
}

static bool take_name(struct redact *r, const char *text, const char *at, struct buffer *ret,
                      size_t *ret_len)
{
    char word[ADDRESS_MAX + 1];
    /* Behind "\n" as it stands in JSON, too. */
    bool begins = at == text ||
                  !(isalnum((unsigned char)at[-1]) || at[-1] == '.' || at[-1] == '_') ||
                  (at - text > 1 && at[-2] == '\\' && strchr("nrtbf", at[-1]));

    *ret_len = begins ? address_at(at, word) : 0;
    if (*ret_len > 0)
        return put_numbered(r, word, "ip", &r->addresses, ret);
    *ret_len = begins ? aid_at(at) : 0;
    if (*ret_len > 0)
        return buffer_add(ret, at, *ret_len);
    *ret_len = identity_at(at);
    if (*ret_len > 0)
        return put_identity(r, at, *ret_len, ret);
    return (at > text && is_digit(at[-1])) || take_groups(r, at, !begins, ret, ret_len);
}

bool redact_text(struct redact *r, const char *text, struct buffer *ret)
{
    struct redact_quotes quotes = { .open = false };

    for (const char *at = text; *at;) {
        size_t len;

        if (!redact_secret(text, at, &quotes, ret, &len))
            return false;
        if (len == 0 && !take_person(r, text, at, ret, &len))
            return false;
        if (len == 0 && !take_name(r, text, at, ret, &len))
            return false;
        if (len == 0 && !buffer_add(ret, at, 1))
            return false;
        len = len ? len : 1;
        redact_quotes_pass(&quotes, at, len);
        at += len;
    }
    return true;
}

/* --- the configuration --- */

static bool hide_item(cJSON *item)
{
    return !cJSON_IsString(item) || cJSON_SetValuestring(item, redact_hidden) != NULL;
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
    if (n + sizeof redact_hidden > sizeof line)
        return hide_item(item);
    memcpy(line, item->valuestring, n);
    memcpy(line + n, redact_hidden, sizeof redact_hidden);
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
