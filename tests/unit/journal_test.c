#include "agent/operation/journal.h"

#include "tests/test.h"
#include "tests/unit/journal_place.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

static void an_operation_and_back(void **state)
{
    struct operation op = place_operation(1, OPERATION_RUNNING);
    struct operation back;

    (void)state;
    place_open();
    assert_true(journal_began_empty(place.journal));
    assert_false(journal_find(place.journal, op.id, &back));
    strcpy(op.request.reason, "it's \"weekly\"");
    assert_ok(place_write(&op));
    op.rev = 2;
    op.phase = PHASE_REGISTERING;
    assert_ok(place_write(&op));
    place_open();
    assert_false(journal_began_empty(place.journal));
    assert_true(journal_find(place.journal, op.id, &back));
    assert_string_equal(back.id, op.id);
    assert_string_equal(back.request.reason, op.request.reason);
    assert_int_equal(back.rev, 2);
    assert_int_equal(back.phase, PHASE_REGISTERING);
    assert_true(back.expires_ms == op.expires_ms); /* the boot is the same */
    assert_true(place_ask("SELECT count(*) FROM operations") == 1);
    place_assert_news(NULL, NULL);
}

/* The codec is told whether CLOCK_BOOTTIME still holds. */
static void over_a_reboot(void **state)
{
    const struct operation op = place_operation(1, OPERATION_ACCEPTED);
    struct operation back;

    (void)state;
    place_open();
    assert_ok(place_write(&op));
    place.boot = "22222222-2222-4222-8222-222222222222";
    fake_clock.now_ms = 5000;
    fake_clock.utc_ms += 60000;
    place_open();
    assert_true(journal_find(place.journal, op.id, &back));
    assert_true(back.expires_ms == 5000 + 840000);
    fake_clock.unset = true;
    assert_true(journal_find(place.journal, op.id, &back));
    assert_true(back.expires_ms == 5000);
}

static void by_the_senders_id(void **state)
{
    struct operation op = place_operation(1, OPERATION_REJECTED);
    struct operation back = { .rev = 42 };

    (void)state;
    place_open();
    strcpy(op.request.request, "k'1");
    assert_ok(place_write(&op));
    op = place_operation(0, OPERATION_ACCEPTED); /* came later, though its id is smaller */
    strcpy(op.request.request, "k'1");
    assert_ok(place_write(&op));
    op = place_operation(3, OPERATION_REJECTED);
    op.request.request[0] = '\0';
    assert_ok(place_write(&op));

    assert_true(journal_find_request(place.journal, CHANNEL_MQTT, "k'1", &back));
    assert_int_equal(back.state, OPERATION_ACCEPTED);
    back.rev = 42;
    assert_false(journal_find_request(place.journal, CHANNEL_REST, "k'1", &back));
    assert_false(journal_find_request(place.journal, CHANNEL_MQTT, "k", &back));
    assert_false(journal_find_request(place.journal, CHANNEL_MQTT, "", &back));
    assert_int_equal(back.rev, 42);
}

static void the_active_one_and_its_intent(void **state)
{
    struct operation op = place_operation(2, OPERATION_ACCEPTED);
    struct journal_change change = { .op = &op };
    struct operation back;
    char *intent = NULL;

    (void)state;
    place_open();
    place_put(1, OPERATION_SUCCEEDED);
    assert_false(journal_find_active(place.journal, &back, &intent));
    assert_ok(journal_write(place.journal, &change));
    assert_true(journal_find_active(place.journal, &back, &intent));
    assert_null(intent);
    op.state = OPERATION_RUNNING;
    change.intent = "{\"leg\":0}";
    assert_ok(journal_write(place.journal, &change));
    change.intent = NULL; /* as it was */
    assert_ok(journal_write(place.journal, &change));
    place_open();
    assert_true(journal_find_active(place.journal, &back, &intent));
    assert_string_equal(back.id, op.id);
    assert_string_equal(intent, "{\"leg\":0}");
    free(intent);
    journal_save_intent(place.journal, op.id, "{\"leg\":1}");
    place_open();
    assert_true(journal_find_active(place.journal, &back, &intent));
    assert_string_equal(intent, "{\"leg\":1}");
    free(intent);
    intent = NULL;
    op.state = OPERATION_SUCCEEDED;
    change.intent = "";
    assert_ok(journal_write(place.journal, &change));
    assert_false(journal_find_active(place.journal, &back, &intent));
    assert_null(intent);
    assert_true(place_ask("SELECT count(*) FROM intent") == 0);
}

