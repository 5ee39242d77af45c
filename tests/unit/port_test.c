#define _XOPEN_SOURCE 700 /* pseudo-terminals */

#include "agent/modem/port.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/test.h"

/* The modem's side of a pseudo-terminal; `ret` is the name of ours. */
static int open_master(char ret[64])
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(grantpt(fd), 0);
    assert_int_equal(unlockpt(fd), 0);
    (void)snprintf(ret, 64, "%s", ptsname(fd));
    return fd;
}

static void wait_readable(const struct port *port)
{
    struct pollfd fd = { .fd = port->fd, .events = POLLIN };
    assert_int_equal(poll(&fd, 1, 5000), 1);
}

static void bytes_go_through_as_they_are(void **state)
{
    static const char bytes[] = "AT\r\n\x03\x11\x13\x1A\xFF";
    char name[64];
    char got[32];
    struct port port;
    int master = open_master(name);

    (void)state;
    port_init(&port);
    assert_ok(port_open(&port, name, 115200));
    assert_string_equal(port.device, name);
    assert_int_equal(fcntl(port.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(port_read(&port, got, sizeof got), 0);
    assert_int_equal(port_write(&port, bytes, sizeof bytes), sizeof bytes);
    assert_int_equal(read(master, got, sizeof got), sizeof bytes);
    assert_memory_equal(got, bytes, sizeof bytes);
    assert_int_equal(write(master, bytes, sizeof bytes), sizeof bytes);
    wait_readable(&port);
    assert_int_equal(port_read(&port, got, sizeof got), sizeof bytes);
    assert_memory_equal(got, bytes, sizeof bytes);
    port_close(&port);
    port_close(&port);
    (void)close(master);
}

static void a_full_port_takes_no_more_and_does_not_block(void **state)
{
    static const char bytes[4096];
    char name[64];
    struct port port;
    int master = open_master(name);
    ssize_t n = 1;

    (void)state;
    port_init(&port);
    assert_ok(port_open(&port, name, 9600));
    for (int i = 0; i < 1000 && n > 0; i++)
        n = port_write(&port, bytes, sizeof bytes);
    assert_int_equal(n, 0);
    port_close(&port);
    (void)close(master);
}

static void a_hang_up_is_seen_after_the_last_bytes(void **state)
{
    char name[64];
    char got[8];
    struct port port;
    int master = open_master(name);

    (void)state;
    port_init(&port);
    assert_ok(port_open(&port, name, 115200));
    (void)close(master);
    wait_readable(&port);
    assert_int_equal(port_read(&port, got, sizeof got), -1);
    assert_int_equal(port_write(&port, "AT\r", 3), -1);
    port_close(&port);
    assert_int_equal(port_read(&port, got, sizeof got), -1);
}

static void a_link_is_resolved_at_each_open(void **state)
{
    char names[2][64];
    char dir[] = "port-test-XXXXXX";
    char link[64];
    struct port port;
    int masters[2] = { open_master(names[0]), open_master(names[1]) };

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(link, sizeof link, "%s/modem", dir);
    port_init(&port);
    for (int i = 0; i < 2; i++) {
        (void)unlink(link);
        assert_int_equal(symlink(names[i], link), 0);
        assert_ok(port_open(&port, link, 115200));
        assert_string_equal(port.device, names[i]);
    }
    port_close(&port);
    (void)unlink(link);
    (void)rmdir(dir);
    (void)close(masters[0]);
    (void)close(masters[1]);
}

static void what_is_no_port_is_refused(void **state)
{
    static const struct {
        const char *path, *says;
    } rows[] = {
        { "/nonexistent/modem", "not there" },
        { SOURCE_DIR, "another kind of file" },
        { SOURCE_DIR "/CMakeLists.txt", "another kind of file" },
        { "/dev/null", "not a serial port" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct port port;

        port_init(&port);
        struct error e = port_open(&port, rows[i].path, 115200);
        print_message("%s\n", e.message);
        assert_int_equal(e.code, ERROR_MODEM_ABSENT);
        assert_non_null(strstr(e.message, rows[i].says));
        assert_int_equal(port.fd, -1);
    }
}

/* Another process holds the port, locked; it tells by one byte and goes when `stop` is closed. */
static pid_t hold(const char *name, int stop[2])
{
    int ready[2];
    char byte;

    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int fd = open(name, O_RDWR | O_NOCTTY);
        (void)close(stop[1]);
        byte = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
        if (write(ready[1], &byte, 1) == 1)
            (void)!read(stop[0], &byte, 1);
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 1);
    (void)close(ready[0]);
    (void)close(ready[1]);
    return pid;
}

static void a_port_that_is_held_names_its_holder(void **state)
{
    char name[64];
    char number[32];
    struct port port;
    int stop[2];
    int master = open_master(name);

    (void)state;
    assert_int_equal(pipe(stop), 0);
    pid_t pid = hold(name, stop);
    (void)snprintf(number, sizeof number, "(process %ld)", (long)pid);
    port_init(&port);
    struct error e = port_open(&port, name, 115200);
    print_message("%s\n", e.message);
    assert_int_equal(e.code, ERROR_MODEM_ABSENT);
    assert_int_equal(e.detail, EBUSY);
    assert_non_null(strstr(e.message, number));
    (void)close(stop[1]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_ok(port_open(&port, name, 115200));
    port_close(&port);
    (void)close(stop[0]);
    (void)close(master);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_through_as_they_are),
        cmocka_unit_test(a_full_port_takes_no_more_and_does_not_block),
        cmocka_unit_test(a_hang_up_is_seen_after_the_last_bytes),
        cmocka_unit_test(a_link_is_resolved_at_each_open),
        cmocka_unit_test(what_is_no_port_is_refused),
        cmocka_unit_test(a_port_that_is_held_names_its_holder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
