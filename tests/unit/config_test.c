#include "config/config.h"

#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/json.h"
#include "config/config_form.h"
#include "config/config_identity.h"
#include "config/config_keys.h"
#include "config/config_load.h"
#include "tests/test.h"

static char folder[] = "config_test.XXXXXX";
static char config_path[64], machine_id_path[64], readable_path[64];

static void write_file(const char *path, const char *bytes, size_t len)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static int set_up(void **state)
{
    static const char id[] = "0123456789abcdef0123456789abcdef\n";

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(config_path, sizeof config_path, "%s/config.json", folder);
    (void)snprintf(machine_id_path, sizeof machine_id_path, "%s/machine-id", folder);
    (void)snprintf(readable_path, sizeof readable_path, "%s/secret", folder);
    write_file(machine_id_path, id, strlen(id));
    write_file(readable_path, "hunter2\n", 8);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(config_path);
    (void)unlink(machine_id_path);
    (void)unlink(readable_path);
    return rmdir(folder);
}

static struct config *load(const char *text, size_t len, char *const *environment,
                           struct config_problems *ret_problems)
{
    struct config *config = NULL;
    bool ok;

    write_file(config_path, text, len);
    ok = config_load_on(config_path, environment, machine_id_path, &config, ret_problems);
    for (size_t i = 0; i < ret_problems->count; i++)
        print_message("    %s: %s\n", ret_problems->items[i].path, ret_problems->items[i].message);
    assert_int_equal(ok, config != NULL);
    assert_int_equal(ok, ret_problems->count == 0);
    return config;
}

/* One key from a value: the object around it, as deep as the path. */
static void wrap(const char *path, const char *value, char *ret, size_t size)
{
    size_t used = 0;
    size_t depth = 0;

    for (; *path; depth++) {
        size_t n = strcspn(path, ".");

        used += (size_t)snprintf(ret + used, size - used, "{\"%.*s\":", (int)n, path);
        path += n + (path[n] == '.');
    }
    used += (size_t)snprintf(ret + used, size - used, "%s", value);
    for (; depth > 0; depth--)
        used += (size_t)snprintf(ret + used, size - used, "}");
    assert_true(used < size);
}

#define ICCID "89882110000001234568"
#define PROFILE "profiles." ICCID

