#include "agent/operation/journal_schema.h"

#include <stdio.h>

#include "agent/base/macros.h"

/* States, channels and errors are kept by their names, so that no enum's order is on any disk.
 *
 * AUTOINCREMENT: a number is never given twice, also when the newest row is gone; the sender of the
 * outbox names letters by it. No auto_vacuum: what is deleted makes room for what comes next, the
 * limits keep the file small, and moving pages about would wear the flash for nothing. */
static const char *const steps[] = {
    /* 1 */
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE clock(one INTEGER PRIMARY KEY CHECK(one = 1), journal_ms INTEGER NOT NULL,"
    "  boot TEXT NOT NULL, boot_ms INTEGER NOT NULL, utc_ms INTEGER NOT NULL,"
    "  is_set INTEGER NOT NULL);"
    "CREATE TABLE operations(seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
    "  channel TEXT NOT NULL, request TEXT NOT NULL, state TEXT NOT NULL, ran INTEGER NOT NULL,"
    "  age_ms INTEGER NOT NULL, doc TEXT NOT NULL);"
    "CREATE INDEX operations_state ON operations(state);"
    "CREATE TABLE intent(one INTEGER PRIMARY KEY CHECK(one = 1), operation TEXT NOT NULL,"
    "  text TEXT NOT NULL);"
    "CREATE TABLE outbox(number INTEGER PRIMARY KEY AUTOINCREMENT, class INTEGER NOT NULL,"
    "  topic TEXT NOT NULL, payload TEXT NOT NULL, operation TEXT NOT NULL, rev INTEGER NOT NULL);"
    "CREATE TABLE history(seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, age_ms INTEGER NOT NULL);"
    "CREATE INDEX history_kind ON history(kind, age_ms);",

    /* 2: how switches ended; repeated requests are found without reading all operations, and old
     * operations without reading any; what hangs on a boot says which. */
    "CREATE TABLE results(seq INTEGER PRIMARY KEY AUTOINCREMENT, iccid TEXT NOT NULL,"
    "  ms INTEGER NOT NULL, verified TEXT NOT NULL, code TEXT NOT NULL, utc_ms INTEGER NOT NULL,"
    "  age_ms INTEGER NOT NULL);"
    "CREATE INDEX results_iccid ON results(iccid);"
    "CREATE INDEX operations_request ON operations(channel, request) WHERE request <> '';"
    "CREATE INDEX operations_age ON operations(ran, age_ms);"
    "ALTER TABLE operations ADD COLUMN boot TEXT NOT NULL DEFAULT '';",

    /* 3: since when a letter waits, also over restarts. */
    "ALTER TABLE outbox ADD COLUMN age_ms INTEGER NOT NULL DEFAULT 0;",
};

_Static_assert(ARRAY_LEN(steps) == JOURNAL_SCHEMA, "one step a version");

int journal_schema_version(sqlite3 *handle, int *ret_version)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(handle, "PRAGMA user_version", -1, &statement, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        *ret_version = sqlite3_column_int(statement, 0);
        rc = SQLITE_OK;
    }
    (void)sqlite3_finalize(statement);
    return rc;
}

static int take_steps(sqlite3 *handle, int from)
{
    char version[64];
    int rc = sqlite3_exec(handle, "BEGIN IMMEDIATE", NULL, NULL, NULL);

    for (int i = from; rc == SQLITE_OK && i < JOURNAL_SCHEMA; i++)
        rc = sqlite3_exec(handle, steps[i], NULL, NULL, NULL);
    (void)snprintf(version, sizeof version, "PRAGMA user_version = %d", JOURNAL_SCHEMA);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(handle, version, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(handle, "COMMIT", NULL, NULL, NULL);
    if (rc != SQLITE_OK && !sqlite3_get_autocommit(handle))
        (void)sqlite3_exec(handle, "ROLLBACK", NULL, NULL, NULL);
    /* A table that is there already, or is not: somebody else's file. */
    return rc == SQLITE_ERROR ? SQLITE_NOTADB : rc;
}

int journal_schema_bring_up(sqlite3 *handle, int *ret_version)
{
    int version = 0;
    int rc = journal_schema_version(handle, &version);

    if (rc == SQLITE_OK && version < 0)
        rc = SQLITE_NOTADB;
    if (rc == SQLITE_OK && version < JOURNAL_SCHEMA)
        rc = take_steps(handle, version);
    if (rc == SQLITE_OK)
        *ret_version = version;
    return rc;
}
