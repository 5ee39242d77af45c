#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/error.h"

/* What a modem sends, cut into lines, and the one line that ends an answer (27.007 4.1, V.250 5.7).
 * Codec. */

enum { AT_LINE_MAX = 4096 };

/* Lines end in CR, LF or both; empty ones do not count. A line over AT_LINE_MAX is dropped to its
 * end and counted; one with a byte outside printable ASCII (a tab is a blank) is dropped too. */
struct at_reader {
    char line[AT_LINE_MAX + 1];
    size_t len;
    bool garbled;
    uint64_t overlong, unprintable;
};

void at_reader_init(struct at_reader *reader);
/* True: `reader->line` is a whole line, without blanks at its end, until the next call. */
bool at_reader_take(struct at_reader *reader, uint8_t byte);

enum at_final_kind {
    AT_FINAL_NOT = 0,
    AT_FINAL_OK,
    AT_FINAL_ERROR,
    AT_FINAL_CME,
    AT_FINAL_CMS,
    AT_FINAL_NO_CARRIER,
    AT_FINAL_ABORTED,
    AT_FINAL_BUSY,
};

struct at_final {
    enum at_final_kind kind;
    /* The CME or CMS number; a text that is in none of the tables makes the kind AT_FINAL_ERROR. */
    int number;
};

/* AT_FINAL_NOT: the line ends no answer. */
struct at_final at_final_from_line(const char *line);
/* What a final line means to whoever sent `command` (its name, "AT+CSIM"): ERROR_NONE for OK,
 * else ERROR_CARD_BUSY, ERROR_CARD_ABSENT, ERROR_SIM_LOCKED or ERROR_CARD of ERROR_IN_MODEM. */
MUST_CHECK struct error at_final_error(struct at_final final, const char *command);
/* The modem does not know the command, or not in this state: ERROR, +CME ERROR: 3 or 4. */
bool at_is_refusal(const struct error *e);
