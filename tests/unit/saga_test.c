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
    .verify_ms = 300000,
    .rolls_back = true,
};

#define A                                                                                          \
    {                                                                                              \
        true, .has_iccid = true, .iccid = { "89882110000001234568" }                               \
    }
#define B                                                                                          \
    {                                                                                              \
        true, .has_iccid = true, .iccid = { "8949001312170061988" }                                \
    }
#define C                                                                                          \
    {                                                                                              \
        true, .has_iccid = true, .iccid = { "89860A09091830300220" }                               \
    }

/* From A, which worked, to B; there is no fallback. */
static const struct intent from_a_to_b = {
    .profiles = { [LEG_TARGET] = B, [LEG_PREVIOUS] = A },
    .was_ready = true,
    .was_registered = true,
    .had_card = true,
    .had_registration = true,
    .had_data = true,
    .had_reach = true,
    .had_broker = true,
    .wanted = VERIFIED_ATTACHED,
    .blackout_ms = -1,
};

/* The card has said yes. */
static struct saga in_resetting(const struct intent *intent)
{
    const struct saga_seen yes = { .enabled = SAGA_ENABLED };
    struct saga saga = saga_begin(intent, NOW);
    struct saga_step step = saga_next(&saga, &limits, &yes, NOW);

    assert_int_equal(step.act, SAGA_ENTER);
    assert_int_equal(step.phase, PHASE_RESETTING);
    return saga;
}

/* A modem that works: open, started over, on the target. */
#define GOOD .modem_open = true, .restarted = true, .on_profile = true
#define HOME .registration = REGISTRATION_HOME
/* As +CPIN: SIM PIN says it, as a CME code does, and as a card that starts. */
#define LOCKED_BY_CPIN .sim = { .code = ERROR_SIM_LOCKED, .domain = ERROR_IN_AGENT }
#define LOCKED_ERROR                                                                               \
    {                                                                                              \
        .code = ERROR_SIM_LOCKED, .domain = ERROR_IN_MODEM, .detail = 40                           \
    }
