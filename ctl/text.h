#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* How things are shown to people. Text of the card or of the network never reaches a terminal raw:
 * what could move a cursor, or turn text around, is written as \xNN or \u{N}. */

enum text_colour { TEXT_PLAIN = 0, TEXT_BOLD, TEXT_DIM, TEXT_GREEN, TEXT_YELLOW, TEXT_RED };

/* A terminal that does as escape sequences say: not one of TERM=dumb, or of no TERM. */
bool text_takes_escapes(FILE *out);
/* Such a terminal, and NO_COLOR (any text) does not speak against it. */
bool text_wants_colour(FILE *out);

void text_put_safe(FILE *out, const char *text);
/* And a line's end. */
void text_put_line(FILE *out, const char *text);
/* `coloured` false: as text_put_safe(). */
void text_put_coloured(FILE *out, const char *text, enum text_colour colour, bool coloured);
/* How many columns text_put_safe() takes. */
size_t text_width(const char *text);

/* Milliseconds as people read them: "161 ms", "12.3 s", "4 min 5 s", "2 h 3 min", "3 d 4 h". Below 0 it is 0. */
enum { TEXT_DURATION_MAX = 31 };
void text_duration(double ms, char ret[TEXT_DURATION_MAX + 1]);

/* `text` for a URL's path or query: all but A-Z a-z 0-9 - . _ ~ as %XX. Gives (free); NULL: no memory. */
char *text_percent(const char *text);

enum { TEXT_COLUMNS_MAX = 10, TEXT_ROWS_MAX = 20000 };

/* Rows under each other, columns as wide as they need to be. */
struct text_table {
    bool failed;
    size_t columns, count, room;
    struct text_row {
        enum text_colour colour;
        char *cells[TEXT_COLUMNS_MAX];
    } * rows;
};

/* `headings`: as many as there are columns; NULL: none. */
void text_table_init(struct text_table *t, size_t columns, const char *const *headings);
/* Takes a copy; NULL: an empty cell. What does not fit into TEXT_ROWS_MAX is left out. */
void text_table_add(struct text_table *t, enum text_colour colour, const char *const *cells);
/* False: memory ran out before. */
bool text_table_print(const struct text_table *t, FILE *out, bool coloured);
void text_table_done(struct text_table *t);
