#include "agent/base/ring_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char old[] = ".old";

struct ring_file {
    int fd; /* -1: it could not be begun anew */
    size_t size, size_max;
    char path[PATH_MAX], old_path[PATH_MAX];
};

static bool begin(struct ring_file *file, int flags)
{
    struct stat st;

    /* Without O_NONBLOCK a pipe would wait here for its reader. */
    file->fd = open(file->path,
                    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags,
                    S_IRUSR | S_IWUSR);
    if (file->fd < 0)
        return false;
    if (fstat(file->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        (void)close(file->fd);
        file->fd = -1;
        errno = EINVAL;
        return false;
    }
    file->size = (size_t)st.st_size;
    return true;
}

struct ring_file *ring_file_open(const char *path, size_t size_max)
{
    struct ring_file *file = calloc(1, sizeof *file);
    int n;

    if (!file)
        return NULL;
    file->fd = -1;
    file->size_max = size_max;
    (void)snprintf(file->path, sizeof file->path, "%s", path);
    n = snprintf(file->old_path, sizeof file->old_path, "%s%s", path, old);
    if (n < 0 || (size_t)n >= sizeof file->old_path) {
        free(file);
        errno = ENAMETOOLONG;
        return NULL;
    }
    if (!begin(file, 0)) {
        int why = errno;

        free(file);
        errno = why;
        return NULL;
    }
    return file;
}

void ring_file_close(struct ring_file *file)
{
    if (!file)
        return;
    if (file->fd >= 0)
        (void)close(file->fd);
    free(file);
}

static void turn_over(struct ring_file *file)
{
    (void)close(file->fd);
    /* Where that fails, what is there goes: the bound counts for more. */
    (void)rename(file->path, file->old_path);
    (void)begin(file, O_TRUNC);
}

/* A line that was cut off is taken back, so that the next one begins where a line begins. */
static bool take_back(struct ring_file *file)
{
    int why = errno;

    (void)!ftruncate(file->fd, (off_t)file->size);
    errno = why;
    return false;
}

bool ring_file_append(struct ring_file *file, const char *text, size_t len)
{
    ssize_t written;

    if (file->fd >= 0 && file->size > 0 && file->size + len > file->size_max)
        turn_over(file);
    if (file->fd < 0 && !begin(file, 0))
        return false;
    errno = ENOSPC; /* a short write says nothing */
    written = write(file->fd, text, len);
    if (written != (ssize_t)len)
        return take_back(file);
    file->size += len;
    return true;
}
