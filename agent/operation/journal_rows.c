#include "agent/operation/journal_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/operation/store.h"

/* --- the clock --- */

int journal_rows_put_stamp(struct journal_db *db, const struct journal_stamp *now)
{
    return journal_db_run(
        db,
        "INSERT OR REPLACE INTO clock(one, journal_ms, boot, boot_ms, utc_ms, is_set)"
        " VALUES(1, ?, ?, ?, ?, ?)",
        JOURNAL_VALUES(JOURNAL_NUMBER(now->journal_ms), JOURNAL_TEXT(now->boot),
                       JOURNAL_NUMBER(now->boot_ms), JOURNAL_NUMBER(now->utc_ms),
                       JOURNAL_NUMBER(now->is_set)));
}

int journal_rows_get_stamp(struct journal_db *db, bool *ret_found, struct journal_stamp *ret)
{
    sqlite3_stmt *s;
    int rc = journal_db_begin(db, "SELECT journal_ms, boot, boot_ms, utc_ms, is_set FROM clock",
                              NULL, &s);

    if (rc != SQLITE_OK)
        return rc;
    *ret_found = journal_db_next(s, &rc);
    if (*ret_found) {
        *ret = (struct journal_stamp){ .journal_ms = sqlite3_column_int64(s, 0),
                                       .boot_ms = sqlite3_column_int64(s, 2),
                                       .utc_ms = sqlite3_column_int64(s, 3),
                                       .is_set = sqlite3_column_int64(s, 4) != 0 };
        (void)snprintf(ret->boot, sizeof ret->boot, "%s", journal_db_text_at(s, 1));
    }
    journal_db_end(s);
    return rc;
}

/* --- operations --- */

int journal_rows_put_operation(struct journal_db *db, const struct operation *op, const char *doc,
                               const struct journal_stamp *now)
{
    return journal_db_run(
        db,
        "INSERT INTO operations(id, channel, request, state, ran, age_ms, boot, doc)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT(id) DO UPDATE SET state = excluded.state, ran = excluded.ran,"
        " boot = excluded.boot, doc = excluded.doc",
        JOURNAL_VALUES(
            JOURNAL_TEXT(op->id), JOURNAL_TEXT(operation_channel_name(op->request.channel)),
            JOURNAL_TEXT(op->request.request), JOURNAL_TEXT(operation_state_name(op->state)),
            JOURNAL_NUMBER(op->started_utc_ms != 0), JOURNAL_NUMBER(now->journal_ms),
            JOURNAL_TEXT(now->boot), JOURNAL_TEXT(doc)));
}

int journal_rows_put_intent(struct journal_db *db, const char *operation, const char *text)
{
    if (!text[0])
        return journal_db_run(db, "DELETE FROM intent", NULL);
    if (!operation)
        return journal_db_run(db, "UPDATE intent SET text = ?", JOURNAL_VALUES(JOURNAL_TEXT(text)));
    return journal_db_run(db, "INSERT OR REPLACE INTO intent(one, operation, text) VALUES(1, ?, ?)",
                          JOURNAL_VALUES(JOURNAL_TEXT(operation), JOURNAL_TEXT(text)));
}

/* Columns: doc, boot. */
static bool read_operation(sqlite3_stmt *s, const struct journal_stamp *now, struct operation *ret)
{
    const struct store_now clocks = { .same_boot = strcmp(journal_db_text_at(s, 1), now->boot) == 0,
                                      .clock_is_set = now->is_set,
                                      .now_ms = now->boot_ms,
                                      .utc_ms = now->utc_ms };

    /* One that a hand has changed is left out; the others can be read. */
    return store_from_text(journal_db_text_at(s, 0), &clocks, ret).code == ERROR_NONE;
}

/* As many rows of `sql` as can be read, at most `cap`. */
static int read_operations(struct journal_db *db, const char *sql,
                           const struct journal_value *values, const struct journal_stamp *now,
                           size_t cap, size_t *ret_count, struct operation *ret)
{
    sqlite3_stmt *s;
    size_t count = 0;
    int rc = journal_db_begin(db, sql, values, &s);

    if (rc != SQLITE_OK)
        return rc;
    while (count < cap && journal_db_next(s, &rc))
        if (read_operation(s, now, &ret[count]))
            count++;
    journal_db_end(s);
    /* Rows that were read before the trouble are good. */
    *ret_count = count;
    return rc;
}

