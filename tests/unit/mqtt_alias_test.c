#include "mqtt/alias.h"
#include "tests/test.h"

/* One after the other on one connection whose broker takes two. */
static void first_come_first_served(void **state)
{
    static const struct {
        const char *what, *topic;
        unsigned alias;
        bool known;
        unsigned learned; /* afterwards */
    } rows[] = {
        // clang-format off
        { "the first", "p/m", 1, false, 0 },
        { "again, not acknowledged yet", "p/m", 1, false, 1 },
        { "known", "p/m", 1, true, 0 },
        { "the second", "p/twin", 2, false, 2 },
        { "one too many", "p/info", 0, false, 0 },
        { "of none there is nothing to learn", "p/info", 0, false, 3 },
        { "the second is known", "p/twin", 2, true, 0 },
        { "the first still is", "p/m", 1, true, 0 },
        { "another one that begins so", "p/mm", 0, false, 0 },
    }; // clang-format on
    struct alias_table table;

    (void)state;
    alias_begin(&table, 2);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool known = !rows[i].known;

        print_message("%s\n", rows[i].what);
        assert_int_equal(alias_of(&table, rows[i].topic, &known), rows[i].alias);
        assert_int_equal(known, rows[i].known);
        alias_learned(&table, rows[i].learned);
    }
}

static void each_connection_has_its_own(void **state)
{
    struct alias_table table;
    bool known;

    (void)state;
    alias_begin(&table, 5);
    assert_int_equal(alias_of(&table, "p/m", &known), 1);
    alias_learned(&table, 1);
    alias_begin(&table, 5);
    assert_int_equal(alias_of(&table, "p/twin", &known), 1);
    assert_false(known);
    assert_int_equal(alias_of(&table, "p/m", &known), 2);
    assert_false(known);
}

static void a_broker_with_none_or_very_many(void **state)
{
    struct alias_table table;
    char topic[8];
    bool known = true;

    (void)state;
    alias_begin(&table, 0);
    assert_int_equal(alias_of(&table, "p/m", &known), 0);
    assert_false(known);
    alias_begin(&table, 65535);
    for (unsigned i = 1; i <= ALIAS_MAX + 1; i++) {
        (void)snprintf(topic, sizeof topic, "p/%u", i);
        assert_int_equal(alias_of(&table, topic, &known), i <= ALIAS_MAX ? i : 0);
    }
}

static void a_topic_that_is_too_long(void **state)
{
    struct alias_table table;
    char topic[TOPICS_MAX + 2];
    bool known;

    (void)state;
    memset(topic, 'a', sizeof topic);
    alias_begin(&table, 5);
    topic[TOPICS_MAX] = '\0';
    assert_int_equal(alias_of(&table, topic, &known), 0);
    topic[TOPICS_MAX - 1] = '\0';
    assert_int_equal(alias_of(&table, topic, &known), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_come_first_served),
        cmocka_unit_test(each_connection_has_its_own),
        cmocka_unit_test(a_broker_with_none_or_very_many),
        cmocka_unit_test(a_topic_that_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
