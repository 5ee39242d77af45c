#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/operation/journal.h"
#include "agent/operation/journal_clock.h"
#include "agent/operation/journal_db.h"

/* What is in the journal's tables: one function a statement or two, without transactions, without
 * judgement. Only for journal.c, under its lock; an `int` is SQLite's result code, and outputs are as
 * before where it is not SQLITE_OK. `now`: all clocks. */

int journal_rows_put_stamp(struct journal_db *db, const struct journal_stamp *now);
/* `*ret_found` false: none was ever put. */
int journal_rows_get_stamp(struct journal_db *db, bool *ret_found, struct journal_stamp *ret);

/* `doc` is what store_to_text() made of `op`. */
int journal_rows_put_operation(struct journal_db *db, const struct operation *op, const char *doc,
                               const struct journal_stamp *now);
/* `operation` NULL: of the one that it was of; `text` "": none any more. */
int journal_rows_put_intent(struct journal_db *db, const char *operation, const char *text);
/* One that cannot be read counts as not found, here and below. */
int journal_rows_find(struct journal_db *db, const char *id, const struct journal_stamp *now,
                      bool *ret_found, struct operation *ret);
int journal_rows_find_request(struct journal_db *db, enum operation_channel channel,
                              const char *request, const struct journal_stamp *now, bool *ret_found,
                              struct operation *ret);
/* `*ret_intent` is given where it is found and has one, else NULL. */
int journal_rows_find_active(struct journal_db *db, const struct journal_stamp *now,
                             bool *ret_found, struct operation *ret, char **ret_intent);
int journal_rows_list(struct journal_db *db, enum operation_state state, const char *before,
                      const struct journal_stamp *now, size_t cap, size_t *ret_count,
                      struct operation *ret);

int journal_rows_count(struct journal_db *db, enum journal_history kind, int64_t now_ms);
/* The journal's time of the nth newest; -1: there are fewer. */
int journal_rows_nth(struct journal_db *db, enum journal_history kind, int64_t nth,
                     int64_t *ret_at_ms);
int journal_rows_add_result(struct journal_db *db, const struct journal_result *result,
                            int64_t now_ms);
int journal_rows_results(struct journal_db *db, const struct iccid *to, size_t cap,
                         size_t *ret_count, struct journal_result *ret);

int journal_rows_add_letter(struct journal_db *db, const struct letter *letter, int64_t now_ms,
                            int64_t *ret_number);
int journal_rows_remove_letter(struct journal_db *db, int64_t number);
/* Stops where there is no memory. */
int journal_rows_load_letters(struct journal_db *db, int64_t after, size_t cap, int64_t now_ms,
                              size_t *ret_count, struct letter *ret);
/* The next letter's number is greater than `number`. */
int journal_rows_number_from(struct journal_db *db, int64_t number);

/* `value` NULL: removed. */
int journal_rows_put_value(struct journal_db *db, const char *key, const char *value);
/* Gives; NULL: there is none. */
int journal_rows_get_value(struct journal_db *db, const char *key, char **ret);

/* Removes what nobody needs any more. */
int journal_rows_forget(struct journal_db *db, int64_t now_ms);
