/* dladdr(), dl_iterate_phdr() */
#undef _POSIX_C_SOURCE
#define _GNU_SOURCE

#include "mqtt/tap.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <sys/socket.h>

#include <MQTTAsync.h>
#include <openssl/ssl.h>

/* Where Paho's code is; empty where it was not found. */
static struct {
    uintptr_t base, end;
} paho;

/* A leaf. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* under lock: */
static struct intake intake;

static int find_end(struct dl_phdr_info *info, size_t size, void *ignored)
{
    (void)size;
    (void)ignored;
    for (unsigned i = 0; info->dlpi_addr == paho.base && i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];

        if (part->p_type == PT_LOAD && paho.base + part->p_vaddr + part->p_memsz > paho.end)
            paho.end = paho.base + part->p_vaddr + part->p_memsz;
    }
    return 0;
}

/* Before main(): recv(), which every thread calls, only looks. */
__attribute__((constructor)) static void find_paho(void)
{
    int (*const create)(MQTTAsync *, const char *, const char *, int, void *) = MQTTAsync_create;
    Dl_info info;

    if (dladdr((const void *)(uintptr_t)create, &info) == 0)
        return;
    paho.base = (uintptr_t)info.dli_fbase;
    (void)dl_iterate_phdr(find_end, NULL);
}

void tap_begin(bool mqtt_5)
{
    pthread_mutex_lock(&lock);
    intake_done(&intake);
    intake_init(&intake, mqtt_5);
    pthread_mutex_unlock(&lock);
}

void tap_end(void)
{
    pthread_mutex_lock(&lock);
    intake_done(&intake);
    pthread_mutex_unlock(&lock);
}

enum intake_fault tap_fault(void)
{
    enum intake_fault fault;

    pthread_mutex_lock(&lock);
    fault = intake.fault;
    pthread_mutex_unlock(&lock);
    return fault;
}

bool tap_has_greeted(void)
{
    bool greeted;

    pthread_mutex_lock(&lock);
    greeted = intake.greeted;
    pthread_mutex_unlock(&lock);
    return greeted;
}

static bool is_paho(const void *caller)
{
    return (uintptr_t)caller >= paho.base && (uintptr_t)caller < paho.end;
}

static bool lets(const void *caller, const void *data, size_t len)
{
    bool good;

    if (!is_paho(caller))
        return true;
    pthread_mutex_lock(&lock);
    good = intake_take(&intake, data, len);
    pthread_mutex_unlock(&lock);
    return good;
}

/* These two tell Paho by the address that they return to, so they must not become a part of who calls
 * them, as a whole program's optimiser would have it. */
__attribute__((noinline)) ssize_t recv(int fd, void *data, size_t cap, int flags)
{
    ssize_t len = recvfrom(fd, data, cap, flags, NULL, NULL);

    if (len <= 0 || lets(__builtin_return_address(0), data, (size_t)len))
        return len;
    errno = ECONNABORTED;
    return -1;
}

__attribute__((noinline)) int SSL_read(SSL *ssl, void *data, int cap)
{
    size_t len = 0;

    if (SSL_read_ex(ssl, data, cap > 0 ? (size_t)cap : 0, &len))
        return lets(__builtin_return_address(0), data, len) ? (int)len : -1;
    /* As OpenSSL's own: 0 is an orderly end. */
    return SSL_get_error(ssl, 0) == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}
