#include "config/config_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config_form.h"
#include "config/config_keys.h"
#include "config/config_problems.h"

enum { PATH_TEXT_MAX = 160 };

static void check_api(const struct config *config, struct config_problems *problems)
{
    char host[CONFIG_HOST_MAX + 1];
    int port;

    if (config->api.view_socket && config->api.socket &&
        strcmp(config->api.view_socket, config->api.socket) == 0)
        config_problems_add(problems, "api.view_socket", "expected another path than api.socket");
    if (config->api.is_public && !config->api.token_file)
        config_problems_add(problems, "api.public", "expected api.token_file along with it");
    if (!config->api.is_public && config->api.listen &&
        config_split_address(config->api.listen, host, &port) && !config_is_loopback(host))
        config_problems_add(problems, "api.listen",
                            "expected a loopback address unless api.public is true");
}

static void check_mqtt(const struct config *config, struct config_problems *problems)
{
    char host[CONFIG_HOST_MAX + 1];

    if (config->mqtt.reconnect_min_s > config->mqtt.reconnect_max_s)
        config_problems_add(problems, "mqtt.reconnect_min_s",
                            "expected at most mqtt.reconnect_max_s (%d)",
                            config->mqtt.reconnect_max_s);
    if (config->mqtt.cert_file && !config->mqtt.key_file)
        config_problems_add(problems, "mqtt.cert_file", "expected mqtt.key_file along with it");
    if (config->mqtt.key_file && !config->mqtt.cert_file)
        config_problems_add(problems, "mqtt.key_file", "expected mqtt.cert_file along with it");
    if (!config->mqtt.uri || config->mqtt.insecure || strncmp(config->mqtt.uri, "mqtt://", 7) != 0)
        return;
    config_uri_host(config->mqtt.uri, host);
    if (!config_is_loopback(host))
        config_problems_add(problems, "mqtt.uri",
                            "expected mqtts:// for a host that is not loopback, or mqtt.insecure");
}

static void check_probe(const struct config *config, struct config_problems *problems)
{
    if (config->probe.target_count > 0 && (size_t)config->probe.need > config->probe.target_count)
        config_problems_add(problems, "probe.need",
                            "expected at most the number of probe.targets (%zu)",
                            config->probe.target_count);
}

static void check_clear(const char *name, double below, double clear,
                        struct config_problems *problems)
{
    char path[PATH_TEXT_MAX];

    if (clear >= below)
        return;
    (void)snprintf(path, sizeof path, "steering.rules.weak-signal.clear_%s", name);
    config_problems_add(problems, path, "expected at least %s (%g)", name, below);
}

static void check_steering(const struct config *config, struct config_problems *problems)
{
    if (config->steering.backoff_min_s > config->steering.backoff_max_s)
        config_problems_add(problems, "steering.backoff_min_s",
                            "expected at most steering.backoff_max_s (%d)",
                            config->steering.backoff_max_s);
    if (config->steering.weak_signal.bad_samples > config->steering.weak_signal.of_samples)
        config_problems_add(problems, "steering.rules.weak-signal.bad_samples",
                            "expected at most of_samples (%d)",
                            config->steering.weak_signal.of_samples);
    check_clear("rsrp_dbm", config->steering.weak_signal.rsrp_dbm,
                config->steering.weak_signal.clear_rsrp_dbm, problems);
    check_clear("rsrq_db", config->steering.weak_signal.rsrq_db,
                config->steering.weak_signal.clear_rsrq_db, problems);
    check_clear("sinr_db", config->steering.weak_signal.sinr_db,
                config->steering.weak_signal.clear_sinr_db, problems);
    check_clear("rssi_dbm", config->steering.weak_signal.rssi_dbm,
                config->steering.weak_signal.clear_rssi_dbm, problems);
}

/* A hook that would silently never run. */
static void check_hook(const cJSON *root, const char *path, struct config_problems *problems)
{
    const cJSON *hook = config_find(root, path);

    if (cJSON_IsObject(hook) && !config_find(hook, "exec"))
        config_problems_add(problems, path, "expected exec: the program and its arguments");
}

/* 0, or an errno. Never waits, as opening a FIFO would. */
static int try_to_read(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    int result;

    if (fd < 0)
        return errno;
    result = fstat(fd, &st) < 0 ? errno : S_ISDIR(st.st_mode) ? EISDIR : 0;
    (void)close(fd);
    return result;
}

static void check_files(const struct config_key *keys, size_t count, const void *base,
                        const char *prefix, struct config_problems *problems)
{
    for (size_t i = 0; i < count; i++) {
        const char *file = NULL;
        char path[PATH_TEXT_MAX];
        int reason;

        if (keys[i].is_file)
            file = *(char *const *)(const void *)((const char *)base + keys[i].offset);
        reason = file ? try_to_read(file) : 0;
        if (reason == 0)
            continue;
        (void)snprintf(path, sizeof path, "%s%s", prefix, keys[i].path);
        config_problems_add(problems, path, "expected a file that can be read, \"%.100s\": %s",
                            file, strerror(reason));
    }
}

static void check_profiles(const struct config *config, struct config_problems *problems)
{
    size_t count;
    const struct config_key *keys = config_profile_keys(&count);

    for (size_t i = 0; i < config->profile_count; i++) {
        const struct config_profile *profile = &config->profiles[i];
        char prefix[PATH_TEXT_MAX];
        char path[PATH_TEXT_MAX + 16];

        (void)snprintf(prefix, sizeof prefix, "profiles.%s.", profile->iccid.text);
        check_files(keys, count, profile, prefix, problems);
        (void)snprintf(path, sizeof path, "%sauth", prefix);
        if (profile->auth != CONFIG_AUTH_NONE && !profile->username)
            config_problems_add(problems, path, "expected username along with it");
    }
}

void config_check(const struct config *config, const cJSON *root, struct config_problems *problems)
{
    size_t count;
    const struct config_key *keys = config_keys(&count);

    check_api(config, problems);
    check_mqtt(config, problems);
    check_probe(config, problems);
    check_hook(root, "switch.hooks.before", problems);
    check_hook(root, "switch.hooks.after", problems);
    check_hook(root, "switch.hooks.rolled_back", problems);
    check_steering(config, problems);
    check_files(keys, count, config, "", problems);
    check_profiles(config, problems);
}
