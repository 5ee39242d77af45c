#pragma once

#include <sqlite3.h>

/* The journal's tables, and the steps from any older version to the one of now. Only for journal*.c. */

enum { JOURNAL_SCHEMA = 3 };

/* All steps that are missing, in one transaction. `*ret_version`: what it was before; a version
 * greater than JOURNAL_SCHEMA is left alone. SQLITE_NOTADB: tables that are not ours. */
int journal_schema_bring_up(sqlite3 *handle, int *ret_version);
int journal_schema_version(sqlite3 *handle, int *ret_version);
