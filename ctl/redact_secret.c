#include "ctl/redact_secret.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "agent/base/at_secret.h"
#include "agent/base/macros.h"

const char redact_hidden[4] = "***";

/* How far is looked at most for the end of a word, and of what goes over lines: a text may be all beginnings. */
enum { WORD_MAX = 256, BLOCK_MAX = 1024 };

static bool ends_line(char c)
{
    return c == '\0' || c == '\n' || c == '\r';
}

static bool is_word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* --- quotes --- */

void redact_quotes_pass(struct redact_quotes *quotes, const char *from, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (from[i] == '\\') {
            quotes->slashes++;
            continue;
        }
        if (from[i] == '\n')
            quotes->open = false;
        else if (from[i] == '"' && quotes->slashes % 2 == 0)
            quotes->open = !quotes->open;
        quotes->slashes = 0;
    }
}

/* A quote with its backslashes: there is one where a text of JSON stands in another, three in a third. */
static size_t quote_at(const char *at)
{
    size_t slashes = strspn(at, "\\");

    return at[slashes] == '"' || at[slashes] == '\'' ? slashes + 1 : 0;
}

/* From an opening quote up to the one that closes it, or one that closes a text around it, or the line's end. */
static size_t quoted_len(const char *at, size_t quote)
{
    size_t own = quote - 1;
    char mark = at[own];
    size_t n = quote;

    while (!ends_line(at[n])) {
        size_t slashes = strspn(at + n, "\\");
        char c = at[n + slashes];

        if (c == mark || c == '"') {
            if (slashes <= own && (c == mark || slashes < own))
                return n;
            /* What the innermost text sees of them: an even number escapes each other. */
            if (c == mark && (slashes - own) / quote % 2 == 0)
                return n + slashes - own;
        }
        n += slashes + (ends_line(c) ? 0 : 1);
    }
    return n;
}

/* --- values --- */

/* Whether the text around `at` ends there. */
static bool ends_string(const char *at, bool in_string)
{
    return in_string && *at == '"' && at[-1] != '\\';
}

static size_t rest_len(const char *at, bool in_string)
{
    size_t n = 0;

    while (!ends_line(at[n]) && !ends_string(at + n, in_string))
        n++;
    return n;
}

/* [...] and {...} with all that is in them; over lines only where `lines`. Not closed, or only far away: the rest
 * of the line. */
static size_t block_len(const char *at, bool in_string, bool lines)
{
    size_t depth = 0;

    for (size_t n = 0; at[n] && n < BLOCK_MAX && !ends_string(at + n, in_string) &&
                       (lines || !ends_line(at[n]));) {
        size_t quote = quote_at(at + n);

        if (quote > 0) {
            n += quoted_len(at + n, quote);
            n += quote_at(at + n) == quote ? quote : 0;
            continue;
        }
        depth += at[n] == '[' || at[n] == '{';
        depth -= at[n] == ']' || at[n] == '}';
        n++;
        if (depth == 0)
            return n;
    }
    return rest_len(at, in_string);
}

/* A number, true, false, null; 0: what is there is none. */
static size_t scalar_len(const char *at)
{
    size_t n = strspn(at, "+-.0123456789aeflnrstuE");

    return strchr(",]} \t\r\n", at[n]) ? n : 0;
}

/* A password may hold anything but a blank. A sign that a sentence has before a blank is none of it. */
static size_t word_len(const char *at, bool in_string, bool in_query)
{
    size_t n = 0;

    while (!ends_line(at[n]) && at[n] != ' ' && at[n] != '\t' && !ends_string(at + n, in_string) &&
           !(in_query && at[n] == '&'))
        n++;
    if (n > 1 && (at[n - 1] == ',' || at[n - 1] == ';'))
        n--;
    return n;
}

/* What stands around a value. */
struct around {
    /* Behind the name, as in JSON; its length is 0 where it has none. */
    const char *quote;
    size_t quote_len;
    /* Of a URI. */
    bool in_query;
    /* All of the line is the value. */
    bool takes_line;
    bool in_string;
};

static size_t plain_len(const char *at, const struct around *around)
{
    size_t n = 0;

    if (around->takes_line)
        return rest_len(at, around->in_string);
    if (around->quote_len > 0)
        n = scalar_len(at);
    if (n > 0)
        return n;
    if (*at == '[' || *at == '{')
        n = block_len(at, around->in_string, around->quote_len > 0);
    return n > 0 && around->quote_len > 0
               ? n
               : n + word_len(at + n, around->in_string, around->in_query);
}

