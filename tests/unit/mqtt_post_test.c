#include "mqtt/post.h"
#include "tests/test.h"

#include <dirent.h>
#include <unistd.h>

#include "agent/operation/journal.h"
#include "agent/operation/letter.h"

/* The outbox with a real journal: what lives through the end of the process, and what leaves the
 * disk. */

enum { MUCH = 1 << 20, DIR_MAX = 64 };

struct scene {
    char dir[DIR_MAX];
    struct journal *journal;
    struct post *post;
};

static void begin(struct scene *s, size_t cap)
{
    s->journal = journal_new(s->dir);
    assert_non_null(s->journal);
    s->post = post_new(cap, s->journal);
    assert_non_null(s->post);
}

static void open_scene(struct scene *s, size_t cap)
{
    (void)snprintf(s->dir, sizeof s->dir, "/tmp/lpm-post-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    begin(s, cap);
}

static void end(struct scene *s)
{
    post_free(s->post);
    journal_free(s->journal);
}

/* As after the end of the process, whether it was killed or not. */
static void restart(struct scene *s, size_t cap)
{
    end(s);
    begin(s, cap);
}

static void close_scene(struct scene *s)
{
    DIR *dir = opendir(s->dir);
    struct dirent *entry;
    char path[DIR_MAX + 300];

    end(s);
    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        (void)snprintf(path, sizeof path, "%s/%s", s->dir, entry->d_name);
        (void)unlink(path);
    }
    (void)closedir(dir);
    assert_int_equal(rmdir(s->dir), 0);
}

static size_t on_disk(struct scene *s)
{
    struct letter letters[100];
    size_t count = 0, part;
    int64_t after = 0;

    do {
        part = journal_load_letters(s->journal, after, ARRAY_LEN(letters), letters);
        for (size_t i = 0; i < part; i++) {
            after = letters[i].number;
            free(letters[i].topic);
            free(letters[i].payload);
        }
        count += part;
    } while (part == ARRAY_LEN(letters));
    return count;
}

/* As the operations do it at an end. */
static void write_outcome(struct scene *s, const char *text, const char *operation, int64_t rev)
{
    struct letters letters = { 0 };
    const struct journal_change change = { .letters = &letters };
    struct letter *letter = letters_add(&letters, OUTBOX_OUTCOME, strdup("s"), strdup(text));

    assert_non_null(letter);
    (void)snprintf(letter->operation, sizeof letter->operation, "%s", operation);
    letter->rev = rev;
    letter->kept = true;
    assert_ok(journal_write(s->journal, &change));
    assert_true(letter->number > 0);
    post_letters(s->post, &letters);
    assert_int_equal(letters.count, 0);
}

static void say(struct scene *s, enum outbox_class class, const char *text, bool kept)
{
    const struct outbox_message m = { .class = class, .topic = "e" };

    (kept ? post_say_kept : post_say)(s->post, &m, strdup(text));
}

/* Sends the next; "" when there is none. */
static const char *next(struct scene *s, int64_t *ret_number)
{
    const struct outbox_row *row = post_next(s->post, 0, OUTBOX_IN_FLIGHT_MAX, SIZE_MAX / 2);

    *ret_number = row ? row->number : 0;
    return row ? row->message.payload : "";
}

static void expect(struct scene *s, const char *text)
{
    int64_t number;

    assert_string_equal(next(s, &number), text);
    if (number)
        assert_int_equal(post_acked(s->post, number, 0, 0), OUTBOX_DELIVERED);
}

static void what_lives_on(void **state)
{
    struct scene s;
    int64_t number;

    (void)state;
    open_scene(&s, MUCH);
    say(&s, OUTBOX_EVENT, "event", true);
    say(&s, OUTBOX_LATEST, "document", false);
    write_outcome(&s, "end", "op-a", 7);
    say(&s, OUTBOX_RESPONSE, "response", false);
    assert_int_equal(on_disk(&s), 2);
    /* In the broker's hands is not acknowledged. */
    assert_string_equal(next(&s, &number), "event");
    restart(&s, MUCH);
    say(&s, OUTBOX_EVENT, "new", true);
    expect(&s, "event");
    expect(&s, "end");
    expect(&s, "new");
    expect(&s, "");
    /* Off the disk once that is tidied; until then it comes again. */
    assert_int_equal(on_disk(&s), 3);
    post_tidy(s.post);
    assert_int_equal(on_disk(&s), 0);
    restart(&s, MUCH);
    expect(&s, "");
    close_scene(&s);
}

