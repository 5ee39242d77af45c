#include "mqtt/outbox.h"
#include "tests/test.h"

#include "agent/base/clock.h"

enum { MUCH = 1 << 20, ALL = SIZE_MAX / 2 };

static void put_rev(struct outbox *o, enum outbox_class class, const char *topic,
                    const char *payload, const char *operation, int64_t rev)
{
    const struct outbox_message m = {
        .class = class, .topic = topic, .payload = payload, .operation = operation, .rev = rev
    };

    (void)outbox_put(o, &m);
}

/* With a rev above that of any before. */
static void put(struct outbox *o, enum outbox_class class, const char *topic, const char *payload,
                const char *operation)
{
    static int64_t rev = 1000;

    put_rev(o, class, topic, payload, operation, ++rev);
}

/* The next row, or "" when none may go. */
static const char *next(struct outbox *o, int64_t now_ms, int64_t *ret_number)
{
    const struct outbox_row *row = outbox_next(o, now_ms, OUTBOX_IN_FLIGHT_MAX, ALL);

    if (ret_number)
        *ret_number = row ? row->number : 0;
    return row ? row->message.payload : "";
}

static void in_order_and_gone_when_acknowledged(void **state)
{
    struct outbox *o = outbox_new(MUCH);
    int64_t a, b;

    (void)state;
    put(o, OUTBOX_EVENT, "t", "a", NULL);
    put(o, OUTBOX_EVENT, "t", "b", NULL);
    assert_string_equal(next(o, 0, &a), "a");
    assert_string_equal(next(o, 0, &b), "b");
    assert_string_equal(next(o, 0, NULL), "");
    assert_int_equal(outbox_acked(o, b, 0, 0), OUTBOX_DELIVERED);
    assert_int_equal(outbox_acked(o, b, 0, 0), OUTBOX_GONE);
    assert_int_equal(outbox_counts(o).rows, 1);
    assert_int_equal(outbox_acked(o, a, 0x10, 0), OUTBOX_DELIVERED); /* no matching subscribers */
    assert_int_equal(outbox_counts(o).rows, 0);
    assert_int_equal(outbox_counts(o).bytes, 0);
    /* The list's end is found again after it was empty. */
    put(o, OUTBOX_EVENT, "t", "c", NULL);
    assert_string_equal(next(o, 0, NULL), "c");
    outbox_free(o);
}

static void a_status_is_replaced_until_it_is_sent(void **state)
{
    struct outbox *o = outbox_new(MUCH);
    int64_t n;

    (void)state;
    put(o, OUTBOX_STATUS, "s", "1", "op-a");
    put(o, OUTBOX_STATUS, "s", "2", "op-a");
    put(o, OUTBOX_STATUS, "s2", "other", "op-b");
    assert_string_equal(next(o, 0, NULL), "2");
    outbox_free(o);

    o = outbox_new(MUCH);
    put(o, OUTBOX_STATUS, "s", "1", "op-a");
    assert_string_equal(next(o, 0, &n), "1");
    put(o, OUTBOX_STATUS, "s", "2", "op-a");
    put(o, OUTBOX_STATUS, "s", "3", "op-a");
    put(o, OUTBOX_OUTCOME, "s", "end", "op-a");
    /* One after the other: the first is not acknowledged yet. */
    assert_string_equal(next(o, 0, NULL), "");
    (void)outbox_acked(o, n, 0, 0);
    assert_string_equal(next(o, 0, &n), "end");
    /* The end stays whatever comes. */
    outbox_returned(o, n);
    put(o, OUTBOX_OUTCOME, "s", "end again", "op-a");
    assert_string_equal(next(o, 0, &n), "end");
    outbox_free(o);
}

static void the_latest_of_a_topic(void **state)
{
    struct outbox *o = outbox_new(MUCH);
    int64_t n;

    (void)state;
    put(o, OUTBOX_LATEST, "info", "1", NULL);
    put(o, OUTBOX_LATEST, "info", "2", NULL);
    assert_string_equal(next(o, 0, &n), "2");
    put(o, OUTBOX_LATEST, "info", "3", NULL);
    put(o, OUTBOX_LATEST, "twin", "x", NULL);
    assert_string_equal(next(o, 0, NULL), "x"); /* another topic does not wait */
    assert_string_equal(next(o, 0, NULL), "");
    outbox_lost(o);
    /* What came back in its old place is outdated by what came after it. */
    assert_string_equal(next(o, 0, NULL), "3");
    assert_string_equal(next(o, 0, NULL), "x");
    assert_int_equal(outbox_counts(o).rows, 2);
    outbox_free(o);
}

