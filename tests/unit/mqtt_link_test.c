#include "mqtt/mqtt.h"
#include "tests/test.h"

#include <poll.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/operation/intent.h"
#include "agent/operation/journal.h"
#include "agent/operation/operations.h"
#include "agent/state/broker.h"
#include "agent/state/bus.h"
#include "agent/state/reads.h"
#include "agent/state/samples.h"
#include "agent/state/snapshot.h"
#include "config/config.h"
#include "mqtt/link.h"
#include "tests/unit/mqtt_peer.h"

/* The whole MQTT door against a real broker; operations, journal, reads, state and bus are the real
 * ones, the test plays the worker. */

#define P "esim/v1/gw-1"

static const char *const eid_hex =
    "\x89\x00\x10\x39\x45\x04\x10\x14\x14\x00\x00\x00\x00\x00\x15\x80";
static const char first_iccid[] = "8949001312170061988";
static const char second_iccid[] = "89882110000001234568";

struct agent {
    struct config config;
    struct bus *bus;
    struct state *state;
    struct operations *operations;
    struct reads *reads;
    struct journal *journal;
    struct broker *broker;
    struct samples *samples;
    struct mqtt *mqtt;
    struct snapshot now;
    sem_t woken; /* the worker would wake */
    sem_t facts; /* of the broker, there are new ones */
};

static void on_wake(void *ctx)
{
    sem_post(&((struct agent *)ctx)->woken);
}

static void on_facts(void *ctx)
{
    sem_post(&((struct agent *)ctx)->facts);
}

static void await(sem_t *what)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PEER_WAIT_MS / 1000;
    assert_int_equal(sem_timedwait(what, &until), 0);
}

static void await_wake(struct agent *agent)
{
    await(&agent->woken);
}

/* Until the broker has accepted a connection that was begun at `begun_ms` or later. */
static struct broker_facts await_accepted(struct agent *agent, int64_t begun_ms)
{
    struct broker_facts facts = broker_facts(agent->broker);

    while (!facts.online || facts.accepted_begun_ms < begun_ms) {
        await(&agent->facts);
        facts = broker_facts(agent->broker);
    }
    return facts;
}

static void set_profile(struct profile *row, const char *iccid, uint8_t last, bool enabled)
{
    row->has_iccid = row->has_aid = true;
    row->class = -1;
    assert_ok(iccid_from_text(iccid, strlen(iccid), &row->iccid));
    row->aid = (struct aid){ 16, { 0xA0, 0, 0, 5, 0x59, 0x10, 0x10, [15] = last } };
    row->enabled = enabled;
}

static void set_list(struct agent *agent, bool second_enabled)
{
    struct snapshot *s = &agent->now;

    s->has_list = true;
    s->list.count = 2;
    set_profile(&s->list.rows[0], first_iccid, 1, !second_enabled);
    set_profile(&s->list.rows[1], second_iccid, 2, second_enabled);
    assert_ok(state_publish(agent->state, s));
}

static void set_ready(struct agent *agent)
{
    agent->now.modem = MODEM_READY;
    assert_ok(eid_from_card((const uint8_t *)eid_hex, EID_CARD_LEN, &agent->now.eid));
    assert_ok(state_publish(agent->state, &agent->now));
}

/* Tries to connect again within `reconnect_s`. */
static void agent_make_slow(struct agent *agent, int port, const char *dir, int reconnect_s)
{
    static char uri[64], state_dir[PEER_DIR_MAX], device_id[] = "gw-1", prefix[] = "esim/v1",
                                                  client_id[] = "lpm-gw-1";

    memset(agent, 0, sizeof *agent);
    (void)snprintf(uri, sizeof uri, "mqtt://127.0.0.1:%d", port);
    (void)snprintf(state_dir, sizeof state_dir, "%s", dir);
    agent->config.device_id = device_id;
    agent->config.state_dir = state_dir;
    agent->config.mqtt.uri = uri;
    agent->config.mqtt.topic_prefix = prefix;
    agent->config.mqtt.client_id = client_id;
    agent->config.mqtt.keepalive_s = 300;
    agent->config.mqtt.session_expiry_s = 3600;
    agent->config.mqtt.will_delay_s = 0;
    agent->config.mqtt.reconnect_min_s = reconnect_s;
    agent->config.mqtt.reconnect_max_s = reconnect_s;
    agent->config.mqtt.outbox_max_kib = 2048;
    agent->config.mqtt.commands = CONFIG_COMMANDS_ALL;
    agent->config.telemetry.publish_s = 1800;
    agent->config.switching.verify_s = 300;
    assert_int_equal(sem_init(&agent->woken, 0, 0), 0);
    assert_int_equal(sem_init(&agent->facts, 0, 0), 0);
    agent->bus = bus_new();
    agent->state = state_new();
    agent->journal = journal_new(state_dir);
    agent->operations = operations_new(agent->bus, agent->state, agent->journal);
    agent->reads = reads_new();
    agent->broker = broker_new();
    agent->samples = samples_new();
    broker_set_wake(agent->broker, on_facts, agent);
    operations_set_wake(agent->operations, on_wake, agent);
    reads_set_wake(agent->reads, on_wake, agent);
    set_ready(agent);
    agent->mqtt = mqtt_new(&(struct mqtt_parts){
        .config = &agent->config,
        .state = agent->state,
        .operations = agent->operations,
        .bus = agent->bus,
        .reads = agent->reads,
        .journal = agent->journal,
        .broker = agent->broker,
        .samples = agent->samples,
    });
    assert_non_null(agent->mqtt);
}

