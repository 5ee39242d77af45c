#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What the kernel tells of this process (/proc/self). */

struct process_facts {
    /* False: the rest is not known. */
    bool known;
    double cpu_s;
    uint64_t resident_bytes, virtual_bytes;
    unsigned threads;
    /* -1: not known. */
    int64_t open_fds, max_fds;
};

void process_read(struct process_facts *ret);
