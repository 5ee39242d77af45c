#pragma once

#include "agent/modem/at_timeout.h"
#include "agent/modem/cgla.h"
#include "agent/modem/chat.h"
#include "agent/modem/csim.h"
#include "agent/modem/modem.h"
#include "agent/modem/network.h"
#include "agent/modem/port.h"

/* What the files of modem.h share, and nobody else includes: modem.c is the port, the one poll and
 * the readings, modem_setup.c all until a modem is usable, modem_context.c its PDP context,
 * modem_reset.c what starts the modem or its service anew. */

enum {
    MODEM_PLAIN_MS = AT_TIMEOUT_PLAIN_MS,
    MODEM_RADIO_MS = AT_TIMEOUT_RADIO_MS,
    /* A modem that refuses AT+CFUN=1 is asked again, at the latest so soon. */
    MODEM_RADIO_PAUSE_MAX_MS = 5000,
};

struct trace;

struct modem {
    struct modem_options options;
    struct modem_identity identity;
    const struct quirk *quirk;
    struct port port;
    struct chat chat;
    struct csim csim;
    struct cgla cgla;
    struct network network;
    struct trace *trace; /* NULL: none */
    uint64_t opened, lost;
    uint64_t resets[TRAFFIC_RESETS];
    /* When guest.turn() said that the agent stops. */
    int64_t stopped_ms;
    /* modem_open() is under way: a port that goes is its error, no event. */
    bool opening;
    /* The modem started over with the port open: its settings are lost. */
    bool settings_lost;
    /* The radio was switched off, or found so, and nothing has shown it on since. `radio_again_ms`:
     * not asked for before, so that a modem that refuses can still be read. */
    bool radio_owed;
    int64_t radio_again_ms;
    bool sim_seen, sim_ready;
};

/* modem.c */

extern const struct chat_ops modem_chat_ops;

bool modem_is_stopping(const struct modem *modem);
/* ERROR_SHUTTING_DOWN. */
MUST_CHECK struct error modem_stopping(void);
/* The card as the modem sees it, by an answer or by a line of its own. */
void modem_note_sim(struct modem *modem, bool ready);
MUST_CHECK struct error modem_run(struct modem *modem, const char *text, int timeout_ms);
/* A refusal is fine. What did not get through goes out once more: some modems lose a line that comes
 * right after their answer, and set-up does no harm twice. */
MUST_CHECK struct error modem_try(struct modem *modem, const char *text, int timeout_ms);
/* Up to the first NULL; each has the time that such a command takes, and one of minutes that is not
 * done in that is left behind where the modem answers AT. */
MUST_CHECK struct error modem_try_all(struct modem *modem, const char *const *texts, size_t count);
/* ERROR_SHUTTING_DOWN, ERROR_MODEM_ABSENT. */
MUST_CHECK struct error modem_pause_until(struct modem *modem, int64_t until_ms);

/* modem_setup.c */

/* Before every reading: settings that are lost, and a radio that is off. */
MUST_CHECK struct error modem_restore_settings(struct modem *modem);
/* Goes out also after the stop: a radio must not stay off. Some modems refuse what is so already. */
MUST_CHECK struct error modem_switch_radio_on(struct modem *modem);
