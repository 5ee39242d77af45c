/* The one place that needs more than POSIX.1-2008 base: posix_openpt(), cfmakeraw(). */
#undef _POSIX_C_SOURCE
#define _XOPEN_SOURCE 700
#define _DEFAULT_SOURCE

#include "pty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "sim.h"
#include "util.h"

/* Opening and closing the slave once leaves the master hung up, which is how "nobody listens"
 * shows; raw mode and empty queues are set on the way. */
static int open_pair(const char *terminals, char *slave, size_t size)
{
    const int flags = O_RDWR | O_NOCTTY | O_CLOEXEC;
    char multiplexer[600];
    unsigned number;
    int master, fd;
    struct termios t;

    snprintf(multiplexer, sizeof(multiplexer), "%s/ptmx", terminals);
    master = terminals[0] ? open(multiplexer, flags) : posix_openpt(flags);
    if (master < 0 || unlockpt(master) || ioctl(master, TIOCGPTN, &number))
        die("no pseudo-terminal: %s", strerror(errno));
    snprintf(slave, size, "%s/%u", terminals[0] ? terminals : "/dev/pts", number);
    fd = open(slave, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || tcgetattr(fd, &t))
        die("%s: %s", slave, strerror(errno));
    cfmakeraw(&t);
    tcsetattr(fd, TCSANOW, &t);
    close(fd);
    fcntl(master, F_SETFL, fcntl(master, F_GETFL) | O_NONBLOCK);
    return master;
}

static void make_link(struct pty *p)
{
    char temp[600];

    snprintf(temp, sizeof(temp), "%s.new", p->link);
    unlink(temp);
    if (symlink(p->slave, temp) || rename(temp, p->link))
        die("link %s: %s", p->link, strerror(errno));
}

/* While nobody has the slave open a poll would return at once; look again every now and then. */
static void look_for_opener(struct sim *sim, int arg)
{
    struct pty *p = &sim->pty;
    struct pollfd fd = { .fd = p->master, .events = POLLIN };

    if (p->master < 0 || !p->alone)
        return;
    poll(&fd, 1, 0);
    if (fd.revents & POLLHUP && !(fd.revents & POLLIN)) {
        timer_set(look_for_opener, arg, 10);
        return;
    }
    p->alone = false;
    record_trace(&sim->record, "-", "port opened", 11);
    control_check_waits(sim);
}

static void wait_for_opener(struct sim *sim)
{
    sim->pty.alone = true;
    timer_set(look_for_opener, 0, 0);
}

void pty_open(struct sim *sim, const char *link, const char *terminals)
{
    struct pty *p = &sim->pty;

    p->next_master = -1;
    text_copy(p->link, sizeof(p->link), link);
    text_copy(p->terminals, sizeof(p->terminals), terminals);
    p->master = open_pair(p->terminals, p->slave, sizeof(p->slave));
    make_link(p);
    wait_for_opener(sim);
}

void pty_close(struct sim *sim)
{
    struct pty *p = &sim->pty;

    if (p->master >= 0) {
        unlink(p->link);
        close(p->master);
    }
    if (p->next_master >= 0)
        close(p->next_master);
    p->master = p->next_master = -1;
}

static void return_timer(struct sim *sim, int arg)
{
    (void)arg;
    pty_return(sim);
}

void pty_vanish(struct sim *sim, int64_t ms)
{
    struct pty *p = &sim->pty;

    if (p->master >= 0) {
        record_count(&sim->record, "vanish");
        record_trace(&sim->record, "-", "port gone", 9);
        p->next_master = open_pair(p->terminals, p->next_slave, sizeof(p->next_slave));
        unlink(p->link);
        close(p->master);
        p->master = -1;
        p->alone = true;
        modem_port_gone(sim);
        bearer_port_gone(sim);
    }
    timer_cancel(return_timer, 0);
    if (ms >= 0)
        timer_set(return_timer, 0, ms);
}

void pty_return(struct sim *sim)
{
    struct pty *p = &sim->pty;

    timer_cancel(return_timer, 0);
    if (p->master >= 0)
        return;
    p->master = p->next_master;
    p->next_master = -1;
    text_copy(p->slave, sizeof(p->slave), p->next_slave);
    make_link(p);
    wait_for_opener(sim);
    record_trace(&sim->record, "-", "port back", 9);
}

bool pty_poll(struct sim *sim, struct pollfd *ret)
{
    if (sim->pty.master < 0 || sim->pty.alone)
        return false;
    ret->fd = sim->pty.master;
    ret->events = POLLIN;
    if (modem_output_blocked(sim))
        ret->events |= POLLOUT;
    return true;
}

/* What the last user did not read must not meet the next one. */
static void flush_slave(struct pty *p)
{
    int fd = open(p->slave, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return;
    tcflush(fd, TCIFLUSH);
    close(fd);
}

void pty_ready(struct sim *sim, short events)
{
    struct pty *p = &sim->pty;
    char bytes[4096];
    ssize_t n;

    if (p->master < 0)
        return;
    n = events & (POLLIN | POLLHUP) ? read(p->master, bytes, sizeof(bytes)) : 0;
    if (n > 0) {
        modem_input(sim, bytes, (size_t)n);
    } else if (events & POLLHUP) {
        record_trace(&sim->record, "-", "port closed", 11);
        flush_slave(p);
        wait_for_opener(sim);
        modem_output_dropped(sim);
        control_check_waits(sim);
    }
    if (events & POLLOUT)
        modem_pump(sim);
}

size_t pty_write(struct sim *sim, const char *data, size_t len)
{
    struct pty *p = &sim->pty;
    ssize_t n;

    if (p->master < 0 || p->alone)
        return len;
    n = write(p->master, data, len);
    return n > 0 ? (size_t)n : 0;
}
