#include "config/config_keys.h"

#include <string.h>

#include "config/config_form.h"

static const char *const levels[] = { "err", "warning", "info", "debug", NULL };
static const char *const formats[] = { "auto", "text", "json", "journal", NULL };
static const char *const transports[] = { "auto", "csim", "cgla", NULL };
static const char *const interfaces[] = { "auto", "lpm", "es10c", NULL };
static const char *const links[] = { "modem", "other", NULL };
static const char *const versions[] = { "auto", "5", "3.1.1", NULL };
static const char *const proofs[] = {
    "auto", "registered", "attached", "reachable", "broker", NULL
};
static const char *const auths[] = { "none", "pap", "chap", NULL };
static const char *const modes[] = { "off", "advise", "on", NULL };
static const char *const returns[] = { "timer", "at", "on-loss", "never", NULL };

const char *config_verify_name(enum config_verify verify)
{
    return proofs[verify];
}

/* Ranges. */
#define SECONDS .min = 1, .max = 604800
#define SECONDS_OR_0 .min = 0, .max = 604800
#define COUNT .min = 1, .max = 100000
#define DBM .min = -200, .max = 0
#define DB .min = -60, .max = 60

/* Forms of texts. */
#define FORM(valid, text) .is_valid = (valid), .expected = (text)
#define PATH FORM(config_is_path, "a path")
#define FILE_PATH PATH, .is_file = true
#define SOCKET FORM(config_is_socket_path, "a path of at most 107 bytes")
#define AT_COMMAND FORM(config_is_at_command, "an AT command (\"AT+…\")")
#define TEXT FORM(config_is_text, "1 to 255 bytes of text")

#define KEY(name, type, member, value, ...)                                                        \
    {                                                                                              \
        .path = (name), .kind = &config_kind_##type, .offset = offsetof(struct config, member),    \
        .preset = (value), __VA_ARGS__                                                             \
    }
#define COUNTED(member) .count_offset = offsetof(struct config, member)

#define ALL_COMMANDS                                                                               \
    "[\"get-eid\",\"list-profiles\",\"enable-profile\",\"get-connectivity\",\"plan-profile\","     \
    "\"get-steering\",\"lock-switch\",\"unlock-switch\"]"