/* `problem` NULL: accepted. Else part of the message; `at` NULL: about the same path. */
static const struct {
    const char *path, *value, *at, *problem;
} rows[] = {
    // clang-format off
    { "device_id", "\"gw-1.A_z\"", NULL, NULL },
    { "device_id", "null", NULL, NULL },
    { "device_id", "\"\"", NULL, "1 to 64 of" },
    { "device_id", "\"a/b\"", NULL, "1 to 64 of" },
    { "device_id", "7", NULL, "not 7" },
    { "state_dir", "\"/x\"", NULL, NULL },
    { "state_dir", "null", NULL, "expected a path, not null" },
    { "state_dir", "\"\"", NULL, "expected a path" },
    { "state_dir", "\"/a\\nb\"", NULL, "expected a path" },
    { "nonsense", "1", NULL, "unknown key" },
    { "State_Dir", "\"/x\"", NULL, "is \"state_dir\" meant?" },
    { "log", "null", NULL, "expected an object" },
    { "log", "[]", NULL, "expected an object" },
    { "log.level", "\"debug\"", NULL, NULL },
    { "log.level", "\"error\"", NULL, "one of \"err\", \"warning\", \"info\", \"debug\"" },
    { "log.level", "\"\"", NULL, "one of" },
    { "log.level", "0", NULL, "one of" },
    { "log.format", "\"json\"", NULL, NULL },
    { "log.format", "\"xml\"", NULL, "one of" },
    { "log.identities", "true", NULL, NULL },
    { "log.identities", "1", NULL, "true or false, not 1" },
    { "log.at_trace", "\"/x\"", NULL, NULL },
    { "modem.port", "\"/dev/ttyUSB2\"", NULL, NULL },
    { "modem.port", "\"ttyUSB2\"", NULL, "absolute path" },
    { "modem.baud", "9600", NULL, NULL },
    { "modem.baud", "299", NULL, "from 300" },
    { "modem.transport", "\"cgla\"", NULL, NULL },
    { "modem.transport", "\"qmi\"", NULL, "one of" },
    { "modem.init", "[\"AT+X\",\"at&f\"]", NULL, NULL },
    { "modem.init", "\"AT+X\"", NULL, "an array" },
    { "modem.init", "[\"ATI\",\"X\"]", "modem.init[1]", "an AT command" },
    { "modem.init", "[\"AT\\rATD1;\"]", "modem.init[0]", "an AT command" },
    { "modem.init", "[1]", "modem.init[0]", "not 1" },
    { "modem.reset", "\"none\"", NULL, NULL },
    { "modem.reset", "\"power\"", NULL, "\"none\", \"cfun\"" },
    { "modem.reset", "{\"command\":\"AT+QPOWD\"}", NULL, NULL },
    { "modem.reset", "{\"exec\":[\"/bin/true\",\"-x\"]}", NULL, NULL },
    { "modem.reset", "{\"exec\":[\"true\"]}", "modem.reset.exec", "absolute path" },
    { "modem.reset", "{\"exec\":[]}", "modem.reset.exec", "absolute path" },
    { "modem.reset", "{\"exec\":[\"/bin/true\",1]}", "modem.reset.exec[1]", "not 1" },
    { "modem.reset", "{\"exec\":\"/bin/true\"}", "modem.reset.exec", "an array" },
    { "modem.reset", "{\"command\":\"reboot\"}", "modem.reset.command", "an AT command" },
    { "modem.reset", "{}", NULL, "not an object" },
    { "modem.reset", "{\"command\":\"AT\",\"exec\":[\"/x\"]}", NULL, "not an object" },
    { "modem.reset", "null", NULL, "not null" },
    { "card.aid", "\"a0000005591010\"", NULL, NULL },
    { "card.aid", "\"A0000005\"", NULL, "an AID" },
    { "card.aid", "\"xyz\"", NULL, "an AID" },
    { "card.interface", "\"es10c\"", NULL, NULL },
    { "api.socket", "null", NULL, NULL },
    { "api.socket", "1", NULL, ", or null, not 1" },
    { "api.socket_mode", "\"0600\"", NULL, NULL },
    { "api.socket_mode", "\"660\"", NULL, NULL },
    { "api.socket_mode", "\"0888\"", NULL, "an octal mode" },
    { "api.socket_mode", "\"1777\"", NULL, "an octal mode" },
    { "api.socket_mode", "660", NULL, "an octal mode" },
    { "api.socket_group", "\"lpm\"", NULL, NULL },
    { "api.view_socket", "\"/run/lpm-agent/api.sock\"", NULL, "another path" },
    { "api.listen", "\"127.0.0.1:8480\"", NULL, NULL },
    { "api.listen", "\"127.9.9.9:1\"", NULL, NULL },
    { "api.listen", "\"[::1]:8480\"", NULL, NULL },
    { "api.listen", "\"0.0.0.0:8480\"", NULL, "a loopback address" },
    { "api.listen", "\"[::]:8480\"", NULL, "a loopback address" },
    { "api.listen", "\"[::ffff:127.0.0.1]:8480\"", NULL, "a loopback address" },
    { "api.listen", "\"127.0.0.1\"", NULL, "a port" },
    { "api.listen", "\"127.0.0.1:0\"", NULL, "a port" },
    { "api.listen", "\"127.0.0.1:65536\"", NULL, "a port" },
    { "api.listen", "\"127.0.0.1:08480\"", NULL, "a port" },
    { "api.listen", "\"::1:8480\"", NULL, "a port" },
    { "api.listen", "\"[127.0.0.1]:8480\"", NULL, "a port" },
    { "api.listen", "\"[::1\"", NULL, "a port" },
    { "api.listen", "\"localhost:8480\"", NULL, "an IP address" },
    { "api.public", "true", NULL, "api.token_file" },
    { "api.hosts", "[\"gw.example\"]", NULL, NULL },
    { "api.hosts", "[\"a b\"]", "api.hosts[0]", "a host name" },
    { "api.token_file", "\"/nonexistent/tokens\"", NULL, "can be read" },
    { "api.token_file", "\"/\"", NULL, "can be read" },
    { "mqtt.uri", "\"mqtts://broker.example:8883\"", NULL, NULL },
    { "mqtt.uri", "\"mqtts://192.0.2.1\"", NULL, NULL },
    { "mqtt.uri", "\"mqtt://127.0.0.1:1883\"", NULL, NULL },
    { "mqtt.uri", "\"mqtt://localhost:1883\"", NULL, NULL },
    { "mqtt.uri", "\"mqtt://[::1]:1883\"", NULL, NULL },
    { "mqtt.uri", "\"mqtt://broker.example:1883\"", NULL, "mqtt.insecure" },
    { "mqtt.uri", "\"mqtt://127.0.0.1.example:1883\"", NULL, "mqtt.insecure" },
    { "mqtt.uri", "\"tcp://127.0.0.1:1883\"", NULL, "mqtts://" },
    { "mqtt.uri", "\"mqtts://\"", NULL, "mqtts://" },
    { "mqtt.uri", "\"mqtts://:8883\"", NULL, "mqtts://" },
    { "mqtt.uri", "\"mqtts://h:8883/x\"", NULL, "mqtts://" },
    { "mqtt.uri", "\"mqtts://user:hunter2@h:8883\"", NULL, "keys of their own" },
    { "mqtt.uri", "\"mqtts://user@h\"", NULL, "keys of their own" },
    { "mqtt.link", "\"other\"", NULL, NULL },
    { "mqtt.topic_prefix", "\"a/b\"", NULL, NULL },
    { "mqtt.topic_prefix", "\"a/#\"", NULL, "no wildcards" },
    { "mqtt.topic_prefix", "\"a/\"", NULL, "no slash" },
    { "mqtt.topic_prefix", "\"$SYS\"", NULL, "a topic" },
    { "mqtt.topic_prefix", "\"\"", NULL, "a topic" },
    { "mqtt.client_id", "\"x\"", NULL, NULL },
    { "mqtt.password_file", "\"/nonexistent/password\"", NULL, "No such file" },
    { "mqtt.password", "\"hunter2\"", NULL, "is \"password_file\" meant?" },
    { "mqtt.ca_file", "\"/nonexistent/ca\"", NULL, "No such file" },
    { "mqtt.insecure", "\"yes\"", NULL, "true or false" },
    { "mqtt.keepalive_s", "1", NULL, NULL },
    { "mqtt.keepalive_s", "604800", NULL, NULL },
    { "mqtt.keepalive_s", "6e1", NULL, NULL },
    { "mqtt.keepalive_s", "0", NULL, "a whole number from 1 to 604800, not 0" },
    { "mqtt.keepalive_s", "604801", NULL, "not 604801" },
    { "mqtt.keepalive_s", "-1", NULL, "not -1" },
    { "mqtt.keepalive_s", "1.5", NULL, "not 1.5" },
    { "mqtt.keepalive_s", "1e300", NULL, "a whole number" },
    { "mqtt.keepalive_s", "\"300\"", NULL, "not \"300\"" },
    { "mqtt.keepalive_s", "null", NULL, "not null" },
    { "mqtt.keepalive_s", "[300]", NULL, "not an array" },
    { "mqtt.keepalive_s", "{\"x\":1}", NULL, "not an object" },
    { "mqtt.keepalive", "1", NULL, "is \"keepalive_s\" meant?" },
    { "mqtt.will_delay_s", "0", NULL, NULL },
    { "mqtt.reconnect_min_s", "301", NULL, "at most mqtt.reconnect_max_s (300)" },
    { "mqtt.reconnect_min_s", "300", NULL, NULL },
    { "mqtt.version", "\"3.1.1\"", NULL, NULL },
    { "mqtt.version", "5", NULL, "one of \"auto\", \"5\", \"3.1.1\", not 5" },
    { "mqtt.outbox_max_kib", "100000", NULL, NULL },
    { "mqtt.outbox_max_kib", "100001", NULL, "from 1 to 100000" },
    { "mqtt.commands", "[]", NULL, NULL },
    { "mqtt.commands", "[\"get-eid\"]", NULL, NULL },
    { "mqtt.commands", "[\"get-eid\",\"reboot\"]", "mqtt.commands[1]", "not \"reboot\"" },
    { "mqtt.commands", "\"all\"", NULL, "an array" },
    { "telemetry.sample_s", "0", NULL, "from 1 to 604800" },
    { "probe.targets", "[\"192.0.2.1:443\",\"[2001:db8::1]:53\"]", NULL, NULL },
    { "probe.targets", "[\"one.example:443\"]", "probe.targets[0]", "no name" },
    { "probe.need", "2", NULL, NULL },
    { "probe.interface", "\"wwan0\"", NULL, NULL },
    { "probe.interface", "\"a/b\"", NULL, "a network interface" },
    { "switch.verify", "\"broker\"", NULL, NULL },
    { "switch.verify", "\"hope\"", NULL, "one of" },
    { "switch.min_interval_s", "0", NULL, NULL },
    { "switch.max_per_hour", "0", NULL, "from 1 to 100000" },
    { "switch.hooks", "{}", NULL, NULL },
    { "switch.hooks.before", "{\"exec\":[\"/bin/true\"],\"timeout_s\":3}", NULL, NULL },
    { "switch.hooks.before", "{\"exec\":null}", NULL, NULL },
    { "switch.hooks.before", "{\"timeout_s\":3}", NULL, "expected exec" },
    { "switch.hooks.before", "{\"exec\":[\"true\"]}", "switch.hooks.before.exec", "absolute path" },
    { "switch.hooks.during", "{}", NULL, "unknown key" },
    { "profiles", "{}", NULL, NULL },
    { "profiles", "[]", NULL, "an object" },
    { "profiles.1234", "{}", NULL, "an ICCID" },
    { PROFILE, "{}", NULL, NULL },
    { PROFILE, "null", NULL, "an object" },
    { PROFILE ".apn", "\"iot.example\"", NULL, NULL },
    { PROFILE ".apn", "\"a\\\",\\\"b\"", NULL, "A-Z a-z 0-9" },
    { PROFILE ".cid", "0", NULL, "from 1 to 255" },
    { PROFILE ".pdp_type", "\"PPP\"", NULL, "one of" },
    { PROFILE ".auth", "\"pap\"", NULL, "username" },
    { PROFILE ".password_file", "\"/nonexistent\"", NULL, "No such file" },
    { PROFILE ".init", "[\"+X\"]", PROFILE ".init[0]", "an AT command" },
    { PROFILE ".Label", "\"x\"", NULL, "is \"label\" meant?" },
    { "steering.mode", "\"advise\"", NULL, NULL },
    { "steering.mode", "\"on\"", NULL, NULL },
    { "steering.order", "[\"" ICCID "\"]", NULL, NULL },
    { "steering.order", "[89882110000001234568]", "steering.order[0]", "expected text (an ICCID in quotes), not 8" },
    { "steering.order", "[\"x\",\"" ICCID "\",5]", "steering.order[2]", "an ICCID" },
    { "steering.rules.no-service", "{\"enabled\":false,\"for_s\":5}", NULL, NULL },
    { "steering.rules.no-service", "true", NULL, "an object" },
    { "steering.rules.no_service.for_s", "5", "steering.rules.no_service", "is \"no-service\" meant?" },
    { "steering.rules.weak-signal.rsrp_dbm", "-118.5", NULL, NULL },
    { "steering.rules.weak-signal.rsrp_dbm", "-120", NULL, NULL },
    { "steering.rules.weak-signal.rsrp_dbm", "5", NULL, "a number from -200 to 0" },
    { "steering.rules.weak-signal.rsrp_dbm", "-100", "steering.rules.weak-signal.clear_rsrp_dbm", "at least rsrp_dbm (-100)" },
    { "steering.rules.weak-signal.bad_samples", "6", NULL, "at most of_samples (5)" },
    { "steering.rules.poor-quality.loss_pct", "101", NULL, "from 1 to 100" },
    { "steering.rules.technology.min", "\"NR\"", NULL, NULL },
    { "steering.rules.technology.min", "\"6G\"", NULL, "one of GSM" },
    { "steering.rules.technology.min", "\"unknown\"", NULL, "one of GSM" },
    { "steering.rules.return.mode", "\"on-loss\"", NULL, NULL },
    { "steering.rules.return.at", "\"23:59\"", NULL, NULL },
    { "steering.rules.return.at", "\"24:00\"", NULL, "a time of day" },
    { "steering.rules.return.at", "\"3:00\"", NULL, "a time of day" },
    { "steering.backoff_min_s", "3601", NULL, "at most steering.backoff_max_s (3600)" },
    { "steering.soft_window", "\"22:00-05:30\"", NULL, NULL },
    { "steering.soft_window", "\"22:00-22:00\"", NULL, "a window" },
    { "steering.soft_window", "\"22:00-22:60\"", NULL, "a window" },
    { "steering.soft_window", "\"22:00\"", NULL, "a window" },
}; // clang-format on

