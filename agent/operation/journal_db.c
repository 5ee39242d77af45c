#include "agent/operation/journal_db.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/macros.h"
#include "agent/operation/journal_schema.h"

enum {
    PATH_MAX_LEN = 4096,
    /* Somebody with the sqlite3 program holds the file. */
    BUSY_MS = 2000,
    RESERVE_BYTES = 256 * 1024,
    /* A larger file is not read through at the start: on a slow card that takes longer than a
     * watchdog waits. What is wrong in it shows when it is used. */
    CHECK_MOST_BYTES = 64 * 1024 * 1024,
};

/* 500 pages of 4 KiB: one checkpoint, with its three syncs, in some 50 to 100 commits. */
static const char settings[] = "PRAGMA cache_size = -256;"
                               "PRAGMA temp_store = MEMORY;"
                               "PRAGMA cell_size_check = ON;"
                               "PRAGMA trusted_schema = OFF;"
                               "PRAGMA journal_mode = WAL;"
                               "PRAGMA synchronous = FULL;"
                               "PRAGMA wal_autocheckpoint = 500;"
                               "PRAGMA journal_size_limit = 4194304;";

bool journal_db_init(struct journal_db *db, const char *dir)
{
    static const char name[] = "/journal.db";
    size_t len = strlen(dir);

    *db = (struct journal_db){ .dir = strdup(dir), .path = malloc(len + sizeof name) };
    if (!db->dir || !db->path) {
        journal_db_done(db);
        return false;
    }
    memcpy(db->path, dir, len);
    memcpy(db->path + len, name, sizeof name);
    return true;
}

void journal_db_done(struct journal_db *db)
{
    journal_db_close(db);
    free(db->dir);
    free(db->path);
    *db = (struct journal_db){ 0 };
}

/* --- failures --- */

bool journal_db_is_corrupt(int rc)
{
    return (rc & 0xFF) == SQLITE_CORRUPT || (rc & 0xFF) == SQLITE_NOTADB;
}

void journal_db_failed(struct journal_db *db, int rc)
{
    int primary = rc & 0xFF;

    /* SQLite keeps the cause of what fails while it opens a file, not of a commit. */
    db->cause = 0;
    if (primary == SQLITE_IOERR)
        db->cause = errno;
    else if (primary == SQLITE_CANTOPEN && db->handle)
        db->cause = sqlite3_system_errno(db->handle);
    db->no_space = primary == SQLITE_FULL || db->cause == ENOSPC || db->cause == EDQUOT;
}

struct error journal_db_error(const struct journal_db *db, int rc)
{
    char cause[64] = "";

    if (db->cause && strerror_r(db->cause, cause, sizeof cause) != 0)
        (void)snprintf(cause, sizeof cause, "error %d", db->cause);
    return error_make(ERROR_IN_STORAGE, ERROR_STORAGE_FULL, rc,
                      "the journal cannot be written: %s%s%s", sqlite3_errstr(rc),
                      cause[0] ? ": " : "", cause);
}

/* --- opening --- */

/* For its owner alone, whatever the umask; SQLite gives the same mode to what it makes beside. */
static bool make_own(const char *path)
{
    struct stat is;
    int fd;

    if (stat(path, &is) == 0)
        return (is.st_mode & 0777) == 0600 || !S_ISREG(is.st_mode) || chmod(path, 0600) == 0 ||
               errno == EROFS || errno == EPERM;
    if (errno != ENOENT)
        return false;
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    (void)fchmod(fd, 0600);
    (void)close(fd);
    return true;
}

static int make_file(struct journal_db *db)
{
    bool made = mkdir(db->dir, 0700) == 0;

    if (made)
        (void)chmod(db->dir, 0700);
    if ((made || errno == EEXIST || errno == EROFS) && make_own(db->path))
        return SQLITE_OK;
    db->cause = errno;
    db->no_space = errno == ENOSPC || errno == EDQUOT;
    return SQLITE_CANTOPEN;
}

/* Those that a killed process left keep the mode that they had. */
static void restrict_beside(const struct journal_db *db)
{
    static const char *const ends[] = { "-wal", "-shm" };
    char path[PATH_MAX_LEN];

    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        (void)snprintf(path, sizeof path, "%s%s", db->path, ends[i]);
        (void)chmod(path, 0600);
    }
}

