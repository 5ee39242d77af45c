#include "agent/base/utf8.h"

size_t utf8_take(const char *text, size_t len, uint32_t *ret_char)
{
    /* The least character that a sequence of that length may carry. */
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    const unsigned char *bytes = (const unsigned char *)text;
    size_t n;
    uint32_t c;

    if (len == 0)
        return 0;
    n = bytes[0] < 0x80 ? 1 : bytes[0] < 0xC0 ? 0 : bytes[0] < 0xE0 ? 2 : bytes[0] < 0xF0 ? 3 : 4;
    if (n == 0 || n > len || bytes[0] > 0xF4)
        return 0;
    c = n == 1 ? bytes[0] : bytes[0] & (0xFFU >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((bytes[i] & 0xC0) != 0x80)
            return 0;
        c = c << 6 | (bytes[i] & 0x3F);
    }
    if (c < least[n] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        return 0;
    if (ret_char)
        *ret_char = c;
    return n;
}

bool utf8_is_printable(const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        uint32_t c = 0;
        size_t n = utf8_take(text + i, len - i, &c);

        if (n == 0 || c < 0x20 || (c >= 0x7F && c < 0xA0))
            return false;
        i += n;
    }
    return true;
}
