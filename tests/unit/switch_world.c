#include "tests/unit/switch_world.h"

#include <dirent.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/modem/modem.h"
#include "agent/operation/intent.h"
#include "agent/operation/journal.h"
#include "agent/state/broker.h"
#include "agent/state/bus.h"
#include "agent/state/snapshot.h"
#include "tests/unit/fake_clock.h"
#include "tests/unit/temp_journal.h"

enum { BOOTED_MS = 30000, DOWN_MS = 5000 };

struct world_seen world_seen;

static struct {
    const struct script *script;
    struct switch_signs signs;
    bool open, stopping;
    unsigned job;
    int opens_failed, reads_failed, cycles_failed;
    int64_t when_ms[WHENS], gone_until_ms, stop_ms;
    size_t view; /* 0: before; n: after change n-1 */
    bool word_said[WORDS];
    bool channels_open;
    /* What the card does once the channel is closed; 0: nothing. */
    char pending;
    bool turned, full, was_cut, restarted;
    char copy[64];
    struct modem_context context;
    struct temp_journal temp;
    struct bus *bus;
    struct state *state;
    struct broker *broker;
    struct operations *ops;
    char op[ID_LEN + 1];
    const char *boot;
} world;

/* --- the clock, the disk --- */

const char *__wrap_clock_boot_id(void);
struct error __real_journal_write(struct journal *journal, const struct journal_change *change);
struct error __wrap_journal_write(struct journal *journal, const struct journal_change *change);

bool __real_operations_is_confirmed(struct operations *ops, const char *id);
bool __wrap_operations_is_confirmed(struct operations *ops, const char *id);

/* Whether it is in time is not the sender's to know. */
static void confirm(void)
{
    struct operation op;
    struct error e = operations_confirm(world.ops, world.op, &op);

    if (e.code)
        assert_code(e, ERROR_TOO_LATE);
    world_seen.confirmed = world_seen.confirmed || !e.code;
}

const char *__wrap_clock_boot_id(void)
{
    return world.boot;
}

struct error __wrap_journal_write(struct journal *journal, const struct journal_change *change)
{
    return world.full ? error_make(ERROR_IN_STORAGE, ERROR_STORAGE_FULL, 13, "disk full")
                      : __real_journal_write(journal, change);
}

bool __wrap_operations_is_confirmed(struct operations *ops, const char *id)
{
    bool confirmed = __real_operations_is_confirmed(ops, id);
    int64_t over_ms = world.when_ms[WHEN_CONFIRMING] + 1000 * world.script->confirm_s;

    if (world.script->word_behind_look && fake_clock.now_ms >= over_ms)
        confirm();
    return confirmed;
}

/* In place of the C library's: what counts is what another process would read. */
int fdatasync(int fd)
{
    (void)fd;
    return 0;
}

int fsync(int fd)
{
    return fdatasync(fd);
}

static void copy_file(const char *from, const char *to)
{
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    char bytes[65536];
    size_t n;

    assert_non_null(in);
    assert_non_null(out);
    while ((n = fread(bytes, 1, sizeof bytes, in)) > 0)
        assert_int_equal(fwrite(bytes, 1, n, out), n);
    (void)fclose(in);
    assert_int_equal(fclose(out), 0);
}

/* What is on disk now is all that the next start will find. */
static void cut(void)
{
    DIR *dir = opendir(world.temp.dir);
    struct dirent *entry;

    strcpy(world.copy, "/tmp/lpm-journal-XXXXXX");
    assert_non_null(mkdtemp(world.copy));
    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        char from[512], to[512];

        if (entry->d_name[0] == '.' || strstr(entry->d_name, "-shm"))
            continue;
        (void)snprintf(from, sizeof from, "%s/%s", world.temp.dir, entry->d_name);
        (void)snprintf(to, sizeof to, "%s/%s", world.copy, entry->d_name);
        copy_file(from, to);
    }
    (void)closedir(dir);
    world.was_cut = true;
}

static void stop(void)
{
    if (world.restarted || world.stopping)
        return;
    world.stopping = true;
    if (world.script->cut)
        cut();
}

