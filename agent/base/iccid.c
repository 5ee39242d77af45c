#include "agent/base/iccid.h"

#include <string.h>

static const char digits[] = "0123456789ABCDE"; /* F, the next one, is padding */

static unsigned value_of(char digit)
{
    return (unsigned)(strchr(digits, digit) - digits);
}

static unsigned nibble_at(const uint8_t *bytes, size_t i)
{
    return i % 2 ? bytes[i / 2] >> 4 : bytes[i / 2] & 0x0F;
}

struct error iccid_from_card(const uint8_t *bytes, size_t len, struct iccid *ret)
{
    struct iccid id = { 0 };
    size_t n = 0;

    if (len != ICCID_CARD_LEN)
        return error_make(ERROR_IN_AGENT, ERROR_CARD, 0, "ICCID of %zu bytes", len);
    for (; n < ICCID_TEXT_MAX && nibble_at(bytes, n) != 0xF; n++)
        id.text[n] = digits[nibble_at(bytes, n)];
    for (size_t i = n; i < ICCID_TEXT_MAX; i++)
        if (nibble_at(bytes, i) != 0xF)
            return error_make(ERROR_IN_AGENT, ERROR_CARD, 0, "ICCID padded before %zu", i);
    if (n < ICCID_TEXT_MIN)
        return error_make(ERROR_IN_AGENT, ERROR_CARD, 0, "ICCID of %zu digits", n);
    *ret = id;
    return ERROR_OK;
}

/* NUL for a character that is none of ours. */
static char digit_of(char c)
{
    if (c >= 'a' && c <= 'e')
        c = (char)(c - 'a' + 'A');
    return c && strchr(digits, c) ? c : '\0';
}

struct error iccid_from_text(const char *text, size_t len, struct iccid *ret)
{
    struct iccid id = { 0 };
    size_t n = len;

    while (n > 0 && len <= ICCID_TEXT_MAX && (text[n - 1] == 'F' || text[n - 1] == 'f'))
        n--;
    if (n < ICCID_TEXT_MIN || n > ICCID_TEXT_MAX)
        return error_make(ERROR_IN_AGENT, ERROR_INVALID_REQUEST, 0, "an ICCID has %d to %d digits",
                          ICCID_TEXT_MIN, ICCID_TEXT_MAX);
    for (size_t i = 0; i < n; i++) {
        id.text[i] = digit_of(text[i]);
        if (!id.text[i])
            return error_make(ERROR_IN_AGENT, ERROR_INVALID_REQUEST, 0,
                              "an ICCID has digits and A to E, nothing else");
    }
    *ret = id;
    return ERROR_OK;
}

void iccid_to_card(const struct iccid *id, uint8_t ret[ICCID_CARD_LEN])
{
    memset(ret, 0xFF, ICCID_CARD_LEN);
    for (size_t i = 0; id->text[i]; i++)
        ret[i / 2] &= (uint8_t)(value_of(id->text[i]) << (i % 2 ? 4 : 0) | (i % 2 ? 0x0F : 0xF0));
}

bool iccid_luhn_ok(const struct iccid *id)
{
    unsigned sum = 0;

    for (size_t n = strlen(id->text), i = 0; i < n; i++) {
        unsigned value = value_of(id->text[n - 1 - i]) << i % 2;
        sum += value > 9 ? value - 9 : value;
    }
    return sum % 10 == 0;
}

bool iccid_equal(const struct iccid *a, const struct iccid *b)
{
    return strcmp(a->text, b->text) == 0;
}
