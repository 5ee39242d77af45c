#include "config/config_secret.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct error config_read_secret(const char *key, const char *path, char ret[CONFIG_SECRET_MAX + 1])
{
    char text[CONFIG_SECRET_MAX + 2] = "";
    FILE *file = fopen(path, "re");
    size_t n, len;
    bool failed;

    if (!file)
        return error_make(ERROR_IN_SYSTEM, ERROR_INTERNAL, errno, "%s cannot be read: %s", key,
                          strerror(errno));
    n = fread(text, 1, sizeof text - 1, file);
    failed = ferror(file) != 0;
    (void)fclose(file);
    len = strcspn(text, "\r\n");
    if (!failed && len <= CONFIG_SECRET_MAX) {
        memcpy(ret, text, len);
        ret[len] = '\0';
    }
    memset(text, 0, n);
    if (failed)
        return error_make(ERROR_IN_SYSTEM, ERROR_INTERNAL, EIO, "%s cannot be read", key);
    return len <= CONFIG_SECRET_MAX ? ERROR_OK
                                    : error_make(ERROR_IN_AGENT, ERROR_INTERNAL, 0,
                                                 "%s: more than %d bytes", key, CONFIG_SECRET_MAX);
}
