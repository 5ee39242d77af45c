#include "ctl/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "agent/base/clock.h"

static volatile sig_atomic_t came;
static int ends[2] = { -1, -1 };

static void on_signal(int number)
{
    int saved = errno;

    (void)number;
    came = 1;
    if (write(ends[1], "", 1) < 0) {
        /* The pipe is full: it is readable. */
    }
    errno = saved;
}

void interrupt_catch(void)
{
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESETHAND };

    if (ends[0] >= 0 || pipe(ends) < 0)
        return;
    for (int i = 0; i < 2; i++) {
        (void)fcntl(ends[i], F_SETFL, O_NONBLOCK);
        (void)fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    }
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

int interrupt_fd(void)
{
    return ends[0];
}

bool interrupt_came(void)
{
    return came != 0;
}

bool interrupt_nap(int64_t ms)
{
    int64_t end_ms = clock_now_ms() + ms;

    while (!interrupt_came() && clock_now_ms() < end_ms) {
        struct pollfd fd = { .fd = ends[0], .events = POLLIN };

        (void)poll(&fd, 1, clock_poll_ms(end_ms)); /* a negative one is left out */
    }
    return !interrupt_came();
}
