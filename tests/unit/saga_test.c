#include "agent/switch/saga.h"
#include "tests/test.h"

enum { NOW = 10000000 };

static const struct saga_limits limits = {
    .refresh_ms = 15000,
    .cycle_ms = 30000,
    .reset_ms = 60000,
    .register_ms = 300000,
    .attach_ms = 120000,
    .denied_ms = 60000,
    .locked_ms = 10000,
    .help_ms = 15000,
    .may_cycle = true,
    .may_reset = true,
    .needs_data = true,
};

/* A modem that works: open, started over, on the target. */
#define GOOD .modem_open = true, .restarted = true, .on_target = true
#define HOME .registration = REGISTRATION_HOME
/* As +CPIN: SIM PIN says it, as a CME code does, and as a card that starts. */
#define LOCKED_BY_CPIN .sim = { .code = ERROR_SIM_LOCKED, .domain = ERROR_IN_AGENT }
#define LOCKED_BY_CME .sim = { .code = ERROR_SIM_LOCKED, .domain = ERROR_IN_MODEM, .detail = 40 }
#define LOCKED_BY_FINAL                                                                            \
    .sim = { .code = ERROR_SIM_LOCKED, .domain = ERROR_IN_MODEM, .detail = ERROR_FINAL_ERROR }
#define STARTING .sim = { .code = ERROR_CARD_BUSY, .domain = ERROR_IN_MODEM, .detail = 14 }

enum may { MAY_ALL = 0, MAY_CYCLE, MAY_RESET, MAY_NOTHING };