/* --- the script --- */

static void note(char letter)
{
    size_t n = strlen(world_seen.trace);

    assert_true(n < TRACE);
    world_seen.trace[n] = letter;
    if (world.script->full_at && strcmp(world.script->full_at, world_seen.trace) == 0)
        world.full = true;
    if (!world.script->stop_at || strcmp(world.script->stop_at, world_seen.trace) != 0)
        return;
    world.stop_ms = fake_clock.now_ms + world.script->stop_ms;
    if (world.script->stop_ms == 0)
        stop();
}

unsigned world_count(char letter)
{
    unsigned count = 0;

    for (const char *c = world_seen.trace; *c; c++)
        count += *c == letter;
    return count;
}

static const char *iccid_of(char profile)
{
    return profile == 'C' ? C : profile == 'B' ? B : A;
}

static const struct view *view_now(void)
{
    static const struct view normal = { .registration = REGISTRATION_HOME, .data = true };
    const struct script *s = world.script;

    if (world.view > 0)
        return &s->changes[world.view - 1].view;
    return s->has_before ? &s->before : &normal;
}

/* CLOCK_NEVER: what it hangs on has not happened. */
static int64_t due_ms(enum when when, int64_t after_ms)
{
    return world.when_ms[when] >= 0 ? world.when_ms[when] + after_ms : CLOCK_NEVER;
}

static int64_t change_ms(size_t i)
{
    const struct change *change = &world.script->changes[i];

    return change->set ? due_ms(change->when, change->after_ms) : CLOCK_NEVER;
}

static int64_t word_ms(size_t i)
{
    const struct word *word = &world.script->words[i];

    return word->word && !world.word_said[i] ? due_ms(word->when, word->after_ms) : CLOCK_NEVER;
}

static void say(const struct word *word)
{
    switch (word->word) {
    case WORD_ACCEPTS:
        broker_accepted(world.broker, fake_clock.now_ms - word->begun_ms, fake_clock.now_ms);
        break;
    case WORD_REFUSES:
        broker_refused(world.broker, fake_clock.now_ms - word->begun_ms, fake_clock.now_ms);
        break;
    case WORD_LOST:
        broker_lost(world.broker);
        break;
    case WORD_CONFIRM:
        confirm();
        break;
    default:
        fail();
    }
}

/* The modem moves on with the clock. */
static void tick(void)
{
    for (size_t i = world.view; i < CHANGES; i++) {
        if (fake_clock.now_ms < change_ms(i))
            continue;
        world.view = i + 1;
        world.signs.hint = true;
        world.signs.restarted = world.signs.restarted || view_now()->tells;
        if (view_now()->card)
            world_seen.enabled = view_now()->card;
    }
    for (size_t i = 0; i < WORDS; i++)
        if (fake_clock.now_ms >= word_ms(i)) {
            world.word_said[i] = true;
            say(&world.script->words[i]);
        }
    if (world.open && (view_now()->gone || fake_clock.now_ms < world.gone_until_ms)) {
        world.open = false;
        world.signs.restarted = world.signs.hint = true;
    }
    if (world.stop_ms >= 0 && fake_clock.now_ms >= world.stop_ms)
        stop();
}

static void count_call(void)
{
    if (++world_seen.calls == world.script->cut_call)
        stop();
}

static struct error state_of_port(void)
{
    count_call();
    tick();
    if (world.stopping)
        return error_make(ERROR_IN_AGENT, ERROR_SHUTTING_DOWN, 0, "stopping");
    if (!world.open)
        return error_make(ERROR_IN_SYSTEM, ERROR_MODEM_ABSENT, 5, "port is gone");
    return ERROR_OK;
}

/* What the card had put off until its channel was closed. */
static void close_channels(void)
{
    world.channels_open = false;
    if (world.pending)
        world_seen.enabled = world.pending;
    world.pending = 0;
}

/* --- the modem --- */

