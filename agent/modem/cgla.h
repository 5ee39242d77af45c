#pragma once

#include "agent/base/transport.h"
#include "agent/modem/at_sim.h"
#include "agent/modem/chat.h"

/* The way to the card by AT+CCHO, AT+CGLA, AT+CCHC (27.007 8.43 to 8.46): the modem opens a channel
 * and selects the application; the session it names is kept as text. Session. */

enum { CGLA_REFUSALS = 2 };

struct cgla {
    struct transport transport;
    struct chat *chat;
    /* The session that is open; "" none. */
    char session[AT_SESSION_MAX + 1];
    /* Where AT+CCHC never works, a channel is closed by APDU when its number is known, and else left
     * to the next reset, which close() tells by an error. */
    bool cchc_works;
    int cchc_refused;
};

/* Keeps `chat`; the transport's count of restarts goes on (all zero at first). */
void cgla_init(struct cgla *cgla, struct chat *chat);
/* The modem or the card started over: there is no session any more. */
void cgla_forget(struct cgla *cgla);
