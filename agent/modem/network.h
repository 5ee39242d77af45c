#pragma once

#include <stdbool.h>

#include "agent/base/connectivity.h"
#include "agent/modem/chat.h"
#include "agent/modem/quirks.h"

/* Readings of the network and of the card in use, each a few AT commands. What the modem refuses and
 * can do without is not asked again until the next set-up. Session. */

enum network_optional {
    NETWORK_C5GREG = 1 << 0,
    NETWORK_CESQ = 1 << 1,
    NETWORK_SINR = 1 << 2,
};

enum { NETWORK_HASH_LEN = 16, NETWORK_ICCID_REFUSALS = 3 };

struct network {
    struct chat *chat;
    const struct quirk *quirk;
    unsigned refused; /* enum network_optional */
    /* Whether somebody more urgent waits for the modem; asked before each command. NULL: nobody. */
    bool (*gives_way)(void *ctx);
    void *way_ctx;
    /* How often each of the quirk row's ICCID commands was refused while the card could be read. */
    int iccid_refused[QUIRK_ICCID_MAX];
};

/* At each set-up. Keeps both. */
void network_init(struct network *network, struct chat *chat, const struct quirk *quirk);

/* Each changes its own part of `ret`, and that only with ERROR_NONE. What the modem refuses, or
 * cannot tell now, is unknown; errors are those of a dialogue that does not go on:
 * ERROR_MODEM_TIMEOUT, ERROR_MODEM_ABSENT, ERROR_SHUTTING_DOWN, and ERROR_SWITCH_IN_PROGRESS of a
 * reading that gave way. */
MUST_CHECK struct error network_read_registration(struct network *network,
                                                  struct connectivity *ret);
MUST_CHECK struct error network_read_operator(struct network *network, struct connectivity *ret);
MUST_CHECK struct error network_read_signal(struct network *network, struct connectivity *ret);
MUST_CHECK struct error network_read_data(struct network *network, struct connectivity *ret);

/* Here a refusal is an error too. `*ret_cached` false: by CRSM, from the card itself. */
MUST_CHECK struct error network_read_iccid(struct network *network, struct iccid *ret,
                                           bool *ret_cached);
MUST_CHECK struct error network_read_imsi_hash(struct network *network,
                                               char ret[NETWORK_HASH_LEN + 1]);

/* Pure. 16 hex digits of a keyed hash. */
void network_hash_imsi(const char *imsi, char ret[NETWORK_HASH_LEN + 1]);
/* The dialogue does not go on. */
bool network_is_fatal(const struct error *e);
/* The same of what this one said last: an answer that does not fit, twice, is unknown, and the dialogue
 * has found its step again. */
bool network_stops(const struct network *network, const struct error *e);
