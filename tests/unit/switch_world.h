#pragma once

#include "agent/base/connectivity.h"
#include "agent/card/card.h"
#include "agent/switch/switch.h"
#include "config/config.h"
#include "tests/test.h"

/* A modem and a card that follow a script on a clock of their own, behind the functions that
 * agent/switch/ calls; around them a real journal, real operations and a real broker's facts. */

#define A "89882110000001234568" /* in use */
#define B "8949001312170061988"  /* wanted */
#define C "89860A09091830300220" /* on the card only where the script says so */

/* The modem from some moment on. */
struct view {
    bool gone;
    /* The profile and the IMSI that it works with; 0: A's. */
    char on, imsi;
    enum error_code sim;
    bool by_cme;
    enum registration registration;
    bool data;
    /* It says so by a line of its own (RDY) when it comes to this. */
    bool tells;
    /* Somebody else has that profile enabled on the card then; 0: nobody. */
    char card;
};

/* WHEN_ENABLE: the target's; WHEN_BACK: A's; WHEN_FALLBACK: C's, or B's a second time.
 * WHEN_AGAIN: the agent was started anew. */
enum when {
    WHEN_ENABLE = 0,
    WHEN_BACK,
    WHEN_FALLBACK,
    WHEN_CYCLE,
    WHEN_RESET,
    WHEN_HELP,
    WHEN_VERIFYING,
    WHEN_CONFIRMING,
    WHEN_AGAIN,
    WHENS
};

struct change {
    bool set;
    enum when when;
    int64_t after_ms;
    struct view view;
};

/* What others say in between. The broker answers an attempt that was begun `begun_ms` earlier. */
struct word {
    enum { WORD_NONE = 0, WORD_ACCEPTS, WORD_REFUSES, WORD_LOST, WORD_CONFIRM } word;
    enum when when;
    int64_t after_ms, begun_ms;
};

/* One card_enable(); one that is not set works. `before`: it fails with that before the list is
 * known. `takes`: the card has done it, whatever it answered; `blanks`: half of it, and none is in use. */
struct job {
    bool set;
    enum error_code before;
    enum card_sent sent;
    enum error_code code;
    int sw;
    bool open_channels, takes, blanks;
};

enum { CHANGES = 10, JOBS = 8, WORDS = 3, TRACE = 600 };

struct script {
    /* The request and the configuration. */
    const char *target, *expect;
    enum operation_channel channel;
    int64_t confirm_s;
    /* While the word is waited for, the owner reads card and modem, and takes so long. */
    int64_t rest_ms;
    /* The word is said when its time is over, right behind the look that did not see it. */
    bool word_behind_look;
    enum config_verify verify;
    enum config_reset reset;
    bool stays; /* "rollback": false */
    bool uri, link_is_other;
    bool hooks;
    /* The hook that fails: its letter of the trace. */
    char fails;
    /* B has an APN and a command of its own. */
    bool apn;
    /* A and C have an APN each, and B has none. */
    bool other_apns;
    /* What the journal keeps as the modem's own APN. */
    const char *first_apn;
    /* The card's rows: C, too; which one has the fallback mark; which one is gone after ENABLE. */
    bool has_c;
    char mark, deleted;
    /* None was in use. */
    bool none_before;
    /* Before: the modem as it is, or this. */
    bool has_before;
    struct view before;
    /* The broker accepted so long ago; 0: never. The link may be lost since. */
    int64_t broker_ago_ms;
    bool broker_lost;
    /* How long the owner's commands take. */
    int64_t init_ms;
    /* The same of an earlier process, which may have been before the boot; the time since that, 0: long. */
    int64_t remembered_ago_ms, uptime_ms;
    unsigned resets_before;
    struct job jobs[JOBS];
    struct change changes[CHANGES];
    struct word words[WORDS];
    /* Lists that fail before one is read. */
    int reads_fail, cycles_fail, opens_fail;
    bool resets_fail, helps_fail;
    int64_t cycle_takes_ms;
    /* Somebody cancels, or its time is over, right before ENABLE. */
    bool cancel, expire;
    /* The disk is full as soon as the trace is this. */
    const char *full_at;
    /* The port goes, or the agent stops, when the operation enters that phase. */
    enum phase gone_in, stop_in;
    int64_t gone_ms;
    bool stop_before_enable, stop_in_settle;
    /* The one that was started anew stops, too, as soon as it asks the card. */
    bool stop_again_in_settle;
    /* The agent stops so long after the trace was this. `cut`: it is cut off there, so what counts is
     * what was on disk by then. `cut_call`: at that call of the modem or the card. */
    const char *stop_at;
    int64_t stop_ms;
    bool cut;
    unsigned cut_call;
    /* It is started anew so much later (0: 5 s); `reboot`: the clock since the boot begins again, and so does
     * the modem. */
    bool again, reboot;
    /* The intent cannot be read then, and is guessed. */
    bool intent_lost;
    int64_t down_ms;
    /* Unsolicited lines without end. */
    bool storm;
    /* So many ENABLEs of the target do not reach the card, and are sent once more. */
    unsigned in_vain;
    /* The modem has no command for the ICCID that it uses: the card is read instead. */
    bool uncached;
    /* Nor does it let the card be read. */
    bool tells_no_iccid;
};