static void agent_make(struct agent *agent, int port, const char *dir)
{
    agent_make_slow(agent, port, dir, 1);
}

static void agent_done(struct agent *agent)
{
    reads_close(agent->reads);
    assert_true(mqtt_stop(agent->mqtt));
    mqtt_free(agent->mqtt);
    samples_free(agent->samples);
    broker_free(agent->broker);
    reads_free(agent->reads);
    operations_free(agent->operations);
    journal_free(agent->journal);
    state_free(agent->state);
    bus_free(agent->bus);
    sem_destroy(&agent->woken);
    sem_destroy(&agent->facts);
}

/* --- one agent, one broker, one client --- */

struct scene {
    struct peer_broker broker;
    struct peer_relay relay;
    struct peer peer;
    struct agent agent;
    struct peer_message got;
};

static void open_scene(struct scene *s, bool only_3_1_1, const char *config)
{
    memset(s, 0, sizeof *s);
    if (!peer_broker_start(&s->broker, config)) {
        print_error("SKIPPED: mosquitto is not installed\n");
        skip();
    }
    peer_relay_start(&s->relay, s->broker.port, only_3_1_1);
    peer_connect(&s->peer, s->broker.port, "dashboard");
    peer_subscribe(&s->peer, P "/#");
    agent_make(&s->agent, s->relay.port, s->broker.dir);
}

static void begin(struct scene *s)
{
    assert_ok(mqtt_start(s->agent.mqtt));
    assert_true(
        peer_receive(&s->peer, P "/status/health", "\"online\":true", PEER_WAIT_MS, &s->got));
}

static void close_scene(struct scene *s)
{
    agent_done(&s->agent);
    peer_close(&s->peer);
    peer_relay_stop(&s->relay);
    peer_broker_done(&s->broker);
}

static void expect(struct scene *s, const char *topic, const char *text)
{
    if (!peer_receive(&s->peer, topic, text, PEER_WAIT_MS, &s->got))
        fail_msg("nothing with %s came to %s", text, topic);
}

static void publish(struct scene *s, const char *topic, const char *payload)
{
    const struct peer_publish what = { .topic = topic, .payload = payload, .expiry_s = -1 };

    peer_publish(&s->peer, &what);
}

/* --- the tests --- */

static void presence_from_birth_to_goodbye(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, false, "");
    s.agent.now.has_eid = true;
    set_list(&s.agent, false);
    begin(&s);
    assert_non_null(strstr(s.got.payload, "\"session\":1"));
    assert_true(s.got.retained);
    expect(&s, P "/info", "\"get-eid\":[\"refresh\"]");
    expect(&s, P "/twin/esim", "\"enabled\":\"8949001312170061988\"");
    assert_true(s.got.retained);
    agent_done(&s.agent);
    expect(&s, P "/status/health", "\"reason\":\"shutdown\"");
    assert_true(s.got.retained);
    /* The next life counts on. */
    agent_make(&s.agent, s.relay.port, s.broker.dir);
    begin(&s);
    assert_non_null(strstr(s.got.payload, "\"session\":2"));
    close_scene(&s);
}

static void will_when_the_link_breaks(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, false, "");
    begin(&s);
    peer_relay_cut(&s.relay);
    expect(&s, P "/status/health", "\"reason\":\"connection-lost\"");
    assert_non_null(strstr(s.got.payload, "\"online\":false"));
    expect(&s, P "/status/health", "\"online\":true");
    /* That nobody listens, or hangs up, is no word of a broker. */
    assert_int_equal(broker_facts(s.agent.broker).refused_at_ms, 0);
    close_scene(&s);
}