#define LOCKED_BY_CME .sim = LOCKED_ERROR
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
    enum verified proof, wanted;
    int64_t confirm_ms;
    struct saga_seen seen;
    enum saga_act act;
    enum phase enters;
    enum error_code code;
    int64_t look_ms;
} steps[] = {
    // clang-format off
    { "reset: nothing yet", PHASE_RESETTING, .seen = { .modem_open = true }, .look_ms = 250 },
    { "reset: started over and on the target", PHASE_RESETTING, .seen = { GOOD }, .act = SAGA_ENTER, .enters = PHASE_REGISTERING },
    { "reset: on the target, not started over: that was the card alone", PHASE_RESETTING, .seen = { .modem_open = true, .on_profile = true }, .look_ms = 250 },
    { "reset: started over, still the old profile", PHASE_RESETTING, .seen = { .modem_open = true, .restarted = true }, .look_ms = 250 },
    { "reset: all there, but the card is not ready", PHASE_RESETTING, .seen = { GOOD, STARTING }, .look_ms = 250 },
    { "reset: all there, and the port gone since", PHASE_RESETTING, .seen = { .restarted = true, .on_profile = true }, .look_ms = 250 },
    { "reset: registered proves nothing", PHASE_RESETTING, .seen = { .modem_open = true, .on_profile = true, HOME, .data = true }, .look_ms = 250 },
    { "reset: looks less often after 5 s", PHASE_RESETTING, 5000, { 0, 5000 }, .seen = { .modem_open = true }, .look_ms = 1000 },
    { "reset: just before refresh is over", PHASE_RESETTING, 14999, { 0, 14999 }, .seen = { .modem_open = true }, .look_ms = 1000 },
    { "reset: refresh is over", PHASE_RESETTING, 15000, { 0, 15000 }, .seen = { .modem_open = true }, .act = SAGA_CYCLE_RADIO },
    { "reset: refresh is over, on the target but not started over", PHASE_RESETTING, 15000, { 0, 15000 }, .seen = { .modem_open = true, .on_profile = true }, .act = SAGA_CYCLE_RADIO },
    { "reset: switched in the last moment", PHASE_RESETTING, 15000, { 0, 15000 }, .seen = { GOOD }, .act = SAGA_ENTER, .enters = PHASE_REGISTERING },
    { "reset: refresh is over, no cycle allowed", PHASE_RESETTING, 15000, { 0, 15000 }, .may = MAY_RESET, .seen = { .modem_open = true }, .act = SAGA_RESET_MODEM },
    { "reset: refresh is over, nothing allowed", PHASE_RESETTING, 15000, { 0, 15000 }, .may = MAY_NOTHING, .seen = { .modem_open = true }, .act = SAGA_TURN_BACK, .code = ERROR_NOT_SWITCHED },
    { "reset: refresh is over, port gone: its time to come back", PHASE_RESETTING, 15000, { 0, 15000 }, .seen = { .restarted = true }, .look_ms = 1000 },
    { "reset: refresh is over, port gone, nothing allowed", PHASE_RESETTING, 15000, { 0, 15000 }, .may = MAY_NOTHING, .seen = { .restarted = true }, .act = SAGA_TURN_BACK, .code = ERROR_NOT_SWITCHED },
    { "reset: just before the cycle's time is over", PHASE_RESETTING, 45999, { 1, 29999, true }, .seen = { .modem_open = true }, .look_ms = 1000 },
    { "reset: the cycle's time is over", PHASE_RESETTING, 46000, { 1, 30000, true }, .seen = { .modem_open = true }, .act = SAGA_RESET_MODEM },
    { "reset: the cycle's time is over, port gone", PHASE_RESETTING, 46000, { 1, 30000, true }, .seen = { .restarted = true }, .act = SAGA_RESET_MODEM },
    { "reset: the cycle's time is over, no reset allowed", PHASE_RESETTING, 46000, { 1, 30000, true }, .may = MAY_CYCLE, .seen = { .modem_open = true }, .act = SAGA_TURN_BACK, .code = ERROR_NOT_SWITCHED },
    { "reset: the port is back from a rung without a cycle: now", PHASE_RESETTING, 46000, { 1, 30000, false }, .may = MAY_CYCLE, .seen = { .modem_open = true, .restarted = true }, .act = SAGA_CYCLE_RADIO },
    { "reset: the port never came back", PHASE_RESETTING, 46000, { 1, 30000, false }, .may = MAY_CYCLE, .seen = { .restarted = true }, .act = SAGA_TURN_BACK, .code = ERROR_NOT_SWITCHED },
    { "reset: just before the reset's time is over", PHASE_RESETTING, 105999, { 2, 59999, true }, .seen = { .modem_open = true }, .look_ms = 2000 },
    { "reset: the reset's time is over", PHASE_RESETTING, 106000, { 2, 60000, true }, .seen = { .modem_open = true }, .act = SAGA_TURN_BACK, .code = ERROR_NOT_SWITCHED },
    { "reset: the reset's time is over, and the cycle was never: no way back down", PHASE_RESETTING, 106000, { 2, 60000, false }, .seen = { .modem_open = true }, .act = SAGA_TURN_BACK, .code = ERROR_NOT_SWITCHED },
    { "reset: looks at 2 s after a minute", PHASE_RESETTING, 60000, { 2, 100, true }, .seen = { .modem_open = true }, .look_ms = 2000 },
    { "reset: no help there", PHASE_RESETTING, 14000, { 0, 14000 }, .seen = { .modem_open = true, .restarted = true }, .look_ms = 1000 },

    { "lock: by CME at once", PHASE_RESETTING, 100, { 0, 100 }, .seen = { GOOD, LOCKED_BY_CME }, .act = SAGA_TURN_BACK, .code = ERROR_SIM_LOCKED },
    { "lock: by CME, but that may still be the old profile's", PHASE_RESETTING, 100, { 0, 100 }, .seen = { .modem_open = true, LOCKED_BY_CME }, .look_ms = 250 },
    { "lock: by CPIN of the old profile for long: the ladder", PHASE_RESETTING, 15000, { 0, 15000 }, .locked_ms = 15000, .seen = { .modem_open = true, LOCKED_BY_CPIN }, .act = SAGA_CYCLE_RADIO },
    { "lock: by CPIN: not yet", PHASE_RESETTING, 9999, { 0, 9999 }, .locked_ms = 9999, .seen = { GOOD, LOCKED_BY_CPIN }, .look_ms = 1000 },
    { "lock: by CPIN for 10 s", PHASE_RESETTING, 10000, { 0, 10000 }, .locked_ms = 10000, .seen = { GOOD, LOCKED_BY_CPIN }, .act = SAGA_TURN_BACK, .code = ERROR_SIM_LOCKED },
    { "lock: by ERROR, no CME code: as CPIN", PHASE_RESETTING, 10, { 0, 10 }, .seen = { GOOD, LOCKED_BY_FINAL }, .look_ms = 250 },
    { "lock: by CPIN, port gone", PHASE_RESETTING, 10000, { 0, 10000 }, .locked_ms = 10000, .seen = { .restarted = true, LOCKED_BY_CPIN }, .look_ms = 1000 },
    { "lock: in registering", PHASE_REGISTERING, 10, .seen = { GOOD, LOCKED_BY_CME }, .act = SAGA_TURN_BACK, .code = ERROR_SIM_LOCKED },
    { "lock: in attaching, by CPIN for 10 s", PHASE_ATTACHING, 20, .locked_ms = 10000, .seen = { GOOD, LOCKED_BY_CPIN }, .act = SAGA_TURN_BACK, .code = ERROR_SIM_LOCKED },
    { "lock: before everything else", PHASE_REGISTERING, 10, .seen = { GOOD, HOME, LOCKED_BY_CME }, .act = SAGA_TURN_BACK, .code = ERROR_SIM_LOCKED },

    { "registering: searching", PHASE_REGISTERING, 100, .seen = { GOOD, .registration = REGISTRATION_SEARCHING }, .look_ms = 250 },
    { "registering: home", PHASE_REGISTERING, 100, .seen = { GOOD, HOME }, .act = SAGA_ENTER, .enters = PHASE_ATTACHING },
    { "registering: roaming", PHASE_REGISTERING, 100, .seen = { GOOD, .registration = REGISTRATION_ROAMING }, .act = SAGA_ENTER, .enters = PHASE_ATTACHING },
    { "registering: emergency only is none", PHASE_REGISTERING, 100, .seen = { GOOD, .registration = REGISTRATION_EMERGENCY }, .look_ms = 250 },
    { "registering: unknown", PHASE_REGISTERING, 100, .seen = { GOOD }, .look_ms = 250 },
    { "registering: denied, just now", PHASE_REGISTERING, 6000, .seen = { GOOD, .registration = REGISTRATION_DENIED }, .look_ms = 1000 },
    { "registering: denied for less than 60 s", PHASE_REGISTERING, 80000, .denied_ms = 59999, .helped = true, .seen = { GOOD, .registration = REGISTRATION_DENIED }, .look_ms = 2000 },
    { "registering: denied when the time is over", PHASE_REGISTERING, 300000, .denied_ms = 1000, .helped = true, .seen = { GOOD, .registration = REGISTRATION_DENIED }, .act = SAGA_TURN_BACK, .code = ERROR_REGISTRATION_DENIED },
    { "registering: denied for 60 s", PHASE_REGISTERING, 80000, .denied_ms = 60000, .helped = true, .seen = { GOOD, .registration = REGISTRATION_DENIED }, .act = SAGA_TURN_BACK, .code = ERROR_REGISTRATION_DENIED },
    { "registering: denied before, searching now", PHASE_REGISTERING, 80000, .denied_ms = 70000, .helped = true, .seen = { GOOD, .registration = REGISTRATION_SEARCHING }, .look_ms = 2000 },
    { "registering: home after denials", PHASE_REGISTERING, 80000, .denied_ms = 70000, .seen = { GOOD, HOME }, .act = SAGA_ENTER, .enters = PHASE_ATTACHING },
    { "registering: just before its time is over", PHASE_REGISTERING, 299999, .helped = true, .seen = { GOOD }, .look_ms = 2000 },
    { "registering: its time is over", PHASE_REGISTERING, 300000, .helped = true, .seen = { GOOD, .registration = REGISTRATION_SEARCHING }, .act = SAGA_TURN_BACK, .code = ERROR_NOT_REGISTERED },
    { "registering: its time is over with the port gone", PHASE_REGISTERING, 300000, .seen = { .restarted = true }, .act = SAGA_TURN_BACK, .code = ERROR_NOT_REGISTERED },
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
    { "attaching: its time is over", PHASE_ATTACHING, 120000, .helped = true, .seen = { GOOD, HOME }, .act = SAGA_TURN_BACK, .code = ERROR_NO_DATA },
    { "attaching: data in the last moment", PHASE_ATTACHING, 120000, .helped = true, .seen = { GOOD, HOME, .data = true }, .act = SAGA_ENTER, .enters = PHASE_VERIFYING },
    { "attaching: the port is gone", PHASE_ATTACHING, 20000, .seen = { .restarted = true }, .look_ms = 1000 },

    { "verifying: attached is enough", PHASE_VERIFYING, 0, .proof = VERIFIED_ATTACHED, .seen = { GOOD }, .act = SAGA_END },
    { "verifying: attached is enough, and the port gone since", PHASE_VERIFYING, 0, .proof = VERIFIED_ATTACHED, .act = SAGA_END },
    { "verifying: registered is enough", PHASE_VERIFYING, 0, .proof = VERIFIED_REGISTERED, .wanted = VERIFIED_REGISTERED, .seen = { GOOD }, .act = SAGA_END },
    { "verifying: reach is wanted", PHASE_VERIFYING, 100, .proof = VERIFIED_ATTACHED, .wanted = VERIFIED_REACHABLE, .seen = { GOOD }, .look_ms = 250 },
    { "verifying: reached", PHASE_VERIFYING, 100, .proof = VERIFIED_ATTACHED, .wanted = VERIFIED_REACHABLE, .seen = { GOOD, .reached = true }, .act = SAGA_END },
    { "verifying: the broker is wanted, targets are reached", PHASE_VERIFYING, 100, .proof = VERIFIED_ATTACHED, .wanted = VERIFIED_BROKER, .seen = { GOOD, .reached = true }, .look_ms = 250 },
    { "verifying: the broker accepts", PHASE_VERIFYING, 100, .proof = VERIFIED_ATTACHED, .wanted = VERIFIED_BROKER, .seen = { GOOD, .broker_accepted = true }, .act = SAGA_END },
    { "verifying: the broker refuses: that proves the way", PHASE_VERIFYING, 100, .proof = VERIFIED_ATTACHED, .wanted = VERIFIED_BROKER, .seen = { GOOD, .broker_refused = true }, .act = SAGA_END },
    { "verifying: just before its time is over", PHASE_VERIFYING, 299999, .proof = VERIFIED_ATTACHED, .wanted = VERIFIED_BROKER, .seen = { GOOD }, .look_ms = 2000 },
    { "verifying: its time is over", PHASE_VERIFYING, 300000, .proof = VERIFIED_ATTACHED, .wanted = VERIFIED_BROKER, .seen = { GOOD }, .act = SAGA_TURN_BACK, .code = ERROR_UNREACHABLE },
    { "verifying: the broker accepts in the last moment", PHASE_VERIFYING, 300000, .proof = VERIFIED_ATTACHED, .wanted = VERIFIED_BROKER, .seen = { GOOD, .broker_accepted = true }, .act = SAGA_END },
    { "verifying: with a word to wait for", PHASE_VERIFYING, 100, .proof = VERIFIED_ATTACHED, .confirm_ms = 60000, .seen = { GOOD }, .act = SAGA_ENTER, .enters = PHASE_CONFIRMING },
    { "verifying: overtaken", PHASE_VERIFYING, 100, .proof = VERIFIED_ATTACHED, .wanted = VERIFIED_BROKER, .seen = { GOOD, .elsewhere = true }, .act = SAGA_END, .code = ERROR_OVERTAKEN },
    { "verifying: locked", PHASE_VERIFYING, 100, .proof = VERIFIED_ATTACHED, .wanted = VERIFIED_BROKER, .seen = { GOOD, LOCKED_BY_CME }, .act = SAGA_TURN_BACK, .code = ERROR_SIM_LOCKED },

    { "confirming: no word yet", PHASE_CONFIRMING, 100, .confirm_ms = 60000, .seen = { GOOD }, .look_ms = 5000 },
    { "confirming: no word, soon over", PHASE_CONFIRMING, 59000, .confirm_ms = 60000, .seen = { GOOD }, .look_ms = 1000 },
    { "confirming: the word", PHASE_CONFIRMING, 100, .confirm_ms = 60000, .seen = { GOOD, .confirmed = true }, .act = SAGA_END },
    { "confirming: the word in the last moment", PHASE_CONFIRMING, 60000, .confirm_ms = 60000, .seen = { GOOD, .confirmed = true }, .act = SAGA_END },
    { "confirming: its time is over", PHASE_CONFIRMING, 60000, .confirm_ms = 60000, .seen = { GOOD }, .act = SAGA_TURN_BACK, .code = ERROR_UNCONFIRMED },
    { "confirming: locked", PHASE_CONFIRMING, 100, .confirm_ms = 60000, .seen = { GOOD, LOCKED_BY_CME }, .act = SAGA_TURN_BACK, .code = ERROR_SIM_LOCKED },
    { "confirming: the word, and locked", PHASE_CONFIRMING, 100, .confirm_ms = 60000, .seen = { GOOD, LOCKED_BY_CME, .confirmed = true }, .act = SAGA_END },
    { "confirming: the word, and overtaken", PHASE_CONFIRMING, 100, .confirm_ms = 60000, .seen = { GOOD, .elsewhere = true, .confirmed = true }, .act = SAGA_END, .code = ERROR_OVERTAKEN },
    { "confirming: overtaken", PHASE_CONFIRMING, 100, .confirm_ms = 60000, .seen = { GOOD, .elsewhere = true }, .act = SAGA_END, .code = ERROR_OVERTAKEN },
    { "reset: the old profile is no stranger", PHASE_RESETTING, 100, { 0, 100 }, .seen = { .modem_open = true, .elsewhere = true }, .look_ms = 250 },
    { "reset: a stranger", PHASE_RESETTING, 100, { 0, 100 }, .seen = { .modem_open = true, .elsewhere = true, .foreign = true }, .act = SAGA_END, .code = ERROR_OVERTAKEN },

    { "enabling: not sent", PHASE_ENABLING, 0, .act = SAGA_ENABLE },
    { "enabling: the card said yes", PHASE_ENABLING, 100, .seen = { .enabled = SAGA_ENABLED }, .act = SAGA_ENTER, .enters = PHASE_RESETTING },
    { "enabling: the card said no", PHASE_ENABLING, 100, .seen = { .enabled = SAGA_REFUSED, .enable_error = { .code = ERROR_POLICY_FORBIDS } }, .act = SAGA_END, .code = ERROR_POLICY_FORBIDS },
    { "enabling: already there", PHASE_ENABLING, 100, .seen = { .enabled = SAGA_REFUSED }, .act = SAGA_END },
    { "enabling: nobody knows", PHASE_ENABLING, 100, .seen = { .enabled = SAGA_LOST, .enable_error = { .code = ERROR_MODEM_ABSENT } }, .act = SAGA_TURN_BACK, .code = ERROR_MODEM_ABSENT },
    { "enabling: a stranger is in use", PHASE_ENABLING, 100, .seen = { .enabled = SAGA_FOREIGN }, .act = SAGA_END, .code = ERROR_OVERTAKEN },
    { "no such phase", PHASE_COMMITTED, 0, .seen = { GOOD }, .act = SAGA_END, .code = ERROR_INTERNAL },
    { "not begun", PHASE_NONE, 0, .seen = { GOOD }, .act = SAGA_END, .code = ERROR_INTERNAL },
}; // clang-format on

