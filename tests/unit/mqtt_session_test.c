#include "mqtt/session.h"
#include "tests/test.h"

#include <sys/stat.h>
#include <unistd.h>

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

static void counts_across_lives(void **state)
{
    static const struct {
        const char *text;
        int64_t next;
    } rows[] = { { "41\n", 42 },   { "41", 42 },  { "", 1 },
                 { "garbage", 1 }, { "-5\n", 1 }, { "99999999999999999999999\n", 1 } };
    char dir[] = "/tmp/session-test-XXXXXX";
    char path[64];
    struct session s;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/mqtt-session", dir);
    session_load(&s, dir);
    assert_int_equal(s.number, 0);
    assert_int_equal(session_advance(&s), 0);
    assert_int_equal(session_advance(&s), 0);
    session_load(&s, dir);
    assert_int_equal(s.number, 2);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        write_text(path, rows[i].text);
        session_load(&s, dir);
        assert_int_equal(session_advance(&s), 0);
        assert_int_equal(s.number, rows[i].next);
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0); /* nothing else was left in it */
}

static void goes_on_in_memory(void **state)
{
    char longest[SESSION_PATH_MAX + 1];
    struct session s;

    (void)state;
    session_load(&s, "/nonexistent/dir");
    assert_int_not_equal(session_advance(&s), 0);
    assert_int_not_equal(session_advance(&s), 0);
    assert_int_equal(s.number, 2);
    memset(longest, 'd', SESSION_PATH_MAX);
    longest[SESSION_PATH_MAX] = '\0';
    session_load(&s, longest);
    assert_int_not_equal(session_advance(&s), 0);
    assert_int_equal(s.number, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_across_lives),
        cmocka_unit_test(goes_on_in_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
