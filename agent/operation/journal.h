#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/error.h"
#include "agent/base/iccid.h"
#include "agent/operation/letter.h"
#include "agent/operation/operation.h"

/* All that must survive the power: operations and the intent of the running switch, the history that
 * the limits count, what the broker has not acknowledged, and a few small values. One SQLite file,
 * `state_dir`/journal.db (WAL, synchronous FULL: one fsync a commit). Any thread: one lock, the one
 * under which I/O is done, and nothing is called back under it.
 *
 * A file that is corrupt is set aside under a dated name and a new one begun; the newest few of those
 * are kept. The end of a switch that runs has some space reserved. Where the disk is full, read-only or away, writes fail with ERROR_STORAGE_FULL, reads give what there is, and the next
 * write tries again: nothing needs a restart. Ages are counted on a clock of the journal's own, which
 * goes on over restarts and which no correction of the wall clock moves. */

struct journal;

enum {
    /* Of operations: younger ones are kept whatever their number, but of those that never ran only
     * the newest JOURNAL_KEPT. */
    JOURNAL_KEPT = 10000,
    JOURNAL_VALUE_MAX = 4096,
};

/* Opens what can be opened. NULL: no memory. */
struct journal *journal_new(const char *state_dir);
/* Writes what was put off, and closes. */
void journal_free(struct journal *journal);

/* The file was not there, cannot be read, or was set aside: whatever ran before is not known. */
bool journal_began_empty(const struct journal *journal);
/* The file could not be read at the start, nor since: whoever took something from it then has to look
 * again. */
bool journal_is_unread(struct journal *journal);
/* ERROR_NONE: the last write went through, or none was tried. A tick of a second or more between two
 * calls tries again after a failure. */
struct error journal_check(struct journal *journal);

struct journal_news {
    /* "set-aside" (a corrupt file, or a newer agent's: `detail` is its new name, that of a newer one
     * begins with journal.db.newer; or "the file was removed"), "storage-full" (writes fail; `detail`
     * why), "recovered" (they go through again). */
    const char *what;
    char detail[160];
};

/* What has happened to the file since the last call; false: nothing. */
bool journal_take_news(struct journal *journal, struct journal_news *ret);

/* Milliseconds on the journal's own clock: rises over restarts and reboots, with the wall clock's
 * help where that is set and sane, else at least with the time since the boot. */
int64_t journal_now_ms(struct journal *journal);

/* --- operations --- */

enum journal_history { JOURNAL_SWITCH = 0, JOURNAL_RESET };

/* How a switch ended, for plans and for the rows of the list. */
struct journal_result {
    struct iccid to;
    /* From its start to its end. */
    int64_t ms;
    enum verified verified;
    /* ERROR_NONE: it succeeded. */
    enum error_code code;
    int64_t at_utc_ms;
};

/* One transaction, one fsync; each part may be absent (NULL, 0). */
struct journal_change {
    /* Written whole: new, or in place of the one with its id. */
    const struct operation *op;
    /* The switch's intent; "": none any more; NULL: as it was. */
    const char *intent;
    /* Those that are `kept` get their number. */
    struct letters *letters;
    /* One more ENABLE goes out. */
    bool counts;
    const struct journal_result *result;
};

/* ERROR_STORAGE_FULL: nothing was written. */
MUST_CHECK struct error journal_write(struct journal *journal, const struct journal_change *change);
/* Without an fsync: survives a kill, maybe not a power cut. Trouble is ignored: it is said again
 * with the next change. */
void journal_save_intent(struct journal *journal, const char *operation, const char *intent);

/* By the agent's id; by door and the sender's id (newest first). False: not known. */
bool journal_find(struct journal *journal, const char *id, struct operation *ret);
bool journal_find_request(struct journal *journal, enum operation_channel channel,
                          const char *request, struct operation *ret);
/* The one that waits or runs. `*ret_intent` (free): NULL where it has none. */
bool journal_find_active(struct journal *journal, struct operation *ret, char **ret_intent);
/* Newest first by arrival, at most `cap` into `ret`, only of `state` (OPERATION_NONE: any), only those
 * that came before the operation `before` (NULL: from the newest; an unknown id: those whose id is
 * smaller). The number written. */
size_t journal_list(struct journal *journal, enum operation_state state, const char *before,
                    size_t cap, struct operation *ret);

/* --- history --- */

/* The age of the `nth` (from 1) newest of its kind; false: there are fewer. A limit of k in a window
 * is reached when the k-th newest is younger than the window. */
bool journal_age_of(struct journal *journal, enum journal_history kind, int64_t nth,
                    int64_t *ret_age_ms);
/* One more, with an fsync. */
MUST_CHECK struct error journal_count(struct journal *journal, enum journal_history kind);
/* Results of switches to `to`, newest first. */
size_t journal_results(struct journal *journal, const struct iccid *to, size_t cap,
                       struct journal_result *ret);

/* --- the outbox --- */

/* Without an fsync. `letter` gets its number. ERROR_STORAGE_FULL. */
MUST_CHECK struct error journal_add_letter(struct journal *journal, struct letter *letter);
/* Without an fsync; they may come again after a power cut. Trouble is ignored. */
void journal_remove_letters(struct journal *journal, const int64_t *numbers, size_t count);
/* The oldest at most `cap` whose number is greater than `after`; gives their texts (free). */
size_t journal_load_letters(struct journal *journal, int64_t after, size_t cap, struct letter *ret);

/* --- small values --- */

/* With an fsync; `value` NULL: removed. ERROR_STORAGE_FULL; ERROR_INTERNAL: it is too long. */
MUST_CHECK struct error journal_put_value(struct journal *journal, const char *key,
                                          const char *value);
/* The same without an fsync: survives a kill, maybe not a power cut. Trouble is ignored. */
void journal_save_value(struct journal *journal, const char *key, const char *value);
/* Gives (free); NULL: there is none. */
char *journal_get_value(struct journal *journal, const char *key);
