#include "agent/state/reads.h"

#include <pthread.h>
#include <stdatomic.h>

#include "agent/base/clock.h"
#include "tests/test.h"
#include "tests/unit/fake_clock.h"

/* One who asked. */
struct asker {
    struct reads *reads;
    unsigned times;
    enum error_code code;
    /* Asks again for this out of the callback; 0: does not. */
    unsigned asks_again;
    struct error again;
};

static void answered(void *ctx, const struct error *error)
{
    struct asker *asker = ctx;

    asker->times++;
    asker->code = error->code;
    if (asker->asks_again) {
        unsigned wants = asker->asks_again;

        asker->asks_again = 0;
        asker->again = reads_ask(asker->reads, wants, answered, asker);
    }
}

static void count_wakes(void *ctx)
{
    ++*(unsigned *)ctx;
}

static const struct error none = { .code = ERROR_NONE };
static const struct error trouble = { .code = ERROR_CARD_BUSY };

/* --- one asker, one answer after the other --- */

static const struct {
    const char *what;
    unsigned wants;
    struct {
        unsigned had;
        enum error_code code;
    } answers[3];
    /* After which of the answers (1, 2, …) he was called, and with what; 0: never. */
    unsigned called_after;
    enum error_code code;
} answers[] = {
    // clang-format off
    { "all at once", READ_EID, { { READ_EID } }, 1, ERROR_NONE },
    { "more than wanted", READ_EID, { { READ_EID | READ_PROFILES | READ_CONNECTIVITY } }, 1, ERROR_NONE },
    { "something else", READ_EID, { { READ_PROFILES }, { READ_CONNECTIVITY } }, 0 },
    { "bit by bit", READ_EID | READ_PROFILES, { { READ_EID }, { READ_CONNECTIVITY }, { READ_PROFILES } }, 3, ERROR_NONE },
    { "the same twice is half", READ_EID | READ_PROFILES, { { READ_EID }, { READ_EID } }, 0 },
    { "an error of a part", READ_EID | READ_PROFILES, { { READ_PROFILES, ERROR_CARD } }, 1, ERROR_CARD },
    { "an error of something else", READ_EID, { { READ_CONNECTIVITY, ERROR_CARD }, { READ_EID } }, 2, ERROR_NONE },
    { "had one, the other failed", READ_EID | READ_PROFILES, { { READ_EID }, { READ_PROFILES, ERROR_SIM_LOCKED } }, 2, ERROR_SIM_LOCKED },
    { "an error of what he has already", READ_EID | READ_PROFILES, { { READ_EID }, { READ_EID, ERROR_CARD }, { READ_PROFILES } }, 3, ERROR_NONE },
}; // clang-format on

static void answers_fit_wants(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct reads *reads = reads_new();
        struct asker asker = { .reads = reads };

        print_message("%s\n", answers[i].what);
        assert_ok(reads_ask(reads, answers[i].wants, answered, &asker));
        assert_int_equal(reads_wanted(reads), answers[i].wants);
        for (unsigned j = 0; j < ARRAY_LEN(answers[i].answers) && answers[i].answers[j].had; j++) {
            const struct error e = { .code = answers[i].answers[j].code };

            reads_answer(reads, answers[i].answers[j].had, &e);
            assert_int_equal(asker.times,
                             answers[i].called_after && j + 1 >= answers[i].called_after);
        }
        assert_int_equal(asker.code, answers[i].code);
        assert_int_equal(reads_wanted(reads) == 0, answers[i].called_after > 0);
        reads_close(reads);
        assert_int_equal(asker.times, 1);
        reads_free(reads);
    }
}

static void many_join_one_read(void **state)
{
    struct reads *reads = reads_new();
    struct asker askers[24];
    unsigned wakes = 0;

    (void)state;
    reads_set_wake(reads, count_wakes, &wakes);
    for (size_t i = 0; i < ARRAY_LEN(askers); i++) {
        askers[i] = (struct asker){ .reads = reads };
        assert_ok(reads_ask(reads, i % 2 ? READ_EID : READ_PROFILES, answered, &askers[i]));
    }
    assert_int_equal(wakes, ARRAY_LEN(askers));
    assert_int_equal(reads_wanted(reads), READ_EID | READ_PROFILES);
    reads_answer(reads, READ_EID, &none);
    assert_int_equal(reads_wanted(reads), READ_PROFILES);
    reads_answer(reads, READ_PROFILES, &trouble);
    assert_int_equal(reads_wanted(reads), 0);
    assert_int_equal(reads_deadline_ms(reads), CLOCK_NEVER);
    for (size_t i = 0; i < ARRAY_LEN(askers); i++) {
        assert_int_equal(askers[i].times, 1);
        assert_int_equal(askers[i].code, i % 2 ? ERROR_NONE : ERROR_CARD_BUSY);
    }
    reads_free(reads);
}

