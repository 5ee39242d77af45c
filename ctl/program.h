#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ctl/buffer.h"

/* Other programs, run with a deadline. Nothing on their standard input, no shell. */

enum program_result { PROGRAM_OK = 0, PROGRAM_ABSENT, PROGRAM_FAILED, PROGRAM_TIMEOUT };

/* What it writes on standard output goes to `ret`; over its limit the oldest lines go, and at most half of it
 * with them. What came stays there whatever the result is. What it says on standard error is thrown away. */
enum program_result program_run(char *const argv[], int64_t deadline_ms, struct buffer *ret);
/* Its standard output is `fd`; errors go to ours. */
enum program_result program_run_to(char *const argv[], int64_t deadline_ms, int fd);
