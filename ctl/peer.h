#pragma once

#include <sys/types.h>

/* Which process listens at a unix socket; 0: nobody, or it cannot be told. */
pid_t peer_pid(const char *socket_path);
