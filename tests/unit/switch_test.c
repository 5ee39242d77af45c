#include "agent/switch/switch.h"

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/card/card.h"
#include "agent/modem/modem.h"
#include "agent/state/bus.h"
#include "agent/state/snapshot.h"
#include "config/config.h"
#include "tests/test.h"
#include "tests/unit/fake_clock.h"

/* A modem and a card that follow a script on a clock of their own, behind the functions that
 * switch.c calls. */

#define A "89882110000001234568" /* in use */
#define B "8949001312170061988"  /* wanted */
#define C "89860A09091830300220" /* not on the card */

/* The modem from some moment on. */
struct view {
    bool gone;
    bool other, third; /* it works with B or with C, else with A */
    enum error_code sim;
    bool by_cme;
    enum registration registration;
    bool data, other_imsi;
    /* It says so by a line of its own (RDY) when it comes to this. */
    bool tells;
};

enum when { WHEN_ENABLE = 0, WHEN_CYCLE, WHEN_RESET, WHEN_HELP, WHENS };

struct change {
    bool set;
    enum when when;
    int64_t after_ms;
    struct view view;
};

/* One card_enable(). `before`: it fails with that before the list is known. */
struct job {
    enum error_code before;
    enum card_sent sent;
    enum error_code code;
    int sw;
    bool open_channels;
};

enum { CHANGES = 8, JOBS = 3, TRACE = 200 };

struct script {
    /* The request and the configuration. */
    const char *target, *expect;
    bool registered_is_enough;
    enum config_reset reset;
    /* Before: the modem as it is, or this. */
    bool has_before;
    struct view before;
    struct job jobs[JOBS];
    struct change changes[CHANGES];
    /* The list when it is read again: B in use; that many reads fail first. */
    bool settles_enabled;
    int reads_fail, cycles_fail, opens_fail;
    bool resets_fail, helps_fail;
    int64_t cycle_takes_ms;
    /* Somebody cancels, or its time is over, right before ENABLE. */
    bool cancel, expire;
    /* The port goes, or the agent stops, when the operation enters that phase. */
    enum phase gone_in, stop_in;
    int64_t gone_ms;
    bool stop_before_enable, stop_in_settle;
    /* Unsolicited lines without end. */
    bool storm;
    /* So often the modem says to ENABLE that the SIM is busy. */
    unsigned busy_enables;
    /* The modem has no command for the ICCID that it uses: the card is read instead. */
    bool uncached;
    /* Nor does it let the card be read. */
    bool tells_no_iccid;
};

static struct {
    const struct script *script;
    struct switch_signs signs;
    bool open, stopping;
    int job, opens_failed;
    int reads_failed, cycles_failed;
    int64_t when_ms[WHENS], gone_until_ms;
    size_t view; /* 0: before; n: after change n-1 */
    bool channels_open;
    unsigned looks, enables_sent, switching_told;
    char trace[TRACE + 1];
    struct operations *ops;
    const char *op;
} world;

/* What was done, one letter each: J job, E ENABLE, L list, C cycle, R reset, S after-switch command,
 * H help, O reopened. */
static void note(char letter)
{
    size_t n = strlen(world.trace);

    assert_true(n < TRACE);
    world.trace[n] = letter;
}

static const struct view *view_now(void)
{
    static const struct view normal = { .registration = REGISTRATION_HOME, .data = true };
    const struct script *s = world.script;

    if (world.view > 0)
        return &s->changes[world.view - 1].view;
    return s->has_before ? &s->before : &normal;
}

static bool is_due(const struct change *change)
{
    return change->set && world.when_ms[change->when] >= 0 &&
           fake_clock.now_ms >= world.when_ms[change->when] + change->after_ms;
}

/* The modem moves on with the clock. */
static void tick(void)
{
    for (size_t i = world.view; i < CHANGES; i++) {
        if (!is_due(&world.script->changes[i]))
            continue;
        world.view = i + 1;
        world.signs.hint = true;
        world.signs.restarted = world.signs.restarted || view_now()->tells;
    }
    if (world.open && (view_now()->gone || fake_clock.now_ms < world.gone_until_ms)) {
        world.open = false;
        world.signs.restarted = world.signs.hint = true;
    }
}

static struct error state_of_port(void)
{
    tick();
    if (world.stopping)
        return error_make(ERROR_IN_AGENT, ERROR_SHUTTING_DOWN, 0, "stopping");
    if (!world.open)
        return error_make(ERROR_IN_SYSTEM, ERROR_MODEM_ABSENT, 5, "port is gone");
    return ERROR_OK;
}

struct error modem_open(struct modem *modem)
{
    (void)modem;
    tick();
    if (world.stopping)
        return state_of_port();
    if (view_now()->gone || fake_clock.now_ms < world.gone_until_ms ||
        world.opens_failed++ < world.script->opens_fail)
        return error_make(ERROR_IN_SYSTEM, ERROR_MODEM_ABSENT, 2, "no port");
    world.open = true;
    note('O');
    return view_now()->sim ? error_make(ERROR_IN_MODEM, view_now()->sim, 10, "no card") : ERROR_OK;
}