struct error modem_open(struct modem *modem)
{
    (void)modem;
    count_call();
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

static int64_t sooner(int64_t wake_ms, int64_t next_ms)
{
    return next_ms > fake_clock.now_ms && next_ms < wake_ms ? next_ms : wake_ms;
}

bool modem_idle(struct modem *modem, int64_t until_ms)
{
    int64_t wake_ms = until_ms;

    (void)modem;
    assert_true(until_ms != CLOCK_NEVER);
    count_call();
    if (world.stopping)
        return false;
    if (world.script->storm) {
        world.signs.hint = true;
        wake_ms = fake_clock.now_ms + 1;
    }
    for (size_t i = world.view; i < CHANGES; i++)
        wake_ms = sooner(wake_ms, change_ms(i));
    for (size_t i = 0; i < WORDS; i++)
        wake_ms = sooner(wake_ms, word_ms(i));
    if (world.stop_ms >= 0)
        wake_ms = sooner(wake_ms, world.stop_ms);
    if (wake_ms > fake_clock.now_ms)
        fake_clock_pass(wake_ms - fake_clock.now_ms);
    tick();
    return !world.stopping;
}

struct error modem_read_registration(struct modem *modem, struct connectivity *ret)
{
    struct error e = state_of_port();

    (void)modem;
    world_seen.looks++;
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
    strcpy(ret->text, iccid_of(view_now()->on));
    *ret_cached = !world.script->uncached;
    return e;
}

struct error modem_read_imsi_hash(struct modem *modem, char ret[17])
{
    struct error e = state_of_port();

    (void)modem;
    if (e.code)
        return e;
    memset(ret, view_now()->imsi ? view_now()->imsi + ('a' - 'A') : 'a', 16);
    ret[16] = '\0';
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
    if (world.stopping)
        return e;
    note('C');
    if (e.code)
        return e;
    fake_clock_pass(world.script->cycle_takes_ms);
    if (world.cycles_failed++ < world.script->cycles_fail)
        return error_make(ERROR_IN_MODEM, ERROR_CARD, ERROR_FINAL_ERROR, "CFUN refused");
    close_channels();
    world.when_ms[WHEN_CYCLE] = fake_clock.now_ms;
    return e;
}

struct error modem_reset(struct modem *modem)
{
    (void)modem;
    if (world.stopping)
        return state_of_port();
    note('R');
    if (world.script->resets_fail)
        return error_make(ERROR_IN_AGENT, ERROR_NOT_SWITCHED, 0, "no reset known");
    close_channels();
    world.when_ms[WHEN_RESET] = fake_clock.now_ms;
    return ERROR_OK;
}

/* A command that may take until the deadline. */
static struct error command(char letter, int64_t deadline_ms)
{
    struct error e = state_of_port();

    assert_true(deadline_ms > fake_clock.now_ms);
    assert_true(deadline_ms != CLOCK_NEVER);
    if (!world.stopping)
        note(letter);
    return e;
}

struct error modem_after_switch(struct modem *modem, int64_t deadline_ms)
{
    (void)modem;
    return command('S', deadline_ms);
}

struct error modem_recover(struct modem *modem, int64_t deadline_ms)
{
    (void)modem;
    return command('V', deadline_ms);
}

struct error modem_attach_anew(struct modem *modem, int64_t deadline_ms)
{
    (void)modem;
    return command('N', deadline_ms);
}

struct error modem_attach(struct modem *modem, int64_t deadline_ms)
{
    struct error e = command('H', deadline_ms);

    (void)modem;
    if (!world.stopping)
        world.when_ms[WHEN_HELP] = fake_clock.now_ms;
    return world.script->helps_fail ? error_make(ERROR_IN_MODEM, ERROR_CARD, 30, "refused") : e;
}

struct error modem_run_commands(struct modem *modem, const char *const *texts, size_t count)
{
    struct error e = state_of_port();

    (void)modem;
    assert_int_equal(count, 1);
    assert_string_equal(texts[0], "AT+OF-B");
    if (!world.stopping)
        note('I');
    fake_clock_pass(world.script->init_ms);
    return e;
}

struct error modem_read_context(struct modem *modem, int cid, struct modem_context *ret)
{
    struct error e = state_of_port();

