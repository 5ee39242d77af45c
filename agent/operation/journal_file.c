#include "agent/operation/journal_file.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "agent/base/clock.h"
#include "agent/operation/journal_rows.h"
#include "agent/operation/journal_schema.h"

enum {
    /* Between two tries to open the file, or to find out whether the disk is well again. */
    RETRY_MS = 1000,
    RESERVE_RETRY_MS = 60 * 1000,
    /* Old rows are removed with the first write after so many, or after so long. */
    FORGET_WRITES = 100,
    FORGET_MS = 3600 * 1000,
    /* A disk with less than this has no space, though a small write may go through. */
    SPACE_LEAST_BYTES = 128 * 1024,
};

int64_t journal_now_ms(struct journal *journal)
{
    return clock_now_ms() + atomic_load(&journal->ahead_ms);
}

struct journal_stamp journal_file_stamp(struct journal *journal)
{
    struct journal_stamp now = { .journal_ms = journal_now_ms(journal),
                                 .boot_ms = clock_now_ms(),
                                 .utc_ms = clock_utc_ms(),
                                 .is_set = clock_is_set() };

    memcpy(now.boot, journal->boot, sizeof now.boot);
    return now;
}

/* --- news --- */

/* The oldest goes where nobody asks for them. */
static void add_news(struct journal *journal, const char *what, const char *detail)
{
    struct journal_news *last;

    if (journal->news_count == JOURNAL_FILE_NEWS)
        memmove(journal->news, journal->news + 1, --journal->news_count * sizeof *journal->news);
    last = &journal->news[journal->news_count++];
    last->what = what;
    (void)snprintf(last->detail, sizeof last->detail, "%s", detail);
}

bool journal_take_news(struct journal *journal, struct journal_news *ret)
{
    bool any;

    pthread_mutex_lock(&journal->lock);
    any = journal->news_count > 0;
    if (any) {
        *ret = journal->news[0];
        memmove(journal->news, journal->news + 1, --journal->news_count * sizeof *journal->news);
    }
    pthread_mutex_unlock(&journal->lock);
    return any;
}

/* --- the file --- */

static bool set_aside(struct journal *journal, const char *why)
{
    char name[JOURNAL_DB_NAME_MAX + 1];

    if (!journal_db_set_aside(&journal->db, why, name))
        return false;
    journal_db_drop_old(&journal->db, name);
    atomic_store(&journal->began_empty, true);
    add_news(journal, "set-aside", name);
    return true;
}

/* The clock goes on from what the file says, and never back within one process. */
static void take_up_clock(struct journal *journal)
{
    struct journal_stamp now = journal_file_stamp(journal);
    struct journal_stamp last;
    bool found = false;
    int64_t shows;

    if (journal_rows_get_stamp(&journal->db, &found, &last) != SQLITE_OK || !found)
        return;
    shows = journal_clock_go_on(&last, &now);
    if (shows > now.journal_ms)
        atomic_store(&journal->ahead_ms, shows - now.boot_ms);
}

static void fill_reserve(struct journal *journal)
{
    journal->reserve = journal_db_fill_reserve(&journal->db);
    journal->reserve_next_ms = clock_now_ms() + RESERVE_RETRY_MS;
}

/* What was not known at the start is. */
static void note_read(struct journal *journal, bool existed)
{
    if (journal->unread && existed)
        atomic_store(&journal->began_empty, false);
    journal->unread = false;
}

static void take_up(struct journal *journal, int version)
{
    if (version == 0)
        atomic_store(&journal->began_empty, true);
    note_read(journal, version > 0);
    take_up_clock(journal);
    journal->synced = true;
    journal->number_is_news = journal->number > 0;
    journal->writes_to_forget = 0;
    fill_reserve(journal);
}

/* A file that is no journal, or a newer agent's, makes room for a new one. */
static int open_or_begin(struct journal *journal, int *ret_version)
{
    int rc = journal_db_open(&journal->db, ret_version);

    if (journal_db_is_corrupt(rc) && set_aside(journal, "corrupt"))
        rc = journal_db_open(&journal->db, ret_version);
    if (rc == SQLITE_OK && *ret_version > JOURNAL_SCHEMA)
        rc = set_aside(journal, "newer") ? journal_db_open(&journal->db, ret_version)
                                         : SQLITE_READONLY;
    return rc;
}

