#include "ctl/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/macros.h"
#include "agent/base/utf8.h"

enum { ESCAPED_MAX = 12, GAP = 2 };

static const char *const codes[] = {
    [TEXT_PLAIN] = "",         [TEXT_BOLD] = "\033[1m",    [TEXT_DIM] = "\033[2m",
    [TEXT_GREEN] = "\033[32m", [TEXT_YELLOW] = "\033[33m", [TEXT_RED] = "\033[31m",
};

bool text_takes_escapes(FILE *out)
{
    const char *term = getenv("TERM");

    return isatty(fileno(out)) && term && term[0] && strcmp(term, "dumb") != 0;
}

bool text_wants_colour(FILE *out)
{
    const char *no = getenv("NO_COLOR");

    return text_takes_escapes(out) && !(no && no[0]);
}

/* Controls, and what writes from right to left or has no width: it could hide or swap digits. */
static bool is_unsafe(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } rows[] = {
        { 0x00, 0x1F },     { 0x7F, 0x9F },       { 0xAD, 0xAD },     { 0x061C, 0x061C },
        { 0x200B, 0x200F }, { 0x2028, 0x202E },   { 0x2060, 0x206F }, { 0xFEFF, 0xFEFF },
        { 0xFFF9, 0xFFFB }, { 0xE0000, 0xE0FFF },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (c >= rows[i].first && c <= rows[i].last)
            return true;
    return false;
}

/* The character at the front as it is shown; how many bytes of `text` that are. */
static size_t show_char(const char *text, size_t len, char ret[ESCAPED_MAX + 1], size_t *ret_width)
{
    uint32_t c = 0;
    size_t n = utf8_take(text, len, &c);

    if (n > 0 && !is_unsafe(c)) {
        memcpy(ret, text, n);
        ret[n] = '\0';
        *ret_width = 1;
        return n;
    }
    if (n <= 1)
        (void)snprintf(ret, ESCAPED_MAX + 1, "\\x%02x", (unsigned char)text[0]);
    else
        (void)snprintf(ret, ESCAPED_MAX + 1, "\\u{%" PRIx32 "}", c);
    *ret_width = strlen(ret);
    return n ? n : 1;
}

void text_put_safe(FILE *out, const char *text)
{
    for (size_t len = strlen(text), i = 0; i < len;) {
        char shown[ESCAPED_MAX + 1];
        size_t width;

        i += show_char(text + i, len - i, shown, &width);
        (void)fputs(shown, out);
    }
}

void text_put_line(FILE *out, const char *text)
{
    text_put_safe(out, text);
    (void)fputc('\n', out);
}

size_t text_width(const char *text)
{
    size_t sum = 0;

    for (size_t len = strlen(text), i = 0; i < len;) {
        char shown[ESCAPED_MAX + 1];
        size_t width;

        i += show_char(text + i, len - i, shown, &width);
        sum += width;
    }
    return sum;
}

void text_put_coloured(FILE *out, const char *text, enum text_colour colour, bool coloured)
{
    bool paints = coloured && colour != TEXT_PLAIN;

    if (paints)
        (void)fputs(codes[colour], out);
    text_put_safe(out, text);
    if (paints)
        (void)fputs("\033[0m", out);
}

void text_duration(double length_ms, char ret[TEXT_DURATION_MAX + 1])
{
    const double most = 1e15;
    const size_t size = TEXT_DURATION_MAX + 1;
    int64_t ms = length_ms < 0 ? 0 : (int64_t)(length_ms < most ? length_ms : most);
    int64_t s = ms / 1000;

    if (ms < 1000)
        (void)snprintf(ret, size, "%" PRId64 " ms", ms);
    else if (s < 60)
        (void)snprintf(ret, size, "%" PRId64 ".%" PRId64 " s", s, ms % 1000 / 100);
    else if (s < 3600)
        (void)snprintf(ret, size, "%" PRId64 " min %" PRId64 " s", s / 60, s % 60);
    else if (s < 86400)
        (void)snprintf(ret, size, "%" PRId64 " h %" PRId64 " min", s / 3600, s % 3600 / 60);
    else
        (void)snprintf(ret, size, "%" PRId64 " d %" PRId64 " h", s / 86400, s % 86400 / 3600);
}

static bool is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c && strchr("-._~", c));
}

char *text_percent(const char *text)
{
    char *to = malloc(3 * strlen(text) + 1);
    size_t n = 0;

    for (const char *at = text; to && *at; at++) {
        if (is_unreserved(*at))
            to[n++] = *at;
        else
            n += (size_t)snprintf(to + n, 4, "%%%02X", (unsigned char)*at);
    }
    if (to)
        to[n] = '\0';
    return to;
}

void text_table_init(struct text_table *t, size_t columns, const char *const *headings)
{
    *t = (struct text_table){ .columns = columns };
    if (headings)
        text_table_add(t, TEXT_DIM, headings);
}

static bool make_room(struct text_table *t)
{
    size_t room = t->room ? 2 * t->room : 16;
    struct text_row *rows;

    if (t->count < t->room)
        return true;
    rows = realloc(t->rows, room * sizeof *rows);
    if (!rows)
        return false;
    t->rows = rows;
    t->room = room;
    return true;
}

void text_table_add(struct text_table *t, enum text_colour colour, const char *const *cells)
{
    struct text_row row = { .colour = colour };

    if (t->count == TEXT_ROWS_MAX)
        return;
    if (!make_room(t)) {
        t->failed = true;
        return;
    }
    for (size_t i = 0; i < t->columns; i++) {
        row.cells[i] = strdup(cells[i] ? cells[i] : "");
        t->failed = t->failed || !row.cells[i];
    }
    t->rows[t->count++] = row;
}

/* The last column that says something in this row: nothing is padded behind it. */
static size_t used_columns(const struct text_table *t, const struct text_row *row)
{
    size_t n = t->columns;

    while (n > 0 && row->cells[n - 1][0] == '\0')
        n--;
    return n;
}

bool text_table_print(const struct text_table *t, FILE *out, bool coloured)
{
    size_t widths[TEXT_COLUMNS_MAX] = { 0 };

    if (t->failed)
        return false;
    for (size_t r = 0; r < t->count; r++)
        for (size_t i = 0; i < t->columns; i++) {
            size_t width = text_width(t->rows[r].cells[i]);

            widths[i] = width > widths[i] ? width : widths[i];
        }
    for (size_t r = 0; r < t->count; r++) {
        size_t used = used_columns(t, &t->rows[r]);

        for (size_t i = 0; i < used; i++) {
            const char *cell = t->rows[r].cells[i];
            size_t pad = i + 1 < used ? widths[i] - text_width(cell) + GAP : 0;

            if (widths[i] == 0)
                continue; /* nobody says anything in this column */
            text_put_coloured(out, cell, t->rows[r].colour, coloured);
            (void)fprintf(out, "%*s", (int)pad, "");
        }
        (void)fputc('\n', out);
    }
    return true;
}

void text_table_done(struct text_table *t)
{
    for (size_t r = 0; r < t->count; r++)
        for (size_t i = 0; i < t->columns; i++)
            free(t->rows[r].cells[i]);
    free(t->rows);
    *t = (struct text_table){ 0 };
}
