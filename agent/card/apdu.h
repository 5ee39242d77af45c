#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/base/aid.h"
#include "agent/base/error.h"
#include "agent/base/transport.h"

/* Short command APDUs (ISO 7816-4, ETSI TS 102 221 10.1): what is asked, and the bytes that ask it on
 * a given channel. And the few commands that every card knows. */

enum { APDU_CHANNEL_MAX = 19, APDU_DATA_MAX = 255, APDU_LE_MAX = 256 };

enum apdu_class {
    /* APDU_INTERINDUSTRY: 0X, from channel 4 on 4X. */
    APDU_INTERINDUSTRY = 0,
    /* APDU_PROPRIETARY: 8X, from channel 4 on CX. */
    APDU_PROPRIETARY,
};

struct apdu {
    enum apdu_class class;
    uint8_t ins, p1, p2;
    uint8_t data_len;
    uint8_t data[APDU_DATA_MAX];
    /* How many bytes are wanted, 1 to 256, which goes as 00; 0: no Le is sent. */
    unsigned le;
};

/* `channel` is at most APDU_CHANNEL_MAX. */
uint8_t apdu_cla(enum apdu_class class, unsigned channel);
/* Returns how many bytes. */
size_t apdu_to_bytes(const struct apdu *apdu, unsigned channel, uint8_t ret[TRANSPORT_COMMAND_MAX]);
/* Le as SW2 of 61XX and 6CXX says it: 00 is 256. */
unsigned apdu_le_of(uint8_t sw2);

/* MANAGE CHANNEL (TS 102 221 11.1.17), always sent on channel 0. */
struct apdu apdu_open_channel(void);
struct apdu apdu_close_channel(unsigned channel);
/* The one byte that opening answers with: a channel from 1 to 19. ERROR_CARD; `*ret` is then as
 * before. */
MUST_CHECK struct error apdu_opened_channel(const uint8_t *data, size_t len, unsigned *ret);
/* SELECT by name, without Le: the FCI is nothing that we need. */
struct apdu apdu_select(const struct aid *aid);
struct apdu apdu_get_response(enum apdu_class class, unsigned le);