static bool has_problem(const struct config_problems *problems, const char *path, const char *part)
{
    for (size_t i = 0; i < problems->count; i++)
        if (strcmp(problems->items[i].path, path) == 0 && strstr(problems->items[i].message, part))
            return true;
    return false;
}

static void each_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[512];
        struct config_problems problems;
        struct config *config;

        wrap(rows[i].path, rows[i].value, text, sizeof text);
        print_message("%s\n", text);
        config = load(text, strlen(text), NULL, &problems);
        assert_int_equal(config != NULL, rows[i].problem == NULL);
        if (rows[i].problem)
            assert_true(
                has_problem(&problems, rows[i].at ? rows[i].at : rows[i].path, rows[i].problem));
        for (size_t j = 0; j < problems.count; j++)
            assert_null(strstr(problems.items[j].message, "hunter2"));
        config_free(config);
        config_problems_done(&problems);
    }
}

/* Texts of several keys, and all that is wrong with them. */
static const struct {
    const char *what, *text;
    size_t count;
    const char *at[8];
} whole[] = {
    // clang-format off
    { "nothing said", "{}", 0, { NULL } },
    { "comments", "// x\n{ /* y */ \"log\": {} }", 0, { NULL } },
    { "all at once", "{\"x\":1,\"log\":{\"level\":3,\"y\":2},\"mqtt\":{\"keepalive_s\":0},\"steering\":{\"rules\":{\"denied\":{\"for_s\":0}}},\"api\":{\"public\":true}}",
      6, { "x", "log.level", "log.y", "mqtt.keepalive_s", "steering.rules.denied.for_s", "api.public" } },
    { "each item of an array", "{\"probe\":{\"targets\":[\"a\",\"192.0.2.1:1\",2]}}", 2, { "probe.targets[0]", "probe.targets[2]" } },
    { "a dotted name is no path", "{\"log.level\":\"debug\"}", 1, { "log.level" } },
    { "a dotted name inside", "{\"steering\":{\"rules.denied\":{}}}", 1, { "steering.rules.denied" } },
    { "a certificate without its key", "{\"mqtt\":{\"cert_file\":\"/dev/null\"}}", 1, { "mqtt.cert_file" } },
    { "a key without its certificate", "{\"mqtt\":{\"key_file\":\"/dev/null\"}}", 1, { "mqtt.key_file" } },
    { "both", "{\"mqtt\":{\"key_file\":\"/dev/null\",\"cert_file\":\"/dev/null\"}}", 0, { NULL } },
    { "public with tokens", "{\"api\":{\"public\":true,\"listen\":\"0.0.0.0:80\",\"token_file\":\"/dev/null\"}}", 0, { NULL } },
    { "insecure on purpose", "{\"mqtt\":{\"uri\":\"mqtt://broker.example\",\"insecure\":true}}", 0, { NULL } },
    { "more needed than there are", "{\"probe\":{\"targets\":[\"192.0.2.1:1\"],\"need\":2}}", 1, { "probe.need" } },
    { "no sockets at all", "{\"api\":{\"socket\":null,\"view_socket\":null}}", 0, { NULL } },
    { "one profile written in two ways", "{\"profiles\":{\"8988211000000123456\":{},\"8988211000000123456F\":{}}}", 1, { "profiles.8988211000000123456F" } },
}; // clang-format on

