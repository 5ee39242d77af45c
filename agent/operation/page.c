#include "agent/operation/page.h"

#include <string.h>

static size_t place_of(const struct operation *rows, size_t count, const char *id)
{
    size_t at = 0;

    while (at < count && strcmp(rows[at].id, id) != 0)
        at++;
    return at;
}

bool page_has(const struct operation *rows, size_t count, const char *id)
{
    return place_of(rows, count, id) < count;
}

size_t page_replace(struct operation *rows, size_t count, const struct operation *op)
{
    rows[place_of(rows, count, op->id)] = *op;
    return count;
}

size_t page_remove(struct operation *rows, size_t count, const char *id)
{
    size_t at = place_of(rows, count, id);

    memmove(&rows[at], &rows[at + 1], (count - at - 1) * sizeof rows[0]);
    return count - 1;
}

size_t page_insert(struct operation *rows, size_t count, size_t cap, const struct operation *op)
{
    size_t kept = count < cap ? count : cap - 1;
    size_t at = 0;

    while (at < count && strcmp(rows[at].id, op->id) > 0)
        at++;
    if (at == cap)
        return count;
    memmove(&rows[at + 1], &rows[at], (kept - at) * sizeof rows[0]);
    rows[at] = *op;
    return kept + 1;
}
