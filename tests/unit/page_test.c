#include "agent/operation/page.h"
#include "tests/test.h"

enum { CAP = 4 };

/* An operation is a letter here, z the newest. */
static const struct {
    const char *what, *rows, *id, *inserted, *removed; /* NULL: not asked for */
} rows[] = {
    // clang-format off
    { "into nothing", "", "m", "m", NULL },
    { "the newest", "cb", "d", "dcb", NULL },
    { "in between", "db", "c", "dcb", NULL },
    { "the oldest", "dc", "b", "dcb", NULL },
    { "into a full page", "edba", "c", "edcb", NULL },
    { "the newest into a full page", "dcba", "e", "edcb", NULL },
    { "the oldest has no room", "edcb", "a", "edcb", NULL },
    { "out of one", "c", "c", NULL, "" },
    { "the newest out", "dcb", "d", NULL, "cb" },
    { "out from between", "dcb", "c", NULL, "db" },
    { "the oldest out", "edcb", "b", NULL, "edc" },
}; // clang-format on

static size_t fill(struct operation *page, const char *ids)
{
    memset(page, 0, CAP * sizeof *page);
    for (size_t i = 0; ids[i]; i++)
        page[i].id[0] = ids[i];
    return strlen(ids);
}

static void assert_page(const struct operation *page, size_t count, const char *ids)
{
    assert_int_equal(count, strlen(ids));
    for (size_t i = 0; i < count; i++)
        assert_int_equal(page[i].id[0], ids[i]);
}

static void one_goes_in_or_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct operation *page = calloc(CAP, sizeof *page); /* exactly: no write behind it */
        struct operation op = { .rev = 7 };
        size_t count = fill(page, rows[i].rows);

        print_message("%s\n", rows[i].what);
        strcpy(op.id, rows[i].id);
        assert_int_equal(page_has(page, count, op.id), rows[i].removed != NULL);
        if (rows[i].inserted) {
            count = page_insert(page, count, CAP, &op);
            assert_page(page, count, rows[i].inserted);
        } else {
            assert_int_equal(page_replace(page, count, &op), count);
            assert_page(page, count, rows[i].rows);
            assert_int_equal(page[strchr(rows[i].rows, op.id[0]) - rows[i].rows].rev, 7);
            count = page_remove(page, count, op.id);
            assert_page(page, count, rows[i].removed);
        }
        free(page);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(one_goes_in_or_out) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
