#define _XOPEN_SOURCE 700 /* mkdtemp(), nanosleep() */

#include "agent/modem/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/modem/modem.h"
#include "tests/test.h"

/* Scripts of /bin/sh, as a gateway's owner would write them, in a folder of their own. */
static char folder[] = "program-test-XXXXXX";

static char *const *script(char *text)
{
    static char shell[] = "/bin/sh", option[] = "-c";
    static char *argv[4];

    argv[0] = shell;
    argv[1] = option;
    argv[2] = text;
    argv[3] = NULL;
    return argv;
}

static char *kilobytes(size_t count)
{
    char *text = malloc(1024 * count + 1);

    assert_non_null(text);
    memset(text, 'x', 1024 * count);
    text[1024 * count] = '\0';
    return text;
}

/* The agent's waits, with a guest that counts its turns and may stop it: as soon as the script has left
 * that file. */
static struct {
    int turns;
    const char *stop_after;
    int64_t next_ms;
} guest;

static int64_t guest_deadline(void *ctx)
{
    (void)ctx;
    return guest.next_ms;
}

static bool guest_turn(void *ctx)
{
    (void)ctx;
    guest.turns++;
    guest.next_ms = clock_now_ms() + 50;
    return !guest.stop_after || access(guest.stop_after, F_OK) != 0;
}

static struct modem *begin(void)
{
    struct modem_options options = {
        .port = "/nowhere",
        .baud = 115200,
        .guest = { .fd = -1, .turn = guest_turn, .deadline_ms = guest_deadline },
    };
    struct modem *modem = modem_new(&options);

    assert_non_null(modem);
    guest.turns = 0;
    guest.stop_after = NULL;
    guest.next_ms = clock_now_ms();
    return modem;
}

static void nap(long ms)
{
    const struct timespec time = { .tv_nsec = ms * 1000000 };
    (void)nanosleep(&time, NULL);
}

/* No child of ours is left, not even a dead one. */
static void assert_no_children(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* The process whose number the script left in `name`; 0: no such file. */
static pid_t pid_in(const char *name)
{
    char path[64];
    int pid = 0;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    if (fscanf(file, "%d", &pid) != 1)
        pid = 0;
    (void)fclose(file);
    (void)unlink(path);
    return pid;
}

/* Dead, or waiting for init to look. */
static bool is_dead(pid_t pid)
{
    char path[64], state = 'Z';

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return true;
    if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = 'Z';
    (void)fclose(file);
    return state == 'Z' || state == 'X';
}

static bool dies_soon(pid_t pid)
{
    for (int i = 0; i < 100 && !is_dead(pid); i++)
        nap(10);
    return is_dead(pid);
}

/* `says`: what the message has to have. */
static struct {
    const char *what;
    char script[120];
    /* Of input; 0: none at all. */
    size_t kilobytes;
    int timeout_ms;
    enum error_code code;
    const char *says;
} rows[] = {
    // clang-format off
    { "ends well", "exit 0", 0, 10000, ERROR_NONE, "" },
    { "fails", "exit 3", 0, 10000, ERROR_INTERRUPTED, "status 3" },
    { "is killed", "kill -9 $$", 0, 10000, ERROR_INTERRUPTED, "status 137" },
    { "takes too long", "sleep 60", 0, 300, ERROR_INTERRUPTED, "in time" },
    { "will not go", "trap '' TERM INT HUP; sleep 60 & wait; sleep 60", 0, 300, ERROR_INTERRUPTED, "in time" },
    { "nothing to read", "test -z \"$(cat)\"", 0, 10000, ERROR_NONE, "" },
    { "reads it all", "test $(wc -c) -eq 1024", 1, 10000, ERROR_NONE, "" },
    { "reads it all, more than a pipe holds", "test $(wc -c) -eq 102400", 100, 10000, ERROR_NONE, "" },
    { "closes it unread", "exec <&-; exit 0", 100, 10000, ERROR_NONE, "" },
    { "never looks at it", "exit 0", 100, 10000, ERROR_NONE, "" },
    { "nothing else is open", "cd /proc/self/fd && for f in *; do [ $f -lt 3 ] || [ ! -e $f ] || [ -d $f ] || exit 9; done", 1, 10000, ERROR_NONE, "" },
}; // clang-format on

static void programs_end_one_way_or_the_other(void **state)
{
    struct modem *modem = begin();
    int leak = open("/dev/null", O_RDONLY); /* not close-on-exec */

    (void)state;
    assert_true(leak >= 3);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *input = rows[i].kilobytes ? kilobytes(rows[i].kilobytes) : NULL;
        int64_t began = clock_now_ms();
        struct error e =
            modem_run_program(modem, script(rows[i].script), input, rows[i].timeout_ms);

        print_message("%s: %s\n", rows[i].what, e.message);
        assert_int_equal(e.code, rows[i].code);
        assert_non_null(strstr(e.message, rows[i].says));
        assert_true(clock_now_ms() - began < rows[i].timeout_ms + 20000);
        assert_no_children();
        free(input);
    }
    (void)close(leak);
    modem_free(modem);
}

