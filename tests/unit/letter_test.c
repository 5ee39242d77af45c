#include "agent/operation/letter.h"

#include "tests/test.h"

static void added_until_there_is_no_room(void **state)
{
    struct letters letters = { 0 };

    (void)state;
    for (int i = 0; i < LETTERS_MAX + 2; i++) {
        struct letter *letter = letters_add(&letters, i, strdup("topic"), strdup("payload"));

        assert_int_equal(letter != NULL, i < LETTERS_MAX);
        if (letter) {
            assert_ptr_equal(letter, &letters.items[i]);
            assert_int_equal(letter->class, i);
            assert_false(letter->kept);
            assert_int_equal(letter->number, 0);
        }
    }
    assert_int_equal(letters.count, LETTERS_MAX);
    letters_done(&letters);
    assert_int_equal(letters.count, 0);
    letters_done(&letters);
}

/* The other text is freed: a leak would be told by the sanitizer. */
static void without_memory_nothing_is_added(void **state)
{
    struct letters letters = { 0 };

    (void)state;
    assert_null(letters_add(&letters, 1, NULL, strdup("payload")));
    assert_null(letters_add(&letters, 1, strdup("topic"), NULL));
    assert_null(letters_add(&letters, 1, NULL, NULL));
    assert_int_equal(letters.count, 0);
}

static void copies_are_of_what_is_kept(void **state)
{
    struct letters letters = { 0 }, copy;

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct letter *letter = letters_add(&letters, i, strdup("topic"), strdup("payload"));

        letter->kept = i % 2;
        letter->rev = 10 + i;
        letter->number = 20 + i;
        strcpy(letter->operation, "01JDZ0000000000000000000AB");
    }
    letters_copy_kept(&letters, &copy);
    letters_done(&letters);
    assert_int_equal(copy.count, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(copy.items[i].class, 1 + 2 * i);
        assert_string_equal(copy.items[i].topic, "topic");
        assert_string_equal(copy.items[i].payload, "payload");
        assert_string_equal(copy.items[i].operation, "01JDZ0000000000000000000AB");
        assert_int_equal(copy.items[i].rev, 11 + 2 * i);
        assert_true(copy.items[i].kept);
        assert_int_equal(copy.items[i].number, 0);
    }
    letters_done(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(added_until_there_is_no_room),
        cmocka_unit_test(without_memory_nothing_is_added),
        cmocka_unit_test(copies_are_of_what_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