    (void)modem;
    assert_int_equal(cid, 1);
    if (!e.code)
        *ret = world.context;
    return e;
}

bool modem_context_differs(const struct modem_context *now, const struct modem_context *want)
{
    return strcmp(now->apn, want->apn) != 0;
}

struct error modem_write_context(struct modem *modem, const struct modem_context *now,
                                 const struct modem_context *want)
{
    struct error e = state_of_port();

    (void)modem;
    assert_string_equal(now->apn, world.context.apn);
    if (e.code)
        return e;
    note('X');
    world.context = *want;
    return e;
}

static void assert_operation(const char *text)
{
    cJSON *json = cJSON_Parse(text);
    const cJSON *id = cJSON_GetObjectItem(json, "id"), *state = cJSON_GetObjectItem(json, "state");

    assert_true(cJSON_IsString(id));
    assert_string_equal(id->valuestring, world.op);
    assert_true(cJSON_IsString(state));
    cJSON_Delete(json);
}

struct error modem_run_program(struct modem *modem, char *const *argv, const char *input,
                               int64_t timeout_ms)
{
    char letter = argv[0][0];

    (void)modem;
    count_call();
    if (world.stopping)
        return error_make(ERROR_IN_AGENT, ERROR_SHUTTING_DOWN, 0, "stopping");
    assert_int_equal(timeout_ms, 7000);
    assert_null(argv[1]);
    assert_operation(input);
    note(letter);
    if (world.stopping)
        return error_make(ERROR_IN_AGENT, ERROR_SHUTTING_DOWN, 0, "stopping");
    fake_clock_pass(1000);
    return letter == world.script->fails
               ? error_make(ERROR_IN_SYSTEM, ERROR_INTERRUPTED, 1, "it failed")
               : ERROR_OK;
}

/* --- the card --- */

void card_forget_channels(struct card *card)
{
    (void)card;
}

static void add_row(struct profile_list *list, char profile)
{
    struct profile *row = &list->rows[list->count];

    if (profile == world.script->deleted && world_count('E') > 0)
        return;
    list->count++;
    *row =
        (struct profile){ .has_iccid = true,
                          .has_aid = true,
                          .aid = { 16, { (uint8_t)profile } },
                          .enabled = world_seen.enabled == profile,
                          .fallback = world.script->mark == profile ? FALLBACK_YES : FALLBACK_NO };
    strcpy(row->iccid.text, iccid_of(profile));
}

/* As long as a channel is open, the list is the one of before. */
static void list_profiles(struct profile_list *ret)
{
    *ret = (struct profile_list){ 0 };
    add_row(ret, 'A');
    add_row(ret, 'B');
    if (world.script->has_c || world_seen.enabled == 'C')
        add_row(ret, 'C');
}

struct error card_read(struct card *card, struct eid *ret_eid, struct profile_list *ret_list,
                       struct error *ret_eid_error)
{
    struct error e;