/* One step a row: how long ago what began, what is seen, what comes of it. */
static const struct {
    const char *what;
    enum phase phase;
    int64_t age_ms; /* of the phase */
    struct {
        unsigned rung;
        int64_t age_ms;
        bool cycled;
    } ladder;
    /* Since when; 0: not. */
    int64_t denied_ms, locked_ms;
    bool helped;
    enum may may;
    bool data_not_needed;
    struct saga_seen seen;
    enum saga_act act;
    enum phase enters;
    enum error_code code;
    int64_t look_ms;
} steps[] = {
    // clang-format off
    { "reset: nothing yet", PHASE_RESETTING, .seen = { .modem_open = true }, .look_ms = 250 },
    { "reset: started over and on the target", PHASE_RESETTING, .seen = { GOOD }, .act = SAGA_ENTER, .enters = PHASE_REGISTERING },
    { "reset: on the target, not started over: that was the card alone", PHASE_RESETTING, .seen = { .modem_open = true, .on_target = true }, .look_ms = 250 },
    { "reset: started over, still the old profile", PHASE_RESETTING, .seen = { .modem_open = true, .restarted = true }, .look_ms = 250 },
    { "reset: all there, but the card is not ready", PHASE_RESETTING, .seen = { GOOD, STARTING }, .look_ms = 250 },
    { "reset: all there, and the port gone since", PHASE_RESETTING, .seen = { .restarted = true, .on_target = true }, .look_ms = 250 },
    { "reset: registered proves nothing", PHASE_RESETTING, .seen = { .modem_open = true, .on_target = true, HOME, .data = true }, .look_ms = 250 },
    { "reset: looks less often after 5 s", PHASE_RESETTING, 5000, { 0, 5000 }, .seen = { .modem_open = true }, .look_ms = 1000 },
    { "reset: just before refresh is over", PHASE_RESETTING, 14999, { 0, 14999 }, .seen = { .modem_open = true }, .look_ms = 1000 },
    { "reset: refresh is over", PHASE_RESETTING, 15000, { 0, 15000 }, .seen = { .modem_open = true }, .act = SAGA_CYCLE_RADIO },
    { "reset: refresh is over, on the target but not started over", PHASE_RESETTING, 15000, { 0, 15000 }, .seen = { .modem_open = true, .on_target = true }, .act = SAGA_CYCLE_RADIO },
    { "reset: switched in the last moment", PHASE_RESETTING, 15000, { 0, 15000 }, .seen = { GOOD }, .act = SAGA_ENTER, .enters = PHASE_REGISTERING },
    { "reset: refresh is over, no cycle allowed", PHASE_RESETTING, 15000, { 0, 15000 }, .may = MAY_RESET, .seen = { .modem_open = true }, .act = SAGA_RESET_MODEM },
    { "reset: refresh is over, nothing allowed", PHASE_RESETTING, 15000, { 0, 15000 }, .may = MAY_NOTHING, .seen = { .modem_open = true }, .act = SAGA_FAIL, .code = ERROR_NOT_SWITCHED },
    { "reset: refresh is over, port gone: its time to come back", PHASE_RESETTING, 15000, { 0, 15000 }, .seen = { .restarted = true }, .look_ms = 1000 },
    { "reset: refresh is over, port gone, nothing allowed", PHASE_RESETTING, 15000, { 0, 15000 }, .may = MAY_NOTHING, .seen = { .restarted = true }, .act = SAGA_FAIL, .code = ERROR_NOT_SWITCHED },
    { "reset: just before the cycle's time is over", PHASE_RESETTING, 45999, { 1, 29999, true }, .seen = { .modem_open = true }, .look_ms = 1000 },
    { "reset: the cycle's time is over", PHASE_RESETTING, 46000, { 1, 30000, true }, .seen = { .modem_open = true }, .act = SAGA_RESET_MODEM },
    { "reset: the cycle's time is over, port gone", PHASE_RESETTING, 46000, { 1, 30000, true }, .seen = { .restarted = true }, .act = SAGA_RESET_MODEM },
    { "reset: the cycle's time is over, no reset allowed", PHASE_RESETTING, 46000, { 1, 30000, true }, .may = MAY_CYCLE, .seen = { .modem_open = true }, .act = SAGA_FAIL, .code = ERROR_NOT_SWITCHED },
    { "reset: the port is back from a rung without a cycle: now", PHASE_RESETTING, 46000, { 1, 30000, false }, .may = MAY_CYCLE, .seen = { .modem_open = true, .restarted = true }, .act = SAGA_CYCLE_RADIO },
    { "reset: the port never came back", PHASE_RESETTING, 46000, { 1, 30000, false }, .may = MAY_CYCLE, .seen = { .restarted = true }, .act = SAGA_FAIL, .code = ERROR_NOT_SWITCHED },
    { "reset: just before the reset's time is over", PHASE_RESETTING, 105999, { 2, 59999, true }, .seen = { .modem_open = true }, .look_ms = 2000 },
    { "reset: the reset's time is over", PHASE_RESETTING, 106000, { 2, 60000, true }, .seen = { .modem_open = true }, .act = SAGA_FAIL, .code = ERROR_NOT_SWITCHED },
    { "reset: the reset's time is over, and the cycle was never: no way back down", PHASE_RESETTING, 106000, { 2, 60000, false }, .seen = { .modem_open = true }, .act = SAGA_FAIL, .code = ERROR_NOT_SWITCHED },
    { "reset: looks at 2 s after a minute", PHASE_RESETTING, 60000, { 2, 100, true }, .seen = { .modem_open = true }, .look_ms = 2000 },
    { "reset: no help there", PHASE_RESETTING, 14000, { 0, 14000 }, .seen = { .modem_open = true, .restarted = true }, .look_ms = 1000 },

    { "lock: by CME at once", PHASE_RESETTING, 100, { 0, 100 }, .seen = { GOOD, LOCKED_BY_CME }, .act = SAGA_FAIL, .code = ERROR_SIM_LOCKED },
    { "lock: by CME, but that may still be the old profile's", PHASE_RESETTING, 100, { 0, 100 }, .seen = { .modem_open = true, LOCKED_BY_CME }, .look_ms = 250 },
    { "lock: by CPIN of the old profile for long: the ladder", PHASE_RESETTING, 15000, { 0, 15000 }, .locked_ms = 15000, .seen = { .modem_open = true, LOCKED_BY_CPIN }, .act = SAGA_CYCLE_RADIO },
    { "lock: by CPIN: not yet", PHASE_RESETTING, 9999, { 0, 9999 }, .locked_ms = 9999, .seen = { GOOD, LOCKED_BY_CPIN }, .look_ms = 1000 },
    { "lock: by CPIN for 10 s", PHASE_RESETTING, 10000, { 0, 10000 }, .locked_ms = 10000, .seen = { GOOD, LOCKED_BY_CPIN }, .act = SAGA_FAIL, .code = ERROR_SIM_LOCKED },
    { "lock: by ERROR, no CME code: as CPIN", PHASE_RESETTING, 10, { 0, 10 }, .seen = { GOOD, LOCKED_BY_FINAL }, .look_ms = 250 },
    { "lock: by CPIN, port gone", PHASE_RESETTING, 10000, { 0, 10000 }, .locked_ms = 10000, .seen = { .restarted = true, LOCKED_BY_CPIN }, .look_ms = 1000 },
    { "lock: in registering", PHASE_REGISTERING, 10, .seen = { GOOD, LOCKED_BY_CME }, .act = SAGA_FAIL, .code = ERROR_SIM_LOCKED },
    { "lock: in attaching, by CPIN for 10 s", PHASE_ATTACHING, 20, .locked_ms = 10000, .seen = { GOOD, LOCKED_BY_CPIN }, .act = SAGA_FAIL, .code = ERROR_SIM_LOCKED },
    { "lock: before everything else", PHASE_REGISTERING, 10, .seen = { GOOD, HOME, LOCKED_BY_CME }, .act = SAGA_FAIL, .code = ERROR_SIM_LOCKED },

    { "registering: searching", PHASE_REGISTERING, 100, .seen = { GOOD, .registration = REGISTRATION_SEARCHING }, .look_ms = 250 },
    { "registering: home", PHASE_REGISTERING, 100, .seen = { GOOD, HOME }, .act = SAGA_ENTER, .enters = PHASE_ATTACHING },
    { "registering: roaming", PHASE_REGISTERING, 100, .seen = { GOOD, .registration = REGISTRATION_ROAMING }, .act = SAGA_ENTER, .enters = PHASE_ATTACHING },
    { "registering: emergency only is none", PHASE_REGISTERING, 100, .seen = { GOOD, .registration = REGISTRATION_EMERGENCY }, .look_ms = 250 },
    { "registering: unknown", PHASE_REGISTERING, 100, .seen = { GOOD }, .look_ms = 250 },
    { "registering: denied, just now", PHASE_REGISTERING, 6000, .seen = { GOOD, .registration = REGISTRATION_DENIED }, .look_ms = 1000 },
    { "registering: denied for less than 60 s", PHASE_REGISTERING, 80000, .denied_ms = 59999, .helped = true, .seen = { GOOD, .registration = REGISTRATION_DENIED }, .look_ms = 2000 },
    { "registering: denied when the time is over", PHASE_REGISTERING, 300000, .denied_ms = 1000, .helped = true, .seen = { GOOD, .registration = REGISTRATION_DENIED }, .act = SAGA_FAIL, .code = ERROR_REGISTRATION_DENIED },
    { "registering: denied for 60 s", PHASE_REGISTERING, 80000, .denied_ms = 60000, .helped = true, .seen = { GOOD, .registration = REGISTRATION_DENIED }, .act = SAGA_FAIL, .code = ERROR_REGISTRATION_DENIED },
    { "registering: denied before, searching now", PHASE_REGISTERING, 80000, .denied_ms = 70000, .helped = true, .seen = { GOOD, .registration = REGISTRATION_SEARCHING }, .look_ms = 2000 },
    { "registering: home after denials", PHASE_REGISTERING, 80000, .denied_ms = 70000, .seen = { GOOD, HOME }, .act = SAGA_ENTER, .enters = PHASE_ATTACHING },
    { "registering: just before its time is over", PHASE_REGISTERING, 299999, .helped = true, .seen = { GOOD }, .look_ms = 2000 },
    { "registering: its time is over", PHASE_REGISTERING, 300000, .helped = true, .seen = { GOOD, .registration = REGISTRATION_SEARCHING }, .act = SAGA_FAIL, .code = ERROR_NOT_REGISTERED },
    { "registering: its time is over with the port gone", PHASE_REGISTERING, 300000, .seen = { .restarted = true }, .act = SAGA_FAIL, .code = ERROR_NOT_REGISTERED },
    { "registering: home in the last moment", PHASE_REGISTERING, 300000, .seen = { GOOD, HOME }, .act = SAGA_ENTER, .enters = PHASE_ATTACHING },
    { "registering: no help before 15 s", PHASE_REGISTERING, 14999, .seen = { GOOD }, .look_ms = 1000 },
    { "registering: help at 15 s", PHASE_REGISTERING, 15000, .seen = { GOOD }, .act = SAGA_HELP },
    { "registering: help only once", PHASE_REGISTERING, 20000, .helped = true, .seen = { GOOD }, .look_ms = 1000 },
    { "registering: help waits for the port", PHASE_REGISTERING, 20000, .seen = { .restarted = true }, .look_ms = 1000 },

    { "attaching: no data yet", PHASE_ATTACHING, 100, .seen = { GOOD, HOME }, .look_ms = 250 },
    { "attaching: data", PHASE_ATTACHING, 100, .seen = { GOOD, HOME, .data = true }, .act = SAGA_ENTER, .enters = PHASE_VERIFYING },
    { "attaching: data is not needed", PHASE_ATTACHING, 0, .data_not_needed = true, .seen = { GOOD, HOME }, .act = SAGA_ENTER, .enters = PHASE_VERIFYING },
    { "attaching: help at 15 s", PHASE_ATTACHING, 15000, .seen = { GOOD, HOME }, .act = SAGA_HELP },
    { "attaching: help only once", PHASE_ATTACHING, 15250, .helped = true, .seen = { GOOD, HOME }, .look_ms = 1000 },
    { "attaching: just before its time is over", PHASE_ATTACHING, 119999, .helped = true, .seen = { GOOD, HOME }, .look_ms = 2000 },
    { "attaching: its time is over", PHASE_ATTACHING, 120000, .helped = true, .seen = { GOOD, HOME }, .act = SAGA_FAIL, .code = ERROR_NO_DATA },
    { "attaching: data in the last moment", PHASE_ATTACHING, 120000, .helped = true, .seen = { GOOD, HOME, .data = true }, .act = SAGA_ENTER, .enters = PHASE_VERIFYING },
    { "attaching: the port is gone", PHASE_ATTACHING, 20000, .seen = { .restarted = true }, .look_ms = 1000 },

    { "verifying", PHASE_VERIFYING, 0, .seen = { GOOD, HOME, .data = true }, .act = SAGA_COMMIT },
    { "no such phase", PHASE_COMMITTED, 0, .seen = { GOOD }, .act = SAGA_FAIL, .code = ERROR_INTERNAL },
    { "not begun", PHASE_NONE, 0, .seen = { GOOD }, .act = SAGA_FAIL, .code = ERROR_INTERNAL },
}; // clang-format on

