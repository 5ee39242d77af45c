#include "ctl/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/macros.h"
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

/* The end of what comes. */
struct tail {
    struct buffer *text;
    /* What was left out last; NUL: nothing was. */
    char before;
};

static void drop(struct tail *tail, size_t len)
{
    tail->before = tail->text->text[len - 1];
    buffer_drop(tail->text, len);
}

/* Half of it goes at once, so that not all is moved for each piece. False: no memory. */
static bool add(struct tail *tail, const char *piece, size_t len)
{
    struct buffer *text = tail->text;

    if (text->len > 0 && len > text->max - text->len) {
        size_t least = len - (text->max - text->len);
        size_t most = least > text->max / 2 ? least : text->max / 2;

        drop(tail, most < text->len ? most : text->len);
    }
    if (len > text->max) {
        tail->before = piece[len - text->max - 1];
        piece += len - text->max;
        len = text->max;
    }
    return buffer_add(text, piece, len);
}

/* Half a line would be taken for a whole one. */
static void begin_at_a_line(struct tail *tail)
{
    struct buffer *text = tail->text;
    const char *end = text->len > 0 ? memchr(text->text, '\n', text->len) : NULL;

    if (text->len > 0 && tail->before && tail->before != '\n')
        buffer_drop(text, end ? (size_t)(end - text->text) + 1 : text->len);
}

/* False: the deadline, an interrupt, or broken. */
static bool collect(int fd, int64_t deadline_ms, struct tail *ret)
{
    char piece[PIECE];

    for (;;) {
        struct pollfd waits[] = { { .fd = fd, .events = POLLIN },
                                  { .fd = interrupt_fd(), .events = POLLIN } };
        int ready = poll(waits, ARRAY_LEN(waits), clock_poll_ms(deadline_ms));
        ssize_t n;

        if (ready == 0 || interrupt_came())
            return false;
        if (ready < 0 && errno == EINTR)
            continue;
        n = read(fd, piece, sizeof piece);
        if (n == 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0 && !add(ret, piece, (size_t)n))
            return false;
    }
}

enum program_result program_run(char *const argv[], int64_t deadline_ms, struct buffer *ret)
{
    struct tail tail = { .text = ret };
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
    whole = collect(ends[0], deadline_ms, &tail);
    begin_at_a_line(&tail);
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