bool modem_is_open(const struct modem *modem)
{
    (void)modem;
    tick();
    return world.open;
}

bool modem_idle(struct modem *modem, int64_t until_ms)
{
    int64_t wake_ms = until_ms;

    (void)modem;
    assert_true(until_ms != CLOCK_NEVER);
    if (world.stopping)
        return false;
    if (world.script->storm) {
        world.signs.hint = true;
        wake_ms = fake_clock.now_ms + 1;
    }
    for (size_t i = world.view; i < CHANGES; i++) {
        const struct change *change = &world.script->changes[i];
        int64_t due_ms = change->set && world.when_ms[change->when] >= 0
                             ? world.when_ms[change->when] + change->after_ms
                             : CLOCK_NEVER;

        if (due_ms > fake_clock.now_ms && due_ms < wake_ms)
            wake_ms = due_ms;
    }
    if (wake_ms > fake_clock.now_ms)
        fake_clock_pass(wake_ms - fake_clock.now_ms);
    tick();
    return true;
}

struct error modem_read_registration(struct modem *modem, struct connectivity *ret)
{
    struct error e = state_of_port();

    (void)modem;
    world.looks++;
    if (!e.code)
        ret->registration = view_now()->registration;
    return e;
}

struct error modem_read_data(struct modem *modem, struct connectivity *ret)
{
    struct error e = state_of_port();

    (void)modem;
    if (e.code)
        return e;
    ret->attached_known = true;
    ret->attached = view_now()->data;
    ret->address_count = view_now()->data ? 1 : 0;
    strcpy(ret->addresses[0], "10.0.0.1");
    return e;
}

struct error modem_read_iccid(struct modem *modem, struct iccid *ret, bool *ret_cached)
{
    struct error e = state_of_port();

    (void)modem;
    if (e.code)
        return e;
    if (world.script->tells_no_iccid)
        return error_make(ERROR_IN_MODEM, ERROR_CARD, ERROR_FINAL_ERROR, "ERROR");
    strcpy(ret->text, view_now()->third ? C : view_now()->other ? B : A);
    *ret_cached = !world.script->uncached;
    return e;
}

struct error modem_read_imsi_hash(struct modem *modem, char ret[17])
{
    struct error e = state_of_port();

    (void)modem;
    if (!e.code)
        strcpy(ret, view_now()->other_imsi ? "bbbbbbbbbbbbbbbb" : "aaaaaaaaaaaaaaaa");
    return e;
}

struct error modem_check_sim(struct modem *modem)
{
    struct error e = state_of_port();

    (void)modem;
    if (e.code || !view_now()->sim)
        return e;
    return error_make(view_now()->by_cme ? ERROR_IN_MODEM : ERROR_IN_AGENT, view_now()->sim,
                      view_now()->by_cme ? 5 : 0, "not ready");
}

struct error modem_cycle_radio(struct modem *modem)
{
    struct error e = state_of_port();

    (void)modem;
    note('C');
    if (e.code)
        return e;
    fake_clock_pass(world.script->cycle_takes_ms);
    if (world.cycles_failed++ < world.script->cycles_fail)
        return error_make(ERROR_IN_MODEM, ERROR_CARD, ERROR_FINAL_ERROR, "CFUN refused");
    world.channels_open = false;
    world.when_ms[WHEN_CYCLE] = fake_clock.now_ms;
    return e;
}

struct error modem_reset(struct modem *modem)
{
    (void)modem;
    note('R');
    if (world.script->resets_fail)
        return error_make(ERROR_IN_AGENT, ERROR_NOT_SWITCHED, 0, "no reset known");
    world.when_ms[WHEN_RESET] = fake_clock.now_ms;
    return world.stopping ? state_of_port() : ERROR_OK;
}

struct error modem_after_switch(struct modem *modem, int64_t deadline_ms)
{
    assert_true(deadline_ms > fake_clock.now_ms);
    (void)modem;
    note('S');
    return state_of_port();
}

struct error modem_attach(struct modem *modem, int64_t deadline_ms)
{
    assert_true(deadline_ms > fake_clock.now_ms);
    (void)modem;
    note('H');
    world.when_ms[WHEN_HELP] = fake_clock.now_ms;
    return world.script->helps_fail ? error_make(ERROR_IN_MODEM, ERROR_CARD, 30, "refused")
                                    : state_of_port();
}

void card_forget_channels(struct card *card)
{
    (void)card;
}

static struct profile_list list_with(bool other)
{
    return (struct profile_list){ .count = 2,
                                  .rows = { { .has_iccid = true,
                                              .has_aid = true,
                                              .iccid = { A },
                                              .aid = { 16, { 1 } },
                                              .enabled = !other },
                                            { .has_iccid = true,
                                              .has_aid = true,
                                              .iccid = { B },
                                              .aid = { 16, { 2 } },
                                              .enabled = other } } };
}

