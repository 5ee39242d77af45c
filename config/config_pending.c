#include "config/config_pending.h"

#include <stdio.h>
#include <string.h>

#include "config/config_keys.h"

static const char no_limits[] = "switches are not limited in number yet";
static const char no_probe[] = "nothing is probed yet";
static const char no_hooks[] = "no program is run yet";
static const char no_context[] = "the modem's own data connection is left as it is";
static const char no_steering[] = "the agent does not switch by itself yet";

/* A key, or a section with all that is in it. */
static const struct pending {
    const char *path, *instead;
    /* Values that do have their effect, as JSON; NULL: none but the default. */
    const char *works;
} rows[] = {
    // clang-format off
    { "mqtt.force", "there are no limits and locks to pass yet", NULL },
    { "telemetry.publish_s", "samples are not published in batches yet", NULL },
    { "telemetry.record", "samples are not recorded yet", NULL },
    { "probe", no_probe, NULL },
    /* Without a roll-back, false is what happens. */
    { "switch.rollback", "a switch is not rolled back yet", "[false]" },
    { "switch.verify", "a switch is verified up to attached", "[\"registered\",\"attached\"]" },
    { "switch.min_interval_s", no_limits, NULL },
    { "switch.max_per_hour", no_limits, NULL },
    { "switch.max_per_day", no_limits, NULL },
    { "switch.hooks", no_hooks, NULL },
    { "steering", no_steering, NULL },
    { "profiles.*.apn", no_context, NULL },
    { "profiles.*.pdp_type", no_context, NULL },
    { "profiles.*.cid", no_context, NULL },
    { "profiles.*.auth", no_context, NULL },
    { "profiles.*.username", no_context, NULL },
    { "profiles.*.password_file", no_context, NULL },
    { "profiles.*.init", "no command is sent after a switch yet", NULL },
}; // clang-format on

static const char profile_prefix[] = "profiles.*.";

/* NULL: the key has its effect. */
static const struct pending *find(const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t n = strlen(rows[i].path);

        if (strncmp(rows[i].path, path, n) == 0 && (path[n] == '\0' || path[n] == '.'))
            return &rows[i];
    }
    return NULL;
}

static bool is_among(const cJSON *value, const char *array_text)
{
    cJSON *array = array_text ? cJSON_Parse(array_text) : NULL;
    const cJSON *item;
    bool found = false;

    cJSON_ArrayForEach (item, array)
        found = found || cJSON_Compare(item, value, true);
    cJSON_Delete(array);
    return found;
}

static bool is_in_vain(const struct config_key *key, const struct pending *row, const void *base)
{
    cJSON *value = key->kind->print(key, base), *preset = cJSON_Parse(key->preset);
    bool is_set = value && preset && !cJSON_Compare(value, preset, true);
    bool result = is_set && !is_among(value, row->works);

    cJSON_Delete(value);
    cJSON_Delete(preset);
    return result;
}

static bool is_in_vain_in_a_profile(const struct config_key *key, const struct pending *row,
                                    const struct config *config)
{
    for (size_t i = 0; i < config->profile_count; i++)
        if (is_in_vain(key, row, &config->profiles[i]))
            return true;
    return false;
}

void config_pending_each(const struct config *config,
                         void (*tell)(const char *path, const char *instead, void *arg), void *arg)
{
    size_t count;
    const struct config_key *keys = config_keys(&count);

    for (size_t i = 0; i < count; i++) {
        const struct pending *row = find(keys[i].path);

        if (row && is_in_vain(&keys[i], row, config))
            tell(keys[i].path, row->instead, arg);
    }
    keys = config_profile_keys(&count);
    for (size_t i = 0; i < count; i++) {
        char path[sizeof profile_prefix + 32];
        const struct pending *row;

        (void)snprintf(path, sizeof path, "%s%s", profile_prefix, keys[i].path);
        row = find(path);
        if (row && is_in_vain_in_a_profile(&keys[i], row, config))
            tell(path, row->instead, arg);
    }
}