/* Each has READS_WAIT_MS of his own, to the millisecond. */
static void waiting_ends(void **state)
{
    struct reads *reads = reads_new();
    struct asker first = { .reads = reads }, second = { .reads = reads };
    int64_t start_ms = fake_clock.now_ms;

    (void)state;
    assert_int_equal(reads_deadline_ms(reads), CLOCK_NEVER);
    reads_expire(reads, CLOCK_NEVER);
    assert_ok(reads_ask(reads, READ_EID, answered, &first));
    fake_clock_pass(100);
    assert_ok(reads_ask(reads, READ_EID | READ_CONNECTIVITY, answered, &second));
    assert_int_equal(reads_deadline_ms(reads), start_ms + READS_WAIT_MS);
    reads_answer(reads, READ_CONNECTIVITY, &none); /* a part does not begin it anew */
    reads_expire(reads, start_ms + READS_WAIT_MS - 1);
    assert_int_equal(first.times + second.times, 0);
    reads_expire(reads, start_ms + READS_WAIT_MS);
    assert_int_equal(first.times, 1);
    assert_int_equal(first.code, ERROR_MODEM_TIMEOUT);
    assert_int_equal(second.times, 0);
    assert_int_equal(reads_deadline_ms(reads), start_ms + 100 + READS_WAIT_MS);
    reads_expire(reads, start_ms + 100 + READS_WAIT_MS);
    assert_int_equal(second.code, ERROR_MODEM_TIMEOUT);
    assert_int_equal(second.times, 1);
    reads_free(reads);
}

static void closing_answers_and_refuses(void **state)
{
    struct reads *reads = reads_new();
    struct asker waits = { .reads = reads, .asks_again = READ_EID }, late = { .reads = reads };
    unsigned wakes = 0;

    (void)state;
    assert_ok(reads_ask(reads, READ_EID, answered, &waits));
    reads_close(reads);
    assert_int_equal(waits.times, 1);
    assert_int_equal(waits.code, ERROR_SHUTTING_DOWN);
    assert_int_equal(waits.again.code, ERROR_SHUTTING_DOWN);
    reads_set_wake(reads, count_wakes, &wakes);
    assert_code(reads_ask(reads, READ_EID, answered, &late), ERROR_SHUTTING_DOWN);
    assert_int_equal(late.times, 0);
    assert_int_equal(wakes, 0);
    reads_close(reads);
    reads_free(reads);
    reads_free(NULL);
}

static void the_list_is_bounded(void **state)
{
    static struct asker askers[READS_MAX];
    struct reads *reads = reads_new();
    struct asker one_more = { .reads = reads };

    (void)state;
    for (size_t i = 0; i < READS_MAX; i++)
        assert_ok(reads_ask(reads, i == 7 ? READ_EID : READ_PROFILES, answered, &askers[i]));
    assert_code(reads_ask(reads, READ_EID, answered, &one_more), ERROR_QUEUE_FULL);
    assert_int_equal(one_more.times, 0);
    reads_answer(reads, READ_EID, &none); /* one place is free again */
    assert_ok(reads_ask(reads, READ_EID, answered, &one_more));
    assert_code(reads_ask(reads, READ_EID, answered, &one_more), ERROR_QUEUE_FULL);
    reads_answer(reads, READ_PROFILES | READ_EID, &none);
    for (size_t i = 0; i < READS_MAX; i++)
        assert_int_equal(askers[i].times, 1);
    assert_int_equal(one_more.times, 1);
    reads_free(reads);
}