static void a_read_that_the_worker_has_to_make(void **state)
{
    const struct peer_publish ask = { .topic = P "/cmd/get-eid/r-1/req",
                                      .payload = "",
                                      .response_topic = "answers/me",
                                      .correlation = "c-77",
                                      .expiry_s = -1 };
    const struct error ok = ERROR_OK;
    struct scene s;

    (void)state;
    open_scene(&s, false, "");
    peer_subscribe(&s.peer, "answers/#");
    begin(&s);
    peer_publish(&s.peer, &ask);
    await_wake(&s.agent);
    assert_int_equal(reads_wanted(s.agent.reads), READ_EID);
    s.agent.now.has_eid = true;
    assert_ok(state_publish(s.agent.state, &s.agent.now));
    reads_answer(s.agent.reads, READ_EID, &ok);
    expect(&s, "answers/me", "89001039450410141400000000001580");
    assert_string_equal(s.got.correlation, "c-77");
    expect(&s, P "/cmd/get-eid/r-1/status", "\"state\":\"succeeded\"");
    /* Now the snapshot has it. */
    publish(&s, P "/cmd/get-eid/r-2/req", "{}");
    expect(&s, P "/cmd/get-eid/r-2/status", "89001039450410141400000000001580");
    publish(&s, P "/cmd/get-steering/r-3/req", "{}");
    expect(&s, P "/cmd/get-steering/r-3/status", "\"mode\":\"off\"");
    close_scene(&s);
}

/* What comes in is refused by name; what is not a command is not answered. */
static void refusals(void **state)
{
    static const struct {
        const char *what, *topic, *payload;
        bool retained;
        const char *status, *text; /* NULL: no answer */
    } rows[] = {
        // clang-format off
        { "retained", "/cmd/get-eid/a/req", "{}", true, "/cmd/get-eid/a/status", "retained" },
        { "clearing it", "/cmd/get-eid/a/req", "", true, NULL, NULL },
        { "no JSON", "/cmd/enable-profile/b/req", "{", false, "/cmd/enable-profile/b/status", "invalid-request" },
        { "unknown field", "/cmd/enable-profile/c/req", "{\"iccd\":\"1\"}", false, "/cmd/enable-profile/c/status", "\"field\":\"iccd\"" },
        { "force", "/cmd/enable-profile/d/req", "{\"iccid\":\"89882110000001234568\",\"force\":true}", false, "/cmd/enable-profile/d/status", "forbidden" },
        { "confirm of nothing", "/cmd/enable-profile/e/confirm", "", false, "/cmd/enable-profile/e/status", "not-found" },
        { "confirm with more", "/cmd/enable-profile/e2/confirm", "{\"ok\":true}", false, "/cmd/enable-profile/e2/status", "\"field\":\"ok\"" },
        { "cancel of nothing", "/cmd/enable-profile/f/cancel", "", false, "/cmd/enable-profile/f/status", "not-found" },
        { "plan of nothing", "/cmd/plan-profile/g/req", "{}", false, "/cmd/plan-profile/g/status", "\"field\":\"iccid\"" },
        { "plan with force", "/cmd/plan-profile/g2/req", "{\"iccid\":\"89882110000001234568\",\"force\":true}", false, "/cmd/plan-profile/g2/status", "\"field\":\"force\"" },
        { "lock for nobody", "/cmd/lock-switch/k/req", "", false, "/cmd/lock-switch/k/status", "\"field\":\"holder\"" },
        { "lock without an end", "/cmd/lock-switch/k2/req", "{\"holder\":\"a\"}", false, "/cmd/lock-switch/k2/status", "\"field\":\"ttl_s\"" },
        { "unlock for nobody", "/cmd/unlock-switch/k3/req", "{}", false, "/cmd/unlock-switch/k3/status", "\"field\":\"holder\"" },
        { "unlock by force", "/cmd/unlock-switch/k4/req", "{\"force\":true}", false, "/cmd/unlock-switch/k4/status", "forbidden" },
        { "unknown op", "/cmd/get-iccid/h/req", "{}", false, NULL, NULL },
        { "further level", "/cmd/get-eid/i/j/req", "{}", false, NULL, NULL },
        { "id too long", "/cmd/get-eid/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/req", "{}", false, NULL, NULL },
    }; // clang-format on
    struct scene s;

    (void)state;
    open_scene(&s, false, "");
    begin(&s);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char topic[256], status[256];
        const struct peer_publish what = {
            .topic = topic, .payload = rows[i].payload, .retained = rows[i].retained, .expiry_s = -1
        };

        print_message("%s\n", rows[i].what);
        (void)snprintf(topic, sizeof topic, P "%s", rows[i].topic);
        (void)snprintf(status, sizeof status, P "%s", rows[i].status ? rows[i].status : "");
        peer_publish(&s.peer, &what);
        if (rows[i].status) {
            expect(&s, status, "\"state\":\"rejected\"");
            assert_non_null(strstr(s.got.payload, rows[i].text));
        }
    }
    /* None of those without an answer was answered: this comes after them. */
    publish(&s, P "/cmd/get-steering/last/req", "");
    while (peer_receive(&s.peer, NULL, "", PEER_WAIT_MS, &s.got) &&
           strcmp(s.got.topic, P "/cmd/get-steering/last/status") != 0)
        assert_null(strstr(s.got.topic, "/status"));
    assert_non_null(strstr(s.got.payload, "succeeded"));
    close_scene(&s);
}

