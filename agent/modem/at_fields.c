#include "agent/modem/at_fields.h"

#include <string.h>

bool at_has_prefix(const char *line, const char *prefix)
{
    size_t n = strlen(prefix);

    return strncmp(line, prefix, n) == 0 && line[n] == ':';
}

/* One field from *at on; *at is then at its comma or at the end. */
static struct at_field take_field(const char **at)
{
    struct at_field field = { 0 };
    const char *p = *at;

    while (*p == ' ')
        p++;
    if (*p == '"') {
        field.quoted = true;
        field.at = ++p;
        while (*p && *p != '"')
            p++;
        field.len = (size_t)(p - field.at);
        while (*p && *p != ',')
            p++;
    } else {
        field.at = p;
        while (*p && *p != ',')
            p++;
        field.len = (size_t)(p - field.at);
        while (field.len > 0 && (field.at[field.len - 1] == ' ' || field.at[field.len - 1] == '"'))
            field.len--;
    }
    *at = p;
    return field;
}

bool at_fields_split(const char *line, const char *prefix, struct at_fields *ret)
{
    const char *at = line;
    size_t n = 0;

    if (prefix) {
        if (!at_has_prefix(line, prefix))
            return false;
        at += strlen(prefix) + 1;
    }
    while (n < AT_FIELDS_MAX) {
        ret->items[n++] = take_field(&at);
        if (*at != ',')
            break;
        at++;
    }
    ret->count = n;
    return true;
}

bool at_fields_split_bare(const char *line, const char *prefix, struct at_fields *ret)
{
    if (at_has_prefix(line, prefix))
        return at_fields_split(line, prefix, ret);
    if (strchr(line, ':'))
        return false;
    return at_fields_split(line, NULL, ret);
}

int at_fields_number(const struct at_fields *fields, size_t i, int max)
{
    int value = 0;

    if (i >= fields->count || fields->items[i].len == 0 || fields->items[i].len > 9)
        return -1;
    for (size_t k = 0; k < fields->items[i].len; k++) {
        char digit = fields->items[i].at[k];
        if (digit < '0' || digit > '9')
            return -1;
        value = value * 10 + (digit - '0');
    }
    return value <= max ? value : -1;
}

/* Digits from text[*at] on, as a whole number; *at is then behind them. False: none, or over 9. */
static bool take_digits(const char *text, size_t len, size_t *at, double *ret)
{
    size_t start = *at;

    *ret = 0;
    for (; *at < len && text[*at] >= '0' && text[*at] <= '9'; ++*at)
        *ret = *ret * 10 + (text[*at] - '0');
    return *at > start && *at - start <= 9;
}

bool at_fields_decimal(const struct at_fields *fields, size_t i, double *ret)
{
    double value = 0;
    double fraction = 0;
    size_t at = 0;

    if (i >= fields->count)
        return false;
    const char *text = fields->items[i].at;
    size_t len = fields->items[i].len;
    bool negative = len > 0 && text[0] == '-';
    if (len > 0 && (text[0] == '-' || text[0] == '+'))
        at++;
    if (!take_digits(text, len, &at, &value))
        return false;
    if (at < len && text[at] == '.') {
        size_t point = at++;
        if (!take_digits(text, len, &at, &fraction))
            return false;
        for (size_t k = point + 1; k < at; k++)
            fraction /= 10;
        value += fraction;
    }
    if (at < len)
        return false;
    *ret = negative ? -value : value;
    return true;
}

bool at_fields_text(const struct at_fields *fields, size_t i, char *ret, size_t size)
{
    size_t len = i < fields->count ? fields->items[i].len : 0;

    if (len >= size)
        return false;
    if (len > 0)
        memcpy(ret, fields->items[i].at, len);
    ret[len] = '\0';
    return true;
}
