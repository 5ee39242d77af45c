#include "config/config_problems.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/utf8.h"

bool config_problems_init(struct config_problems *problems)
{
    problems->count = 0;
    problems->items = calloc(CONFIG_PROBLEMS_MAX, sizeof *problems->items);
    return problems->items != NULL;
}

void config_problems_done(struct config_problems *problems)
{
    free(problems->items);
    *problems = (struct config_problems){ 0 };
}

/* Names and values of a file are quoted, and a cut may leave half a character. */
static void make_printable(char *text)
{
    for (size_t len = strlen(text), i = 0; i < len;) {
        size_t n = utf8_take(text + i, len - i, NULL);

        if (n == 0 || !utf8_is_printable(text + i, n)) {
            text[i] = '?';
            n = 1;
        }
        i += n;
    }
}

void config_problems_add(struct config_problems *problems, const char *path, const char *format,
                         ...)
{
    struct config_problem *row = &problems->items[problems->count];
    va_list values;

    if (problems->count == CONFIG_PROBLEMS_MAX)
        return;
    problems->count++;
    if (problems->count == CONFIG_PROBLEMS_MAX) {
        (void)snprintf(row->message, sizeof row->message, "there are more problems than these");
        return;
    }
    (void)snprintf(row->path, sizeof row->path, "%s", path);
    va_start(values, format);
    (void)vsnprintf(row->message, sizeof row->message, format, values);
    va_end(values);
    make_printable(row->path);
    make_printable(row->message);
}

void config_problems_name_source(struct config_problems *problems, const char *path,
                                 const char *source)
{
    size_t n = strlen(path);

    for (size_t i = 0; i < problems->count; i++) {
        struct config_problem *row = &problems->items[i];
        size_t used = strlen(row->message);

        if (strncmp(row->path, path, n) != 0 || !strchr(".[", row->path[n]))
            continue;
        (void)snprintf(row->message + used, sizeof row->message - used, " (from %s)", source);
        make_printable(row->message);
    }
}
