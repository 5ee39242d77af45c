#include "ctl/sse.h"
#include "tests/test.h"

#include "agent/base/macros.h"

/* One stream a row; what it tells is "name|id|data;" one after the other. NUL is written as '0' by the
 * length being given where a stream has one. */
static const struct {
    const char *what, *stream;
    size_t len; /* 0: up to the NUL */
    const char *told, *last_id;
    int64_t retry_ms;
} rows[] = {
    // clang-format off
    { "nothing", "", 0, "", "", -1 },
    { "one event", "event: operation\nid: a-1\ndata: {}\n\n", 0, "operation|a-1|{};", "a-1", -1 },
    { "CR LF", "event: x\r\nid: 1\r\ndata: y\r\n\r\n", 0, "x|1|y;", "1", -1 },
    { "CR alone", "event: x\rid: 1\rdata: y\r\r", 0, "x|1|y;", "1", -1 },
    { "ends of all kinds", "event: x\r\nid: 1\rdata: y\n\r\n", 0, "x|1|y;", "1", -1 },
    { "no blank behind the colon", "event:x\nid:1\ndata:y\n\n", 0, "x|1|y;", "1", -1 },
    { "only one blank is taken", "data:  y\n\n", 0, "message|| y;", "", -1 },
    { "several lines", "data: a\ndata\ndata: b\n\n", 0, "message||a\n\nb;", "", -1 },
    { "empty data counts", "data\n\n", 0, "message||;", "", -1 },
    { "no data, no event", "event: x\nid: 7\n\n", 0, "", "7", -1 },
    { "its name is not the next one's", "event: x\n\ndata: y\n\n", 0, "message||y;", "", -1 },
    { "the first block of the agent", "retry: 3000\nid: i-0\n: hello\n\n", 0, "", "i-0", 3000 },
    { "an id lasts", "id: 1\ndata: a\n\ndata: b\n\n", 0, "message|1|a;message|1|b;", "1", -1 },
    { "an empty id clears it", "id: 1\ndata: a\n\nid\ndata: b\n\n", 0, "message|1|a;message||b;", "", -1 },
    { "an id of a block that was cut", "id: 1\n\nid: 2\ndata: x\n", 0, "", "1", -1 },
    { "an id with a NUL", "id: a\0b\ndata: y\n\n", 17, "message||y;", "", -1 },
    { "a comment", ": tick\n\n", 0, "", "", -1 },
    { "another field", "color: red\ndata: y\n\n", 0, "message||y;", "", -1 },
    { "a field in capitals is another one", "Data: y\n\n", 0, "", "", -1 },
    { "a colon in the data", "data: {\"a\":1}\n\n", 0, "message||{\"a\":1};", "", -1 },
    { "cut", "data: y\n", 0, "", "", -1 },
    { "cut in a line", "data: y", 0, "", "", -1 },
    { "a byte order mark", "\xEF\xBB\xBF" "data: y\n\n", 0, "message||y;", "", -1 },
    { "half a byte order mark", "\xEF\xBB" "data: y\n\n", 0, "", "", -1 },
    { "one in the middle", "data: \xEF\xBB\xBFy\n\n", 0, "message||\xEF\xBB\xBFy;", "", -1 },
    { "retry of no digits", "retry: 3s\n\n", 0, "", "", -1 },
    { "retry of none", "retry:\n\n", 0, "", "", -1 },
    { "retry of 0", "retry: 0\n\n", 0, "", "", 0 },
    { "retry is cut to an hour", "retry: 99999999999999999999999\n\n", 0, "", "", 3600000 },
    { "blank lines", "\n\n\r\n\r\rdata: y\n\n\n", 0, "message||y;", "", -1 },
}; // clang-format on

static void write_down(const struct sse_event *event, void *ctx)
{
    struct buffer *told = ctx;

    assert_true(buffer_add_text(told, event->name) && buffer_add_text(told, "|") &&
                buffer_add_text(told, event->id) && buffer_add_text(told, "|") &&
                buffer_add_text(told, event->data) && buffer_add_text(told, ";"));
}

