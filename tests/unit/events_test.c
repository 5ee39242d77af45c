#include "api/events.h"

#include <inttypes.h>

#include "tests/test.h"

/* The ring of what has happened, and the place that each listener has in it. */

static void add(struct events *events, int value)
{
    events_add(events, "x", cJSON_CreateNumber(value));
}

static void add_many(struct events *events, int count)
{
    for (int i = 0; i < count; i++)
        add(events, i);
}

static void a_block(void **state)
{
    struct events *events = events_new();
    char id[EVENT_ID_MAX + 1], wanted[96];
    size_t len = 0;
    const char *text;

    (void)state;
    assert_int_equal(events_newest(events), 0);
    assert_null(events_find(events, 0, &len));
    assert_null(events_find(events, 1, &len));
    events_add(events, "profiles", cJSON_CreateString("two\nlines\r"));
    text = events_find(events, 1, &len);
    assert_non_null(text);
    events_id(events, 1, id);
    (void)snprintf(wanted, sizeof wanted, "event: profiles\nid: %s\ndata: \"two\\nlines\\r\"\n\n",
                   id);
    assert_string_equal(text, wanted);
    assert_int_equal(len, strlen(wanted));
    assert_int_equal(events_newest(events), 1);
    events_free(events);
    events_free(NULL);
}

static void the_ring(void **state)
{
    struct events *events = events_new();
    size_t len;

    (void)state;
    add_many(events, EVENTS_KEPT);
    assert_non_null(events_find(events, 1, &len));
    add(events, 1);
    assert_null(events_find(events, 1, &len));
    assert_non_null(events_find(events, 2, &len));
    assert_non_null(events_find(events, EVENTS_KEPT + 1, &len));
    events_free(events);
}

static void its_size(void **state)
{
    struct events *events = events_new();
    enum { PIECE = 1024 * 1024 };
    char *text = malloc(PIECE + 1);
    size_t len;

    (void)state;
    memset(text, 'a', PIECE);
    text[PIECE] = '\0';
    for (int i = 0; i < 10; i++)
        events_add(events, "x", cJSON_CreateString(text));
    assert_null(events_find(events, 7, &len));
    assert_non_null(events_find(events, 8, &len));
    assert_non_null(events_find(events, 10, &len));
    free(text);
    events_free(events);
}

/* `number` stands in an id of this process; "" in front: as it is. */
static const struct {
    const char *what, *id;
    bool is_ours;
    int64_t number; /* -1: not known */
} resumes[] = {
    // clang-format off
    { "the newest", "1040", true, 1040 },
    { "one in between", "1000", true, 1000 },
    { "the one before the oldest that is kept", "16", true, 16 },
    { "one whose follower is gone", "15", true, -1 },
    { "the very first", "0", true, -1 },
    { "one that is still to come", "1041", true, -1 },
    { "leading zero", "01000", true, -1 },
    { "a sign", "+1000", true, -1 },
    { "a blank", " 1000", true, -1 },
    { "something behind", "1000x", true, -1 },
    { "nothing", "", true, -1 },
    { "too large a number", "99999999999999999999999999", true, -1 },
    { "negative", "-1", true, -1 },
    { "no dash", "1000", false, -1 },
    { "another process", "00000000-1000", false, -1 },
    { "empty", "", false, -1 },
    { "long", "0123456789012345678901234567890123456789012345678901234567890123456789-1", false, -1 },
}; // clang-format on

static void resume(void **state)
{
    struct events *events = events_new();

    (void)state;
    add_many(events, EVENTS_KEPT + 16);
    for (size_t i = 0; i < ARRAY_LEN(resumes); i++) {
        char id[128];
        int64_t number = -1;
        bool known;

        events_id(events, 0, id);
        (void)snprintf(resumes[i].is_ours ? strchr(id, '-') + 1 : id, 100, "%s", resumes[i].id);
        known = events_resume(events, id, &number);
        print_message("%s: %s\n", resumes[i].what, id);
        assert_int_equal(known, resumes[i].number >= 0);
        assert_int_equal(number, resumes[i].number);
    }
    events_free(events);
}

static void a_fresh_one_resumes(void **state)
{
    struct events *events = events_new();
    char id[EVENT_ID_MAX + 1];
    int64_t number = -1;

    (void)state;
    events_id(events, 0, id);
    assert_true(events_resume(events, id, &number));
    assert_int_equal(number, 0);
    add(events, 1);
    assert_true(events_resume(events, id, &number));
    events_free(events);
}

static void what_is_lost(void **state)
{
    struct events *events = events_new();
    char id[EVENT_ID_MAX + 1];
    int64_t number = -1;
    size_t len;

    (void)state;
    add_many(events, 3);
    events_id(events, 3, id);
    events_skip(events);
    add(events, 5);
    assert_null(events_find(events, 3, &len));
    assert_null(events_find(events, 4, &len));
    assert_non_null(events_find(events, 5, &len));
    assert_false(events_resume(events, id, &number));
    events_add(events, "x", NULL); /* no memory */
    assert_null(events_find(events, 5, &len));
    assert_int_equal(events_newest(events), 6);
    events_free(events);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block),
        cmocka_unit_test(the_ring),
        cmocka_unit_test(its_size),
        cmocka_unit_test(resume),
        cmocka_unit_test(a_fresh_one_resumes),
        cmocka_unit_test(what_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
