#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "ctl/buffer.h"

/* Files, whole and bounded. On false `errno` says why. */

/* As much of it as `ret` takes; what follows is left out. Files of /proc, too. */
bool file_read(const char *path, struct buffer *ret);
/* The end of it: at most `lines` lines and as many bytes as `ret` takes, from the beginning of a line. */
bool file_read_end(const char *path, size_t lines, struct buffer *ret);
/* A new one, mode 0600. */
bool file_write(const char *path, const char *bytes, size_t len);