// clang-format off
static const struct config_key keys[] = {
    KEY("device_id", text, device_id, "null", FORM(config_is_device_id, "1 to 64 of A-Z a-z 0-9 . _ -")),
    KEY("state_dir", text, state_dir, "\"/var/lib/lpm-agent\"", PATH),

    KEY("log.level", choice, log.level, "\"info\"", .choices = levels),
    KEY("log.format", choice, log.format, "\"auto\"", .choices = formats),
    KEY("log.identities", bool, log.identities, "false"),
    KEY("log.at_trace", text, log.at_trace, "null", PATH),

    KEY("modem.port", text, modem.port, "\"auto\"", FORM(config_is_port, "\"auto\" or an absolute path")),
    KEY("modem.baud", int, modem.baud, "115200", .min = 300, .max = 4000000),
    KEY("modem.transport", choice, modem.transport, "\"auto\"", .choices = transports),
    KEY("modem.init", texts, modem.init, "[]", AT_COMMAND),
    KEY("modem.reset", reset, modem.reset, "\"cfun\"", AT_COMMAND),

    KEY("card.aid", aid, card.aid, "\"A000000815030040030902231003\""),
    KEY("card.interface", choice, card.interface, "\"auto\"", .choices = interfaces),

    KEY("api.socket", text, api.socket, "\"/run/lpm-agent/api.sock\"", SOCKET, .takes_null = true),
    KEY("api.view_socket", text, api.view_socket, "null", SOCKET),
    KEY("api.socket_mode", mode, api.socket_mode, "\"0660\""),
    KEY("api.socket_group", text, api.socket_group, "null", FORM(config_is_group, "a group's name")),
    KEY("api.listen", text, api.listen, "null", FORM(config_is_address, "an IP address and a port (\"127.0.0.1:8480\", \"[::1]:8480\")")),
    KEY("api.public", bool, api.is_public, "false"),
    KEY("api.hosts", texts, api.hosts, "[]", FORM(config_is_host, "a host name")),
    KEY("api.token_file", text, api.token_file, "null", FILE_PATH),

    KEY("mqtt.uri", text, mqtt.uri, "null", FORM(config_is_uri, "mqtts://host:port or mqtt://host:port; user and password have keys of their own"), .is_hidden = true),
    KEY("mqtt.link", choice, mqtt.link, "\"modem\"", .choices = links),
    KEY("mqtt.topic_prefix", text, mqtt.topic_prefix, "\"esim/v1\"", FORM(config_is_topic_prefix, "a topic of 1 to 128 bytes, no wildcards, no slash at its ends")),
    KEY("mqtt.client_id", text, mqtt.client_id, "null", FORM(config_is_short_text, "1 to 128 bytes of text")),
    KEY("mqtt.username", text, mqtt.username, "null", TEXT),
    KEY("mqtt.password_file", text, mqtt.password_file, "null", FILE_PATH),
    KEY("mqtt.ca_file", text, mqtt.ca_file, "null", FILE_PATH),
    KEY("mqtt.cert_file", text, mqtt.cert_file, "null", FILE_PATH),
    KEY("mqtt.key_file", text, mqtt.key_file, "null", FILE_PATH),
    KEY("mqtt.alpn", text, mqtt.alpn, "null", TEXT),
    KEY("mqtt.insecure", bool, mqtt.insecure, "false"),
    KEY("mqtt.keepalive_s", int, mqtt.keepalive_s, "300", SECONDS),
    KEY("mqtt.session_expiry_s", int, mqtt.session_expiry_s, "3600", SECONDS),
    KEY("mqtt.will_delay_s", int, mqtt.will_delay_s, "300", SECONDS_OR_0),
    KEY("mqtt.reconnect_min_s", int, mqtt.reconnect_min_s, "5", SECONDS),
    KEY("mqtt.reconnect_max_s", int, mqtt.reconnect_max_s, "300", SECONDS),
    KEY("mqtt.version", choice, mqtt.version, "\"auto\"", .choices = versions),
    KEY("mqtt.outbox_max_kib", int, mqtt.outbox_max_kib, "2048", COUNT),
    KEY("mqtt.commands", commands, mqtt.commands, ALL_COMMANDS),
    KEY("mqtt.force", bool, mqtt.force, "false"),

    KEY("telemetry.sample_s", int, telemetry.sample_s, "60", SECONDS),
    KEY("telemetry.publish_s", int, telemetry.publish_s, "1800", SECONDS),
    KEY("telemetry.record", text, telemetry.record, "null", PATH),

    KEY("probe.targets", targets, probe.targets, "[]", COUNTED(probe.target_count), FORM(config_is_address, "an IP address and a port (\"192.0.2.1:443\"), no name")),
    KEY("probe.need", int, probe.need, "1", COUNT),
    KEY("probe.interval_s", int, probe.interval_s, "60", SECONDS),
    KEY("probe.failing_interval_s", int, probe.failing_interval_s, "10", SECONDS),
    KEY("probe.timeout_s", int, probe.timeout_s, "5", SECONDS),
    KEY("probe.interface", text, probe.interface, "null", FORM(config_is_interface, "a network interface's name")),

    KEY("switch.verify", choice, switching.verify, "\"auto\"", .choices = proofs),
    KEY("switch.rollback", bool, switching.rollback, "true"),
    KEY("switch.register_s", int, switching.register_s, "300", SECONDS),
    KEY("switch.attach_s", int, switching.attach_s, "120", SECONDS),
    KEY("switch.verify_s", int, switching.verify_s, "300", SECONDS),
    KEY("switch.refresh_s", int, switching.refresh_s, "15", SECONDS),
    KEY("switch.min_interval_s", int, switching.min_interval_s, "60", SECONDS_OR_0),
    KEY("switch.max_per_hour", int, switching.max_per_hour, "4", COUNT),
    KEY("switch.max_per_day", int, switching.max_per_day, "24", COUNT),
    KEY("switch.hooks.before.exec", argv, switching.before.exec, "null"),
    KEY("switch.hooks.before.timeout_s", int, switching.before.timeout_s, "10", SECONDS),
    KEY("switch.hooks.after.exec", argv, switching.after.exec, "null"),
    KEY("switch.hooks.after.timeout_s", int, switching.after.timeout_s, "10", SECONDS),
    KEY("switch.hooks.rolled_back.exec", argv, switching.rolled_back.exec, "null"),
    KEY("switch.hooks.rolled_back.timeout_s", int, switching.rolled_back.timeout_s, "10", SECONDS),

    KEY("steering.mode", choice, steering.mode, "\"off\"", .choices = modes),
    KEY("steering.order", iccids, steering.order, "[]", COUNTED(steering.order_count)),
    KEY("steering.exclude", iccids, steering.exclude, "[]", COUNTED(steering.exclude_count)),
    KEY("steering.rules.no-sim.enabled", bool, steering.no_sim.enabled, "true"),
    KEY("steering.rules.no-sim.for_s", int, steering.no_sim.for_s, "60", SECONDS),
    KEY("steering.rules.no-service.enabled", bool, steering.no_service.enabled, "true"),
    KEY("steering.rules.no-service.for_s", int, steering.no_service.for_s, "180", SECONDS),
    KEY("steering.rules.no-service.clear_s", int, steering.no_service.clear_s, "60", SECONDS),
    KEY("steering.rules.denied.enabled", bool, steering.denied.enabled, "true"),
    KEY("steering.rules.denied.for_s", int, steering.denied.for_s, "60", SECONDS),
    KEY("steering.rules.no-data.enabled", bool, steering.no_data.enabled, "true"),
    KEY("steering.rules.no-data.for_s", int, steering.no_data.for_s, "120", SECONDS),
    KEY("steering.rules.unreachable.enabled", bool, steering.unreachable.enabled, "true"),
    KEY("steering.rules.unreachable.for_s", int, steering.unreachable.for_s, "180", SECONDS),
    KEY("steering.rules.unreachable.clear_count", int, steering.unreachable.clear_count, "3", COUNT),
    KEY("steering.rules.flapping.enabled", bool, steering.flapping.enabled, "true"),
    KEY("steering.rules.flapping.losses", int, steering.flapping.losses, "5", COUNT),
    KEY("steering.rules.flapping.within_s", int, steering.flapping.within_s, "1800", SECONDS),
    KEY("steering.rules.flapping.clear_s", int, steering.flapping.clear_s, "900", SECONDS),
    KEY("steering.rules.weak-signal.enabled", bool, steering.weak_signal.enabled, "true"),
    KEY("steering.rules.weak-signal.rsrp_dbm", number, steering.weak_signal.rsrp_dbm, "-118", DBM),
    KEY("steering.rules.weak-signal.rsrq_db", number, steering.weak_signal.rsrq_db, "-18", DB),
    KEY("steering.rules.weak-signal.sinr_db", number, steering.weak_signal.sinr_db, "-5", DB),
    KEY("steering.rules.weak-signal.rssi_dbm", number, steering.weak_signal.rssi_dbm, "-107", DBM),
    KEY("steering.rules.weak-signal.bad_samples", int, steering.weak_signal.bad_samples, "4", COUNT),
    KEY("steering.rules.weak-signal.of_samples", int, steering.weak_signal.of_samples, "5", COUNT),
    KEY("steering.rules.weak-signal.clear_rsrp_dbm", number, steering.weak_signal.clear_rsrp_dbm, "-112", DBM),
    KEY("steering.rules.weak-signal.clear_rsrq_db", number, steering.weak_signal.clear_rsrq_db, "-15", DB),
    KEY("steering.rules.weak-signal.clear_sinr_db", number, steering.weak_signal.clear_sinr_db, "0", DB),
    KEY("steering.rules.weak-signal.clear_rssi_dbm", number, steering.weak_signal.clear_rssi_dbm, "-101", DBM),
    KEY("steering.rules.poor-quality.enabled", bool, steering.poor_quality.enabled, "true"),
    KEY("steering.rules.poor-quality.loss_pct", number, steering.poor_quality.loss_pct, "20", .min = 1, .max = 100),
    KEY("steering.rules.poor-quality.rtt_ms", int, steering.poor_quality.rtt_ms, "1500", COUNT),
    KEY("steering.rules.poor-quality.for_s", int, steering.poor_quality.for_s, "600", SECONDS),
    KEY("steering.rules.technology.enabled", bool, steering.technology.enabled, "false"),
    KEY("steering.rules.technology.min", text, steering.technology.min, "\"LTE\"", FORM(config_is_technology, "one of GSM, EC-GSM, 3G, NB-IoT, LTE-M, LTE, LTE-NR, NR")),
    KEY("steering.rules.technology.for_s", int, steering.technology.for_s, "600", SECONDS),
    KEY("steering.rules.roaming.enabled", bool, steering.roaming.enabled, "false"),
    KEY("steering.rules.roaming.for_s", int, steering.roaming.for_s, "120", SECONDS),
    KEY("steering.rules.return.enabled", bool, steering.back.enabled, "true"),
    KEY("steering.rules.return.mode", choice, steering.back.mode, "\"timer\"", .choices = returns),
    KEY("steering.rules.return.after_s", int, steering.back.after_s, "3600", SECONDS),
    KEY("steering.rules.return.at", text, steering.back.at, "\"03:00\"", FORM(config_is_time, "a time of day (\"03:00\")")),
    KEY("steering.hard_dwell_s", int, steering.hard_dwell_s, "120", SECONDS),
    KEY("steering.min_dwell_s", int, steering.min_dwell_s, "900", SECONDS),
    KEY("steering.backoff_min_s", int, steering.backoff_min_s, "300", SECONDS),
    KEY("steering.backoff_max_s", int, steering.backoff_max_s, "3600", SECONDS),
    KEY("steering.soft_window", text, steering.soft_window, "null", FORM(config_is_window, "a window (\"02:00-05:00\")")),
    KEY("steering.imsi_grace_s", int, steering.imsi_grace_s, "600", SECONDS),
};