struct world_end {
    struct operation op;
    /* Of the last run; its time, and the most that it may take. */
    struct switch_outcome outcome;
    int64_t took_ms, budget_ms;
    /* ENABLEs that the history counts. */
    int counted;
    /* What a restart would find: of an operation that has not ended. */
    bool has_intent;
    struct intent intent;
};

/* What has come of it. */
struct world_seen {
    /* What was done, one letter each: J job, E ENABLE of the target, A that of the one before, F that
     * of the fallback, L list, C cycle, R reset, S after-switch command, V recovery, I commands of the
     * profile, X context written, N attached anew, H help, O reopened, b a r the programs, | the agent was started anew. */
    char trace[TRACE + 1];
    unsigned looks, calls, switching_told;
    /* Starts that took up what had gone to the card; each says anew until when. */
    unsigned taken_up;
    /* The profile that is enabled on the card; 0: none. */
    char enabled;
    /* Whoever confirmed was told that it counts. */
    bool confirmed;
    char apn[32];
    /* What the journal keeps as B's context. */
    char kept[256];
};

extern struct world_seen world_seen;

/* As the worker does it, from the door to the end. */
void world_run(const struct script *script, struct world_end *ret);
unsigned world_count(char letter);

// clang-format off
#define AT(when_, ms, ...) { .set = true, .when = WHEN_##when_, .after_ms = (ms), .view = { __VA_ARGS__ } }
#define STARTS .sim = ERROR_CARD_BUSY, .by_cme = true
#define ON_B .on = 'B', .imsi = 'B'
#define ON_C .on = 'C', .imsi = 'C'
#define SEARCHES .registration = REGISTRATION_SEARCHING
#define ROAMS .registration = REGISTRATION_ROAMING
#define HOME .registration = REGISTRATION_HOME
#define LOCKED .sim = ERROR_SIM_LOCKED, .by_cme = true
#define GOES_WELL AT(ENABLE, 500, STARTS), AT(ENABLE, 2000, ON_B, SEARCHES), AT(ENABLE, 4000, ON_B, ROAMS), AT(ENABLE, 5000, ON_B, ROAMS, .data = true)
#define NO_SERVICE AT(ENABLE, 100, STARTS), AT(ENABLE, 1000, ON_B, SEARCHES)
#define BACK_WELL AT(BACK, 500, STARTS), AT(BACK, 2000, SEARCHES), AT(BACK, 4000, HOME, .data = true)
#define BACK_IN_VAIN AT(BACK, 500, STARTS), AT(BACK, 2000, SEARCHES)
#define FALLBACK_WELL AT(FALLBACK, 500, STARTS), AT(FALLBACK, 2000, ON_C, SEARCHES), AT(FALLBACK, 4000, ON_C, ROAMS, .data = true)
#define YES { .set = true, .sent = CARD_ENABLED }
#define NO(code_, sw_) { .set = true, .sent = CARD_REFUSED, .code = (code_), .sw = (sw_) }
#define UNCLEAR_BY(code_) .set = true, .sent = CARD_UNCLEAR, .code = (code_)
#define UNCLEAR { UNCLEAR_BY(ERROR_MODEM_TIMEOUT) }
#define UNCLEAR_TAKEN { UNCLEAR_BY(ERROR_MODEM_TIMEOUT), .takes = true }
#define UNCLEAR_OPEN { UNCLEAR_BY(ERROR_MODEM_TIMEOUT), .open_channels = true }
#define UNCLEAR_OPEN_TAKEN { UNCLEAR_BY(ERROR_MODEM_TIMEOUT), .open_channels = true, .takes = true }
#define SAYS(when_, what_, after, begun) { .word = WORD_##what_, .when = WHEN_##when_, .after_ms = (after), .begun_ms = (begun) }
#define DEAD_BEFORE .has_before = true, .before = { SEARCHES }
#define BEFORE(code_) { .set = true, .before = (code_) }
// clang-format on