static void urgent_first(void **state)
{
    struct outbox *o = outbox_new(MUCH);
    const struct outbox_message health = {
        .class = OUTBOX_LATEST, .topic = "health", .payload = "up", .urgent = true, .retained = true
    };

    (void)state;
    put(o, OUTBOX_EVENT, "t", "a", NULL);
    assert_true(outbox_put(o, &health));
    assert_string_equal(next(o, 0, NULL), "up");
    assert_string_equal(next(o, 0, NULL), "a");
    outbox_lost(o);
    outbox_withdraw(o, "health");
    assert_string_equal(next(o, 0, NULL), "a");
    assert_string_equal(next(o, 0, NULL), "");
    outbox_free(o);
}

static void over_the_cap(void **state)
{
    struct outbox *o = outbox_new(4096);
    char text[401];
    int64_t n;

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    put(o, OUTBOX_OUTCOME, "s", "first", "op-a");
    put(o, OUTBOX_EVENT, "e", "in flight", NULL);
    assert_string_equal(next(o, 0, NULL), "first");
    assert_string_equal(next(o, 0, &n), "in flight");
    put(o, OUTBOX_EVENT, "e", "oldest", NULL);
    for (int i = 0; i < 20; i++)
        put(o, OUTBOX_EVENT, "e", text, NULL);
    assert_true(outbox_counts(o).bytes <= 4096);
    assert_true(outbox_counts(o).dropped > 10);
    outbox_lost(o);
    /* Outcomes are kept beyond it, and then no event has room. */
    for (int i = 0; i < 20; i++)
        put(o, OUTBOX_OUTCOME, "s", text, "op-b");
    put(o, OUTBOX_EVENT, "e", "no room", NULL);
    assert_int_equal(outbox_counts(o).rows, 21);
    assert_string_equal(next(o, 0, NULL), "first");
    outbox_free(o);
}

/* What a row for operation "op-a" becomes beside one that is there. */
static const struct {
    const char *what;
    enum outbox_class first;
    int64_t first_rev;
    bool sent;
    enum outbox_class then;
    int64_t rev;
    const char *topic;
    const char *told; /* one after the other, each acknowledged */
} revs[] = {
    // clang-format off
    { "next", OUTBOX_STATUS, 3, false, OUTBOX_STATUS, 4, "s", "b" },
    { "next of one that is out", OUTBOX_STATUS, 3, true, OUTBOX_STATUS, 4, "s", "ab" },
    { "stale", OUTBOX_STATUS, 4, false, OUTBOX_STATUS, 3, "s", "a" },
    { "stale behind one that is out", OUTBOX_STATUS, 4, true, OUTBOX_STATUS, 3, "s", "a" },
    { "stale behind the end", OUTBOX_OUTCOME, 7, false, OUTBOX_STATUS, 4, "s", "a" },
    { "stale repeat behind the end", OUTBOX_OUTCOME, 7, true, OUTBOX_ANSWER, 4, "s", "a" },
    { "repeat of one that waits", OUTBOX_STATUS, 3, false, OUTBOX_ANSWER, 3, "s", "a" },
    { "repeat of one that is out", OUTBOX_STATUS, 3, true, OUTBOX_ANSWER, 3, "s", "ab" },
    { "repeat of an end that waits", OUTBOX_OUTCOME, 7, false, OUTBOX_ANSWER, 7, "s", "a" },
    { "repeat of an end that is out", OUTBOX_OUTCOME, 7, true, OUTBOX_ANSWER, 7, "s", "ab" },
    { "repeat twice", OUTBOX_ANSWER, 7, false, OUTBOX_ANSWER, 7, "s", "a" },
    { "next after a repeat", OUTBOX_ANSWER, 3, false, OUTBOX_STATUS, 4, "s", "b" },
    { "the end after a repeat", OUTBOX_ANSWER, 3, false, OUTBOX_OUTCOME, 7, "s", "b" },
    { "another topic", OUTBOX_OUTCOME, 7, false, OUTBOX_ANSWER, 7, "s2", "ab" },
}; // clang-format on

static void revs_never_fall(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(revs); i++) {
        struct outbox *o = outbox_new(MUCH);
        char told[8] = "";
        int64_t n = 0;

        print_message("%s\n", revs[i].what);
        put_rev(o, revs[i].first, "s", "a", "op-a", revs[i].first_rev);
        if (revs[i].sent)
            strcat(told, next(o, 0, &n));
        put_rev(o, revs[i].then, revs[i].topic, "b", "op-a", revs[i].rev);
        do {
            if (n)
                assert_int_equal(outbox_acked(o, n, 0, 0), OUTBOX_DELIVERED);
            strcat(told, next(o, 0, &n));
        } while (n);
        assert_string_equal(told, revs[i].told);
        outbox_free(o);
    }
}