static void whole_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
        struct config_problems problems;
        struct config *config;

        print_message("%s\n", whole[i].what);
        config = load(whole[i].text, strlen(whole[i].text), NULL, &problems);
        assert_int_equal(problems.count, whole[i].count);
        for (size_t j = 0; j < whole[i].count; j++)
            assert_true(has_problem(&problems, whole[i].at[j], ""));
        config_free(config);
        config_problems_done(&problems);
    }
}

static void defaults(void **state)
{
    struct config_problems problems;
    struct config *c = load("{}", 2, NULL, &problems);
    char aid[AID_TEXT_MAX + 1];

    (void)state;
    assert_non_null(c);
    assert_int_equal(strlen(c->device_id), 16);
    assert_int_equal(strncmp(c->mqtt.client_id, "lpm-", 4), 0);
    assert_string_equal(c->mqtt.client_id + 4, c->device_id);
    assert_string_equal(c->state_dir, "/var/lib/lpm-agent");
    assert_int_equal(c->log.level, LOG_LEVEL_INFO);
    assert_int_equal(c->log.format, LOG_FORMAT_AUTO);
    assert_false(c->log.identities);
    assert_null(c->log.at_trace);
    assert_string_equal(c->modem.port, "auto");
    assert_int_equal(c->modem.baud, 115200);
    assert_int_equal(c->modem.transport, CONFIG_TRANSPORT_AUTO);
    assert_int_equal(c->modem.init.count, 0);
    assert_int_equal(c->modem.reset, CONFIG_RESET_CFUN);
    aid_to_text(&c->card.aid, aid);
    assert_string_equal(aid, "A000000815030040030902231003");
    assert_int_equal(c->card.interface, CONFIG_INTERFACE_AUTO);
    assert_string_equal(c->api.socket, "/run/lpm-agent/api.sock");
    assert_null(c->api.view_socket);
    assert_int_equal(c->api.socket_mode, 0660);
    assert_null(c->api.socket_group);
    assert_null(c->api.listen);
    assert_false(c->api.is_public);
    assert_int_equal(c->api.hosts.count, 0);
    assert_null(c->api.token_file);
    assert_null(c->mqtt.uri);
    assert_int_equal(c->mqtt.link, CONFIG_LINK_MODEM);
    assert_string_equal(c->mqtt.topic_prefix, "esim/v1");
    assert_null(c->mqtt.username);
    assert_null(c->mqtt.password_file);
    assert_null(c->mqtt.ca_file);
    assert_null(c->mqtt.cert_file);
    assert_null(c->mqtt.key_file);
    assert_null(c->mqtt.alpn);
    assert_false(c->mqtt.insecure);
    assert_int_equal(c->mqtt.keepalive_s, 300);
    assert_int_equal(c->mqtt.session_expiry_s, 3600);
    assert_int_equal(c->mqtt.will_delay_s, 300);
    assert_int_equal(c->mqtt.reconnect_min_s, 5);
    assert_int_equal(c->mqtt.reconnect_max_s, 300);
    assert_int_equal(c->mqtt.version, CONFIG_MQTT_AUTO);
    assert_int_equal(c->mqtt.outbox_max_kib, 2048);
    assert_int_equal(c->mqtt.commands, CONFIG_COMMANDS_ALL);
    assert_false(c->mqtt.force);
    assert_int_equal(c->telemetry.sample_s, 60);
    assert_int_equal(c->telemetry.publish_s, 1800);
    assert_null(c->telemetry.record);
    assert_int_equal(c->probe.target_count, 0);
    assert_int_equal(c->probe.need, 1);
    assert_int_equal(c->probe.interval_s, 60);
    assert_int_equal(c->probe.failing_interval_s, 10);
    assert_int_equal(c->probe.timeout_s, 5);
    assert_null(c->probe.interface);
    assert_int_equal(c->switching.verify, CONFIG_VERIFY_AUTO);
    assert_true(c->switching.rollback);
    assert_int_equal(c->switching.register_s, 300);
    assert_int_equal(c->switching.attach_s, 120);
    assert_int_equal(c->switching.verify_s, 300);
    assert_int_equal(c->switching.refresh_s, 15);
    assert_int_equal(c->switching.min_interval_s, 60);
    assert_int_equal(c->switching.max_per_hour, 4);
    assert_int_equal(c->switching.max_per_day, 24);
    assert_null(c->switching.before.exec);
    assert_null(c->switching.after.exec);
    assert_null(c->switching.rolled_back.exec);
    assert_int_equal(c->profile_count, 0);
    assert_int_equal(c->steering.mode, CONFIG_STEERING_OFF);
    assert_int_equal(c->steering.order_count, 0);
    assert_int_equal(c->steering.exclude_count, 0);
    assert_int_equal(c->steering.hard_dwell_s, 120);
    assert_int_equal(c->steering.min_dwell_s, 900);
    assert_int_equal(c->steering.backoff_min_s, 300);
    assert_int_equal(c->steering.backoff_max_s, 3600);
    assert_null(c->steering.soft_window);
    assert_int_equal(c->steering.imsi_grace_s, 600);
    config_free(c);
    config_problems_done(&problems);
}