static void one_step(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct saga_limits l = limits;
        struct saga saga = saga_begin(NOW);
        struct saga_step step;

        print_message("%s\n", steps[i].what);
        l.may_cycle = steps[i].may == MAY_ALL || steps[i].may == MAY_CYCLE;
        l.may_reset = steps[i].may == MAY_ALL || steps[i].may == MAY_RESET;
        l.needs_data = !steps[i].data_not_needed;
        saga.phase = steps[i].phase;
        saga.phase_began_ms = NOW - steps[i].age_ms;
        saga.rung = steps[i].ladder.rung;
        saga.rung_began_ms = NOW - steps[i].ladder.age_ms;
        saga.cycled = steps[i].ladder.cycled;
        saga.denied_since_ms = steps[i].denied_ms ? NOW - steps[i].denied_ms : -1;
        saga.locked_since_ms = steps[i].locked_ms ? NOW - steps[i].locked_ms : -1;
        saga.helped = steps[i].helped;
        step = saga_next(&saga, &l, &steps[i].seen, NOW);
        assert_int_equal(step.act, steps[i].act);
        assert_string_equal(error_code_name(step.error.code), error_code_name(steps[i].code));
        assert_int_equal(step.phase, steps[i].enters);
        if (step.act == SAGA_LOOK)
            assert_int_equal(step.look_at_ms - NOW, steps[i].look_ms);
        if (step.act == SAGA_ENTER) {
            assert_int_equal(saga.phase, steps[i].enters);
            assert_int_equal(saga.phase_began_ms, NOW);
            assert_false(saga.helped);
        } else {
            assert_int_equal(saga.phase, steps[i].phase);
        }
    }
}

