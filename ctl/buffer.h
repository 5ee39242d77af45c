#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Text that grows, up to a limit: what a peer sends is never taken without one. */

struct buffer {
    /* NUL-terminated once something was added; NULL before. */
    char *text;
    size_t len, cap;
    /* The most that it takes, without the NUL. */
    size_t max;
};

/* False: over the limit, or no memory; the buffer is then as before. */
bool buffer_add(struct buffer *b, const void *bytes, size_t len);
bool buffer_add_text(struct buffer *b, const char *text);
/* Takes bytes off its front, all of them where there are fewer. */
void buffer_drop(struct buffer *b, size_t len);
/* Keeps the memory. */
void buffer_clear(struct buffer *b);
void buffer_done(struct buffer *b);
/* "" where nothing was added. */
const char *buffer_text(const struct buffer *b);
