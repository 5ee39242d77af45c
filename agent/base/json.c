#include "agent/base/json.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/utf8.h"

/* cJSON reads a number through a buffer of 64 bytes and forgets what is behind. */
enum { NUMBER_MAX = 63 };

/* What may come next. */
enum want {
    WANT_VALUE,
    WANT_VALUE_OR_END, /* right behind '[' */
    WANT_NAME,
    WANT_NAME_OR_END, /* right behind '{' */
    WANT_COLON,
    WANT_COMMA_OR_END,
    WANT_NOTHING, /* the whole value is read */
};

struct scan {
    const char *text;
    size_t len, at;
    enum want want;
    size_t depth;
    char open[JSON_DEPTH_MAX];
    /* What is wrong at `at`; NULL: nothing so far. */
    const char *wrong;
};

static bool scan_fail(struct scan *s, const char *wrong)
{
    s->wrong = wrong;
    return false;
}

/* -1 behind the end. */
static int char_at(const struct scan *s, size_t at)
{
    return at < s->len ? (unsigned char)s->text[at] : -1;
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static int hex_value(int c)
{
    return is_digit(c)            ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The four digits of \uXXXX that begin at `at`; -1: they are not there. */
static int unit_at(const struct scan *s, size_t at)
{
    int unit = 0;

    for (size_t i = 0; i < 4; i++) {
        int value = hex_value(char_at(s, at + i));

        if (value < 0)
            return -1;
        unit = unit * 16 + value;
    }
    return unit;
}

/* At the 'u' of an escape. */
static bool scan_unicode_escape(struct scan *s)
{
    int unit = unit_at(s, s->at + 1);
    int low;

    if (unit < 0)
        return scan_fail(s, "an unknown escape");
    if (unit == 0)
        return scan_fail(s, "\\u0000 in a string");
    s->at += 5;
    if (unit < 0xD800 || unit > 0xDFFF)
        return true;
    low = char_at(s, s->at) == '\\' && char_at(s, s->at + 1) == 'u' ? unit_at(s, s->at + 2) : -1;
    if (unit > 0xDBFF || low < 0xDC00 || low > 0xDFFF)
        return scan_fail(s, "half a surrogate pair");
    s->at += 6;
    return true;
}

/* At the backslash. */
static bool scan_escape(struct scan *s)
{
    int c = char_at(s, s->at + 1);

    if (c <= 0 || !strchr("\"\\/bfnrtu", c))
        return scan_fail(s, "an unknown escape");
    s->at++;
    if (c == 'u')
        return scan_unicode_escape(s);
    s->at++;
    return true;
}

/* At the opening quote. */
static bool scan_string(struct scan *s)
{
    s->at++;
    for (;;) {
        int c = char_at(s, s->at);

        if (c < 0)
            return scan_fail(s, "a string without an end");
        if (c == '"') {
            s->at++;
            return true;
        }
        if (c < 0x20)
            return scan_fail(s, "a control character in a string");
        if (c == '\\') {
            if (!scan_escape(s))
                return false;
            continue;
        }
        size_t n = utf8_take(s->text + s->at, s->len - s->at, NULL);
        if (n == 0)
            return scan_fail(s, "invalid UTF-8");
        s->at += n;
    }
}

/* At least one digit. */
static bool skip_digits(const struct scan *s, size_t *at)
{
    size_t begin = *at;

    while (is_digit(char_at(s, *at)))
        (*at)++;
    return *at > begin;
}

/* Where the number that begins at `at` ends; 0: it is none (RFC 8259 6). */
static size_t number_end(const struct scan *s, size_t at)
{
    if (char_at(s, at) == '-')
        at++;
    if (char_at(s, at) == '0')
        at++;
    else if (!skip_digits(s, &at))
        return 0;
    if (char_at(s, at) == '.') {
        at++;
        if (!skip_digits(s, &at))
            return 0;
    }
    if (char_at(s, at) == 'e' || char_at(s, at) == 'E') {
        at++;
        if (char_at(s, at) == '+' || char_at(s, at) == '-')
            at++;
        if (!skip_digits(s, &at))
            return 0;
    }
    return is_digit(char_at(s, at)) ? 0 : at;
}

static bool scan_number(struct scan *s)
{
    size_t end = number_end(s, s->at);
    char text[NUMBER_MAX + 1] = "";
    double value;

    if (end == 0)
        return scan_fail(s, "not a number");
    if (end - s->at > NUMBER_MAX)
        return scan_fail(s, "a number of too many digits");
    memcpy(text, s->text + s->at, end - s->at);
    value = strtod(text, NULL);
    if (value > DBL_MAX || value < -DBL_MAX)
        return scan_fail(s, "a number that is too large");
    s->at = end;
    return true;
}

static bool scan_word(struct scan *s)
{
    static const char *const words[] = { "true", "false", "null" };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t n = strlen(words[i]);

        if (s->len - s->at >= n && memcmp(s->text + s->at, words[i], n) == 0) {
            s->at += n;
            return true;
        }
    }
    return scan_fail(s, "a value expected");
}

static void value_done(struct scan *s)
{
    s->want = s->depth > 0 ? WANT_COMMA_OR_END : WANT_NOTHING;
}

static bool scan_open(struct scan *s, char c)
{
    if (s->depth == JSON_DEPTH_MAX)
        return scan_fail(s, "nested too deeply");
    s->open[s->depth++] = c;
    s->want = c == '{' ? WANT_NAME_OR_END : WANT_VALUE_OR_END;
    s->at++;
    return true;
}

static bool scan_close(struct scan *s, char c)
{
    if (s->depth == 0 || s->open[s->depth - 1] != (c == '}' ? '{' : '['))
        return scan_fail(s, "a bracket that nothing opened");
    s->depth--;
    s->at++;
    value_done(s);
    return true;
}

static bool scan_value(struct scan *s, char c)
{
    bool ok;

    if (c == '{' || c == '[')
        return scan_open(s, c);
    if (c == ']' && s->want == WANT_VALUE_OR_END)
        return scan_close(s, c);
    if (c == '"')
        ok = scan_string(s);
    else if (c == '-' || is_digit(c))
        ok = scan_number(s);
    else
        ok = scan_word(s);
    if (ok)
        value_done(s);
    return ok;
}

static bool scan_name(struct scan *s, char c)
{
    if (c == '}' && s->want == WANT_NAME_OR_END)
        return scan_close(s, c);
    if (c != '"')
        return scan_fail(s, "a name in quotes expected");
    if (!scan_string(s))
        return false;
    s->want = WANT_COLON;
    return true;
}

/* Behind a value or a name. */
static bool scan_mark(struct scan *s, char c)
{
    if (s->want == WANT_COLON) {
        if (c != ':')
            return scan_fail(s, "a colon expected");
        s->want = WANT_VALUE;
    } else if (c == ',') {
        s->want = s->open[s->depth - 1] == '{' ? WANT_NAME : WANT_VALUE;
    } else if (c == '}' || c == ']') {
        return scan_close(s, c);
    } else {
        return scan_fail(s, "a comma or a closing bracket expected");
    }
    s->at++;
    return true;
}

static bool scan_token(struct scan *s, char c)
{
    switch (s->want) {
    case WANT_VALUE:
    case WANT_VALUE_OR_END:
        return scan_value(s, c);
    case WANT_NAME:
    case WANT_NAME_OR_END:
        return scan_name(s, c);
    case WANT_COLON:
    case WANT_COMMA_OR_END:
        return scan_mark(s, c);
    case WANT_NOTHING:
        break;
    }
    return scan_fail(s, "more behind the value");
}

static bool scan_all(struct scan *s)
{
    while (s->at < s->len) {
        char c = s->text[s->at];

        if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
            s->at++;
        else if (!scan_token(s, c))
            return false;
    }
    return s->want == WANT_NOTHING || scan_fail(s, "the end comes too early");
}

static struct error error_at(const char *text, size_t at, const char *wrong)
{
    size_t line = 1, begin = 0;

    for (size_t i = 0; i < at; i++)
        if (text[i] == '\n') {
            line++;
            begin = i + 1;
        }
    return error_make(ERROR_IN_AGENT, ERROR_INVALID_REQUEST, 0, "JSON, line %zu, column %zu: %s",
                      line, at - begin + 1, wrong);
}

static struct error no_memory(void)
{
    return error_make(ERROR_IN_AGENT, ERROR_INTERNAL, 0, "out of memory");
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* No two names of one object are equal once their escapes are read. */
static struct error check_names(const cJSON *object)
{
    size_t count = 0;
    const char **names;
    struct error e = ERROR_OK;
    const cJSON *item;

    cJSON_ArrayForEach (item, object)
        count++;
    if (count < 2)
        return e;
    names = calloc(count, sizeof *names);
    if (!names)
        return no_memory();
    count = 0;
    cJSON_ArrayForEach (item, object)
        names[count++] = item->string;
    qsort(names, count, sizeof *names, by_text);
    for (size_t i = 1; i < count && !e.code; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            e = error_field(names[i], "JSON: this name comes twice");
    free((void *)names);
    return e;
}

/* All objects of the tree; its depth is known to be at most JSON_DEPTH_MAX. */
static struct error check_tree(const cJSON *root)
{
    const cJSON *path[JSON_DEPTH_MAX + 1] = { root };
    size_t depth = 1;

    while (depth > 0) {
        const cJSON *item = path[depth - 1];

        if (!item) {
            depth--;
            if (depth > 0)
                path[depth - 1] = path[depth - 1]->next;
            continue;
        }
        if (cJSON_IsObject(item)) {
            struct error e = check_names(item);
            if (e.code)
                return e;
        }
        if (item->child && depth < ARRAY_LEN(path))
            path[depth++] = item->child;
        else
            path[depth - 1] = item->next;
    }
    return ERROR_OK;
}

struct error json_parse(const char *text, size_t len, cJSON **ret)
{
    struct scan s = { .text = text, .len = len };
    struct error e;
    cJSON *tree;

    if (!scan_all(&s))
        return error_at(text, s.at, s.wrong);
    tree = cJSON_ParseWithLengthOpts(text, len, NULL, false);
    /* It accepts all that the scan accepts. */
    if (!tree)
        return no_memory();
    e = check_tree(tree);
    if (e.code) {
        cJSON_Delete(tree);
        return e;
    }
    *ret = tree;
    return e;
}

/* The byte behind the string that begins at `at`, or the end. */
static size_t string_end(const char *text, size_t len, size_t at)
{
    for (at++; at < len && text[at] != '"'; at++)
        if (text[at] == '\\')
            at++;
    return at < len ? at + 1 : len;
}

/* The byte behind the comment that begins at `at`; 0: it does not end. */
static size_t comment_end(const char *text, size_t len, size_t at)
{
    if (text[at + 1] == '/') {
        while (at < len && text[at] != '\n')
            at++;
        return at;
    }
    for (at += 2; at + 1 < len; at++)
        if (text[at] == '*' && text[at + 1] == '/')
            return at + 2;
    return 0;
}

static bool is_comment(const char *text, size_t len, size_t at)
{
    return at + 1 < len && text[at] == '/' && (text[at + 1] == '/' || text[at + 1] == '*');
}

/* False, and *ret_wrong_at set: a comment without an end. */
static bool blank_comments(char *text, size_t len, size_t *ret_wrong_at)
{
    for (size_t at = 0; at < len;) {
        if (text[at] == '"') {
            at = string_end(text, len, at);
        } else if (is_comment(text, len, at)) {
            size_t end = comment_end(text, len, at);

            if (end == 0) {
                *ret_wrong_at = at;
                return false;
            }
            for (; at < end; at++)
                if (text[at] != '\n')
                    text[at] = ' ';
        } else {
            at++;
        }
    }
    return true;
}

struct error json_parse_commented(const char *text, size_t len, cJSON **ret)
{
    char *copy = malloc(len + 1);
    struct error e;
    size_t wrong_at;

    if (!copy)
        return no_memory();
    if (len > 0)
        memcpy(copy, text, len);
    if (!blank_comments(copy, len, &wrong_at))
        e = error_at(text, wrong_at, "a comment without an end");
    else
        e = json_parse(copy, len, ret);
    free(copy);
    return e;
}

struct error json_check_fields(const cJSON *object, const char *const *names, size_t count)
{
    const cJSON *item;

    if (!cJSON_IsObject(object))
        return error_make(ERROR_IN_AGENT, ERROR_INVALID_REQUEST, 0, "a JSON object expected");
    cJSON_ArrayForEach (item, object) {
        size_t i = 0;

        while (i < count && strcmp(names[i], item->string) != 0)
            i++;
        if (i == count)
            return error_field(item->string, "unknown field");
    }
    return ERROR_OK;
}

/* NULL also for null. */
static const cJSON *find(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsNull(item) ? NULL : item;
}

struct error json_get_bool(const cJSON *object, const char *name, bool *ret)
{
    const cJSON *item = find(object, name);

    if (!item)
        return ERROR_OK;
    if (!cJSON_IsBool(item))
        return error_field(name, "true or false expected");
    *ret = cJSON_IsTrue(item);
    return ERROR_OK;
}

/* Doubles are exact up to 2^53. */
static bool is_whole(double value)
{
    const double exact = 9007199254740992.0;

    return value >= -exact && value <= exact && (double)(int64_t)value == value;
}

struct error json_get_int(const cJSON *object, const char *name, int64_t min, int64_t max,
                          int64_t *ret, bool *ret_present)
{
    const cJSON *item = find(object, name);

    if (item && (!cJSON_IsNumber(item) || !is_whole(item->valuedouble) ||
                 (int64_t)item->valuedouble < min || (int64_t)item->valuedouble > max))
        return error_field(name, "a whole number from %lld to %lld expected", (long long)min,
                           (long long)max);
    if (item)
        *ret = (int64_t)item->valuedouble;
    if (ret_present)
        *ret_present = item != NULL;
    return ERROR_OK;
}

struct error json_get_text(const cJSON *object, const char *name, size_t max, const char **ret)
{
    const cJSON *item = find(object, name);

    if (!item)
        return ERROR_OK;
    if (!cJSON_IsString(item) || strlen(item->valuestring) > max ||
        !utf8_is_printable(item->valuestring, strlen(item->valuestring)))
        return error_field(name, "text of at most %zu bytes without control characters expected",
                           max);
    *ret = item->valuestring;
    return ERROR_OK;
}

bool json_add_text(cJSON *to, const char *name, const char *text)
{
    return cJSON_AddStringToObject(to, name, text) != NULL;
}

bool json_add_bool(cJSON *to, const char *name, bool value)
{
    return cJSON_AddBoolToObject(to, name, value) != NULL;
}

bool json_add_time(cJSON *to, const char *name, int64_t utc_ms)
{
    char text[CLOCK_TEXT_LEN + 1];

    clock_to_text(utc_ms, text);
    return json_add_text(to, name, text);
}
