#include "agent/base/hex.h"
#include "tests/test.h"

static const struct {
    const char *what, *text;
    size_t cap;
    bool ok;
    const char *back;
} rows[] = {
    // clang-format off
    { "nothing", "", 4, true, "" },
    { "one byte", "0a", 4, true, "0A" },
    { "mixed case", "A0b1C2fF", 4, true, "A0B1C2FF" },
    { "more than fits", "A0B1C2FF00", 4, false, NULL },
    { "an odd length", "A0B", 4, false, NULL },
    { "a letter behind F", "0G", 4, false, NULL },
    { "a blank", "0 ", 4, false, NULL },
    { "0x", "0x", 4, false, NULL },
    { "characters next to the digits", "/:", 4, false, NULL },
    { "characters next to the letters", "@`", 4, false, NULL },
    { "not ASCII", "\xC3\xA4", 4, false, NULL },
}; // clang-format on

static void there_and_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t bytes[4] = { 1, 2, 3, 4 };
        const uint8_t untouched[4] = { 1, 2, 3, 4 };
        char back[9];
        size_t len = 77;

        print_message("%s\n", rows[i].what);
        assert_int_equal(hex_to_bytes(rows[i].text, strlen(rows[i].text), bytes, rows[i].cap, &len),
                         rows[i].ok);
        if (!rows[i].ok) {
            assert_memory_equal(bytes, untouched, sizeof bytes);
            assert_int_equal(len, 77);
            continue;
        }
        hex_from_bytes(bytes, len, back);
        assert_string_equal(back, rows[i].back);
    }
}

static void every_byte(void **state)
{
    (void)state;
    for (unsigned value = 0; value < 256; value++) {
        uint8_t byte = (uint8_t)value, back = 0;
        char text[3];
        size_t len = 0;

        hex_from_bytes(&byte, 1, text);
        assert_true(hex_to_bytes(text, 2, &back, 1, &len));
        assert_int_equal(len, 1);
        assert_int_equal(back, byte);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(there_and_back),
                                        cmocka_unit_test(every_byte) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
