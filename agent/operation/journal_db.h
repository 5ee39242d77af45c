#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <sqlite3.h>

#include "agent/base/error.h"

/* The journal's one file: opened, brought up to the schema of now, set aside; and the statements on
 * it. Only for journal*.c, under the journal's lock. An `int` that is returned is SQLite's extended
 * result code, SQLITE_OK (0) being success. */

enum { JOURNAL_DB_STATEMENTS = 48, JOURNAL_DB_NAME_MAX = 63 };

struct journal_db {
    char *dir, *path; /* owned */
    /* NULL: it is not open. */
    sqlite3 *handle;
    /* Only what there is can be read: the disk does not let itself be written. */
    bool read_only;
    /* Which file `path` was when it was opened. */
    dev_t device;
    ino_t inode;
    /* The last failure was for want of space. */
    bool no_space;
    /* errno of the last failure; 0: none. */
    int cause;
    /* By the address of their text. */
    struct {
        const char *sql;
        sqlite3_stmt *statement;
    } kept[JOURNAL_DB_STATEMENTS];
};

/* Copies `dir`; opens nothing. False: no memory. */
bool journal_db_init(struct journal_db *db, const char *dir);
void journal_db_done(struct journal_db *db);

/* Makes the directory and the file where they are not there. SQLITE_CORRUPT, SQLITE_NOTADB: this is
 * no journal. `*ret_version` is the schema's that was found, 0: the file is new; greater than
 * JOURNAL_SCHEMA: a newer agent's, and the file is then not open. */
int journal_db_open(struct journal_db *db, int *ret_version);
/* For reading what there is, where it cannot be opened for writing. */
int journal_db_open_read_only(struct journal_db *db);
void journal_db_close(struct journal_db *db);
/* As journal_db_close(), and all files stay as they are. */
void journal_db_abandon(struct journal_db *db);
/* The file is still the one at its path. */
bool journal_db_is_there(const struct journal_db *db);
/* Corrupt ones that are kept; a failing disk must not fill itself with them. */
enum { JOURNAL_DB_ASIDE = 4 };

/* Closes it and gives it the name journal.db.`why`-20261123T200129Z, with what belongs to it. False:
 * it cannot be renamed. */
bool journal_db_set_aside(struct journal_db *db, const char *why,
                          char ret_name[JOURNAL_DB_NAME_MAX + 1]);
/* Removes the oldest of more than JOURNAL_DB_ASIDE corrupt ones, but not `newest`. */
void journal_db_drop_old(const struct journal_db *db, const char *newest);

/* "This is no journal" among the result codes. */
bool journal_db_is_corrupt(int rc);
/* ERROR_STORAGE_FULL for a person. */
struct error journal_db_error(const struct journal_db *db, int rc);
/* Remembers why it failed, for what is above; errno is that of the call that did. */
void journal_db_failed(struct journal_db *db, int rc);

/* Space that is kept for the end of a switch that runs: a file beside the journal. True: it is there
 * (now). */
bool journal_db_fill_reserve(const struct journal_db *db);
/* False: there was none. */
bool journal_db_drop_reserve(const struct journal_db *db);

/* --- statements --- */

struct journal_value {
    enum { JOURNAL_VALUE_END = 0, JOURNAL_VALUE_TEXT, JOURNAL_VALUE_NUMBER } kind;
    const char *text; /* NULL: null */
    int64_t number;
};

/* What stands for the question marks of a statement, in order. */
#define JOURNAL_VALUES(...)                                                                        \
    (const struct journal_value[])                                                                 \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            JOURNAL_VALUE_END                                                                      \
        }                                                                                          \
    }
#define JOURNAL_TEXT(v)                                                                            \
    {                                                                                              \
        .kind = JOURNAL_VALUE_TEXT, .text = (v)                                                    \
    }
#define JOURNAL_NUMBER(v)                                                                          \
    {                                                                                              \
        .kind = JOURNAL_VALUE_NUMBER, .number = (v)                                                \
    }

/* `sql` is one statement and a literal: once prepared it is kept under its address. `values` NULL:
 * none. The texts have to live until journal_db_end(). */
int journal_db_begin(struct journal_db *db, const char *sql, const struct journal_value *values,
                     sqlite3_stmt **ret);
/* True: there is a row; false: no more, or `*ret_rc` says what went wrong. */
bool journal_db_next(sqlite3_stmt *statement, int *ret_rc);
/* NULL is fine. */
void journal_db_end(sqlite3_stmt *statement);
/* One that gives no rows, from begin to end. */
int journal_db_run(struct journal_db *db, const char *sql, const struct journal_value *values);
/* The first column of its only row; `otherwise` where there is none or it is null. */
int journal_db_number(struct journal_db *db, const char *sql, const struct journal_value *values,
                      int64_t otherwise, int64_t *ret);
/* Never NULL. */
const char *journal_db_text_at(sqlite3_stmt *statement, int column);
