#define _XOPEN_SOURCE 700 /* realpath() */

#include "agent/modem/port.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include <libserialport.h>

#include "agent/modem/quirks.h"

void port_init(struct port *port)
{
    port->fd = -1;
    port->device[0] = '\0';
}

/* --- who else has it --- */

/* Reads the first line of /proc/<pid>/<name>. */
static void read_comm(const char *pid, char *ret, size_t size)
{
    char path[64];

    ret[0] = '\0';
    (void)snprintf(path, sizeof path, "/proc/%.16s/comm", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t n = read(fd, ret, size - 1);
    (void)close(fd);
    ret[n > 0 ? n : 0] = '\0';
    ret[strcspn(ret, "\n")] = '\0';
}

static bool has_open(const char *pid, const char *device)
{
    char path[64];
    char target[PORT_PATH_MAX + 1];
    bool found = false;

    (void)snprintf(path, sizeof path, "/proc/%.16s/fd", pid);
    DIR *dir = opendir(path);
    if (!dir)
        return false;
    for (struct dirent *entry = readdir(dir); entry && !found; entry = readdir(dir)) {
        ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1);
        if (n <= 0)
            continue;
        target[n] = '\0';
        found = strcmp(target, device) == 0;
    }
    (void)closedir(dir);
    return found;
}

bool port_holder(const char *device, char *ret, size_t size)
{
    char comm[32];
    bool found = false;
    long self = (long)getpid();
    DIR *dir = opendir("/proc");

    if (!dir)
        return false;
    for (struct dirent *entry = readdir(dir); entry && !found; entry = readdir(dir)) {
        long pid = strtol(entry->d_name, NULL, 10);
        if (pid <= 0 || pid == self || !has_open(entry->d_name, device))
            continue;
        read_comm(entry->d_name, comm, sizeof comm);
        (void)snprintf(ret, size, "%s (process %ld)", comm[0] ? comm : "another process", pid);
        found = true;
    }
    (void)closedir(dir);
    return found;
}

static struct error held(const char *device)
{
    char holder[64] = "another process";

    (void)port_holder(device, holder, sizeof holder);
    if (strncmp(holder, "ModemManager", 12) == 0)
        return error_make(ERROR_IN_SYSTEM, ERROR_MODEM_ABSENT, EBUSY,
                          "%s is held by %s; keep it away with a udev rule that sets "
                          "ENV{ID_MM_PORT_IGNORE}=\"1\"",
                          device, holder);
    return error_make(ERROR_IN_SYSTEM, ERROR_MODEM_ABSENT, EBUSY, "%s is held by %s", device,
                      holder);
}

/* --- opening --- */

static struct error absent(const char *path, const char *what)
{
    int cause = errno;

    return error_make(ERROR_IN_SYSTEM, ERROR_MODEM_ABSENT, cause, "%s: %s: %s", path, what,
                      strerror(cause));
}

/* By its number (Documentation/admin-guide/devices.txt): a devpts may be mounted anywhere. */
static bool is_pseudo_terminal(int fd)
{
    enum { UNIX98_FIRST = 136, UNIX98_LAST = 143 };
    struct stat st;

    return fstat(fd, &st) == 0 && major(st.st_rdev) >= UNIX98_FIRST &&
           major(st.st_rdev) <= UNIX98_LAST;
}

/* Bytes as they are, 8N1, no modem lines, a read that returns 0 only at a hang-up. */
static bool make_raw(int fd)
{
    struct termios t;

    if (tcgetattr(fd, &t) != 0)
        return false;
    t.c_iflag &= (tcflag_t) ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON |
                              IXOFF | INPCK);
    t.c_oflag &= (tcflag_t)~OPOST;
    t.c_lflag &= (tcflag_t) ~(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    t.c_cflag &= (tcflag_t) ~(CSIZE | PARENB | CSTOPB);
    t.c_cflag |= CS8 | CREAD | CLOCAL;
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
    return tcsetattr(fd, TCSANOW, &t) == 0;
}

/* libserialport knows the speeds and the modem lines of real ports. It sets up the device, not the
 * descriptor, so what it did stays when its own is closed. */
static bool set_up_serial(int fd, const char *device, int baud)
{
    struct sp_port *port = NULL;
    bool ok = false;

    if (sp_get_port_by_name(device, &port) != SP_OK)
        return false;
    if (sp_open(port, SP_MODE_READ_WRITE) == SP_OK) {
        ok = sp_set_baudrate(port, baud) == SP_OK && sp_set_bits(port, 8) == SP_OK &&
             sp_set_parity(port, SP_PARITY_NONE) == SP_OK && sp_set_stopbits(port, 1) == SP_OK &&
             sp_set_flowcontrol(port, SP_FLOWCONTROL_NONE) == SP_OK;
        /* Many modems send only while DTR is up; some USB ones refuse to set lines at all. */
        (void)sp_set_dtr(port, SP_DTR_ON);
        (void)sp_set_rts(port, SP_RTS_ON);
        (void)sp_close(port);
    }
    sp_free_port(port);
    return ok && fd >= 0;
}

