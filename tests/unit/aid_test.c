#include "agent/base/aid.h"
#include "tests/test.h"

/* `back` NULL: refused. */
static const struct {
    const char *what, *text, *back;
} rows[] = {
    // clang-format off
    { "an ISD-P", "A0000005591010FFFFFFFF8900001100", "A0000005591010FFFFFFFF8900001100" },
    { "the LPM applet", "A000000815030040030902231003", "A000000815030040030902231003" },
    { "lower case", "a0000005591010ffffffff8900001100", "A0000005591010FFFFFFFF8900001100" },
    { "5 bytes", "A000000559", "A000000559" },
    { "4 bytes", "A0000005", NULL },
    { "17 bytes", "A0000005591010FFFFFFFF890000110000", NULL },
    { "half a byte", "A0000005591", NULL },
    { "no hex", "A00000055G", NULL },
    { "blanks", "A0 00 00 05 59", NULL },
    { "nothing", "", NULL },
}; // clang-format on

static void from_text_and_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct aid aid = { .len = 99 };
        char back[AID_TEXT_MAX + 1];

        print_message("%s\n", rows[i].what);
        assert_code(aid_from_text(rows[i].text, strlen(rows[i].text), &aid),
                    rows[i].back ? ERROR_NONE : ERROR_INVALID_REQUEST);
        if (!rows[i].back) {
            assert_int_equal(aid.len, 99);
            continue;
        }
        aid_to_text(&aid, back);
        assert_string_equal(back, rows[i].back);
    }
}

static void every_length_from_card(void **state)
{
    static const uint8_t bytes[AID_MAX + 1] = { 0xA0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };

    (void)state;
    for (size_t len = 0; len <= sizeof bytes; len++) {
        struct aid aid = { .len = 99 };
        bool ok = len >= AID_MIN && len <= AID_MAX;

        assert_code(aid_from_card(bytes, len, &aid), ok ? ERROR_NONE : ERROR_CARD);
        assert_int_equal(aid.len, ok ? len : 99);
        if (ok)
            assert_memory_equal(aid.bytes, bytes, len);
    }
}

static void equal_in_length_and_bytes(void **state)
{
    struct aid a = { 5, { 1, 2, 3, 4, 5 } }, longer = { 6, { 1, 2, 3, 4, 5 } };
    struct aid other = { 5, { 1, 2, 3, 4, 6 } };

    (void)state;
    assert_true(aid_equal(&a, &a));
    assert_false(aid_equal(&a, &longer));
    assert_false(aid_equal(&a, &other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_text_and_back),
        cmocka_unit_test(every_length_from_card),
        cmocka_unit_test(equal_in_length_and_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