static int read_one(struct journal_db *db, const char *sql, const struct journal_value *values,
                    const struct journal_stamp *now, bool *ret_found, struct operation *ret)
{
    size_t count = 0;
    int rc = read_operations(db, sql, values, now, 1, &count, ret);

    *ret_found = count == 1;
    return rc;
}

int journal_rows_find(struct journal_db *db, const char *id, const struct journal_stamp *now,
                      bool *ret_found, struct operation *ret)
{
    return read_one(db, "SELECT doc, boot FROM operations WHERE id = ?",
                    JOURNAL_VALUES(JOURNAL_TEXT(id)), now, ret_found, ret);
}

int journal_rows_find_request(struct journal_db *db, enum operation_channel channel,
                              const char *request, const struct journal_stamp *now, bool *ret_found,
                              struct operation *ret)
{
    /* The term without a value is the index's. */
    return read_one(
        db,
        "SELECT doc, boot FROM operations"
        " WHERE channel = ? AND request = ? AND request <> '' ORDER BY seq DESC",
        JOURNAL_VALUES(JOURNAL_TEXT(operation_channel_name(channel)), JOURNAL_TEXT(request)), now,
        ret_found, ret);
}

static int read_intent(struct journal_db *db, const char *operation, char **ret)
{
    sqlite3_stmt *s;
    int rc = journal_db_begin(db, "SELECT text FROM intent WHERE operation = ?",
                              JOURNAL_VALUES(JOURNAL_TEXT(operation)), &s);

    if (rc != SQLITE_OK)
        return rc;
    *ret = NULL;
    if (journal_db_next(s, &rc)) {
        *ret = strdup(journal_db_text_at(s, 0));
        if (!*ret)
            rc = SQLITE_NOMEM;
    }
    journal_db_end(s);
    return rc;
}

int journal_rows_find_active(struct journal_db *db, const struct journal_stamp *now,
                             bool *ret_found, struct operation *ret, char **ret_intent)
{
    /* There is one at most; should there be two, the one that runs counts. */
    int rc = read_one(db,
                      "SELECT doc, boot FROM operations WHERE state IN ('accepted', 'running')"
                      " ORDER BY state DESC, seq DESC",
                      NULL, now, ret_found, ret);

    if (rc == SQLITE_OK && *ret_found)
        rc = read_intent(db, ret->id, ret_intent);
    return rc;
}

/* Where the list goes on: below this number, or, for one that is not known, below its id. */
static int find_before(struct journal_db *db, const char *before, int64_t *ret_seq)
{
    if (!before) {
        *ret_seq = INT64_MAX;
        return SQLITE_OK;
    }
    return journal_db_number(db, "SELECT seq FROM operations WHERE id = ?",
                             JOURNAL_VALUES(JOURNAL_TEXT(before)), -1, ret_seq);
}

int journal_rows_list(struct journal_db *db, enum operation_state state, const char *before,
                      const struct journal_stamp *now, size_t cap, size_t *ret_count,
                      struct operation *ret)
{
    const char *name = operation_state_name(state);
    int64_t seq = -1;
    int rc = find_before(db, before, &seq);

    if (rc != SQLITE_OK)
        return rc;
    if (seq < 0 && state == OPERATION_NONE)
        return read_operations(db,
                               "SELECT doc, boot FROM operations WHERE id < ? ORDER BY seq DESC",
                               JOURNAL_VALUES(JOURNAL_TEXT(before)), now, cap, ret_count, ret);
    if (seq < 0)
        return read_operations(
            db, "SELECT doc, boot FROM operations WHERE state = ? AND +id < ? ORDER BY seq DESC",
            JOURNAL_VALUES(JOURNAL_TEXT(name), JOURNAL_TEXT(before)), now, cap, ret_count, ret);
    if (state == OPERATION_NONE)
        return read_operations(db,
                               "SELECT doc, boot FROM operations WHERE seq < ? ORDER BY seq DESC",
                               JOURNAL_VALUES(JOURNAL_NUMBER(seq)), now, cap, ret_count, ret);
    return read_operations(
        db, "SELECT doc, boot FROM operations WHERE state = ? AND seq < ? ORDER BY seq DESC",
        JOURNAL_VALUES(JOURNAL_TEXT(name), JOURNAL_NUMBER(seq)), now, cap, ret_count, ret);
}