static void default_rules(void **state)
{
    struct config_problems problems;
    struct config *c = load("{}", 2, NULL, &problems);

    (void)state;
    assert_non_null(c);
    assert_true(c->steering.no_sim.enabled && c->steering.no_sim.for_s == 60);
    assert_true(c->steering.no_service.enabled && c->steering.no_service.for_s == 180);
    assert_int_equal(c->steering.no_service.clear_s, 60);
    assert_true(c->steering.denied.enabled && c->steering.denied.for_s == 60);
    assert_true(c->steering.no_data.enabled && c->steering.no_data.for_s == 120);
    assert_true(c->steering.unreachable.enabled && c->steering.unreachable.for_s == 180);
    assert_int_equal(c->steering.unreachable.clear_count, 3);
    assert_true(c->steering.flapping.enabled && c->steering.flapping.losses == 5);
    assert_int_equal(c->steering.flapping.within_s, 1800);
    assert_int_equal(c->steering.flapping.clear_s, 900);
    assert_true(c->steering.weak_signal.enabled);
    assert_true(c->steering.weak_signal.rsrp_dbm == -118 && c->steering.weak_signal.rsrq_db == -18);
    assert_true(c->steering.weak_signal.sinr_db == -5 && c->steering.weak_signal.rssi_dbm == -107);
    assert_int_equal(c->steering.weak_signal.bad_samples, 4);
    assert_int_equal(c->steering.weak_signal.of_samples, 5);
    assert_true(c->steering.weak_signal.clear_rsrp_dbm == -112);
    assert_true(c->steering.weak_signal.clear_rsrq_db == -15);
    assert_true(c->steering.weak_signal.clear_sinr_db == 0);
    assert_true(c->steering.weak_signal.clear_rssi_dbm == -101);
    assert_true(c->steering.poor_quality.enabled && c->steering.poor_quality.loss_pct == 20);
    assert_int_equal(c->steering.poor_quality.rtt_ms, 1500);
    assert_int_equal(c->steering.poor_quality.for_s, 600);
    assert_false(c->steering.technology.enabled);
    assert_string_equal(c->steering.technology.min, "LTE");
    assert_int_equal(c->steering.technology.for_s, 600);
    assert_false(c->steering.roaming.enabled);
    assert_int_equal(c->steering.roaming.for_s, 120);
    assert_true(c->steering.back.enabled && c->steering.back.mode == CONFIG_RETURN_TIMER);
    assert_int_equal(c->steering.back.after_s, 3600);
    assert_string_equal(c->steering.back.at, "03:00");
    config_free(c);
    config_problems_done(&problems);
}

static void values_arrive(void **state)
{
    static const char text[] =
        "{\"device_id\":\"gw\",\"modem\":{\"reset\":{\"exec\":[\"/bin/reset\",\"now\"]},"
        "\"init\":[\"AT+A\",\"AT+B\"]},\"probe\":{\"targets\":[\"192.0.2.1:443\","
        "\"[2001:db8::1]:53\"]},\"switch\":{\"hooks\":{\"before\":{\"exec\":[\"/h\",\"x\"]}}},"
        "\"mqtt\":{\"commands\":[\"get-eid\",\"lock-switch\"],\"version\":\"3.1.1\"},"
        "\"profiles\":{\"" ICCID "\":{\"apn\":\"iot\",\"auth\":\"chap\",\"username\":\"u\"}},"
        "\"steering\":{\"order\":[\"" ICCID "\"]},\"api\":{\"socket_mode\":\"600\"}}";
    struct config_problems problems;
    struct config *c = load(text, strlen(text), NULL, &problems);
    struct iccid id, other;

    (void)state;
    assert_non_null(c);
    assert_string_equal(c->mqtt.client_id, "lpm-gw");
    assert_int_equal(c->modem.reset, CONFIG_RESET_EXEC);
    assert_string_equal(c->modem.reset_exec[1], "now");
    assert_null(c->modem.reset_exec[2]);
    assert_int_equal(c->modem.init.count, 2);
    assert_string_equal(c->modem.init.items[1], "AT+B");
    assert_int_equal(c->probe.target_count, 2);
    assert_string_equal(c->probe.targets[1].address, "2001:db8::1");
    assert_string_equal(c->probe.targets[1].text, "[2001:db8::1]:53");
    assert_int_equal(c->probe.targets[1].port, 53);
    assert_string_equal(c->switching.before.exec[0], "/h");
    assert_int_equal(c->switching.before.timeout_s, 10);
    assert_int_equal(c->mqtt.commands, CONFIG_COMMAND_GET_EID | CONFIG_COMMAND_LOCK_SWITCH);
    assert_int_equal(c->mqtt.version, CONFIG_MQTT_3_1_1);
    assert_int_equal(c->api.socket_mode, 0600);
    assert_ok(iccid_from_text(ICCID, strlen(ICCID), &id));
    assert_ok(iccid_from_text("8949001312170061988", 19, &other));
    assert_non_null(config_profile_find(c, &id));
    assert_string_equal(config_profile_find(c, &id)->apn, "iot");
    assert_string_equal(config_profile_find(c, &id)->pdp_type, "IPV4V6");
    assert_int_equal(config_profile_find(c, &id)->cid, 1);
    assert_int_equal(config_profile_find(c, &id)->auth, CONFIG_AUTH_CHAP);
    assert_null(config_profile_find(c, &other));
    assert_true(iccid_equal(&c->steering.order[0], &id));
    config_free(c);
    config_problems_done(&problems);
}

