#include "agent/base/iccid.h"
#include "tests/test.h"
#include "tests/unit/vectors.h"

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

/* What a person or a modem writes; `id` NULL: refused. */
static const struct {
    const char *what, *text, *id;
} texts[] = {
    // clang-format off
    { "20 digits", "89882110000001234568", "89882110000001234568" },
    { "19 digits", "8949001312170061988", "8949001312170061988" },
    { "19 digits and padding", "8949001312170061988F", "8949001312170061988" },
    { "18 digits", "890126012345678901", "890126012345678901" },
    { "18 digits and padding", "890126012345678901fF", "890126012345678901" },
    { "letters of both cases", "89860a23C4d5e6A70819", "89860A23C4D5E6A70819" },
    { "17 digits", "89012601234567890", NULL },
    { "17 digits and padding", "89012601234567890FFF", NULL },
    { "20 digits and padding", "89882110000001234568F", NULL },
    { "padding alone", "FFFFFFFFFFFFFFFFFFFF", NULL },
    { "padding inside", "8988211000F001234568", NULL },
    { "a letter beyond E", "8988211000G001234568", NULL },
    { "quotes", "\"8988211000001234568\"", NULL },
    { "a blank in front", " 8988211000001234568", NULL },
    { "a blank behind", "8988211000001234568 ", NULL },
    { "another script's digit", "898821100000123456\xD9\xA0", NULL },
}; // clang-format on

static void from_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct iccid id = { "as before" };

        print_message("%s\n", texts[i].what);
        assert_code(iccid_from_text(texts[i].text, strlen(texts[i].text), &id),
                    texts[i].id ? ERROR_NONE : ERROR_INVALID_REQUEST);
        assert_string_equal(id.text, texts[i].id ? texts[i].id : "as before");
    }
}

static void a_nul_inside_is_refused(void **state)
{
    static const char text[20] = "8988211000001234";
    struct iccid id = { "as before" };

    (void)state;
    assert_code(iccid_from_text(text, sizeof text, &id), ERROR_INVALID_REQUEST);
    assert_string_equal(id.text, "as before");
}

static void every_length(void **state)
{
    static const char digits[] = "8901260123456789012345";
    static const uint8_t bytes[ICCID_CARD_LEN + 1] = { 0x98 };

    (void)state;
    for (size_t len = 0; len < sizeof digits; len++) {
        struct iccid id = { "as before" };
        bool ok = len >= ICCID_TEXT_MIN && len <= ICCID_TEXT_MAX;

        assert_code(iccid_from_text(digits, len, &id), ok ? ERROR_NONE : ERROR_INVALID_REQUEST);
        assert_int_equal(strlen(id.text), ok ? len : strlen("as before"));
    }
    for (size_t len = 0; len <= sizeof bytes; len++) {
        struct iccid id = { "as before" };

        if (len != ICCID_CARD_LEN)
            assert_code(iccid_from_card(bytes, len, &id), ERROR_CARD);
        if (len != ICCID_CARD_LEN)
            assert_string_equal(id.text, "as before");
    }
}

static void good_vectors(void **state)
{
    cJSON *file = vectors_load("card.json");
    const cJSON *row;

    (void)state;
    cJSON_ArrayForEach (row, vectors_array(file, "iccid")) {
        const char *digits = vectors_text(row, "digits");
        const cJSON *luhn = cJSON_GetObjectItemCaseSensitive(row, "luhn");
        uint8_t bytes[ICCID_CARD_LEN], back[ICCID_CARD_LEN];
        size_t len = vectors_bytes(row, "bytes", bytes, sizeof bytes);
        struct iccid of_card, of_text;

        print_message("%s: %s\n", vectors_text(row, "source"), digits);
        assert_ok(iccid_from_card(bytes, len, &of_card));
        assert_ok(iccid_from_text(digits, strlen(digits), &of_text));
        assert_string_equal(of_card.text, digits);
        assert_true(iccid_equal(&of_card, &of_text));
        iccid_to_card(&of_text, back);
        assert_memory_equal(back, bytes, ICCID_CARD_LEN);
        if (cJSON_IsBool(luhn))
            assert_int_equal(iccid_luhn_ok(&of_card), cJSON_IsTrue(luhn));
    }
    cJSON_Delete(file);
}

static void bad_vectors(void **state)
{
    cJSON *file = vectors_load("card.json");
    const cJSON *row;

    (void)state;
    cJSON_ArrayForEach (row, vectors_array(file, "iccid_bad")) {
        uint8_t bytes[ICCID_CARD_LEN + 1];
        size_t len = vectors_bytes(row, "bytes", bytes, sizeof bytes);
        struct iccid id = { "as before" };

        print_message("%s\n", vectors_text(row, "why"));
        assert_code(iccid_from_card(bytes, len, &id), ERROR_CARD);
        assert_string_equal(id.text, "as before");
    }
    cJSON_ArrayForEach (row, vectors_array(file, "iccid_text_bad")) {
        struct iccid id = { "as before" };

        print_message("'%s'\n", row->valuestring);
        assert_code(iccid_from_text(row->valuestring, strlen(row->valuestring), &id),
                    ERROR_INVALID_REQUEST);
        assert_string_equal(id.text, "as before");
    }
    cJSON_Delete(file);
}

static void equal_only_to_itself(void **state)
{
    struct iccid a = { "8949001312170061988" }, b = { "89490013121700619880" };

    (void)state;
    assert_true(iccid_equal(&a, &a));
    assert_false(iccid_equal(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_card_and_back),
        cmocka_unit_test(from_text),
        cmocka_unit_test(a_nul_inside_is_refused),
        cmocka_unit_test(every_length),
        cmocka_unit_test(good_vectors),
        cmocka_unit_test(bad_vectors),
        cmocka_unit_test(equal_only_to_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
