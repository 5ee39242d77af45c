#include "mqtt/reason.h"
#include "tests/test.h"

static void what_a_code_means(void **state)
{
    static const struct {
        int code;
        enum reason_verdict verdict;
        bool answer; /* of a broker */
        const char *text;
    } rows[] = {
        // clang-format off
        { 1, REASON_OLDER, true, "protocol version not accepted" },
        { 2, REASON_REFUSED, true, "client id refused" },
        { 3, REASON_TROUBLE, true, "server not available" },
        { 4, REASON_REFUSED, true, "bad user name or password" },
        { 5, REASON_REFUSED, true, "not authorized" },
        { 6, REASON_TROUBLE, false, "unknown reason" },
        { 0x84, REASON_OLDER, true, "Unsupported Protocol Version" },
        { 0x86, REASON_REFUSED, true, "Bad User Name or Password" },
        { 0x87, REASON_REFUSED, true, "Not authorized" },
        { 0x89, REASON_TROUBLE, true, "Server busy" },
        { 0x97, REASON_TROUBLE, true, "Quota exceeded" },
        { 0xFF, REASON_TROUBLE, true, "unknown reason" },
        { -3, REASON_TROUBLE, false, "Disconnected" },
        { -9999, REASON_TROUBLE, false, "Unknown error code -9999" },
        { 0, REASON_TROUBLE, false, "no reason given" },
        { 0x8F, REASON_REFUSED, true, "Topic filter invalid" },
        { 0x9A, REASON_TROUBLE, true, "Retain not supported" },
        { 0x9D, REASON_REFUSED, true, "Server moved" },
        { 0xA2, REASON_REFUSED, true, "Wildcard Subscriptions not supported" },
    }; // clang-format on

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("%d: %s\n", rows[i].code, reason_text(rows[i].code));
        assert_int_equal(reason_verdict(rows[i].code), rows[i].verdict);
        assert_int_equal(reason_is_answer(rows[i].code), rows[i].answer);
        assert_string_equal(reason_text(rows[i].code), rows[i].text);
    }
}

/* MQTT 5, table 2-6. */
static void every_code_has_words(void **state)
{
    (void)state;
    for (int code = 0x80; code <= 0xA2; code++)
        assert_string_not_equal(reason_text(code), "unknown reason");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_a_code_means),
                                        cmocka_unit_test(every_code_has_words) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