    (void)card;
    assert_null(ret_eid);
    assert_null(ret_eid_error);
    if (!world.stopping)
        note('L');
    if (world.script->stop_in_settle)
        stop();
    if (world.script->stop_again_in_settle && world.restarted)
        world.stopping = true;
    e = state_of_port();
    if (e.code)
        return e;
    if (world.reads_failed++ < world.script->reads_fail)
        return error_make(ERROR_IN_MODEM, ERROR_CARD_BUSY, 14, "busy");
    list_profiles(ret_list);
    return e;
}

/* Whenever an ENABLE goes out, a restart would know of it. */
static void assert_intent_is_kept(const struct profile *row)
{
    struct intent intent;
    struct operation op;
    char *text = NULL;

    assert_true(operations_find(world.ops, world.op, &op));
    assert_true(op.sent);
    if (world.full)
        return;
    assert_true(journal_find_active(world.temp.journal, &op, &text));
    assert_string_equal(op.id, world.op);
    assert_true(op.sent);
    assert_non_null(text);
    assert_ok(intent_from_text(text, &intent));
    free(text);
    assert_int_equal(intent.phase, PHASE_ENABLING);
    assert_true(intent.tried[intent.leg]);
    assert_string_equal(intent.profiles[intent.leg].iccid.text, row->iccid.text);
    assert_string_equal(intent.boot, world.boot);
}

static void send_enable(const struct profile *row, const struct job *job)
{
    bool is_target = strcmp(row->iccid.text, B) == 0 && !world.turned;
    char profile = strcmp(row->iccid.text, A) == 0   ? 'A'
                   : strcmp(row->iccid.text, B) == 0 ? 'B'
                                                     : 'C';
    enum when when = is_target ? WHEN_ENABLE : profile == 'A' ? WHEN_BACK : WHEN_FALLBACK;

    world.turned = world.turned || !is_target;
    world.channels_open = job->open_channels;
    if (!job->set || job->sent == CARD_ENABLED || job->takes) {
        world.pending = job->open_channels ? profile : 0;
        world_seen.enabled = job->open_channels ? world_seen.enabled : profile;
    }
    if (job->blanks)
        world_seen.enabled = 0;
    world.when_ms[when] = fake_clock.now_ms;
    note(is_target ? 'E' : profile == 'A' ? 'A' : 'F');
    count_call();
    assert_true(world_seen.switching_told >= world_count('E'));
}

void card_enable(struct card *card, card_decide decide, void *ctx, struct card_enable *ret)
{
    static const struct job yes = YES;
    const struct job *job;
    struct profile_list list;
    const struct profile *row;
    struct operation op;

    (void)card;
    *ret = (struct card_enable){ .channels_closed = true };
    if (!world.stopping)
        note('J');
    if (world.script->stop_before_enable)
        stop();
    ret->error = state_of_port();
    job = world.job < JOBS && world.script->jobs[world.job].set ? &world.script->jobs[world.job]
                                                                : &yes;
    world.job++;
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
    list_profiles(&list);
    row = decide(ctx, &list);
    if (!row)
        return;
    assert_intent_is_kept(row);
    ret->sent = job->sent;
    ret->channels_closed = !job->open_channels;
    if (job->code)
        ret->error = error_make(job->sw ? ERROR_IN_CARD : ERROR_IN_MODEM, job->code,
                                job->sw ? job->sw : ERROR_FINAL_NONE, "ENABLE's answer");
    if (job->sent != CARD_NOT_SENT)
        send_enable(row, job);
}

/* --- the agent around it --- */

static void hear(void *ctx, enum bus_event event, const void *data)
{
    const struct operation *op = data;

    (void)ctx;
    if (event == BUS_SWITCHING) {
        world_seen.switching_told++;
        assert_true(((const struct bus_switching *)data)->until_utc_ms > fake_clock.utc_ms);
    }
    if (event != BUS_OPERATION || op->state != OPERATION_RUNNING || !op->phase)
        return;
    if (op->phase == PHASE_VERIFYING)
        world.when_ms[WHEN_VERIFYING] = fake_clock.now_ms;
    if (op->phase == PHASE_CONFIRMING)
        world.when_ms[WHEN_CONFIRMING] = fake_clock.now_ms;
    if (op->phase == world.script->gone_in)
        world.gone_until_ms = fake_clock.now_ms + world.script->gone_ms;
    if (op->phase == world.script->stop_in)
        stop();
}

static char before_name[] = "b", after_name[] = "a", back_name[] = "r", command_of_b[] = "AT+OF-B";
static char uri[] = "mqtts://broker", apn[] = "b.net", pdp_type[] = "IP";
static char a_apn[] = "a.net", c_apn[] = "c.net";
static char *before_argv[] = { before_name, NULL }, *after_argv[] = { after_name, NULL };
static char *back_argv[] = { back_name, NULL }, *commands[] = { command_of_b };

static struct config config_of(const struct script *script)
{
    static struct config_profile profiles[2];
    struct config config = {
        .modem.reset = script->reset,
        .mqtt = { .uri = script->uri ? uri : NULL,
                  .link = script->link_is_other ? CONFIG_LINK_OTHER : CONFIG_LINK_MODEM },
        .switching = { .verify = script->verify,
                       .rollback = !script->stays,
                       .register_s = 300,
                       .attach_s = 120,
                       .verify_s = 300,
                       .refresh_s = 15,
                       .before = { script->hooks ? before_argv : NULL, 7 },
                       .after = { script->hooks ? after_argv : NULL, 7 },
                       .rolled_back = { script->hooks ? back_argv : NULL, 7 } },
    };