static void a_plan_waits_for_the_list(void **state)
{
    static const char target[] = "{\"iccid\":\"89882110000001234568\"}";
    const struct error ok = ERROR_OK;
    struct scene s;

    (void)state;
    open_scene(&s, false, "");
    begin(&s);
    publish(&s, P "/cmd/plan-profile/p-1/req", target);
    await_wake(&s.agent);
    assert_int_equal(reads_wanted(s.agent.reads), READ_PROFILES);
    set_list(&s.agent, false);
    reads_answer(s.agent.reads, READ_PROFILES, &ok);
    expect(&s, P "/cmd/plan-profile/p-1/status", "\"kind\":\"plan-profile\"");
    assert_non_null(strstr(s.got.payload, "\"state\":\"succeeded\",\"result\":{\"iccid\":"
                                          "\"89882110000001234568\""));
    assert_non_null(strstr(s.got.payload, "\"would\":\"accepted\",\"obstacles\":[]"));
    /* Now the snapshot has it; a refresh reads all the same. */
    publish(&s, P "/cmd/plan-profile/p-2/req", "{\"aid\":\"A0000005591010000000000000000001\"}");
    expect(&s, P "/cmd/plan-profile/p-2/status", "\"would\":\"done\"");
    publish(&s, P "/cmd/plan-profile/p-3/req", "{\"iccid\":\"8900000000000000000\"}");
    expect(&s, P "/cmd/plan-profile/p-3/status", "\"state\":\"failed\"");
    assert_non_null(strstr(s.got.payload, "\"code\":\"profile-not-found\""));
    publish(&s, P "/cmd/plan-profile/p-4/req",
            "{\"iccid\":\"89882110000001234568\",\"refresh\":true}");
    await_wake(&s.agent);
    set_list(&s.agent, true);
    reads_answer(s.agent.reads, READ_PROFILES, &ok);
    expect(&s, P "/cmd/plan-profile/p-4/status", "\"would\":\"done\"");
    close_scene(&s);
}

/* Taken, renewed, kept from others and let go; on disk by its answer. */
static void the_lock_on_switching(void **state)
{
    struct operation_lock lock;
    struct scene s;

    (void)state;
    open_scene(&s, false, "");
    set_list(&s.agent, false);
    begin(&s);
    publish(&s, P "/cmd/lock-switch/a/req",
            "{\"holder\":\"ann\",\"ttl_s\":600,\"reason\":\"antenna\"}");
    expect(&s, P "/cmd/lock-switch/a/status",
           "{\"id\":\"a\",\"kind\":\"lock-switch\",\"state\":\"succeeded\",\"result\":{\"holder\":"
           "\"ann\",\"reason\":\"antenna\",\"until\":");
    publish(&s, P "/cmd/lock-switch/b/req", "{\"holder\":\"bob\",\"ttl_s\":1}");
    expect(&s, P "/cmd/lock-switch/b/status", "\"state\":\"rejected\"");
    assert_non_null(strstr(s.got.payload, "\"code\":\"locked\""));
    assert_non_null(strstr(s.got.payload, "\"holder\":\"ann\",\"until\":"));
    publish(&s, P "/cmd/enable-profile/c/req", "{\"iccid\":\"89882110000001234568\"}");
    expect(&s, P "/cmd/enable-profile/c/status", "\"code\":\"locked\"");
    publish(&s, P "/cmd/unlock-switch/d/req", "{\"holder\":\"bob\"}");
    expect(&s, P "/cmd/unlock-switch/d/status", "\"state\":\"rejected\"");
    assert_non_null(strstr(s.got.payload, "\"holder\":\"ann\",\"until\":"));
    /* It outlives the agent. */
    agent_done(&s.agent);
    agent_make(&s.agent, s.relay.port, s.broker.dir);
    set_list(&s.agent, false);
    begin(&s);
    assert_true(operations_get_lock(s.agent.operations, &lock));
    assert_string_equal(lock.holder, "ann");
    publish(&s, P "/cmd/unlock-switch/e/req", "{\"holder\":\"ann\"}");
    expect(&s, P "/cmd/unlock-switch/e/status", "\"state\":\"succeeded\",\"result\":{}}");
    assert_false(operations_get_lock(s.agent.operations, &lock));
    /* Told twice, it is done once. */
    publish(&s, P "/cmd/unlock-switch/e/req", "{\"holder\":\"ann\"}");
    expect(&s, P "/cmd/unlock-switch/e/status", "\"state\":\"succeeded\",\"result\":{}}");
    publish(&s, P "/cmd/enable-profile/f/req", "{\"iccid\":\"89882110000001234568\"}");
    expect(&s, P "/cmd/enable-profile/f/status", "\"state\":\"accepted\"");
    close_scene(&s);
}

