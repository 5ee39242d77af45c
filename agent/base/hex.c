#include "agent/base/hex.h"

void hex_from_bytes(const uint8_t *bytes, size_t len, char *ret)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < len; i++) {
        ret[2 * i] = digits[bytes[i] >> 4];
        ret[2 * i + 1] = digits[bytes[i] & 0x0F];
    }
    ret[2 * len] = '\0';
}

static int value_of(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return -1;
}

bool hex_to_bytes(const char *text, size_t text_len, uint8_t *ret, size_t cap, size_t *ret_len)
{
    if (text_len % 2 || text_len / 2 > cap)
        return false;
    for (size_t i = 0; i < text_len; i++)
        if (value_of(text[i]) < 0)
            return false;
    for (size_t i = 0; i < text_len / 2; i++)
        ret[i] =
            (uint8_t)((unsigned)value_of(text[2 * i]) << 4 | (unsigned)value_of(text[2 * i + 1]));
    *ret_len = text_len / 2;
    return true;
}
