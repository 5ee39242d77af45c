#include "ctl/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 16384 };

/* A pipe that somebody left there must not make us wait. */
static int open_to_read(const char *path)
{
    return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

static bool read_all(int fd, struct buffer *ret)
{
    char piece[PIECE];

    for (;;) {
        size_t room = ret->max - ret->len;
        ssize_t n = read(fd, piece, room < sizeof piece ? room : sizeof piece);

        if (n == 0)
            return true;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        if (!buffer_add(ret, piece, (size_t)n)) {
            errno = ENOMEM;
            return false;
        }
    }
}

bool file_read(const char *path, struct buffer *ret)
{
    int fd = open_to_read(path);
    bool done = fd >= 0 && read_all(fd, ret);
    int saved = errno;

    if (fd >= 0)
        (void)close(fd);
    errno = saved;
    return done;
}

/* Takes off the front what is before the last `lines` lines. */
static void keep_lines(struct buffer *b, size_t lines, bool begins_whole)
{
    size_t at = b->len;

    for (size_t seen = 0; at > 0; at--)
        if (b->text[at - 1] == '\n' && at != b->len && ++seen == lines)
            break;
    if (at == 0 && !begins_whole) {
        const char *end = b->len ? memchr(b->text, '\n', b->len) : NULL;

        at = end ? (size_t)(end - b->text) + 1 : b->len;
    }
    buffer_drop(b, at);
}

bool file_read_end(const char *path, size_t lines, struct buffer *ret)
{
    int fd = open_to_read(path);
    struct stat st;
    bool begins_whole = true;
    bool done = fd >= 0 && fstat(fd, &st) == 0;
    int saved;

    if (done && S_ISREG(st.st_mode) && (size_t)st.st_size > ret->max) {
        begins_whole = false;
        done = lseek(fd, -(off_t)ret->max, SEEK_END) >= 0;
    }
    done = done && read_all(fd, ret);
    saved = errno;
    if (done)
        keep_lines(ret, lines, begins_whole);
    if (fd >= 0)
        (void)close(fd);
    errno = saved;
    return done;
}

bool file_write(const char *path, const char *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool done = fd >= 0;
    int saved;

    for (size_t at = 0; done && at < len;) {
        ssize_t n = write(fd, bytes + at, len - at);

        if (n > 0)
            at += (size_t)n;
        done = n > 0 || (n < 0 && errno == EINTR);
    }
    saved = errno;
    if (fd >= 0 && close(fd) < 0 && done) {
        done = false;
        saved = errno;
    }
    errno = saved;
    return done;
}