/* However often somebody asks, what waits is bounded, and what counts stays. */
static void a_flood(void **state)
{
    struct outbox *o = outbox_new(64 * 1024);
    char id[ID_LEN + 1], text[256];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    put_rev(o, OUTBOX_OUTCOME, "s", "kept", "op-a", 7);
    for (int i = 0; i < 20000; i++) {
        put_rev(o, OUTBOX_ANSWER, "s", text, "op-b", 1);
        (void)snprintf(id, sizeof id, "%d", i);
        put_rev(o, OUTBOX_ANSWER, id, text, id, 1);
    }
    assert_true(outbox_counts(o).bytes <= 64 * 1024);
    assert_true(outbox_counts(o).dropped > 19000);
    assert_string_equal(next(o, 0, NULL), "kept");
    assert_string_equal(next(o, 0, NULL), text);
    outbox_lost(o);
    for (int i = 0; i < 2 * OUTBOX_OUTCOMES_MAX; i++) {
        (void)snprintf(id, sizeof id, "o%d", i);
        put_rev(o, OUTBOX_OUTCOME, "e", id, NULL, 0);
    }
    /* Only outcomes are left, as many as there may be; the oldest are gone. */
    assert_int_equal(outbox_counts(o).rows, OUTBOX_OUTCOMES_MAX);
    assert_string_equal(next(o, 0, NULL), "o1000");
    outbox_free(o);
}

/* --- on disk, too --- */

static bool put_letter(struct outbox *o, enum outbox_class class, const char *operation,
                       int64_t rev, int64_t letter)
{
    char text[32];
    const struct outbox_message m = { .class = class,
                                      .topic = "s",
                                      .payload = text,
                                      .operation = operation,
                                      .rev = rev,
                                      .letter = letter };

    (void)snprintf(text, sizeof text, "%d", (int)letter);
    return outbox_put(o, &m);
}

/* Sends and acknowledges the next; its letter, 0: there was none. */
static int64_t deliver(struct outbox *o)
{
    const struct outbox_row *row = outbox_next(o, 0, OUTBOX_IN_FLIGHT_MAX, ALL);
    int64_t letter = row ? row->message.letter : 0;

    if (row)
        assert_int_equal(outbox_acked(o, row->number, 0, 0), OUTBOX_DELIVERED);
    return letter;
}

/* How a message with letter 7 leaves, or stays, beside one of "op-a" with rev 4 and letter 1. */
static const struct {
    const char *what;
    enum outbox_class first, class;
    int64_t rev;
    bool sent;
    int reason;   /* of the PUBACK, when sent */
    int64_t done; /* the letter; 0: none */
} leaving[] = {
    // clang-format off
    { "waits", OUTBOX_OUTCOME, OUTBOX_OUTCOME, 5, false, 0, 0 },
    { "delivered", OUTBOX_OUTCOME, OUTBOX_OUTCOME, 5, true, 0, 1 },
    { "no subscriber", OUTBOX_OUTCOME, OUTBOX_OUTCOME, 5, true, 0x10, 1 },
    { "refused", OUTBOX_OUTCOME, OUTBOX_OUTCOME, 5, true, 0x87, 1 },
    { "over quota", OUTBOX_OUTCOME, OUTBOX_OUTCOME, 5, true, 0x97, 0 },
    { "replaced", OUTBOX_ANSWER, OUTBOX_ANSWER, 5, false, 0, 1 },
    { "replaced when put off", OUTBOX_ANSWER, OUTBOX_ANSWER, 5, true, 0x97, 1 },
    { "said already", OUTBOX_ANSWER, OUTBOX_ANSWER, 4, false, 0, 7 },
    { "an outcome is not said by what may be dropped", OUTBOX_ANSWER, OUTBOX_OUTCOME, 4, false, 0, 0 },
    { "an outcome twice", OUTBOX_OUTCOME, OUTBOX_OUTCOME, 4, false, 0, 7 },
}; // clang-format on

static void letters_that_are_done_with(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(leaving); i++) {
        struct outbox *o = outbox_new(MUCH);
        int64_t done[4] = { 0 };
        int64_t n = 0;

        print_message("%s\n", leaving[i].what);
        assert_true(put_letter(o, leaving[i].first, "op-a", 4, 1));
        if (leaving[i].sent)
            assert_string_equal(next(o, 0, &n), "1");
        assert_true(put_letter(o, leaving[i].class, "op-a", leaving[i].rev, 7));
        if (leaving[i].sent)
            (void)outbox_acked(o, n, leaving[i].reason, 0);
        assert_int_equal(outbox_take_done(o, 4, done), leaving[i].done ? 1 : 0);
        assert_int_equal(done[0], leaving[i].done);
        assert_int_equal(outbox_take_done(o, 4, done), 0);
        outbox_free(o);
    }
}