static void one_step(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct saga_limits l = limits;
        struct saga saga = in_resetting(&from_a_to_b);
        struct saga_step step;

        print_message("%s\n", steps[i].what);
        l.may_cycle = steps[i].may == MAY_ALL || steps[i].may == MAY_CYCLE;
        l.may_reset = steps[i].may == MAY_ALL || steps[i].may == MAY_RESET;
        l.confirm_ms = steps[i].confirm_ms;
        if (steps[i].wanted)
            saga.intent.wanted = steps[i].wanted;
        if (steps[i].data_not_needed)
            saga.intent.wanted = VERIFIED_REGISTERED;
        saga.intent.proof = steps[i].proof;
        saga.intent.phase = steps[i].phase;
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
            assert_int_equal(saga.intent.phase, steps[i].enters);
            assert_int_equal(saga.phase_began_ms, NOW);
            assert_false(saga.helped);
        } else if (step.act == SAGA_TURN_BACK) {
            assert_int_equal(saga.intent.leg, LEG_PREVIOUS);
            assert_int_equal(saga.intent.phase, PHASE_ENABLING);
            assert_int_equal(saga.intent.reason.code, steps[i].code);
        } else {
            assert_int_equal(saga.intent.phase, steps[i].phase);
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
      .acts = { { 900, SAGA_ENTER, PHASE_REGISTERING }, { 4000, SAGA_ENTER, PHASE_ATTACHING }, { 5000, SAGA_ENTER, PHASE_VERIFYING }, { 5000, SAGA_END } } },
    { "registered is enough", .data_not_needed = true,
      .seen = { { 0, { GOOD, HOME } } },
      .acts = { { 0, SAGA_ENTER, PHASE_REGISTERING }, { 0, SAGA_ENTER, PHASE_ATTACHING }, { 0, SAGA_ENTER, PHASE_VERIFYING }, { 0, SAGA_END } } },
    { "the whole ladder, in vain",
      .seen = { { 0, { .modem_open = true } } },
      .acts = { { 15000, SAGA_CYCLE_RADIO }, { 45000, SAGA_RESET_MODEM }, { 105000, SAGA_TURN_BACK, .code = ERROR_NOT_SWITCHED } } },
    { "no rung", .may = MAY_NOTHING,
      .seen = { { 0, { .modem_open = true, .on_profile = true } } },
      .acts = { { 15000, SAGA_TURN_BACK, .code = ERROR_NOT_SWITCHED } } },
    { "reset alone", .may = MAY_RESET,
      .seen = { { 0, { .modem_open = true } } },
      .acts = { { 15000, SAGA_RESET_MODEM }, { 75000, SAGA_TURN_BACK, .code = ERROR_NOT_SWITCHED } } },
    { "a cycle that takes longer than its rung: the rung begins behind it", .may = MAY_CYCLE, .takes_ms = 40000,
      .seen = { { 0, { .modem_open = true } }, { 55000, { .modem_open = true, .restarted = true, STARTING } }, { 57000, { GOOD } }, { 57500, { GOOD, HOME, .data = true } } },
      .acts = { { 15000, SAGA_CYCLE_RADIO }, { 57000, SAGA_ENTER, PHASE_REGISTERING }, { 57500, SAGA_ENTER, PHASE_ATTACHING }, { 57500, SAGA_ENTER, PHASE_VERIFYING }, { 57500, SAGA_END } } },
    { "slow cycle and slow reset, in vain", .takes_ms = 70000,
      .seen = { { 0, { .modem_open = true } } },
      .acts = { { 15000, SAGA_CYCLE_RADIO }, { 115000, SAGA_RESET_MODEM }, { 245000, SAGA_TURN_BACK, .code = ERROR_NOT_SWITCHED } } },
    { "the port is gone when the cycle is due, comes back with the old profile", .may = MAY_CYCLE,
      .seen = { { 0, { .modem_open = true } }, { 14000, { .restarted = true } }, { 20000, { .modem_open = true, .restarted = true } } },
      .acts = { { 45000, SAGA_CYCLE_RADIO }, { 75000, SAGA_TURN_BACK, .code = ERROR_NOT_SWITCHED } } },
    { "the port never comes back", .may = MAY_CYCLE,
      .seen = { { 0, { .restarted = true } } },
      .acts = { { 45000, SAGA_TURN_BACK, .code = ERROR_NOT_SWITCHED } } },
    { "CPIN says PIN for a moment while the card starts",
      .seen = { { 0, { .modem_open = true, .restarted = true, LOCKED_BY_CPIN } }, { 9000, { .modem_open = true, .restarted = true, STARTING } },
                { 9500, { .modem_open = true, .restarted = true, LOCKED_BY_CPIN } } },
      .acts = { { 15000, SAGA_CYCLE_RADIO }, { 19500, SAGA_TURN_BACK, .code = ERROR_SIM_LOCKED } } },
    { "a port that is gone breaks the lock's clock",
      .seen = { { 0, { .modem_open = true, .restarted = true, LOCKED_BY_CPIN } }, { 9999, { .restarted = true } }, { 10001, { .modem_open = true, .restarted = true, LOCKED_BY_CPIN } } },
      .acts = { { 15000, SAGA_CYCLE_RADIO }, { 20001, SAGA_TURN_BACK, .code = ERROR_SIM_LOCKED } } },
    { "the old profile was locked, the new one is not", .may = MAY_CYCLE,
      .seen = { { 0, { .modem_open = true, LOCKED_BY_CME } }, { 16000, { GOOD } }, { 17000, { GOOD, HOME, .data = true } } },
      .acts = { { 15000, SAGA_CYCLE_RADIO }, { 16000, SAGA_ENTER, PHASE_REGISTERING }, { 17000, SAGA_ENTER, PHASE_ATTACHING }, { 17000, SAGA_ENTER, PHASE_VERIFYING }, { 17000, SAGA_END } } },
    { "denied, with a break, denied",
      .seen = { { 0, { GOOD, .registration = REGISTRATION_DENIED } }, { 50000, { GOOD, .registration = REGISTRATION_SEARCHING } }, { 50001, { GOOD, .registration = REGISTRATION_DENIED } } },
      .acts = { { 0, SAGA_ENTER, PHASE_REGISTERING }, { 15000, SAGA_HELP }, { 110001, SAGA_TURN_BACK, .code = ERROR_REGISTRATION_DENIED } } },
    { "denied, and the port goes: no word is no denial",
      .seen = { { 0, { GOOD, .registration = REGISTRATION_DENIED } }, { 59000, { .restarted = true } }, { 59500, { GOOD, .registration = REGISTRATION_DENIED } } },
      .acts = { { 0, SAGA_ENTER, PHASE_REGISTERING }, { 15000, SAGA_HELP }, { 119500, SAGA_TURN_BACK, .code = ERROR_REGISTRATION_DENIED } } },
    { "denied on and off, and when the time is over",
      .seen = { { 0, { GOOD, .registration = REGISTRATION_DENIED } }, { 50000, { GOOD } }, { 50500, { GOOD, .registration = REGISTRATION_DENIED } }, { 100000, { GOOD } }, { 250000, { GOOD, .registration = REGISTRATION_DENIED } } },
      .acts = { { 0, SAGA_ENTER, PHASE_REGISTERING }, { 15000, SAGA_HELP }, { 300000, SAGA_TURN_BACK, .code = ERROR_REGISTRATION_DENIED } } },
    { "help once in each of two phases, and no data",
      .seen = { { 0, { GOOD } }, { 20000, { GOOD, HOME } } },
      .acts = { { 0, SAGA_ENTER, PHASE_REGISTERING }, { 15000, SAGA_HELP }, { 20000, SAGA_ENTER, PHASE_ATTACHING }, { 35000, SAGA_HELP }, { 140000, SAGA_TURN_BACK, .code = ERROR_NO_DATA } } },
    { "port gone while it registers: help when it is back",
      .seen = { { 0, { GOOD } }, { 10000, { .restarted = true } }, { 30000, { GOOD } }, { 31000, { GOOD, HOME, .data = true } } },
      .acts = { { 0, SAGA_ENTER, PHASE_REGISTERING }, { 30000, SAGA_HELP }, { 31000, SAGA_ENTER, PHASE_ATTACHING }, { 31000, SAGA_ENTER, PHASE_VERIFYING }, { 31000, SAGA_END } } },
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
    struct saga saga = in_resetting(&from_a_to_b);
    size_t acts = 0;
    int64_t at_ms = 0;

    l.may_cycle = walk->may == MAY_ALL || walk->may == MAY_CYCLE;
    l.may_reset = walk->may == MAY_ALL || walk->may == MAY_RESET;
    if (walk->data_not_needed)
        saga.intent.wanted = VERIFIED_REGISTERED;
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
        if (step.act == SAGA_TURN_BACK || step.act == SAGA_END)
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

