#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads received bytes from front to back and never past the end. A take that fails leaves the
 * cursor where it was. Borrows the bytes. */

struct cursor {
    const uint8_t *at;
    size_t left;
};

struct cursor cursor_of(const void *bytes, size_t len);
bool cursor_take_u8(struct cursor *c, uint8_t *ret);
/* `*ret` points into the cursor's bytes. */
bool cursor_take_bytes(struct cursor *c, size_t len, const uint8_t **ret);
/* A cursor over the next `len` bytes. */
bool cursor_take_cursor(struct cursor *c, size_t len, struct cursor *ret);
