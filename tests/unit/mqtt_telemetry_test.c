#include "mqtt/telemetry.h"
#include "tests/test.h"

#include <cjson/cJSON.h>

#include "agent/base/clock.h"
#include "agent/state/samples.h"
#include "mqtt/post.h"
#include "tests/unit/fake_clock.h"
#include "tests/unit/temp_journal.h"

/* When samples become batches, with a journal and an outbox of their own. */

enum { MUCH = 1 << 20, PUBLISH_S = 1800, PUBLISH_MS = 1000 * PUBLISH_S };

struct scene {
    struct temp_journal temp;
    struct post *post;
    struct samples *samples;
    struct telemetry *telemetry;
};

static void begin(struct scene *s)
{
    s->post = post_new(MUCH, s->temp.journal);
    s->samples = samples_new();
    assert_non_null(s->post);
    assert_non_null(s->samples);
    s->telemetry = telemetry_new(s->samples, "p", s->post, PUBLISH_S);
    assert_non_null(s->telemetry);
}

static void end(struct scene *s)
{
    telemetry_free(s->telemetry);
    samples_free(s->samples);
    post_free(s->post);
}

static void open_scene(struct scene *s)
{
    fake_clock.unset = false;
    temp_journal_init(&s->temp);
    begin(s);
}

static void close_scene(struct scene *s)
{
    end(s);
    temp_journal_done(&s->temp);
}

static void sample(struct scene *s)
{
    const struct connectivity reading = { .at_ms = fake_clock.now_ms,
                                          .at_utc_ms = fake_clock.utc_ms };

    samples_add(s->samples, &reading);
}

static void sample_many(struct scene *s, int count)
{
    for (int i = 0; i < count; i++) {
        fake_clock_pass(1000);
        sample(s);
    }
}

/* How many samples each batch tells of that was cut since the last time, as "16 17 ". */
static const char *cut(struct scene *s)
{
    static char got[256];
    const struct outbox_row *row;
    char *at = got;

    *at = '\0';
    while ((row = post_next(s->post, 0, OUTBOX_IN_FLIGHT_MAX, SIZE_MAX / 2))) {
        cJSON *json = cJSON_Parse(row->message.payload);

        assert_string_equal(row->message.topic, "p/m/connectivity");
        assert_int_equal(row->message.class, OUTBOX_TELEMETRY);
        assert_false(row->message.retained);
        assert_true(row->message.letter > 0);
        assert_non_null(json);
        at += sprintf(at, "%d ", cJSON_GetObjectItem(json, "samples")->valueint);
        cJSON_Delete(json);
        (void)post_acked(s->post, row->number, 0, 0);
    }
    return got;
}

static void the_first_after_a_random_part(void **state)
{
    int64_t least_ms = PUBLISH_MS, most_ms = 0;
    struct scene s;

    (void)state;
    temp_journal_init(&s.temp);
    for (int i = 0; i < 200; i++) {
        int64_t wait_ms;

        begin(&s);
        assert_true(telemetry_next_ms(s.telemetry) == CLOCK_NEVER);
        sample(&s);
        wait_ms = telemetry_next_ms(s.telemetry) - fake_clock.now_ms;
        assert_true(wait_ms >= 0 && wait_ms < PUBLISH_MS);
        least_ms = wait_ms < least_ms ? wait_ms : least_ms;
        most_ms = wait_ms > most_ms ? wait_ms : most_ms;
        end(&s);
    }
    assert_true(least_ms < PUBLISH_MS / 4 && most_ms > PUBLISH_MS / 4 * 3);
    temp_journal_done(&s.temp);
}

static void each_publish_s(void **state)
{
    struct scene s;
    int64_t due_ms;

    (void)state;
    open_scene(&s);
    sample(&s);
    due_ms = telemetry_next_ms(s.telemetry);
    fake_clock_pass(due_ms - fake_clock.now_ms - 1);
    telemetry_work(s.telemetry);
    assert_string_equal(cut(&s), "");
    fake_clock_pass(1);
    telemetry_work(s.telemetry);
    assert_string_equal(cut(&s), "1 ");
    assert_true(telemetry_next_ms(s.telemetry) == CLOCK_NEVER);
    sample_many(&s, 30);
    telemetry_work(s.telemetry);
    assert_string_equal(cut(&s), "");
    assert_int_equal(telemetry_next_ms(s.telemetry), due_ms + PUBLISH_MS);
    fake_clock_pass(due_ms + PUBLISH_MS - fake_clock.now_ms);
    telemetry_work(s.telemetry);
    assert_string_equal(cut(&s), "30 ");
    /* A sample that comes later than its time goes at once. */
    fake_clock_pass(PUBLISH_MS + 5000);
    telemetry_work(s.telemetry);
    assert_string_equal(cut(&s), "");
    sample(&s);
    telemetry_work(s.telemetry);
    assert_string_equal(cut(&s), "1 ");
    close_scene(&s);
}

static void behind_an_event_that_went_out(void **state)
{
    static const struct {
        const char *topic, *cut;
    } rows[] = {
        { "p/e/switch", "2 " },     { "p/e/sim", "2 " },
        { "p/status/health", "" },  { "p/cmd/get-eid/e/status", "" },
        { "p/m/connectivity", "" }, { "p/twin/esim", "" },
        { "q/e/switch", "" },
    };
    struct scene s;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("%s\n", rows[i].topic);
        open_scene(&s);
        sample(&s);
        telemetry_cut(s.telemetry); /* the next is due in half an hour */
        assert_string_equal(cut(&s), "1 ");
        telemetry_went_out(s.telemetry, rows[i].topic);
        telemetry_work(s.telemetry);
        assert_string_equal(cut(&s), "");
        sample_many(&s, 2);
        telemetry_work(s.telemetry);
        assert_string_equal(cut(&s), ""); /* the event is told already */
        telemetry_went_out(s.telemetry, rows[i].topic);
        telemetry_work(s.telemetry);
        assert_string_equal(cut(&s), rows[i].cut);
        close_scene(&s);
    }
}

