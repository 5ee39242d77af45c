#include "ctl/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "ctl/interrupt.h"

extern char **environ;

enum { PIECE = 16384, LOOK_MS = 20 };

static bool spawn(char *const argv[], int out, bool quiet, pid_t *ret)
{
    posix_spawn_file_actions_t actions;
    bool done;

    if (posix_spawn_file_actions_init(&actions) != 0)
        return false;
    done =
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) == 0 &&
        posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO) == 0 &&
        (!quiet || posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY,
                                                    0) == 0) &&
        posix_spawnp(ret, argv[0], &actions, NULL, argv, environ) == 0;
    (void)posix_spawn_file_actions_destroy(&actions);
    return done;
}

/* Waits for its end; past the deadline it is killed. */
static enum program_result finish(pid_t pid, int64_t deadline_ms, bool killed)
{
    int status = 0;

    for (;;) {
        pid_t ended = waitpid(pid, &status, killed ? 0 : WNOHANG);

        if (ended == pid)
            break;
        if (ended < 0 && errno != EINTR)
            return PROGRAM_FAILED;
        if (!killed && (clock_now_ms() >= deadline_ms || !interrupt_nap(LOOK_MS))) {
            (void)kill(pid, SIGKILL);
            killed = true;
        }
    }
    if (killed)
        return PROGRAM_TIMEOUT;
    /* 127: posix_spawnp() of some systems says only so that there is no such program. */
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return PROGRAM_ABSENT;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? PROGRAM_OK : PROGRAM_FAILED;
}

/* False: over the limit, the deadline, or broken. */
static bool collect(int fd, int64_t deadline_ms, struct buffer *ret)
{
    char piece[PIECE];

    for (;;) {
        struct pollfd waits = { .fd = fd, .events = POLLIN };
        ssize_t n;

        if (poll(&waits, 1, clock_poll_ms(deadline_ms)) == 0 || interrupt_came())
            return false;
        n = read(fd, piece, sizeof piece);
        if (n == 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0 && !buffer_add(ret, piece, (size_t)n))
            return false;
    }
}

enum program_result program_run(char *const argv[], int64_t deadline_ms, struct buffer *ret)
{
    int ends[2];
    pid_t pid = 0;
    bool whole;
    enum program_result result;

    if (pipe(ends) < 0)
        return PROGRAM_FAILED;
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    if (!spawn(argv, ends[1], true, &pid)) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        return PROGRAM_ABSENT;
    }
    (void)close(ends[1]);
    whole = collect(ends[0], deadline_ms, ret);
    (void)close(ends[0]);
    if (!whole)
        (void)kill(pid, SIGKILL);
    result = finish(pid, deadline_ms, !whole);
    if (!whole && clock_now_ms() < deadline_ms)
        return PROGRAM_FAILED;
    return result;
}

enum program_result program_run_to(char *const argv[], int64_t deadline_ms, int fd)
{
    pid_t pid = 0;

    if (!spawn(argv, fd, false, &pid))
        return PROGRAM_ABSENT;
    return finish(pid, deadline_ms, false);
}
