/* struct ucred and SO_PEERCRED, as in api/peer.c */
#define _GNU_SOURCE
#include "ctl/peer.h"

#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

pid_t peer_pid(const char *socket_path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct ucred peer = { 0 };
    socklen_t len = sizeof peer;
    int fd;

    if (strlen(socket_path) >= sizeof address.sun_path)
        return 0;
    memcpy(address.sun_path, socket_path, strlen(socket_path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return 0;
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        peer.pid = 0;
    (void)close(fd);
    return peer.pid;
}

const char *peer_group(const char *socket_path)
{
    struct stat st;
    const struct group *group = stat(socket_path, &st) == 0 ? getgrgid(st.st_gid) : NULL;

    return group ? group->gr_name : NULL;
}