static int open_file(struct journal *journal)
{
    int version = 0;
    int rc = open_or_begin(journal, &version);

    journal->open_rc = rc;
    journal->open_next_ms = clock_now_ms() + RETRY_MS;
    if (rc == SQLITE_OK) {
        take_up(journal, version);
        return rc;
    }
    if (!journal_db_is_corrupt(rc) && journal_db_open_read_only(&journal->db) == SQLITE_OK) {
        note_read(journal, true);
        take_up_clock(journal);
    }
    return rc;
}

/* A file that was taken away under us takes what is written to it along: begin anew. */
static void look_for_file(struct journal *journal)
{
    if (journal_db_is_there(&journal->db))
        return;
    journal_db_abandon(&journal->db);
    journal->open_next_ms = 0;
    atomic_store(&journal->began_empty, true);
    add_news(journal, "set-aside", "the file was removed");
}

static int make_ready(struct journal *journal)
{
    if (journal->db.handle && !journal->db.read_only)
        look_for_file(journal);
    if (journal->db.handle && !journal->db.read_only)
        return SQLITE_OK;
    if (clock_now_ms() < journal->open_next_ms)
        return journal->open_rc;
    return open_file(journal);
}

struct journal *journal_new(const char *state_dir)
{
    struct journal *journal = calloc(1, sizeof *journal);

    if (!journal)
        return NULL;
    if (!journal_db_init(&journal->db, state_dir)) {
        free(journal);
        return NULL;
    }
    pthread_mutex_init(&journal->lock, NULL);
    (void)snprintf(journal->boot, sizeof journal->boot, "%s", clock_boot_id());
    if (!journal->boot[0])
        id_make(clock_utc_ms(), journal->boot);
    if (open_file(journal) != SQLITE_OK) {
        journal->failing = true;
        journal->failure = journal_db_error(&journal->db, journal->open_rc);
        journal->failed_ms = clock_now_ms();
        add_news(journal, "storage-full", journal->failure.message);
        /* Nothing can be read: what ran before is not known. */
        journal->unread = !journal->db.handle;
        if (journal->unread)
            atomic_store(&journal->began_empty, true);
    }
    return journal;
}

void journal_free(struct journal *journal)
{
    if (!journal)
        return;
    /* The last to close writes the -wal into the file, with a sync. */
    journal_db_done(&journal->db);
    pthread_mutex_destroy(&journal->lock);
    free(journal);
}

bool journal_is_unread(struct journal *journal)
{
    bool unread;

    pthread_mutex_lock(&journal->lock);
    unread = journal->unread;
    pthread_mutex_unlock(&journal->lock);
    return unread;
}

bool journal_began_empty(const struct journal *journal)
{
    return atomic_load(&journal->began_empty);
}

/* --- writing --- */

/* Old rows go at most once in so many writes, or in so long. */
static bool forget_is_due(struct journal *journal)
{
    if (journal->writes_to_forget-- > 0 && clock_now_ms() < journal->forget_next_ms)
        return false;
    journal->writes_to_forget = FORGET_WRITES;
    journal->forget_next_ms = clock_now_ms() + FORGET_MS;
    return true;
}

