#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "agent/base/error.h"

/* A program of the gateway's owner, run without a shell, in a process group of its own. */

enum { PROGRAM_POLL_MS = 200 };

struct program {
    pid_t pid;
    bool ended;
    int status;
    const char *name;
};

/* Keeps `argv[0]`. `input` is all that there is on its standard input, NULL nothing; it need not read
 * it. ERROR_INTERRUPTED: it cannot be run. */
MUST_CHECK struct error program_start(struct program *program, char *const *argv,
                                      const char *input);
/* Never waits. */
bool program_has_ended(struct program *program);
/* Kills the whole group when it still runs. ERROR_INTERRUPTED: it was killed, or failed. */
MUST_CHECK struct error program_end(struct program *program);
