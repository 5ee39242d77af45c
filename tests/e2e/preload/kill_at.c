/* syscall(), memmem() */
#undef _POSIX_C_SOURCE
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Preloaded into the agent: ends it, as `kill -9` does, at an exact boundary that nobody in the agent
 * needs to know of.
 *
 *   LPM_KILL_AT=sync:N:before|after        the N-th sync of a file whose name has "journal" in it
 *   LPM_KILL_AT=write:TEXT:N:before|after  the N-th write to a terminal that has TEXT in it
 *   LPM_KILL_AT=log:TEXT:N:before|after    the N-th line of the log that has TEXT in it
 *   LPM_KILL_AT=puback:N:before|after      the N-th PUBACK that goes out to a broker in plain text
 *   LPM_KILL_AT=@FILE                      one of these, counted from when FILE is there
 *   LPM_COUNT_SYNCS=FILE                   a line each sync: the file's path, microseconds
 */

enum { SPEC_MAX = 256, PATH_MAX_LEN = 512, LINE_MAX_LEN = 4096 };
enum when { NEVER = 0, BEFORE, AFTER };

/* Under `lock`. */
static struct {
    bool armed;
    char kind[8], text[SPEC_MAX];
    long nth, seen;
    enum when when;
} boundary;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void die(void)
{
    syscall(SYS_kill, getpid(), SIGKILL);
}

/* Cuts the last field off; NULL: there is none. */
static char *cut(char *spec)
{
    char *colon = strrchr(spec, ':');

    if (colon)
        *colon = '\0';
    return colon ? colon + 1 : NULL;
}

static void arm(char *spec)
{
    const char *when = cut(spec), *nth = cut(spec);
    char *text = strchr(spec, ':');

    spec[strcspn(spec, "\n")] = '\0';
    if (!when || !nth || atol(nth) < 1)
        return;
    if (text)
        *text++ = '\0';
    (void)snprintf(boundary.kind, sizeof boundary.kind, "%.7s", spec);
    (void)snprintf(boundary.text, sizeof boundary.text, "%s", text ? text : "");
    boundary.nth = atol(nth);
    boundary.when = strncmp(when, "before", 6) == 0 ? BEFORE : AFTER;
    boundary.armed = true;
}

static void arm_from_file(const char *path)
{
    char spec[SPEC_MAX] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, spec, sizeof spec - 1);

    if (fd >= 0)
        close(fd);
    if (n > 0)
        arm(spec);
}

static void look_for_spec(void)
{
    const char *said = getenv("LPM_KILL_AT");
    char spec[SPEC_MAX];

    if (boundary.armed || !said)
        return;
    if (said[0] == '@') {
        arm_from_file(said + 1);
        return;
    }
    (void)snprintf(spec, sizeof spec, "%s", said);
    arm(spec);
}

/* Counts what is about to happen. */
static enum when strikes(const char *kind, const void *data, size_t len)
{
    enum when when = NEVER;
    int saved = errno;

    pthread_mutex_lock(&lock);
    look_for_spec();
    if (boundary.armed && strcmp(boundary.kind, kind) == 0 &&
        memmem(data, len, boundary.text, strlen(boundary.text)) && ++boundary.seen == boundary.nth)
        when = boundary.when;
    pthread_mutex_unlock(&lock);
    errno = saved;
    return when;
}

static bool is_journal(int fd, char path[PATH_MAX_LEN])
{
    char name[64];
    ssize_t n;
    const char *base;

    (void)snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    n = readlink(name, path, PATH_MAX_LEN - 1);
    path[n > 0 ? n : 0] = '\0';
    base = strrchr(path, '/');
    return base && strstr(base, "journal");
}

static long long now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void note_sync(const char *path, long long us)
{
    const char *file = getenv("LPM_COUNT_SYNCS");
    int fd = file ? open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644) : -1;
    char line[PATH_MAX_LEN + 32];
    int n = snprintf(line, sizeof line, "%s %lld\n", path, us);

    if (fd < 0)
        return;
    syscall(SYS_write, fd, line, (size_t)n);
    close(fd);
}

static int sync_by(long number, int fd)
{
    char path[PATH_MAX_LEN];
    bool journal = is_journal(fd, path);
    enum when when = journal ? strikes("sync", path, strlen(path)) : NEVER;
    long long begun_us = now_us();
    long result;
    int saved;

    if (when == BEFORE)
        die();
    result = syscall(number, fd);
    saved = errno;
    if (journal)
        note_sync(path, now_us() - begun_us);
    if (when == AFTER)
        die();
    errno = saved;
    return (int)result;
}

int fsync(int fd)
{
    return sync_by(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return sync_by(SYS_fdatasync, fd);
}

ssize_t write(int fd, const void *data, size_t len)
{
    int saved = errno;
    enum when when = isatty(fd) ? strikes("write", data, len) : NEVER;
    ssize_t n;

    errno = saved;
    if (when == BEFORE)
        die();
    n = syscall(SYS_write, fd, data, len);
    if (when == AFTER)
        die();
    return n;
}

static bool is_puback(const char *data, size_t len)
{
    return len >= 4 && data[0] == 0x40 && (data[1] == 2 || data[1] == 3);
}

/* The log's lines, and a packet of MQTT each. */
ssize_t writev(int fd, const struct iovec *parts, int count)
{
    char line[LINE_MAX_LEN];
    size_t len = 0;
    enum when when = NEVER;
    ssize_t n;

    for (int i = 0; i < count; i++) {
        size_t more = parts[i].iov_len < sizeof line - len ? parts[i].iov_len : sizeof line - len;

        memcpy(line + len, parts[i].iov_base, more);
        len += more;
    }
    if (fd == STDERR_FILENO)
        when = strikes("log", line, len);
    else if (is_puback(line, len))
        when = strikes("puback", line, len);
    if (when == BEFORE)
        die();
    n = syscall(SYS_writev, fd, parts, count);
    if (when == AFTER)
        die();
    return n;
}
