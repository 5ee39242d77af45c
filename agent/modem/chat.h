#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/base/error.h"
#include "agent/base/traffic.h"
#include "agent/modem/at_line.h"

/* The dialogue of AT commands: one command in flight, its information lines, one final line; all
 * other lines go to a handler, also those that come in the middle of an answer. A late answer is
 * never taken for the next command's: after a time-out, an answer that does not fit, or an end that may
 * have been a data call's, nothing is sent until the modem was quiet and answered AT. Session. */

enum chat_wait {
    /* CHAT_WAIT_OVER: the time is over, or the owner's turn was taken: look again. */
    CHAT_WAIT_OVER,
    /* CHAT_WAIT_READY: bytes to read (or room to write, where that was asked). */
    CHAT_WAIT_READY,
    /* CHAT_WAIT_GONE: hung up. */
    CHAT_WAIT_GONE,
};

/* The peer. A test gives its own. */
struct chat_ops {
    /* Bytes that are there now; 0: none; -1: gone. */
    ssize_t (*read)(void *ctx, void *ret, size_t cap);
    /* Bytes taken; 0: no room now; -1: gone. */
    ssize_t (*write)(void *ctx, const void *bytes, size_t len);
    enum chat_wait (*wait)(void *ctx, bool for_write, int64_t until_ms);
    int64_t (*now_ms)(void *ctx);
    /* When the agent was told to stop; CLOCK_NEVER. */
    int64_t (*stopped_ms)(void *ctx);
    /* A line that answers nothing. Only notes; may be NULL. */
    void (*unsolicited)(void *ctx, const char *line);
    /* `broken` was set, once: nothing goes over this port any more. May be NULL. */
    void (*broken)(void *ctx);
    /* Every line and command of the dialogue; may be NULL. */
    void (*trace)(void *ctx, bool sent, const char *line);
};

enum chat_match {
    /* CHAT_APART: not this command's. */
    CHAT_APART,
    CHAT_TAKE,
    /* CHAT_MISFIT: it should be this command's and does not fit it. */
    CHAT_MISFIT,
};

struct chat_command {
    /* Without CR. */
    const char *text;
    /* Of its information lines ("+CSQ"); NULL where `match` decides or none is due. */
    const char *prefix;
    /* Decides on each line that ends nothing; NULL: by the prefix. */
    enum chat_match (*match)(const char *line);
    /* OK without an information line is no answer. */
    bool needs_line;
    /* A pure read: may go out again when the answer did not fit. */
    bool repeatable;
    /* May still go out after the stop. */
    bool cleaning;
    int64_t deadline_ms;
};

enum { CHAT_LINES_MAX = 32, CHAT_TEXT_MAX = 8192 };

/* What a command with ERROR_NONE brought. */
struct chat_answer {
    size_t count;
    const char *lines[CHAT_LINES_MAX];
    size_t used;
    char text[CHAT_TEXT_MAX];
};

enum {
    /* What is on the wire at the stop gets this long, cleaning commands that much more. */
    CHAT_STOP_MS = 4000,
    CHAT_CLEANING_MS = 1000,
    /* OK came before the data: how long to go on listening. */
    CHAT_GRACE_MS = 500,
    CHAT_QUIET_MS = 200,
    /* Some modems want 20 ms after their final line; the rest is its last bytes' way to us. Learned
     * when a command that came sooner than CHAT_SOON_MS got no answer, and doubled once. */
    CHAT_PEACE_MS = 30,
    CHAT_SOON_MS = 100,
    /* The LF behind a final line's CR takes 4 ms at 2400 baud; where none comes, it is not missed. */
    CHAT_LINE_FEED_MS = 20,
    /* How long a NO CARRIER may be a data call's; and for commands that drop calls and take their time. */
    CHAT_DOUBT_MS = 1000,
    CHAT_LONG_DOUBT_MS = 10000,
    CHAT_SYNC_FAILURES = 3,
    CHAT_SYNC_MS = 3000,
};

struct chat_counters {
    uint64_t commands, timeouts, mismatched, overlong, resyncs;
    uint64_t results[TRAFFIC_COMMANDS][TRAFFIC_RESULTS];
};

struct chat {
    const struct chat_ops *ops;
    void *ctx;
    struct at_reader reader;
    struct chat_counters counters;
    /* AT has to be answered before the next command goes out; `owed`: how many final lines may yet
     * come for what was given up. */
    bool out_of_step;
    int owed;
    /* ATE0 is through; an echo after that is switched off again. `echo_gone`: a command was answered
     * without one since. */
    bool echo_off, echo_seen, echo_gone;
    /* An echo that was gone came back, and ATE0 was answered: the modem started over, and has forgotten
     * more than that. For the owner to take away. */
    bool restarted;
    /* This modem sends OK before the data. */
    bool ok_first;
    /* Gone, or did not come back into step: only chat_init() helps. */
    bool broken;
    /* How long to leave the modem alone after a final line; may be set, and is learned. */
    int peace_ms;
    int64_t final_at_ms;
    /* NO CARRIER or BUSY came, and when. */
    bool has_doubt;
    struct at_final doubt;
    int64_t doubt_ms;
    /* The last byte that came was a CR. */
    bool after_cr;
    /* The command in flight. */
    const struct chat_command *command;
    bool heard, has_final, misfit;
    struct at_final final;
    struct chat_answer answer;
};

/* Keeps `ops` and `ctx`; counters and what was learned of the modem's peace stay as they are (all
 * zero at first). A port just opened is out of step: chat_wake() comes first. */
void chat_init(struct chat *chat, const struct chat_ops *ops, void *ctx);
/* Sends AT until the modem answers, also one that loses the first to wake up. ERROR_MODEM_ABSENT;
 * ERROR_SHUTTING_DOWN. */
MUST_CHECK struct error chat_wake(struct chat *chat, int attempts, int timeout_ms);

/* Runs one command. `*ret_answer` (may be NULL) is borrowed until the next one. Errors: what the
 * final line means (at_final_error); ERROR_MODEM_TIMEOUT: sent, but no answer, or none that fits;
 * ERROR_MODEM_ABSENT: the port is gone, or no step could be found (`broken`: close it);
 * ERROR_SHUTTING_DOWN: not sent. */
MUST_CHECK struct error chat_run(struct chat *chat, const struct chat_command *command,
                                 const struct chat_answer **ret_answer);

/* One wait with no command in flight: hands lines to the handler. CHAT_WAIT_READY: lines came. */
enum chat_wait chat_listen(struct chat *chat, int64_t until_ms);
/* "AT+CSIM" of "AT+CSIM=10,…": what may be shown of a command. Cut to fit. */
void chat_command_name(const char *text, char ret[24]);
