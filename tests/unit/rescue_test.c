#include "agent/worker/rescue.h"

#include "agent/base/clock.h"
#include "tests/test.h"

#define A "89882110000001234568"
#define B "8949001312170061988"
#define C "89860A09091830300220"

#define MIN INT64_C(60000)

enum { NOW = 10000000, REGISTER_MS = 300000 };

/* By ICCID; `letter` 0: none. */
static struct intent_profile profile(char letter)
{
    struct intent_profile profile = { .known = letter != 0, .has_iccid = letter != 0 };

    if (letter)
        strcpy(profile.iccid.text, letter == 'A' ? A : letter == 'B' ? B : C);
    return profile;
}

/* The letters that are on the card; a capital: enabled; `mark`: with the fallback mark. */
static struct profile_list card(const char *letters, char mark)
{
    struct profile_list list = { .count = strlen(letters) };

    for (size_t i = 0; letters[i]; i++) {
        bool enabled = letters[i] < 'a';
        char letter = (char)(enabled ? letters[i] : letters[i] - 'a' + 'A');

        list.rows[i] =
            (struct profile){ .has_iccid = true,
                              .iccid = profile(letter).iccid,
                              .enabled = enabled,
                              .fallback = letter == mark ? FALLBACK_YES : FALLBACK_UNKNOWN };
    }
    return list;
}

static char letter_of(const struct profile_ref *ref)
{
    assert_false(ref->by_aid);
    return strcmp(ref->iccid.text, A) == 0 ? 'A' : strcmp(ref->iccid.text, B) == 0 ? 'B' : 'C';
}

static struct rescue stranded(char previous, char fallback)
{
    const struct intent_profile first = profile(previous), second = profile(fallback);
    struct rescue rescue = rescue_begin(NULL, false, NOW);

    rescue_strand(&rescue, &first, &second, NOW, 0);
    return rescue;
}

/* Who is tried, in this order; '-': nobody this time. */
static void takes_turns(void **state)
{
    static const struct {
        const char *what;
        char previous, fallback;
        const char *card, *turns;
    } rows[] = {
        // clang-format off
        { "both, on the target", 'A', 'C', "aBc", "ACAC" },
        { "the one before alone", 'A', 0, "aB", "AAAA" },
        { "the fallback alone", 0, 'C', "Bc", "CCCC" },
        { "both, on the one before: the other", 'A', 'C', "Abc", "CCCC" },
        { "both, on the fallback: the other", 'A', 'C', "abC", "AAAA" },
        { "the one before, in use", 'A', 0, "Ab", "----" },
        { "not on the card any more", 'A', 'C', "B", "----" },
        { "one is not on the card any more", 'A', 'C', "Bc", "CCCC" },
        { "none is in use", 'A', 'C', "abc", "ACAC" },
        { "the list cannot be read", 'A', 'C', NULL, "ACAC" },
        { "the list cannot be read, the one before alone", 'A', 0, NULL, "AAAA" },
        { "the list cannot be read, the fallback alone", 0, 'C', NULL, "CCCC" },
    }; // clang-format on

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rescue rescue = stranded(rows[i].previous, rows[i].fallback);
        const struct profile_list known = card(rows[i].card ? rows[i].card : "", 0);
        const struct profile_list *list = rows[i].card ? &known : NULL;
        char turns[5] = "----";

        print_message("%s\n", rows[i].what);
        assert_true(rescue.stranded);
        for (size_t n = 0; n < 4; n++) {
            int64_t at_ms = rescue_next_ms(&rescue, REGISTER_MS);
            struct profile_ref ref;

            assert_false(rescue_next(&rescue, list, REGISTER_MS, at_ms - 1, 0, &ref));
            assert_int_equal(rescue_next_ms(&rescue, REGISTER_MS), at_ms);
            if (rescue_next(&rescue, list, REGISTER_MS, at_ms, 0, &ref))
                turns[n] = letter_of(&ref);
            assert_int_equal(rescue.tries, n + 1);
            assert_true(rescue_next_ms(&rescue, REGISTER_MS) > at_ms);
        }
        assert_string_equal(turns, rows[i].turns);
    }
}

/* A profile that the card names by its AID alone. */
static void a_profile_without_iccid(void **state)
{
    const struct intent_profile by_aid = { .known = true, .has_aid = true, .aid = { 16, { 7 } } };
    const struct intent_profile none = { 0 };
    const struct profile_list list = { .count = 2,
                                       .rows = {
                                           { .has_iccid = true, .iccid = { B }, .enabled = true },
                                           { .has_aid = true, .aid = { 16, { 7 } } } } };
    struct rescue rescue = rescue_begin(NULL, false, NOW), again;
    struct profile_ref ref;
    char *text;

    (void)state;
    rescue_strand(&rescue, &by_aid, &none, NOW, 0);
    text = rescue_to_text(&rescue);
    assert_non_null(text);
    again = rescue_begin(text, false, NOW);
    free(text);
    assert_true(again.stranded);
    assert_true(rescue_next(&again, &list, REGISTER_MS, again.next_ms, 0, &ref));
    assert_true(ref.by_aid);
    assert_true(aid_equal(&ref.aid, &by_aid.aid));
}

