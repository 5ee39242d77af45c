#include "ctl/program.h"

#include <signal.h>

#include "agent/base/clock.h"
#include "ctl/interrupt.h"
#include "tests/test.h"

enum { LONG_MS = 20000, SHORT_MS = 200, LIMIT = 16 };

/* What /bin/sh does, and what is left of what it wrote. */
static struct {
    const char *what;
    char script[80];
    enum program_result result;
    const char *text;
} rows[] = {
    // clang-format off
    { "a text", "echo a; echo b >&2; echo c", PROGRAM_OK, "a\nc\n" },
    { "none", "true", PROGRAM_OK, "" },
    { "it fails", "echo a; exit 3", PROGRAM_FAILED, "a\n" },
    { "it is killed", "echo a; kill -9 $$", PROGRAM_FAILED, "a\n" },
    { "just as much", "printf '1234567\n1234567\n'", PROGRAM_OK, "1234567\n1234567\n" },
    { "the oldest lines go", "printf '1\n22\n'; sleep 0.1; printf '333\n4444\n55555\n'", PROGRAM_OK, "333\n4444\n55555\n" },
    { "a line without end", "printf '1234567890123456789012345678901234567890\nend'", PROGRAM_OK, "end" },
}; // clang-format on

static void keeps_the_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *const argv[] = { (char[]){ "sh" }, (char[]){ "-c" }, rows[i].script, NULL };
        struct buffer text = { .max = LIMIT };

        print_message("%s\n", rows[i].what);
        assert_int_equal(program_run(argv, clock_now_ms() + LONG_MS, &text), rows[i].result);
        assert_true(text.len <= LIMIT);
        assert_string_equal(buffer_text(&text), rows[i].text);
        buffer_done(&text);
    }
}

static void ends_at_its_deadline(void **state)
{
    char *const argv[] = { (char[]){ "sleep" }, (char[]){ "60" }, NULL };
    struct buffer text = { .max = LIMIT };

    (void)state;
    assert_int_equal(program_run(argv, clock_now_ms() + SHORT_MS, &text), PROGRAM_TIMEOUT);
    assert_int_equal(program_run_to(argv, clock_now_ms() + SHORT_MS, 1), PROGRAM_TIMEOUT);
    buffer_done(&text);
}

static void says_that_there_is_none(void **state)
{
    char *const argv[] = { (char[]){ "no-such-program" }, NULL };
    struct buffer text = { .max = LIMIT };

    (void)state;
    assert_int_equal(program_run(argv, clock_now_ms() + LONG_MS, &text), PROGRAM_ABSENT);
    buffer_done(&text);
}

/* The last one: the signal came before anybody waited, and stays. */
static void is_interrupted(void **state)
{
    char *const argv[] = { (char[]){ "sleep" }, (char[]){ "60" }, NULL };
    struct buffer text = { .max = LIMIT };

    (void)state;
    interrupt_catch();
    assert_int_equal(raise(SIGINT), 0);
    assert_int_equal(program_run(argv, clock_now_ms() + LONG_MS, &text), PROGRAM_FAILED);
    buffer_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_end),
        cmocka_unit_test(ends_at_its_deadline),
        cmocka_unit_test(says_that_there_is_none),
        cmocka_unit_test(is_interrupted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
