#include "ctl/text.h"
#include "tests/test.h"

static const struct {
    const char *what, *text, *shown;
    size_t width;
} rows[] = {
    // clang-format off
    { "plain", "Gateway 7", "Gateway 7", 9 },
    { "letters of others", "Zürich Ωμέγα 東", "Zürich Ωμέγα 東", 14 },
    { "an escape", "a\033[2Jb", "a\\x1b[2Jb", 9 },
    { "a bell and DEL", "\a\x7f", "\\x07\\x7f", 8 },
    { "line ends", "a\r\nb\tc", "a\\x0d\\x0ab\\x09c", 15 },
    { "C1: CSI in one character", "\xC2\x9B" "31m", "\\u{9b}31m", 9 },
    { "right to left", "\xE2\x80\xAE" "123", "\\u{202e}123", 11 },
    { "no width", "1\xE2\x80\x8B" "2", "1\\u{200b}2", 10 },
    { "no UTF-8", "a\xFF\xC3(", "a\\xff\\xc3(", 10 },
    { "an overlong one", "\xC0\x80", "\\xc0\\x80", 8 },
    { "a tag", "\xF3\xA0\x80\x81", "\\u{e0001}", 9 },
}; // clang-format on

static char *shown(const char *text)
{
    char *to = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&to, &len);

    assert_non_null(out);
    text_put_safe(out, text);
    assert_int_equal(fclose(out), 0);
    return to;
}

static void escapes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *text = shown(rows[i].text);

        print_message("%s\n", rows[i].what);
        assert_string_equal(text, rows[i].shown);
        assert_int_equal(text_width(rows[i].text), rows[i].width);
        free(text);
    }
}

/* Whatever comes, nothing of it can move a cursor. */
static void never_writes_a_control(void **state)
{
    (void)state;
    for (unsigned a = 1; a < 256; a++)
        for (unsigned b = 1; b < 256; b++) {
            char *text = shown((char[]){ (char)a, (char)b, 0 });

            for (const char *at = text; *at; at++)
                assert_true((unsigned char)*at >= 0x20 && *at != 0x7F);
            assert_null(strstr(text, "\xC2\x9B"));
            free(text);
        }
}

static void tells_durations(void **state)
{
    static const struct {
        double ms;
        const char *text;
    } times[] = {
        { -5, "0 ms" },
        { 0, "0 ms" },
        { 999, "999 ms" },
        { 1000, "1.0 s" },
        { 12345, "12.3 s" },
        { 60000, "1 min 0 s" },
        { 3599999, "59 min 59 s" },
        { 5700000, "1 h 35 min" },
        { 90000000, "1 d 1 h" },
        { 1e300, "11574074 d 1 h" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        char text[TEXT_DURATION_MAX + 1];

        text_duration(times[i].ms, text);
        assert_string_equal(text, times[i].text);
    }
}

static void escapes_for_urls(void **state)
{
    char *text = text_percent("a-Z.9_~ /?&=%\xC3\xBC");

    (void)state;
    assert_string_equal(text, "a-Z.9_~%20%2F%3F%26%3D%25%C3%BC");
    free(text);
}

static void aligns(void **state)
{
    struct text_table t;
    char *to = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&to, &len);

    (void)state;
    assert_non_null(out);
    text_table_init(&t, 3, (const char *const[]){ "A", "B", "C" });
    text_table_add(&t, TEXT_BOLD, (const char *const[]){ "Zürich", NULL, "x" });
    text_table_add(&t, TEXT_PLAIN, (const char *const[]){ "\033", "long", NULL });
    assert_true(text_table_print(&t, out, false));
    text_table_done(&t);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(to, "A       B     C\n"
                            "Zürich        x\n"
                            "\\x1b    long\n");
    free(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes),         cmocka_unit_test(never_writes_a_control),
        cmocka_unit_test(tells_durations), cmocka_unit_test(escapes_for_urls),
        cmocka_unit_test(aligns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