/* Writes `***` for the value at the front; how much of it there was is in *ret_len. Quotes are kept, and JSON
 * stays JSON: what has none gets those of its name, both of them. */
static bool put_hidden(const char *at, const struct around *around, struct buffer *ret,
                       size_t *ret_len)
{
    size_t quote = ends_string(at, around->in_string) ? 0 : quote_at(at);

    if (quote) {
        *ret_len = quoted_len(at, quote);
        return buffer_add(ret, at, quote) &&
               (*ret_len == quote || buffer_add_text(ret, redact_hidden));
    }
    *ret_len = plain_len(at, around);
    return *ret_len == 0 || (buffer_add(ret, around->quote, around->quote_len) &&
                             buffer_add_text(ret, redact_hidden) &&
                             buffer_add(ret, around->quote, around->quote_len));
}

/* --- names --- */

/* As many digits are an identity, and would go through with the name. */
enum { NAME_MAX_LEN = 64, DIGITS_MAX = 14 };

/* What a name ends in whose value is secret, in small letters without '_' and '-'. */
static const char *const secret_ends[] = { "password",  "passwd",     "passphrase", "passcode",
                                           "pwd",       "userpass",   "token",      "secret",
                                           "psk",       "simpin",     "puk",        "apikey",
                                           "secretkey", "privatekey", "accesskey",  "passwords",
                                           "tokens",    "secrets",    "credentials" };
/* Short ones, in which other words end, too: they have to be a part of the name of their own. */
static const char *const secret_parts[] = { "pass", "pin" };
/* Whose value is known without a sign before it, by its digits. */
static const char *const spoken[] = { "pin", "puk", "pincode", "pukcode" };
enum { PIN_MIN = 4, PIN_MAX = 8 };
/* Of headers, whose value goes to the end of the line. */
static const char *const header_ends[] = { "authorization", "cookie" };

/* A name without what is not read of it; `own[i]`: a part of it begins at i. */
struct name {
    char text[NAME_MAX_LEN + 1];
    bool own[NAME_MAX_LEN + 1];
    size_t len;
};

static void take_name(const char *at, size_t len, struct name *ret)
{
    *ret = (struct name){ .len = 0 };
    for (size_t i = len > NAME_MAX_LEN ? len - NAME_MAX_LEN : 0; i < len; i++) {
        bool begins = i == 0 || !isalpha((unsigned char)at[i - 1]) ||
                      (isupper((unsigned char)at[i]) && !isupper((unsigned char)at[i - 1]));

        if (at[i] == '_' || at[i] == '-')
            continue;
        ret->own[ret->len] = begins;
        ret->text[ret->len++] = (char)tolower((unsigned char)at[i]);
    }
    while (ret->len > 0 && isdigit((unsigned char)ret->text[ret->len - 1]))
        ret->len--;
    ret->text[ret->len] = '\0';
}

static bool ends_in(const struct name *name, const char *const ends[], size_t count, bool own)
{
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(ends[i]);

        if (n <= name->len && memcmp(name->text + name->len - n, ends[i], n) == 0 &&
            (!own || name->own[name->len - n]))
            return true;
    }
    return false;
}

/* Between a name and its value; 0: no value follows. */
static size_t gap_at(const char *at)
{
    size_t n = quote_at(at), begin;

    n += strspn(at + n, " \t");
    begin = n;
    n += strspn(at + n, "=:");
    return n == begin ? 0 : n + strspn(at + n, " \t");
}

/* Behind "\n" as it stands in JSON one begins, too, and also at that letter: nobody knows which. And behind an
 * identity, which is none of a name. */
static bool begins_name(const char *text, const char *at)
{
    if (!is_word_char(*at))
        return false;
    return at == text || !is_word_char(at[-1]) || (at - text >= 2 && at[-2] == '\\') ||
           (isdigit((unsigned char)at[-1]) && !isdigit((unsigned char)*at));
}

/* The length of a secret's name and what goes before its value. */
static size_t name_at(const char *text, const char *at, struct around *ret)
{
    struct name name;
    size_t n = 0, digits = 0, gap;

    if (!begins_name(text, at))
        return 0;
    for (; is_word_char(at[n]) && n < WORD_MAX; n++)
        digits += isdigit((unsigned char)at[n]) != 0;
    gap = gap_at(at + n);
    if (gap == 0 || digits >= DIGITS_MAX)
        return 0;
    take_name(at, n, &name);
    ret->takes_line = ends_in(&name, header_ends, ARRAY_LEN(header_ends), false);
    ret->quote = at + n;
    ret->quote_len = quote_at(ret->quote);
    ret->in_query = at > text && (at[-1] == '?' || at[-1] == '&');
    if (ret->takes_line || ends_in(&name, secret_ends, ARRAY_LEN(secret_ends), false) ||
        ends_in(&name, secret_parts, ARRAY_LEN(secret_parts), true))
        return n + gap;
    return 0;
}