/* Arrived as 5 3 4 1 2: the clock was set back at times. */
static const struct {
    const char *what;
    enum operation_state state;
    int before; /* 0: from the newest; 9, 6: not known */
    size_t cap;
    const char *ids;
} pages[] = {
    // clang-format off
    { "all", OPERATION_NONE, 0, 9, "21435" },
    { "the newest two", OPERATION_NONE, 0, 2, "21" },
    { "the page after", OPERATION_NONE, 1, 2, "43" },
    { "the last page", OPERATION_NONE, 3, 2, "5" },
    { "behind the last", OPERATION_NONE, 5, 2, "" },
    { "none", OPERATION_NONE, 0, 0, "" },
    { "one state", OPERATION_FAILED, 0, 9, "24" },
    { "one state, its second page", OPERATION_FAILED, 2, 9, "4" },
    { "one state, before one of another", OPERATION_FAILED, 1, 9, "4" },
    { "no such state", OPERATION_CANCELED, 0, 9, "" },
    { "an unknown id greater than all", OPERATION_NONE, 9, 9, "21435" },
    { "an unknown id smaller than all", OPERATION_NONE, -1, 9, "" },
    { "an unknown id, one state", OPERATION_FAILED, 9, 9, "24" },
}; // clang-format on

static void pages_of_the_list(void **state)
{
    static const int arrived[] = { 5, 3, 4, 1, 2 };
    struct operation got[9];

    (void)state;
    place_open();
    for (size_t i = 0; i < ARRAY_LEN(arrived); i++)
        place_put(arrived[i], arrived[i] % 2 ? OPERATION_SUCCEEDED : OPERATION_FAILED);
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        struct operation before = place_operation(pages[i].before, OPERATION_NONE);
        char ids[10] = "";

        if (pages[i].before < 0)
            strcpy(before.id, "00000000000000000000000000");
        size_t count = journal_list(place.journal, pages[i].state,
                                    pages[i].before ? before.id : NULL, pages[i].cap, got);

        for (size_t k = 0; k < count; k++)
            ids[k] = got[k].id[ID_LEN - 1];
        print_message("%s: %s\n", pages[i].what, ids);
        assert_string_equal(ids, pages[i].ids);
    }
}

/* A row that a hand has spoilt hides nothing but itself. */
static void a_row_that_cannot_be_read(void **state)
{
    struct operation got[4];
    char *intent = NULL;

    (void)state;
    place_open();
    place_put(1, OPERATION_SUCCEEDED);
    place_put(2, OPERATION_RUNNING);
    place_put(3, OPERATION_SUCCEEDED);
    place_sql("UPDATE operations SET doc = '{' WHERE seq = 2");
    assert_false(place_has(2));
    assert_false(journal_find_active(place.journal, got, &intent));
    assert_int_equal(journal_list(place.journal, OPERATION_NONE, NULL, 2, got), 2);
    place_assert_news(NULL, NULL);
}

/* --- letters --- */

static struct letter letter_of(const char *payload)
{
    return (struct letter){ .class = 3,
                            .topic = strdup("P/e/switch"),
                            .payload = strdup(payload),
                            .operation = "01JDZ000000000000000000001",
                            .rev = 7,
                            .kept = true };
}

static void add_letter(const char *payload)
{
    struct letter letter = letter_of(payload);

    assert_ok(journal_add_letter(place.journal, &letter));
    assert_true(letter.number > 0);
    free(letter.topic);
    free(letter.payload);
}