static void unlock_by_force(void **state)
{
    struct operation_lock lock;
    struct scene s;

    (void)state;
    open_scene(&s, false, "");
    s.agent.config.mqtt.force = true;
    begin(&s);
    publish(&s, P "/cmd/lock-switch/a/req", "{\"holder\":\"ann\",\"ttl_s\":600}");
    expect(&s, P "/cmd/lock-switch/a/status", "\"holder\":\"ann\"");
    publish(&s, P "/cmd/unlock-switch/b/req", "{\"force\":true}");
    expect(&s, P "/cmd/unlock-switch/b/status", "\"state\":\"succeeded\"");
    assert_false(operations_get_lock(s.agent.operations, &lock));
    close_scene(&s);
}

static const struct intent intent = { .phase = PHASE_ENABLING };

/* Up to the ENABLE, which goes out. */
static void begin_switch(struct agent *agent, const char *id)
{
    assert_true(operations_start(agent->operations, id));
    assert_ok(operations_commit_to_send(agent->operations, id, &intent));
}

static void enter(struct agent *agent, const char *id, enum phase phase)
{
    operations_enter(agent->operations, id, phase, &intent, false);
}

static void end_switch(struct agent *agent, const char *id)
{
    const struct operation_end end = {
        .has_result = true,
        .changed = true,
        .has_now = true,
        .now = agent->now.list.rows[1].iccid,
        .blackout_ms = 900,
        .verified = VERIFIED_ATTACHED,
    };

    operations_end(agent->operations, id, &end);
}

static void play_switch(struct agent *agent, const char *id)
{
    begin_switch(agent, id);
    enter(agent, id, PHASE_REGISTERING);
    set_list(agent, true);
    bus_publish(agent->bus, BUS_PROFILES, &(struct bus_profiles){ "operation" });
    end_switch(agent, id);
}

static void a_switch_and_its_repeats(void **state)
{
    static const char req[] = P "/cmd/enable-profile/job-1/req";
    static const char status[] = P "/cmd/enable-profile/job-1/status";
    struct peer_publish ask = { .topic = req,
                                .payload = "{\"iccid\":\"89882110000001234568\"}",
                                .response_topic = P "/answers",
                                .correlation = "c",
                                .expiry_s = 60 };
    struct scene s;
    struct operation op;
    int64_t next;

    (void)state;
    open_scene(&s, false, "");
    set_list(&s.agent, false);
    begin(&s);
    peer_publish(&s.peer, &ask);
    expect(&s, status, "\"state\":\"accepted\"");
    assert_non_null(strstr(s.got.payload, "\"ttl_s\":60"));
    assert_true(operations_next(s.agent.operations, &op, &next));
    bus_publish(s.agent.bus, BUS_SWITCHING, &(struct bus_switching){ clock_utc_ms() + 60000 });
    expect(&s, P "/status/health", "switching_until");
    play_switch(&s.agent, op.id);
    expect(&s, P "/e/switch", "\"changed\":true");
    expect(&s, P "/answers", "\"state\":\"succeeded\"");
    assert_string_equal(s.got.correlation, "c");
    /* The same again: the status as it is. */
    publish(&s, req, "{\"iccid\":\"89882110000001234568\",\"reason\":\"again\"}");
    expect(&s, status, "\"state\":\"succeeded\"");
    /* The same id for something else. */
    publish(&s, req, "{\"iccid\":\"8949001312170061988\"}");
    expect(&s, status, "key-reused");
    assert_null(strstr(s.got.payload, "\"rev\""));
    close_scene(&s);
}

static void an_outcome_waits_for_the_broker(void **state)
{
    struct scene s;
    struct operation op;
    int64_t next;

    (void)state;
    open_scene(&s, false, "");
    set_list(&s.agent, false);
    begin(&s);
    publish(&s, P "/cmd/enable-profile/job-2/req", "{\"iccid\":\"89882110000001234568\"}");
    expect(&s, P "/cmd/enable-profile/job-2/status", "accepted");
    peer_broker_kill(&s.broker);
    peer_close(&s.peer);
    assert_true(operations_next(s.agent.operations, &op, &next));
    play_switch(&s.agent, op.id);
    /* A status is not retained: the dashboard has to be there first. */
    peer_relay_hold(&s.relay, true);
    peer_broker_again(&s.broker);
    peer_connect(&s.peer, s.broker.port, "dashboard");
    peer_subscribe(&s.peer, P "/#");
    peer_relay_hold(&s.relay, false);
    expect(&s, P "/cmd/enable-profile/job-2/status", "\"state\":\"succeeded\"");
    close_scene(&s);
}

