#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/connectivity.h"
#include "agent/base/error.h"
#include "agent/base/traffic.h"
#include "agent/base/transport.h"
#include "agent/modem/modem_context.h"

/* The modem as the worker sees it: a port that comes and goes, a dialogue of AT commands, readings
 * of the network, resets, and two transports to the card. All waits run in one poll() together with
 * the guest's descriptor, so that the owner's queue is served while a command is under way. One
 * thread. */

struct modem;

/* The owner's part in every wait. */
struct modem_guest {
    /* Polled for reading along with the port. */
    int fd;
    /* When turn() wants to be called at the latest; CLOCK_NEVER. */
    int64_t (*deadline_ms)(void *ctx);
    /* Called when fd is readable or the deadline has come; takes what made it so. It never calls the
     * modem. False: the agent stops, and it is called no more. What is on the wire then gets 4 s
     * (ERROR_MODEM_TIMEOUT when they are over: it may have been executed). After that, and for at
     * most 1 s more, only what cleans up still goes out: the transports' close() and the APDU of
     * MANAGE CHANNEL that closes, AT+CFUN=1 of a cycle and AT+CGATT=1 of an attach that were begun. Everything else is not
     * sent and fails with ERROR_SHUTTING_DOWN. */
    bool (*turn)(void *ctx);
    void *ctx;
};

enum modem_event {
    /* MODEM_EVENT_HINT: an unsolicited line about registration or signal: worth a reading. */
    MODEM_EVENT_HINT,
    /* MODEM_EVENT_SIM: a SIM-change line, or the card was seen to be not ready or to come back. */
    MODEM_EVENT_SIM,
    /* MODEM_EVENT_RESTARTED: the modem was seen to start over (RDY, +CPIN: NOT READY, port gone). */
    MODEM_EVENT_RESTARTED,
    /* MODEM_EVENT_GONE: the port is gone; modem_open() finds it again. */
    MODEM_EVENT_GONE,
};

struct modem_options {
    /* A path (a link is resolved at each open), or "auto". Borrowed strings are kept. */
    const char *port;
    int baud;
    /* AT commands after the agent's own set-up. */
    const char *const *init;
    size_t init_count;
    /* The highest rung of the reset ladder. */
    enum modem_reset_kind {
        MODEM_RESET_NONE = 0,
        MODEM_RESET_CFUN,
        MODEM_RESET_VENDOR,
        MODEM_RESET_COMMAND,
        MODEM_RESET_EXEC,
    } reset;
    const char *reset_command; /* MODEM_RESET_COMMAND */
    char *const *reset_exec;   /* MODEM_RESET_EXEC, NULL-terminated */
    /* A ring file of the AT dialogue, redacted; NULL: none. */
    const char *trace;
    struct modem_guest guest;
    /* Whether an operation waits: modem_read_connectivity() then ends before its next command. May be
     * NULL. */
    bool (*gives_way)(void *ctx);
    void *way_ctx;
    /* Called on the worker's thread, in the middle of a wait: only notes. */
    void (*on_event)(void *ctx, enum modem_event event);
    void *event_ctx;
};

struct modem_identity {
    char manufacturer[64], model[64], revision[64];
    char port[256]; /* the device behind the link */
};

/* Keeps `options`' strings. NULL: no memory. */
struct modem *modem_new(const struct modem_options *options);
void modem_free(struct modem *modem);

/* One attempt: resolve, open, lock, set up, wait up to 30 s for the card. ERROR_MODEM_ABSENT (no
 * port, held by another process, no answer), ERROR_CARD_ABSENT and ERROR_SIM_LOCKED (the modem is
 * then open all the same, as with ERROR_CARD and ERROR_CARD_BUSY), ERROR_SHUTTING_DOWN. */
MUST_CHECK struct error modem_open(struct modem *modem);
bool modem_is_open(const struct modem *modem);
void modem_close(struct modem *modem);
const struct modem_identity *modem_identity(const struct modem *modem);

/* Nothing to do until `until_ms`: waits in the one poll, serves the guest, takes unsolicited lines
 * and notices a hang-up. Returns early after the guest's turn or an event. False: the agent stops.
 * Works without an open port too. */
