#pragma once

#include "agent/base/transport.h"
#include "agent/modem/chat.h"

/* The way to the card by AT+CSIM (27.007 8.17): the channel is in the CLA, opened by APDU. Session. */

struct csim {
    struct transport transport;
    struct chat *chat;
};

/* Keeps `chat`. */
void csim_init(struct csim *csim, struct chat *chat);
