#include "api/listener.h"

#include "tests/test.h"

/* What one listener is sent, in pieces of every size. */

enum { ALL_MAX = 8192 };

static struct {
    struct events *events;
    struct listener listener;
    char all[ALL_MAX];
    size_t len;
} it;

static int set_up(void **state)
{
    (void)state;
    memset(&it, 0, sizeof it);
    it.events = events_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    events_free(it.events);
    return 0;
}

static void add(int value)
{
    events_add(it.events, "x", cJSON_CreateNumber(value));
}

/* Until there is nothing more; what ended it. */
static ssize_t take_all(size_t cap)
{
    ssize_t n;

    while ((n = listener_fill(&it.listener, it.all + it.len, cap)) > 0) {
        assert_true((size_t)n <= cap);
        it.len += (size_t)n;
        assert_true(it.len + cap < ALL_MAX);
    }
    it.all[it.len] = '\0';
    return n;
}

static void assert_sent(const char *format, int64_t begin, int64_t first, int64_t second)
{
    char ids[3][EVENT_ID_MAX + 1], wanted[1024];

    events_id(it.events, begin, ids[0]);
    events_id(it.events, first, ids[1]);
    events_id(it.events, second, ids[2]);
    /* NOLINTNEXTLINE(clang-diagnostic-format-nonliteral) */
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wformat-nonliteral\"");
    (void)snprintf(wanted, sizeof wanted, format, ids[0], ids[1], ids[2]);
    _Pragma("GCC diagnostic pop");
    assert_string_equal(it.all, wanted);
}

#define HEAD ": events of lpm-agent\nretry: 3000\nid: %s\n\n"
#define TWO "event: x\nid: %s\ndata: 7\n\nevent: x\nid: %s\ndata: 8\n\n"

static void from_now_on(void **state)
{
    (void)state;
    for (size_t cap = 1; cap < 200; cap++) {
        int64_t begin = events_newest(it.events) + 1;

        it.len = 0;
        add(1);
        listener_init(&it.listener, it.events, cap % 2 ? NULL : "");
        add(7);
        add(8);
        assert_true(listener_has_more(&it.listener));
        assert_int_equal(take_all(cap), LISTENER_IDLE);
        assert_false(listener_has_more(&it.listener));
        assert_sent(HEAD TWO, begin, begin + 1, begin + 2);
    }
}

static void from_before(void **state)
{
    char id[EVENT_ID_MAX + 1];

    (void)state;
    add(1);
    events_id(it.events, 1, id);
    add(7);
    add(8);
    listener_init(&it.listener, it.events, id);
    assert_int_equal(take_all(50), LISTENER_IDLE);
    assert_sent(HEAD TWO, 1, 2, 3);
}

static void from_who_knows_where(void **state)
{
    (void)state;
    add(1);
    listener_init(&it.listener, it.events, "00000000-0");
    assert_int_equal(take_all(50), LISTENER_IDLE);
    assert_sent("retry: 3000\nevent: reset\nid: %s\ndata: {}\n\n", 1, 0, 0);
    it.len = 0;
    add(7);
    add(8);
    assert_int_equal(take_all(50), LISTENER_IDLE);
    assert_sent("%.0s" TWO, 1, 2, 3);
}

static void a_comment(void **state)
{
    (void)state;
    for (size_t cap = 1; cap < 5; cap++) {
        listener_init(&it.listener, it.events, NULL);
        assert_int_equal(take_all(50), LISTENER_IDLE);
        it.len = 0;
        it.listener.beats = true;
        assert_true(listener_has_more(&it.listener));
        /* An event that comes in the middle of it waits for its end. */
        assert_true(listener_fill(&it.listener, it.all, cap) > 0);
        it.len = cap < 3 ? cap : 3;
        add(1);
        assert_int_equal(take_all(cap), LISTENER_IDLE);
        assert_memory_equal(it.all, ":\n\nevent: x\n", 12);
    }
}

static void no_comment_beside_an_event(void **state)
{
    (void)state;
    listener_init(&it.listener, it.events, NULL);
    assert_int_equal(take_all(50), LISTENER_IDLE);
    it.len = 0;
    it.listener.beats = true;
    add(7);
    add(8);
    assert_int_equal(take_all(50), LISTENER_IDLE);
    assert_sent("%.0s" TWO, 0, 1, 2);
}

static void too_slow(void **state)
{
    (void)state;
    listener_init(&it.listener, it.events, NULL);
    assert_int_equal(take_all(50), LISTENER_IDLE);
    for (int i = 0; i <= EVENTS_KEPT; i++)
        add(i);
    assert_true(listener_has_more(&it.listener));
    assert_int_equal(listener_fill(&it.listener, it.all, 50), LISTENER_LOST);
}

static void too_slow_in_the_middle(void **state)
{
    (void)state;
    listener_init(&it.listener, it.events, NULL);
    add(1);
    assert_int_equal(listener_fill(&it.listener, it.all, it.listener.head_len + 5),
                     it.listener.head_len + 5);
    for (int i = 0; i < EVENTS_KEPT; i++)
        add(i);
    assert_int_equal(listener_fill(&it.listener, it.all, 50), LISTENER_LOST);
}

static void an_end(void **state)
{
    (void)state;
    listener_init(&it.listener, it.events, NULL);
    add(7);
    add(8);
    it.listener.ends = true;
    assert_int_equal(take_all(11), LISTENER_OVER);
    assert_sent(HEAD TWO, 0, 1, 2);
    assert_true(listener_has_more(&it.listener));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(from_now_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(from_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(from_who_knows_where, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_comment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_comment_beside_an_event, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_slow, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_slow_in_the_middle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_end, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
