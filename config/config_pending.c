#include "config/config_pending.h"

#include <string.h>

#include "config/config_keys.h"

static const char no_steering[] = "the agent does not switch by itself yet";

/* A key, or a section with all that is in it. */
static const struct pending {
    const char *path, *instead;
} rows[] = {
    // clang-format off
    { "steering", no_steering },
}; // clang-format on

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

static bool is_set(const struct config_key *key, const struct config *config)
{
    cJSON *value = key->kind->print(key, config), *preset = cJSON_Parse(key->preset);
    bool result = value && preset && !cJSON_Compare(value, preset, true);

    cJSON_Delete(value);
    cJSON_Delete(preset);
    return result;
}

void config_pending_each(const struct config *config,
                         void (*tell)(const char *path, const char *instead, void *arg), void *arg)
{
    size_t count;
    const struct config_key *keys = config_keys(&count);

    for (size_t i = 0; i < count; i++) {
        const struct pending *row = find(keys[i].path);

        if (row && is_set(&keys[i], config))
            tell(keys[i].path, row->instead, arg);
    }
}
