#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/error.h"

/* The log: one line an event, fixed text and named values, on standard error: as JSON, as text for
 * a terminal, or as the journal's fields under systemd. Levels: err, someone must act; warning, we
 * went on, and the text ends in what we did instead; info, state changes only; debug, traffic.
 * Identities (ICCID, EID) are cut to their last four digits unless the configuration says
 * otherwise, also where they stand in other text; text of a peer is escaped. Any thread; a line is written whole. */

enum log_level { LOG_LEVEL_ERR = 0, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_AUTO = 0, LOG_FORMAT_TEXT, LOG_FORMAT_JSON, LOG_FORMAT_JOURNAL };

enum log_kind { LOG_NOTHING = 0, LOG_TEXT, LOG_NUMBER, LOG_NUMBER_NOT_0, LOG_IDENTITY, LOG_ERROR };

struct log_value {
    enum log_kind kind;
    const char *key;
    const char *text;
    int64_t number;
    const struct error *error;
};

/* `text` may be NULL: the value is then left out. */
#define LOG_STR(k, v)                                                                              \
    {                                                                                              \
        .kind = LOG_TEXT, .key = (k), .text = (v)                                                  \
    }
#define LOG_NUM(k, v)                                                                              \
    {                                                                                              \
        .kind = LOG_NUMBER, .key = (k), .number = (v)                                              \
    }
/* Left out when it is 0. */
#define LOG_NUM_NOT_0(k, v)                                                                        \
    {                                                                                              \
        .kind = LOG_NUMBER_NOT_0, .key = (k), .number = (v)                                        \
    }
/* An ICCID's or EID's digits. */
#define LOG_ID(k, v)                                                                               \
    {                                                                                              \
        .kind = LOG_IDENTITY, .key = (k), .text = (v)                                              \
    }
/* An error: code, message, final line or status word. */
#define LOG_ERR(e)                                                                                 \
    {                                                                                              \
        .kind = LOG_ERROR, .key = "error", .error = (e)                                            \
    }

#define log_err(text, ...) log_at(LOG_LEVEL_ERR, text, ##__VA_ARGS__)
#define log_warning(text, ...) log_at(LOG_LEVEL_WARNING, text, ##__VA_ARGS__)
#define log_info(text, ...) log_at(LOG_LEVEL_INFO, text, ##__VA_ARGS__)
#define log_debug(text, ...) log_at(LOG_LEVEL_DEBUG, text, ##__VA_ARGS__)

#define log_at(level, text, ...)                                                                   \
    do {                                                                                           \
        if (log_wants(level))                                                                      \
            log_write(                                                                             \
                level, text,                                                                       \
                (const struct log_value[]){ { LOG_NOTHING }, ##__VA_ARGS__, { LOG_NOTHING } });    \
    } while (0)

/* Before the first thread, and again at a reload. Without it: info, auto, identities cut. */
void log_set(enum log_level level, enum log_format format, bool identities);
bool log_wants(enum log_level level);
/* `values` begins with one that is skipped and ends with LOG_NOTHING. Use the macros. */
void log_write(enum log_level level, const char *text, const struct log_value *values);
