#include "agent/worker/counters.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool read_one(const char *interface, const char *name, int64_t *ret)
{
    char path[128], text[32];
    ssize_t len;
    char *end;
    int n, fd;

    n = snprintf(path, sizeof path, "/sys/class/net/%s/statistics/%s", interface, name);
    if (n < 0 || (size_t)n >= sizeof path || strchr(interface, '/'))
        return false;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    len = read(fd, text, sizeof text - 1);
    (void)close(fd);
    if (len <= 0)
        return false;
    text[len] = '\0';
    errno = 0;
    *ret = strtoll(text, &end, 10);
    return end != text && errno == 0 && *ret >= 0;
}

bool counters_read(const char *interface, struct counters *ret)
{
    struct counters value;

    if (!read_one(interface, "rx_bytes", &value.rx_bytes) ||
        !read_one(interface, "tx_bytes", &value.tx_bytes))
        return false;
    *ret = value;
    return true;
}
