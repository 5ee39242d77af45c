#include "agent/worker/memory.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/operation/journal.h"
#include "tests/test.h"
#include "tests/unit/fake_clock.h"
#include "tests/unit/temp_journal.h"

static const char *boot = "00000000-0000-0000-0000-000000000001";

const char *__wrap_clock_boot_id(void);

const char *__wrap_clock_boot_id(void)
{
    return boot;
}

static struct temp_journal temp;
static struct memory memory;

static void begin(void)
{
    boot = "00000000-0000-0000-0000-000000000001";
    temp_journal_init(&temp);
    memory_init(&memory, temp.journal);
}

static void restart(void)
{
    temp_journal_reopen(&temp);
    memory_init(&memory, temp.journal);
}

static void the_profile_in_use(void **state)
{
    const struct iccid a = { "89882110000001234568" }, b = { "8949001312170061988" };

    (void)state;
    begin();
    assert_string_equal(memory.enabled.text, "");
    memory_keep_enabled(&memory, &a, 0, "start");
    restart();
    assert_string_equal(memory.enabled.text, a.text);
    assert_int_equal(memory.since_utc_ms, 0);
    assert_string_equal(memory.by, "start");
    memory_keep_enabled(&memory, &b, INT64_C(1795464089120), "operation");
    restart();
    assert_string_equal(memory.enabled.text, b.text);
    assert_int_equal(memory.since_utc_ms, INT64_C(1795464089120));
    assert_string_equal(memory.by, "operation");
    /* As it was written before. */
    assert_ok(journal_put_value(temp.journal, "enabled", a.text));
    restart();
    assert_string_equal(memory.enabled.text, a.text);
    assert_string_equal(memory.by, "");
    assert_ok(journal_put_value(temp.journal, "enabled", "no ICCID"));
    restart();
    assert_string_equal(memory.enabled.text, "");
    temp_journal_done(&temp);
}

/* What is open when the agent is killed, and what becomes of that. */
static void channels_of_a_moment_ago(void **state)
{
    static const struct {
        const char *what, *open, *raw;
        int64_t pass_ms;
        bool rebooted, found;
    } rows[] = {
        { "nothing" },
        { "a channel", "csim:2", .found = true },
        { "a session", "cgla:000000000385a7cf", .found = true },
        { "closed again", "" },
        { "a while ago", "csim:2", .pass_ms = 10 * 60 * 1000 - 1, .found = true },
        { "too long ago", "csim:2", .pass_ms = 10 * 60 * 1000 },
        { "of another boot", "csim:2", .rebooted = true },
        { "garbage", .raw = "csim:2" },
        { "an empty text", .raw = "" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char open[CARD_CHANNELS_MAX + 1] = "as before";

        print_message("%s\n", rows[i].what);
        begin();
        if (rows[i].open) {
            memory_keep_channels(&memory, "csim:6");
            memory_keep_channels(&memory, rows[i].open);
        }
        if (rows[i].raw)
            assert_ok(journal_put_value(temp.journal, "channels", rows[i].raw));
        fake_clock_pass(rows[i].pass_ms);
        if (rows[i].rebooted)
            boot = "00000000-0000-0000-0000-000000000002";
        restart();
        assert_int_equal(memory_find_channels(&memory, open), rows[i].found);
        assert_string_equal(open, rows[i].found ? rows[i].open : "as before");
        temp_journal_done(&temp);
    }
}

static void the_broker(void **state)
{
    struct broker_facts facts = { 0 };
    int64_t came_ms, found_ms;

    (void)state;
    begin();
    memory_keep_connack(&memory, &facts);
    assert_false(memory_find_connack(&memory, &found_ms));
    fake_clock_pass(1000);
    came_ms = facts.accepted_at_ms = clock_now_ms();
    facts.online = true;
    memory_keep_connack(&memory, &facts);
    fake_clock_pass(5000);
    restart();
    assert_true(memory_find_connack(&memory, &found_ms));
    assert_int_equal(found_ms, came_ms);
    /* While the link stays up it is written now and then, and not more often. */
    memory.connack_ms = came_ms;
    fake_clock_pass(10 * 60 * 1000 - 5001);
    memory_keep_connack(&memory, &facts);
    assert_true(memory_find_connack(&memory, &found_ms));
    assert_int_equal(found_ms, came_ms);
    fake_clock_pass(1);
    memory_keep_connack(&memory, &facts);
    assert_true(memory_find_connack(&memory, &found_ms));
    assert_int_equal(found_ms, clock_now_ms());
    /* A link that is gone is not there, however long. */
    facts.online = false;
    came_ms = clock_now_ms();
    fake_clock_pass(60 * 60 * 1000);
    memory_keep_connack(&memory, &facts);
    assert_true(memory_find_connack(&memory, &found_ms));
    assert_int_equal(found_ms, came_ms);
    /* A reboot: the clock since the boot begins anew, and the journal's goes on. */
    fake_clock.now_ms = 20000;
    fake_clock.utc_ms += 60000;
    boot = "00000000-0000-0000-0000-000000000002";
    restart();
    assert_true(memory_find_connack(&memory, &found_ms));
    assert_int_equal(found_ms, 20000 - 60000 - 60 * 60 * 1000);
    temp_journal_done(&temp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_profile_in_use),
        cmocka_unit_test(channels_of_a_moment_ago),
        cmocka_unit_test(the_broker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
