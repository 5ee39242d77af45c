#include "agent/base/utf8.h"
#include "tests/test.h"

static const struct {
    const char *what, *text;
    size_t len;
    uint32_t character;
    bool printable;
} rows[] = {
    // clang-format off
    { "ASCII", "a", 1, 'a', true },
    { "the least of two", "\xC2\x80", 2, 0x80, false },
    { "behind C1", "\xC2\xA0", 2, 0xA0, true },
    { "the last of two", "\xDF\xBF", 2, 0x7FF, true },
    { "the least of three", "\xE0\xA0\x80", 3, 0x800, true },
    { "before the surrogates", "\xED\x9F\xBF", 3, 0xD7FF, true },
    { "behind the surrogates", "\xEE\x80\x80", 3, 0xE000, true },
    { "the least of four", "\xF0\x90\x80\x80", 4, 0x10000, true },
    { "the last", "\xF4\x8F\xBF\xBF", 4, 0x10FFFF, true },
    { "DEL", "\x7F", 1, 0x7F, false },
    { "overlong of two", "\xC1\xBF", 0, 7, false },
    { "overlong of three", "\xE0\x9F\xBF", 0, 7, false },
    { "overlong of four", "\xF0\x8F\xBF\xBF", 0, 7, false },
    { "a surrogate", "\xED\xA0\x80", 0, 7, false },
    { "the last surrogate", "\xED\xBF\xBF", 0, 7, false },
    { "beyond the last", "\xF4\x90\x80\x80", 0, 7, false },
    { "five bytes", "\xF8\x88\x80\x80\x80", 0, 7, false },
    { "FF", "\xFF", 0, 7, false },
    { "a lone continuation", "\x80", 0, 7, false },
    { "cut after one", "\xE2", 0, 7, false },
    { "cut after two", "\xE2\x82", 0, 7, false },
    { "another in its place", "\xE2\x82x", 0, 7, false },
}; // clang-format on

static void one_character(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint32_t c = 7;
        size_t len = strlen(rows[i].text);

        print_message("%s\n", rows[i].what);
        assert_int_equal(utf8_take(rows[i].text, len, &c), rows[i].len);
        assert_int_equal(c, rows[i].character);
        assert_int_equal(utf8_take(rows[i].text, len, NULL), rows[i].len);
        assert_int_equal(utf8_is_printable(rows[i].text, len), rows[i].printable);
    }
    assert_int_equal(utf8_take("", 0, NULL), 0);
    assert_true(utf8_is_printable("", 0));
    assert_false(utf8_is_printable("a\0", 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(one_character) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
