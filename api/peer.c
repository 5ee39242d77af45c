#define _GNU_SOURCE /* struct ucred */
#include "api/peer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

void peer_name(int fd, char ret[OPERATION_REQUESTER_MAX + 1])
{
    struct ucred who;
    socklen_t len = sizeof who;

    ret[0] = '\0';
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0)
        (void)snprintf(ret, OPERATION_REQUESTER_MAX + 1, "uid:%lu", (unsigned long)who.uid);
}

void peer_own_address(int fd, char ret[INET6_ADDRSTRLEN])
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } own = { .any = { .sa_family = AF_UNSPEC } };
    socklen_t len = sizeof own;

    ret[0] = '\0';
    if (getsockname(fd, &own.any, &len) != 0)
        return;
    if (own.any.sa_family == AF_INET)
        (void)inet_ntop(AF_INET, &own.v4.sin_addr, ret, INET6_ADDRSTRLEN);
    else if (own.any.sa_family == AF_INET6)
        (void)inet_ntop(AF_INET6, &own.v6.sin6_addr, ret, INET6_ADDRSTRLEN);
}