/* `at` NULL: accepted. */
static const struct {
    const char *variable, *at, *problem;
} variables[] = {
    // clang-format off
    { "LPM_AGENT__MQTT__KEEPALIVE_S=60", NULL, NULL },
    { "LPM_AGENT__mqtt__keepalive_s=60", NULL, NULL },
    { "LPM_AGENT__STATE_DIR=/x", NULL, NULL },
    { "LPM_AGENT__STATE_DIR=\"/x\"", NULL, NULL },
    { "LPM_AGENT__DEVICE_ID=123", NULL, NULL },
    { "LPM_AGENT__DEVICE_ID=null", NULL, NULL },
    { "LPM_AGENT__MQTT__VERSION=5", NULL, NULL },
    { "LPM_AGENT__MQTT__FORCE=true", NULL, NULL },
    { "LPM_AGENT__PROBE__TARGETS=[\"192.0.2.1:443\"]", NULL, NULL },
    { "LPM_AGENT__MODEM__RESET=none", NULL, NULL },
    { "LPM_AGENT__MODEM__RESET={\"command\":\"AT+X\"}", NULL, NULL },
    { "LPM_AGENT__STEERING__RULES__NO_SERVICE__FOR_S=5", NULL, NULL },
    { "LPM_AGENT__STEERING__RULES__WEAK_SIGNAL__RSRP_DBM=-119.5", NULL, NULL },
    { "LPM_AGENT__SWITCH__HOOKS__ROLLED_BACK__EXEC=[\"/bin/true\"]", NULL, NULL },
    { "LPM_AGENT__PROFILES__" ICCID "__APN=iot", NULL, NULL },
    { "LPM_AGENT__PROFILES__8988211000000123456F__LABEL=x", NULL, NULL },
    { "LPM_AGENT_OTHER=1", NULL, NULL },
    { "PATH=/bin", NULL, NULL },
    { "LPM_AGENT__MQTT__KEEPALIVE_S=0", "mqtt.keepalive_s", "not 0 (from LPM_AGENT__MQTT__KEEPALIVE_S)" },
    { "LPM_AGENT__MQTT__KEEPALIVE_S=", "mqtt.keepalive_s", "not \"\"" },
    { "LPM_AGENT__MQTT__KEEPALIVE_S=1h", "mqtt.keepalive_s", "not \"1h\"" },
    { "LPM_AGENT__MQTT__FORCE=yes", "mqtt.force", "true or false" },
    { "LPM_AGENT__MQTT__URI=mqtts://u:hunter2@h", "mqtt.uri", "keys of their own" },
    { "LPM_AGENT__MQTT__KEEPALIVE=1", "LPM_AGENT__MQTT__KEEPALIVE", "no key" },
    { "LPM_AGENT__MQTT_KEEPALIVE_S=1", "LPM_AGENT__MQTT_KEEPALIVE_S", "no key" },
    { "LPM_AGENT__MQTT={}", "LPM_AGENT__MQTT", "no key" },
    { "LPM_AGENT__=1", "LPM_AGENT__", "no key" },
    { "LPM_AGENT__PROFILES__1__APN=iot", "LPM_AGENT__PROFILES__1__APN", "no key" },
    { "LPM_AGENT__PROFILES__" ICCID "=1", "LPM_AGENT__PROFILES__" ICCID, "no key" },
    { "LPM_AGENT__PROFILES__" ICCID "__X=1", "LPM_AGENT__PROFILES__" ICCID "__X", "no key" },
    { "LPM_AGENT__PROBE__TARGETS=[\"x\"]", "probe.targets[0]", "(from LPM_AGENT__PROBE__TARGETS)" },
}; // clang-format on

static void each_variable(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
        char variable[256];
        char *environment[] = { variable, NULL };
        struct config_problems problems;
        struct config *config;

        print_message("%s\n", variables[i].variable);
        (void)snprintf(variable, sizeof variable, "%s", variables[i].variable);
        config = load("{}", 2, environment, &problems);
        assert_int_equal(config != NULL, variables[i].at == NULL);
        if (variables[i].at)
            assert_true(has_problem(&problems, variables[i].at, variables[i].problem));
        for (size_t j = 0; j < problems.count; j++)
            assert_null(strstr(problems.items[j].message, "hunter2"));
        config_free(config);
        config_problems_done(&problems);
    }
}

static void variables_win(void **state)
{
    static const char text[] = "{\"mqtt\":{\"keepalive_s\":0,\"force\":true},"
                               "\"profiles\":{\"8988211000000123456F\":{\"apn\":\"a\"}}}";
    char first[] = "LPM_AGENT__MQTT__KEEPALIVE_S=60";
    char second[] = "LPM_AGENT__PROFILES__8988211000000123456__LABEL=home";
    char third[] = "LPM_AGENT__DEVICE_ID=007";
    char *environment[] = { first, second, third, NULL };
    struct config_problems problems;
    struct config *c = load(text, strlen(text), environment, &problems);

    (void)state;
    assert_non_null(c);
    assert_int_equal(c->mqtt.keepalive_s, 60);
    assert_true(c->mqtt.force);
    assert_string_equal(c->device_id, "007");
    assert_int_equal(c->profile_count, 1);
    assert_string_equal(c->profiles[0].apn, "a");
    assert_string_equal(c->profiles[0].label, "home");
    config_free(c);
    config_problems_done(&problems);
}

/* Bytes that nobody meant to be a configuration: a problem each, and no more than that. */
static const struct {
    const char *what, *bytes;
    size_t len;
    const char *problem;
} hostile[] = {
    // clang-format off
    { "nothing", "", 0, "too early" },
    { "a NUL", "{\0}", 3, "a name in quotes" },
    { "a NUL in a string", "{\"a\0\":1}", 8, "control character" },
    { "an array", "[]", 2, "an object" },
    { "null", "null", 4, "an object" },
    { "nested deeply", "{\"a\":[[[[[[[[[[1]]]]]]]]]]}", 26, "too deeply" },
    { "a name twice", "{\"log\":{},\"log\":{}}", 19, "twice" },
    { "cut off", "{\"log\":{", 8, "too early" },
    { "an open comment", "{} /*", 5, "comment" },
    { "a byte order mark", "\xEF\xBB\xBF{}", 5, "a value expected" },
    { "another encoding", "\xFF\xFE{\0}\0", 6, "a value expected" },
    { "a name that steers a terminal", "{\"\\u001b[31m\":1}", 16, "unknown key" },
}; // clang-format on

static void hostile_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
        struct config_problems problems;

        print_message("%s\n", hostile[i].what);
        assert_null(load(hostile[i].bytes, hostile[i].len, NULL, &problems));
        assert_int_equal(problems.count, 1);
        assert_non_null(strstr(problems.items[0].message, hostile[i].problem));
        assert_null(strchr(problems.items[0].path, '\x1b'));
        config_problems_done(&problems);
    }
}