/* It went on in memory while the disk failed, and is on disk now. */
static void a_letter_that_comes_later(void **state)
{
    struct outbox *o = outbox_new(MUCH);
    int64_t done[4];

    (void)state;
    assert_true(put_letter(o, OUTBOX_OUTCOME, "op-a", 4, 0));
    assert_true(put_letter(o, OUTBOX_OUTCOME, "op-a", 4, 7));
    assert_int_equal(outbox_take_done(o, 4, done), 0);
    assert_int_equal(outbox_counts(o).rows, 1);
    assert_int_equal(deliver(o), 7);
    assert_int_equal(outbox_take_done(o, 4, done), 1);
    outbox_free(o);
}

static void letters_over_the_cap(void **state)
{
    struct outbox *o = outbox_new(4096);
    int64_t done[64], more[64];
    size_t count;

    (void)state;
    for (int i = 1; i <= 40; i++)
        assert_true(put_letter(o, OUTBOX_EVENT, NULL, 0, i));
    /* Taken in two parts, each once; the newest are still here. */
    count = outbox_take_done(o, 5, done);
    assert_int_equal(count, 5);
    count += outbox_take_done(o, 64, more);
    assert_int_equal(count, outbox_counts(o).dropped);
    assert_int_equal(count + outbox_counts(o).rows, 40);
    assert_int_equal(deliver(o), (int64_t)count + 1);
    /* One that finds no room is done with, too. */
    for (int i = 0; i < 40; i++)
        assert_true(put_letter(o, OUTBOX_OUTCOME, NULL, 0, 100 + i));
    while (outbox_take_done(o, 64, done) > 0)
        ;
    assert_false(put_letter(o, OUTBOX_EVENT, NULL, 0, 99));
    assert_int_equal(outbox_take_done(o, 64, done), 1);
    assert_int_equal(done[0], 99);
    outbox_free(o);
}

/* As the disk has them, each an outcome. */
static void load_range(struct outbox *o, int64_t from, int64_t to)
{
    for (int64_t letter = from; letter <= to; letter++) {
        char text[32];
        const struct outbox_message m = {
            .class = OUTBOX_OUTCOME, .topic = "s", .payload = text, .letter = letter
        };

        (void)snprintf(text, sizeof text, "%d", (int)letter);
        assert_true(outbox_load(o, &m));
    }
    outbox_loaded(o, to);
}

static void outcomes_beyond_memory_wait_on_disk(void **state)
{
    enum { ALL_OF_THEM = 2 * OUTBOX_OUTCOMES_MAX + 300 };
    struct outbox *o = outbox_new(MUCH);
    struct outbox_left left;
    int64_t last = 0;

    (void)state;
    for (int64_t i = 1; i < ALL_OF_THEM; i++)
        assert_true(put_letter(o, OUTBOX_OUTCOME, NULL, 0, i));
    assert_int_equal(outbox_counts(o).rows, OUTBOX_OUTCOMES_MAX);
    assert_int_equal(outbox_counts(o).dropped, 0);
    while (last < ALL_OF_THEM) {
        if (last == 100) /* there is room for it, but not its turn */
            assert_true(put_letter(o, OUTBOX_OUTCOME, NULL, 0, ALL_OF_THEM));
        left = outbox_wants(o);
        /* Never before memory has drained to the half. */
        assert_true(!left.first || outbox_counts(o).rows <= OUTBOX_OUTCOMES_MAX / 2);
        if (left.first) {
            assert_int_equal(left.last, ALL_OF_THEM);
            load_range(o, left.first, left.first + 99 < left.last ? left.first + 99 : left.last);
        }
        /* All of them, once, in their order. */
        assert_int_equal(deliver(o), ++last);
    }
    assert_int_equal(outbox_wants(o).first, 0);
    assert_int_equal(outbox_counts(o).rows, 0);
    /* From now on memory is enough again. */
    assert_true(put_letter(o, OUTBOX_OUTCOME, NULL, 0, ++last));
    assert_int_equal(deliver(o), last);
    outbox_free(o);
}

