/* syscall(), dlvsym(), RTLD_NEXT */
#undef _POSIX_C_SOURCE
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* Preloaded into the agent: its wall clock is off by as many seconds as the file LPM_CLOCK_SHIFT
 * says, from the moment that it says so, and CLOCK_BOOTTIME by those of LPM_BOOT_SHIFT: a test that
 * waits for hours need not. Who sleeps already is not woken. */

static long seconds_in(const char *variable)
{
    const char *path = getenv(variable);
    char text[32] = "";
    int saved = errno;
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);

    if (fd >= 0)
        close(fd);
    errno = saved;
    return n > 0 ? atol(text) : 0;
}

static long shift_s(void)
{
    return seconds_in("LPM_CLOCK_SHIFT");
}

static int true_time(clockid_t id, struct timespec *ret)
{
    return (int)syscall(SYS_clock_gettime, id, ret);
}

int clock_gettime(clockid_t id, struct timespec *ret)
{
    int result = true_time(id, ret);

    if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        ret->tv_sec += shift_s();
    if (result == 0 && id == CLOCK_BOOTTIME)
        ret->tv_sec += seconds_in("LPM_BOOT_SHIFT");
    return result;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    ret->tv_sec = now.tv_sec;
    ret->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *ret)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (ret)
        *ret = now.tv_sec;
    return now.tv_sec;
}

/* A deadline by the shifted wall clock, as the kernel's has it; one by another clock stays. */
static struct timespec to_true(const struct timespec *deadline)
{
    struct timespec now, shifted = *deadline;
    long shift = shift_s();

    true_time(CLOCK_REALTIME, &now);
    if (labs(deadline->tv_sec - (now.tv_sec + shift)) < labs(deadline->tv_sec - now.tv_sec) &&
        labs(deadline->tv_sec - (now.tv_sec + shift)) < 86400)
        shifted.tv_sec -= shift;
    return shifted;
}

int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict deadline)
{
    typedef int wait_fn(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    static wait_fn *next;
    struct timespec until = to_true(deadline);

    if (!next)
        *(void **)&next = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    return next(cond, mutex, &until);
}

int sem_timedwait(sem_t *restrict sem, const struct timespec *restrict deadline)
{
    typedef int wait_fn(sem_t *, const struct timespec *);
    static wait_fn *next;
    struct timespec until = to_true(deadline);

    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "sem_timedwait");
    return next(sem, &until);
}