/* --- whole walks: what is seen from when on, what comes of it and when --- */

enum { WALK_SEEN_MAX = 8, WALK_ACTS_MAX = 8 };

struct walk {
    const char *what;
    enum may may;
    bool data_not_needed;
    /* How long a radio cycle or a reset takes before it returns. */
    int64_t takes_ms;
    struct {
        int64_t from_ms;
        struct saga_seen seen;
    } seen[WALK_SEEN_MAX];
    /* All but LOOK; a look comes at every millisecond, as an unsolicited line may bring it. */
    struct {
        int64_t at_ms;
        enum saga_act act;
        enum phase enters;
        enum error_code code;
    } acts[WALK_ACTS_MAX];
};

static const struct walk walks[] = {
    // clang-format off
    { "as it should be",
      .seen = { { 0, { .modem_open = true } }, { 300, { .modem_open = true, .restarted = true, STARTING } },
                { 900, { GOOD, .registration = REGISTRATION_SEARCHING } }, { 4000, { GOOD, HOME } }, { 5000, { GOOD, HOME, .data = true } } },
      .acts = { { 900, SAGA_ENTER, PHASE_REGISTERING }, { 4000, SAGA_ENTER, PHASE_ATTACHING }, { 5000, SAGA_ENTER, PHASE_VERIFYING }, { 5000, SAGA_COMMIT } } },
    { "registered is enough", .data_not_needed = true,
      .seen = { { 0, { GOOD, HOME } } },
      .acts = { { 0, SAGA_ENTER, PHASE_REGISTERING }, { 0, SAGA_ENTER, PHASE_ATTACHING }, { 0, SAGA_ENTER, PHASE_VERIFYING }, { 0, SAGA_COMMIT } } },
    { "the whole ladder, in vain",
      .seen = { { 0, { .modem_open = true } } },
      .acts = { { 15000, SAGA_CYCLE_RADIO }, { 45000, SAGA_RESET_MODEM }, { 105000, SAGA_FAIL, .code = ERROR_NOT_SWITCHED } } },
    { "no rung", .may = MAY_NOTHING,
      .seen = { { 0, { .modem_open = true, .on_target = true } } },
      .acts = { { 15000, SAGA_FAIL, .code = ERROR_NOT_SWITCHED } } },
    { "reset alone", .may = MAY_RESET,
      .seen = { { 0, { .modem_open = true } } },
      .acts = { { 15000, SAGA_RESET_MODEM }, { 75000, SAGA_FAIL, .code = ERROR_NOT_SWITCHED } } },
    { "a cycle that takes longer than its rung: the rung begins behind it", .may = MAY_CYCLE, .takes_ms = 40000,
      .seen = { { 0, { .modem_open = true } }, { 55000, { .modem_open = true, .restarted = true, STARTING } }, { 57000, { GOOD } }, { 57500, { GOOD, HOME, .data = true } } },
      .acts = { { 15000, SAGA_CYCLE_RADIO }, { 57000, SAGA_ENTER, PHASE_REGISTERING }, { 57500, SAGA_ENTER, PHASE_ATTACHING }, { 57500, SAGA_ENTER, PHASE_VERIFYING }, { 57500, SAGA_COMMIT } } },
    { "slow cycle and slow reset, in vain", .takes_ms = 70000,
      .seen = { { 0, { .modem_open = true } } },
      .acts = { { 15000, SAGA_CYCLE_RADIO }, { 115000, SAGA_RESET_MODEM }, { 245000, SAGA_FAIL, .code = ERROR_NOT_SWITCHED } } },
    { "the port is gone when the cycle is due, comes back with the old profile", .may = MAY_CYCLE,
      .seen = { { 0, { .modem_open = true } }, { 14000, { .restarted = true } }, { 20000, { .modem_open = true, .restarted = true } } },
      .acts = { { 45000, SAGA_CYCLE_RADIO }, { 75000, SAGA_FAIL, .code = ERROR_NOT_SWITCHED } } },
    { "the port never comes back", .may = MAY_CYCLE,
      .seen = { { 0, { .restarted = true } } },
      .acts = { { 45000, SAGA_FAIL, .code = ERROR_NOT_SWITCHED } } },
    { "CPIN says PIN for a moment while the card starts",
      .seen = { { 0, { .modem_open = true, .restarted = true, LOCKED_BY_CPIN } }, { 9000, { .modem_open = true, .restarted = true, STARTING } },
                { 9500, { .modem_open = true, .restarted = true, LOCKED_BY_CPIN } } },
      .acts = { { 15000, SAGA_CYCLE_RADIO }, { 19500, SAGA_FAIL, .code = ERROR_SIM_LOCKED } } },
    { "a port that is gone breaks the lock's clock",
      .seen = { { 0, { .modem_open = true, .restarted = true, LOCKED_BY_CPIN } }, { 9999, { .restarted = true } }, { 10001, { .modem_open = true, .restarted = true, LOCKED_BY_CPIN } } },
      .acts = { { 15000, SAGA_CYCLE_RADIO }, { 20001, SAGA_FAIL, .code = ERROR_SIM_LOCKED } } },
    { "the old profile was locked, the new one is not", .may = MAY_CYCLE,
      .seen = { { 0, { .modem_open = true, LOCKED_BY_CME } }, { 16000, { GOOD } }, { 17000, { GOOD, HOME, .data = true } } },
      .acts = { { 15000, SAGA_CYCLE_RADIO }, { 16000, SAGA_ENTER, PHASE_REGISTERING }, { 17000, SAGA_ENTER, PHASE_ATTACHING }, { 17000, SAGA_ENTER, PHASE_VERIFYING }, { 17000, SAGA_COMMIT } } },
    { "denied, with a break, denied",
      .seen = { { 0, { GOOD, .registration = REGISTRATION_DENIED } }, { 50000, { GOOD, .registration = REGISTRATION_SEARCHING } }, { 50001, { GOOD, .registration = REGISTRATION_DENIED } } },
      .acts = { { 0, SAGA_ENTER, PHASE_REGISTERING }, { 15000, SAGA_HELP }, { 110001, SAGA_FAIL, .code = ERROR_REGISTRATION_DENIED } } },
    { "denied, and the port goes: no word is no denial",
      .seen = { { 0, { GOOD, .registration = REGISTRATION_DENIED } }, { 59000, { .restarted = true } }, { 59500, { GOOD, .registration = REGISTRATION_DENIED } } },
      .acts = { { 0, SAGA_ENTER, PHASE_REGISTERING }, { 15000, SAGA_HELP }, { 119500, SAGA_FAIL, .code = ERROR_REGISTRATION_DENIED } } },
    { "denied on and off, and when the time is over",
      .seen = { { 0, { GOOD, .registration = REGISTRATION_DENIED } }, { 50000, { GOOD } }, { 50500, { GOOD, .registration = REGISTRATION_DENIED } }, { 100000, { GOOD } }, { 250000, { GOOD, .registration = REGISTRATION_DENIED } } },
      .acts = { { 0, SAGA_ENTER, PHASE_REGISTERING }, { 15000, SAGA_HELP }, { 300000, SAGA_FAIL, .code = ERROR_REGISTRATION_DENIED } } },
    { "help once in each of two phases, and no data",
      .seen = { { 0, { GOOD } }, { 20000, { GOOD, HOME } } },
      .acts = { { 0, SAGA_ENTER, PHASE_REGISTERING }, { 15000, SAGA_HELP }, { 20000, SAGA_ENTER, PHASE_ATTACHING }, { 35000, SAGA_HELP }, { 140000, SAGA_FAIL, .code = ERROR_NO_DATA } } },
    { "port gone while it registers: help when it is back",
      .seen = { { 0, { GOOD } }, { 10000, { .restarted = true } }, { 30000, { GOOD } }, { 31000, { GOOD, HOME, .data = true } } },
      .acts = { { 0, SAGA_ENTER, PHASE_REGISTERING }, { 30000, SAGA_HELP }, { 31000, SAGA_ENTER, PHASE_ATTACHING }, { 31000, SAGA_ENTER, PHASE_VERIFYING }, { 31000, SAGA_COMMIT } } },
}; // clang-format on

