#include "agent/base/cursor.h"

struct cursor cursor_of(const void *bytes, size_t len)
{
    return (struct cursor){ .at = bytes, .left = len };
}

bool cursor_take_bytes(struct cursor *c, size_t len, const uint8_t **ret)
{
    if (len > c->left)
        return false;
    *ret = c->at;
    if (len > 0)
        c->at += len;
    c->left -= len;
    return true;
}

bool cursor_take_u8(struct cursor *c, uint8_t *ret)
{
    const uint8_t *byte;

    if (!cursor_take_bytes(c, 1, &byte))
        return false;
    *ret = *byte;
    return true;
}

bool cursor_take_cursor(struct cursor *c, size_t len, struct cursor *ret)
{
    const uint8_t *bytes;

    if (!cursor_take_bytes(c, len, &bytes))
        return false;
    *ret = cursor_of(bytes, len);
    return true;
}
