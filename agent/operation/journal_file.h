#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/clock.h"
#include "agent/operation/journal.h"
#include "agent/operation/journal_clock.h"
#include "agent/operation/journal_db.h"

/* The journal's life: opening and beginning anew, transactions with all that can go wrong in one, its
 * clock and its news. What is written and read is journal.c's. Only for journal*.c. */

enum { JOURNAL_FILE_NEWS = 4 };

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
    /* Nothing of the file could be read since the start. */
    bool unread;
    bool failing;
    struct error failure;
    int64_t failed_ms;
    bool reserve;
    int64_t reserve_next_ms;
    int writes_to_forget;
    int64_t forget_next_ms;
    struct journal_news news[JOURNAL_FILE_NEWS];
    size_t news_count;
};

/* One transaction's worth of writing. */
struct journal_work {
    /* SQLite's result code. Once more where the first try failed. */
    int (*run)(struct journal *journal, const struct journal_stamp *now, void *ctx);
    void *ctx;
    /* Not lost by a power cut. Without it, what is written goes to the end of the -wal, as all does,
     * and the next commit with a sync takes it along: in that order it is durable. */
    bool synced;
    /* It may use the space that is kept for the end of a switch. */
    bool reserve;
};

/* All clocks, now. */
struct journal_stamp journal_file_stamp(struct journal *journal);
/* One transaction; ERROR_STORAGE_FULL: nothing of it was written. */
MUST_CHECK struct error journal_file_write(struct journal *journal,
                                           const struct journal_work *work);
/* As journal_file_write(), by who holds the lock. */
MUST_CHECK struct error journal_file_write_locked(struct journal *journal,
                                                  const struct journal_work *work);
/* Locks, also where it is false: there is nothing to read from. */
bool journal_file_begin_reading(struct journal *journal);
/* Unlocks. `rc`: how the reading went. */
void journal_file_end_reading(struct journal *journal, int rc);