/* --- turning back: who had what, what fails, and where that leads --- */

enum had { HAD_NOTHING = 0, HAD_CARD, HAD_REGISTRATION, HAD_DATA, HAD_REACH, HAD_BROKER };

/* What a leg meets: that it fails in a phase, or that it works. */
enum fate {
    FATE_WORKS = 0,
    FATE_REFUSED, /* the card says no, or nobody knows what it did */
    FATE_LOST,
    FATE_UNNOTICED, /* the modem never works with it */
    FATE_LOCKED,
    FATE_NO_SERVICE,
    FATE_NO_DATA,
    FATE_NO_REACH, /* neither targets nor broker */
    FATE_NO_BROKER,
    FATE_NO_WORD,
};

static const struct turn {
    const char *what;
    enum had had;
    enum verified wanted;
    /* 'A', 'B', 'C': which profile has the mark; 0: none. */
    char fallback;
    bool nothing_before, no_rollback, confirm;
    /* Of the target, the profile before, the fallback. */
    enum fate fates[LEGS];
    enum saga_end end;
    enum error_code code;
    /* The legs that were gone, "T", "TP", "TPF". */
    const char *legs;
    enum verified proof;
} turns[] = {
    // clang-format off
    { "all well", HAD_BROKER, VERIFIED_BROKER, .end = SAGA_COMMITTED, .legs = "T", .proof = VERIFIED_BROKER },
    { "all well, and confirmed", HAD_BROKER, VERIFIED_BROKER, .confirm = true, .end = SAGA_COMMITTED, .legs = "T", .proof = VERIFIED_BROKER },
    { "refused", HAD_BROKER, VERIFIED_BROKER, .fates = { FATE_REFUSED }, .end = SAGA_UNCHANGED, .code = ERROR_POLICY_FORBIDS, .legs = "T" },
    { "lost: back", HAD_BROKER, VERIFIED_BROKER, .fates = { FATE_LOST }, .end = SAGA_ROLLED_BACK, .code = ERROR_MODEM_ABSENT, .legs = "TP" },
    { "unnoticed: back", HAD_BROKER, VERIFIED_BROKER, .fates = { FATE_UNNOTICED }, .end = SAGA_ROLLED_BACK, .code = ERROR_NOT_SWITCHED, .legs = "TP" },
    { "locked: back", HAD_BROKER, VERIFIED_BROKER, .fates = { FATE_LOCKED }, .end = SAGA_ROLLED_BACK, .code = ERROR_SIM_LOCKED, .legs = "TP" },
    { "no service: back", HAD_BROKER, VERIFIED_BROKER, .fates = { FATE_NO_SERVICE }, .end = SAGA_ROLLED_BACK, .code = ERROR_NOT_REGISTERED, .legs = "TP" },
    { "no data: back", HAD_BROKER, VERIFIED_BROKER, .fates = { FATE_NO_DATA }, .end = SAGA_ROLLED_BACK, .code = ERROR_NO_DATA, .legs = "TP", .proof = VERIFIED_REGISTERED },
    { "no broker: back", HAD_BROKER, VERIFIED_BROKER, .fates = { FATE_NO_BROKER }, .end = SAGA_ROLLED_BACK, .code = ERROR_UNREACHABLE, .legs = "TP", .proof = VERIFIED_REACHABLE },
    { "no reach: back", HAD_REACH, VERIFIED_REACHABLE, .fates = { FATE_NO_REACH }, .end = SAGA_ROLLED_BACK, .code = ERROR_UNREACHABLE, .legs = "TP", .proof = VERIFIED_ATTACHED },
    { "no word: back", HAD_BROKER, VERIFIED_BROKER, .confirm = true, .fates = { FATE_NO_WORD }, .end = SAGA_ROLLED_BACK, .code = ERROR_UNCONFIRMED, .legs = "TP", .proof = VERIFIED_BROKER },
    { "no rolling back: stays", HAD_BROKER, VERIFIED_BROKER, .no_rollback = true, .fates = { FATE_NO_SERVICE }, .end = SAGA_STAYED, .code = ERROR_NOT_REGISTERED, .legs = "T" },

    { "no broker, nor had the one before: kept", HAD_REACH, VERIFIED_BROKER, .fates = { FATE_NO_BROKER }, .end = SAGA_COMMITTED, .legs = "T", .proof = VERIFIED_REACHABLE },
    { "neither broker nor targets, nor had the one before: kept, the fallback is not tried", HAD_DATA, VERIFIED_BROKER, 'C', .fates = { FATE_NO_REACH }, .end = SAGA_COMMITTED, .legs = "T", .proof = VERIFIED_ATTACHED },
    { "no reach, nor had the one before: kept", HAD_DATA, VERIFIED_REACHABLE, .fates = { FATE_NO_REACH }, .end = SAGA_COMMITTED, .legs = "T", .proof = VERIFIED_ATTACHED },
    { "no reach, nor had the one before, and a word: still waited for", HAD_DATA, VERIFIED_REACHABLE, .confirm = true, .fates = { FATE_NO_REACH }, .end = SAGA_ROLLED_BACK, .code = ERROR_UNCONFIRMED, .legs = "TP", .proof = VERIFIED_ATTACHED },
    { "no data, nor had the one before, no fallback: stays", HAD_REGISTRATION, VERIFIED_ATTACHED, .fates = { FATE_NO_DATA }, .end = SAGA_STAYED, .code = ERROR_NO_DATA, .legs = "T", .proof = VERIFIED_REGISTERED },
    { "no data, nor had the one before: the fallback", HAD_REGISTRATION, VERIFIED_ATTACHED, 'C', .fates = { FATE_NO_DATA }, .end = SAGA_ROLLED_BACK, .code = ERROR_NO_DATA, .legs = "TF", .proof = VERIFIED_REGISTERED },
    { "no data, nor had the one before, which is the fallback: tried whatever it had", HAD_REGISTRATION, VERIFIED_ATTACHED, 'A', .fates = { FATE_NO_DATA }, .end = SAGA_ROLLED_BACK, .code = ERROR_NO_DATA, .legs = "TF", .proof = VERIFIED_REGISTERED },
    { "no service, nor had the one before: the fallback", HAD_CARD, VERIFIED_ATTACHED, 'C', .fates = { FATE_NO_SERVICE }, .end = SAGA_ROLLED_BACK, .code = ERROR_NOT_REGISTERED, .legs = "TF" },
    { "no service, nor had the one before, no fallback: stranded", HAD_CARD, VERIFIED_ATTACHED, .fates = { FATE_NO_SERVICE }, .end = SAGA_STRANDED, .code = ERROR_NOT_REGISTERED, .legs = "T" },
    { "no service, nor had the one before, and it is the fallback itself: stranded", HAD_CARD, VERIFIED_ATTACHED, 'B', .fates = { FATE_NO_SERVICE }, .end = SAGA_STRANDED, .code = ERROR_NOT_REGISTERED, .legs = "T" },
    { "unnoticed, and the one before had not worked either: the fallback", HAD_NOTHING, VERIFIED_ATTACHED, 'C', .fates = { FATE_UNNOTICED }, .end = SAGA_ROLLED_BACK, .code = ERROR_NOT_SWITCHED, .legs = "TF" },
    { "no word, and the one before had no service: stays", HAD_CARD, VERIFIED_ATTACHED, 'C', .confirm = true, .fates = { FATE_NO_WORD }, .end = SAGA_STAYED, .code = ERROR_UNCONFIRMED, .legs = "T", .proof = VERIFIED_BROKER },
    { "nothing was in use before: the fallback", HAD_NOTHING, VERIFIED_ATTACHED, 'C', .nothing_before = true, .fates = { FATE_NO_SERVICE }, .end = SAGA_ROLLED_BACK, .code = ERROR_NOT_REGISTERED, .legs = "TF" },

    { "the one before does not come up any more: the fallback", HAD_BROKER, VERIFIED_BROKER, 'C', .fates = { FATE_NO_SERVICE, FATE_NO_SERVICE }, .end = SAGA_ROLLED_BACK, .code = ERROR_NOT_REGISTERED, .legs = "TPF" },
    { "the one before is refused: the fallback", HAD_BROKER, VERIFIED_BROKER, 'C', .fates = { FATE_LOCKED, FATE_REFUSED }, .end = SAGA_ROLLED_BACK, .code = ERROR_SIM_LOCKED, .legs = "TPF" },
    { "the one before is the fallback, and does not come up: not twice", HAD_BROKER, VERIFIED_BROKER, 'A', .fates = { FATE_NO_SERVICE, FATE_NO_SERVICE }, .end = SAGA_STRANDED, .code = ERROR_NOT_REGISTERED, .legs = "TP" },
    { "none comes up: stranded, with the first reason", HAD_BROKER, VERIFIED_BROKER, 'C', .fates = { FATE_LOCKED, FATE_NO_SERVICE, FATE_UNNOTICED }, .end = SAGA_STRANDED, .code = ERROR_SIM_LOCKED, .legs = "TPF" },
    { "the one before does not come up, the target had registered and is the fallback: there", HAD_BROKER, VERIFIED_BROKER, 'B', .fates = { FATE_NO_DATA, FATE_NO_SERVICE }, .end = SAGA_ROLLED_BACK, .code = ERROR_NO_DATA, .legs = "TPF", .proof = VERIFIED_REGISTERED },
    { "the one before does not come up, the target was dead and is the fallback: stranded", HAD_BROKER, VERIFIED_BROKER, 'B', .fates = { FATE_NO_SERVICE, FATE_NO_SERVICE }, .end = SAGA_STRANDED, .code = ERROR_NOT_REGISTERED, .legs = "TP" },
}; // clang-format on