static void waits_grow_and_differ(void **state)
{
    static const int64_t waits_ms[] = { 5 * MIN,  10 * MIN, 20 * MIN, 40 * MIN,
                                        60 * MIN, 60 * MIN, 60 * MIN };
    static const uint32_t chances[] = { 0, 1, 59999, 12345678, UINT32_MAX };
    const struct profile_list list = card("aB", 0);

    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(chances); c++) {
        const struct intent_profile first = profile('A'), none = { 0 };
        struct rescue rescue = rescue_begin(NULL, false, NOW);
        int64_t now_ms = NOW;

        rescue_strand(&rescue, &first, &none, now_ms, chances[c]);
        for (size_t i = 0; i < ARRAY_LEN(waits_ms); i++) {
            int64_t next_ms = rescue_next_ms(&rescue, REGISTER_MS);
            struct profile_ref ref;

            assert_in_range(next_ms - now_ms, waits_ms[i] * 9 / 10, waits_ms[i] * 11 / 10 - 1);
            if (chances[c] == 0)
                assert_int_equal(next_ms - now_ms, waits_ms[i] * 9 / 10);
            now_ms = next_ms;
            assert_true(rescue_next(&rescue, &list, REGISTER_MS, now_ms, chances[c], &ref));
        }
    }
}

/* The whole width is used. */
static void jitter_reaches_both_ends(void **state)
{
    const struct intent_profile first = profile('A'), none = { 0 };
    struct rescue rescue = rescue_begin(NULL, false, NOW);

    (void)state;
    rescue_strand(&rescue, &first, &none, NOW, (uint32_t)(MIN - 1));
    assert_int_equal(rescue.next_ms - NOW, 5 * MIN * 11 / 10 - 1);
}

/* A try that a late hour brings does not make up for those that were missed. */
static void a_late_try_is_one(void **state)
{
    struct rescue rescue = stranded('A', 'C');
    const struct profile_list list = card("aBc", 0);
    struct profile_ref ref;

    (void)state;
    assert_true(rescue_next(&rescue, &list, REGISTER_MS, NOW + 24 * 60 * MIN, 0, &ref));
    assert_false(rescue_next(&rescue, &list, REGISTER_MS, NOW + 24 * 60 * MIN, 0, &ref));
    assert_int_equal(rescue.next_ms, NOW + 24 * 60 * MIN + 9 * MIN);
}

static void restarts_go_on(void **state)
{
    static const struct {
        char previous, fallback;
        const char *card, *turns;
    } rows[] = { { 'A', 'C', "aBc", "ACAC" }, { 'A', 0, "aB", "AAAA" }, { 0, 'C', "Bc", "CCCC" } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rescue rescue = stranded(rows[i].previous, rows[i].fallback);
        const struct profile_list list = card(rows[i].card, 0);

        /* A restart between any two tries; the clock begins anew with it. */
        for (size_t n = 0; n < 4; n++) {
            static const int64_t waits_ms[] = { 5 * MIN, 10 * MIN, 20 * MIN, 40 * MIN };
            char *text = rescue_to_text(&rescue);
            struct profile_ref ref;

            assert_non_null(text);
            assert_true(strlen(text) <= RESCUE_TEXT_MAX);
            rescue = rescue_begin(text, false, 1000);
            free(text);
            assert_true(rescue.stranded);
            assert_int_equal(rescue.tries, n);
            assert_int_equal(rescue_next_ms(&rescue, REGISTER_MS), 1000 + waits_ms[n] * 9 / 10);
            assert_true(rescue_next(&rescue, &list, REGISTER_MS, rescue.next_ms, 0, &ref));
            assert_int_equal(letter_of(&ref), rows[i].turns[n]);
        }
    }
}

static void garbage_is_nothing(void **state)
{
    static const char *const texts[] = {
        "",
        "x",
        "null",
        "[]",
        "{}",
        "{\"tries\":1}",
        "{\"profiles\":[],\"tries\":1}",
        "{\"profiles\":[null],\"tries\":1}",
        "{\"profiles\":[\"\"],\"tries\":1}",
        "{\"profiles\":[\"123\"],\"tries\":1}",
        "{\"profiles\":\"" A "\",\"tries\":1}",
        "{\"profiles\":[\"" A "\"],\"tries\":-1}",
        "{\"profiles\":[\"" A "\"],\"tries\":\"1\"}",
        "{\"profiles\":[\"" A "\"],\"tries\":1.5}",
        "{\"profiles\":[\"" A "\"],\"tries\":99999999}",
        "{\"profiles\":[\"" A "\"],\"tries\":1",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct rescue rescue = rescue_begin(texts[i], false, NOW);

        print_message("%s\n", texts[i]);
        assert_false(rescue.stranded);
        assert_int_equal(rescue_next_ms(&rescue, REGISTER_MS), CLOCK_NEVER);
        assert_null(rescue_to_text(&rescue));
        assert_false(rescue_end(&rescue));
    }
}

