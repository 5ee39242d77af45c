#include "config/config_identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

enum { MACHINE_ID_LEN = 32 };

/* machine-id(5) wants it hashed with a key of the application before anyone sees it. */
static const char salt[] = "lpm-agent device_id ";

/* 32 hex digits and a line's end; "uninitialized" in an image that has not booted yet. */
static bool read_machine_id(const char *path, char ret[MACHINE_ID_LEN])
{
    char text[MACHINE_ID_LEN + 2];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);

    if (fd >= 0)
        (void)close(fd);
    if (n < MACHINE_ID_LEN || (n > MACHINE_ID_LEN && text[MACHINE_ID_LEN] != '\n'))
        return false;
    for (size_t i = 0; i < MACHINE_ID_LEN; i++)
        if (!strchr("0123456789abcdefABCDEF", text[i]) || text[i] == '\0')
            return false;
    memcpy(ret, text, MACHINE_ID_LEN);
    return true;
}

struct error config_identity(const char *machine_id_path, char ret[CONFIG_IDENTITY_LEN + 1])
{
    char salted[sizeof salt - 1 + MACHINE_ID_LEN];
    unsigned char hash[EVP_MAX_MD_SIZE];
    char text[CONFIG_IDENTITY_LEN + 1];

    memcpy(salted, salt, sizeof salt - 1);
    if (!read_machine_id(machine_id_path, salted + sizeof salt - 1))
        return error_make(ERROR_IN_AGENT, ERROR_NOT_FOUND, 0, "no machine-id in %s",
                          machine_id_path);
    if (EVP_Digest(salted, sizeof salted, hash, NULL, EVP_sha256(), NULL) != 1)
        return error_make(ERROR_IN_AGENT, ERROR_INTERNAL, 0, "SHA-256 failed");
    for (size_t i = 0; i < CONFIG_IDENTITY_LEN / 2; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", hash[i]);
    memcpy(ret, text, sizeof text);
    return ERROR_OK;
}
