#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* An empty folder in memory, where the system has such a place, else on the disk: a journal syncs
 * thousands of times in these tests, and how long a disk takes for it is not what they ask.
 * `size` bytes at `path` get its name. False: there is none, errno says why. */
static inline bool temp_folder(char *path, size_t size)
{
    const char *place = access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";

    return (size_t)snprintf(path, size, "%s/lpm-test-XXXXXX", place) < size && mkdtemp(path);
}
