#include "agent/base/clock.h"
#include "tests/test.h"

#define SECOND INT64_C(1000)

/* `text` NULL: refused. `back`: what is written for it. */
static const struct {
    const char *what, *text;
    bool ok;
    int64_t utc_ms;
    const char *back;
} rows[] = {
    // clang-format off
    { "the epoch", "1970-01-01T00:00:00Z", true, 0, "1970-01-01T00:00:00.000Z" },
    { "milliseconds", "2026-11-23T20:01:29.120Z", true, 1795464089120, "2026-11-23T20:01:29.120Z" },
    { "lower case", "2026-11-23t20:01:29.120z", true, 1795464089120, "2026-11-23T20:01:29.120Z" },
    { "an offset", "2026-11-23T21:31:29.120+01:30", true, 1795464089120, "2026-11-23T20:01:29.120Z" },
    { "a negative offset", "2026-11-23T12:01:29.12-08:00", true, 1795464089120, "2026-11-23T20:01:29.120Z" },
    { "offset -00:00", "1970-01-01T00:00:00-00:00", true, 0, "1970-01-01T00:00:00.000Z" },
    { "one digit of a fraction", "1970-01-01T00:00:00.5Z", true, 500, "1970-01-01T00:00:00.500Z" },
    { "nanoseconds are cut", "1970-01-01T00:00:00.123999999Z", true, 123, "1970-01-01T00:00:00.123Z" },
    { "a leap second", "2016-12-31T23:59:60Z", true, 1483228800 * SECOND, "2017-01-01T00:00:00.000Z" },
    { "a leap second with offset", "2017-01-01T05:29:60+05:30", true, 1483228800 * SECOND, "2017-01-01T00:00:00.000Z" },
    { "a leap day", "2024-02-29T12:00:00Z", true, 1709208000 * SECOND, "2024-02-29T12:00:00.000Z" },
    { "a leap day of a 400th year", "2000-02-29T00:00:00Z", true, 951782400 * SECOND, "2000-02-29T00:00:00.000Z" },
    { "before the epoch", "1969-12-31T23:59:59.999Z", true, -1, "1969-12-31T23:59:59.999Z" },
    { "the first", "0000-01-01T00:00:00.000Z", true, -62167219200000, "0000-01-01T00:00:00.000Z" },
    { "the last", "9999-12-31T23:59:59.999Z", true, 253402300799999, "9999-12-31T23:59:59.999Z" },
    { "past the last", "9999-12-31T23:59:59.999-01:00", true, 253402304399999, "9999-12-31T23:59:59.999Z" },
    { "29 February", "2026-02-29T00:00:00Z", false, 0, NULL },
    { "29 February of a 100th year", "1900-02-29T00:00:00Z", false, 0, NULL },
    { "day 0", "2026-01-00T00:00:00Z", false, 0, NULL },
    { "day 31 of 30", "2026-04-31T00:00:00Z", false, 0, NULL },
    { "month 0", "2026-00-01T00:00:00Z", false, 0, NULL },
    { "month 13", "2026-13-01T00:00:00Z", false, 0, NULL },
    { "hour 24", "2026-01-01T24:00:00Z", false, 0, NULL },
    { "minute 60", "2026-01-01T00:60:00Z", false, 0, NULL },
    { "second 61", "2026-01-01T00:00:61Z", false, 0, NULL },
    { "a leap second at noon", "2026-01-01T12:00:60Z", false, 0, NULL },
    { "no zone", "2026-01-01T00:00:00", false, 0, NULL },
    { "offset without colon", "2026-01-01T00:00:00+0100", false, 0, NULL },
    { "offset of 24 h", "2026-01-01T00:00:00+24:00", false, 0, NULL },
    { "an empty fraction", "2026-01-01T00:00:00.Z", false, 0, NULL },
    { "a blank between", "2026-01-01 00:00:00Z", false, 0, NULL },
    { "more behind", "2026-01-01T00:00:00Z ", false, 0, NULL },
    { "a sign", "+026-01-01T00:00:00Z", false, 0, NULL },
    { "a date alone", "2026-01-01", false, 0, NULL },
    { "nothing", "", false, 0, NULL },
}; // clang-format on

static void from_text_and_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t utc_ms = 42;
        char back[CLOCK_TEXT_LEN + 1];

        print_message("%s: %s\n", rows[i].what, rows[i].text);
        assert_code(clock_from_text(rows[i].text, &utc_ms),
                    rows[i].ok ? ERROR_NONE : ERROR_INVALID_REQUEST);
        assert_true(utc_ms == (rows[i].ok ? rows[i].utc_ms : 42));
        if (!rows[i].ok)
            continue;
        clock_to_text(utc_ms, back);
        assert_string_equal(back, rows[i].back);
    }
}

static void every_prefix_is_refused(void **state)
{
    const char *whole = "2026-11-23T21:31:29.120+01:30";

    (void)state;
    for (size_t len = 0; len < strlen(whole); len++) {
        char part[64] = "";
        int64_t utc_ms = 42;

        memcpy(part, whole, len);
        assert_code(clock_from_text(part, &utc_ms), ERROR_INVALID_REQUEST);
    }
}

static void every_day_there_and_back(void **state)
{
    (void)state;
    for (int64_t day = -719528; day <= 2932896; day += 17) {
        int64_t back = 0;
        char text[CLOCK_TEXT_LEN + 1];

        clock_to_text(day * 86400 * SECOND + 1, text);
        assert_ok(clock_from_text(text, &back));
        assert_true(back == day * 86400 * SECOND + 1);
    }
}

static void extremes_are_cut(void **state)
{
    char text[CLOCK_TEXT_LEN + 1];

    (void)state;
    clock_to_text(INT64_MIN, text);
    assert_string_equal(text, "0000-01-01T00:00:00.000Z");
    clock_to_text(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
}

static void waits_for_poll(void **state)
{
    int64_t now = clock_now_ms();

    (void)state;
    assert_int_equal(clock_poll_ms(CLOCK_NEVER), -1);
    assert_int_equal(clock_poll_ms(now), 0);
    assert_int_equal(clock_poll_ms(INT64_MIN), 0);
    assert_int_equal(clock_poll_ms(CLOCK_NEVER - 1), 3600 * 1000);
}

static void the_boot_has_one_name(void **state)
{
    char direct[64] = "";
    FILE *in = fopen("/proc/sys/kernel/random/boot_id", "r");

    (void)state;
    if (in) {
        assert_non_null(fgets(direct, sizeof direct, in));
        (void)fclose(in);
        direct[strcspn(direct, "\n")] = '\0';
        assert_int_equal(strlen(direct), CLOCK_BOOT_LEN);
    }
    assert_string_equal(clock_boot_id(), direct);
    assert_ptr_equal(clock_boot_id(), clock_boot_id());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_text_and_back),       cmocka_unit_test(every_prefix_is_refused),
        cmocka_unit_test(every_day_there_and_back), cmocka_unit_test(extremes_are_cut),
        cmocka_unit_test(waits_for_poll),           cmocka_unit_test(the_boot_has_one_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