/* No lock is held in a callback, and what is asked there waits for the next answer. */
static void asking_out_of_a_callback(void **state)
{
    struct reads *reads = reads_new();
    struct asker askers[3] = { { .reads = reads, .asks_again = READ_EID },
                               { .reads = reads, .asks_again = READ_CONNECTIVITY },
                               { .reads = reads } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(askers); i++)
        assert_ok(reads_ask(reads, READ_EID, answered, &askers[i]));
    reads_answer(reads, READ_EID, &none);
    for (size_t i = 0; i < ARRAY_LEN(askers); i++) {
        assert_int_equal(askers[i].times, 1);
        assert_int_equal(askers[i].again.code, ERROR_NONE);
    }
    assert_int_equal(reads_wanted(reads), READ_EID | READ_CONNECTIVITY);
    reads_answer(reads, READ_EID | READ_CONNECTIVITY, &trouble);
    assert_int_equal(askers[0].times, 2);
    assert_int_equal(askers[1].times, 2);
    assert_int_equal(askers[1].code, ERROR_CARD_BUSY);
    assert_int_equal(askers[2].times, 1);
    assert_int_equal(reads_wanted(reads), 0);
    reads_free(reads);
}

/* --- doors and worker at the same time --- */

enum { DOORS = 4, ROUNDS = 2000 };

struct door {
    struct reads *reads;
    atomic_uint *over;
    atomic_uint called;
    unsigned accepted;
};

static void answered_door(void *ctx, const struct error *error)
{
    struct door *door = ctx;

    (void)error;
    atomic_fetch_add(&door->called, 1);
}

static void *ask_on(void *ctx)
{
    struct door *door = ctx;

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct error e = reads_ask(door->reads, 1 + i % 7, answered_door, door);

        door->accepted += !e.code;
    }
    atomic_fetch_add(door->over, 1);
    return NULL;
}

static void threads_are_all_answered_once(void **state)
{
    struct reads *reads = reads_new();
    atomic_uint over;
    struct door doors[DOORS];
    pthread_t threads[DOORS];
    unsigned accepted = 0;

    (void)state;
    atomic_init(&over, 0);
    for (size_t i = 0; i < DOORS; i++) {
        doors[i].reads = reads;
        doors[i].over = &over;
        doors[i].accepted = 0;
        atomic_init(&doors[i].called, 0);
        assert_int_equal(pthread_create(&threads[i], NULL, ask_on, &doors[i]), 0);
    }
    for (unsigned i = 0; atomic_load(&over) < DOORS; i++) {
        reads_answer(reads, 1 + i % 7, i % 5 ? &none : &trouble);
        reads_expire(reads, reads_deadline_ms(reads) - 1);
    }
    reads_close(reads);
    for (size_t i = 0; i < DOORS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(atomic_load(&doors[i].called), doors[i].accepted);
        accepted += doors[i].accepted;
    }
    assert_true(accepted > 0); /* a door alone may find the list full all the time */
    assert_int_equal(reads_wanted(reads), 0);
    reads_free(reads);
}

static void those_who_came_are_counted(void **state)
{
    struct reads *reads = reads_new();
    struct asker asker = { .reads = reads };
    struct reads_counts counts;

    (void)state;
    assert_ok(reads_ask(reads, READ_EID, answered, &asker));
    assert_ok(reads_ask(reads, READ_EID | READ_PROFILES, answered, &asker));
    assert_ok(reads_ask(reads, READ_CONNECTIVITY, answered, &asker));
    reads_get_counts(reads, &counts);
    assert_int_equal(counts.waiting, 3);
    reads_answer(reads, READ_EID, &none);
    reads_answer(reads, READ_PROFILES, &trouble);
    reads_get_counts(reads, &counts);
    assert_int_equal(counts.waiting, 1);
    assert_int_equal(counts.answered[ERROR_NONE], 1);
    assert_int_equal(counts.answered[ERROR_CARD_BUSY], 1);
    reads_close(reads);
    assert_code(reads_ask(reads, READ_EID, answered, &asker), ERROR_SHUTTING_DOWN);
    reads_get_counts(reads, &counts);
    assert_int_equal(counts.waiting, 0);
    /* Who waited, and who came too late. */
    assert_int_equal(counts.answered[ERROR_SHUTTING_DOWN], 2);
    reads_free(reads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_who_came_are_counted),
        cmocka_unit_test(answers_fit_wants),
        cmocka_unit_test(many_join_one_read),
        cmocka_unit_test(waiting_ends),
        cmocka_unit_test(closing_answers_and_refuses),
        cmocka_unit_test(the_list_is_bounded),
        cmocka_unit_test(asking_out_of_a_callback),
        cmocka_unit_test(threads_are_all_answered_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
