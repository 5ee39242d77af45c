#pragma once

#include "agent/base/connectivity.h"

/* Writes samples into a file, one JSON object a line, as GET /v1/connectivity shows them: to be played
 * back. The file is bounded (ring_file.h): first `<path>.old`, then `<path>`. Whole ICCIDs are in it. */

enum { RECORDER_SIZE_MAX = 8 * 1024 * 1024 };

struct recorder;

/* Says in the log what does not work; a file that cannot be written now is tried again. NULL: `path` is
 * NULL, or there is no memory. */
struct recorder *recorder_new(const char *path);
void recorder_free(struct recorder *recorder);
/* NULL does nothing. */
void recorder_write(struct recorder *recorder, const struct connectivity *sample);
