#include "agent/operation/journal.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "agent/base/clock.h"
#include "agent/base/macros.h"
#include "agent/operation/journal_db.h"
#include "agent/operation/journal_rows.h"
#include "agent/operation/journal_schema.h"
#include "agent/operation/store.h"

enum {
    NEWS_MAX = 4,
    /* Between two tries to open the file, or to find out whether the disk is well again. */
    RETRY_MS = 1000,
    RESERVE_RETRY_MS = 60 * 1000,
    /* Old rows are removed with the first write after so many, or after so long. */
    FORGET_WRITES = 100,
    FORGET_MS = 3600 * 1000,
    /* A disk with less than this has no space, though a small write may go through. */
    SPACE_LEAST_BYTES = 128 * 1024,
};

struct journal {
    /* Names the boot; where the system does not tell, this process. */
    char boot[CLOCK_BOOT_LEN + 1];
    /* The journal's clock less CLOCK_BOOTTIME. */
    _Atomic int64_t ahead_ms;
    atomic_bool began_empty;
    /* Held during I/O; under it nothing is called back and nothing logged. */
    pthread_mutex_t lock;
    /* under lock: */
    struct journal_db db;
    /* What the last try to open it gave, and when the next may be. */
    int open_rc;
    int64_t open_next_ms;
    /* PRAGMA synchronous is FULL. */
    bool synced;
    /* The greatest number of a letter that this process has seen, and that the file has yet to be
     * told of it: a new file must not give one of them again. */
    int64_t number;
    bool number_is_news;
    bool failing;
    struct error failure;
    int64_t failed_ms;
    bool reserve;
    int64_t reserve_next_ms;
    int writes_to_forget;
    int64_t forget_next_ms;
    struct journal_news news[NEWS_MAX];
    size_t news_count;
};

/* One transaction's worth of writing. */
struct work {
    /* SQLite's result code. Once more where the first try failed. */
    int (*run)(struct journal *journal, const struct journal_stamp *now, void *ctx);
    void *ctx;
    /* Not lost by a power cut. Without it, what is written goes to the end of the -wal, as all does,
     * and the next commit with a sync takes it along: in that order it is durable. */
    bool synced;
    /* It may use the space that is kept for the end of a switch. */
    bool reserve;
};

int64_t journal_now_ms(struct journal *journal)
{
    return clock_now_ms() + atomic_load(&journal->ahead_ms);
}

static struct journal_stamp stamp_now(struct journal *journal)
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

    if (journal->news_count == NEWS_MAX)
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
    struct journal_stamp now = stamp_now(journal);
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