static struct error lock_and_set_up(int fd, const char *device, int baud)
{
    char holder[64];
    bool real = !is_pseudo_terminal(fd);

    if (!isatty(fd))
        return error_make(ERROR_IN_AGENT, ERROR_MODEM_ABSENT, 0, "%s is not a serial port", device);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? held(device) : absent(device, "cannot be locked");
    /* TIOCEXCL does not keep root out, so one who holds the port without a lock is looked for. */
    if (real && port_holder(device, holder, sizeof holder))
        return held(device);
    if (real && !set_up_serial(fd, device, baud))
        return error_make(ERROR_IN_SYSTEM, ERROR_MODEM_ABSENT, sp_last_error_code(),
                          "%s cannot be set to %d baud, 8N1", device, baud);
    if (!make_raw(fd))
        return absent(device, "cannot be set up");
    if (real && ioctl(fd, TIOCEXCL) != 0)
        return absent(device, "cannot be had alone");
    return ERROR_OK;
}

struct error port_open(struct port *port, const char *path, int baud)
{
    char device[PATH_MAX];
    struct stat st;

    port_close(port);
    if (!realpath(path, device) || stat(device, &st) != 0)
        return absent(path, "the modem's port is not there");
    if (!S_ISCHR(st.st_mode) || strlen(device) > PORT_PATH_MAX)
        return error_make(ERROR_IN_AGENT, ERROR_MODEM_ABSENT, 0,
                          "%s is no serial port but another kind of file", path);
    int fd = open(device, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return errno == EBUSY ? held(device) : absent(device, "cannot be opened");
    struct error e = lock_and_set_up(fd, device, baud);
    if (e.code) {
        (void)close(fd);
        return e;
    }
    port->fd = fd;
    memcpy(port->device, device, strlen(device) + 1);
    return ERROR_OK;
}

void port_close(struct port *port)
{
    if (port->fd >= 0) {
        /* Else close() waits for a modem that takes no bytes. */
        (void)tcflush(port->fd, TCIOFLUSH);
        if (!is_pseudo_terminal(port->fd))
            (void)ioctl(port->fd, TIOCNXCL);
        (void)close(port->fd);
    }
    port->fd = -1;
}

/* --- bytes --- */

static bool may_come_back(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

ssize_t port_read(struct port *port, void *ret, size_t cap)
{
    if (port->fd < 0)
        return -1;
    ssize_t n = read(port->fd, ret, cap);
    if (n > 0)
        return n;
    return n < 0 && may_come_back(errno) ? 0 : -1;
}

ssize_t port_write(struct port *port, const void *bytes, size_t len)
{
    if (port->fd < 0)
        return -1;
    ssize_t n = write(port->fd, bytes, len);
    if (n >= 0)
        return n;
    return may_come_back(errno) ? 0 : -1;
}

/* --- finding one --- */

/* The USB interface that a port belongs to; -1: not known. The kernel links ttyACM to the interface
 * itself and ttyUSB to a folder below it. */
static int usb_interface(const char *name)
{
    static const char *const below[] = { "", "/.." };
    const char *slash = strrchr(name, '/');
    char path[PATH_MAX];
    char text[8] = "";

    for (size_t i = 0; i < ARRAY_LEN(below); i++) {
        (void)snprintf(path, sizeof path, "/sys/class/tty/%s/device%s/bInterfaceNumber",
                       slash ? slash + 1 : name, below[i]);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        ssize_t n = read(fd, text, sizeof text - 1);
        (void)close(fd);
        if (n > 0)
            return (int)strtol(text, NULL, 16);
    }
    return -1;
}

struct candidate {
    int rank;
    char path[PORT_PATH_MAX + 1];
};

static int by_rank(const void *a, const void *b)
{
    const struct candidate *x = a;
    const struct candidate *y = b;

    return x->rank != y->rank ? (x->rank < y->rank ? -1 : 1) : strcmp(x->path, y->path);
}

size_t port_find(char ret[PORT_CANDIDATES_MAX][PORT_PATH_MAX + 1])
{
    struct candidate found[32];
    struct sp_port **ports = NULL;
    size_t n = 0;

    if (sp_list_ports(&ports) != SP_OK)
        return 0;
    for (size_t i = 0; ports[i] && n < ARRAY_LEN(found); i++) {
        int vendor = 0;
        int product = 0;
        const char *name = sp_get_port_name(ports[i]);
        if (!name || strlen(name) > PORT_PATH_MAX ||
            sp_get_port_usb_vid_pid(ports[i], &vendor, &product) != SP_OK)
            continue;
        int rank = quirks_usb_rank(vendor, product, usb_interface(name));
        if (rank < 0)
            continue;
        found[n].rank = rank;
        memcpy(found[n++].path, name, strlen(name) + 1);
    }
    sp_free_port_list(ports);
    qsort(found, n, sizeof found[0], by_rank);
    if (n > PORT_CANDIDATES_MAX)
        n = PORT_CANDIDATES_MAX;
    for (size_t i = 0; i < n; i++)
        memcpy(ret[i], found[i].path, sizeof ret[i]);
    return n;
}
