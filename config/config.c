#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/json.h"
#include "config/config_check.h"
#include "config/config_env.h"
#include "config/config_identity.h"
#include "config/config_keys.h"
#include "config/config_load.h"
#include "config/config_problems.h"
#include "config/config_read.h"

enum { FILE_MAX_BYTES = 1024 * 1024, ID_TEXT_MAX = 80 };

static const struct {
    enum config_command command;
    const char *name;
} commands[] = {
    { CONFIG_COMMAND_GET_EID, "get-eid" },
    { CONFIG_COMMAND_LIST_PROFILES, "list-profiles" },
    { CONFIG_COMMAND_ENABLE_PROFILE, "enable-profile" },
    { CONFIG_COMMAND_GET_CONNECTIVITY, "get-connectivity" },
    { CONFIG_COMMAND_PLAN_PROFILE, "plan-profile" },
    { CONFIG_COMMAND_GET_STEERING, "get-steering" },
    { CONFIG_COMMAND_LOCK_SWITCH, "lock-switch" },
    { CONFIG_COMMAND_UNLOCK_SWITCH, "unlock-switch" },
};

enum config_command config_command_from_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return commands[i].command;
    return (enum config_command)0;
}

const char *config_command_name(enum config_command command)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (commands[i].command == command)
            return commands[i].name;
    return "";
}

const struct config_profile *config_profile_find(const struct config *config,
                                                 const struct iccid *iccid)
{
    for (size_t i = 0; i < config->profile_count; i++)
        if (iccid_equal(&config->profiles[i].iccid, iccid))
            return &config->profiles[i];
    return NULL;
}

const char *config_label_of(const void *config, const struct iccid *iccid)
{
    const struct config_profile *row = config_profile_find(config, iccid);

    return row ? row->label : NULL;
}

static void free_table(const struct config_key *keys, size_t count, void *base)
{
    for (size_t i = 0; i < count; i++)
        if (keys[i].kind->done)
            keys[i].kind->done(&keys[i], base);
}

void config_free(struct config *config)
{
    size_t count;
    const struct config_key *keys = config_profile_keys(&count);

    if (!config)
        return;
    for (size_t i = 0; i < config->profile_count; i++)
        free_table(keys, count, &config->profiles[i]);
    free(config->profiles);
    keys = config_keys(&count);
    free_table(keys, count, config);
    free(config);
}

/* The bytes read, at most `size`; -1 and errno. */
static ssize_t read_fully(int fd, char *bytes, size_t size)
{
    size_t used = 0;

    while (used < size) {
        ssize_t n = read(fd, bytes + used, size - used);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        used += (size_t)n;
    }
    return (ssize_t)used;
}

/* Gives; NULL: a problem was added. */
static char *read_file(const char *path, size_t *ret_len, struct config_problems *problems)
{
    char *text = malloc(FILE_MAX_BYTES + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ssize_t n = fd >= 0 && text ? read_fully(fd, text, FILE_MAX_BYTES + 1) : -1;

    if (n < 0)
        config_problems_add(problems, "", "expected a file that can be read: %s", strerror(errno));
    else if (n > FILE_MAX_BYTES)
        config_problems_add(problems, "", "expected at most 1 MiB");
    if (fd >= 0)
        (void)close(fd);
    if (n < 0 || n > FILE_MAX_BYTES) {
        free(text);
        return NULL;
    }
    *ret_len = (size_t)n;
    return text;
}

/* Gives; NULL: a problem was added. */
static cJSON *read_tree(const char *path, struct config_problems *problems)
{
    size_t len = 0;
    char *text = read_file(path, &len, problems);
    cJSON *root = NULL;
    struct error e;

    if (!text)
        return NULL;
    e = json_parse_commented(text, len, &root);
    free(text);
    if (e.code) {
        config_problems_add(problems, e.field, "%s", e.message);
        return NULL;
    }
    if (!cJSON_IsObject(root)) {
        config_problems_add(problems, "", "expected an object");
        cJSON_Delete(root);
        return NULL;
    }
    return root;
}

/* What the machine and other keys give where the file gives nothing. */
static void derive(struct config *config, const char *machine_id_path,
                   struct config_problems *problems)
{
    char id[CONFIG_IDENTITY_LEN + 1];
    char client_id[ID_TEXT_MAX];

    if (!config->device_id) {
        struct error e = config_identity(machine_id_path, id);

        if (e.code) {
            config_problems_add(problems, "device_id", "expected one, since there is %s",
                                e.message);
            return;
        }
        config->device_id = strdup(id);
    }
    if (config->device_id && !config->mqtt.client_id) {
        (void)snprintf(client_id, sizeof client_id, "lpm-%s", config->device_id);
        config->mqtt.client_id = strdup(client_id);
    }
    if (!config->device_id || !config->mqtt.client_id)
        config_problems_add(problems, "device_id", "no memory is left for it");
}

bool config_load_on(const char *path, char *const *environment, const char *machine_id_path,
                    struct config **ret, struct config_problems *ret_problems)
{
    struct config *config = calloc(1, sizeof *config);
    cJSON *root = NULL;
    bool ok = false;

    if (!config_problems_init(ret_problems) || !config)
        goto done;
    root = read_tree(path, ret_problems);
    if (!root)
        goto done;
    config_env_apply(environment, root, ret_problems);
    config_read(root, config, ret_problems);
    derive(config, machine_id_path, ret_problems);
    config_check(config, root, ret_problems);
    config_env_name_sources(environment, root, ret_problems);
    ok = ret_problems->count == 0;
done:
    cJSON_Delete(root);
    if (ok)
        *ret = config;
    else
        config_free(config);
    return ok;
}

bool config_load(const char *path, char *const *environment, struct config **ret,
                 struct config_problems *ret_problems)
{
    return config_load_on(path, environment, "/etc/machine-id", ret, ret_problems);
}
