#pragma once

#include <sys/types.h>

/* Which process listens at a unix socket; 0: nobody, or it cannot be told. */
pid_t peer_pid(const char *socket_path);
/* The name of the group that a unix socket is for; NULL: it cannot be told. As long as nobody asks for another. */
const char *peer_group(const char *socket_path);
