#include "config/config_secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct error config_read_secret(const char *key, const char *path, char ret[CONFIG_SECRET_MAX + 1])
{
    char text[CONFIG_SECRET_MAX + 2] = "";
    /* Without O_NONBLOCK a pipe would wait here for its writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    ssize_t n;
    size_t len;
    bool failed;

    if (fd < 0)
        return error_make(ERROR_IN_SYSTEM, ERROR_INTERNAL, errno, "%s cannot be read: %s", key,
                          strerror(errno));
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        (void)close(fd);
        return error_make(ERROR_IN_AGENT, ERROR_INTERNAL, 0, "%s is no file", key);
    }
    n = read(fd, text, sizeof text - 1);
    failed = n < 0;
    (void)close(fd);
    len = strcspn(text, "\r\n");
    if (!failed && len <= CONFIG_SECRET_MAX) {
        memcpy(ret, text, len);
        ret[len] = '\0';
    }
    memset(text, 0, sizeof text);
    if (failed)
        return error_make(ERROR_IN_SYSTEM, ERROR_INTERNAL, EIO, "%s cannot be read", key);
    return len <= CONFIG_SECRET_MAX ? ERROR_OK
                                    : error_make(ERROR_IN_AGENT, ERROR_INTERNAL, 0,
                                                 "%s: more than %d bytes", key, CONFIG_SECRET_MAX);
}