static size_t bearer_at(const char *at)
{
    static const char name[] = "Bearer ";

    return strncasecmp(at, name, sizeof name - 1) == 0 ? sizeof name - 1 : 0;
}

/* "PIN 1234", "the PUK is 12345678", "pin-4711": as people write it, with nothing that says where a value begins.
 * The length of what goes before the digits. */
static size_t spoken_at(const char *text, const char *at, size_t *ret_digits)
{
    static const char *const fillers[] = { "code", "is", "ist", "was", "number" };
    static const char between[] = " \t\"'\\(#,:=-_";
    struct name name;
    size_t n = 0, word = 0;

    if (!begins_name(text, at))
        return 0;
    while (isalpha((unsigned char)at[n]) ||
           ((at[n] == '_' || at[n] == '-') && isalpha((unsigned char)at[n + 1])))
        n++;
    take_name(at, n, &name);
    if (!ends_in(&name, spoken, ARRAY_LEN(spoken), true))
        return 0;
    /* "PIN1 1234" */
    if (isdigit((unsigned char)at[n]) && !isalnum((unsigned char)at[n + 1]))
        n++;
    for (size_t i = 0; i < ARRAY_LEN(fillers); i++) {
        size_t gap = strspn(at + n, between);

        word = strlen(fillers[i]);
        if (gap > 0 && strncasecmp(at + n + gap, fillers[i], word) == 0 &&
            !isalnum((unsigned char)at[n + gap + word]))
            n += gap + word;
    }
    n += strspn(at + n, between);
    *ret_digits = strspn(at + n, "0123456789");
    if (*ret_digits < PIN_MIN || *ret_digits > PIN_MAX || is_word_char(at[n + *ret_digits]))
        return 0;
    return n;
}

/* --- others --- */

/* "//user:password@": up to the last sign before the path. */
static size_t user_at(const char *at)
{
    size_t end;

    if (strncmp(at, "//", 2) != 0)
        return 0;
    end = 2 + strcspn(at + 2, "/ \t\r\n\"'<>");
    while (end > 3 && at[end - 1] != '@')
        end--;
    return end > 3 ? end - 1 : 0;
}

/* The parameters of a command that carries a secret. Where their quotes are escaped they stand in a text of
 * JSON, which ends at the first that is not; else nobody knows where they end, and all of the line goes. */
static size_t parameters_len(const char *at)
{
    size_t line = strcspn(at, "\r\n");
    size_t n = strcspn(at, "\"\r\n");

    if (strncmp(at, redact_hidden, sizeof redact_hidden - 1) == 0)
        return sizeof redact_hidden - 1;
    if (n == 0 || n >= line || at[n - 1] != '\\')
        return line;
    while (n < line && !(at[n] == '"' && at[n - 1] != '\\'))
        n++;
    return n;
}

bool redact_secret(const char *text, const char *at, const struct redact_quotes *quotes,
                   struct buffer *ret, size_t *ret_len)
{
    struct around around = { .in_query = false };
    struct redact_quotes behind = *quotes;
    const char *command = at_secret_at(at);
    size_t head, len = 0;
    bool done;

    *ret_len = 0;
    if (command) {
        head = (size_t)(command - at);
        *ret_len = head + parameters_len(command);
        return buffer_add(ret, at, head) && buffer_add_text(ret, redact_hidden);
    }
    head = name_at(text, at, &around);
    if (head == 0)
        head = bearer_at(at);
    if (head > 0) {
        redact_quotes_pass(&behind, at, head);
        around.in_string = behind.open;
        done = buffer_add(ret, at, head) && put_hidden(at + head, &around, ret, &len);
        *ret_len = head + len;
        return done;
    }
    head = spoken_at(text, at, &len);
    if (head > 0) {
        *ret_len = head + len;
        return buffer_add(ret, at, head) && buffer_add_text(ret, redact_hidden);
    }
    *ret_len = user_at(at);
    return *ret_len == 0 || (buffer_add_text(ret, "//") && buffer_add_text(ret, redact_hidden));
}
