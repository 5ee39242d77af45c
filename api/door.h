#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "agent/base/error.h"
#include "api/auth.h"

/* The sockets that the API listens on, and the token file. */

/* A unix socket's file; `path` NULL: there is none to remove. */
struct door_file {
    const char *path;
    dev_t device;
    ino_t inode;
};

/* Listens on `path` (kept), with that mode and group (NULL: the process's own). The file appears
 * with both set; a stale one is replaced, one that somebody answers on is an error. A missing last
 * folder is made. */
MUST_CHECK struct error door_open_unix(const char *path, unsigned mode, const char *group,
                                       int *ret_fd, struct door_file *ret_file);
/* Removes the file, if it is still ours. */
void door_remove(struct door_file *file);
/* "address:port" or "[v6]:port". Without `is_public` only loopback. */
MUST_CHECK struct error door_open_tcp(const char *listen, bool is_public, int *ret_fd);
MUST_CHECK struct error door_read_tokens(const char *path, struct auth_tokens *ret);