static struct saga_seen seen_of(enum fate fate, enum phase phase)
{
    struct saga_seen seen = { .modem_open = true };

    if (phase == PHASE_ENABLING) {
        seen.enabled = fate == FATE_REFUSED ? SAGA_REFUSED
                       : fate == FATE_LOST  ? SAGA_LOST
                                            : SAGA_ENABLED;
        seen.enable_error.code = fate == FATE_REFUSED ? ERROR_POLICY_FORBIDS
                                 : fate == FATE_LOST  ? ERROR_MODEM_ABSENT
                                                      : ERROR_NONE;
        return seen;
    }
    if (fate == FATE_UNNOTICED)
        return seen;
    seen.restarted = seen.on_profile = true;
    if (fate == FATE_LOCKED)
        seen.sim = (struct error)LOCKED_ERROR;
    if (fate == FATE_NO_SERVICE)
        return seen;
    seen.registration = REGISTRATION_HOME;
    seen.data = fate != FATE_NO_DATA;
    seen.reached = fate != FATE_NO_REACH;
    seen.broker_accepted = fate == FATE_WORKS || fate == FATE_NO_WORD;
    seen.confirmed = fate == FATE_WORKS;
    return seen;
}

static struct intent_profile profile_of(char name)
{
    static const struct intent_profile a = A, b = B, c = C;