/* While the disk takes none, an outcome has only memory: one that is on disk makes room for it. */
static void an_outcome_that_the_disk_did_not_take(void **state)
{
    struct outbox *o = outbox_new(MUCH);
    int64_t done[4];

    (void)state;
    for (int64_t i = 1; i <= OUTBOX_OUTCOMES_MAX; i++)
        assert_true(put_letter(o, OUTBOX_OUTCOME, NULL, 0, i));
    assert_true(put_letter(o, OUTBOX_OUTCOME, NULL, 0, 0));
    assert_int_equal(outbox_counts(o).rows, OUTBOX_OUTCOMES_MAX);
    assert_int_equal(outbox_counts(o).dropped, 0);
    assert_int_equal(outbox_take_done(o, 4, done), 0);
    for (int64_t i = 1; i < OUTBOX_OUTCOMES_MAX; i++)
        assert_int_equal(deliver(o), i);
    assert_int_equal(outbox_wants(o).first, OUTBOX_OUTCOMES_MAX);
    assert_int_equal(outbox_wants(o).last, OUTBOX_OUTCOMES_MAX);
    load_range(o, OUTBOX_OUTCOMES_MAX, OUTBOX_OUTCOMES_MAX);
    assert_int_equal(outbox_wants(o).first, 0);
    assert_int_equal(deliver(o), 0); /* the one of memory */
    assert_int_equal(deliver(o), OUTBOX_OUTCOMES_MAX);
    outbox_free(o);
}

/* What is in memory already, or is none of those that are left, is not taken once more. */
static void loaded_once(void **state)
{
    struct outbox *o = outbox_new(MUCH);
    const struct outbox_message event = {
        .class = OUTBOX_EVENT, .topic = "e", .payload = "e", .letter = 1500
    };

    (void)state;
    for (int64_t i = 1; i <= OUTBOX_OUTCOMES_MAX + 10; i++)
        assert_true(put_letter(o, OUTBOX_OUTCOME, NULL, 0, i == 1 ? 1005 : i));
    for (int64_t i = 0; i < OUTBOX_OUTCOMES_MAX; i++)
        (void)outbox_acked(o, outbox_next(o, 0, 1, ALL)->number, i == 0 ? 0x97 : 0, 0);
    assert_int_equal(outbox_counts(o).rows, 1); /* 1005, put off */
    assert_int_equal(outbox_wants(o).first, 1001);
    assert_true(outbox_load(o, &event));
    load_range(o, 990, 1010);
    assert_int_equal(outbox_counts(o).rows, 10);
    outbox_free(o);
}

static void what_was_set_aside(void **state)
{
    struct outbox *o = outbox_new(MUCH);
    struct outbox_aside aside;
    int64_t n;

    (void)state;
    assert_false(outbox_take_aside(o, &aside));
    put(o, OUTBOX_OUTCOME, "topic", "a", NULL);
    (void)next(o, 0, &n);
    (void)outbox_acked(o, n, 0x87, 0);
    assert_true(outbox_take_aside(o, &aside));
    assert_int_equal(aside.reason, 0x87);
    assert_int_equal(aside.class, OUTBOX_OUTCOME);
    assert_string_equal(aside.topic, "topic");
    assert_false(outbox_take_aside(o, &aside));
    put(o, OUTBOX_EVENT, "long", "a payload that is longer than the broker takes", NULL);
    assert_null(outbox_next(o, 0, OUTBOX_IN_FLIGHT_MAX, 40));
    assert_true(outbox_take_aside(o, &aside));
    assert_int_equal(aside.reason, 0x95);
    assert_string_equal(aside.topic, "long");
    /* Several at once: the outcome is named, whatever comes behind it. */
    put(o, OUTBOX_OUTCOME, "outcome", "a payload that is longer than the broker takes", NULL);
    put(o, OUTBOX_RESPONSE, "response", "a payload that is longer than the broker takes", NULL);
    put(o, OUTBOX_EVENT, "event", "a payload that is longer than the broker takes", NULL);
    assert_null(outbox_next(o, 0, OUTBOX_IN_FLIGHT_MAX, 40));
    assert_true(outbox_take_aside(o, &aside));
    assert_string_equal(aside.topic, "outcome");
    assert_int_equal(outbox_counts(o).set_aside, 5);
    assert_false(outbox_take_aside(o, &aside));
    outbox_free(o);
}

/* What may be dropped is not dropped for nothing. */
static void no_room_drops_nothing(void **state)
{
    struct outbox *o = outbox_new(2048);
    char text[4001];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    put(o, OUTBOX_EVENT, "e", "small", NULL);
    put(o, OUTBOX_EVENT, "e", text, NULL);
    assert_int_equal(outbox_counts(o).rows, 1);
    assert_int_equal(outbox_counts(o).dropped, 1);
    assert_string_equal(next(o, 0, NULL), "small");
    outbox_free(o);
}

