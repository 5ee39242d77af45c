#include "agent/card/lpm.h"

#include <string.h>

#include "agent/card/profile_row.h"
#include "agent/card/tlv.h"

struct apdu lpm_get_eid(void)
{
    return (struct apdu){ .class = APDU_PROPRIETARY, .ins = 0x16, .le = 0x12 };
}

struct apdu lpm_list(void)
{
    return (struct apdu){ .class = APDU_PROPRIETARY, .ins = 0x18, .le = 0xFF };
}

struct apdu lpm_enable(const struct aid *aid)
{
    struct apdu apdu = { .class = APDU_PROPRIETARY, .ins = 0x01, .data_len = aid->len };

    memcpy(apdu.data, aid->bytes, aid->len);
    return apdu;
}

struct error lpm_eid_from_answer(const uint8_t *data, size_t len, struct eid *ret)
{
    struct cursor c = cursor_of(data, len);
    struct tlv tlv;

    if (!tlv_take(&c, &tlv) || tlv.tag != 0x4C || c.left > 0)
        return error_make(ERROR_IN_CARD, ERROR_CARD, 0, "no EID in %zu bytes", len);
    return eid_from_card(tlv.value.at, tlv.value.left, ret);
}

struct error lpm_list_from_answer(const uint8_t *data, size_t len, struct profile_list *ret)
{
    static const struct profile_row_form form = { .enabled = 0x3F,
                                                  .disabled = 0x1F,
                                                  .fallback = true };
    struct profile_list list = { 0 };
    struct cursor c = cursor_of(data, len);
    struct tlv tlv;
    bool has_row = false;

    while (c.left > 0) {
        struct error e;

        if (!tlv_take(&c, &tlv))
            return error_make(ERROR_IN_CARD, ERROR_CARD, 0,
                              "the list is malformed %zu bytes "
                              "before its end",
                              c.left);
        if (tlv.tag != 0xE3)
            continue;
        has_row = true;
        e = profile_row_add(tlv.value, &form, &list);
        if (e.code)
            return e;
    }
    /* Some modems repeat an earlier answer: an EID is no list without profiles. */
    if (len > 0 && !has_row)
        return error_make(ERROR_IN_CARD, ERROR_CARD, 0, "no list in %zu bytes", len);
    *ret = list;
    return ERROR_OK;
}
