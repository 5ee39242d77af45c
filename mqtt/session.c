#include "mqtt/session.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_MAX = 24, SUFFIX_LEN = 4 };

void session_load(struct session *session, const char *state_dir)
{
    char text[TEXT_MAX] = "";
    int fd;

    *session = (struct session){ 0 };
    if (snprintf(session->path, sizeof session->path - SUFFIX_LEN, "%s/mqtt-session", state_dir) >=
        (int)(sizeof session->path - SUFFIX_LEN))
        session->path[0] = '\0';
    fd = open(session->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (read(fd, text, sizeof text - 1) > 0) {
        int64_t number = strtoll(text, NULL, 10);

        /* Beyond 2^53 a reader's JSON would round it. */
        if (number > 0 && number < INT64_C(1) << 53)
            session->number = number;
    }
    close(fd);
}

static int write_whole(const char *path, const char *text)
{
    size_t len = strlen(text);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
    int error = 0;

    if (fd < 0)
        return errno;
    if (write(fd, text, len) != (ssize_t)len || fsync(fd) != 0)
        error = errno ? errno : EIO;
    if (close(fd) != 0 && !error)
        error = errno;
    return error;
}

int session_advance(struct session *session)
{
    char next[SESSION_PATH_MAX + 1];
    char text[TEXT_MAX];
    int error;

    session->number++;
    if (!session->path[0])
        return ENAMETOOLONG;
    (void)snprintf(next, sizeof next, "%.*s.new", SESSION_PATH_MAX - SUFFIX_LEN, session->path);
    (void)snprintf(text, sizeof text, "%" PRId64 "\n", session->number);
    errno = 0;
    error = write_whole(next, text);
    if (!error && rename(next, session->path) != 0)
        error = errno;
    if (error)
        (void)unlink(next);
    return error;
}