struct error card_read(struct card *card, struct eid *ret_eid, struct profile_list *ret_list,
                       struct error *ret_eid_error)
{
    struct error e;

    (void)card;
    assert_null(ret_eid);
    assert_null(ret_eid_error);
    note('L');
    if (world.script->stop_in_settle)
        world.stopping = true;
    e = state_of_port();
    if (e.code)
        return e;
    if (world.reads_failed++ < world.script->reads_fail)
        return error_make(ERROR_IN_MODEM, ERROR_CARD_BUSY, 14, "busy");
    /* As long as a channel is open, the list is the one of before. */
    *ret_list = list_with(world.script->settles_enabled && !world.channels_open);
    return e;
}

void card_enable(struct card *card, card_decide decide, void *ctx, struct card_enable *ret)
{
    const struct job *job = &world.script->jobs[world.job++];
    struct profile_list list = list_with(false);
    const struct profile *row;
    struct operation op;

    (void)card;
    note('J');
    *ret = (struct card_enable){ .channels_closed = true };
    if (world.script->stop_before_enable)
        world.stopping = true;
    ret->error = state_of_port();
    if (ret->error.code)
        return;
    if (job->before) {
        ret->error = error_make(ERROR_IN_MODEM, job->before, ERROR_FINAL_NONE, "job failed");
        return;
    }
    if (world.script->cancel)
        assert_ok(operations_cancel(world.ops, world.op, &op));
    if (world.script->expire)
        fake_clock_pass(900000);
    row = decide(ctx, &list);
    if (!row)
        return;
    assert_string_equal(row->iccid.text, B);
    assert_true(operations_find(world.ops, world.op, &op));
    assert_true(op.sent);
    ret->sent = job->sent;
    ret->channels_closed = !job->open_channels;
    if (job->code)
        ret->error = error_make(job->sw ? ERROR_IN_CARD : ERROR_IN_MODEM, job->code,
                                job->sw ? job->sw : ERROR_FINAL_NONE, "ENABLE's answer");
    if (job->sent == CARD_NOT_SENT)
        return;
    note('E');
    world.enables_sent++;
    world.channels_open = job->open_channels;
    world.when_ms[WHEN_ENABLE] = fake_clock.now_ms;
}

/* --- the agent around it --- */

static void hear(void *ctx, enum bus_event event, const void *data)
{
    const struct operation *op = data;

    (void)ctx;
    if (event == BUS_SWITCHING) {
        world.switching_told++;
        assert_true(world.enables_sent <= world.script->busy_enables);
        assert_true(((const struct bus_switching *)data)->until_utc_ms > fake_clock.utc_ms);
    }
    if (event != BUS_OPERATION || op->state != OPERATION_RUNNING || !op->phase)
        return;
    if (op->phase == world.script->gone_in)
        world.gone_until_ms = fake_clock.now_ms + world.script->gone_ms;
    if (op->phase == world.script->stop_in)
        world.stopping = true;
}

struct end {
    struct operation op;
    struct switch_outcome outcome;
    int64_t took_ms;
};

/* As the worker does it. */
static void run(const struct script *script, struct end *ret)
{
    struct config config = { .modem.reset = script->reset,
                             .switching = { .verify = script->registered_is_enough
                                                          ? CONFIG_VERIFY_REGISTERED
                                                          : CONFIG_VERIFY_AUTO,
                                            .register_s = 300,
                                            .attach_s = 120,
                                            .verify_s = 300,
                                            .refresh_s = 15 } };
    struct bus *bus = bus_new();
    struct state *state = state_new();
    struct operations *ops = operations_new(bus, state);
    struct operation_request request = { .channel = CHANNEL_MQTT, .request = "m1" };
    const struct switch_tools tools = {
        .config = &config, .operations = ops, .bus = bus, .signs = &world.signs
    };
    struct problem problem;
    int64_t began_ms;

    log_set(LOG_LEVEL_ERR, LOG_FORMAT_TEXT, false);
    memset(&world, 0, sizeof world);
    world.script = script;
    world.open = true;
    world.signs = (struct switch_signs){ .hint = true, .restarted = true }; /* from before */
    world.ops = ops;
    for (size_t i = 0; i < WHENS; i++)
        world.when_ms[i] = -1;
    operations_set_budget(ops, switch_budget_ms(&config));
    bus_listen(bus, hear, NULL);
    strcpy(request.target.iccid.text, script->target ? script->target : B);
    request.has_expect_enabled = script->expect != NULL;
    strcpy(request.expect_enabled.text, script->expect ? script->expect : "");
    assert_int_equal(operations_admit(ops, &request, NULL, &ret->op, &problem), ADMISSION_ACCEPTED);
    world.op = ret->op.id;
    began_ms = fake_clock.now_ms;
    assert_true(operations_start(ops, ret->op.id));
    switch_run(&tools, &ret->op, &ret->outcome);
    ret->took_ms = fake_clock.now_ms - began_ms;
    if (!ret->outcome.ended_already)
        operations_end(ops, ret->op.id, &ret->outcome.end);
    assert_true(operations_find(ops, ret->op.id, &ret->op));
    assert_true(operation_has_ended(&ret->op));
    assert_true(world.enables_sent <= 1 + script->busy_enables);
    assert_true(ret->op.sent || world.enables_sent == 0);
    if (!script->expire)
        assert_true(ret->took_ms <= switch_budget_ms(&config));
    operations_free(ops);
    state_free(state);
    bus_free(bus);
}

