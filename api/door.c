#include "api/door.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/base/log.h"

/* Of a crowd that comes at once the system keeps as many until we look: TCP lets all others try again
 * after a second. */
enum { BACKLOG = 1024, TOKEN_FILE_MAX = 64 * 1024, GROUP_BUFFER = 16 * 1024 };

static struct error failed(const char *what, const char *path)
{
    int why = errno;
    char text[64] = "";

    if (strerror_r(why, text, sizeof text) != 0)
        text[0] = '\0';
    return error_make(ERROR_IN_SYSTEM, ERROR_INTERNAL, why, "%s %s: %s", what, path, text);
}

static struct error open_socket(int family, int *ret_fd)
{
    int fd = socket(family, SOCK_STREAM, 0);

    if (fd < 0)
        return failed("cannot make a socket for", family == AF_UNIX ? "a file" : "TCP");
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    *ret_fd = fd;
    return ERROR_OK;
}

static struct error unix_address(const char *path, const char *suffix, struct sockaddr_un *ret)
{
    *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (strlen(path) + strlen(suffix) >= sizeof ret->sun_path)
        return error_make(ERROR_IN_AGENT, ERROR_INVALID_REQUEST, 0,
                          "the path of a socket has at most %zu characters: %s",
                          sizeof ret->sun_path - strlen(suffix) - 1, path);
    memcpy(ret->sun_path, path, strlen(path));
    memcpy(ret->sun_path + strlen(path), suffix, strlen(suffix));
    return ERROR_OK;
}

static struct error make_folder(const char *path)
{
    char folder[sizeof((struct sockaddr_un *)0)->sun_path] = "";
    const char *slash = strrchr(path, '/');

    if (!slash || slash == path)
        return ERROR_OK;
    memcpy(folder, path, (size_t)(slash - path));
    if (mkdir(folder, 0755) != 0 && errno != EEXIST)
        return failed("cannot make the folder", folder);
    return ERROR_OK;
}

/* Nothing there, or a socket that nobody answers on. */
static struct error check_free(const char *path)
{
    struct sockaddr_un address;
    struct stat found;
    int fd = -1, why;
    struct error e;

    if (lstat(path, &found) != 0)
        return errno == ENOENT ? ERROR_OK : failed("cannot look at", path);
    if (!S_ISSOCK(found.st_mode))
        return error_make(ERROR_IN_AGENT, ERROR_INTERNAL, 0, "%s is there and no socket", path);
    e = unix_address(path, "", &address);
    if (!e.code)
        e = open_socket(AF_UNIX, &fd);
    if (e.code)
        return e;
    why = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 ? 0 : errno;
    close(fd);
    if (why == ECONNREFUSED || why == ENOENT)
        return ERROR_OK;
    errno = why ? why : EADDRINUSE;
    return failed("another agent answers on", path);
}

static struct error set_owner(const char *path, const char *name, unsigned mode, const char *group)
{
    char buffer[GROUP_BUFFER];
    struct group row, *found = NULL;

    if (group && (getgrnam_r(group, &row, buffer, sizeof buffer, &found) != 0 || !found))
        return error_make(ERROR_IN_AGENT, ERROR_INTERNAL, 0, "there is no group %s", group);
    if (found && chown(path, (uid_t)-1, found->gr_gid) != 0)
        return failed("cannot give the group to", name);
    return chmod(path, (mode_t)mode) == 0 ? ERROR_OK : failed("cannot set the mode of", name);
}

/* The socket is made under another name and moved in place once it has its mode and group, so that
 * nobody finds it with the wrong ones, and one that is stale goes in the same step. */
static struct error bind_in_place(int fd, const char *path, unsigned mode, const char *group,
                                  struct door_file *ret)
{
    struct sockaddr_un address;
    struct stat made;
    char suffix[16];
    struct error e;

    (void)snprintf(suffix, sizeof suffix, ".%ld", (long)getpid());
    e = unix_address(path, suffix, &address);
    if (e.code)
        return e;
    (void)unlink(address.sun_path);
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        return failed("cannot make", path);
    e = set_owner(address.sun_path, path, mode, group);
    if (!e.code && (listen(fd, BACKLOG) != 0 || lstat(address.sun_path, &made) != 0 ||
                    rename(address.sun_path, path) != 0))
        e = failed("cannot listen on", path);
    if (e.code)
        (void)unlink(address.sun_path);
    else
        *ret = (struct door_file){ path, made.st_dev, made.st_ino };
    return e;
}