/* Their payloads, in order; of the last its number. */
static const char *payloads(int64_t after, size_t cap, int64_t *ret_last)
{
    static char text[64];
    struct letter got[8];
    size_t count = journal_load_letters(place.journal, after, cap, got);

    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(got[i].topic, "P/e/switch");
        assert_string_equal(got[i].operation, "01JDZ000000000000000000001");
        assert_int_equal(got[i].class, 3);
        assert_int_equal(got[i].rev, 7);
        assert_true(got[i].kept && got[i].number > after);
        strcat(text, got[i].payload);
        *ret_last = got[i].number;
        free(got[i].topic);
        free(got[i].payload);
    }
    return text;
}

static void letters_in_their_order(void **state)
{
    struct letters letters = { 3, { letter_of("c"), letter_of("-"), letter_of("d") } };
    const struct journal_change change = { .letters = &letters };
    int64_t last = 0;
    int64_t first;

    (void)state;
    place_open();
    add_letter("a");
    add_letter("b");
    letters.items[1].kept = false;
    assert_ok(journal_write(place.journal, &change));
    assert_int_equal(letters.items[1].number, 0);
    assert_true(letters.items[0].number < letters.items[2].number);
    letters_done(&letters);
    assert_string_equal(payloads(0, 8, &last), "abcd");
    place_open();
    assert_string_equal(payloads(0, 2, &last), "ab");
    first = last;
    assert_string_equal(payloads(last, 8, &last), "cd");
    journal_remove_letters(place.journal, (const int64_t[]){ first, 99, last }, 3);
    journal_remove_letters(place.journal, NULL, 0);
    assert_string_equal(payloads(0, 8, &last), "ac");
}

static int64_t waited_ms(void)
{
    struct letter got;

    assert_int_equal(journal_load_letters(place.journal, 0, 1, &got), 1);
    free(got.topic);
    free(got.payload);
    return got.waited_ms;
}

static void how_long_a_letter_waits(void **state)
{
    (void)state;
    place_open();
    add_letter("a");
    assert_int_equal(waited_ms(), 0);
    fake_clock_pass(5000);
    assert_int_equal(waited_ms(), 5000);
    place_open();
    fake_clock_pass(1000);
    assert_int_equal(waited_ms(), 6000);
}

/* A broker's late acknowledgement must not meet another letter of the same number. */
static void a_number_never_comes_twice(void **state)
{
    int64_t last = 0;
    int64_t gone;

    (void)state;
    place_open();
    add_letter("a");
    (void)payloads(0, 8, &last);
    gone = last;
    journal_remove_letters(place.journal, &gone, 1);
    place_open();
    add_letter("b");
    (void)payloads(0, 8, &last);
    assert_true(last > gone);
    /* Nor over a new file. */
    gone = last;
    assert_int_equal(remove(place.file), 0);
    add_letter("c");
    assert_string_equal(payloads(0, 8, &last), "c");
    assert_true(last > gone);
}

/* --- history, results, values --- */

static void ages(void **state)
{
    int64_t age = 42;

    (void)state;
    place_open();
    assert_false(journal_age_of(place.journal, JOURNAL_SWITCH, 1, &age));
    for (int i = 0; i < 3; i++) {
        assert_ok(journal_count(place.journal, JOURNAL_SWITCH));
        fake_clock_pass(1000);
    }
    assert_ok(journal_write(place.journal, &(const struct journal_change){ .counts = true }));
    assert_false(journal_age_of(place.journal, JOURNAL_SWITCH, 5, &age));
    assert_false(journal_age_of(place.journal, JOURNAL_SWITCH, 0, &age));
    assert_false(journal_age_of(place.journal, JOURNAL_RESET, 1, &age));
    assert_true(age == 42);
    for (int nth = 1; nth <= 4; nth++) {
        assert_true(journal_age_of(place.journal, JOURNAL_SWITCH, nth, &age));
        assert_true(age == (nth - 1) * 1000);
    }
    /* Another boot, a minute later; then the wall clock jumps. */
    place.boot = "22222222-2222-4222-8222-222222222222";
    fake_clock.now_ms = 10;
    fake_clock.utc_ms += 60000;
    place_open();
    fake_clock.utc_ms += 1000 * DAY_MS;
    assert_true(journal_age_of(place.journal, JOURNAL_SWITCH, 1, &age));
    assert_true(age == 60000);
    fake_clock.utc_ms -= 2000 * DAY_MS;
    fake_clock.now_ms += 5;
    assert_true(journal_age_of(place.journal, JOURNAL_SWITCH, 2, &age));
    assert_true(age == 61005);
}