    return name == 'A' ? a : name == 'B' ? b : name == 'C' ? c : (struct intent_profile){ 0 };
}

static struct intent intent_of(const struct turn *turn)
{
    struct intent intent = from_a_to_b;

    if (turn->nothing_before)
        intent.profiles[LEG_PREVIOUS].known = false;
    intent.profiles[LEG_FALLBACK] = profile_of(turn->fallback);
    intent.wanted = turn->wanted;
    intent.had_card = turn->had >= HAD_CARD;
    intent.had_registration = turn->had >= HAD_REGISTRATION;
    intent.had_data = turn->had >= HAD_DATA;
    intent.had_reach = turn->had >= HAD_REACH;
    intent.had_broker = turn->had >= HAD_BROKER;
    return intent;
}

static void one_turn(const struct turn *turn)
{
    static const char letters[] = "TPF";
    const struct intent intent = intent_of(turn);
    struct saga saga = saga_begin(&intent, NOW);
    struct saga_limits l = limits;
    char legs[LEGS + 1] = "T";
    int64_t now_ms = NOW;
    struct saga_step step;

    l.rolls_back = !turn->no_rollback;
    l.confirm_ms = turn->confirm ? 60000 : 0;
    for (int i = 0; i < 10000; i++) {
        struct saga_seen seen = seen_of(turn->fates[saga.intent.leg], saga.intent.phase);

        step = saga_next(&saga, &l, &seen, now_ms);
        if (step.act == SAGA_END)
            break;
        if (step.act == SAGA_LOOK)
            now_ms = step.look_at_ms;
        if (step.act != SAGA_TURN_BACK)
            continue;
        assert_int_equal(step.error.code, turn->code);
        legs[strlen(legs)] = letters[saga.intent.leg];
    }
    assert_int_equal(step.act, SAGA_END);
    assert_string_equal(legs, turn->legs);
    assert_int_equal(step.end, turn->end);
    assert_string_equal(error_code_name(step.error.code), error_code_name(turn->code));
    assert_int_equal(saga.intent.proof, turn->proof);
}