static void check(size_t row, size_t step, size_t first)
{
    size_t len = rows[row].len ? rows[row].len : strlen(rows[row].stream);
    struct buffer told = { .max = 4096 };
    struct sse sse;

    sse_init(&sse, write_down, &told);
    for (size_t at = 0, n = first; at < len; at += n, n = step)
        assert_true(sse_take(&sse, rows[row].stream + at, len - at < n ? len - at : n));
    assert_string_equal(buffer_text(&told), rows[row].told);
    assert_string_equal(sse.last_id, rows[row].last_id);
    assert_int_equal(sse.retry_ms, rows[row].retry_ms);
    sse_done(&sse);
    buffer_done(&told);
}

/* Whole, byte by byte, and in two pieces split at every byte. */
static void tells_events(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t len = rows[i].len ? rows[i].len : strlen(rows[i].stream);

        print_message("%s\n", rows[i].what);
        check(i, 1, 1);
        for (size_t first = 1; first <= len; first++)
            check(i, len, first);
    }
}

static void goes_on_after_a_cut(void **state)
{
    struct buffer told = { .max = 4096 };
    struct sse sse;

    (void)state;
    sse_init(&sse, write_down, &told);
    assert_true(sse_take(&sse, "id: 5\nretry: 10\ndata: a\n\nid: 6\nevent: x\ndata: hal", 49));
    sse_restart(&sse);
    assert_string_equal(sse.last_id, "5");
    assert_int_equal(sse.retry_ms, 10);
    assert_true(sse_take(&sse,
                         "\xEF\xBB\xBF"
                         "data: b\n\n",
                         12));
    assert_string_equal(buffer_text(&told), "message|5|a;message|5|b;");
    sse_done(&sse);
    buffer_done(&told);
}

static void feed_times(struct sse *sse, char c, size_t times)
{
    char piece[4096];

    memset(piece, c, sizeof piece);
    for (; times > 0; times -= times < sizeof piece ? times : sizeof piece)
        if (!sse_take(sse, piece, times < sizeof piece ? times : sizeof piece))
            return;
}

static void refuses_what_is_too_long(void **state)
{
    struct buffer told = { .max = 4096 };
    struct sse sse;

    (void)state;
    sse_init(&sse, write_down, &told);
    feed_times(&sse, 'x', SSE_LINE_MAX);
    assert_true(sse_take(&sse, "\ndata: y\n\n", 10));
    assert_string_equal(buffer_text(&told), "message||y;");
    feed_times(&sse, 'x', SSE_LINE_MAX + 1);
    assert_false(sse_take(&sse, "\n", 1));
    assert_false(sse_take(&sse, "data: z\n\n", 9));
    assert_string_equal(buffer_text(&told), "message||y;");
    sse_restart(&sse);
    assert_true(sse_take(&sse, "data: z\n\n", 9));
    sse_done(&sse);

    /* Many lines of data that are too much together. */
    sse_init(&sse, write_down, &told);
    for (int i = 0; i < 5 && !sse.broken; i++) {
        assert_true(sse_take(&sse, "data:", 5));
        feed_times(&sse, 'x', SSE_LINE_MAX / 4);
        (void)sse_take(&sse, "\n", 1);
    }
    assert_true(sse.broken);
    sse_done(&sse);
    buffer_done(&told);
}

static void leaves_out_long_names(void **state)
{
    struct buffer told = { .max = 4096 };
    struct sse sse;

    (void)state;
    sse_init(&sse, write_down, &told);
    assert_true(sse_take(&sse, "id: 1\n\nid: ", 11));
    feed_times(&sse, 'i', SSE_ID_MAX + 1);
    assert_true(sse_take(&sse, "\nevent: ", 8));
    feed_times(&sse, 'e', SSE_NAME_MAX + 1);
    assert_true(sse_take(&sse, "\ndata: y\n\n", 10));
    assert_string_equal(buffer_text(&told), "message|1|y;");
    sse_done(&sse);
    buffer_done(&told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_events),
        cmocka_unit_test(goes_on_after_a_cut),
        cmocka_unit_test(refuses_what_is_too_long),
        cmocka_unit_test(leaves_out_long_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
