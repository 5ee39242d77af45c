#include "agent/base/iccid.h"
#include "tests/test.h"

/* One card a row; `text` NULL: refused with ERROR_CARD. */
static const struct {
    const char *what, *text;
    bool luhn_ok;
    size_t len;
    uint8_t card[ICCID_CARD_LEN];
} rows[] = {
    // clang-format off
    { "20 digits", "89882110000001234568", true, 10, { 0x98, 0x88, 0x12, 0x01, 0x00, 0x00, 0x10, 0x32, 0x54, 0x86 } },
    { "19 and F", "8949001312170061988", true, 10, { 0x98, 0x94, 0x00, 0x31, 0x21, 0x71, 0x00, 0x16, 0x89, 0xF8 } },
    { "a letter", "89860A09091830300220", false, 10, { 0x98, 0x68, 0xA0, 0x90, 0x90, 0x81, 0x03, 0x03, 0x20, 0x02 } },
    { "9 bytes", NULL, false, 9, { 0x98, 0x88, 0x12, 0x01, 0x00, 0x00, 0x10, 0x32, 0x54 } },
    { "17 digits", NULL, false, 10, { 0x98, 0x88, 0x12, 0x01, 0x00, 0x00, 0x10, 0x32, 0xF4, 0xFF } },
    { "digit after F", NULL, false, 10, { 0x98, 0x88, 0x12, 0x01, 0x00, 0x00, 0x10, 0x32, 0x54, 0x8F } },
}; // clang-format on

static void from_card_and_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct iccid id = { "as before" };
        uint8_t back[ICCID_CARD_LEN];
        struct error e = iccid_from_card(rows[i].card, rows[i].len, &id);

        print_message("%s: %s %s\n", rows[i].what, error_code_name(e.code), e.message);
        assert_int_equal(e.code, rows[i].text ? ERROR_NONE : ERROR_CARD);
        assert_string_equal(id.text, rows[i].text ? rows[i].text : "as before");
        if (e.code)
            continue;
        iccid_to_card(&id, back);
        assert_memory_equal(back, rows[i].card, ICCID_CARD_LEN);
        assert_int_equal(iccid_luhn_ok(&id), rows[i].luhn_ok);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(from_card_and_back) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