static void the_clock_never_goes_back(void **state)
{
    int64_t before;

    (void)state;
    place_open();
    assert_true(journal_now_ms(place.journal) == fake_clock.now_ms); /* the uptime, at first */
    assert_ok(journal_put_value(place.journal, "k", "v"));
    before = journal_now_ms(place.journal);
    for (int boot = 0; boot < 3; boot++) {
        place.boot = boot % 2 ? "b" : "c";
        fake_clock.now_ms = 7;
        fake_clock.utc_ms -= 365 * DAY_MS;
        place_open();
        assert_true(journal_now_ms(place.journal) == before + 7);
        assert_ok(journal_put_value(place.journal, "k", "v"));
        before += 7;
    }
    /* Nor where the file is gone. */
    assert_int_equal(remove(place.file), 0);
    assert_ok(journal_put_value(place.journal, "k", "v"));
    assert_true(journal_now_ms(place.journal) == before);
}

/* Nor where an old copy takes the file's place. */
static void nor_with_an_old_copy(void **state)
{
    char copy[128], sql[256];

    (void)state;
    place_open();
    assert_ok(journal_put_value(place.journal, "k", "v"));
    place_close();
    place_sql("UPDATE clock SET journal_ms = 5000000");
    place_open();
    assert_true(journal_now_ms(place.journal) == 5000000);
    (void)snprintf(copy, sizeof copy, "%s/copy", place.dir);
    (void)snprintf(sql, sizeof sql, "UPDATE clock SET journal_ms = 0; VACUUM INTO '%s'", copy);
    place_sql(sql);
    assert_int_equal(rename(copy, place.file), 0);
    assert_ok(journal_put_value(place.journal, "k", "w"));
    assert_true(journal_now_ms(place.journal) == 5000000);
}

/* There should not be two; should there be, the one that runs counts. */
static void of_two_active_ones_the_running(void **state)
{
    struct operation back;
    char *intent = NULL;

    (void)state;
    place_open();
    place_put(1, OPERATION_ACCEPTED);
    place_put(2, OPERATION_RUNNING);
    place_put(3, OPERATION_ACCEPTED);
    assert_true(journal_find_active(place.journal, &back, &intent));
    assert_int_equal(back.state, OPERATION_RUNNING);
    assert_null(intent);
}

/* Where the system names no boot, each process is one. */
static void boots_without_a_name(void **state)
{
    const struct operation op = place_operation(1, OPERATION_ACCEPTED);
    struct operation back;

    (void)state;
    place.boot = "";
    fake_clock.unset = true;
    place_open();
    assert_ok(place_write(&op));
    assert_true(journal_find(place.journal, op.id, &back));
    assert_true(back.expires_ms == op.expires_ms);
    place_open();
    assert_true(journal_find(place.journal, op.id, &back));
    assert_true(back.expires_ms == fake_clock.now_ms);
}

