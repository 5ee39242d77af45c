#include "agent/card/es10c.h"
#include "agent/base/hex.h"
#include "tests/test.h"
#include "tests/unit/profile_vectors.h"
#include "tests/unit/vectors.h"

enum { DATA_MAX = 4096 };

#define ICCID "5A0A98211380007175100017"

static struct error decode(const char *hex, struct profile_list *ret)
{
    uint8_t data[DATA_MAX];
    size_t len;

    assert_true(hex_to_bytes(hex, strlen(hex), data, sizeof data, &len));
    return es10c_list_from_answer(data, len, ret);
}

static void list_vectors(void **state)
{
    cJSON *file = vectors_load("card.json");
    const cJSON *row;

    (void)state;
    cJSON_ArrayForEach (row, vectors_array(file, "es10c_list")) {
        struct profile_list list = { .count = 99 };

        assert_ok(decode(vectors_text(row, "data"), &list));
        profile_vectors_check(row, &list);
    }
    cJSON_ArrayForEach (row, vectors_array(file, "es10c_error")) {
        struct profile_list list = { .count = 99 };
        struct error e = decode(vectors_text(row, "data"), &list);
        char said[32];

        (void)snprintf(said, sizeof said, "with error %d",
                       cJSON_GetObjectItemCaseSensitive(row, "code")->valueint);
        assert_int_equal(e.code, ERROR_CARD);
        assert_non_null(strstr(e.message, said));
        assert_int_equal(list.count, 99);
    }
    cJSON_Delete(file);
}

static void eid_and_result_vectors(void **state)
{
    cJSON *file = vectors_load("card.json");
    const cJSON *row;

    (void)state;
    cJSON_ArrayForEach (row, vectors_array(file, "es10c_eid")) {
        uint8_t data[DATA_MAX];
        size_t len = vectors_bytes(row, "data", data, sizeof data);
        struct eid eid;

        assert_ok(es10c_eid_from_answer(data, len, &eid));
        assert_string_equal(eid.text, vectors_text(row, "eid"));
    }
    cJSON_ArrayForEach (row, vectors_array(file, "es10c_enable")) {
        uint8_t data[DATA_MAX];
        size_t len = vectors_bytes(row, "data", data, sizeof data);
        unsigned result = 99;

        assert_ok(es10c_result_from_answer(data, len, &result));
        assert_int_equal(result, cJSON_GetObjectItemCaseSensitive(row, "result")->valueint);
    }
    cJSON_Delete(file);
}

/* `why` NULL: a list of `count`; else part of the message. */
static const struct {
    const char *what, *hex, *why;
    size_t count;
} rows[] = {
    // clang-format off
    { "an unknown tag in a row", "BF2D17A015E313" ICCID "9F700101" "B50100", NULL, 1 },
    { "an icon's tags", "BF2D1AA018E316" ICCID "9F700101" "930100" "940100", NULL, 1 },
    { "another object in the list", "BF2D04A0028000", NULL, 0 },
    { "a class of no known value", "BF2D17A015E313" ICCID "9F700101" "950107", NULL, 1 },
    { "LPM's state", "BF2D14A012E310" ICCID "9F70013F", "state 3F", 0 },
    { "a nickname twice", "BF2D1AA018E316" ICCID "9F700101" "900141" "900142", "twice", 0 },
    { "no ICCID and no AID", "BF2D08A006E3049F700101", "neither", 0 },
    { "another command's answer", "BF3103800100", "BF2D", 0 },
    { "more behind it", "BF2D02A00000", "BF2D", 0 },
    { "neither list nor error", "BF2D00", "no list", 0 },
    { "list and error", "BF2D05A000810101", "no list", 0 },
    { "a tag of no choice", "BF2D028000", "no list", 0 },
    { "an error of no byte", "BF2D028100", "0 bytes", 0 },
    { "a row over the list", "BF2D04A002E301", "malformed", 0 },
    { "nothing", "", "0 bytes", 0 },
}; // clang-format on

static void lists(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct profile_list list = { .count = 99 };
        struct error e = decode(rows[i].hex, &list);

        print_message("%s: %s\n", rows[i].what, e.message);
        assert_int_equal(e.code, rows[i].why ? ERROR_CARD : ERROR_NONE);
        assert_int_equal(list.count, rows[i].why ? 99 : rows[i].count);
        if (rows[i].why)
            assert_non_null(strstr(e.message, rows[i].why));
        else if (list.count)
            assert_int_equal(list.rows[0].class, -1);
    }
}