static void turns_back_only_to_what_is_better(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(turns); i++) {
        print_message("%s\n", turns[i].what);
        one_turn(&turns[i]);
    }
}

/* The modem never left the profile before: undoing needs no start-over, but the time for one. */
static void what_was_never_left_is_there_again(void **state)
{
    const struct saga_seen yes = { .enabled = SAGA_ENABLED };
    const struct saga_seen still = { .modem_open = true, .on_profile = true, HOME };
    struct saga saga = in_resetting(&from_a_to_b);

    (void)state;
    saga.intent.leg = LEG_PREVIOUS;
    saga.intent.phase = PHASE_ENABLING;
    assert_int_equal(saga_next(&saga, &limits, &yes, NOW).phase, PHASE_RESETTING);
    assert_int_equal(saga_next(&saga, &limits, &still, NOW + 14999).act, SAGA_LOOK);
    assert_int_equal(saga_next(&saga, &limits, &still, NOW + 15000).phase, PHASE_REGISTERING);
    assert_int_equal(saga_next(&saga, &limits, &still, NOW + 15000).end, SAGA_ROLLED_BACK);
}

/* --- restarts --- */

static const struct resumed {
    const char *what;
    enum phase phase;
    int64_t used_ms;
    bool rebooted, again;
    enum phase begins;
    /* How long the interrupted phase still waits, once it is reached. */
    int64_t left_ms;
} resumes[] = {
    { "in enabling", PHASE_ENABLING, 100, false, false, PHASE_RESETTING, 15000 },
    { "in resetting", PHASE_RESETTING, 14000, false, false, PHASE_RESETTING, 15000 },
    { "in registering", PHASE_REGISTERING, 200000, false, false, PHASE_RESETTING, 100000 },
    { "in registering, rebooted", PHASE_REGISTERING, 200000, true, false, PHASE_RESETTING, 300000 },
    { "in registering, rebooted again", PHASE_REGISTERING, 200000, true, true, PHASE_RESETTING,
      100000 },
    { "in attaching", PHASE_ATTACHING, 100000, false, false, PHASE_RESETTING, 20000 },
    { "in verifying", PHASE_VERIFYING, 299000, false, false, PHASE_RESETTING, 1000 },
    /* Less what it may have used up since that was written. */
    { "in confirming", PHASE_CONFIRMING, 50000, false, false, PHASE_CONFIRMING, 5000 },
    { "in confirming, rebooted", PHASE_CONFIRMING, 50000, true, false, PHASE_CONFIRMING, 60000 },
};

