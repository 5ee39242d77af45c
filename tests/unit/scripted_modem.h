#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/modem/chat.h"

/* A modem that follows a script, behind the same ops as a real one; time is a number. "AT" is
 * answered by OK, except where the script has a row for it at that point. */

struct scripted_step {
    /* The line that has to come, without CR. */
    const char *expect;
    /* What goes back, with its line ends; NULL: nothing. */
    const char *answer;
    int delay_ms;
    /* Byte by byte, a millisecond each. */
    bool split;
    /* The port goes away in place of an answer. */
    bool drop;
    /* The agent is told to stop when the line has come. */
    bool stop;
};

enum { SCRIPTED_PENDING = 16, SCRIPTED_LINES = 16 };

struct scripted_modem {
    const struct scripted_step *steps;
    size_t count, at;
    int64_t now_ms, stopped_ms;
    /* No byte is taken; the agent is told to stop at that time (0: not) while it waits for room. */
    bool full;
    int64_t stop_at_ms;
    bool gone, echo;
    /* The last line with an echo; NULL: none. */
    const char *echo_ends_at;
    /* Lost: that many lines are not heard. */
    int deaf;
    /* At most that many bytes a write; 0: all. */
    size_t room;
    char line[1100];
    size_t len;
    struct {
        int64_t at_ms;
        char *text;
        size_t sent;
        bool split;
    } pending[SCRIPTED_PENDING];
    size_t pending_count;
    char unsolicited[SCRIPTED_LINES][64];
    size_t unsolicited_count;
    int ats, broken;
};

extern const struct chat_ops scripted_ops;

void scripted_init(struct scripted_modem *modem, const struct scripted_step *steps, size_t count);
/* Sends `text` at `at_ms`, unasked. */
void scripted_say(struct scripted_modem *modem, int64_t at_ms, const char *text);
/* Frees what is left; the script has to have been followed to its end. */
void scripted_done(struct scripted_modem *modem);
