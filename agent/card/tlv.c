#include "agent/card/tlv.h"

static bool take_tag(struct cursor *c, uint32_t *ret)
{
    uint8_t byte;
    uint32_t tag;

    if (!cursor_take_u8(c, &byte))
        return false;
    tag = byte;
    if ((byte & 0x1F) == 0x1F) {
        unsigned n = 1;

        do {
            if (n++ == 3 || !cursor_take_u8(c, &byte))
                return false;
            tag = tag << 8 | byte;
        } while (byte & 0x80);
    }
    *ret = tag;
    return true;
}

static bool take_length(struct cursor *c, size_t *ret)
{
    uint8_t byte;
    size_t len = 0;

    if (!cursor_take_u8(c, &byte))
        return false;
    if (byte < 0x80) {
        *ret = byte;
        return true;
    }
    /* 80 is the indefinite form; more than three bytes no card fills. */
    if (byte < 0x81 || byte > 0x83)
        return false;
    for (unsigned n = byte & 0x7F; n > 0; n--) {
        if (!cursor_take_u8(c, &byte))
            return false;
        len = len << 8 | byte;
    }
    *ret = len;
    return true;
}

bool tlv_take(struct cursor *c, struct tlv *ret)
{
    struct cursor rest = *c;
    struct tlv tlv;
    size_t len;

    if (!take_tag(&rest, &tlv.tag) || !take_length(&rest, &len) ||
        !cursor_take_cursor(&rest, len, &tlv.value))
        return false;
    *c = rest;
    *ret = tlv;
    return true;
}
