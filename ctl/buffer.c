#include "ctl/buffer.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST = 256 };

static bool grow(struct buffer *b, size_t wanted)
{
    size_t cap = b->cap ? b->cap : FIRST;
    char *bigger;

    while (cap < wanted)
        cap *= 2;
    bigger = realloc(b->text, cap);
    if (!bigger)
        return false;
    b->text = bigger;
    b->cap = cap;
    return true;
}

bool buffer_add(struct buffer *b, const void *bytes, size_t len)
{
    if (len > b->max - b->len)
        return false;
    if (b->len + len + 1 > b->cap && !grow(b, b->len + len + 1))
        return false;
    if (len > 0)
        memcpy(b->text + b->len, bytes, len);
    b->len += len;
    b->text[b->len] = '\0';
    return true;
}

bool buffer_add_text(struct buffer *b, const char *text)
{
    return buffer_add(b, text, strlen(text));
}

void buffer_drop(struct buffer *b, size_t len)
{
    if (len >= b->len) {
        buffer_clear(b);
        return;
    }
    memmove(b->text, b->text + len, b->len - len + 1);
    b->len -= len;
}

void buffer_clear(struct buffer *b)
{
    b->len = 0;
    if (b->text)
        b->text[0] = '\0';
}

void buffer_done(struct buffer *b)
{
    free(b->text);
    b->text = NULL;
    b->len = 0;
    b->cap = 0;
}

const char *buffer_text(const struct buffer *b)
{
    return b->text ? b->text : "";
}
