#pragma once

#include "agent/operation/journal.h"

/* A journal in a folder of its own, for one test. Aborts when there can be none. */

struct temp_journal {
    char dir[64];
    struct journal *journal;
};

void temp_journal_init(struct temp_journal *temp);
/* As after a restart: what was written is there. */
void temp_journal_reopen(struct temp_journal *temp);
/* Closes it and removes the folder. */
void temp_journal_done(struct temp_journal *temp);
