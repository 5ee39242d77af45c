#include "mqtt/topics.h"
#include "tests/test.h"

#define ID_64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* One topic a row, under the base "esim/v1/gw". */
static const struct {
    const char *topic;
    enum topics_verb verb;
    enum config_command command;
    const char *id;
} rows[] = {
    // clang-format off
    { "esim/v1/gw/cmd/get-eid/1/req", TOPICS_REQUEST, CONFIG_COMMAND_GET_EID, "1" },
    { "esim/v1/gw/cmd/enable-profile/a.B_c-9/req", TOPICS_REQUEST, CONFIG_COMMAND_ENABLE_PROFILE, "a.B_c-9" },
    { "esim/v1/gw/cmd/enable-profile/" ID_64 "/req", TOPICS_REQUEST, CONFIG_COMMAND_ENABLE_PROFILE, ID_64 },
    { "esim/v1/gw/cmd/enable-profile/" ID_64 "a/req", TOPICS_ALIEN, 0, "" },
    { "esim/v1/gw/cmd/enable-profile/1/cancel", TOPICS_CANCEL, CONFIG_COMMAND_ENABLE_PROFILE, "1" },
    { "esim/v1/gw/cmd/enable-profile/1/confirm", TOPICS_CONFIRM, CONFIG_COMMAND_ENABLE_PROFILE, "1" },
    { "esim/v1/gw/cmd/enable-profile/1/status", TOPICS_OURS, CONFIG_COMMAND_ENABLE_PROFILE, "1" },
    { "esim/v1/gw/cmd/get-eid/1/cancel", TOPICS_ALIEN, 0, "" },
    { "esim/v1/gw/cmd/get-eid/1", TOPICS_ALIEN, 0, "" },
    { "esim/v1/gw/cmd/get-eid/1/req/", TOPICS_ALIEN, 0, "" },
    { "esim/v1/gw/cmd/get-eid/1/2/req", TOPICS_ALIEN, 0, "" },
    { "esim/v1/gw/cmd/get-eid//req", TOPICS_ALIEN, 0, "" },
    { "esim/v1/gw/cmd/get-eid/a b/req", TOPICS_ALIEN, 0, "" },
    { "esim/v1/gw/cmd/get-eid/\xC3\xA4/req", TOPICS_ALIEN, 0, "" },
    { "esim/v1/gw/cmd/Get-eid/1/req", TOPICS_ALIEN, 0, "" },
    { "esim/v1/gw/cmd/a-name-that-is-longer-than-any-command-of-ours/1/req", TOPICS_ALIEN, 0, "" },
    { "esim/v1/gw/cmd//1/req", TOPICS_ALIEN, 0, "" },
    { "esim/v1/gw/cmd/", TOPICS_ALIEN, 0, "" },
    { "esim/v1/gw/cmd", TOPICS_ALIEN, 0, "" },
    { "esim/v1/gww/cmd/get-eid/1/req", TOPICS_ALIEN, 0, "" },
    { "esim/v1/g/cmd/get-eid/1/req", TOPICS_ALIEN, 0, "" },
    { "", TOPICS_ALIEN, 0, "" },
}; // clang-format on

static void taken_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t len = strlen(rows[i].topic);
        char *exact = malloc(len ? len : 1); /* no NUL behind it: reading on would be seen */
        struct topics_command got;

        print_message("%s\n", rows[i].topic);
        assert_non_null(exact);
        memcpy(exact, rows[i].topic, len);
        got = topics_parse("esim/v1/gw", exact, len);
        assert_int_equal(got.verb, rows[i].verb);
        assert_int_equal(got.command, rows[i].command);
        assert_string_equal(got.id, rows[i].id);
        free(exact);
    }
}

static void with_a_nul_inside(void **state)
{
    static const char topic[] = "esim/v1/gw/cmd/get-eid\0x/1/req";

    (void)state;
    assert_int_equal(topics_parse("esim/v1/gw", topic, sizeof topic - 1).verb, TOPICS_ALIEN);
}

static void put_together(void **state)
{
    char base[TOPICS_MAX], topic[TOPICS_MAX];
    char longest[TOPICS_MAX + 1];

    (void)state;
    assert_true(topics_base("esim/v1", "gw", base));
    assert_string_equal(base, "esim/v1/gw");
    topics_of(base, "status/health", topic);
    assert_string_equal(topic, "esim/v1/gw/status/health");
    topics_status(base, CONFIG_COMMAND_GET_EID, "x", topic);
    assert_string_equal(topic, "esim/v1/gw/cmd/get-eid/x/status");
    assert_false(topics_base("a/+", "gw", base));
    assert_false(topics_base("#", "gw", base));
    assert_false(topics_base("$SYS", "gw", base));
    memset(longest, 'p', sizeof longest);
    longest[TOPICS_MAX] = '\0';
    assert_false(topics_base(longest, "gw", base));
    assert_string_equal(base, "esim/v1/gw");
}

/* The longest base that is taken leaves room for the longest topic. */
static void nothing_is_cut(void **state)
{
    char prefix[TOPICS_MAX], base[TOPICS_MAX], topic[TOPICS_MAX];
    size_t n = TOPICS_MAX - 4;

    (void)state;
    do {
        memset(prefix, 'p', n);
        prefix[n] = '\0';
    } while (!topics_base(prefix, "gw", base) && --n > 0);
    topics_status(base, CONFIG_COMMAND_GET_CONNECTIVITY, ID_64, topic);
    assert_int_equal(topics_parse(base, topic, strlen(topic)).verb, TOPICS_OURS);
    topics_of(base, "cmd/enable-profile/+/confirm", topic);
    assert_string_equal(topic + strlen(base), "/cmd/enable-profile/+/confirm");
}

static void response_topics(void **state)
{
    static const struct {
        const char *topic;
        size_t len;
        bool ok;
    } answers[] = {
        // clang-format off
        { "answers/me", 10, true }, { "esim/v1/gw/answers", 18, true },
        { "esim/v1/gw/cmdr", 15, true }, { "esim/v1/gw2/cmd/x", 17, true },
        { "esim/v1/gw/cmd", 14, false }, { "esim/v1/gw/cmd/get-eid/1/req", 28, false },
        { "$SYS/x", 6, false }, { "a/+", 3, false }, { "a/#", 3, false }, { "", 0, false },
        { "a\0b", 3, false }, { "a\nb", 3, false }, { "a\xFF", 2, false },
    }; // clang-format on
    char longest[TOPICS_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        print_message("%s\n", answers[i].topic);
        assert_int_equal(topics_may_respond("esim/v1/gw", answers[i].topic, answers[i].len),
                         answers[i].ok);
    }
    memset(longest, 'a', sizeof longest);
    assert_false(topics_may_respond("b", longest, TOPICS_MAX));
    assert_true(topics_may_respond("b", longest, TOPICS_MAX - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taken_apart),     cmocka_unit_test(with_a_nul_inside),
        cmocka_unit_test(put_together),    cmocka_unit_test(nothing_is_cut),
        cmocka_unit_test(response_topics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
