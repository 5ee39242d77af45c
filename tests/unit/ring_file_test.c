#include "agent/base/ring_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/test.h"

static char dir[64], path[80], old[96];

static int set_up(void **state)
{
    (void)state;
    strcpy(dir, "ring-file-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/lines", dir);
    (void)snprintf(old, sizeof old, "%s.old", path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(path);
    (void)unlink(old);
    return rmdir(dir);
}

static void assert_holds(const char *name, const char *text)
{
    char got[256] = "";
    FILE *file = fopen(name, "r");

    assert_non_null(file);
    assert_int_equal(fread(got, 1, sizeof got - 1, file), strlen(text));
    (void)fclose(file);
    assert_string_equal(got, text);
}

static void turns_over_between_two_lines(void **state)
{
    struct ring_file *file = ring_file_open(path, 10);
    struct stat st;

    (void)state;
    assert_non_null(file);
    for (char c = 'a'; c <= 'g'; c++)
        assert_true(ring_file_append(file, (char[]){ c, c, c, '\n' }, 4));
    assert_holds(old, "eee\nfff\n");
    assert_holds(path, "ggg\n");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    ring_file_close(file);
    ring_file_close(NULL);
}

static void goes_on_behind_what_is_there(void **state)
{
    struct ring_file *file = ring_file_open(path, 10);

    (void)state;
    assert_true(ring_file_append(file, "aaa\n", 4));
    ring_file_close(file);
    file = ring_file_open(path, 10);
    assert_true(ring_file_append(file, "bbb\n", 4));
    assert_holds(path, "aaa\nbbb\n");
    assert_true(ring_file_append(file, "ccc\n", 4));
    assert_holds(path, "ccc\n");
    assert_holds(old, "aaa\nbbb\n");
    ring_file_close(file);
}

static void what_cannot_be_opened(void **state)
{
    char far[5000];

    (void)state;
    assert_null(ring_file_open(dir, 10));
    assert_int_equal(errno, EISDIR);
    memset(far, 'x', sizeof far);
    far[sizeof far - 1] = '\0';
    assert_null(ring_file_open(far, 10));
    assert_int_equal(errno, ENAMETOOLONG);
    /* A link that somebody else has laid there is not followed. */
    assert_int_equal(symlink("/dev/null", path), 0);
    assert_null(ring_file_open(path, 10));
    assert_int_equal(errno, ELOOP);
    /* A pipe would wait for its reader, or take what nobody reads. */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_null(ring_file_open(path, 10));
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    assert_null(ring_file_open(path, 10));
    assert_int_equal(errno, EINVAL);
    (void)close(reader);
}

static void comes_back_when_the_folder_does(void **state)
{
    char away[80];
    struct ring_file *file = ring_file_open(path, 4);

    (void)state;
    assert_true(ring_file_append(file, "aaa\n", 4));
    (void)snprintf(away, sizeof away, "%s-away", dir);
    assert_int_equal(rename(dir, away), 0);
    assert_false(ring_file_append(file, "bbb\n", 4));
    assert_false(ring_file_append(file, "ccc\n", 4));
    assert_int_equal(rename(away, dir), 0);
    assert_true(ring_file_append(file, "ddd\n", 4));
    ring_file_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(turns_over_between_two_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(goes_on_behind_what_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_opened, set_up, tear_down),
        cmocka_unit_test_setup_teardown(comes_back_when_the_folder_does, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