static void what_cannot_be_run(void **state)
{
    static char nowhere[] = "/nowhere/at/all";
    static char *const missing[] = { nowhere, NULL }, *const nothing[] = { NULL };
    struct modem *modem = begin();

    (void)state;
    struct error e = modem_run_program(modem, missing, "input", 10000);
    assert_code(e, ERROR_INTERRUPTED);
    assert_int_equal(e.detail, ENOENT);
    assert_non_null(strstr(e.message, nowhere));
    assert_code(modem_run_program(modem, nothing, NULL, 10000), ERROR_INTERRUPTED);
    assert_no_children();
    modem_free(modem);
}

static void the_text_comes_as_it_is(void **state)
{
    char text[160];
    struct modem *modem = begin();

    (void)state;
    (void)snprintf(text, sizeof text, "cat >%s/got", folder);
    assert_ok(modem_run_program(modem, script(text), "{\"id\":\"a b\"}\n", 10000));
    (void)snprintf(text, sizeof text, "test \"$(cat %s/got)\" = '{\"id\":\"a b\"}'", folder);
    assert_ok(modem_run_program(modem, script(text), NULL, 10000));
    (void)snprintf(text, sizeof text, "%s/got", folder);
    (void)unlink(text);
    modem_free(modem);
}

static void a_child_dies_with_it_at_the_time_out(void **state)
{
    char text[160];
    struct modem *modem = begin();

    (void)state;
    (void)snprintf(text, sizeof text, "sleep 60 & echo $! >%s/child; wait", folder);
    assert_code(modem_run_program(modem, script(text), NULL, 3000), ERROR_INTERRUPTED);
    pid_t child = pid_in("child");
    assert_true(child > 0);
    assert_true(dies_soon(child));
    assert_no_children();
    modem_free(modem);
}

static void a_child_left_running_keeps_nobody_waiting(void **state)
{
    char text[160];
    struct modem *modem = begin();
    char *input = kilobytes(100);
    int64_t began = clock_now_ms();

    (void)state;
    (void)snprintf(text, sizeof text, "sleep 60 & echo $! >%s/child", folder);
    assert_ok(modem_run_program(modem, script(text), input, 10000));
    assert_true(clock_now_ms() - began < 30000);
    pid_t child = pid_in("child");
    assert_true(child > 0);
    assert_false(is_dead(child));
    (void)kill(child, SIGKILL);
    assert_no_children();
    free(input);
    modem_free(modem);
}

static void the_guest_is_served_meanwhile(void **state)
{
    char text[] = "sleep 0.5";
    struct modem *modem = begin();

    (void)state;
    assert_ok(modem_run_program(modem, script(text), NULL, 10000));
    assert_true(guest.turns >= 5);
    modem_free(modem);
}

static void the_stop_kills_it(void **state)
{
    char text[160], child_path[64];
    struct modem *modem = begin();
    int64_t began = clock_now_ms();

    (void)state;
    (void)snprintf(child_path, sizeof child_path, "%s/child", folder);
    guest.stop_after = child_path;
    (void)snprintf(text, sizeof text, "sleep 60 & echo $! >%s/new && mv %s/new %s/child; wait",
                   folder, folder, folder);
    assert_code(modem_run_program(modem, script(text), NULL, 60000), ERROR_SHUTTING_DOWN);
    assert_true(clock_now_ms() - began < 20000);
    pid_t child = pid_in("child");
    assert_true(child > 0);
    assert_true(dies_soon(child));
    assert_no_children();
    /* Once stopped, for good. */
    assert_code(modem_run_program(modem, script(text), NULL, 60000), ERROR_SHUTTING_DOWN);
    assert_int_equal(pid_in("child"), 0);
    modem_free(modem);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_end_one_way_or_the_other),
        cmocka_unit_test(what_cannot_be_run),
        cmocka_unit_test(the_text_comes_as_it_is),
        cmocka_unit_test(a_child_dies_with_it_at_the_time_out),
        cmocka_unit_test(a_child_left_running_keeps_nobody_waiting),
        cmocka_unit_test(the_guest_is_served_meanwhile),
        cmocka_unit_test(the_stop_kills_it),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