/* It is on disk: it comes though the process has ended before the broker is there again. */
static void an_outcome_survives_the_agent(void **state)
{
    struct scene s;
    struct operation op;
    int64_t next;

    (void)state;
    open_scene(&s, false, "");
    set_list(&s.agent, false);
    begin(&s);
    publish(&s, P "/cmd/enable-profile/job-3/req", "{\"iccid\":\"89882110000001234568\"}");
    expect(&s, P "/cmd/enable-profile/job-3/status", "accepted");
    peer_broker_kill(&s.broker);
    peer_close(&s.peer);
    assert_true(operations_next(s.agent.operations, &op, &next));
    play_switch(&s.agent, op.id);
    agent_done(&s.agent);
    peer_broker_again(&s.broker);
    peer_connect(&s.peer, s.broker.port, "dashboard");
    peer_subscribe(&s.peer, P "/#");
    agent_make(&s.agent, s.relay.port, s.broker.dir);
    assert_ok(mqtt_start(s.agent.mqtt));
    expect(&s, P "/e/profiles", "\"by\":\"operation\"");
    expect(&s, P "/cmd/enable-profile/job-3/status", "\"state\":\"succeeded\"");
    expect(&s, P "/e/switch", op.id);
    close_scene(&s);
}

static void write_lines(const struct scene *s, const char *name, const char *mode, const char *text)
{
    char path[PEER_DIR_MAX + 32];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s", s->broker.dir, name);
    file = fopen(path, mode);
    assert_non_null(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

/* From now on the broker takes nothing under P/<denied>. */
static void deny(struct scene *s, const char *denied)
{
    char text[PEER_DIR_MAX + 256];

    (void)snprintf(text, sizeof text, "topic readwrite " P "/#\ntopic deny " P "/%s\n", denied);
    write_lines(s, "acl", "w", text);
    (void)snprintf(text, sizeof text, "acl_file %s/acl\n", s->broker.dir);
    write_lines(s, "mosquitto.conf", "a", text);
    peer_broker_kill(&s->broker);
    peer_close(&s->peer);
    peer_broker_again(&s->broker);
    peer_connect(&s->peer, s->broker.port, "dashboard");
    peer_subscribe(&s->peer, P "/#");
}

static void publish_profiles(struct scene *s, int times)
{
    for (int i = 0; i < times; i++)
        bus_publish(s->agent.bus, BUS_PROFILES, &(struct bus_profiles){ "external" });
}

/* How many came to `topic` before the answer to this, which comes after them. */
static int count_until_now(struct scene *s, const char *topic)
{
    int count = 0;

    publish(s, P "/cmd/get-steering/now/req", "");
    do {
        assert_true(peer_receive(&s->peer, NULL, "", PEER_WAIT_MS, &s->got));
        count += strcmp(s->got.topic, topic) == 0;
    } while (strcmp(s->got.topic, P "/cmd/get-steering/now/status") != 0);
    return count;
}

/* What the broker refuses blocks nobody, and is told once. */
static void a_refused_topic_blocks_nobody(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, false, "");
    deny(&s, "e/profiles");
    begin(&s);
    publish_profiles(&s, 40);
    expect(&s, P "/e/journal", "\"what\":\"refused\"");
    assert_non_null(strstr(s.got.payload, "Not authorized: " P "/e/profiles"));
    publish_profiles(&s, 40);
    assert_int_equal(count_until_now(&s, P "/e/journal"), 0);
    close_scene(&s);
}

/* Nor does the telling, where that is refused, too. */
static void refused_events_make_no_loop(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, false, "");
    deny(&s, "e/#");
    begin(&s);
    publish_profiles(&s, 40);
    assert_int_equal(count_until_now(&s, P "/e/journal"), 0);
    bus_publish(s.agent.bus, BUS_JOURNAL, &(struct bus_journal){ "recovered", NULL });
    assert_int_equal(count_until_now(&s, P "/e/journal"), 0);
    close_scene(&s);
}

static void what_happens_to_the_journal(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, false, "");
    begin(&s);
    bus_publish(s.agent.bus, BUS_JOURNAL, &(struct bus_journal){ "set-aside", "journal.db-1" });
    bus_publish(s.agent.bus, BUS_JOURNAL, &(struct bus_journal){ "recovered", "" });
    expect(&s, P "/e/journal", "\"what\":\"set-aside\",\"detail\":\"journal.db-1\"");
    expect(&s, P "/e/journal", "\"what\":\"recovered\"}");
    close_scene(&s);
}

