#include "agent/card/tlv.h"
#include "agent/base/hex.h"
#include "tests/test.h"

/* `ok` false: refused. `left`: bytes behind the object. */
static const struct {
    const char *what, *hex;
    bool ok;
    uint32_t tag;
    size_t len, left;
} rows[] = {
    // clang-format off
    { "one byte of tag", "5A0198", true, 0x5A, 1, 0 },
    { "two bytes of tag", "9F70013F", true, 0x9F70, 1, 0 },
    { "three bytes of tag", "DF810A00", true, 0xDF810A, 0, 0 },
    { "four bytes of tag", "DF81810A00", false, 0, 0, 0 },
    { "an empty value", "A000", true, 0xA0, 0, 0 },
    { "another object behind", "530101530100", true, 0x53, 1, 3 },
    { "length in 81", "5A8101AA", true, 0x5A, 1, 0 },
    { "length in 82", "5A820001AA", true, 0x5A, 1, 0 },
    { "length in 83", "5A83000001AA", true, 0x5A, 1, 0 },
    { "length in 84", "5A8400000001AA", false, 0, 0, 0 },
    { "the indefinite form", "E3800000", false, 0, 0, 0 },
    { "the reserved length", "E3FF00", false, 0, 0, 0 },
    { "nothing", "", false, 0, 0, 0 },
    { "a tag alone", "5A", false, 0, 0, 0 },
    { "half a tag", "9F", false, 0, 0, 0 },
    { "half a long tag", "9F81", false, 0, 0, 0 },
    { "half a length", "5A8200", false, 0, 0, 0 },
    { "a length over the data", "5A02AA", false, 0, 0, 0 },
    { "the longest length", "5A83FFFFFFAA", false, 0, 0, 0 },
}; // clang-format on

static void one_object(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t bytes[32];
        size_t len = 0;
        struct tlv tlv = { .tag = 99 };

        print_message("%s\n", rows[i].what);
        assert_true(hex_to_bytes(rows[i].hex, strlen(rows[i].hex), bytes, sizeof bytes, &len));
        struct cursor c = cursor_of(bytes, len);
        assert_int_equal(tlv_take(&c, &tlv), rows[i].ok);
        assert_int_equal(tlv.tag, rows[i].ok ? rows[i].tag : 99);
        assert_int_equal(c.left, rows[i].ok ? rows[i].left : len);
        if (!rows[i].ok)
            continue;
        assert_int_equal(tlv.value.left, rows[i].len);
        assert_ptr_equal(tlv.value.at + tlv.value.left, c.at);
    }
}

/* Every length there is, in its shortest form. */
static void every_length(void **state)
{
    static uint8_t bytes[4 + 300];

    (void)state;
    for (size_t len = 0; len <= 300; len++) {
        size_t head = len < 0x80 ? 2 : len < 0x100 ? 3 : 4;
        struct cursor c = cursor_of(bytes, head + len);
        struct cursor cut = cursor_of(bytes, head + len - 1);
        struct tlv tlv;

        bytes[0] = 0xE3;
        bytes[1] = (uint8_t)(head == 2 ? len : 0x7E + head);
        bytes[2] = (uint8_t)(head == 3 ? len : len >> 8);
        bytes[3] = (uint8_t)len;
        assert_true(tlv_take(&c, &tlv));
        assert_int_equal(tlv.value.left, len);
        assert_false(tlv_take(&cut, &tlv));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(one_object),
                                        cmocka_unit_test(every_length) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