    profiles[0] = (struct config_profile){
        .iccid = { B }, .apn = apn, .pdp_type = pdp_type, .cid = 1, .init = { 1, commands }
    };
    config.profile_count = script->apn;
    if (script->other_apns) {
        profiles[0] =
            (struct config_profile){ .iccid = { A }, .apn = a_apn, .pdp_type = pdp_type, .cid = 1 };
        profiles[1] =
            (struct config_profile){ .iccid = { C }, .apn = c_apn, .pdp_type = pdp_type, .cid = 1 };
        config.profile_count = 2;
    }
    config.profiles = profiles;
    return config;
}

static void keep_first(const char *first)
{
    char text[160];

    (void)snprintf(text, sizeof text,
                   "{\"cid\":1,\"pdp_type\":\"IP\",\"apn\":\"%s\",\"auth\":-1,"
                   "\"username\":\"\",\"password\":\"\"}",
                   first);
    assert_ok(journal_put_value(world.temp.journal, "context:first:1", text));
}

static void note_kept(void)
{
    char *text = journal_get_value(world.temp.journal, "context:" B ":1");

    (void)snprintf(world_seen.kept, sizeof world_seen.kept, "%s", text ? text : "");
    free(text);
}

static void open_agent(const struct config *config)
{
    world.bus = bus_new();
    world.state = state_new();
    world.broker = broker_new();
    world.ops = operations_new(world.bus, world.state, world.temp.journal);
    operations_set_budget(world.ops, switch_budget_ms(config));
    bus_listen(world.bus, hear, NULL);
}

static void close_agent(void)
{
    operations_free(world.ops);
    broker_free(world.broker);
    state_free(world.state);
    bus_free(world.bus);
}

static void begin(const struct script *script)
{
    log_set(LOG_LEVEL_ERR, LOG_FORMAT_TEXT, false);
    memset(&world, 0, sizeof world);
    memset(&world_seen, 0, sizeof world_seen);
    fake_clock.now_ms = script->uptime_ms ? script->uptime_ms : 10000000;
    world.script = script;
    world.boot = "11111111-1111-4111-8111-111111111111";
    world.open = true;
    world.stop_ms = -1;
    world.signs = (struct switch_signs){ .hint = true, .restarted = true }; /* from before */
    world.context = (struct modem_context){ .cid = 1, .pdp_type = "IP", .apn = "a.net" };
    world_seen.enabled = script->none_before ? 0 : 'A';
    for (size_t i = 0; i < WHENS; i++)
        world.when_ms[i] = -1;
    temp_journal_init(&world.temp);
    if (script->first_apn)
        keep_first(script->first_apn);
    for (unsigned i = 0; i < script->resets_before; i++)
        assert_ok(journal_count(world.temp.journal, JOURNAL_RESET));
}

/* The clock since the boot begins again, and all that happened is that much older. */
static void reboot(void)
{
    int64_t back_ms = fake_clock.now_ms - BOOTED_MS;

    world.boot = "22222222-2222-4222-8222-222222222222";
    for (size_t i = 0; i < WHENS; i++)
        if (world.when_ms[i] >= 0)
            world.when_ms[i] = world.when_ms[i] > back_ms ? world.when_ms[i] - back_ms : 0;
    world.gone_until_ms -= back_ms;
    fake_clock.now_ms = BOOTED_MS;
}

static void restart(const struct config *config)
{
    close_agent();
    if (world.was_cut) {
        temp_journal_done(&world.temp);
        strcpy(world.temp.dir, world.copy);
    }
    fake_clock_pass(world.script->down_ms ? world.script->down_ms : DOWN_MS);
    if (world.script->reboot)
        reboot();
    temp_journal_reopen(&world.temp);
    open_agent(config);
    world.signs = (struct switch_signs){ 0 };
    world.open = world.stopping = world.full = false;
    world.restarted = true;
    world.stop_ms = -1;
    world.when_ms[WHEN_AGAIN] = fake_clock.now_ms;
    note('|');
}

static struct operation_request request_of(const struct script *script)
{
    struct operation_request request = { .channel = script->channel, .request = "m1" };

