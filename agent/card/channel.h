#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/aid.h"
#include "agent/base/error.h"
#include "agent/base/transport.h"
#include "agent/card/apdu.h"
#include "agent/card/patience.h"

/* One logical channel with an application selected on it, over a transport that opens by itself
 * (CGLA) or over one that we open by APDU (CSIM). */

enum { CHANNEL_APDU_MS = 10000, CHANNEL_CLOSE_MS = 30000 };

/* A transport, and what has been learnt of it. */
struct channel_way {
    struct transport *transport;
    /* The modem sets the channel in the CLA by itself; or it was seen to leave ours alone. Learnt by
     * an answer that was understood, or by a command that was done. */
    bool cla_without_channel, cla_proven;
    /* MANAGE CHANNEL wants its Le the other way round here. */
    bool other_le;
    /* Channels that this agent opened by APDU and did not see closed: bit n is channel n. */
    uint32_t own;
    /* An earlier process of this agent left a channel open: it is closed before the next is opened. */
    bool adopted;
    /* TRAFFIC_ANSWERS counts of what the card said; NULL: nobody counts. */
    uint64_t *answers;
    /* Called when what is open changed; NULL: nobody wants to know. */
    void (*changed)(void *ctx);
    void *ctx;
};

struct channel {
    struct channel_way *way;
    struct patience *patience;
    const struct aid *aid;
    /* This card wants its FCI fetched before it listens on. */
    bool fetch_fci;
    bool is_open;
    /* What opening gave, from 1 to 19; 0: the modem keeps it. */
    unsigned number;
    /* SELECT answered 61XX, and the FCI still waits in the card. */
    bool fci_waits;
    /* SELECT failed on a channel that had opened. */
    bool select_failed;
    /* ENABLE went out. A modem that says "busy" now is starting over, and that is for the owner of
     * the modem to see: closing does not wait for it. */
    bool restart_expected;
    /* The card said yes to ENABLE: a SIM that is busy then is being reset, and has no channels. */
    bool reset_under_way;
    /* The transport's count when the channel was opened, or ENABLE was about to go out. */
    unsigned restarts;
    /* CCHO was refused in general terms, also after our own session was closed. */
    bool none_free;
    /* A command was answered without the channel in its CLA, and nothing shows yet that it was the
     * application that answered. `without_channel`: as a command that was done is answered. */
    bool guessed, without_channel;
    /* A channel was not seen to close. */
    bool lost;
};

/* Opens and selects; what failed is closed again. Errors: the transport's; ERROR_APPLET_ABSENT;
 * ERROR_CARD_BUSY (no channel is free, also after clearing up); ERROR_CARD. */
MUST_CHECK struct error channel_open(struct channel *ch);
/* SELECT once more, and the FCI fetched. As channel_open(). */
MUST_CHECK struct error channel_reselect(struct channel *ch);
/* Nothing when it is not open. Whatever happens it is not open afterwards: what could not be closed
 * is `lost` and stays on record. */
void channel_close(struct channel *ch);
/* The card says that it is gone (6881). */
void channel_drop(struct channel *ch);

/* Closes what an earlier process of this agent left open on the channel's way. */
void channel_close_adopted(struct channel *ch);
/* From here on: what was lost before is none of what the caller asks for. */
void channel_begin_enable(struct channel *ch);
/* The modem may have sessions that others left open: closes them. False: it cannot. */
bool channel_clear(struct channel *ch);

/* One command, one answer. The transport's errors. `is_read`: it does no harm on whatever channel it
 * comes to, so whether the CLA has to carry the channel may be found out with it. */
MUST_CHECK struct error channel_transmit(struct channel *ch, const struct apdu *apdu, bool is_read,
                                         int64_t timeout_ms, struct transport_answer *ret);
/* The answers since opening were the application's. */
void channel_confirm(struct channel *ch);

/* The modem refused in its own name and may know the other way: +CME ERROR: 3 or 4, ERROR. */
bool channel_is_refused(const struct error *e);
