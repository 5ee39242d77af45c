#pragma once

#include <stdint.h>

/* What is counted of the dialogue with modem and card since the start: plain values. The rooms that
 * talk count, the doors show. Every name comes from a table: nothing that a peer says becomes one. */

/* The commands that are told apart; those that do the same on different modems share a name. */
enum traffic_command {
    TRAFFIC_OTHER = 0,
    TRAFFIC_CSIM,
    TRAFFIC_CCHO,
    TRAFFIC_CGLA,
    TRAFFIC_CCHC,
    TRAFFIC_CRSM,
    TRAFFIC_CPIN,
    TRAFFIC_CCID,
    TRAFFIC_CIMI,
    TRAFFIC_CFUN,
    TRAFFIC_COPS,
    TRAFFIC_CREG,
    TRAFFIC_CSQ,
    TRAFFIC_CESQ,
    TRAFFIC_CGATT,
    TRAFFIC_CGDCONT,
    TRAFFIC_CGPADDR,
    TRAFFIC_COMMANDS
};

/* How a command ended. */
enum traffic_result {
    TRAFFIC_OK = 0,
    TRAFFIC_ERROR,
    TRAFFIC_CME,
    TRAFFIC_CMS,
    TRAFFIC_NO_CARRIER,
    TRAFFIC_ABORTED,
    TRAFFIC_BUSY,
    /* TRAFFIC_TIMEOUT: no final line in time. */
    TRAFFIC_TIMEOUT,
    /* TRAFFIC_MISFIT: OK, and what came before it is no answer to the command. */
    TRAFFIC_MISFIT,
    /* TRAFFIC_GONE: the port went away meanwhile. */
    TRAFFIC_GONE,
    TRAFFIC_RESULTS
};

/* What the card said to an APDU, by its status word. */
enum traffic_answer {
    /* TRAFFIC_ANSWER_NONE: no answer came through the modem. */
    TRAFFIC_ANSWER_NONE = 0,
    TRAFFIC_ANSWER_OTHER,
    TRAFFIC_ANSWER_DONE,
    TRAFFIC_ANSWER_MORE,
    TRAFFIC_ANSWER_WRONG_LE,
    TRAFFIC_ANSWER_BUSY,
    TRAFFIC_ANSWER_CHANNEL_GONE,
    TRAFFIC_ANSWER_NO_CHANNEL,
    TRAFFIC_ANSWER_ABSENT,
    TRAFFIC_ANSWER_NO_PROFILE,
    TRAFFIC_ANSWER_POLICY,
    TRAFFIC_ANSWER_CONDITIONS,
    TRAFFIC_ANSWER_WRONG_LENGTH,
    TRAFFIC_ANSWER_NOT_UNDERSTOOD,
    TRAFFIC_ANSWER_CHECKED,
    TRAFFIC_ANSWER_FAILED,
    TRAFFIC_ANSWERS
};

/* The rungs of the reset ladder. */
enum traffic_reset {
    TRAFFIC_RESET_CFUN = 0,
    TRAFFIC_RESET_VENDOR,
    TRAFFIC_RESET_COMMAND,
    TRAFFIC_RESET_EXEC,
    TRAFFIC_RESETS
};

struct traffic {
    uint64_t commands[TRAFFIC_COMMANDS][TRAFFIC_RESULTS];
    /* The dialogue had lost its step and looked for it. */
    uint64_t resyncs;
    uint64_t answers[TRAFFIC_ANSWERS];
    /* Tried, whatever came of it. */
    uint64_t resets[TRAFFIC_RESETS];
    /* How often the modem was set up, and how often its port went away. */
    uint64_t came, went;
};

/* Of a command's name ("AT+CSIM", "AT+QCCID"). */
enum traffic_command traffic_command_of(const char *name);

/* "CSIM", "other"; "no-carrier"; "wrong-le"; "cfun". */
const char *traffic_command_name(enum traffic_command command);
const char *traffic_result_name(enum traffic_result result);
const char *traffic_answer_name(enum traffic_answer answer);
const char *traffic_reset_name(enum traffic_reset reset);