/* The word comes over MQTT, under the sender's id or the operation's. */
static void a_switch_that_is_confirmed(void **state)
{
    static const char status[] = P "/cmd/enable-profile/job-4/status";
    struct scene s;
    struct operation op;
    int64_t next;
    char topic[128];

    (void)state;
    open_scene(&s, false, "");
    set_list(&s.agent, false);
    begin(&s);
    publish(&s, P "/cmd/enable-profile/job-4/req",
            "{\"iccid\":\"89882110000001234568\",\"confirm_s\":60}");
    expect(&s, status, "accepted");
    assert_true(operations_next(s.agent.operations, &op, &next));
    assert_int_equal(op.request.confirm_s, 60);
    publish(&s, P "/cmd/enable-profile/job-4/confirm", "");
    expect(&s, status, "too-late");
    begin_switch(&s.agent, op.id);
    enter(&s.agent, op.id, PHASE_CONFIRMING);
    expect(&s, status, "\"confirming\"");
    assert_false(operations_is_confirmed(s.agent.operations, op.id));
    (void)snprintf(topic, sizeof topic, P "/cmd/enable-profile/%s/confirm", op.id);
    publish(&s, topic, "{}");
    (void)snprintf(topic, sizeof topic, P "/cmd/enable-profile/%s/status", op.id);
    expect(&s, topic, op.id);
    assert_true(operations_is_confirmed(s.agent.operations, op.id));
    publish(&s, P "/cmd/enable-profile/job-4/confirm", "");
    expect(&s, status, "\"state\":\"running\"");
    close_scene(&s);
}

/* A link that goes past the modem proves nothing about it. */
static void what_has_to_be_confirmed(void **state)
{
    static struct config_target target;
    struct scene s;

    (void)state;
    open_scene(&s, false, "");
    s.agent.config.mqtt.link = CONFIG_LINK_OTHER;
    set_list(&s.agent, false);
    begin(&s);
    publish(&s, P "/cmd/enable-profile/a/req", "{\"iccid\":\"89882110000001234568\"}");
    expect(&s, P "/cmd/enable-profile/a/status", "\"field\":\"confirm_s\"");
    agent_done(&s.agent);
    agent_make(&s.agent, s.relay.port, s.broker.dir);
    s.agent.config.mqtt.link = CONFIG_LINK_OTHER;
    s.agent.config.probe.targets = &target;
    s.agent.config.probe.target_count = 1;
    mqtt_reload(s.agent.mqtt, &s.agent.config);
    set_list(&s.agent, false);
    begin(&s);
    publish(&s, P "/cmd/enable-profile/b/req", "{\"iccid\":\"89882110000001234568\"}");
    expect(&s, P "/cmd/enable-profile/b/status", "accepted");
    close_scene(&s);
}

/* Somebody else's switch, up to the phase in which the new profile is used. */
static void admit_switch(struct agent *agent, char ret_id[ID_LEN + 1])
{
    struct operation_request request = { .channel = CHANNEL_REST };
    struct operation op;
    struct problem problem;

    set_list(agent, false);
    request.target.iccid = agent->now.list.rows[1].iccid;
    assert_int_equal(operations_admit(agent->operations, &request, NULL, &op, &problem),
                     ADMISSION_ACCEPTED);
    memcpy(ret_id, op.id, sizeof op.id);
    begin_switch(agent, ret_id);
    enter(agent, ret_id, PHASE_RESETTING);
    enter(agent, ret_id, PHASE_REGISTERING);
}

/* Each profile has a connection of its own, made at once; one that was made over it stays. */
static void a_connection_for_each_profile(void **state)
{
    const struct operation_end rolled_back = {
        .error = { .code = ERROR_UNREACHABLE, .message = "x" }, .rolled_back = true
    };
    struct broker_facts old, over_new;
    char id[ID_LEN + 1];
    struct scene s;
    int64_t ms;

    (void)state;
    open_scene(&s, false, "");
    begin(&s);
    old = await_accepted(&s.agent, 0);
    assert_true(old.accepted_at_ms >= old.accepted_begun_ms);
    admit_switch(&s.agent, id);
    ms = clock_now_ms();
    enter(&s.agent, id, PHASE_VERIFYING);
    over_new = await_accepted(&s.agent, ms);
    expect(&s, P "/status/health", "\"session\":2");
    enter(&s.agent, id, PHASE_CONFIRMING);
    end_switch(&s.agent, id);
    expect(&s, P "/e/switch", "succeeded");
    assert_int_equal(count_until_now(&s, P "/status/health"), 0);
    assert_int_equal(broker_facts(s.agent.broker).accepted_begun_ms, over_new.accepted_begun_ms);

    admit_switch(&s.agent, id);
    ms = clock_now_ms();
    enter(&s.agent, id, PHASE_ROLLING_BACK);
    operations_end(s.agent.operations, id, &rolled_back);
    (void)await_accepted(&s.agent, ms);
    expect(&s, P "/status/health", "\"session\":3");
    assert_int_equal(broker_facts(s.agent.broker).refused_at_ms, 0);
    close_scene(&s);
}

