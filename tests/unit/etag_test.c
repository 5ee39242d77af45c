#include "agent/state/etag.h"
#include "tests/test.h"

#define TAG "\"1-00ff\""

/* One header a row, against TAG. */
static const struct {
    const char *what, *header;
    bool strong, weak;
} headers[] = {
    // clang-format off
    { "the tag", TAG, true, true },
    { "blanks around it", " \t" TAG " \t", true, true },
    { "another", "\"1-00fe\"", false, false },
    { "a beginning of it", "\"1-00f\"", false, false },
    { "more than it", "\"1-00ff0\"", false, false },
    { "another case", "\"1-00FF\"", false, false },
    { "no quotes", "1-00ff", false, false },
    { "weak", "W/" TAG, false, true },
    { "weak in lower case is none", "w/" TAG, false, false },
    { "first of a list", TAG ", \"x\"", true, true },
    { "last of a list", "\"x\" ,\"y\"," TAG, true, true },
    { "weak and strong in a list", "W/" TAG ", " TAG, true, true },
    { "strong and weak of others", "\"x\", W/" TAG, false, true },
    { "empty members of a list", ", \"x\",, " TAG " ,", true, true },
    { "a comma inside of a tag", "\"x," TAG, false, false },
    { "star", "*", true, true },
    { "star with blanks", " * ", true, true },
    { "two stars", "**", false, false },
    { "star in a list", "*, " TAG, false, false },
    { "star behind a tag", TAG ", *", false, false },
    { "quoted star", "\"*\"", false, false },
    { "nothing", "", false, false },
    { "blanks", "  ", false, false },
    { "commas", ",,", false, false },
    { "open quote", "\"1-00ff", false, false },
    { "a lone quote", "\"", false, false },
    { "weak of nothing", "W/", false, false },
    { "an empty tag", "\"\"", false, false },
    { "garbage behind it", TAG " x", false, false },
    { "no comma between", TAG TAG, false, false },
    { "what it was refined to", "\"1-00ff.0123abcd\"", true, false },
    { "weakly refined", "W/\"1-00ff.0123abcd\"", false, false },
    { "refined with too little", "\"1-00ff.0123abc\"", false, false },
    { "refined with no hex", "\"1-00ff.0123abcg\"", false, false },
    { "another one refined", "\"1-00fe.0123abcd\"", false, false },
    { "an open quote behind it", TAG ", \"x", false, false },
    { "garbage before it", "x, " TAG, false, false },
}; // clang-format on

static void headers_fit(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        print_message("%s\n", headers[i].what);
        assert_int_equal(etag_fits(headers[i].header, TAG, ETAG_STRONG), headers[i].strong);
        assert_int_equal(etag_fits(headers[i].header, TAG, ETAG_WEAK), headers[i].weak);
    }
}

static void a_refined_tag_is_of_its_text(void **state)
{
    char one[ETAG_REFINED_MAX + 1], other[ETAG_REFINED_MAX + 1];

    (void)state;
    etag_refine(TAG, "[1]", one);
    etag_refine(TAG, "[2]", other);
    assert_string_not_equal(one, other);
    assert_memory_equal(one, "\"1-00ff.", 8);
    assert_int_equal(strlen(one), strlen(TAG) + 9);
    assert_true(etag_fits(one, TAG, ETAG_STRONG) && etag_fits(other, TAG, ETAG_STRONG));
    assert_true(etag_fits(one, one, ETAG_WEAK) && !etag_fits(one, other, ETAG_WEAK));
}

/* Before the first list. */
static void no_tag_fits_star_alone(void **state)
{
    (void)state;
    assert_true(etag_fits("*", "", ETAG_STRONG));
    assert_false(etag_fits("\"\"", "", ETAG_STRONG));
    assert_false(etag_fits("", "", ETAG_WEAK));
    assert_false(etag_fits("W/\"\"", "", ETAG_WEAK));
}

static struct profile_list list_of_three(void)
{
    struct profile_list list = { .count = 3 };

