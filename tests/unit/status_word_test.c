#include "agent/card/status_word.h"
#include "tests/test.h"

static const struct {
    uint16_t sw;
    enum status_word_class class;
} rows[] = {
    // clang-format off
    { 0x9000, STATUS_WORD_DONE }, { 0x9100, STATUS_WORD_DONE }, { 0x91FF, STATUS_WORD_DONE },
    { 0x920F, STATUS_WORD_DONE }, { 0x9001, STATUS_WORD_OTHER }, { 0x6100, STATUS_WORD_MORE },
    { 0x6171, STATUS_WORD_MORE }, { 0x6C12, STATUS_WORD_WRONG_LE }, { 0x9300, STATUS_WORD_BUSY },
    { 0x9301, STATUS_WORD_OTHER }, { 0x6881, STATUS_WORD_CHANNEL_GONE }, { 0x6882, STATUS_WORD_CHECKED },
    { 0x6A81, STATUS_WORD_NO_CHANNEL }, { 0x6985, STATUS_WORD_CONDITIONS }, { 0x69E1, STATUS_WORD_POLICY },
    { 0x6A82, STATUS_WORD_ABSENT }, { 0x6A88, STATUS_WORD_NO_PROFILE }, { 0x6A80, STATUS_WORD_NO_PROFILE },
    { 0x6D00, STATUS_WORD_NOT_UNDERSTOOD }, { 0x6E00, STATUS_WORD_NOT_UNDERSTOOD },
    { 0x6D01, STATUS_WORD_CHECKED }, { 0x6700, STATUS_WORD_WRONG_LENGTH }, { 0x6701, STATUS_WORD_CHECKED },
    { 0x6A86, STATUS_WORD_CHECKED }, { 0x6B00, STATUS_WORD_CHECKED }, { 0x6999, STATUS_WORD_CHECKED },
    { 0x6F00, STATUS_WORD_FAILED }, { 0x6F12, STATUS_WORD_FAILED }, { 0x6400, STATUS_WORD_FAILED },
    { 0x64A1, STATUS_WORD_FAILED }, { 0x6581, STATUS_WORD_FAILED }, { 0x6200, STATUS_WORD_OTHER },
    { 0x63C0, STATUS_WORD_OTHER }, { 0x6600, STATUS_WORD_OTHER }, { 0x9404, STATUS_WORD_OTHER },
    { 0x0000, STATUS_WORD_OTHER }, { 0xFFFF, STATUS_WORD_OTHER },
}; // clang-format on

static void classes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("%04X %s\n", rows[i].sw, status_word_text(rows[i].sw));
        assert_int_equal(status_word_class(rows[i].sw), rows[i].class);
    }
}

static void every_one_has_words(void **state)
{
    (void)state;
    for (unsigned sw = 0; sw <= 0xFFFF; sw++)
        assert_true(strlen(status_word_text((uint16_t)sw)) > 0);
}

static void an_error_keeps_the_word(void **state)
{
    struct error e = status_word_error(0x69E1, ERROR_POLICY_FORBIDS, "enable");

    (void)state;
    assert_int_equal(e.code, ERROR_POLICY_FORBIDS);
    assert_int_equal(e.domain, ERROR_IN_CARD);
    assert_int_equal(e.detail, 0x69E1);
    assert_string_equal(e.message,
                        "enable: status 69E1, the policy of the profile in use forbids it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes),
        cmocka_unit_test(every_one_has_words),
        cmocka_unit_test(an_error_keeps_the_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
