#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/eid.h"
#include "agent/base/error.h"
#include "agent/base/profile.h"
#include "agent/base/traffic.h"
#include "agent/base/transport.h"

/* Jobs on the card: one job is open, select, exchange, close, on a transport that is given to it.
 * The channel is closed on every path. Knows LPM and ES10c and which of them this card speaks; which
 * of the transports works with this modem; which channels are its own. One thread. */

struct card;

/* CARD_AUTO tries LPM, then ES10c. */
enum card_interface { CARD_AUTO = 0, CARD_LPM, CARD_ES10C };

struct card_options {
    /* In the order to try; kept. The one that worked is used from then on, until the modem refuses
     * it or no SELECT passes by it. */
    struct transport *transports[2];
    size_t transport_count;
    struct aid aid; /* the LPM applet's, or an ISD-R's */
    enum card_interface interface;
    /* CLOCK_BOOTTIME and a pause; a test gives its own. The pause returns false when the agent
     * stops. */
    int64_t (*now_ms)(void *ctx);
    bool (*pause)(void *ctx, int64_t until_ms);
    /* Called when what this agent has open on the card changed: a text for card_adopt(), "" for
     * nothing. NULL: nobody keeps it. */
    void (*on_channels)(void *ctx, const char *open);
    void *ctx;
};

enum { CARD_CHANNELS_MAX = 63 };

/* NULL: no memory. */
struct card *card_new(const struct card_options *options);
void card_free(struct card *card);

/* "csim"/"cgla" and "lpm"/"es10c"; "" until known. */
const char *card_transport_name(const struct card *card);
const char *card_interface_name(const struct card *card);

/* Sets the card's answers. */
void card_get_traffic(const struct card *card, struct traffic *ret);

/* The modem or the card was reset: channels on record are gone, transport and interface stay. */
void card_forget_channels(struct card *card);
/* What an earlier process had open when it was killed, and no restart of the modem has closed since: it
 * is closed before the next job. A text that is none is ignored. */
void card_adopt(struct card *card, const char *open);
/* Another modem or another card: everything is tried anew. */
void card_forget_all(struct card *card);

/* One job for what is wanted; either may be NULL. Cold over LPM: open, select, EID, list, close.
 * Errors: the transport's; ERROR_APPLET_ABSENT (SELECT 6A82); ERROR_CARD (other status words, bad
 * data); ERROR_CARD_BUSY (9300 for 10 s, no channel free). Outputs are as before on failure.
 * `ret_eid_error` NULL: an EID that cannot be read is the job's error. Else `*ret_eid_error` says of
 * the EID alone: ERROR_NONE, then `*ret_eid` is set, also where the list failed; or why not. What
 * keeps the EID alone (its status word, bad data) is then no error of the job, and the list is read
 * all the same. */
MUST_CHECK struct error card_read(struct card *card, struct eid *ret_eid,
                                  struct profile_list *ret_list, struct error *ret_eid_error);

enum card_sent {
    /* CARD_NOT_SENT: ENABLE did not go out; the error or the caller's word says why. */
    CARD_NOT_SENT = 0,
    /* CARD_REFUSED: the card said no, by an answer that is sure: nothing changed. */
    CARD_REFUSED,
    /* CARD_ENABLED: the card said yes. */
    CARD_ENABLED,
    /* CARD_UNCLEAR: nothing is known (no answer, another command's, port gone, 6F00, 64XX, 65XX, 6985,
     * 6A88, 6A80, result 2, 127 …): wait for the card, list, then decide. */
    CARD_UNCLEAR,
};

struct card_enable {
    enum card_sent sent;
    /* Of CARD_NOT_SENT (code ERROR_NONE when the caller declined), CARD_REFUSED, CARD_UNCLEAR. */
    struct error error;
    /* The channel of ENABLE, and every one that was opened after it, is closed: by the card's answer,
     * or a restart of the card was seen since, or the SIM is busy after it said yes. Where ENABLE did
     * not go out: every channel. False: the caller has to reset the card before it trusts a list. */
    bool channels_closed;
};

/* Asked with the fresh list, in the middle of the job, right before ENABLE: gives the row to
 * enable, or NULL to leave it (the caller keeps why). */
typedef const struct profile *(*card_decide)(void *ctx, const struct profile_list *list);

/* One job: open, select, list, `decide`, ENABLE, close. */
void card_enable(struct card *card, card_decide decide, void *ctx, struct card_enable *ret);