#undef KEY
#define KEY(name, type, member, value, ...)                                                        \
    {                                                                                              \
        .path = (name), .kind = &config_kind_##type,                                               \
        .offset = offsetof(struct config_profile, member), .preset = (value), __VA_ARGS__          \
    }

static const struct config_key profile_keys[] = {
    KEY("label", text, label, "null", FORM(config_is_short_text, "1 to 128 bytes of text")),
    KEY("apn", text, apn, "null", FORM(config_is_apn, "1 to 100 of A-Z a-z 0-9 . _ -")),
    KEY("pdp_type", text, pdp_type, "\"IPV4V6\"", FORM(config_is_pdp_type, "one of IP, IPV6, IPV4V6")),
    KEY("cid", int, cid, "1", .min = 1, .max = 255),
    KEY("auth", choice, auth, "\"none\"", .choices = auths),
    KEY("username", text, username, "null", FORM(config_is_at_text, "1 to 127 of printable ASCII, no quotes, no backslash")),
    KEY("password_file", text, password_file, "null", FILE_PATH),
    KEY("init", texts, init, "[]", AT_COMMAND),
};
// clang-format on

const struct config_key *config_keys(size_t *ret_count)
{
    *ret_count = ARRAY_LEN(keys);
    return keys;
}

const struct config_key *config_profile_keys(size_t *ret_count)
{
    *ret_count = ARRAY_LEN(profile_keys);
    return profile_keys;
}

bool config_key_is_nullable(const struct config_key *key)
{
    return key->takes_null || strcmp(key->preset, "null") == 0;
}

const cJSON *config_find(const cJSON *root, const char *path)
{
    char name[64];

    while (root && *path) {
        size_t n = strcspn(path, ".");

        if (n >= sizeof name)
            return NULL;
        memcpy(name, path, n);
        name[n] = '\0';
        root = cJSON_IsObject(root) ? cJSON_GetObjectItemCaseSensitive(root, name) : NULL;
        path += n + (path[n] == '.');
    }
    return root;
}
