#include "agent/operation/journal_rows.h"

#define HOUR_MS (INT64_C(3600) * 1000)
#define DAY_MS (24 * HOUR_MS)
/* The longest window of a limit is a day. */
#define HISTORY_MS (25 * HOUR_MS)
#define YOUNG_MS (7 * DAY_MS)
#define OLD_MS (30 * DAY_MS)

/* The number of the newest that is one too many; -1: there are not that many. The sum keeps SQLite
 * from reading the operations themselves for their order: an index has all that is asked for. */
static int find_surplus(struct journal_db *db, int64_t *ret_all, int64_t *ret_not_run)
{
    const struct journal_value *kept = JOURNAL_VALUES(JOURNAL_NUMBER(JOURNAL_KEPT));
    int rc = journal_db_number(
        db, "SELECT seq FROM operations ORDER BY seq + 0 DESC LIMIT 1 OFFSET ?", kept, -1, ret_all);

    if (rc != SQLITE_OK)
        return rc;
    return journal_db_number(
        db, "SELECT seq FROM operations WHERE ran = 0 ORDER BY seq + 0 DESC LIMIT 1 OFFSET ?", kept,
        -1, ret_not_run);
}

static int forget_operations(struct journal_db *db, int64_t now_ms)
{
    int64_t all = -1;
    int64_t not_run = -1;
    int rc = find_surplus(db, &all, &not_run);

    if (rc != SQLITE_OK)
        return rc;
    /* The inner query needs no more than an index; few rows, if any, are left to look at. */
    return journal_db_run(
        db,
        "DELETE FROM operations WHERE seq IN (SELECT seq FROM operations WHERE age_ms < ?"
        " OR (age_ms < ? AND seq <= ?) OR (ran = 0 AND seq <= ?))"
        " AND state NOT IN ('accepted', 'running')"
        " AND id NOT IN (SELECT operation FROM outbox)",
        JOURNAL_VALUES(JOURNAL_NUMBER(now_ms - OLD_MS), JOURNAL_NUMBER(now_ms - YOUNG_MS),
                       JOURNAL_NUMBER(all), JOURNAL_NUMBER(not_run)));
}

int journal_rows_forget(struct journal_db *db, int64_t now_ms)
{
    int rc = forget_operations(db, now_ms);

    if (rc != SQLITE_OK)
        return rc;
    /* The newest of each kind stays: the least interval between two may be longer than a day. */
    return journal_db_run(db,
                          "DELETE FROM history WHERE age_ms < ? AND seq NOT IN"
                          " (SELECT max(seq) FROM history GROUP BY kind)",
                          JOURNAL_VALUES(JOURNAL_NUMBER(now_ms - HISTORY_MS)));
}