/* What was kept is nothing without profiles; a huge count of tries has the longest wait. */
static void many_tries_wait_the_longest(void **state)
{
    struct rescue rescue = rescue_begin("{\"profiles\":[\"" A "\"],\"tries\":1000000}", false, NOW);

    (void)state;
    assert_true(rescue.stranded);
    assert_int_equal(rescue.next_ms - NOW, 54 * MIN);
}

static void nothing_to_go_back_to(void **state)
{
    struct rescue rescue = stranded(0, 0);

    (void)state;
    assert_false(rescue.stranded);
    assert_int_equal(rescue_next_ms(&rescue, REGISTER_MS), CLOCK_NEVER);
    assert_null(rescue_to_text(&rescue));
}

static void a_lost_journal_tries_the_fallback_once(void **state)
{
    static const struct {
        const char *what, *card;
        char mark, tried; /* 0: nobody */
    } rows[] = {
        { "not in use", "Abc", 'C', 'C' },
        { "in use", "abC", 'C', 0 },
        { "no mark", "Abc", 0, 0 },
        { "no profile", "", 'C', 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rescue rescue = rescue_begin(NULL, true, NOW);
        const struct profile_list list = card(rows[i].card, rows[i].mark);
        struct profile_ref ref;

        print_message("%s\n", rows[i].what);
        assert_int_equal(rescue_next_ms(&rescue, REGISTER_MS), CLOCK_NEVER);
        assert_false(rescue_next(&rescue, &list, REGISTER_MS, NOW + 60 * MIN, 0, &ref));
        rescue_see_unregistered(&rescue, NOW + 1000);
        /* The first time counts. */
        rescue_see_unregistered(&rescue, NOW + 200000);
        assert_int_equal(rescue_next_ms(&rescue, REGISTER_MS), NOW + 1000 + REGISTER_MS);
        assert_false(
            rescue_next(&rescue, &list, REGISTER_MS, NOW + 1000 + REGISTER_MS - 1, 0, &ref));
        assert_int_equal(
            rescue_next(&rescue, &list, REGISTER_MS, NOW + 1000 + REGISTER_MS, 0, &ref),
            rows[i].tried != 0);
        if (rows[i].tried)
            assert_int_equal(letter_of(&ref), rows[i].tried);
        rescue_see_unregistered(&rescue, NOW + 60 * MIN);
        assert_int_equal(rescue_next_ms(&rescue, REGISTER_MS), CLOCK_NEVER);
        assert_false(rescue_next(&rescue, &list, REGISTER_MS, NOW + 120 * MIN, 0, &ref));
    }
}

static void it_ends(void **state)
{
    static const struct {
        const char *what;
        bool lost, strands, was;
    } rows[] = {
        { "nothing was", false, false, false },
        { "watching", true, false, true },
        { "stranded", false, true, true },
        { "both", true, true, true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rescue rescue = rescue_begin(NULL, rows[i].lost, NOW);
        const struct intent_profile first = profile('A'), second = profile('C');
        const struct profile_list list = card("aBc", 'C');
        struct profile_ref ref;

        print_message("%s\n", rows[i].what);
        if (rows[i].lost)
            rescue_see_unregistered(&rescue, NOW);
        if (rows[i].strands)
            rescue_strand(&rescue, &first, &second, NOW, 0);
        assert_int_equal(rescue_end(&rescue), rows[i].was);
        assert_false(rescue_end(&rescue));
        assert_null(rescue_to_text(&rescue));
        rescue_see_unregistered(&rescue, NOW);
        assert_int_equal(rescue_next_ms(&rescue, REGISTER_MS), CLOCK_NEVER);
        assert_false(rescue_next(&rescue, &list, REGISTER_MS, NOW + 600 * MIN, 0, &ref));
    }
}

/* Stranded once more: what was tried before does not count. */
static void stranded_again_begins_anew(void **state)
{
    struct rescue rescue = stranded('A', 'C');
    const struct intent_profile first = profile('C'), none = { 0 };
    const struct profile_list list = card("aBc", 0);
    struct profile_ref ref;

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_true(rescue_next(&rescue, &list, REGISTER_MS, rescue.next_ms, 0, &ref));
    rescue_strand(&rescue, &first, &none, NOW, 0);
    assert_int_equal(rescue.tries, 0);
    assert_int_equal(rescue.next_ms, NOW + 5 * MIN * 9 / 10);
    assert_true(rescue_next(&rescue, &list, REGISTER_MS, rescue.next_ms, 0, &ref));
    assert_int_equal(letter_of(&ref), 'C');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_turns),
        cmocka_unit_test(a_profile_without_iccid),
        cmocka_unit_test(waits_grow_and_differ),
        cmocka_unit_test(jitter_reaches_both_ends),
        cmocka_unit_test(a_late_try_is_one),
        cmocka_unit_test(restarts_go_on),
        cmocka_unit_test(garbage_is_nothing),
        cmocka_unit_test(many_tries_wait_the_longest),
        cmocka_unit_test(nothing_to_go_back_to),
        cmocka_unit_test(a_lost_journal_tries_the_fallback_once),
        cmocka_unit_test(it_ends),
        cmocka_unit_test(stranded_again_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
