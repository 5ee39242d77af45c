#include "agent/base/eid.h"
#include "agent/base/hex.h"
#include "tests/test.h"
#include "tests/unit/vectors.h"

static struct eid eid_of(const char *digits)
{
    uint8_t bytes[EID_CARD_LEN];
    size_t len;
    struct eid eid;

    assert_true(hex_to_bytes(digits, strlen(digits), bytes, sizeof bytes, &len));
    assert_ok(eid_from_card(bytes, len, &eid));
    return eid;
}

static void vectors(void **state)
{
    cJSON *file = vectors_load("card.json");
    const cJSON *row;

    (void)state;
    cJSON_ArrayForEach (row, vectors_array(file, "eid")) {
        const char *digits = vectors_text(row, "digits");
        struct eid eid = eid_of(digits);
        char code[EID_PROFILE_CODE_LEN + 1];

        print_message("%s: %s\n", vectors_text(row, "source"), digits);
        assert_string_equal(eid.text, digits);
        assert_int_equal(eid_is_valid(&eid),
                         cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(row, "valid")));
        eid_profile_code(&eid, code);
        assert_string_equal(code, vectors_text(row, "profile_code"));
    }
    cJSON_Delete(file);
}

/* One wrong digit anywhere is noticed. */
static void a_digit_off_is_invalid(void **state)
{
    (void)state;
    for (size_t i = 0; i < EID_TEXT_LEN; i++) {
        struct eid eid = eid_of("89001039450410141400000000001580");

        eid.text[i] = eid.text[i] == '9' ? '0' : (char)(eid.text[i] + 1);
        assert_false(eid_is_valid(&eid));
    }
}

static void every_length(void **state)
{
    static const uint8_t bytes[EID_CARD_LEN + 1] = { 0x89 };

    (void)state;
    for (size_t len = 0; len <= sizeof bytes; len++) {
        struct eid eid = { "as before" };
        bool ok = len == EID_CARD_LEN;

        assert_code(eid_from_card(bytes, len, &eid), ok ? ERROR_NONE : ERROR_CARD);
        assert_string_equal(eid.text, ok ? "89000000000000000000000000000000" : "as before");
    }
}

static void a_nibble_that_is_no_digit(void **state)
{
    (void)state;
    for (size_t i = 0; i < EID_TEXT_LEN; i++)
        for (unsigned nibble = 0xA; nibble <= 0xF; nibble++) {
            uint8_t bytes[EID_CARD_LEN] = { 0x89 };
            struct eid eid = { "as before" };

            bytes[i / 2] |= (uint8_t)(i % 2 ? nibble : nibble << 4);
            assert_code(eid_from_card(bytes, sizeof bytes, &eid), ERROR_CARD);
            assert_string_equal(eid.text, "as before");
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(a_digit_off_is_invalid),
        cmocka_unit_test(every_length),
        cmocka_unit_test(a_nibble_that_is_no_digit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
