#include "ctl/host.h"
#include "tests/test.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "ctl/file.h"

/* A folder like /proc, with what the tests put there. */
static char root[64];

static void in_root(const char *name, char ret[256])
{
    (void)snprintf(ret, 256, "%s/%s", root, name);
}

static void make_folder(const char *name)
{
    char path[256];

    in_root(name, path);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void make_file(const char *name, const char *text)
{
    char path[256];

    in_root(name, path);
    assert_true(file_write(path, text, strlen(text)));
}

static void make_link(const char *name, const char *target)
{
    char path[256];

    in_root(name, path);
    assert_int_equal(symlink(target, path), 0);
}

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof root, "/tmp/ctl-host.XXXXXX");
    assert_non_null(mkdtemp(root));
    make_folder("12");
    make_file("12/comm", "ModemManager\n");
    make_file("12/status",
              "Name:\tx\nUid:\t0\t0\t0\t77\nGid:\t1\t1\t1\t88\nGroups:\t5 20 \nX:\t1\n");
    make_folder("12/fd");
    make_link("12/fd/0", "/dev/null");
    make_link("12/fd/7", "/dev/ttyUSB2");
    make_folder("34");
    make_file("34/comm", "lpm-agent\n");
    make_folder("34/fd");
    make_link("34/fd/3", "/dev/ttyUSB2");
    make_folder("self"); /* no process of its own */
    make_file("self/comm", "nobody\n");
    make_folder("56");
    make_file("c188:2", "I:1\nE:ID_MM_PORT_IGNORE=1\n");
    make_file("c188:3", "I:1\nE:ID_MM_CANDIDATE=1\n");
    make_folder("by-id");
    make_link("by-id/usb-Q-if02", "/dev/null");
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    (void)snprintf(command, sizeof command, "rm -r '%s'", root);
    return system(command); /* NOLINT(cert-env33-c) */
}

static void finds_processes(void **state)
{
    struct host_process found = { 0 };

    (void)state;
    assert_true(host_find_process(root, "ModemManager", &found));
    assert_int_equal(found.pid, 12);
    assert_false(host_find_process(root, "nobody", &found));
    assert_false(host_find_process("/nowhere", "ModemManager", &found));
}

static void finds_holders(void **state)
{
    struct host_process found[4];

    (void)state;
    assert_int_equal(host_find_holders(root, "/dev/ttyUSB2", 34, found, 4), 1);
    assert_int_equal(found[0].pid, 12);
    assert_string_equal(found[0].name, "ModemManager");
    assert_int_equal(host_find_holders(root, "/dev/ttyUSB2", 0, found, 4), 2);
    assert_int_equal(host_find_holders(root, "/dev/ttyUSB2", 0, found, 1), 1);
    assert_int_equal(host_find_holders(root, "/dev/ttyUSB3", 0, found, 4), 0);
}

static void tells_users(void **state)
{
    struct host_user user = { 0 };

    (void)state;
    assert_true(host_user_of(root, 12, &user));
    assert_int_equal(user.uid, 77);
    assert_int_equal(user.group_count, 3);
    assert_int_equal(user.groups[0], 88);
    assert_int_equal(user.groups[2], 20);
    assert_false(host_user_of(root, 34, &user));
    assert_true(host_user_of("/proc", getpid(), &user));
    assert_int_equal(user.uid, geteuid());
}

static void judges_modes(void **state)
{
    static const struct host_user user = { .uid = 77, .group_count = 2, .groups = { 88, 20 } };
    static const struct host_user admin = { .uid = 0 };
    static const struct {
        uid_t uid;
        gid_t gid;
        mode_t mode;
        bool may;
    } modes[] = {
        { 0, 20, 0660, true },  { 0, 5, 0660, false },   { 0, 20, 0640, false },
        { 77, 0, 0600, true },  { 77, 20, 0060, false }, { 0, 5, 0666, true },
        { 0, 20, 0606, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        assert_int_equal(host_may_open(&user, modes[i].uid, modes[i].gid, modes[i].mode),
                         modes[i].may);
        assert_true(host_may_open(&admin, modes[i].uid, modes[i].gid, modes[i].mode));
    }
}

static void reads_udev(void **state)
{
    (void)state;
    assert_true(host_mm_ignores(root, makedev(188, 2)));
    assert_false(host_mm_ignores(root, makedev(188, 3)));
    assert_false(host_mm_ignores(root, makedev(188, 4)));
}

static void finds_links(void **state)
{
    char folder[256], link[HOST_PATH_MAX + 1] = "";

    (void)state;
    in_root("by-id", folder);
    assert_true(host_find_link(folder, "/dev/null", link));
    assert_non_null(strstr(link, "by-id/usb-Q-if02"));
    assert_false(host_find_link(folder, "/dev/zero", link));
    assert_false(host_find_link("/nowhere", "/dev/null", link));
}

/* The end of a log: whole lines, the last ones. */
static void reads_ends(void **state)
{
    static const struct {
        size_t lines, max;
        const char *text, *end;
    } logs[] = {
        { 2, 100, "a\nb\nc\n", "b\nc\n" }, { 2, 100, "a\nb\nc", "b\nc" },
        { 9, 100, "a\nb\n", "a\nb\n" },    { 9, 5, "aaaa\nb\nc\n", "b\nc\n" },
        { 9, 3, "aaaaaaa", "" },           { 1, 100, "", "" },
    };
    char path[256];

    (void)state;
    in_root("log", path);
    for (size_t i = 0; i < ARRAY_LEN(logs); i++) {
        struct buffer end = { .max = logs[i].max };

        (void)unlink(path);
        make_file("log", logs[i].text);
        assert_true(file_read_end(path, logs[i].lines, &end));
        assert_string_equal(buffer_text(&end), logs[i].end);
        buffer_done(&end);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_processes), cmocka_unit_test(finds_holders),
        cmocka_unit_test(tells_users),     cmocka_unit_test(judges_modes),
        cmocka_unit_test(reads_udev),      cmocka_unit_test(finds_links),
        cmocka_unit_test(reads_ends),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
