#include "agent/card/es10c.h"

#include <string.h>

#include "agent/base/macros.h"
#include "agent/card/profile_row.h"
#include "agent/card/tlv.h"

enum { TAG_EUICC_DATA = 0xBF3E, TAG_PROFILES_INFO = 0xBF2D, TAG_ENABLE = 0xBF31 };

/* All our commands fit in one block: P1 91 is the last one, P2 its number. */
static struct apdu store_data(const uint8_t *data, size_t len)
{
    struct apdu apdu = { .class = APDU_PROPRIETARY, .ins = 0xE2, .p1 = 0x91 };

    apdu.data_len = (uint8_t)len;
    memcpy(apdu.data, data, len);
    return apdu;
}

struct apdu es10c_get_eid(void)
{
    static const uint8_t data[] = { 0xBF, 0x3E, 0x03, 0x5C, 0x01, 0x5A };

    return store_data(data, sizeof data);
}

struct apdu es10c_list(bool names)
{
    static const uint8_t with[] = { 0xBF, 0x2D, 0x09, 0x5C, 0x07, 0x5A,
                                    0x4F, 0x9F, 0x70, 0x90, 0x91, 0x92 };
    static const uint8_t without[] = { 0xBF, 0x2D, 0x06, 0x5C, 0x04, 0x5A, 0x4F, 0x9F, 0x70 };

    return names ? store_data(with, sizeof with) : store_data(without, sizeof without);
}

/* BF31 { A0 { tag id } 81 refresh } */
static struct apdu enable(uint8_t tag, const uint8_t *id, uint8_t len, bool refresh)
{
    uint8_t data[10 + AID_MAX] = { 0xBF, 0x31, (uint8_t)(len + 7), 0xA0, (uint8_t)(len + 2),
                                   tag,  len };

    memcpy(data + 7, id, len);
    data[7 + len] = 0x81;
    data[8 + len] = 0x01;
    data[9 + len] = refresh ? 0xFF : 0x00;
    return store_data(data, 10U + len);
}

struct apdu es10c_enable_by_iccid(const struct iccid *iccid, bool refresh)
{
    uint8_t id[ICCID_CARD_LEN];

    iccid_to_card(iccid, id);
    return enable(0x5A, id, sizeof id, refresh);
}

struct apdu es10c_enable_by_aid(const struct aid *aid, bool refresh)
{
    return enable(0x4F, aid->bytes, aid->len, refresh);
}

/* The value of the one object that the answer consists of. */
static struct error open_answer(const uint8_t *data, size_t len, uint32_t tag, struct cursor *ret)
{
    struct cursor c = cursor_of(data, len);
    struct tlv tlv;

    if (!tlv_take(&c, &tlv) || tlv.tag != tag || c.left > 0)
        return error_make(ERROR_IN_CARD, ERROR_CARD, 0, "no %X in an answer of %zu bytes",
                          (unsigned)tag, len);
    *ret = tlv.value;
    return ERROR_OK;
}

struct error es10c_eid_from_answer(const uint8_t *data, size_t len, struct eid *ret)
{
    struct cursor c;
    struct tlv tlv;
    struct error e = open_answer(data, len, TAG_EUICC_DATA, &c);

    if (e.code)
        return e;
    if (!tlv_take(&c, &tlv) || tlv.tag != 0x5A || c.left > 0)
        return error_make(ERROR_IN_CARD, ERROR_CARD, 0, "no EID in %zu bytes", len);
    return eid_from_card(tlv.value.at, tlv.value.left, ret);
}

static struct error own_error(struct cursor value)
{
    uint8_t code;

    if (value.left != 1 || !cursor_take_u8(&value, &code))
        return error_make(ERROR_IN_CARD, ERROR_CARD, 0, "an error in %zu bytes", value.left);
    return error_make(ERROR_IN_CARD, ERROR_CARD, 0, "the card refuses its list with error %u",
                      code);
}

static struct error take_rows(struct cursor c, struct profile_list *list)
{
    static const struct profile_row_form form = { .enabled = 1, .disabled = 0, .names = true };
    struct tlv tlv;

    while (c.left > 0) {
        struct error e;

        if (!tlv_take(&c, &tlv))
            return error_make(ERROR_IN_CARD, ERROR_CARD, 0,
                              "the list is malformed %zu bytes before its end", c.left);
        if (tlv.tag != 0xE3)
            continue;
        e = profile_row_add(tlv.value, &form, list);
        if (e.code)
            return e;
    }
    return ERROR_OK;
}

struct error es10c_list_from_answer(const uint8_t *data, size_t len, struct profile_list *ret)
{
    struct profile_list list = { 0 };
    struct cursor c;
    struct tlv tlv;
    struct error e = open_answer(data, len, TAG_PROFILES_INFO, &c);

    if (e.code)
        return e;
    /* A choice: the list, or an error (SGP.22 5.7.15). */
    if (!tlv_take(&c, &tlv) || c.left > 0 || (tlv.tag != 0xA0 && tlv.tag != 0x81))
        return error_make(ERROR_IN_CARD, ERROR_CARD, 0, "no list in %zu bytes", len);
    e = tlv.tag == 0x81 ? own_error(tlv.value) : take_rows(tlv.value, &list);
    if (e.code)
        return e;
    *ret = list;
    return ERROR_OK;
}

struct error es10c_result_from_answer(const uint8_t *data, size_t len, unsigned *ret)
{
    /* As the vendor's guide prints a success. */
    static const uint8_t bare[] = { 0xBF, 0x31, 0x00, 0x00 };
    struct cursor c;
    struct tlv tlv;
    struct error e;
    uint8_t result;

    if (len == sizeof bare && memcmp(data, bare, len) == 0) {
        *ret = ES10C_OK;
        return ERROR_OK;
    }
    e = open_answer(data, len, TAG_ENABLE, &c);
    if (e.code)
        return e;
    if (!tlv_take(&c, &tlv) || tlv.tag != 0x80 || c.left > 0 || tlv.value.left != 1 ||
        !cursor_take_u8(&tlv.value, &result))
        return error_make(ERROR_IN_CARD, ERROR_CARD, 0, "no result in %zu bytes", len);
    *ret = result;
    return ERROR_OK;
}