static void results_of_a_profile(void **state)
{
    struct journal_result result = { .to = { TARGET }, .verified = VERIFIED_BROKER };
    struct journal_result got[250];
    const struct journal_change change = { .result = &result };

    (void)state;
    place_open();
    for (int i = 0; i < 205; i++) {
        result.ms = i;
        result.at_utc_ms = BORN_MS + i;
        result.code = i == 203 ? ERROR_NO_DATA : ERROR_NONE;
        assert_ok(journal_write(place.journal, &change));
    }
    strcpy(result.to.text, "89882110000001234568");
    assert_ok(journal_write(place.journal, &change));
    place_open();
    strcpy(result.to.text, TARGET);
    assert_int_equal(journal_results(place.journal, &result.to, 3, got), 3);
    assert_int_equal(journal_results(place.journal, &result.to, 250, got), 200);
    for (int i = 0; i < 200; i++) {
        assert_string_equal(got[i].to.text, TARGET);
        assert_true(got[i].ms == 204 - i && got[i].at_utc_ms == BORN_MS + 204 - i);
        assert_int_equal(got[i].verified, VERIFIED_BROKER);
        assert_int_equal(got[i].code, i == 1 ? ERROR_NO_DATA : ERROR_NONE);
    }
    place_sql("UPDATE results SET code = 'of-tomorrow', verified = 'more'");
    assert_int_equal(journal_results(place.journal, &result.to, 1, got), 1);
    assert_int_equal(got[0].code, ERROR_INTERNAL);
    assert_int_equal(got[0].verified, VERIFIED_NOTHING);
}

static void small_values(void **state)
{
    char large[JOURNAL_VALUE_MAX + 2] = "";
    char *value;

    (void)state;
    place_open();
    assert_null(journal_get_value(place.journal, "lock"));
    assert_ok(journal_put_value(place.journal, "lock", "one"));
    assert_ok(journal_put_value(place.journal, "lock", "two"));
    memset(large, 'x', JOURNAL_VALUE_MAX + 1);
    assert_code(journal_put_value(place.journal, "lock", large), ERROR_INTERNAL);
    place_open();
    value = journal_get_value(place.journal, "lock");
    assert_string_equal(value, "two");
    free(value);
    large[JOURNAL_VALUE_MAX] = '\0';
    assert_ok(journal_put_value(place.journal, "lock", large));
    value = journal_get_value(place.journal, "lock");
    assert_string_equal(value, large);
    free(value);
    assert_ok(journal_put_value(place.journal, "lock", NULL));
    assert_ok(journal_put_value(place.journal, "never", NULL));
    assert_null(journal_get_value(place.journal, "lock"));
}

/* --- what is forgotten --- */

static const struct {
    const char *what, *state;
    int count, ran, days;
    const char *letter; /* a statement */
    int left;
} old[] = {
    // clang-format off
    { "young, ran: whatever their number", "succeeded", 10050, 1, 6, "", 10050 },
    { "older, ran: the newest", "failed", 10050, 1, 8, "", 10000 },
    { "young, never ran: the newest", "rejected", 10050, 0, 1, "", 10000 },
    { "as many as are kept", "rejected", 10000, 0, 29, "", 10000 },
    { "old", "succeeded", 50, 1, 31, "", 0 },
    { "not yet old", "succeeded", 50, 1, 29, "", 50 },
    { "old, waits", "accepted", 1, 0, 31, "", 1 },
    { "old, runs", "running", 1, 1, 31, "", 1 },
    { "old, has a letter", "succeeded", 3, 1, 31,
      "INSERT INTO outbox VALUES(1, 0, 't', 'p', 'id2', 1, 0)", 1 },
}; // clang-format on

static void old_operations_go(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(old); i++) {
        char sql[1024];

        print_message("%s\n", old[i].what);
        place_begin_anew();
        fake_clock.now_ms = 100 * DAY_MS;
        place_open();
        (void)snprintf(sql, sizeof sql,
                       "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT %d)"
                       " INSERT INTO operations(id, channel, request, state, ran, age_ms, doc)"
                       " SELECT 'id' || i, 'mqtt', '', '%s', %d, %lld, '' FROM n; %s",
                       old[i].count, old[i].state, old[i].ran,
                       (long long)((100 - old[i].days) * DAY_MS), old[i].letter);
        place_sql(sql);
        assert_ok(journal_put_value(place.journal, "k", "v"));
        assert_int_equal(place_ask("SELECT count(*) FROM operations"), old[i].left);
        if (old[i].left > 0 && old[i].count > 10000) /* the newest are those that stay */
            assert_int_equal(place_ask("SELECT max(seq) FROM operations"), old[i].count);
    }
}