static void huge_files(void **state)
{
    enum { MIB = 1024 * 1024 };
    char *text = malloc(MIB + 1);
    struct config_problems problems;
    struct config *config;

    (void)state;
    assert_non_null(text);
    memset(text, ' ', MIB + 1);
    memcpy(text, "{}", 2);
    config = load(text, MIB, NULL, &problems);
    assert_non_null(config);
    config_free(config);
    config_problems_done(&problems);
    assert_null(load(text, MIB + 1, NULL, &problems));
    assert_non_null(strstr(problems.items[0].message, "1 MiB"));
    config_problems_done(&problems);

    /* Far more problems than anyone reads. */
    size_t len = (size_t)sprintf(text, "{");
    for (int i = 0; i < 20000; i++)
        len += (size_t)sprintf(text + len, "%s\"k%d\":1", i ? "," : "", i);
    len += (size_t)sprintf(text + len, "}");
    assert_null(load(text, len, NULL, &problems));
    assert_int_equal(problems.count, 100);
    assert_non_null(strstr(problems.items[99].message, "more"));
    config_problems_done(&problems);
    free(text);
}

static void files_that_are_not_there(void **state)
{
    struct config_problems problems;
    struct config *config = NULL;

    (void)state;
    assert_false(config_load("/nonexistent/config.json", NULL, &config, &problems));
    assert_int_equal(problems.count, 1);
    assert_string_equal(problems.items[0].path, "");
    assert_non_null(strstr(problems.items[0].message, "No such file"));
    config_problems_done(&problems);
    assert_false(config_load(folder, NULL, &config, &problems));
    assert_int_equal(problems.count, 1);
    config_problems_done(&problems);
    assert_null(config);
    config_free(NULL);
}

static void files_that_nobody_may_read(void **state)
{
    char text[256];
    struct config_problems problems;
    struct config *config;

    (void)state;
    (void)snprintf(text, sizeof text, "{\"mqtt\":{\"password_file\":\"%s\"}}", readable_path);
    config = load(text, strlen(text), NULL, &problems);
    assert_non_null(config);
    config_free(config);
    config_problems_done(&problems);
    if (geteuid() == 0)
        return; /* root may read everything */
    assert_int_equal(chmod(readable_path, 0), 0);
    config = load(text, strlen(text), NULL, &problems);
    assert_int_equal(chmod(readable_path, 0600), 0);
    assert_null(config);
    assert_true(has_problem(&problems, "mqtt.password_file", "denied"));
    config_problems_done(&problems);
}

static const struct {
    const char *what, *bytes;
    bool ok;
} machine_ids[] = {
    // clang-format off
    { "with a line's end", "0123456789abcdef0123456789abcdef\n", true },
    { "without", "0123456789abcdef0123456789abcdef", true },
    { "before the first boot", "uninitialized\n", false },
    { "empty", "", false },
    { "too short", "0123456789abcdef0123456789abcde\n", false },
    { "too long", "0123456789abcdef0123456789abcdef0\n", false },
    { "no hex", "0123456789abcdef0123456789abcdeg\n", false },
}; // clang-format on

static void identity(void **state)
{
    char path[80], id[CONFIG_IDENTITY_LEN + 1], before[CONFIG_IDENTITY_LEN + 1] = "";
    struct config_problems problems;
    struct config *config = NULL;

    (void)state;
    (void)snprintf(path, sizeof path, "%s/id", folder);
    for (size_t i = 0; i < ARRAY_LEN(machine_ids); i++) {
        print_message("%s\n", machine_ids[i].what);
        write_file(path, machine_ids[i].bytes, strlen(machine_ids[i].bytes));
        assert_code(config_identity(path, id), machine_ids[i].ok ? ERROR_NONE : ERROR_NOT_FOUND);
        if (!machine_ids[i].ok)
            continue;
        assert_int_equal(strlen(id), CONFIG_IDENTITY_LEN);
        assert_null(strstr(machine_ids[i].bytes, id));
        if (before[0])
            assert_string_equal(id, before);
        memcpy(before, id, sizeof id);
    }
    /* printf '%s' 'lpm-agent device_id 0123456789abcdef0123456789abcdef' | sha256sum */
    assert_string_equal(before, "124514e79c0d2fa8");
    write_file(config_path, "{}", 2);
    assert_false(config_load_on(config_path, NULL, path, &config, &problems));
    assert_true(has_problem(&problems, "device_id", "no machine-id"));
    config_problems_done(&problems);
    (void)unlink(path);
}

/* What is printed is a configuration, and says the same. */
static void text_there_and_back(void **state)
{
    static const char *const texts[] = {
        "{}",
        "{\"device_id\":\"gw\",\"modem\":{\"reset\":{\"exec\":[\"/bin/reset\",\"now\"]},\"init\":["
        "\"AT+A\"]},\"probe\":{\"targets\":[\"[2001:db8::1]:53\"]},\"switch\":{\"hooks\":{\"after\""
        ":{\"exec\":[\"/h\"]}}},\"mqtt\":{\"uri\":\"mqtts://h\",\"commands\":[\"get-eid\"]},"
        "\"profiles\":{\"" ICCID "\":{\"apn\":\"iot\",\"auth\":\"pap\",\"username\":\"u\"}},"
        "\"steering\":{\"mode\":\"on\",\"order\":[\"" ICCID "\"],\"soft_window\":\"02:00-05:00\"}}",
        "{\"modem\":{\"reset\":{\"command\":\"AT+X\"}}}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct config_problems problems;
        struct config *config = load(texts[i], strlen(texts[i]), NULL, &problems);
        char *first, *second;

        assert_non_null(config);
        first = config_to_text(config);
        assert_non_null(first);
        config_free(config);
        config_problems_done(&problems);
        config = load(first, strlen(first), NULL, &problems);
        assert_non_null(config);
        second = config_to_text(config);
        assert_string_equal(second, first);
        free(first);
        free(second);
        config_free(config);
        config_problems_done(&problems);
    }
}

static void text_hides_secrets(void **state)
{
    static const char text[] =
        "{\"modem\":{\"init\":[\"AT+CPIN=\\\"4711\\\"\",\"at+cgauth=1,2,\\\"u\\\","
        "\\\"hunter2\\\"\","
        "\"AT#PDPAUTH=1,2,\\\"u\\\",\\\"hunter2\\\"\",\"AT+WPPP=2,1,hunter2\","
        "\"AT+CGDCONT=1,IP;+CGAUTH=1,1,hunter2\",\"AT+CLCK=?\","
        "\"AT+QCFG=\\\"band\\\"\"],\"reset\":{\"command\":\"AT+CPWD=9999\"}},"
        "\"profiles\":{\"" ICCID "\":{\"init\":[\"AT+CMEE=1;+CPIN=4711\"]}}}";
    struct config_problems problems;
    struct config *config = load(text, strlen(text), NULL, &problems);
    char *shown;

    (void)state;
    assert_non_null(config);
    shown = config_to_text(config);
    assert_non_null(shown);
    assert_null(strstr(shown, "4711"));
    assert_null(strstr(shown, "hunter2"));
    assert_null(strstr(shown, "9999"));
    assert_non_null(strstr(shown, "AT+CPIN=***"));
    assert_non_null(strstr(shown, "AT+CGDCONT=1,IP;+CGAUTH=***"));
    assert_non_null(strstr(shown, "AT+CLCK=?"));
    assert_non_null(strstr(shown, "AT+QCFG=\\\"band\\\""));
    free(shown);
    config_free(config);
    config_problems_done(&problems);
}