static int set_synced(struct journal *journal, bool synced)
{
    int rc = SQLITE_OK;

    if (journal->synced != synced)
        rc = sqlite3_exec(journal->db.handle,
                          synced ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL",
                          NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        journal->synced = synced;
    return rc;
}

static int fill_transaction(struct journal *journal, const struct journal_work *work)
{
    const struct journal_stamp now = journal_file_stamp(journal);
    int rc = SQLITE_OK;

    if (journal->number_is_news)
        rc = journal_rows_number_from(&journal->db, journal->number);
    if (rc == SQLITE_OK)
        rc = work->run(journal, &now, work->ctx);
    if (rc == SQLITE_OK && work->synced && forget_is_due(journal))
        rc = journal_rows_forget(&journal->db, now.journal_ms);
    if (rc == SQLITE_OK)
        rc = journal_rows_put_stamp(&journal->db, &now);
    return rc;
}

static int transact(struct journal *journal, const struct journal_work *work)
{
    int rc = make_ready(journal);

    if (rc != SQLITE_OK)
        return rc;
    errno = 0;
    rc = set_synced(journal, work->synced);
    if (rc == SQLITE_OK)
        rc = journal_db_run(&journal->db, "BEGIN IMMEDIATE", NULL);
    if (rc == SQLITE_OK)
        rc = fill_transaction(journal, work);
    if (rc == SQLITE_OK)
        rc = journal_db_run(&journal->db, "COMMIT", NULL);
    journal_db_failed(&journal->db, rc);
    if (rc == SQLITE_OK)
        journal->number_is_news = false;
    else if (!sqlite3_get_autocommit(journal->db.handle))
        (void)journal_db_run(&journal->db, "ROLLBACK", NULL);
    return rc;
}

/* Under lock. Once more after each kind of trouble that can be helped. */
static int try_to_write(struct journal *journal, const struct journal_work *work)
{
    int rc = transact(journal, work);

    if (journal_db_is_corrupt(rc) && set_aside(journal, "corrupt")) {
        journal->open_next_ms = 0;
        rc = transact(journal, work);
    }
    if (rc != SQLITE_OK && journal->db.no_space && work->reserve &&
        journal_db_drop_reserve(&journal->db)) {
        journal->reserve = false;
        journal->reserve_next_ms = clock_now_ms() + RESERVE_RETRY_MS;
        journal->open_next_ms = 0;
        rc = transact(journal, work);
    }
    return rc;
}

/* Tells of the first failure and of the first success after it. */
static struct error judge(struct journal *journal, int rc)
{
    if (rc != SQLITE_OK) {
        journal->failure = journal_db_error(&journal->db, rc);
        journal->failed_ms = clock_now_ms();
        if (!journal->failing)
            add_news(journal, "storage-full", journal->failure.message);
        journal->failing = true;
        return journal->failure;
    }
    if (journal->failing)
        add_news(journal, "recovered", "");
    journal->failing = false;
    if (!journal->reserve && clock_now_ms() >= journal->reserve_next_ms)
        fill_reserve(journal);
    return ERROR_OK;
}

struct error journal_file_write_locked(struct journal *journal, const struct journal_work *work)
{
    return judge(journal, try_to_write(journal, work));
}

struct error journal_file_write(struct journal *journal, const struct journal_work *work)
{
    struct error e;

    pthread_mutex_lock(&journal->lock);
    e = journal_file_write_locked(journal, work);
    pthread_mutex_unlock(&journal->lock);
    return e;
}

/* What is small goes through where the next operation may not. */
static int run_probe(struct journal *journal, const struct journal_stamp *now, void *ctx)
{
    struct statvfs disk;

    (void)now;
    (void)ctx;
    if (statvfs(journal->db.dir, &disk) == 0 &&
        (uint64_t)disk.f_bavail * disk.f_frsize < SPACE_LEAST_BYTES)
        return SQLITE_FULL;
    return SQLITE_OK;
}

struct error journal_check(struct journal *journal)
{
    const struct journal_work probe = { run_probe, NULL, .synced = true };
    struct error e = ERROR_OK;

    pthread_mutex_lock(&journal->lock);
    if (journal->failing && clock_now_ms() - journal->failed_ms < RETRY_MS)
        e = journal->failure;
    else if (journal->failing)
        e = journal_file_write_locked(journal, &probe);
    pthread_mutex_unlock(&journal->lock);
    return e;
}

/* --- reading --- */

/* What cannot be read any more is set aside; of a disk that cannot be written, the rest is still there
 * to be read. */
void journal_file_end_reading(struct journal *journal, int rc)
{
    if (journal_db_is_corrupt(rc) && !journal->db.read_only && set_aside(journal, "corrupt"))
        (void)open_file(journal);
    pthread_mutex_unlock(&journal->lock);
}

bool journal_file_begin_reading(struct journal *journal)
{
    pthread_mutex_lock(&journal->lock);
    return journal->db.handle != NULL;
}