/* What is seen lets the saga come to the interrupted phase, and no further. */
static int64_t wait_in_phase(struct saga *saga, const struct saga_limits *l, enum phase phase)
{
    for (int64_t ms = 0; ms < 400000;) {
        struct saga_seen seen = { .modem_open = true };
        struct saga_step step;

        seen.restarted = seen.on_profile = phase > PHASE_RESETTING;
        seen.registration = phase > PHASE_REGISTERING ? REGISTRATION_HOME : REGISTRATION_SEARCHING;
        seen.data = phase > PHASE_ATTACHING;
        step = saga_next(saga, l, &seen, NOW + ms);
        if (step.act == SAGA_TURN_BACK)
            return ms;
        ms += step.act == SAGA_LOOK;
    }
    return -1;
}

static void goes_on_after_a_restart(void **state)
{
    struct saga_limits l = limits;

    (void)state;
    l.confirm_ms = 60000;
    l.may_cycle = l.may_reset = false;
    for (size_t i = 0; i < ARRAY_LEN(resumes); i++) {
        const struct resumed *row = &resumes[i];
        struct intent intent = from_a_to_b, kept;
        struct saga saga;

        print_message("%s\n", row->what);
        intent.phase = row->phase;
        intent.used_ms = row->used_ms;
        intent.again = row->again;
        intent.wanted = VERIFIED_REACHABLE;
        saga = saga_resume(&intent, !row->rebooted, NOW);
        assert_int_equal(saga.intent.phase, row->begins);
        /* A restart on the way there finds the same. */
        kept = saga_intent(&saga, NOW);
        if (row->phase > PHASE_RESETTING) {
            assert_int_equal(kept.phase, row->phase);
            assert_int_equal(kept.used_ms, row->phase == PHASE_CONFIRMING ? 60000 - row->left_ms
                                           : row->rebooted && !row->again ? 0
                                                                          : row->used_ms);
        }
        assert_int_equal(kept.again, row->rebooted || row->again);
        assert_int_equal(
            wait_in_phase(&saga, &l, row->phase > PHASE_RESETTING ? row->phase : PHASE_RESETTING),
            row->left_ms);
    }
}

/* Whatever is seen, in whatever order: it ends, in bounded time and with few acts. */
static void it_always_ends(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 300; seed++) {
        struct intent intent = from_a_to_b;
        struct saga saga;
        int64_t now_ms = NOW;
        unsigned r = seed * 2654435761u;
        int acts = 0;

        intent.profiles[LEG_FALLBACK] = (struct intent_profile)C;
        intent.wanted = seed % 3 ? VERIFIED_BROKER : VERIFIED_ATTACHED;
        saga = saga_begin(&intent, NOW);
        for (;;) {
            struct saga_seen seen = { 0 };
            struct saga_step step;

            r = r * 1664525u + 1013904223u;
            seen.enabled = (enum saga_enabled)((r >> 5 & 7) == 0 ? SAGA_LOST : SAGA_ENABLED);
            seen.modem_open = r >> 8 & 3;
            seen.restarted = r >> 10 & 1;
            seen.on_profile = (r >> 11 & 15) == 0;
            seen.registration =
                (enum registration)((r >> 16 & 127) % 7 == 5 && seed % 2 ? 5 : (r >> 16) % 5);
            seen.data = (r >> 24 & 63) == 0;
            seen.sim.code = (r >> 20 & 7) == 7 ? ERROR_SIM_LOCKED : ERROR_NONE;
            seen.broker_accepted = (r >> 14 & 255) == 0;
            step = saga_next(&saga, &limits, &seen, now_ms);
            if (step.act == SAGA_END)
                break;
            if (step.act == SAGA_LOOK)
                now_ms = step.look_at_ms;
            else
                acts++;
            assert_true(acts <= 30);
        }
        assert_true(now_ms - NOW <=
                    LEGS * (limits.refresh_ms + 2 * limits.cycle_ms + limits.reset_ms +
                            limits.register_ms + limits.attach_ms + limits.verify_ms + 6 * 2000));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_step),
        cmocka_unit_test(whole_walks),
        cmocka_unit_test(turns_back_only_to_what_is_better),
        cmocka_unit_test(what_was_never_left_is_there_again),
        cmocka_unit_test(goes_on_after_a_restart),
        cmocka_unit_test(it_always_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
