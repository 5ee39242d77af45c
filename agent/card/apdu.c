#include "agent/card/apdu.h"

#include <assert.h>
#include <string.h>

uint8_t apdu_cla(enum apdu_class class, unsigned channel)
{
    uint8_t cla = class == APDU_PROPRIETARY ? 0x80 : 0x00;

    assert(channel <= APDU_CHANNEL_MAX);
    /* TS 102 221 table 10.3 and 10.4a: from 4 on, bit 7 and the channel less 4. */
    return (uint8_t)(channel < 4 ? cla | channel : cla | 0x40 | (channel - 4));
}

size_t apdu_to_bytes(const struct apdu *apdu, unsigned channel, uint8_t ret[TRANSPORT_COMMAND_MAX])
{
    size_t n = 0;

    assert(apdu->le <= APDU_LE_MAX);
    ret[n++] = apdu_cla(apdu->class, channel);
    ret[n++] = apdu->ins;
    ret[n++] = apdu->p1;
    ret[n++] = apdu->p2;
    if (apdu->data_len > 0) {
        ret[n++] = apdu->data_len;
        memcpy(ret + n, apdu->data, apdu->data_len);
        n += apdu->data_len;
    }
    if (apdu->le > 0)
        ret[n++] = (uint8_t)(apdu->le & 0xFF);
    return n;
}

unsigned apdu_le_of(uint8_t sw2)
{
    return sw2 == 0 ? APDU_LE_MAX : sw2;
}

struct apdu apdu_open_channel(void)
{
    return (struct apdu){ .ins = 0x70, .le = 1 };
}

struct apdu apdu_close_channel(unsigned channel)
{
    return (struct apdu){ .ins = 0x70, .p1 = 0x80, .p2 = (uint8_t)channel, .le = APDU_LE_MAX };
}

struct error apdu_opened_channel(const uint8_t *data, size_t len, unsigned *ret)
{
    if (len != 1)
        return error_make(ERROR_IN_CARD, ERROR_CARD, 0, "a new channel in %zu bytes", len);
    if (data[0] < 1 || data[0] > APDU_CHANNEL_MAX)
        return error_make(ERROR_IN_CARD, ERROR_CARD, 0, "the card opened channel %u", data[0]);
    *ret = data[0];
    return ERROR_OK;
}

struct apdu apdu_select(const struct aid *aid)
{
    struct apdu apdu = { .ins = 0xA4, .p1 = 0x04, .data_len = aid->len };

    memcpy(apdu.data, aid->bytes, aid->len);
    return apdu;
}

struct apdu apdu_get_response(enum apdu_class class, unsigned le)
{
    return (struct apdu){ .class = class, .ins = 0xC0, .le = le };
}
