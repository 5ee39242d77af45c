#include "agent/modem/transport_chat.h"

enum {
    INS_GET_EID = 0x16,
    INS_LIST = 0x18,
    INS_MANAGE_CHANNEL = 0x70,
    INS_SELECT = 0xA4,
};

bool transport_is_pure_read(const uint8_t *apdu, size_t len)
{
    if (len < 4)
        return false;
    /* Bit 8 of the CLA: the application's own commands. */
    return apdu[0] & 0x80 ? apdu[1] == INS_GET_EID || apdu[1] == INS_LIST : apdu[1] == INS_SELECT;
}

bool transport_is_close(const uint8_t *apdu, size_t len)
{
    return len >= 4 && apdu[1] == INS_MANAGE_CHANNEL && apdu[2] == 0x80;
}

struct error transport_take_answer(const struct chat_answer *answer,
                                   bool (*parse)(const char *line, struct transport_answer *ret),
                                   struct transport_answer *ret)
{
    struct transport_answer found;
    size_t count = 0;

    for (size_t i = 0; i < answer->count; i++)
        count += parse(answer->lines[i], &found);
    /* Of two answers one is another command's, and nobody knows which. */
    if (count != 1)
        return error_make(ERROR_IN_MODEM, ERROR_MODEM_TIMEOUT, ERROR_FINAL_NONE,
                          "%zu answers of the card in the modem's answer", count);
    *ret = found;
    return ERROR_OK;
}
