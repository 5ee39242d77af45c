#include "agent/base/aid.h"

#include <string.h>

#include "agent/base/hex.h"

struct error aid_from_card(const uint8_t *bytes, size_t len, struct aid *ret)
{
    if (len < AID_MIN || len > AID_MAX)
        return error_make(ERROR_IN_AGENT, ERROR_CARD, 0, "AID of %zu bytes", len);
    *ret = (struct aid){ .len = (uint8_t)len };
    memcpy(ret->bytes, bytes, len);
    return ERROR_OK;
}

struct error aid_from_text(const char *text, size_t len, struct aid *ret)
{
    struct aid aid = { 0 };
    size_t n;

    if (!hex_to_bytes(text, len, aid.bytes, sizeof aid.bytes, &n) || n < AID_MIN)
        return error_make(ERROR_IN_AGENT, ERROR_INVALID_REQUEST, 0,
                          "an AID is %d to %d hex digits, two a byte", 2 * AID_MIN, AID_TEXT_MAX);
    aid.len = (uint8_t)n;
    *ret = aid;
    return ERROR_OK;
}

void aid_to_text(const struct aid *aid, char ret[AID_TEXT_MAX + 1])
{
    hex_from_bytes(aid->bytes, aid->len, ret);
}

bool aid_equal(const struct aid *a, const struct aid *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}