static const struct saga_seen *seen_at(const struct walk *walk, int64_t at_ms)
{
    const struct saga_seen *seen = &walk->seen[0].seen;

    for (size_t i = 1; i < WALK_SEEN_MAX && walk->seen[i].from_ms; i++)
        if (at_ms >= walk->seen[i].from_ms)
            seen = &walk->seen[i].seen;
    return seen;
}

static void one_walk(const struct walk *walk)
{
    struct saga_limits l = limits;
    struct saga saga = saga_begin(NOW);
    size_t acts = 0;
    int64_t at_ms = 0;

    l.may_cycle = walk->may == MAY_ALL || walk->may == MAY_CYCLE;
    l.may_reset = walk->may == MAY_ALL || walk->may == MAY_RESET;
    l.needs_data = !walk->data_not_needed;
    while (at_ms < 1000000) {
        struct saga_step step = saga_next(&saga, &l, seen_at(walk, at_ms), NOW + at_ms);

        if (step.act == SAGA_LOOK) {
            assert_in_range(step.look_at_ms - NOW - at_ms, 1, 2000);
            at_ms++;
            continue;
        }
        print_message("    %d: %d %s %s\n", (int)at_ms, (int)step.act, phase_name(step.phase),
                      error_code_name(step.error.code));
        assert_true(acts < WALK_ACTS_MAX);
        assert_int_equal(at_ms, walk->acts[acts].at_ms);
        assert_int_equal(step.act, walk->acts[acts].act);
        assert_int_equal(step.phase, walk->acts[acts].enters);
        assert_int_equal(step.error.code, walk->acts[acts].code);
        acts++;
        if (step.act == SAGA_FAIL || step.act == SAGA_COMMIT)
            break;
        if (step.act == SAGA_CYCLE_RADIO || step.act == SAGA_RESET_MODEM)
            at_ms += walk->takes_ms;
    }
    assert_true(acts == WALK_ACTS_MAX || !walk->acts[acts].act);
}

