#include "agent/card/lpm.h"
#include "agent/base/hex.h"
#include "tests/test.h"
#include "tests/unit/profile_vectors.h"
#include "tests/unit/vectors.h"

enum { DATA_MAX = 4096, ROW_LEN = 39 };

#define AID "4F10A0000005591010FFFFFFFF8900001100"
#define ICCID "5A0A98211380007175100017"

static struct error decode(const char *hex, struct profile_list *ret)
{
    static uint8_t data[DATA_MAX];
    size_t len;

    assert_true(hex_to_bytes(hex, strlen(hex), data, sizeof data, &len));
    return lpm_list_from_answer(data, len, ret);
}

static void good_vectors(void **state)
{
    cJSON *file = vectors_load("card.json");
    const cJSON *row;

    (void)state;
    cJSON_ArrayForEach (row, vectors_array(file, "lpm_list")) {
        struct profile_list list = { .count = 99 };

        assert_ok(decode(vectors_text(row, "data"), &list));
        profile_vectors_check(row, &list);
    }
    cJSON_ArrayForEach (row, vectors_array(file, "lpm_eid")) {
        uint8_t data[DATA_MAX];
        size_t len = vectors_bytes(row, "data", data, sizeof data);
        struct eid eid;

        assert_ok(lpm_eid_from_answer(data, len, &eid));
        assert_string_equal(eid.text, vectors_text(row, "eid"));
    }
    cJSON_Delete(file);
}

static void bad_vectors(void **state)
{
    cJSON *file = vectors_load("card.json");
    const cJSON *row;

    (void)state;
    cJSON_ArrayForEach (row, vectors_array(file, "lpm_list_bad")) {
        struct profile_list list = { .count = 99 };

        print_message("%s\n", vectors_text(row, "why"));
        assert_code(decode(vectors_text(row, "data"), &list), ERROR_CARD);
        assert_int_equal(list.count, 99);
    }
    cJSON_Delete(file);
}

/* What the vectors do not have. `why` NULL: a list of `count` rows; else part of the message. */
static const struct {
    const char *what, *hex, *why;
    size_t count;
} rows[] = {
    // clang-format off
    { "an AID alone", "E316" AID "9F70011F", NULL, 1 },
    { "an ICCID alone", "E310" ICCID "9F70013F", NULL, 1 },
    { "another object between", "E316" AID "9F70011F" "DF010101" "E310" ICCID "9F70013F", NULL, 2 },
    { "no E3 at all", "DF010101", "no list", 0 },
    { "the EID, said again", "4C1089001039450410141400000000001580", "no list", 0 },
    { "a fallback flag of no known value", "E319" AID "9F70011F" "530102", NULL, 1 },
    { "a fallback flag of two bytes", "E31A" AID "9F70011F" "53020001", NULL, 1 },
    { "a name, which LPM does not tell", "E319" AID "9F70011F" "900141", NULL, 1 },
    { "an unknown state", "E316" AID "9F70012F", "state 2F", 0 },
    { "ES10c's state", "E316" AID "9F700101", "state 01", 0 },
    { "a state of two bytes", "E317" AID "9F70023F3F", "2 bytes", 0 },
    { "a state of no byte", "E315" AID "9F7000", "0 bytes", 0 },
    { "no state", "E31E" AID ICCID, "no state", 0 },
    { "a state twice", "E31A" AID "9F70011F" "9F70013F", "twice", 0 },
    { "an AID twice", "E328" AID AID "9F70011F", "twice", 0 },
    { "an ICCID twice", "E31C" ICCID ICCID "9F70011F", "twice", 0 },
    { "an ICCID of 9 bytes", "E30F" "5A09982113800071751000" "9F70011F", "ICCID", 0 },
    { "an AID of 4 bytes", "E30A" "4F04A0000005" "9F70011F", "AID", 0 },
    { "an AID of 17 bytes", "E316" "4F11A0000005591010FFFFFFFF890000110000" "9F7000", "AID", 0 },
    { "malformed inside", "E317" AID "9F70011F" "53", "malformed", 0 },
    { "an object longer than its row", "E318" AID "9F70011F" "5302", "malformed", 0 },
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
            assert_int_equal(list.rows[0].fallback, FALLBACK_UNKNOWN);
        if (!rows[i].why && list.count)
            assert_string_equal(list.rows[0].nickname, "");
    }
}

/* From none to one more than we take. */
static void every_count(void **state)
{
    static const char row[] = "E325" AID "9F70013F530101" ICCID;
    static uint8_t data[(PROFILES_MAX + 1) * ROW_LEN];

    (void)state;
    for (size_t count = 0; count <= PROFILES_MAX + 1; count++) {
        struct profile_list list = { .count = 99 };
        size_t len;

        for (size_t i = 0; i < count; i++)
            assert_true(hex_to_bytes(row, strlen(row), data + i * ROW_LEN, ROW_LEN, &len));
        struct error e = lpm_list_from_answer(data, count * ROW_LEN, &list);
        assert_int_equal(e.code, count > PROFILES_MAX ? ERROR_CARD : ERROR_NONE);
        assert_int_equal(list.count, count > PROFILES_MAX ? 99 : count);
        if (e.code)
            assert_non_null(strstr(e.message, "more than 64"));
    }
}

/* A list that was cut anywhere but between two rows is refused. */
static void every_length(void **state)
{
    cJSON *file = vectors_load("card.json");
    uint8_t data[DATA_MAX];
    size_t len = vectors_bytes(cJSON_GetArrayItem(vectors_array(file, "lpm_list"), 0), "data", data,
                               DATA_MAX);

    (void)state;
    for (size_t cut = 0; cut <= len; cut++) {
        struct profile_list list = { .count = 99 };
        bool ok = cut % ROW_LEN == 0;

        assert_code(lpm_list_from_answer(data, cut, &list), ok ? ERROR_NONE : ERROR_CARD);
        assert_int_equal(list.count, ok ? cut / ROW_LEN : 99);
    }
    cJSON_Delete(file);
}

static void every_length_of_an_eid(void **state)
{
    uint8_t data[20] = { 0x4C, 0x10, 0x89 };

    (void)state;
    for (size_t len = 0; len <= sizeof data; len++) {
        struct eid eid = { "as before" };

        assert_code(lpm_eid_from_answer(data, len, &eid), len == 18 ? ERROR_NONE : ERROR_CARD);
        if (len != 18)
            assert_string_equal(eid.text, "as before");
    }
    data[0] = 0x5A;
    struct eid eid = { "as before" };
    assert_code(lpm_eid_from_answer(data, 18, &eid), ERROR_CARD);
    assert_string_equal(eid.text, "as before");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_vectors), cmocka_unit_test(bad_vectors),
        cmocka_unit_test(lists),        cmocka_unit_test(every_count),
        cmocka_unit_test(every_length), cmocka_unit_test(every_length_of_an_eid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
