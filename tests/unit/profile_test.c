#include "agent/base/profile.h"
#include "tests/test.h"

#define AID_1                                                                                      \
    {                                                                                              \
        16,                                                                                        \
        {                                                                                          \
            0xA0, 0, 0, 5, 0x59, 0x10, 0x10, 255, 255, 255, 255, 0x89, 0, 0, 0x11, 0               \
        }                                                                                          \
    }
#define AID_2                                                                                      \
    {                                                                                              \
        16,                                                                                        \
        {                                                                                          \
            0xA0, 0, 0, 5, 0x59, 0x10, 0x10, 255, 255, 255, 255, 0x89, 0, 0, 0x12, 0               \
        }                                                                                          \
    }

static const struct profile_list list = {
    .count = 3,
    .rows = {
        { .has_iccid = true, .iccid = { "89123108001757010071" }, .has_aid = true, .aid = AID_1 },
        { .has_aid = true, .aid = AID_2, .enabled = true },
        { .has_iccid = true, .iccid = { "8949001312170061988" } },
    },
};

/* `row`: which one is found; -1: none; -2: the text is refused. */
static const struct {
    const char *what, *text;
    int row;
} rows[] = {
    // clang-format off
    { "by ICCID", "89123108001757010071", 0 },
    { "by AID", "A0000005591010FFFFFFFF8900001100", 0 },
    { "by AID in lower case", "a0000005591010ffffffff8900001200", 1 },
    { "by a padded ICCID", "8949001312170061988F", 2 },
    { "another ICCID", "89123108001757010072", -1 },
    { "another AID", "A0000005591010FFFFFFFF8900001300", -1 },
    { "an AID of 15 bytes", "A0000005591010FFFFFFFF89000011", -2 },
    { "32 characters that are no hex", "A0000005591010FFFFFFFF89000011XX", -2 },
    { "a name", "KORE", -2 },
    { "nothing", "", -2 },
}; // clang-format on

static void found_by_what_was_asked(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct profile_ref ref = { .iccid = { "as before" } };
        struct error e = profile_ref_from_text(rows[i].text, strlen(rows[i].text), &ref);

        print_message("%s: %s\n", rows[i].what, e.message);
        assert_int_equal(e.code, rows[i].row == -2 ? ERROR_INVALID_REQUEST : ERROR_NONE);
        if (e.code)
            assert_string_equal(ref.iccid.text, "as before");
        else
            assert_ptr_equal(profile_find(&list, &ref),
                             rows[i].row < 0 ? NULL : &list.rows[rows[i].row]);
    }
}

static void the_one_in_use(void **state)
{
    static const struct profile_list none = { .count = 0, .rows = { { .enabled = true } } };

    (void)state;
    assert_ptr_equal(profile_enabled(&list), &list.rows[1]);
    assert_null(profile_enabled(&none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_by_what_was_asked),
        cmocka_unit_test(the_one_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