static void take_up(struct journal *journal, int version)
{
    if (version == 0)
        atomic_store(&journal->began_empty, true);
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
    if (!journal_db_is_corrupt(rc) && journal_db_open_read_only(&journal->db) == SQLITE_OK)
        take_up_clock(journal);
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
        if (!journal->db.handle)
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

static int fill_transaction(struct journal *journal, const struct work *work)
{
    const struct journal_stamp now = stamp_now(journal);
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

static int transact(struct journal *journal, const struct work *work)
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
static int try_to_write(struct journal *journal, const struct work *work)
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

static struct error do_work(struct journal *journal, const struct work *work)
{
    struct error e;

    pthread_mutex_lock(&journal->lock);
    e = judge(journal, try_to_write(journal, work));
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
    const struct work probe = { run_probe, NULL, .synced = true };
    struct error e = ERROR_OK;

    pthread_mutex_lock(&journal->lock);
    if (journal->failing && clock_now_ms() - journal->failed_ms < RETRY_MS)
        e = journal->failure;
    else if (journal->failing)
        e = judge(journal, try_to_write(journal, &probe));
    pthread_mutex_unlock(&journal->lock);
    return e;
}

struct change {
    const struct journal_change *asked;
    char *doc;
    int64_t numbers[LETTERS_MAX];
};

static int run_letters(struct journal *journal, struct change *change)
{
    const struct letters *letters = change->asked->letters;
    int rc = SQLITE_OK;

    for (size_t i = 0; letters && rc == SQLITE_OK && i < letters->count; i++)
        if (letters->items[i].kept)
            rc = journal_rows_add_letter(&journal->db, &letters->items[i], &change->numbers[i]);
    return rc;
}

static int run_change(struct journal *journal, const struct journal_stamp *now, void *ctx)
{
    struct change *change = ctx;
    const struct journal_change *asked = change->asked;
    int rc = SQLITE_OK;

    if (asked->op)
        rc = journal_rows_put_operation(&journal->db, asked->op, change->doc, now);
    if (rc == SQLITE_OK && asked->intent)
        rc = journal_rows_put_intent(&journal->db, asked->op ? asked->op->id : NULL, asked->intent);
    if (rc == SQLITE_OK)
        rc = run_letters(journal, change);
    if (rc == SQLITE_OK && asked->counts)
        rc = journal_rows_count(&journal->db, JOURNAL_SWITCH, now->journal_ms);
    if (rc == SQLITE_OK && asked->result)
        rc = journal_rows_add_result(&journal->db, asked->result, now->journal_ms);
    return rc;
}

/* Under lock: no number is known to anybody before it is on disk. */
static void give_numbers(struct journal *journal, struct letters *letters, const int64_t *numbers)
{
    for (size_t i = 0; letters && i < letters->count; i++) {
        letters->items[i].number = numbers[i];
        journal->number = numbers[i] > journal->number ? numbers[i] : journal->number;
    }
}

/* A switch that was let in has to be able to end; what only knocks at the door has not. */
static bool may_use_reserve(const struct operation *op)
{
    return op && (op->state == OPERATION_RUNNING || op->started_utc_ms != 0);
}

struct error journal_write(struct journal *journal, const struct journal_change *asked)
{
    struct change change = { .asked = asked };
    const struct work work = { run_change, &change, true, may_use_reserve(asked->op) };
    struct error e;

    if (asked->op && !(change.doc = store_to_text(asked->op)))
        return error_make(ERROR_IN_STORAGE, ERROR_STORAGE_FULL, SQLITE_NOMEM, "out of memory");
    pthread_mutex_lock(&journal->lock);
    e = judge(journal, try_to_write(journal, &work));
    if (!e.code)
        give_numbers(journal, asked->letters, change.numbers);
    pthread_mutex_unlock(&journal->lock);
    free(change.doc);
    return e;
}

struct intent_to_save {
    const char *operation, *text;
};

static int run_intent(struct journal *journal, const struct journal_stamp *now, void *ctx)
{
    const struct intent_to_save *intent = ctx;

    (void)now;
    return journal_rows_put_intent(&journal->db, intent->operation, intent->text);
}

void journal_save_intent(struct journal *journal, const char *operation, const char *text)
{
    struct intent_to_save intent = { operation, text };
    const struct work work = { run_intent, &intent, .synced = false };
    struct error ignored = do_work(journal, &work);

    (void)ignored; /* the next change says it again */
}

static int run_count(struct journal *journal, const struct journal_stamp *now, void *ctx)
{
    const enum journal_history *kind = ctx;

    return journal_rows_count(&journal->db, *kind, now->journal_ms);
}

struct error journal_count(struct journal *journal, enum journal_history kind)
{
    const struct work work = { run_count, &kind, .synced = true };

    return do_work(journal, &work);
}

struct letter_to_add {
    const struct letter *letter;
    int64_t number;
};

static int run_add(struct journal *journal, const struct journal_stamp *now, void *ctx)
{
    struct letter_to_add *add = ctx;

    (void)now;
    return journal_rows_add_letter(&journal->db, add->letter, &add->number);
}

struct error journal_add_letter(struct journal *journal, struct letter *letter)
{
    struct letter_to_add add = { .letter = letter };
    const struct work work = { run_add, &add, .synced = false };
    struct error e;

    pthread_mutex_lock(&journal->lock);
    e = judge(journal, try_to_write(journal, &work));
    if (!e.code) {
        letter->number = add.number;
        journal->number = add.number > journal->number ? add.number : journal->number;
    }
    pthread_mutex_unlock(&journal->lock);
    return e;
}

struct letters_to_remove {
    const int64_t *numbers;
    size_t count;
};

static int run_remove(struct journal *journal, const struct journal_stamp *now, void *ctx)
{
    const struct letters_to_remove *remove = ctx;
    int rc = SQLITE_OK;

    (void)now;
    for (size_t i = 0; rc == SQLITE_OK && i < remove->count; i++)
        rc = journal_rows_remove_letter(&journal->db, remove->numbers[i]);
    return rc;
}

void journal_remove_letters(struct journal *journal, const int64_t *numbers, size_t count)
{
    struct letters_to_remove remove = { numbers, count };
    const struct work work = { run_remove, &remove, .synced = false };

    if (count > 0) {
        struct error ignored = do_work(journal, &work);

        (void)ignored; /* at worst they go out once more */
    }
}

struct value_to_put {
    const char *key, *value;
};

static int run_value(struct journal *journal, const struct journal_stamp *now, void *ctx)
{
    const struct value_to_put *put = ctx;

    (void)now;
    return journal_rows_put_value(&journal->db, put->key, put->value);
}

struct error journal_put_value(struct journal *journal, const char *key, const char *value)
{
    struct value_to_put put = { key, value };
    const struct work work = { run_value, &put, .synced = true };

    if (value && strlen(value) > JOURNAL_VALUE_MAX)
        return error_make(ERROR_IN_AGENT, ERROR_INTERNAL, 0, "a value of %zu bytes", strlen(value));
    return do_work(journal, &work);
}

/* --- reading --- */

/* Unlocks. What cannot be read any more is set aside; of a disk that cannot be written, the rest is
 * still there to be read. */
static void end_reading(struct journal *journal, int rc)
{
    if (journal_db_is_corrupt(rc) && !journal->db.read_only && set_aside(journal, "corrupt"))
        (void)open_file(journal);
    pthread_mutex_unlock(&journal->lock);
}

/* Locks. False: there is nothing to read from. */
static bool begin_reading(struct journal *journal)
{
    pthread_mutex_lock(&journal->lock);
    return journal->db.handle != NULL;
}

bool journal_find(struct journal *journal, const char *id, struct operation *ret)
{
    const struct journal_stamp now = stamp_now(journal);
    bool found = false;
    int rc = SQLITE_OK;

    if (begin_reading(journal))
        rc = journal_rows_find(&journal->db, id, &now, &found, ret);
    end_reading(journal, rc);
    return found;
}

bool journal_find_request(struct journal *journal, enum operation_channel channel,
                          const char *request, struct operation *ret)
{
    const struct journal_stamp now = stamp_now(journal);
    bool found = false;
    int rc = SQLITE_OK;

    if (begin_reading(journal))
        rc = journal_rows_find_request(&journal->db, channel, request, &now, &found, ret);
    end_reading(journal, rc);
    return found;
}

bool journal_find_active(struct journal *journal, struct operation *ret, char **ret_intent)
{
    const struct journal_stamp now = stamp_now(journal);
    char *intent = NULL;
    bool found = false;
    int rc = SQLITE_OK;

    if (begin_reading(journal))
        rc = journal_rows_find_active(&journal->db, &now, &found, ret, &intent);
    end_reading(journal, rc);
    if (found)
        *ret_intent = intent;
    return found;
}

size_t journal_list(struct journal *journal, enum operation_state state, const char *before,
                    size_t cap, struct operation *ret)
{
    const struct journal_stamp now = stamp_now(journal);
    size_t count = 0;
    int rc = SQLITE_OK;

    if (begin_reading(journal))
        rc = journal_rows_list(&journal->db, state, before, &now, cap, &count, ret);
    end_reading(journal, rc);
    return count;
}

bool journal_age_of(struct journal *journal, enum journal_history kind, int64_t nth,
                    int64_t *ret_age_ms)
{
    int64_t at_ms = -1;
    int64_t now_ms = journal_now_ms(journal);
    int rc = SQLITE_OK;

    if (begin_reading(journal) && nth >= 1)
        rc = journal_rows_nth(&journal->db, kind, nth, &at_ms);
    end_reading(journal, rc);
    if (at_ms >= 0)
        *ret_age_ms = now_ms > at_ms ? now_ms - at_ms : 0;
    return at_ms >= 0;
}

size_t journal_results(struct journal *journal, const struct iccid *to, size_t cap,
                       struct journal_result *ret)
{
    size_t count = 0;
    int rc = SQLITE_OK;

    if (begin_reading(journal))
        rc = journal_rows_results(&journal->db, to, cap, &count, ret);
    end_reading(journal, rc);
    return count;
}

size_t journal_load_letters(struct journal *journal, int64_t after, size_t cap, struct letter *ret)
{
    size_t count = 0;
    int rc = SQLITE_OK;

    if (begin_reading(journal))
        rc = journal_rows_load_letters(&journal->db, after, cap, &count, ret);
    if (count > 0 && ret[count - 1].number > journal->number)
        journal->number = ret[count - 1].number;
    end_reading(journal, rc);
    return count;
}

char *journal_get_value(struct journal *journal, const char *key)
{
    char *value = NULL;
    int rc = SQLITE_OK;

    if (begin_reading(journal))
        rc = journal_rows_get_value(&journal->db, key, &value);
    end_reading(journal, rc);
    return value;
}