static int keep_identity(struct journal_db *db)
{
    struct stat is;

    if (stat(db->path, &is) != 0)
        return SQLITE_CANTOPEN;
    db->device = is.st_dev;
    db->inode = is.st_ino;
    return SQLITE_OK;
}

bool journal_db_is_there(const struct journal_db *db)
{
    struct stat is;

    /* Where the disk does not answer, the write itself will say why. */
    if (stat(db->path, &is) != 0)
        return errno != ENOENT && errno != ENOTDIR;
    return is.st_dev == db->device && is.st_ino == db->inode;
}

static int check(struct journal_db *db)
{
    sqlite3_stmt *statement = NULL;
    struct stat is;
    int rc;

    if (stat(db->path, &is) == 0 && is.st_size > CHECK_MOST_BYTES)
        return SQLITE_OK;
    rc = sqlite3_prepare_v2(db->handle, "PRAGMA quick_check(1)", -1, &statement, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        rc = strcmp(journal_db_text_at(statement, 0), "ok") == 0 ? SQLITE_OK : SQLITE_CORRUPT;
    (void)sqlite3_finalize(statement);
    return rc;
}

static int open_handle(struct journal_db *db)
{
    int rc =
        sqlite3_open_v2(db->path, &db->handle,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

    if (rc != SQLITE_OK)
        return rc;
    (void)sqlite3_busy_timeout(db->handle, BUSY_MS);
    /* What SQLite does where the file does not let itself be written. */
    if (sqlite3_db_readonly(db->handle, "main") == 1)
        return SQLITE_READONLY;
    return sqlite3_exec(db->handle, settings, NULL, NULL, NULL);
}

int journal_db_open(struct journal_db *db, int *ret_version)
{
    int version = 0;
    int rc;

    journal_db_close(db);
    errno = 0;
    rc = make_file(db);
    if (rc != SQLITE_OK)
        return rc;
    restrict_beside(db);
    rc = open_handle(db);
    if (rc == SQLITE_OK)
        rc = check(db);
    if (rc == SQLITE_OK)
        rc = journal_schema_bring_up(db->handle, &version);
    if (rc == SQLITE_OK)
        rc = keep_identity(db);
    journal_db_failed(db, rc);
    if (rc != SQLITE_OK || version > JOURNAL_SCHEMA)
        journal_db_close(db);
    if (rc == SQLITE_OK)
        *ret_version = version;
    return rc;
}

/* As the path of a file: URI. False: too long. */
static bool to_uri(const char *path, const char *query, char *ret, size_t size)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
    size_t n = (size_t)snprintf(ret, size, "file:");

    for (; *path && n + sizeof "%00" + strlen(query) < size; path++)
        n += (size_t)snprintf(ret + n, size - n, strchr(plain, *path) ? "%c" : "%%%02X",
                              (unsigned)(unsigned char)*path);
    (void)snprintf(ret + n, size - n, "%s", query);
    return *path == '\0';
}

static int open_to_read(struct journal_db *db, const char *query)
{
    char uri[PATH_MAX_LEN];
    int version = 0;
    int rc = SQLITE_CANTOPEN;

    if (!to_uri(db->path, query, uri, sizeof uri))
        return rc;
    rc = sqlite3_open_v2(
        uri, &db->handle,
        SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db->handle, "PRAGMA cache_size = -256; PRAGMA temp_store = MEMORY", NULL,
                          NULL, NULL);
    if (rc == SQLITE_OK)
        rc = journal_schema_version(db->handle, &version);
    if (rc == SQLITE_OK && (version < 1 || version > JOURNAL_SCHEMA))
        rc = SQLITE_NOTADB;
    if (rc != SQLITE_OK)
        journal_db_close(db);
    return rc;
}

/* What a killed process left in the -wal counts: without it an operation that has ended seems to run
 * still. SQLite reads it where the -shm is there, too, as it is after a kill. Nothing can be made
 * beside the file on such a disk, so without them it is read as it stands. */
int journal_db_open_read_only(struct journal_db *db)
{
    struct stat is;
    int rc = SQLITE_CANTOPEN;

    journal_db_close(db);
    if (stat(db->path, &is) != 0 || !S_ISREG(is.st_mode) || is.st_size == 0)
        return rc;
    rc = open_to_read(db, "?mode=ro");
    if (rc != SQLITE_OK)
        rc = open_to_read(db, "?immutable=1");
    db->read_only = rc == SQLITE_OK;
    return rc;
}

void journal_db_close(struct journal_db *db)
{
    for (size_t i = 0; i < JOURNAL_DB_STATEMENTS; i++) {
        (void)sqlite3_finalize(db->kept[i].statement);
        db->kept[i].statement = NULL;
        db->kept[i].sql = NULL;
    }
    (void)sqlite3_close(db->handle);
    db->handle = NULL;
    db->read_only = false;
}

/* SQLite would write its -wal into the file, and take away what now has that name. */
void journal_db_abandon(struct journal_db *db)
{
    if (db->handle)
        (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    journal_db_close(db);
}

/* --- setting aside --- */

static void name_aside(const char *why, unsigned nth, char ret[JOURNAL_DB_NAME_MAX + 1])
{
    char stamp[CLOCK_TEXT_LEN + 1];
    char more[16] = "";

    clock_to_text(clock_utc_ms(), stamp);
    if (nth > 1)
        (void)snprintf(more, sizeof more, "-%u", nth);
    /* 2026-11-23T20:01:29.120Z */
    (void)snprintf(ret, JOURNAL_DB_NAME_MAX + 1, "journal.db.%.12s-%.4s%.2s%.2sT%.2s%.2s%.2sZ%s",
                   why, stamp, stamp + 5, stamp + 8, stamp + 11, stamp + 14, stamp + 17, more);
}

static bool rename_to(const struct journal_db *db, const char *name, const char *end)
{
    char from[PATH_MAX_LEN], to[PATH_MAX_LEN];

    (void)snprintf(from, sizeof from, "%s%s", db->path, end);
    (void)snprintf(to, sizeof to, "%s/%s%s", db->dir, name, end);
    return rename(from, to) == 0 || errno == ENOENT;
}

static bool is_taken(const struct journal_db *db, const char *name)
{
    char path[PATH_MAX_LEN];
    struct stat is;

    (void)snprintf(path, sizeof path, "%s/%s", db->dir, name);
    return lstat(path, &is) == 0;
}

bool journal_db_set_aside(struct journal_db *db, const char *why,
                          char ret_name[JOURNAL_DB_NAME_MAX + 1])
{
    char name[JOURNAL_DB_NAME_MAX + 1];
    unsigned nth = 1;

    journal_db_abandon(db);
    /* The clock may stand still. */
    do
        name_aside(why, nth++, name);
    while (is_taken(db, name));
    /* First the file: what is left beside a file that is not there, SQLite removes. */
    if (!rename_to(db, name, "")) {
        db->cause = errno;
        return false;
    }
    (void)rename_to(db, name, "-wal");
    (void)rename_to(db, name, "-shm");
    memcpy(ret_name, name, sizeof name);
    return true;
}

/* A name of ours, without those of what is beside it. */
static bool is_corrupt_one(const char *name)
{
    static const char begin[] = "journal.db.corrupt-";
    size_t len = strlen(name);

    return strncmp(name, begin, sizeof begin - 1) == 0 && len <= JOURNAL_DB_NAME_MAX &&
           strcmp(name + len - 4, "-wal") != 0 && strcmp(name + len - 4, "-shm") != 0;
}

/* How many there are, and the oldest by its name that is not `newest`. */
static size_t count_corrupt(const struct journal_db *db, const char *newest,
                            char ret_oldest[JOURNAL_DB_NAME_MAX + 1])
{
    DIR *directory = opendir(db->dir);
    struct dirent *entry;
    size_t count = 0;

    ret_oldest[0] = '\0';
    while (directory && (entry = readdir(directory))) {
        if (!is_corrupt_one(entry->d_name))
            continue;
        count++;
        if (strcmp(entry->d_name, newest) != 0 &&
            (!ret_oldest[0] || strcmp(entry->d_name, ret_oldest) < 0))
            (void)snprintf(ret_oldest, JOURNAL_DB_NAME_MAX + 1, "%.63s", entry->d_name);
    }
    if (directory)
        (void)closedir(directory);
    return count;
}

static bool remove_aside(const struct journal_db *db, const char *name, const char *end)
{
    char path[PATH_MAX_LEN];

    (void)snprintf(path, sizeof path, "%s/%s%s", db->dir, name, end);
    return unlink(path) == 0;
}

void journal_db_drop_old(const struct journal_db *db, const char *newest)
{
    char oldest[JOURNAL_DB_NAME_MAX + 1];

    while (count_corrupt(db, newest, oldest) > JOURNAL_DB_ASIDE) {
        (void)remove_aside(db, oldest, "-wal");
        (void)remove_aside(db, oldest, "-shm");
        if (!remove_aside(db, oldest, ""))
            return;
    }
}

/* --- the reserve --- */

static void reserve_path(const struct journal_db *db, char ret[PATH_MAX_LEN])
{
    (void)snprintf(ret, PATH_MAX_LEN, "%s/journal.reserve", db->dir);
}

bool journal_db_fill_reserve(const struct journal_db *db)
{
    char path[PATH_MAX_LEN];
    int fd, wrong;

    reserve_path(db, path);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    /* Not synced: should the power take it, it is made again at the start. */
    (void)fchmod(fd, 0600);
    wrong = posix_fallocate(fd, 0, RESERVE_BYTES);
    (void)close(fd);
    if (wrong)
        (void)unlink(path);
    return wrong == 0;
}

bool journal_db_drop_reserve(const struct journal_db *db)
{
    char path[PATH_MAX_LEN];

    reserve_path(db, path);
    return unlink(path) == 0;
}

/* --- statements --- */

static int prepared(struct journal_db *db, const char *sql, sqlite3_stmt **ret)
{
    size_t i = 0;
    int rc;

    while (i < JOURNAL_DB_STATEMENTS && db->kept[i].sql && db->kept[i].sql != sql)
        i++;
    assert(i < JOURNAL_DB_STATEMENTS);
    if (!db->kept[i].sql) {
        rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                &db->kept[i].statement, NULL);
        /* A table that is not there. */
        if (rc != SQLITE_OK)
            return (rc & 0xFF) == SQLITE_ERROR ? SQLITE_NOTADB : rc;
        db->kept[i].sql = sql;
    }
    *ret = db->kept[i].statement;
    return SQLITE_OK;
}

int journal_db_begin(struct journal_db *db, const char *sql, const struct journal_value *values,
                     sqlite3_stmt **ret)
{
    sqlite3_stmt *statement = NULL;
    int rc = prepared(db, sql, &statement);

    for (int i = 0; rc == SQLITE_OK && values && values[i].kind != JOURNAL_VALUE_END; i++)
        rc = values[i].kind == JOURNAL_VALUE_NUMBER
                 ? sqlite3_bind_int64(statement, i + 1, values[i].number)
                 : sqlite3_bind_text(statement, i + 1, values[i].text, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        *ret = statement;
    else
        journal_db_end(statement);
    return rc;
}

bool journal_db_next(sqlite3_stmt *statement, int *ret_rc)
{
    int rc = sqlite3_step(statement);

    *ret_rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
    return rc == SQLITE_ROW;
}

void journal_db_end(sqlite3_stmt *statement)
{
    (void)sqlite3_reset(statement);
    if (statement)
        (void)sqlite3_clear_bindings(statement);
}

int journal_db_run(struct journal_db *db, const char *sql, const struct journal_value *values)
{
    sqlite3_stmt *statement;
    int rc = journal_db_begin(db, sql, values, &statement);

    if (rc != SQLITE_OK)
        return rc;
    while (journal_db_next(statement, &rc))
        continue;
    journal_db_end(statement);
    return rc;
}

int journal_db_number(struct journal_db *db, const char *sql, const struct journal_value *values,
                      int64_t otherwise, int64_t *ret)
{
    sqlite3_stmt *statement;
    int rc = journal_db_begin(db, sql, values, &statement);
    int64_t number = otherwise;

    if (rc != SQLITE_OK)
        return rc;
    if (journal_db_next(statement, &rc) && sqlite3_column_type(statement, 0) != SQLITE_NULL)
        number = sqlite3_column_int64(statement, 0);
    journal_db_end(statement);
    if (rc == SQLITE_OK)
        *ret = number;
    return rc;
}

const char *journal_db_text_at(sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);

    return text ? (const char *)text : "";
}