/* --- history --- */

int journal_rows_count(struct journal_db *db, enum journal_history kind, int64_t now_ms)
{
    return journal_db_run(db, "INSERT INTO history(kind, age_ms) VALUES(?, ?)",
                          JOURNAL_VALUES(JOURNAL_NUMBER(kind), JOURNAL_NUMBER(now_ms)));
}

int journal_rows_nth(struct journal_db *db, enum journal_history kind, int64_t nth,
                     int64_t *ret_at_ms)
{
    return journal_db_number(
        db, "SELECT age_ms FROM history WHERE kind = ? ORDER BY age_ms DESC LIMIT 1 OFFSET ?",
        JOURNAL_VALUES(JOURNAL_NUMBER(kind), JOURNAL_NUMBER(nth - 1)), -1, ret_at_ms);
}

int journal_rows_add_result(struct journal_db *db, const struct journal_result *result,
                            int64_t now_ms)
{
    int rc = journal_db_run(
        db,
        "INSERT INTO results(iccid, ms, verified, code, utc_ms, age_ms) VALUES(?, ?, ?, ?, ?, ?)",
        JOURNAL_VALUES(JOURNAL_TEXT(result->to.text), JOURNAL_NUMBER(result->ms),
                       JOURNAL_TEXT(verified_name(result->verified)),
                       JOURNAL_TEXT(error_code_name(result->code)),
                       JOURNAL_NUMBER(result->at_utc_ms), JOURNAL_NUMBER(now_ms)));

    if (rc != SQLITE_OK)
        return rc;
    return journal_db_run(db,
                          "DELETE FROM results WHERE iccid = ?1 AND seq <= (SELECT seq FROM results"
                          " WHERE iccid = ?1 ORDER BY seq DESC LIMIT 1 OFFSET 200)",
                          JOURNAL_VALUES(JOURNAL_TEXT(result->to.text)));
}

static enum verified verified_from_name(const char *name)
{
    for (int i = VERIFIED_NOTHING; i <= VERIFIED_BROKER; i++)
        if (strcmp(verified_name((enum verified)i), name) == 0)
            return (enum verified)i;
    return VERIFIED_NOTHING;
}

/* Columns: ms, verified, code, utc_ms. A newer agent's code is still a failure. */
static void read_result(sqlite3_stmt *s, const struct iccid *to, struct journal_result *ret)
{
    const char *code = journal_db_text_at(s, 2);

    *ret = (struct journal_result){ .to = *to,
                                    .ms = sqlite3_column_int64(s, 0),
                                    .verified = verified_from_name(journal_db_text_at(s, 1)),
                                    .code = code[0] ? ERROR_INTERNAL : ERROR_NONE,
                                    .at_utc_ms = sqlite3_column_int64(s, 3) };
    (void)error_code_from_name(code, &ret->code);
}

int journal_rows_results(struct journal_db *db, const struct iccid *to, size_t cap,
                         size_t *ret_count, struct journal_result *ret)
{
    sqlite3_stmt *s;
    size_t count = 0;
    int rc = journal_db_begin(
        db, "SELECT ms, verified, code, utc_ms FROM results WHERE iccid = ? ORDER BY seq DESC",
        JOURNAL_VALUES(JOURNAL_TEXT(to->text)), &s);

    if (rc != SQLITE_OK)
        return rc;
    while (count < cap && journal_db_next(s, &rc))
        read_result(s, to, &ret[count++]);
    journal_db_end(s);
    *ret_count = count;
    return rc;
}

/* --- the outbox --- */

