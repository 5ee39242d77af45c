#include "mqtt/mqtt.h"
#include "tests/test.h"

#include <poll.h>
#include <semaphore.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/operation/operations.h"
#include "agent/state/bus.h"
#include "agent/state/reads.h"
#include "agent/state/snapshot.h"
#include "config/config.h"
#include "mqtt/link.h"
#include "tests/unit/mqtt_peer.h"

/* The whole MQTT door against a real broker; operations, reads, state and bus are the real ones,
 * the test plays the worker. */

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
    struct mqtt *mqtt;
    struct snapshot now;
    sem_t woken; /* the worker would wake */
};

static void on_wake(void *ctx)
{
    sem_post(&((struct agent *)ctx)->woken);
}

static void await_wake(struct agent *agent)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PEER_WAIT_MS / 1000;
    assert_int_equal(sem_timedwait(&agent->woken, &until), 0);
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

static void agent_make(struct agent *agent, int port, const char *dir)
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
    agent->config.mqtt.reconnect_min_s = 1;
    agent->config.mqtt.reconnect_max_s = 2;
    agent->config.mqtt.outbox_max_kib = 2048;
    agent->config.mqtt.commands = CONFIG_COMMANDS_ALL;
    agent->config.switching.verify_s = 300;
    assert_int_equal(sem_init(&agent->woken, 0, 0), 0);
    agent->bus = bus_new();
    agent->state = state_new();
    agent->operations = operations_new(agent->bus, agent->state);
    agent->reads = reads_new();
    operations_set_wake(agent->operations, on_wake, agent);
    reads_set_wake(agent->reads, on_wake, agent);
    set_ready(agent);
    agent->mqtt =
        mqtt_new(&agent->config, agent->state, agent->operations, agent->bus, agent->reads);
    assert_non_null(agent->mqtt);
}

static void agent_done(struct agent *agent)
{
    reads_close(agent->reads);
    assert_true(mqtt_stop(agent->mqtt));
    mqtt_free(agent->mqtt);
    reads_free(agent->reads);
    operations_free(agent->operations);
    state_free(agent->state);
    bus_free(agent->bus);
    sem_destroy(&agent->woken);
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
        { "confirm", "/cmd/enable-profile/e/confirm", "", false, "/cmd/enable-profile/e/status", "not supported" },
        { "cancel of nothing", "/cmd/enable-profile/f/cancel", "", false, "/cmd/enable-profile/f/status", "not-found" },
        { "plan", "/cmd/plan-profile/g/req", "{}", false, "/cmd/plan-profile/g/status", "not supported" },
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

static void play_switch(struct agent *agent, const char *id)
{
    const struct operation_end end = {
        .has_result = true,
        .changed = true,
        .has_now = true,
        .now = agent->now.list.rows[1].iccid,
        .blackout_ms = 900,
        .verified = VERIFIED_ATTACHED,
    };

    assert_true(operations_start(agent->operations, id));
    assert_true(operations_commit_to_send(agent->operations, id));
    operations_enter(agent->operations, id, PHASE_REGISTERING);
    set_list(agent, true);
    bus_publish(agent->bus, BUS_PROFILES, &(struct bus_profiles){ "operation" });
    operations_end(agent->operations, id, &end);
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
    expect(&s, P "/answers", "\"state\":\"succeeded\"");
    assert_string_equal(s.got.correlation, "c");
    expect(&s, P "/e/switch", "\"changed\":true");
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
    peer_broker_again(&s.broker);
    peer_connect(&s.peer, s.broker.port, "dashboard");
    peer_subscribe(&s.peer, P "/#");
    expect(&s, P "/cmd/enable-profile/job-2/status", "\"state\":\"succeeded\"");
    close_scene(&s);
}

/* The broker takes nothing under P/e: what it refuses blocks nobody. */
static void a_refused_topic_blocks_nobody(void **state)
{
    struct scene s;
    char path[PEER_DIR_MAX + 16];
    FILE *file;

    (void)state;
    open_scene(&s, false, "");
    (void)snprintf(path, sizeof path, "%s/acl", s.broker.dir);
    file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs("topic readwrite answers/#\ntopic readwrite " P "/#\ntopic deny " P "/e/#\n", file);
    (void)fclose(file);
    (void)snprintf(path, sizeof path, "%s/mosquitto.conf", s.broker.dir);
    file = fopen(path, "a");
    assert_non_null(file);
    (void)fprintf(file, "acl_file %s/acl\n", s.broker.dir);
    (void)fclose(file);
    peer_broker_kill(&s.broker);
    peer_close(&s.peer);
    peer_broker_again(&s.broker);
    peer_connect(&s.peer, s.broker.port, "dashboard");
    peer_subscribe(&s.peer, P "/#");
    begin(&s);
    for (int i = 0; i < 40; i++)
        bus_publish(s.agent.bus, BUS_PROFILES, &(struct bus_profiles){ "external" });
    publish(&s, P "/cmd/get-steering/r/req", "");
    expect(&s, P "/cmd/get-steering/r/status", "succeeded");
    close_scene(&s);
}

static void a_broker_of_3_1_1(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, true, "");
    begin(&s);
    publish(&s, P "/cmd/get-steering/r/req", "");
    expect(&s, P "/cmd/get-steering/r/status", "succeeded");
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
    agent_make(&agent, port, "/nonexistent");
    agent.config.mqtt.reconnect_min_s = 1;
    assert_ok(mqtt_start(agent.mqtt));
    /* The connection has arrived: the agent waits for an answer. */
    assert_int_equal(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, PEER_WAIT_MS), 1);
    agent_done(&agent);
    close(fd);
}

static void a_uri_that_is_refused(void **state)
{
    static const struct {
        const char *uri;
        bool insecure, ok;
    } rows[] = {
        // clang-format off
        { "mqtt://127.0.0.1:1883", false, true }, { "mqtt://localhost", false, true },
        { "mqtt://[::1]:1883", false, true }, { "mqtts://broker.example", false, true },
        { "mqtt://broker.example", false, false }, { "mqtt://broker.example", true, true },
        { "mqtt://127.evil.example", false, false }, { "mqtt://localhost.example", false, false },
        { "mqtts://user:pw@broker.example", false, false }, { "ws://localhost", true, false },
        { "mqtts://", false, false },
    }; // clang-format on

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct agent agent;
        char uri[64];

        print_message("%s\n", rows[i].uri);
        agent_make(&agent, 1, "/nonexistent");
        (void)snprintf(uri, sizeof uri, "%s", rows[i].uri);
        agent.config.mqtt.uri = uri;
        agent.config.mqtt.insecure = rows[i].insecure;
        assert_int_equal(link_check(&agent.config).code,
                         rows[i].ok ? ERROR_NONE : ERROR_INVALID_REQUEST);
        agent_done(&agent);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_uri_that_is_refused),
        cmocka_unit_test(presence_from_birth_to_goodbye),
        cmocka_unit_test(will_when_the_link_breaks),
        cmocka_unit_test(a_read_that_the_worker_has_to_make),
        cmocka_unit_test(refusals),
        cmocka_unit_test(a_switch_and_its_repeats),
        cmocka_unit_test(an_outcome_waits_for_the_broker),
        cmocka_unit_test(a_refused_topic_blocks_nobody),
        cmocka_unit_test(a_broker_of_3_1_1),
        cmocka_unit_test(stop_while_nobody_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