static void sixteen_in_flight(void **state)
{
    struct outbox *o = outbox_new(MUCH);
    int64_t n = 0;

    (void)state;
    for (int i = 0; i < 40; i++)
        put(o, OUTBOX_EVENT, "e", "x", NULL);
    for (int i = 0; i < OUTBOX_IN_FLIGHT_MAX; i++)
        assert_non_null(outbox_next(o, 0, 1000, ALL));
    assert_null(outbox_next(o, 0, 1000, ALL));
    outbox_lost(o);
    assert_int_equal(outbox_counts(o).in_flight, 0);
    assert_string_equal(next(o, 0, &n), "x");
    assert_int_equal(n, 1);
    assert_null(outbox_next(o, 0, 1, ALL));
    outbox_free(o);
}

static void quota_waits_and_doubles(void **state)
{
    static const int64_t waits[] = { 1000,  2000,   4000,   8000,   16000, 32000,
                                     64000, 128000, 256000, 300000, 300000 };
    struct outbox *o = outbox_new(MUCH);
    int64_t now = 5000, n;

    (void)state;
    put(o, OUTBOX_OUTCOME, "s", "end", "op-a");
    put(o, OUTBOX_EVENT, "e", "event", NULL);
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        assert_string_equal(next(o, now, &n), "end");
        assert_int_equal(outbox_acked(o, n, 0x97, now), OUTBOX_AGAIN);
        assert_int_equal(outbox_next_ms(o, now), now + waits[i]);
        if (i == 0) /* it holds up nobody else */
            assert_string_equal(next(o, now, NULL), "event");
        assert_string_equal(next(o, now + waits[i] - 1, NULL), "");
        now += waits[i];
    }
    assert_string_equal(next(o, now, &n), "end");
    assert_int_equal(outbox_acked(o, n, 0, now), OUTBOX_DELIVERED);
    assert_int_equal(outbox_next_ms(o, now), CLOCK_NEVER);
    outbox_free(o);
}

/* A status put off for quota is not overtaken by the next of its operation. */
static void quota_keeps_the_order(void **state)
{
    struct outbox *o = outbox_new(MUCH);
    int64_t n;

    (void)state;
    put(o, OUTBOX_OUTCOME, "s", "end", "op-a");
    assert_string_equal(next(o, 0, &n), "end");
    put(o, OUTBOX_OUTCOME, "s", "end, asked again", "op-a");
    assert_int_equal(outbox_acked(o, n, 0x97, 0), OUTBOX_AGAIN);
    assert_string_equal(next(o, 0, NULL), "");
    assert_string_equal(next(o, 1000, NULL), "end");
    outbox_free(o);
}

static void set_aside(void **state)
{
    struct outbox *o = outbox_new(MUCH);
    int64_t n;

    (void)state;
    put(o, OUTBOX_OUTCOME, "s", "refused", "op-a");
    put(o, OUTBOX_OUTCOME, "s", "next", "op-a");
    assert_string_equal(next(o, 0, &n), "refused");
    assert_int_equal(outbox_acked(o, n, 0x87, 0), OUTBOX_SET_ASIDE);
    assert_string_equal(next(o, 0, NULL), "next");
    put(o, OUTBOX_EVENT, "e", "a payload that is longer than the broker takes", NULL);
    assert_null(outbox_next(o, 0, OUTBOX_IN_FLIGHT_MAX, 40));
    assert_int_equal(outbox_counts(o).set_aside, 2);
    assert_int_equal(outbox_counts(o).rows, 1);
    outbox_free(o);
}

static void responses_go_once(void **state)
{
    struct outbox *o = outbox_new(MUCH);
    const struct outbox_message m = { .class = OUTBOX_RESPONSE,
                                      .topic = "r",
                                      .payload = "answer",
                                      .correlation = "\0\1\2",
                                      .correlation_len = 3 };
    const struct outbox_row *row;

    (void)state;
    assert_true(outbox_put(o, &m));
    outbox_lost(o); /* not sent yet: it stays */
    row = outbox_next(o, 0, 1, ALL);
    assert_non_null(row);
    assert_int_equal(row->message.correlation_len, 3);
    assert_memory_equal(row->message.correlation, "\0\1\2", 3);
    outbox_lost(o);
    assert_int_equal(outbox_counts(o).rows, 0);
    assert_true(outbox_put(o, &m));
    row = outbox_next(o, 0, 1, ALL);
    assert_int_equal(outbox_acked(o, row->number, 0x97, 0), OUTBOX_SET_ASIDE);
    assert_int_equal(outbox_counts(o).rows, 0);
    outbox_free(o);
    outbox_free(NULL);
}

/* --- telemetry --- */

/* The payloads that wait, in their order. */
static const char *waiting(struct outbox *o, char *ret)
{
    char *at = ret;
    const struct outbox_row *row;

    *at = '\0';
    while ((row = outbox_next(o, 0, OUTBOX_IN_FLIGHT_MAX, ALL))) {
        at += sprintf(at, "%s ", row->message.payload);
        assert_int_equal(outbox_acked(o, row->number, 0, 0), OUTBOX_DELIVERED);
    }
    return ret;
}