static void commands_have_names(void **state)
{
    (void)state;
    for (unsigned bit = 1; bit & CONFIG_COMMANDS_ALL; bit <<= 1)
        assert_int_equal(config_command_from_name(config_command_name((enum config_command)bit)),
                         bit);
    assert_int_equal(config_command_from_name("reboot"), 0);
    assert_int_equal(config_command_from_name(""), 0);
}

static char *read_source(const char *path, size_t *ret_len)
{
    FILE *f = fopen(path, "rb");
    char *text = malloc(1024 * 1024);

    assert_non_null(f);
    assert_non_null(text);
    *ret_len = fread(text, 1, 1024 * 1024 - 1, f);
    text[*ret_len] = '\0';
    (void)fclose(f);
    return text;
}

/* The example loads, and has every key. */
static void the_example(void **state)
{
    const char *path = SOURCE_DIR "/config/example.json";
    struct config_problems problems;
    struct config *config = NULL;
    cJSON *root = NULL;
    size_t len, count;
    const struct config_key *keys = config_keys(&count);
    char *text = read_source(path, &len);

    (void)state;
    assert_true(config_load_on(path, NULL, machine_id_path, &config, &problems));
    assert_int_equal(config->steering.mode, CONFIG_STEERING_ON);
    assert_int_equal(config->profile_count, 1);
    config_free(config);
    config_problems_done(&problems);
    assert_ok(json_parse_commented(text, len, &root));
    for (size_t i = 0; i < count; i++) {
        print_message("%s\n", keys[i].path);
        assert_non_null(config_find(root, keys[i].path));
    }
    keys = config_profile_keys(&count);
    for (size_t i = 0; i < count; i++)
        assert_non_null(config_find(config_find(root, "profiles")->child, keys[i].path));
    cJSON_Delete(root);
    free(text);
}

static const cJSON *schema_of(const cJSON *section, const char *path)
{
    char inside[200] = "";
    size_t used = 0;

    for (; *path; path += strcspn(path, ".") + (path[strcspn(path, ".")] == '.'))
        used += (size_t)snprintf(inside + used, sizeof inside - used, "%sproperties.%.*s",
                                 used ? "." : "", (int)strcspn(path, "."), path);
    return config_find(section, inside);
}

static bool schema_takes_null(const cJSON *row)
{
    const cJSON *type;

    cJSON_ArrayForEach (type, cJSON_GetObjectItem(row, "type"))
        if (strcmp(type->valuestring, "null") == 0)
            return true;
    return false;
}

static void check_schema_row(const cJSON *section, const struct config_key *key)
{
    const cJSON *row = schema_of(section, key->path);
    cJSON *preset = cJSON_Parse(key->preset);
    const cJSON *item;
    size_t i = 0;

    print_message("%s\n", key->path);
    assert_non_null(row);
    assert_non_null(cJSON_GetObjectItem(row, "description"));
    assert_true(cJSON_Compare(cJSON_GetObjectItem(row, "default"), preset, true));
    assert_int_equal(schema_takes_null(row), config_key_is_nullable(key));
    if (key->kind == &config_kind_int || key->kind == &config_kind_number) {
        assert_true(cJSON_GetObjectItem(row, "minimum")->valuedouble == key->min);
        assert_true(cJSON_GetObjectItem(row, "maximum")->valuedouble == key->max);
    }
    if (key->choices) {
        cJSON_ArrayForEach (item, cJSON_GetObjectItem(row, "enum"))
            assert_string_equal(item->valuestring, key->choices[i++]);
        assert_null(key->choices[i]);
    }
    cJSON_Delete(preset);
}

/* How many keys a section of the schema has; no section may be left open. */
static size_t count_schema(const cJSON *section)
{
    const cJSON *properties = cJSON_GetObjectItem(section, "properties");
    const cJSON *item;
    size_t count = 0;

    if (!properties)
        return 1;
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(section, "additionalProperties")));
    cJSON_ArrayForEach (item, properties)
        count += count_schema(item);
    return count;
}

/* The schema has the table's keys with their defaults and ranges, and no others. */
static void the_schema(void **state)
{
    size_t len, count, profile_count;
    const struct config_key *keys = config_keys(&count);
    const struct config_key *profile_keys = config_profile_keys(&profile_count);
    char *text = read_source(SOURCE_DIR "/config/schema.json", &len);
    cJSON *schema = cJSON_Parse(text);
    const cJSON *profile;

    (void)state;
    assert_non_null(schema);
    profile = config_find(schema, "properties.profiles.patternProperties");
    assert_non_null(profile);
    profile = profile->child;
    for (size_t i = 0; i < count; i++)
        check_schema_row(schema, &keys[i]);
    for (size_t i = 0; i < profile_count; i++)
        check_schema_row(profile, &profile_keys[i]);
    assert_int_equal(count_schema(schema), count + 1); /* profiles */
    assert_int_equal(count_schema(profile), profile_count);
    cJSON_Delete(schema);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_value),
        cmocka_unit_test(whole_files),
        cmocka_unit_test(defaults),
        cmocka_unit_test(default_rules),
        cmocka_unit_test(values_arrive),
        cmocka_unit_test(each_variable),
        cmocka_unit_test(variables_win),
        cmocka_unit_test(hostile_files),
        cmocka_unit_test(huge_files),
        cmocka_unit_test(files_that_are_not_there),
        cmocka_unit_test(files_that_nobody_may_read),
        cmocka_unit_test(identity),
        cmocka_unit_test(text_there_and_back),
        cmocka_unit_test(text_hides_secrets),
        cmocka_unit_test(commands_have_names),
        cmocka_unit_test(the_example),
        cmocka_unit_test(the_schema),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
