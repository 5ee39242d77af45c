#pragma once

#include <netinet/in.h>

#include "api/call.h"

/* What the system says of a connection's two ends. */

/* "uid:<n>" of who opened a unix socket's connection; "" when it cannot be told. */
void peer_name(int fd, char ret[OPERATION_REQUESTER_MAX + 1]);
/* The numeric address of our own end of a TCP connection; "" when it cannot be told. */
void peer_own_address(int fd, char ret[INET6_ADDRSTRLEN]);