static void telemetry_goes_last(void **state)
{
    struct outbox *o = outbox_new(MUCH);
    char got[256];
    int64_t a, b;

    (void)state;
    put(o, OUTBOX_TELEMETRY, "m", "m1", NULL);
    put(o, OUTBOX_EVENT, "e", "e1", NULL);
    put(o, OUTBOX_TELEMETRY, "m", "m2", NULL);
    put(o, OUTBOX_OUTCOME, "s", "o1", "op-a");
    put(o, OUTBOX_LATEST, "twin", "t1", NULL);
    put(o, OUTBOX_STATUS, "s", "s1", "op-b");
    assert_string_equal(waiting(o, got), "e1 o1 t1 s1 m1 m2 ");
    /* The list is whole after it was empty, with and without telemetry. */
    put(o, OUTBOX_EVENT, "e", "e2", NULL);
    put(o, OUTBOX_TELEMETRY, "m", "m3", NULL);
    put(o, OUTBOX_EVENT, "e", "e3", NULL);
    assert_string_equal(next(o, 0, &a), "e2");
    assert_string_equal(next(o, 0, &b), "e3");
    assert_string_equal(next(o, 0, NULL), "m3");
    put(o, OUTBOX_EVENT, "e", "e4", NULL);
    /* What was in flight waits again in its old place. */
    outbox_lost(o);
    assert_string_equal(waiting(o, got), "e2 e3 e4 m3 ");
    put(o, OUTBOX_TELEMETRY, "m", "m4", NULL);
    assert_string_equal(waiting(o, got), "m4 ");
    outbox_free(o);
}

/* A cap for `rows` rows with a payload of two letters. */
static struct outbox *outbox_for(size_t rows)
{
    struct outbox *o = outbox_new(MUCH);
    size_t one;

    put(o, OUTBOX_TELEMETRY, "m", "..", NULL);
    one = outbox_counts(o).bytes;
    outbox_free(o);
    return outbox_new(rows * one);
}

static void put_many(struct outbox *o, enum outbox_class class, const char *letter, int from,
                     int to)
{
    char text[3];

    for (int i = from; i <= to; i++) {
        (void)snprintf(text, sizeof text, "%s%c", letter, 'a' + i);
        put(o, class, "m", text, NULL);
    }
}

/* What is left of rows a, b, c … in a cap for eight. */
static const struct {
    const char *what;
    int rows;
    const char *left;
} thinned[] = {
    // clang-format off
    { "all", 8, "ma mb mc md me mf mg mh " },
    { "the oldest goes", 9, "mb mc md me mf mg mh mi " },
    { "then the third", 10, "mb md me mf mg mh mi mj " },
    { "every second one", 15, "mb md mf mh mj ml mn mo " },
    { "once the newest is reached, again from the oldest", 16, "md mf mh mj ml mn mo mp " },
    { "every second one of what is left", 17, "md mh mj ml mn mo mp mq " },
    { "twice through", 26, "mh mo ms mv mw mx my mz " },
}; // clang-format on

static void an_outage_gets_coarser(void **state)
{
    char got[256];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(thinned); i++) {
        struct outbox *o = outbox_for(8);

        put_many(o, OUTBOX_TELEMETRY, "m", 0, thinned[i].rows - 1);
        assert_int_equal(outbox_counts(o).dropped, thinned[i].rows > 8 ? thinned[i].rows - 8 : 0);
        print_message("%s\n", thinned[i].what);
        assert_string_equal(waiting(o, got), thinned[i].left);
        outbox_free(o);
    }
}

static void telemetry_makes_room_for_all_others(void **state)
{
    struct outbox *o = outbox_for(6);
    char got[256];
    int64_t n;

    (void)state;
    put_many(o, OUTBOX_EVENT, "e", 0, 2);
    put_many(o, OUTBOX_TELEMETRY, "m", 0, 2);
    put_many(o, OUTBOX_EVENT, "e", 3, 4);
    put(o, OUTBOX_OUTCOME, "m", "oa", NULL);
    /* All of it is gone before an event is; for telemetry no event goes. */
    assert_int_equal(outbox_counts(o).dropped, 3);
    put(o, OUTBOX_TELEMETRY, "m", "mx", NULL);
    assert_int_equal(outbox_counts(o).dropped, 4);
    assert_int_equal(outbox_counts(o).rows, 6);
    put_many(o, OUTBOX_EVENT, "e", 5, 5);
    assert_string_equal(waiting(o, got), "eb ec ed ee oa ef ");
    assert_int_equal(outbox_counts(o).bytes, 0);
    /* What is in flight stays. */
    put_many(o, OUTBOX_TELEMETRY, "m", 0, 0);
    assert_string_equal(next(o, 0, &n), "ma");
    put_many(o, OUTBOX_TELEMETRY, "m", 1, 6);
    put_many(o, OUTBOX_EVENT, "e", 0, 4);
    outbox_lost(o);
    assert_string_equal(waiting(o, got), "ea eb ec ed ee ma ");
    outbox_free(o);
}

