#include "agent/base/eid.h"

#include <string.h>

#include "agent/base/hex.h"

struct error eid_from_card(const uint8_t *bytes, size_t len, struct eid *ret)
{
    struct eid eid;

    if (len != EID_CARD_LEN)
        return error_make(ERROR_IN_CARD, ERROR_CARD, 0, "EID of %zu bytes", len);
    hex_from_bytes(bytes, len, eid.text);
    if (strspn(eid.text, "0123456789") != EID_TEXT_LEN)
        return error_make(ERROR_IN_CARD, ERROR_CARD, 0, "EID with other characters than digits");
    *ret = eid;
    return ERROR_OK;
}

bool eid_is_valid(const struct eid *eid)
{
    unsigned rest = 0;

    for (size_t i = 0; i < EID_TEXT_LEN; i++)
        rest = (rest * 10 + (unsigned)(eid->text[i] - '0')) % 97;
    return rest == 1;
}

void eid_profile_code(const struct eid *eid, char ret[EID_PROFILE_CODE_LEN + 1])
{
    memcpy(ret, eid->text + 10, EID_PROFILE_CODE_LEN);
    ret[EID_PROFILE_CODE_LEN] = '\0';
}