/* --- the table --- */

// clang-format off
#define AT(when_, ms, ...) { .set = true, .when = WHEN_##when_, .after_ms = (ms), .view = { __VA_ARGS__ } }
#define STARTS .sim = ERROR_CARD_BUSY, .by_cme = true
#define ON_B .other = true, .other_imsi = true
#define SEARCHES .registration = REGISTRATION_SEARCHING
#define ROAMS .registration = REGISTRATION_ROAMING
#define HOME .registration = REGISTRATION_HOME
#define GOES_WELL AT(ENABLE, 500, STARTS), AT(ENABLE, 2000, ON_B, SEARCHES), AT(ENABLE, 4000, ON_B, ROAMS), AT(ENABLE, 5000, ON_B, ROAMS, .data = true)
#define YES { .sent = CARD_ENABLED }
#define UNCLEAR { .sent = CARD_UNCLEAR, .code = ERROR_MODEM_TIMEOUT }
#define UNCLEAR_OPEN { .sent = CARD_UNCLEAR, .code = ERROR_MODEM_TIMEOUT, .open_channels = true }
#define BEFORE(code_) { .before = (code_) }

static const struct row {
    const char *what;
    struct script script;
    enum operation_state state;
    enum error_code code;
    /* `now` in the result: 'A', 'B', '?' unknown; 0: no result at all. */
    char now;
    bool changed, dropped;
    enum verified verified;
    const char *trace;
} rows[] = {
    { "as it should be", { .jobs = { YES }, .changes = { GOES_WELL } },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JES" },
    { "registered is enough", { .registered_is_enough = true, .jobs = { YES }, .changes = { AT(ENABLE, 500, STARTS), AT(ENABLE, 2000, ON_B, HOME) } },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_REGISTERED, "JES" },
    { "seen by the IMSI alone", { .jobs = { YES }, .changes = { AT(ENABLE, 100, ON_B, HOME, .data = true) } },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JES" },
    { "seen by registration alone", { .jobs = { YES }, .changes = { AT(ENABLE, 100, SEARCHES), AT(ENABLE, 3000, .other = true, HOME, .data = true) } },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JES" },
    { "seen by a PIN that was not asked for before", { .jobs = { YES }, .changes = { AT(ENABLE, 100, .sim = ERROR_SIM_LOCKED, HOME), AT(ENABLE, 3000, .other = true, HOME, .data = true) } },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JES" },
    { "the card's ICCID without a start-over proves nothing", { .reset = CONFIG_RESET_CFUN, .jobs = { YES }, .changes = { AT(ENABLE, 100, .other = true, HOME, .data = true) } },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JECS" },
    { "was not registered before: not registered proves nothing", { .jobs = { YES }, .has_before = true, .before = { SEARCHES }, .changes = { AT(ENABLE, 100, .other = true, SEARCHES) } },
      OPERATION_FAILED, ERROR_NOT_SWITCHED, 'B', true, true, VERIFIED_NOTHING, "JE" },
    { "was not registered before: the modem tells that it starts over", { .jobs = { YES }, .has_before = true, .before = { SEARCHES }, .changes = { AT(ENABLE, 100, .other = true, SEARCHES, .tells = true), AT(ENABLE, 2000, .other = true, HOME, .data = true) } },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JES" },
    { "was not registered before: the cycle that settled counts", { .jobs = { UNCLEAR_OPEN }, .settles_enabled = true, .has_before = true, .before = { SEARCHES }, .changes = { AT(CYCLE, 0, .other = true, SEARCHES), AT(CYCLE, 2000, .other = true, HOME, .data = true) } },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JECLS" },
    { "no ICCID command: another IMSI proves it", { .uncached = true, .jobs = { YES }, .changes = { GOES_WELL } },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JES" },
    { "no ICCID by any command: another IMSI has to do", { .tells_no_iccid = true, .jobs = { YES }, .changes = { GOES_WELL } },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JES" },
    { "no ICCID by any command, the same IMSI", { .tells_no_iccid = true, .jobs = { YES }, .changes = { AT(ENABLE, 100, STARTS), AT(ENABLE, 2000, HOME, .data = true) } },
      OPERATION_FAILED, ERROR_NOT_SWITCHED, '?', true, true, VERIFIED_NOTHING, "JE" },
    { "no ICCID command: the card's word does not, nor does a cycle", { .uncached = true, .reset = CONFIG_RESET_CFUN, .jobs = { YES }, .changes = { AT(ENABLE, 100, .other = true, HOME, .data = true), AT(CYCLE, 0, .other = true, SEARCHES), AT(CYCLE, 2000, .other = true, HOME, .data = true) } },
      OPERATION_FAILED, ERROR_NOT_SWITCHED, '?', true, true, VERIFIED_NOTHING, "JEC" },
    { "overtaken while it registers", { .jobs = { YES }, .changes = { AT(ENABLE, 500, STARTS), AT(ENABLE, 2000, ON_B, SEARCHES), AT(ENABLE, 4000, .third = true, .other_imsi = true, HOME, .data = true) } },
      OPERATION_FAILED, ERROR_OVERTAKEN, 'C', true, true, VERIFIED_NOTHING, "JES" },
    { "overtaken back to the one before", { .jobs = { YES }, .changes = { AT(ENABLE, 500, STARTS), AT(ENABLE, 2000, ON_B, SEARCHES), AT(ENABLE, 4000, HOME, .data = true) } },
      OPERATION_FAILED, ERROR_OVERTAKEN, 'A', false, true, VERIFIED_NOTHING, "JES" },
    { "the SIM is busy before ENABLE", { .jobs = { BEFORE(ERROR_CARD_BUSY), BEFORE(ERROR_CARD_BUSY), YES }, .changes = { GOES_WELL } },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JJJES" },
    { "the SIM is busy at ENABLE, and did not get it", { .busy_enables = 1, .jobs = { { .sent = CARD_UNCLEAR, .code = ERROR_CARD_BUSY }, YES }, .changes = { GOES_WELL } },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JELJES" },
    { "the SIM is busy at ENABLE, and got it", { .jobs = { { .sent = CARD_UNCLEAR, .code = ERROR_CARD_BUSY }, YES }, .settles_enabled = true, .changes = { GOES_WELL } },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JELS" },
    { "unclear, and locked against the new one", { .jobs = { UNCLEAR }, .settles_enabled = true, .changes = { AT(ENABLE, 0, .sim = ERROR_SIM_LOCKED, .by_cme = true) } },
      OPERATION_FAILED, ERROR_SIM_LOCKED, '?', true, true, VERIFIED_NOTHING, "JEL" },
    { "the card's yes, but its channel is lost: the ladder cycles", { .reset = CONFIG_RESET_CFUN, .jobs = { { .sent = CARD_ENABLED, .open_channels = true } }, .changes = { AT(CYCLE, 100, STARTS), AT(CYCLE, 3000, ON_B, HOME, .data = true) } },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JECS" },
    { "in use already", { .target = A, .jobs = { YES } },
      OPERATION_SUCCEEDED, 0, 'A', false, false, VERIFIED_REGISTERED, "J" },
    { "in use already, without service", { .target = A, .has_before = true, .before = { SEARCHES }, .jobs = { YES } },
      OPERATION_SUCCEEDED, 0, 'A', false, false, VERIFIED_NOTHING, "J" },
    { "not on the card", { .target = C, .jobs = { YES } }, OPERATION_FAILED, ERROR_PROFILE_NOT_FOUND, .trace = "J" },
    { "expected another", { .expect = B, .jobs = { YES } }, OPERATION_FAILED, ERROR_PRECONDITION_FAILED, .trace = "J" },
    { "expected another, in use already", { .target = A, .expect = B, .jobs = { YES } }, OPERATION_FAILED, ERROR_PRECONDITION_FAILED, .trace = "J" },
    { "expected", { .expect = A, .jobs = { YES }, .changes = { GOES_WELL } },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JES" },
    { "canceled right before", { .cancel = true, .jobs = { YES } }, OPERATION_CANCELED, 0, .trace = "J" },
    { "canceled, and in use already", { .cancel = true, .target = A, .jobs = { YES } }, OPERATION_CANCELED, 0, .trace = "J" },
    { "expired right before", { .expire = true, .jobs = { YES } }, OPERATION_EXPIRED, ERROR_EXPIRED, .trace = "J" },
    { "refused by POL1", { .jobs = { { .sent = CARD_REFUSED, .code = ERROR_POLICY_FORBIDS, .sw = 0x69E1 } } },
      OPERATION_FAILED, ERROR_POLICY_FORBIDS, 'A', .trace = "JE" },

    { "no answer, not enabled", { .jobs = { UNCLEAR } }, OPERATION_FAILED, ERROR_MODEM_TIMEOUT, 'A', .trace = "JEL" },
    { "no answer, enabled", { .jobs = { UNCLEAR }, .settles_enabled = true, .changes = { GOES_WELL } },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JELS" },
    { "no answer, channel open, not enabled", { .jobs = { UNCLEAR_OPEN } },
      OPERATION_FAILED, ERROR_MODEM_TIMEOUT, 'A', .trace = "JECL" },
    { "no answer, channel open, enabled", { .jobs = { UNCLEAR_OPEN }, .settles_enabled = true, .changes = { AT(CYCLE, 100, STARTS), AT(CYCLE, 3000, ON_B, HOME, .data = true) } },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JECLS" },
    { "channel open, the cycle is refused at first: no list is believed before", { .jobs = { UNCLEAR_OPEN }, .settles_enabled = true, .cycles_fail = 3, .changes = { AT(CYCLE, 100, ON_B, HOME, .data = true) } },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JECCCCLS" },
    { "settling waits for the card", { .jobs = { UNCLEAR }, .settles_enabled = true, .reads_fail = 4, .changes = { AT(ENABLE, 1, ON_B, HOME, .data = true) } },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JELLLLLS" },
    { "port gone with the answer, and back", { .jobs = { UNCLEAR_OPEN }, .settles_enabled = true, .changes = { AT(ENABLE, 0, .gone = true), AT(ENABLE, 9000, ON_B, SEARCHES), AT(CYCLE, 3000, ON_B, HOME, .data = true) } },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JEOCLS" },
    { "port gone with the answer, for good", { .jobs = { UNCLEAR_OPEN }, .settles_enabled = true, .changes = { AT(ENABLE, 0, .gone = true) } },
      OPERATION_FAILED, ERROR_MODEM_ABSENT, 0, false, true, VERIFIED_NOTHING, "JE" },
    { "the agent stops while it settles", { .jobs = { UNCLEAR }, .stop_in_settle = true },
      OPERATION_FAILED, ERROR_INTERRUPTED, 0, false, true, VERIFIED_NOTHING, "JEL" },

    { "the first job fails before ENABLE, the second works", { .jobs = { BEFORE(ERROR_MODEM_TIMEOUT), YES }, .changes = { GOES_WELL } },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JJES" },
    { "both fail before ENABLE", { .jobs = { BEFORE(ERROR_MODEM_TIMEOUT), BEFORE(ERROR_MODEM_ABSENT), YES } }, OPERATION_FAILED, ERROR_MODEM_ABSENT, .trace = "JJ" },
    { "what the card said is not asked twice", { .jobs = { BEFORE(ERROR_APPLET_ABSENT), YES } }, OPERATION_FAILED, ERROR_APPLET_ABSENT, .trace = "J" },
    { "not sent after the decision: never again", { .jobs = { { .sent = CARD_NOT_SENT, .code = ERROR_MODEM_TIMEOUT }, YES } }, OPERATION_FAILED, ERROR_MODEM_TIMEOUT, .trace = "J" },
    { "no reason given for what was not sent: no success", { .jobs = { { .sent = CARD_NOT_SENT }, YES } }, OPERATION_FAILED, ERROR_INTERNAL, .trace = "J" },
    { "no answer is not tried again", { .jobs = { UNCLEAR, YES } }, OPERATION_FAILED, ERROR_MODEM_TIMEOUT, 'A', .trace = "JEL" },
    { "the agent stops before ENABLE", { .stop_before_enable = true, .jobs = { YES } }, OPERATION_FAILED, ERROR_INTERRUPTED, .trace = "J" },

    { "never noticed, no ladder", { .jobs = { YES } }, OPERATION_FAILED, ERROR_NOT_SWITCHED, 'A', false, true, VERIFIED_NOTHING, "JE" },
    { "never noticed, radio cycle", { .reset = CONFIG_RESET_CFUN, .jobs = { YES } }, OPERATION_FAILED, ERROR_NOT_SWITCHED, 'A', false, true, VERIFIED_NOTHING, "JEC" },
    { "never noticed, the whole ladder", { .reset = CONFIG_RESET_VENDOR, .jobs = { YES } }, OPERATION_FAILED, ERROR_NOT_SWITCHED, 'A', false, true, VERIFIED_NOTHING, "JECR" },
    { "noticed after the cycle", { .reset = CONFIG_RESET_CFUN, .cycle_takes_ms = 8000, .jobs = { YES }, .changes = { AT(CYCLE, 0, STARTS), AT(CYCLE, 3000, ON_B, HOME, .data = true) } },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JECS" },
    { "a cycle that takes its time", { .reset = CONFIG_RESET_CFUN, .cycle_takes_ms = 29000, .jobs = { YES }, .changes = { AT(CYCLE, 0, STARTS), AT(CYCLE, 3000, ON_B, HOME, .data = true) } },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JECS" },
    { "the cycle is refused, the reset works", { .reset = CONFIG_RESET_VENDOR, .cycles_fail = 1, .jobs = { YES }, .changes = { AT(RESET, 100, .gone = true), AT(RESET, 20000, ON_B, HOME, .data = true) } },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JECROS" },
    { "no reset is known", { .reset = CONFIG_RESET_VENDOR, .resets_fail = true, .jobs = { YES } }, OPERATION_FAILED, ERROR_NOT_SWITCHED, 'A', false, true, VERIFIED_NOTHING, "JECR" },
    { "port gone after ENABLE, for good", { .reset = CONFIG_RESET_CFUN, .jobs = { YES }, .changes = { AT(ENABLE, 700, .gone = true) } },
      OPERATION_FAILED, ERROR_NOT_SWITCHED, '?', true, true, VERIFIED_NOTHING, "JE" },

    { "network-locked", { .jobs = { YES }, .changes = { AT(ENABLE, 100, STARTS), AT(ENABLE, 2000, .sim = ERROR_SIM_LOCKED, .by_cme = true) } },
      OPERATION_FAILED, ERROR_SIM_LOCKED, '?', true, true, VERIFIED_NOTHING, "JE" },
    { "locked before, and the new one works", { .reset = CONFIG_RESET_CFUN, .has_before = true, .before = { .sim = ERROR_SIM_LOCKED, .by_cme = true }, .jobs = { YES }, .changes = { AT(CYCLE, 0, STARTS), AT(CYCLE, 1000, ON_B, HOME, .data = true) } },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JECS" },
    { "denied", { .jobs = { YES }, .changes = { AT(ENABLE, 100, STARTS), AT(ENABLE, 1000, ON_B, .registration = REGISTRATION_DENIED) } },
      OPERATION_FAILED, ERROR_REGISTRATION_DENIED, 'B', true, true, VERIFIED_NOTHING, "JESH" },
    { "never registered", { .jobs = { YES }, .changes = { AT(ENABLE, 100, STARTS), AT(ENABLE, 1000, ON_B, SEARCHES) } },
      OPERATION_FAILED, ERROR_NOT_REGISTERED, 'B', true, true, VERIFIED_NOTHING, "JESH" },
    { "registered by help, help refused", { .helps_fail = true, .jobs = { YES }, .changes = { AT(ENABLE, 100, STARTS), AT(ENABLE, 1000, ON_B, SEARCHES), AT(HELP, 1000, ON_B, HOME, .data = true) } },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JESH" },
    { "no data", { .jobs = { YES }, .changes = { AT(ENABLE, 100, STARTS), AT(ENABLE, 1000, ON_B, HOME) } },
      OPERATION_FAILED, ERROR_NO_DATA, 'B', true, true, VERIFIED_NOTHING, "JESH" },

    { "port gone while resetting", { .jobs = { YES }, .changes = { GOES_WELL }, .gone_in = PHASE_RESETTING, .gone_ms = 6000 },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JEOS" },
    { "port gone while registering", { .jobs = { YES }, .changes = { GOES_WELL }, .gone_in = PHASE_REGISTERING, .gone_ms = 6000 },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JESO" },
    { "port gone while attaching", { .jobs = { YES }, .changes = { GOES_WELL }, .gone_in = PHASE_ATTACHING, .gone_ms = 6000 },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JESO" },
    { "port gone while verifying", { .jobs = { YES }, .changes = { GOES_WELL }, .gone_in = PHASE_VERIFYING, .gone_ms = 6000 },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JES" },
    { "port gone before ENABLE", { .jobs = { YES, YES }, .changes = { GOES_WELL }, .gone_in = PHASE_ENABLING, .gone_ms = 6000 },
      OPERATION_SUCCEEDED, 0, 'B', true, true, VERIFIED_ATTACHED, "JOJES" },
    { "port gone before ENABLE, for good", { .jobs = { YES, YES }, .gone_in = PHASE_ENABLING, .gone_ms = 600000 }, OPERATION_FAILED, ERROR_MODEM_ABSENT, .trace = "J" },
    { "port gone while registering, for good", { .jobs = { YES }, .changes = { GOES_WELL }, .gone_in = PHASE_REGISTERING, .gone_ms = 9000000 },
      OPERATION_FAILED, ERROR_NOT_REGISTERED, 'B', true, true, VERIFIED_NOTHING, "JES" },
    { "port gone while attaching, for good", { .jobs = { YES }, .changes = { GOES_WELL }, .gone_in = PHASE_ATTACHING, .gone_ms = 9000000 },
      OPERATION_FAILED, ERROR_NO_DATA, 'B', true, true, VERIFIED_NOTHING, "JES" },

    { "stopped while enabling", { .jobs = { YES }, .stop_in = PHASE_ENABLING }, OPERATION_FAILED, ERROR_INTERRUPTED, .trace = "J" },
    { "stopped while resetting", { .jobs = { YES }, .changes = { GOES_WELL }, .stop_in = PHASE_RESETTING },
      OPERATION_FAILED, ERROR_INTERRUPTED, '?', true, true, VERIFIED_NOTHING, "JE" },
    { "stopped while registering", { .jobs = { YES }, .changes = { GOES_WELL }, .stop_in = PHASE_REGISTERING },
      OPERATION_FAILED, ERROR_INTERRUPTED, 'B', true, true, VERIFIED_NOTHING, "JES" },
    { "stopped while attaching", { .jobs = { YES }, .changes = { GOES_WELL }, .stop_in = PHASE_ATTACHING },
      OPERATION_FAILED, ERROR_INTERRUPTED, 'B', true, true, VERIFIED_NOTHING, "JES" },
    { "stopped with the port gone", { .jobs = { YES }, .changes = { AT(ENABLE, 0, .gone = true) }, .stop_in = PHASE_RESETTING },
      OPERATION_FAILED, ERROR_INTERRUPTED, '?', true, true, VERIFIED_NOTHING, "JE" },
};
// clang-format on

static void check_row(const struct row *row)
{
    static struct end end;
    const struct operation *op = &end.op;

    run(&row->script, &end);
    print_message("    %s %s, now %s, %s, %s, %d ms\n", operation_state_name(op->state),
                  error_code_name(op->problem.error.code), op->has_now ? op->now.text : "?",
                  verified_name(op->verified), world.trace, (int)end.took_ms);
    assert_int_equal(op->state, row->state);
    assert_string_equal(error_code_name(op->problem.error.code), error_code_name(row->code));
    assert_string_equal(world.trace, row->trace);
    assert_int_equal(end.outcome.list_dropped, row->dropped);
    if (end.outcome.ended_already)
        assert_true(op->state == OPERATION_CANCELED || op->state == OPERATION_EXPIRED);
    assert_int_equal(world.switching_told, op->sent ? 1 + row->script.busy_enables : 0);
    assert_int_equal(op->has_result, row->now != 0);
    assert_int_equal(op->changed, row->changed);
    assert_int_equal(op->verified, row->verified);
    if (row->now) {
        assert_int_equal(op->has_now, row->now != '?');
        assert_string_equal(op->from.text, A);
        assert_string_equal(op->target.iccid.text, row->script.target ? row->script.target : B);
    }
    if (row->now && row->now != '?')
        assert_string_equal(op->now.text, row->now == 'A' ? A : row->now == 'B' ? B : C);
    if (row->state == OPERATION_SUCCEEDED)
        assert_int_equal(op->blackout_ms >= 0, !row->script.registered_is_enough);
}

static void switches_end_as_they_should(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("%s\n", rows[i].what);
        check_row(&rows[i]);
    }
}

/* What a reader of the operation sees of a good one. */
static void phases_and_blackout_are_measured(void **state)
{
    static const struct script script = { .jobs = { YES }, .changes = { GOES_WELL } };
    static struct end end;

    (void)state;
    run(&script, &end);
    assert_int_equal(end.op.phase, PHASE_COMMITTED);
    assert_int_equal(end.op.phase_count, 5);
    for (size_t i = 0; i < end.op.phase_count; i++) {
        assert_int_equal(end.op.phases[i].phase, PHASE_ENABLING + i);
        assert_true(end.op.phases[i].ms >= 0);
    }
    assert_in_range(end.op.phases[1].ms, 2000, 2100);
    assert_in_range(end.op.blackout_ms, 5000, 5100);
    assert_int_equal(end.op.rev, 7); /* accepted, running, four phases, the end */
}

/* Unsolicited lines bring the next look forward, but not more than ten times a second. */
static void a_storm_of_signs_does_not_spin(void **state)
{
    static const struct script script = {
        .storm = true,
        .jobs = { YES },
        .changes = { AT(ENABLE, 100, STARTS), AT(ENABLE, 1000, ON_B, SEARCHES) },
    };
    static struct end end;

    (void)state;
    run(&script, &end);
    assert_int_equal(end.op.problem.error.code, ERROR_NOT_REGISTERED);
    assert_true(world.looks <= end.took_ms / 100 + 10);
}

/* A CFUN that is refused all the time: no list is believed, and it ends. */
static void a_channel_that_cannot_be_closed_is_no_proof(void **state)
{
    static const struct script script = { .jobs = { UNCLEAR_OPEN },
                                          .settles_enabled = true,
                                          .cycles_fail = 1000 };
    static struct end end;

    (void)state;
    run(&script, &end);
    assert_int_equal(end.op.state, OPERATION_FAILED);
    assert_false(end.op.has_result);
    assert_true(end.outcome.list_dropped);
    assert_null(strchr(world.trace, 'L'));
    assert_true(strlen(world.trace) < 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(switches_end_as_they_should),
        cmocka_unit_test(phases_and_blackout_are_measured),
        cmocka_unit_test(a_storm_of_signs_does_not_spin),
        cmocka_unit_test(a_channel_that_cannot_be_closed_is_no_proof),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