    for (size_t i = 0; i < list.count; i++) {
        struct profile *row = &list.rows[i];

        row->has_iccid = row->has_aid = true;
        strcpy(row->iccid.text, "894900131217006190");
        row->iccid.text[17] = (char)('0' + 2 * i);
        row->aid.len = 16;
        memset(row->aid.bytes, (int)i, row->aid.len);
        row->class = -1;
    }
    list.rows[0].enabled = true;
    list.rows[2].fallback = FALLBACK_YES;
    return list;
}

static void no_change(struct profile_list *list)
{
    (void)list;
}
static void another_enabled(struct profile_list *list)
{
    list->rows[0].enabled = false;
    list->rows[1].enabled = true;
}
static void another_order(struct profile_list *list)
{
    struct profile first = list->rows[0];

    list->rows[0] = list->rows[1];
    list->rows[1] = first;
}
static void one_less(struct profile_list *list)
{
    list->count--;
}
static void none_left(struct profile_list *list)
{
    list->count = 0;
}
static void another_iccid(struct profile_list *list)
{
    list->rows[1].iccid.text[17] ^= 1;
}
static void no_iccid(struct profile_list *list)
{
    list->rows[1].has_iccid = false;
}
static void another_aid(struct profile_list *list)
{
    list->rows[1].aid.bytes[15] ^= 1;
}
static void a_nickname(struct profile_list *list)
{
    strcpy(list->rows[1].nickname, "x");
}
static void the_same_as_provider(struct profile_list *list)
{
    strcpy(list->rows[1].provider, "x");
}
static void the_same_as_name(struct profile_list *list)
{
    strcpy(list->rows[1].name, "x");
}
static void another_fallback(struct profile_list *list)
{
    list->rows[2].fallback = FALLBACK_NO;
}
static void a_class(struct profile_list *list)
{
    list->rows[1].class = 2;
}

static const struct {
    const char *what;
    void (*change)(struct profile_list *list);
    uint64_t generation;
} changes[] = {
    // clang-format off
    { "as it was", no_change, 7 },
    { "the same, dropped once more", no_change, 8 },
    { "the largest generation", no_change, UINT64_MAX },
    { "another enabled", another_enabled, 7 },
    { "another order", another_order, 7 },
    { "one less", one_less, 7 },
    { "none left", none_left, 7 },
    { "another ICCID", another_iccid, 7 },
    { "no ICCID", no_iccid, 7 },
    { "another AID", another_aid, 7 },
    { "a nickname", a_nickname, 7 },
    { "the same text as provider", the_same_as_provider, 7 },
    { "the same text as name", the_same_as_name, 7 },
    { "another fallback", another_fallback, 7 },
    { "a class", a_class, 7 },
}; // clang-format on

static void every_change_gives_another_tag(void **state)
{
    char tags[ARRAY_LEN(changes)][SNAPSHOT_ETAG_MAX + 1];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        struct profile_list list = list_of_three();
        char again[SNAPSHOT_ETAG_MAX + 1];

        changes[i].change(&list);
        etag_of_list(&list, changes[i].generation, tags[i]);
        print_message("%s: %s\n", changes[i].what, tags[i]);
        etag_of_list(&list, changes[i].generation, again);
        assert_string_equal(tags[i], again);
        assert_true(etag_fits(tags[i], tags[i], ETAG_STRONG));
        assert_int_equal(tags[i][strlen(tags[i]) - 1], '"');
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(tags[i], tags[j]);
    }
}

/* What a row does not have is not looked at: unused bytes behind it must not make another tag. */
static void unused_bytes_do_not_count(void **state)
{
    struct profile_list list = list_of_three();
    char before[SNAPSHOT_ETAG_MAX + 1], after[SNAPSHOT_ETAG_MAX + 1];

    (void)state;
    list.rows[1].has_iccid = false;
    etag_of_list(&list, 1, before);
    strcpy(list.rows[1].iccid.text, "left over");
    memset(&list.rows[3], 0xA5, sizeof list.rows[3]);
    strcpy(list.rows[0].nickname, "gone");
    list.rows[0].nickname[0] = '\0';
    etag_of_list(&list, 1, after);
    assert_string_equal(before, after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_fit),
        cmocka_unit_test(a_refined_tag_is_of_its_text),
        cmocka_unit_test(no_tag_fits_star_alone),
        cmocka_unit_test(every_change_gives_another_tag),
        cmocka_unit_test(unused_bytes_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