    strcpy(request.target.iccid.text, script->target ? script->target : B);
    request.has_expect_enabled = script->expect != NULL;
    strcpy(request.expect_enabled.text, script->expect ? script->expect : "");
    request.confirm_s = script->confirm_s;
    return request;
}

static void rest(void *ctx)
{
    struct operation op;

    (void)ctx;
    assert_true(operations_find(world.ops, world.op, &op));
    assert_int_equal(op.phase, PHASE_CONFIRMING);
    fake_clock_pass(world.script->rest_ms);
    tick();
}

static void run_once(const struct config *config, const struct intent *interrupted,
                     struct world_end *ret)
{
    const struct switch_tools tools = { .config = config,
                                        .live = config,
                                        .operations = world.ops,
                                        .journal = world.temp.journal,
                                        .broker = world.broker,
                                        .bus = world.bus,
                                        .signs = &world.signs,
                                        .at_rest = rest };
    int64_t began_ms = fake_clock.now_ms;

    switch_run(&tools, &ret->op, interrupted, &ret->outcome);
    ret->took_ms = fake_clock.now_ms - began_ms;
    ret->budget_ms = switch_budget_ms(config) + 1000 * world.script->confirm_s;
}

static void go_on(const struct config *config, struct world_end *ret)
{
    bool has_intent;

    restart(config);
    assert_true(operations_interrupted(world.ops, &ret->op, &has_intent, &ret->intent));
    assert_string_equal(ret->op.id, world.op);
    assert_int_equal(has_intent, ret->op.sent);
    if (world.script->intent_lost && has_intent)
        ret->intent = switch_guess_intent(&ret->op);
    world_seen.taken_up += has_intent;
    run_once(config, has_intent ? &ret->intent : NULL, ret);
}

static int count_history(void)
{
    int64_t age_ms;
    int count = 0;

    while (journal_age_of(world.temp.journal, JOURNAL_SWITCH, count + 1, &age_ms))
        count++;
    return count;
}

void world_run(const struct script *script, struct world_end *ret)
{
    struct config config = config_of(script);
    struct operation_request request = request_of(script);
    struct problem problem;

    memset(ret, 0, sizeof *ret);
    begin(script);
    open_agent(&config);
    if (script->broker_ago_ms)
        broker_accepted(world.broker, fake_clock.now_ms - script->broker_ago_ms - 100,
                        fake_clock.now_ms - script->broker_ago_ms);
    if (script->remembered_ago_ms)
        broker_remember(world.broker, fake_clock.now_ms - script->remembered_ago_ms);
    if (script->broker_lost)
        broker_lost(world.broker);
    assert_int_equal(operations_admit(world.ops, &request, NULL, &ret->op, &problem),
                     ADMISSION_ACCEPTED);
    strcpy(world.op, ret->op.id);
    assert_true(operations_start(world.ops, world.op));
    assert_true(operations_find(world.ops, world.op, &ret->op));
    run_once(&config, NULL, ret);
    if (script->again) {
        assert_true(ret->outcome.interrupted || world.was_cut);
        go_on(&config, ret);
    }
    if (!ret->outcome.ended_already && !ret->outcome.interrupted)
        operations_end(world.ops, world.op, &ret->outcome.end);
    if (ret->outcome.interrupted)
        assert_true(operations_interrupted(world.ops, &ret->op, &ret->has_intent, &ret->intent));
    assert_true(operations_find(world.ops, world.op, &ret->op));
    ret->counted = count_history();
    strcpy(world_seen.apn, world.context.apn);
    note_kept();
    close_agent();
    temp_journal_done(&world.temp);
}