int journal_rows_add_letter(struct journal_db *db, const struct letter *letter, int64_t now_ms,
                            int64_t *ret_number)
{
    int rc = journal_db_run(
        db,
        "INSERT INTO outbox(class, topic, payload, operation, rev, age_ms)"
        " VALUES(?, ?, ?, ?, ?, ?)",
        JOURNAL_VALUES(JOURNAL_NUMBER(letter->class), JOURNAL_TEXT(letter->topic),
                       JOURNAL_TEXT(letter->payload), JOURNAL_TEXT(letter->operation),
                       JOURNAL_NUMBER(letter->rev), JOURNAL_NUMBER(now_ms)));

    if (rc == SQLITE_OK)
        *ret_number = sqlite3_last_insert_rowid(db->handle);
    return rc;
}

int journal_rows_remove_letter(struct journal_db *db, int64_t number)
{
    return journal_db_run(db, "DELETE FROM outbox WHERE number = ?",
                          JOURNAL_VALUES(JOURNAL_NUMBER(number)));
}

/* Columns: number, class, topic, payload, operation, rev, age_ms (0: not known). False: no memory. */
static bool read_letter(sqlite3_stmt *s, int64_t now_ms, struct letter *ret)
{
    int64_t written_ms = sqlite3_column_int64(s, 6);
    struct letter letter = { .class = sqlite3_column_int(s, 1),
                             .topic = strdup(journal_db_text_at(s, 2)),
                             .payload = strdup(journal_db_text_at(s, 3)),
                             .rev = sqlite3_column_int64(s, 5),
                             .kept = true,
                             .number = sqlite3_column_int64(s, 0),
                             .waited_ms =
                                 written_ms > 0 && written_ms < now_ms ? now_ms - written_ms : 0 };

    if (!letter.topic || !letter.payload) {
        free(letter.topic);
        free(letter.payload);
        return false;
    }
    (void)snprintf(letter.operation, sizeof letter.operation, "%s", journal_db_text_at(s, 4));
    *ret = letter;
    return true;
}

int journal_rows_load_letters(struct journal_db *db, int64_t after, size_t cap, int64_t now_ms,
                              size_t *ret_count, struct letter *ret)
{
    sqlite3_stmt *s;
    size_t count = 0;
    int rc =
        journal_db_begin(db,
                         "SELECT number, class, topic, payload, operation, rev, age_ms FROM outbox"
                         " WHERE number > ? ORDER BY number",
                         JOURNAL_VALUES(JOURNAL_NUMBER(after)), &s);

    if (rc != SQLITE_OK)
        return rc;
    while (count < cap && journal_db_next(s, &rc) && read_letter(s, now_ms, &ret[count]))
        count++;
    journal_db_end(s);
    *ret_count = count;
    return rc;
}

int journal_rows_number_from(struct journal_db *db, int64_t number)
{
    int rc =
        journal_db_run(db, "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'outbox'",
                       JOURNAL_VALUES(JOURNAL_NUMBER(number)));

    if (rc != SQLITE_OK)
        return rc;
    return journal_db_run(db,
                          "INSERT INTO sqlite_sequence(name, seq) SELECT 'outbox', ? WHERE NOT"
                          " EXISTS(SELECT 1 FROM sqlite_sequence WHERE name = 'outbox')",
                          JOURNAL_VALUES(JOURNAL_NUMBER(number)));
}

/* --- small values --- */

int journal_rows_put_value(struct journal_db *db, const char *key, const char *value)
{
    if (!value)
        return journal_db_run(db, "DELETE FROM meta WHERE key = ?",
                              JOURNAL_VALUES(JOURNAL_TEXT(key)));
    return journal_db_run(db, "INSERT OR REPLACE INTO meta(key, value) VALUES(?, ?)",
                          JOURNAL_VALUES(JOURNAL_TEXT(key), JOURNAL_TEXT(value)));
}

int journal_rows_get_value(struct journal_db *db, const char *key, char **ret)
{
    sqlite3_stmt *s;
    int rc = journal_db_begin(db, "SELECT value FROM meta WHERE key = ?",
                              JOURNAL_VALUES(JOURNAL_TEXT(key)), &s);

    if (rc != SQLITE_OK)
        return rc;
    *ret = journal_db_next(s, &rc) ? strdup(journal_db_text_at(s, 0)) : NULL;
    journal_db_end(s);
    return rc;
}
