#include "api/process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "tests/test.h"

static void tells_of_this_process(void **state)
{
    struct process_facts facts;

    (void)state;
    /* The kernel shows the name as it is. */
    assert_int_equal(prctl(PR_SET_NAME, "a) R 1 (b"), 0);
    process_read(&facts);
    assert_true(facts.known);
    assert_true(facts.resident_bytes > 100 * 1024);
    assert_true(facts.virtual_bytes >= facts.resident_bytes);
    assert_true(facts.cpu_s >= 0 && facts.cpu_s < 3600);
    assert_true(facts.threads >= 1);
    assert_true(facts.open_fds >= 3);
}

static void counts_what_is_open(void **state)
{
    struct process_facts before, after;
    int fd;

    (void)state;
    process_read(&before);
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    process_read(&after);
    close(fd);
    assert_int_equal(after.open_fds, before.open_fds + 1);
    process_read(&after);
    assert_int_equal(after.open_fds, before.open_fds);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(tells_of_this_process),
                                        cmocka_unit_test(counts_what_is_open) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