/* What an operation's status is, and its rev, are still known. */
static void an_end_is_known_again(void **state)
{
    const struct outbox_message stale = {
        .class = OUTBOX_ANSWER, .topic = "s", .operation = "op-a", .rev = 6
    };
    struct scene s;

    (void)state;
    open_scene(&s, MUCH);
    write_outcome(&s, "end", "op-a", 7);
    restart(&s, MUCH);
    post_say(s.post, &stale, strdup("stale"));
    expect(&s, "end");
    expect(&s, "");
    close_scene(&s);
}

static void refused_and_dropped_leave_the_disk(void **state)
{
    struct scene s;
    struct outbox_aside aside;
    int64_t number;

    (void)state;
    open_scene(&s, 4096);
    write_outcome(&s, "refused", "op-a", 7);
    assert_string_equal(next(&s, &number), "refused");
    assert_int_equal(post_acked(s.post, number, 0x87, 0), OUTBOX_SET_ASIDE);
    assert_true(post_take_aside(s.post, &aside));
    assert_string_equal(aside.topic, "s");
    post_tidy(s.post);
    assert_int_equal(on_disk(&s), 0);
    for (int i = 0; i < 100; i++)
        say(&s, OUTBOX_EVENT, "an event of many", true);
    post_tidy(s.post);
    assert_true(post_counts(s.post).dropped > 50);
    assert_int_equal(on_disk(&s), post_counts(s.post).rows);
    /* So it is when a smaller cap comes with the next start. */
    restart(&s, 1024);
    assert_true(post_counts(s.post).rows > 0);
    assert_true(post_counts(s.post).bytes <= 1024);
    assert_int_equal(on_disk(&s), post_counts(s.post).rows);
    close_scene(&s);
}

static void telemetry_lives_on_and_is_thinned(void **state)
{
    struct scene s;
    char text[16];

    (void)state;
    open_scene(&s, 4096);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(text, sizeof text, "m%d", i);
        say(&s, OUTBOX_TELEMETRY, text, true);
        if (i == 50)
            say(&s, OUTBOX_EVENT, "event", true);
    }
    write_outcome(&s, "end", "op-a", 7);
    post_tidy(s.post);
    assert_true(post_counts(s.post).dropped > 50);
    assert_int_equal(on_disk(&s), post_counts(s.post).rows);
    restart(&s, 4096);
    assert_int_equal(post_counts(s.post).dropped, 0);
    assert_int_equal(on_disk(&s), post_counts(s.post).rows);
    /* A smaller cap than before costs telemetry alone. */
    restart(&s, 1024);
    assert_true(post_counts(s.post).dropped > 0);
    assert_int_equal(on_disk(&s), post_counts(s.post).rows);
    expect(&s, "event");
    expect(&s, "end");
    close_scene(&s);
}

/* More outcomes than memory has places for, some of before the restart: all come, once, in order. */
static void no_outcome_is_lost(void **state)
{
    enum { BEFORE = OUTBOX_OUTCOMES_MAX + 400, ALL_OF_THEM = BEFORE + 300 };
    struct scene s;
    char text[16];

    (void)state;
    open_scene(&s, MUCH);
    for (int i = 0; i < ALL_OF_THEM; i++) {
        if (i == BEFORE)
            restart(&s, MUCH);
        (void)snprintf(text, sizeof text, "%d", i);
        write_outcome(&s, text, text, 1);
        if (i % 300 == 0)
            say(&s, OUTBOX_EVENT, "between", true);
    }
    assert_true(post_counts(s.post).rows < OUTBOX_OUTCOMES_MAX + 10);
    for (int i = 0; i < ALL_OF_THEM; i++) {
        int64_t number;
        const char *got = next(&s, &number);

        while (strcmp(got, "between") == 0) {
            (void)post_acked(s.post, number, 0, 0);
            got = next(&s, &number);
        }
        (void)snprintf(text, sizeof text, "%d", i);
        assert_string_equal(got, text);
        assert_int_equal(post_acked(s.post, number, 0, 0), OUTBOX_DELIVERED);
        post_tidy(s.post);
    }
    expect(&s, "");
    assert_int_equal(on_disk(&s), 0);
    assert_int_equal(post_counts(s.post).dropped, 0);
    close_scene(&s);
}

/* The journal cannot write: all goes on in memory. */
static void without_a_disk(void **state)
{
    struct scene s = { .dir = "/proc/nonexistent" };

    (void)state;
    begin(&s, MUCH);
    say(&s, OUTBOX_EVENT, "event", true);
    post_tidy(s.post);
    expect(&s, "event");
    post_tidy(s.post);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_lives_on),
        cmocka_unit_test(an_end_is_known_again),
        cmocka_unit_test(refused_and_dropped_leave_the_disk),
        cmocka_unit_test(telemetry_lives_on_and_is_thinned),
        cmocka_unit_test(no_outcome_is_lost),
        cmocka_unit_test(without_a_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