static void whole_walks(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(walks); i++) {
        print_message("%s\n", walks[i].what);
        one_walk(&walks[i]);
    }
}

/* Whatever is seen, in whatever order: it ends, in bounded time and with few acts. */
static void it_always_ends(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 300; seed++) {
        struct saga saga = saga_begin(NOW);
        int64_t now_ms = NOW;
        unsigned r = seed * 2654435761u;
        int acts = 0;

        for (;;) {
            struct saga_seen seen = { 0 };
            struct saga_step step;

            r = r * 1664525u + 1013904223u;
            seen.modem_open = r >> 8 & 3;
            seen.restarted = r >> 10 & 1;
            seen.on_target = (r >> 11 & 15) == 0;
            seen.registration =
                (enum registration)((r >> 16 & 127) % 7 == 5 && seed % 2 ? 5 : (r >> 16) % 5);
            seen.data = (r >> 24 & 63) == 0;
            seen.sim.code = (r >> 20 & 7) == 7 ? ERROR_SIM_LOCKED : ERROR_NONE;
            step = saga_next(&saga, &limits, &seen, now_ms);
            if (step.act == SAGA_COMMIT || step.act == SAGA_FAIL)
                break;
            if (step.act == SAGA_LOOK)
                now_ms = step.look_at_ms;
            else
                acts++;
            assert_true(acts <= 8);
        }
        assert_true(now_ms - NOW <= limits.refresh_ms + 2 * limits.cycle_ms + limits.reset_ms +
                                        limits.register_ms + limits.attach_ms + 6 * 2000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_step),
        cmocka_unit_test(whole_walks),
        cmocka_unit_test(it_always_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
