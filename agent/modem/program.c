/* For posix_spawn_file_actions_addclosefrom_np() and memfd_create(). */
#define _GNU_SOURCE

#include "agent/modem/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* A file in memory, so that neither side ever waits for the other. -1: errno. */
static int open_input(const char *input)
{
    size_t len = input ? strlen(input) : 0;

    if (!input)
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    int fd = memfd_create("input", MFD_CLOEXEC);
    while (fd >= 0 && len > 0) {
        ssize_t n = write(fd, input, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int failed = errno;
            (void)close(fd);
            errno = failed;
            return -1;
        }
        input += n;
        len -= (size_t)n;
    }
    if (fd >= 0)
        (void)lseek(fd, 0, SEEK_SET);
    return fd;
}

/* The agent blocks signals for its signalfd; a program starts with none blocked. */
static int spawn(pid_t *ret, char *const *argv, int input)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;

    if (posix_spawn_file_actions_init(&actions) != 0)
        return ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return ENOMEM;
    }
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    int failed = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    if (!failed)
        failed = posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    /* Not every library opens its sockets close-on-exec: a connection must not outlive us there. */
    if (!failed)
        failed = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setsigdefault(&attributes, &all);
    (void)posix_spawnattr_setpgroup(&attributes, 0);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                    POSIX_SPAWN_SETSIGDEF);
    if (!failed)
        failed = posix_spawn(ret, argv[0], &actions, &attributes, argv, environ);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return failed;
}

static int start(pid_t *ret, char *const *argv, const char *input)
{
    if (!argv[0])
        return ENOENT;
    int fd = open_input(input);
    if (fd < 0)
        return errno;
    int failed = spawn(ret, argv, fd);
    (void)close(fd);
    return failed;
}

struct error program_start(struct program *program, char *const *argv, const char *input)
{
    *program = (struct program){ .pid = -1, .ended = true, .name = argv[0] };
    int failed = start(&program->pid, argv, input);
    if (failed)
        return error_make(ERROR_IN_SYSTEM, ERROR_INTERRUPTED, failed, "%s cannot be run: %s",
                          argv[0] ? argv[0] : "the program", strerror(failed));
    program->ended = false;
    return ERROR_OK;
}

bool program_has_ended(struct program *program)
{
    if (program->ended)
        return true;
    pid_t pid = waitpid(program->pid, &program->status, WNOHANG);
    program->ended = pid == program->pid || (pid < 0 && errno == ECHILD);
    return program->ended;
}

struct error program_end(struct program *program)
{
    if (!program_has_ended(program)) {
        (void)kill(-program->pid, SIGKILL);
        while (waitpid(program->pid, &program->status, 0) < 0 && errno == EINTR)
            ;
        program->ended = true;
        return error_make(ERROR_IN_SYSTEM, ERROR_INTERRUPTED, ETIME, "%s did not end in time",
                          program->name);
    }
    if (WIFEXITED(program->status) && WEXITSTATUS(program->status) == 0)
        return ERROR_OK;
    return error_make(ERROR_IN_SYSTEM, ERROR_INTERRUPTED, 0, "%s failed with status %d",
                      program->name,
                      WIFEXITED(program->status) ? WEXITSTATUS(program->status)
                                                 : 128 + WTERMSIG(program->status));
}
