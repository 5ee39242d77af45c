#include "tests/unit/temp_journal.h"

#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void temp_journal_init(struct temp_journal *temp)
{
    strcpy(temp->dir, "/tmp/lpm-journal-XXXXXX");
    assert(mkdtemp(temp->dir));
    temp->journal = journal_new(temp->dir);
    assert(temp->journal);
}

void temp_journal_reopen(struct temp_journal *temp)
{
    journal_free(temp->journal);
    temp->journal = journal_new(temp->dir);
    assert(temp->journal);
}

void temp_journal_done(struct temp_journal *temp)
{
    DIR *dir = opendir(temp->dir);
    struct dirent *entry;

    journal_free(temp->journal);
    temp->journal = NULL;
    while (dir && (entry = readdir(dir))) {
        char path[sizeof temp->dir + sizeof entry->d_name + 1];

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", temp->dir, entry->d_name);
        (void)remove(path);
    }
    if (dir)
        (void)closedir(dir);
    (void)rmdir(temp->dir);
}
