#include "ctl/reference.h"
#include "tests/test.h"

#include "ctl/field.h"

static const char list[] =
    "[{\"iccid\":\"1\",\"label\":\"Home\",\"nickname\":\"Home\"},"
    "{\"iccid\":\"2\",\"label\":\"spare\"},"
    "{\"iccid\":\"3\",\"nickname\":\"SPARE\"},"
    "{\"iccid\":\"4\",\"label\":7,\"name\":\"Orange\"},"
    "{\"iccid\":\"5\",\"label\":\"twice\"},{\"iccid\":\"6\",\"label\":\"twice\"}]";

static const struct {
    const char *text, *iccid;
    int count;
} rows[] = {
    { "Home", "1", 1 },   { "home", "1", 1 },   { "spare", "2", 1 },   { "SPARE", "3", 1 },
    { "Spare", NULL, 2 }, { "twice", NULL, 2 }, { "Orange", NULL, 0 }, { "", NULL, 0 },
};

static void finds_what_is_called_so(void **state)
{
    cJSON *profiles = cJSON_Parse(list);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int count;
        const cJSON *row = reference_find(profiles, rows[i].text, &count);

        print_message("%s: %d\n", rows[i].text, count);
        assert_int_equal(count, rows[i].count);
        assert_int_equal(row != NULL, rows[i].iccid != NULL);
        if (row)
            assert_string_equal(field_text(row, "iccid"), rows[i].iccid);
    }
    cJSON_Delete(profiles);
}

static void knows_exact_ones(void **state)
{
    (void)state;
    assert_true(reference_is_exact("8949001312170061988"));
    assert_true(reference_is_exact("a0000005591010ffffffff8900001100"));
    assert_false(reference_is_exact("A000000559")); /* an AID, but no ISD-P's */
    assert_false(reference_is_exact("spare"));
    assert_false(reference_is_exact("8949"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_is_called_so),
        cmocka_unit_test(knows_exact_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