struct error door_open_unix(const char *path, unsigned mode, const char *group, int *ret_fd,
                            struct door_file *ret_file)
{
    struct sockaddr_un ignored;
    int fd = -1;
    struct error e = unix_address(path, "", &ignored);

    if (!e.code)
        e = make_folder(path);
    if (!e.code)
        e = check_free(path);
    if (!e.code)
        e = open_socket(AF_UNIX, &fd);
    if (!e.code)
        e = bind_in_place(fd, path, mode, group, ret_file);
    if (!e.code)
        *ret_fd = fd;
    else if (fd >= 0)
        close(fd);
    return e;
}

void door_remove(struct door_file *file)
{
    struct stat found;

    if (file->path && lstat(file->path, &found) == 0 && found.st_dev == file->device &&
        found.st_ino == file->inode)
        (void)unlink(file->path);
    file->path = NULL;
}

struct tcp_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } as;
    socklen_t len;
    bool is_loopback;
};

static struct error parse_listen(const char *listen, struct tcp_address *ret)
{
    const char *colon = strrchr(listen, ':');
    size_t len = colon ? (size_t)(colon - listen) : 0;
    bool is_v6 = listen[0] == '[' && len > 2 && colon[-1] == ']';
    char host[INET6_ADDRSTRLEN] = "";
    char *end = NULL;
    long port = colon ? strtol(colon + 1, &end, 10) : -1;

    *ret = (struct tcp_address){ 0 };
    if (len > 0 && len - 2 * is_v6 < sizeof host)
        memcpy(host, listen + is_v6, len - 2 * is_v6);
    if (port >= 0 && port <= 65535 && end != colon + 1 && *end == '\0') {
        ret->as.v4.sin_port = htons((uint16_t)port); /* at the same place in both */
        if (!is_v6 && inet_pton(AF_INET, host, &ret->as.v4.sin_addr) == 1) {
            ret->as.any.sa_family = AF_INET;
            ret->len = sizeof ret->as.v4;
            ret->is_loopback = ntohl(ret->as.v4.sin_addr.s_addr) >> 24 == 127;
            return ERROR_OK;
        }
        if (is_v6 && inet_pton(AF_INET6, host, &ret->as.v6.sin6_addr) == 1) {
            ret->as.any.sa_family = AF_INET6;
            ret->len = sizeof ret->as.v6;
            ret->is_loopback = IN6_IS_ADDR_LOOPBACK(&ret->as.v6.sin6_addr);
            return ERROR_OK;
        }
    }
    return error_make(ERROR_IN_AGENT, ERROR_INVALID_REQUEST, 0, "%s is no address:port", listen);
}

struct error door_open_tcp(const char *listen_on, bool is_public, int *ret_fd)
{
    const int on = 1;
    struct tcp_address address;
    int fd = -1;
    struct error e = parse_listen(listen_on, &address);

    if (!e.code && !address.is_loopback && !is_public)
        e = error_make(ERROR_IN_AGENT, ERROR_INVALID_REQUEST, 0,
                       "%s is not loopback and api.public is not set", listen_on);
    if (!e.code)
        e = open_socket(address.as.any.sa_family, &fd);
    if (e.code)
        return e;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address.as.any.sa_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, &address.as.any, address.len) != 0 || listen(fd, BACKLOG) != 0) {
        e = failed("cannot listen on", listen_on);
        close(fd);
        return e;
    }
    *ret_fd = fd;
    return ERROR_OK;
}

struct error door_read_tokens(const char *path, struct auth_tokens *ret)
{
    struct error e;
    struct stat found;
    char *text = NULL;
    size_t len = 0;
    FILE *file = fopen(path, "re");

    if (!file)
        return failed("cannot open", path);
    if (fstat(fileno(file), &found) == 0 && (found.st_mode & 0007))
        log_warning("everyone may read the token file; it is used all the same",
                    LOG_STR("path", path));
    text = malloc(TOKEN_FILE_MAX + 1);
    if (text)
        len = fread(text, 1, TOKEN_FILE_MAX + 1, file);
    if (!text)
        e = error_make(ERROR_IN_SYSTEM, ERROR_INTERNAL, 0, "no memory for %s", path);
    else if (ferror(file))
        e = failed("cannot read", path);
    else if (len > TOKEN_FILE_MAX)
        e = error_make(ERROR_IN_AGENT, ERROR_INVALID_REQUEST, 0, "%s is too large", path);
    else
        e = auth_parse_tokens(text, len, ret);
    (void)fclose(file);
    if (text)
        memset(text, 0, TOKEN_FILE_MAX + 1);
    free(text);
    return e.code ? error_within(e, "token file") : e;
}
