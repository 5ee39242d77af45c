#pragma once

/* A state directory of its own for each test of the journal, and what goes into it. A program that
 * includes this is linked with --wrap for the clock's four functions. */

#include <dirent.h>
#include <errno.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/operation/journal.h"
#include "tests/test.h"
#include "tests/unit/fake_clock.h"

#define BORN_MS INT64_C(1795464089120) /* 2026-11-23T20:01:29.120Z */
#define TARGET "8949001312170061988"

static struct {
    char dir[64], file[96];
    const char *boot;
    struct journal *journal;
    /* What SQLite has had synced. */
    unsigned syncs;
} place;

const char *__wrap_clock_boot_id(void);

const char *__wrap_clock_boot_id(void)
{
    return place.boot;
}

/* In place of the C library's: counted, and the tests need no disk to be waited for. */
int fdatasync(int fd)
{
    (void)fd;
    place.syncs++;
    return 0;
}

int fsync(int fd)
{
    return fdatasync(fd);
}

static inline int place_set_up(void **state)
{
    (void)state;
    memset(&place, 0, sizeof place);
    fake_clock.now_ms = 1000000;
    fake_clock.utc_ms = BORN_MS;
    fake_clock.unset = false;
    place.boot = "11111111-1111-4111-8111-111111111111";
    strcpy(place.dir, "/tmp/journal-test-XXXXXX");
    assert_non_null(mkdtemp(place.dir));
    (void)snprintf(place.file, sizeof place.file, "%s/journal.db", place.dir);
    return 0;
}

static inline void place_close(void)
{
    journal_free(place.journal);
    place.journal = NULL;
}

/* The next name in the directory; NULL: no more. */
static inline const char *place_next(DIR *directory)
{
    struct dirent *entry;

    do
        entry = readdir(directory);
    while (entry && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
    return entry ? entry->d_name : NULL;
}

static inline void place_empty(void)
{
    DIR *directory = opendir(place.dir);
    const char *name;
    char path[512];

    while (directory && (name = place_next(directory))) {
        (void)snprintf(path, sizeof path, "%s/%s", place.dir, name);
        (void)remove(path);
    }
    if (directory)
        (void)closedir(directory);
}

static inline int place_tear_down(void **state)
{
    (void)state;
    place_close();
    place_empty();
    (void)rmdir(place.dir);
    return 0;
}

/* Between the rows of a table. */
static inline void place_begin_anew(void)
{
    place_tear_down(NULL);
    place_set_up(NULL);
}

static inline struct journal *place_open(void)
{
    place_close();
    place.journal = journal_new(place.dir);
    assert_non_null(place.journal);
    return place.journal;
}

/* As the one who ran the sqlite3 program would; the journal need not be closed. */
static inline void place_sql(const char *sql)
{
    sqlite3 *handle;
    char *wrong = NULL;

    assert_int_equal(sqlite3_open(place.file, &handle), SQLITE_OK);
    if (sqlite3_exec(handle, sql, NULL, NULL, &wrong) != SQLITE_OK)
        fail_msg("%s: %s", sql, wrong);
    sqlite3_close(handle);
}

static inline int64_t place_ask(const char *sql)
{
    sqlite3 *handle;
    sqlite3_stmt *s = NULL;
    int64_t number;

    assert_int_equal(sqlite3_open(place.file, &handle), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(handle, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    number = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(handle);
    return number;
}

/* `n` is its place in the order of ids. */
static inline struct operation place_operation(int n, enum operation_state state)
{
    struct operation op = {
        .request = { .channel = CHANNEL_MQTT, .target = { .iccid = { TARGET } }, .ttl_s = 900 },
        .state = state,
        .rev = 1,
        .created_utc_ms = fake_clock.utc_ms,
        .ends_by_utc_ms = fake_clock.utc_ms + 900000,
        .expires_ms = fake_clock.now_ms + 900000,
        .clock_was_set = true,
        .blackout_ms = -1
    };

    (void)snprintf(op.id, sizeof op.id, "01JDZ0000000000000%08d", n);
    (void)snprintf(op.request.request, sizeof op.request.request, "key-%d", n);
    if (state == OPERATION_RUNNING || state == OPERATION_SUCCEEDED || state == OPERATION_FAILED)
        op.started_utc_ms = fake_clock.utc_ms;
    if (state > OPERATION_RUNNING)
        op.ended_utc_ms = fake_clock.utc_ms;
    return op;
}

static inline struct error place_write(const struct operation *op)
{
    const struct journal_change change = { .op = op };

    return journal_write(place.journal, &change);
}

static inline void place_put(int n, enum operation_state state)
{
    const struct operation op = place_operation(n, state);

    assert_ok(place_write(&op));
}

static inline bool place_has(int n)
{
    const struct operation op = place_operation(n, OPERATION_NONE);
    struct operation found;

    return journal_find(place.journal, op.id, &found);
}

/* The next news is this; NULL: there are none. */
static inline void place_assert_news(const char *what, const char *detail)
{
    struct journal_news news = { "none", "" };

    assert_int_equal(journal_take_news(place.journal, &news), what != NULL);
    print_message("news: %s %s\n", news.what, news.detail);
    assert_string_equal(news.what, what ? what : "none");
    if (detail && !strstr(news.detail, detail))
        fail_msg("'%s' without '%s'", news.detail, detail);
}
