#include "config/config_secret.h"

#include <sys/stat.h>
#include <unistd.h>

#include "tests/test.h"

static char path[64];

static void write_file(const char *text, size_t len)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    int fd;

    (void)state;
    strcpy(path, "/tmp/secret-test-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)remove(path);
    return 0;
}

static void first_line_counts(void **state)
{
    static const struct {
        const char *what, *file, *secret;
    } rows[] = {
        // clang-format off
        { "a line", "secret\n", "secret" },
        { "no newline", "secret", "secret" },
        { "CRLF", "secret\r\n", "secret" },
        { "CR alone", "secret\rmore", "secret" },
        { "more lines", "secret\nmore\n", "secret" },
        { "blanks are part of it", " se cret \n", " se cret " },
        { "UTF-8", "gehe\xC3\xADm\n", "gehe\xC3\xADm" },
        { "an empty line first", "\nmore\n", "" },
        { "an empty file", "", "" },
    }; // clang-format on

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char secret[CONFIG_SECRET_MAX + 1] = "as before";

        print_message("%s\n", rows[i].what);
        write_file(rows[i].file, strlen(rows[i].file));
        assert_ok(config_read_secret("mqtt.password_file", path, secret));
        assert_string_equal(secret, rows[i].secret);
    }
}

/* Nothing of what is in the file is told, and the output is as before. */
static void assert_refused(const char *name)
{
    char secret[CONFIG_SECRET_MAX + 1] = "as before";
    struct error e = config_read_secret("mqtt.password_file", name, secret);

    print_message("%s\n", e.message);
    assert_int_equal(e.code, ERROR_INTERNAL);
    assert_non_null(strstr(e.message, "mqtt.password_file"));
    assert_null(strstr(e.message, "xxx"));
    assert_string_equal(secret, "as before");
}

static void every_length(void **state)
{
    char text[CONFIG_SECRET_MAX + 2];

    (void)state;
    memset(text, 'x', sizeof text);
    for (size_t len = 0; len <= sizeof text; len++) {
        char secret[CONFIG_SECRET_MAX + 1];

        write_file(text, len);
        if (len > CONFIG_SECRET_MAX) {
            assert_refused(path);
            continue;
        }
        assert_ok(config_read_secret("mqtt.password_file", path, secret));
        assert_int_equal(strlen(secret), len);
    }
}

/* The longest fits with each end of a line behind it. */
static void the_longest_has_its_end(void **state)
{
    static const char *const ends[] = { "\n", "\r\n", "\nmore" };
    char text[CONFIG_SECRET_MAX + 8];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        char secret[CONFIG_SECRET_MAX + 1];

        memset(text, 'x', CONFIG_SECRET_MAX);
        strcpy(text + CONFIG_SECRET_MAX, ends[i]);
        write_file(text, strlen(text));
        assert_ok(config_read_secret("mqtt.password_file", path, secret));
        assert_int_equal(strlen(secret), CONFIG_SECRET_MAX);
    }
}

static void what_cannot_be_read(void **state)
{
    (void)state;
    assert_refused("/nonexistent/secret");
    assert_refused("/");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

/* A pipe would wait for its writer, and a device never end. */
static void what_is_no_file(void **state)
{
    const char *const others[] = { path, "/dev/zero", "/tmp" };

    (void)state;
    assert_int_equal(remove(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        char secret[CONFIG_SECRET_MAX + 1] = "as before";

        assert_int_equal(config_read_secret("mqtt.password_file", others[i], secret).code,
                         ERROR_INTERNAL);
        assert_string_equal(secret, "as before");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(first_line_counts),   TEST(every_length),    TEST(the_longest_has_its_end),
        TEST(what_cannot_be_read), TEST(what_is_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