/* However long the back-off is, and though nobody answers; after a restart in the middle, too. */
static void a_switch_does_not_wait_for_the_back_off(void **state)
{
    struct scene s;
    char id[ID_LEN + 1];
    int port;
    int fd = peer_blackhole(&port);

    (void)state;
    open_scene(&s, false, "");
    for (int i = 0; i < 4; i++) {
        if (i % 2 == 0) {
            agent_done(&s.agent);
            agent_make_slow(&s.agent, port, s.broker.dir, 86400);
            assert_ok(mqtt_start(s.agent.mqtt));
        }
        if (i == 0) {
            admit_switch(&s.agent, id);
            enter(&s.agent, id, PHASE_VERIFYING);
        }
        assert_int_equal(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, PEER_WAIT_MS), 1);
        close(accept(fd, NULL, NULL));
    }
    close(fd);
    close_scene(&s);
}

static void a_broker_of_3_1_1(void **state)
{
    struct broker_facts facts;
    struct scene s;

    (void)state;
    open_scene(&s, true, "");
    begin(&s);
    publish(&s, P "/cmd/get-steering/r/req", "");
    expect(&s, P "/cmd/get-steering/r/status", "succeeded");
    facts = await_accepted(&s.agent, 0);
    assert_true(facts.refused_at_ms >= facts.refused_begun_ms && facts.refused_begun_ms > 0);
    assert_true(facts.accepted_begun_ms >= facts.refused_at_ms);
    agent_done(&s.agent);
    expect(&s, P "/status/health", "\"reason\":\"shutdown\"");
    agent_make(&s.agent, s.relay.port, s.broker.dir);
    close_scene(&s);
}

static void stop_while_nobody_answers(void **state)
{
    struct agent agent;
    int port;
    int fd = peer_blackhole(&port);

    (void)state;
    agent_make(&agent, port, "/proc/nonexistent");
    agent.config.mqtt.reconnect_min_s = 1;
    assert_ok(mqtt_start(agent.mqtt));
    /* The connection has arrived: the agent waits for an answer. */
    assert_int_equal(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, PEER_WAIT_MS), 1);
    agent_done(&agent);
    close(fd);
}

/* Nothing is sent to anyone, and what is wrong is named. */
static void a_password_that_cannot_be_read(void **state)
{
    static char none[] = "/nonexistent/secret";
    const struct link_calls calls = { .on_message = NULL };
    struct agent agent;
    struct link *link;
    struct error e;

    (void)state;
    agent_make(&agent, 1, "/proc/nonexistent");
    agent.config.mqtt.password_file = none;
    link = link_new(&agent.config, "esim/v1/gw-1", &calls);
    assert_non_null(link);
    e = link_connect(link, LINK_MQTT_5, "{}");
    assert_int_equal(e.code, ERROR_INTERNAL);
    assert_non_null(strstr(e.message, "mqtt.password_file cannot be read"));
    link_free(link);
    agent_done(&agent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_password_that_cannot_be_read),
        cmocka_unit_test(presence_from_birth_to_goodbye),
        cmocka_unit_test(will_when_the_link_breaks),
        cmocka_unit_test(a_read_that_the_worker_has_to_make),
        cmocka_unit_test(refusals),
        cmocka_unit_test(a_plan_waits_for_the_list),
        cmocka_unit_test(the_lock_on_switching),
        cmocka_unit_test(unlock_by_force),
        cmocka_unit_test(a_switch_and_its_repeats),
        cmocka_unit_test(an_outcome_waits_for_the_broker),
        cmocka_unit_test(an_outcome_survives_the_agent),
        cmocka_unit_test(a_refused_topic_blocks_nobody),
        cmocka_unit_test(refused_events_make_no_loop),
        cmocka_unit_test(what_happens_to_the_journal),
        cmocka_unit_test(a_switch_that_is_confirmed),
        cmocka_unit_test(what_has_to_be_confirmed),
        cmocka_unit_test(a_connection_for_each_profile),
        cmocka_unit_test(a_switch_does_not_wait_for_the_back_off),
        cmocka_unit_test(a_broker_of_3_1_1),
        cmocka_unit_test(stop_while_nobody_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
