#pragma once

#include "agent/base/error.h"

/* A password that the configuration keeps in a file of its own. */

/* Where it is for a broker it may be a signed token. */
enum { CONFIG_SECRET_MAX = 4096 };

/* The file's first line, without its end. ERROR_INTERNAL names `key`, never what is in the file: it
 * cannot be read, or the line is too long. The caller clears `ret` when it is done with it. */
MUST_CHECK struct error config_read_secret(const char *key, const char *path,
                                           char ret[CONFIG_SECRET_MAX + 1]);