/* Acknowledged or in flight while thinning goes on. */
static void thinned_while_it_is_sent(void **state)
{
    struct outbox *o = outbox_for(8);
    char got[256];
    int64_t n;

    (void)state;
    put_many(o, OUTBOX_TELEMETRY, "m", 0, 8); /* a is gone, c is next */
    for (const char *at = "bcd"; *at; at++) {
        assert_int_equal(next(o, 0, &n)[1], *at);
        assert_int_equal(outbox_acked(o, n, 0, 0), OUTBOX_DELIVERED);
    }
    assert_string_equal(next(o, 0, &n), "me");
    put_many(o, OUTBOX_TELEMETRY, "m", 9, 12); /* e is in flight: f goes, then h */
    outbox_lost(o);
    assert_string_equal(waiting(o, got), "me mg mh mi mj mk ml mm ");
    outbox_free(o);
}

static void thinned_letters_leave_the_disk(void **state)
{
    struct outbox *o = outbox_new(4096);
    int64_t done[64];
    size_t count;

    (void)state;
    for (int i = 1; i <= 40; i++)
        assert_true(put_letter(o, OUTBOX_TELEMETRY, NULL, 0, i));
    count = outbox_take_done(o, 64, done);
    assert_int_equal(count, outbox_counts(o).dropped);
    assert_int_equal(count + outbox_counts(o).rows, 40);
    for (size_t i = 0; i < count && i < 5; i++)
        assert_int_equal(done[i], 1 + 2 * (int64_t)i);
    outbox_free(o);
}

/* Telemetry lies behind the others, whenever it came. */
static void the_oldest(void **state)
{
    static const struct {
        enum outbox_class class;
        int64_t came_ms, oldest_ms;
    } rows[] = {
        { OUTBOX_TELEMETRY, 500, 500 },
        { OUTBOX_EVENT, 700, 500 },
        { OUTBOX_TELEMETRY, 800, 500 },
    };
    struct outbox *o = outbox_new(MUCH);
    int64_t number;

    (void)state;
    assert_int_equal(outbox_counts(o).oldest_ms, 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct outbox_message m = {
            .class = rows[i].class, .topic = "t", .payload = "x", .came_ms = rows[i].came_ms
        };

        assert_true(outbox_put(o, &m));
        assert_int_equal(outbox_counts(o).oldest_ms, rows[i].oldest_ms);
    }
    (void)next(o, 0, &number);
    assert_int_equal(outbox_acked(o, number, 0, 0), OUTBOX_DELIVERED);
    assert_int_equal(outbox_counts(o).oldest_ms, 500);
    (void)next(o, 0, &number);
    assert_int_equal(outbox_acked(o, number, 0, 0), OUTBOX_DELIVERED);
    assert_int_equal(outbox_counts(o).oldest_ms, 800);
    outbox_free(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order_and_gone_when_acknowledged),
        cmocka_unit_test(a_status_is_replaced_until_it_is_sent),
        cmocka_unit_test(the_latest_of_a_topic),
        cmocka_unit_test(urgent_first),
        cmocka_unit_test(over_the_cap),
        cmocka_unit_test(revs_never_fall),
        cmocka_unit_test(a_flood),
        cmocka_unit_test(no_room_drops_nothing),
        cmocka_unit_test(sixteen_in_flight),
        cmocka_unit_test(quota_waits_and_doubles),
        cmocka_unit_test(quota_keeps_the_order),
        cmocka_unit_test(set_aside),
        cmocka_unit_test(responses_go_once),
        cmocka_unit_test(letters_that_are_done_with),
        cmocka_unit_test(a_letter_that_comes_later),
        cmocka_unit_test(letters_over_the_cap),
        cmocka_unit_test(outcomes_beyond_memory_wait_on_disk),
        cmocka_unit_test(an_outcome_that_the_disk_did_not_take),
        cmocka_unit_test(loaded_once),
        cmocka_unit_test(what_was_set_aside),
        cmocka_unit_test(telemetry_goes_last),
        cmocka_unit_test(an_outage_gets_coarser),
        cmocka_unit_test(telemetry_makes_room_for_all_others),
        cmocka_unit_test(thinned_while_it_is_sent),
        cmocka_unit_test(thinned_letters_leave_the_disk),
        cmocka_unit_test(the_oldest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
