#include "agent/base/id.h"

#include <pthread.h>

#include "tests/test.h"

/* 01ARYZ6S41 is the ULID specification's own example of a time. */
static const struct {
    const char *what;
    int64_t utc_ms;
    uint8_t random[ID_RANDOM_LEN];
    const char *text;
} encoded[] = {
    // clang-format off
    { "all zero", 0, { 0 }, "00000000000000000000000000" },
    { "the specification's time", 1469918176385, { 0 }, "01ARYZ6S410000000000000000" },
    { "all ones", (INT64_C(1) << 48) - 1, { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 }, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ" },
    { "a time that does not fit", INT64_MAX, { 0 }, "7ZZZZZZZZZ0000000000000000" },
    { "a time before 1970", -5, { 0 }, "00000000000000000000000000" },
    { "one bit at the end", 0, { 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, "00000000000000000000000001" },
    { "one bit at the front", 0, { 0x80 }, "0000000000G000000000000000" },
    { "bytes in order", 1, { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, "0000000001041061050R3GG28A" },
}; // clang-format on

static void encodes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(encoded); i++) {
        char text[ID_LEN + 1];

        print_message("%s\n", encoded[i].what);
        id_encode(encoded[i].utc_ms, encoded[i].random, text);
        assert_string_equal(text, encoded[i].text);
        assert_true(id_is_ulid(text, strlen(text)));
    }
}

static void each_is_greater_also_when_the_clock_goes_back(void **state)
{
    char before[ID_LEN + 1], after[ID_LEN + 1];

    (void)state;
    id_make(1800000000000, before);
    for (int i = 0; i < 20000; i++) {
        id_make(1800000000000 + (i % 7 - 3), after);
        assert_true(strcmp(after, before) > 0);
        memcpy(before, after, sizeof before);
    }
}

enum { EACH = 2000, THREADS = 4 };
static char made[THREADS * EACH][ID_LEN + 1];

static void *make_many(void *first)
{
    char(*ids)[ID_LEN + 1] = first;

    for (int i = 0; i < EACH; i++)
        id_make(1800000001000, ids[i]);
    return NULL;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void threads_never_share_one(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_many, made[i * EACH]), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    qsort(made, ARRAY_LEN(made), sizeof made[0], by_text);
    for (size_t i = 1; i < ARRAY_LEN(made); i++)
        assert_string_not_equal(made[i - 1], made[i]);
}

static const struct {
    const char *what, *text;
    bool ulid, sender;
} names[] = {
    // clang-format off
    { "a ULID", "01ARYZ6S41TSV4RRFFQ69G5FAV", true, true },
    { "lower case", "01aryz6s41tsv4rrffq69g5fav", false, true },
    { "beyond 48 bits", "81ARYZ6S41TSV4RRFFQ69G5FAV", false, true },
    { "a letter that is left out", "01ARYZ6S41TSV4RRFFQ69G5FAU", false, true },
    { "25 characters", "01ARYZ6S41TSV4RRFFQ69G5FA", false, true },
    { "27 characters", "01ARYZ6S41TSV4RRFFQ69G5FAVX", false, true },
    { "nothing", "", false, false },
    { "all kinds", "aZ09._-", false, true },
    { "a blank", "a b", false, false },
    { "a slash", "a/b", false, false },
    { "not ASCII", "\xC3\xA4", false, false },
    { "64", "0123456789012345678901234567890123456789012345678901234567890123", false, true },
    { "65", "01234567890123456789012345678901234567890123456789012345678901234", false, false },
}; // clang-format on

static void names_are_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        print_message("%s\n", names[i].what);
        assert_int_equal(id_is_ulid(names[i].text, strlen(names[i].text)), names[i].ulid);
        assert_int_equal(id_is_sender(names[i].text, strlen(names[i].text)), names[i].sender);
    }
    assert_false(id_is_sender("a\0b", 3));
    assert_false(id_is_ulid("01ARYZ6S41TSV4RRFFQ69G5FA\0", 26));
}

static void random_stays_below(void **state)
{
    bool seen[5] = { false };

    (void)state;
    assert_int_equal(id_random_below(0), 0);
    assert_int_equal(id_random_below(1), 0);
    for (int i = 0; i < 1000; i++) {
        uint32_t value = id_random_below(5);

        assert_true(value < 5);
        seen[value] = true;
        assert_true(id_random_below(UINT32_MAX) < UINT32_MAX);
    }
    for (size_t i = 0; i < ARRAY_LEN(seen); i++)
        assert_true(seen[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes),
        cmocka_unit_test(each_is_greater_also_when_the_clock_goes_back),
        cmocka_unit_test(threads_never_share_one),
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(random_stays_below),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