/* Not with each write. */
static void at_times_only(void **state)
{
    (void)state;
    fake_clock.now_ms = 100 * DAY_MS;
    place_open();
    assert_ok(journal_put_value(place.journal, "k", "v"));
    place_sql("INSERT INTO history(kind, age_ms) VALUES(0, 1), (0, 2), (1, 3)");
    for (int i = 0; i < 50; i++)
        assert_ok(journal_put_value(place.journal, "k", "v"));
    assert_int_equal(place_ask("SELECT count(*) FROM history"), 3);
    for (int i = 0; i < 51; i++)
        assert_ok(journal_put_value(place.journal, "k", "v"));
    /* The newest of each kind stays. */
    assert_int_equal(place_ask("SELECT sum(age_ms) FROM history"), 5);
    place_sql("INSERT INTO history(kind, age_ms) VALUES(0, 4)");
    fake_clock_pass(3600 * 1000);
    assert_ok(journal_put_value(place.journal, "k", "v"));
    assert_int_equal(place_ask("SELECT sum(age_ms) FROM history"), 7);
}

static void a_day_of_history_stays(void **state)
{
    int64_t age;

    (void)state;
    place_open();
    for (int i = 0; i < 30; i++) {
        assert_ok(journal_count(place.journal, JOURNAL_SWITCH));
        fake_clock_pass(3600 * 1000);
    }
    assert_true(journal_age_of(place.journal, JOURNAL_SWITCH, 25, &age));
    assert_true(age == 25 * INT64_C(3600000));
    assert_false(journal_age_of(place.journal, JOURNAL_SWITCH, 28, &age));
}

/* --- what it costs --- */

static void one_sync_a_commit(void **state)
{
    struct operation op = place_operation(1, OPERATION_RUNNING);
    struct letters letters = { 1, { letter_of("a") } };
    const struct journal_result result = { .to = { TARGET } };
    const struct journal_change change = {
        .op = &op, .intent = "{}", .letters = &letters, .counts = true, .result = &result
    };
    struct letter letter = letter_of("b");

    (void)state;
    place_open();
    assert_ok(journal_put_value(place.journal, "k", "v"));
    place.syncs = 0;
    for (unsigned i = 1; i <= 10; i++) {
        assert_ok(journal_write(place.journal, &change));
        assert_int_equal(place.syncs, i);
    }
    place.syncs = 0;
    for (int i = 0; i < 10; i++) {
        journal_save_intent(place.journal, op.id, "{}");
        assert_ok(journal_add_letter(place.journal, &letter));
        journal_remove_letters(place.journal, &letter.number, 1);
    }
    assert_int_equal(place.syncs, 0);
    assert_ok(journal_count(place.journal, JOURNAL_RESET));
    assert_int_equal(place.syncs, 1);
    for (int i = 0; i < 1000; i++)
        assert_ok(journal_write(place.journal, &change));
    print_message("%u syncs for 1000 commits\n", place.syncs - 1);
    assert_in_range(place.syncs, 1001, 1101);
    letters_done(&letters);
    free(letter.topic);
    free(letter.payload);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, place_set_up, place_tear_down)
    const struct CMUnitTest tests[] = {
        ROW(an_operation_and_back),
        ROW(over_a_reboot),
        ROW(by_the_senders_id),
        ROW(the_active_one_and_its_intent),
        ROW(pages_of_the_list),
        ROW(a_row_that_cannot_be_read),
        ROW(letters_in_their_order),
        ROW(how_long_a_letter_waits),
        ROW(a_number_never_comes_twice),
        ROW(ages),
        ROW(the_clock_never_goes_back),
        ROW(nor_with_an_old_copy),
        ROW(of_two_active_ones_the_running),
        ROW(boots_without_a_name),
        ROW(results_of_a_profile),
        ROW(small_values),
        ROW(old_operations_go),
        ROW(at_times_only),
        ROW(a_day_of_history_stays),
        ROW(one_sync_a_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