static const struct {
    int pending;
    const char *batches;
} even[] = {
    // clang-format off
    { 0, "" }, { 1, "1 " }, { 2, "2 " }, { 31, "31 " }, { 32, "32 " }, { 33, "17 16 " }, { 63, "32 31 " },
    { 64, "32 32 " }, { 65, "22 22 21 " }, { 97, "25 24 24 24 " }, { 255, "32 32 32 32 32 32 32 31 " },
}; // clang-format on

static void cut_into_even_parts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(even); i++) {
        struct scene s;

        open_scene(&s);
        sample_many(&s, even[i].pending);
        telemetry_cut(s.telemetry);
        assert_string_equal(cut(&s), even[i].batches);
        telemetry_cut(s.telemetry);
        assert_string_equal(cut(&s), "");
        close_scene(&s);
    }
}

static void many_do_not_wait(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s);
    sample(&s);
    telemetry_cut(s.telemetry);
    assert_string_equal(cut(&s), "1 ");
    sample_many(&s, TELEMETRY_PENDING_MAX - 1);
    telemetry_work(s.telemetry);
    assert_string_equal(cut(&s), "");
    sample_many(&s, 1);
    telemetry_work(s.telemetry);
    assert_string_equal(cut(&s), "32 32 32 32 32 32 32 32 ");
    close_scene(&s);
}

/* More than is remembered, for nobody has cut for so long: what was left out is counted. */
static void with_holes(void **state)
{
    struct scene s;
    const char *at;
    int sum = 0, n;

    (void)state;
    open_scene(&s);
    sample_many(&s, SAMPLES_MAX + 100);
    telemetry_cut(s.telemetry);
    at = cut(&s);
    for (int used; sscanf(at, "%d %n", &n, &used) == 1; at += used)
        sum += n;
    assert_int_equal(sum, SAMPLES_MAX + 100);
    close_scene(&s);
}

static void waits_on_disk(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s);
    sample_many(&s, 3);
    telemetry_cut(s.telemetry);
    sample_many(&s, 4);
    telemetry_cut(s.telemetry);
    end(&s);
    temp_journal_reopen(&s.temp);
    begin(&s);
    sample_many(&s, 5);
    telemetry_cut(s.telemetry);
    assert_string_equal(cut(&s), "3 4 5 ");
    close_scene(&s);
}

static void another_publish_s(void **state)
{
    struct scene s;
    int64_t wait_ms;

    (void)state;
    open_scene(&s);
    sample(&s);
    telemetry_cut(s.telemetry);
    assert_string_equal(cut(&s), "1 ");
    sample(&s);
    telemetry_set_publish_s(s.telemetry, PUBLISH_S); /* as before */
    telemetry_work(s.telemetry);
    assert_int_equal(telemetry_next_ms(s.telemetry) - fake_clock.now_ms, PUBLISH_MS);
    telemetry_set_publish_s(s.telemetry, 60);
    telemetry_work(s.telemetry);
    fake_clock_pass(60000);
    telemetry_work(s.telemetry);
    assert_string_equal(cut(&s), "1 ");
    sample(&s);
    wait_ms = telemetry_next_ms(s.telemetry) - fake_clock.now_ms;
    assert_int_equal(wait_ms, 60000);
    close_scene(&s);
}

/* The text of the only batch that was cut. */
static void expect_text(struct scene *s, const char *text)
{
    const struct outbox_row *row = post_next(s->post, 0, OUTBOX_IN_FLIGHT_MAX, SIZE_MAX / 2);

    assert_non_null(row);
    assert_string_equal(row->message.payload, text);
    (void)post_acked(s->post, row->number, 0, 0);
}

static void a_clock_that_is_set_late(void **state)
{
    struct scene s;
    const int64_t utc_ms = fake_clock.utc_ms;

    (void)state;
    open_scene(&s);
    fake_clock.unset = true;
    fake_clock.utc_ms = 70000;
    sample(&s);
    telemetry_cut(s.telemetry);
    expect_text(&s, "{\"at\":\"1970-01-01T00:01:10.000Z\",\"clock_set\":false,\"samples\":1,"
                    "\"offset_s\":[0]}");
    sample(&s);
    fake_clock_pass(60000);
    fake_clock.unset = false;
    fake_clock.utc_ms = INT64_C(1795464089120);
    telemetry_cut(s.telemetry);
    expect_text(&s, "{\"at\":\"2026-11-23T20:00:29.120Z\",\"samples\":1,\"offset_s\":[0]}");
    fake_clock.utc_ms = utc_ms;
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_after_a_random_part),
        cmocka_unit_test(each_publish_s),
        cmocka_unit_test(behind_an_event_that_went_out),
        cmocka_unit_test(cut_into_even_parts),
        cmocka_unit_test(many_do_not_wait),
        cmocka_unit_test(with_holes),
        cmocka_unit_test(waits_on_disk),
        cmocka_unit_test(another_publish_s),
        cmocka_unit_test(a_clock_that_is_set_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