static const struct {
    const char *what, *raw, *name;
} names[] = {
    // clang-format off
    { "plain", "KORE", "KORE" },
    { "UTF-8", "S\xC3\xBC" "d \xE2\x82\xAC \xF0\x9F\x93\xB6", "S\xC3\xBC" "d \xE2\x82\xAC \xF0\x9F\x93\xB6" },
    { "a control character", "A\x1B[31m", "A?[31m" },
    { "C1 as UTF-8", "A\xC2\x9B" "31m", "A?31m" },
    { "no UTF-8", "\xFF\xFE", "??" },
    { "half a character", "A\xC3", "A?" },
    { "an overlong form", "\xC0\xAF", "??" },
    { "65 characters", "1234567890123456789012345678901234567890123456789012345678901234X",
      "1234567890123456789012345678901234567890123456789012345678901234" },
    { "a character over the end", "123456789012345678901234567890123456789012345678901234567890123\xC3\xBC",
      "123456789012345678901234567890123456789012345678901234567890123" },
    { "empty", "", "" },
}; // clang-format on

static void names_are_made_printable(void **state)
{
    static const uint8_t head[] = { 0x5A, 0x0A, 0x98, 0x21, 0x13, 0x80, 0x00, 0x71,
                                    0x75, 0x10, 0x00, 0x17, 0x9F, 0x70, 0x01, 0x01 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        size_t n = strlen(names[i].raw), row = sizeof head + 2 + n;
        uint8_t data[256] = { 0xBF, 0x2D,        (uint8_t)(row + 4), 0xA0, (uint8_t)(row + 2),
                              0xE3, (uint8_t)row };
        struct profile_list list;

        memcpy(data + 7, head, sizeof head);
        data[7 + sizeof head] = 0x92;
        data[8 + sizeof head] = (uint8_t)n;
        memcpy(data + 9 + sizeof head, names[i].raw, n);
        print_message("%s\n", names[i].what);
        assert_ok(es10c_list_from_answer(data, 7 + row, &list));
        assert_string_equal(list.rows[0].name, names[i].name);
    }
}

/* Cut anywhere, or with a byte more, nothing is an answer. */
static void every_length(void **state)
{
    static const struct {
        size_t len;
        uint8_t data[24];
    } answers[] = {
        { 21, { 0xBF, 0x3E, 0x12, 0x5A, 0x10, 0x89 } },
        { 6, { 0xBF, 0x31, 0x03, 0x80, 0x01, 0x02 } },
        { 5, { 0xBF, 0x2D, 0x02, 0xA0, 0x00 } },
    };

    (void)state;
    for (size_t len = 0; len <= 22; len++) {
        struct eid eid = { "as before" };
        struct profile_list list = { .count = 99 };
        unsigned result = 99;

        assert_code(es10c_eid_from_answer(answers[0].data, len, &eid),
                    len == answers[0].len ? ERROR_NONE : ERROR_CARD);
        assert_code(es10c_result_from_answer(answers[1].data, len, &result),
                    len == answers[1].len ? ERROR_NONE : ERROR_CARD);
        assert_code(es10c_list_from_answer(answers[2].data, len, &list),
                    len == answers[2].len ? ERROR_NONE : ERROR_CARD);
        if (len != answers[0].len)
            assert_string_equal(eid.text, "as before");
        assert_int_equal(result, len == answers[1].len ? 2 : 99);
        assert_int_equal(list.count, len == answers[2].len ? 0 : 99);
    }
}

static void no_eid(void **state)
{
    static const uint8_t other_tag[] = { 0xBF, 0x3E, 0x02, 0x5B, 0x00 };
    static const uint8_t short_eid[] = { 0xBF, 0x3E, 0x03, 0x5A, 0x01, 0x89 };
    struct eid eid = { "as before" };

    (void)state;
    assert_code(es10c_eid_from_answer(other_tag, sizeof other_tag, &eid), ERROR_CARD);
    assert_code(es10c_eid_from_answer(short_eid, sizeof short_eid, &eid), ERROR_CARD);
    assert_string_equal(eid.text, "as before");
}

static const char *const bad_results[] = {
    "BF3100",       "BF310000FF",   "BF31028000",     "BF31048002007F", "BF31038101",
    "BF3103810100", "BF3104800100", "BF310480010000", "9000",           "",
};

static void no_result(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_results); i++) {
        uint8_t data[16];
        size_t len;
        unsigned result = 99;

        assert_true(hex_to_bytes(bad_results[i], strlen(bad_results[i]), data, sizeof data, &len));
        print_message("%s\n", bad_results[i]);
        assert_code(es10c_result_from_answer(data, len, &result), ERROR_CARD);
        assert_int_equal(result, 99);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_vectors), cmocka_unit_test(eid_and_result_vectors),
        cmocka_unit_test(lists),        cmocka_unit_test(names_are_made_printable),
        cmocka_unit_test(every_length), cmocka_unit_test(no_result),
        cmocka_unit_test(no_eid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