bool modem_idle(struct modem *modem, int64_t until_ms);

/* "csim" and "cgla", usable while the modem is open; live as long as the modem. */
struct transport *modem_csim(struct modem *modem);
struct transport *modem_cgla(struct modem *modem);

/* Errors of the readings: the transport's. Refused optional commands leave their part unknown.
 * ERROR_SWITCH_IN_PROGRESS, of this one only: it gave way. */
MUST_CHECK struct error modem_read_connectivity(struct modem *modem, struct connectivity *ret);
/* Registration and technology alone. */
MUST_CHECK struct error modem_read_registration(struct modem *modem, struct connectivity *ret);
/* Attach state and addresses alone. */
MUST_CHECK struct error modem_read_data(struct modem *modem, struct connectivity *ret);
/* The ICCID that the modem works with (CCID, QCCID, ICCID). `*ret_cached` false: the modem has
 * none of these, and CRSM read the card itself. */
MUST_CHECK struct error modem_read_iccid(struct modem *modem, struct iccid *ret, bool *ret_cached);
/* A hash of the IMSI. */
MUST_CHECK struct error modem_read_imsi_hash(struct modem *modem, char ret[17]);

/* AT+CPIN?. ERROR_NONE: READY. ERROR_CARD_BUSY: not ready yet; ERROR_CARD_ABSENT;
 * ERROR_SIM_LOCKED. */
MUST_CHECK struct error modem_check_sim(struct modem *modem);

/* CFUN 4 (or 0 where the quirk row says that the port survives it), then 1, for 30 s where the modem
 * refuses that. A radio that stays off is switched on by the next reading or attach that can. */
MUST_CHECK struct error modem_cycle_radio(struct modem *modem);
/* The highest rung that `reset` allows above CFUN: vendor command, own command or executable.
 * ERROR_NOT_SWITCHED: none is configured or known for this modem. The port mostly vanishes. */
MUST_CHECK struct error modem_reset(struct modem *modem);
/* Once the modem works with the new profile: what the quirk row wants then (carrier configuration,
 * cached ICCID), and AT+COPS=0 where the operator was chosen by hand. A modem may search for minutes
 * in that: at most until `deadline_ms`. */
MUST_CHECK struct error modem_after_switch(struct modem *modem, int64_t deadline_ms);
/* AT+CGATT=1, at most until `deadline_ms`. */
MUST_CHECK struct error modem_attach(struct modem *modem, int64_t deadline_ms);
/* AT+CGATT=0 and 1, so that a changed context counts; modem_cycle_radio(), which has its own time,
 * where the modem refuses one of them. */
MUST_CHECK struct error modem_attach_anew(struct modem *modem, int64_t deadline_ms);
/* At the start and after a crash: a radio left off, a detached modem, and an operator chosen by hand.
 * Only ERROR_MODEM_ABSENT and ERROR_SHUTTING_DOWN; all else shows in the readings. */
MUST_CHECK struct error modem_recover(struct modem *modem, int64_t deadline_ms);
/* Sends them all, also behind one that the modem refuses, whose error is the first. Each has the time
 * that such a command takes, which is minutes for what moves radio or network. ERROR_MODEM_TIMEOUT,
 * ERROR_MODEM_ABSENT and ERROR_SHUTTING_DOWN end it. */
MUST_CHECK struct error modem_run_commands(struct modem *modem, const char *const *texts,
                                           size_t count);
/* Runs a program of the gateway's owner with `input` (NULL: nothing) to read, and serves the guest and
 * the port, open or not, meanwhile. At the time-out it is killed with all that it started, and so it
 * is when the agent stops (ERROR_SHUTTING_DOWN). What it left running when it ended by itself runs on.
 * ERROR_INTERRUPTED: it could not be run, failed or took too long. */
MUST_CHECK struct error modem_run_program(struct modem *modem, char *const *argv, const char *input,
                                          int64_t timeout_ms);

/* Counters since the start. */
struct modem_counters {
    uint64_t commands, timeouts, mismatched, overlong, resyncs, reopened;
};
void modem_get_counters(const struct modem *modem, struct modem_counters *ret);
/* Sets all but the card's answers. */
void modem_get_traffic(const struct modem *modem, struct traffic *ret);
