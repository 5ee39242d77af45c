#include <stdlib.h>
#include <string.h>

#include "config/config_keys.h"

/* Makes the sections on the way. False: no memory; `value` is then freed. */
static bool put(cJSON *root, const char *path, cJSON *value)
{
    char name[64];

    while (root && value) {
        size_t n = strcspn(path, ".");
        cJSON *next;

        memcpy(name, path, n);
        name[n] = '\0';
        if (path[n] == '\0') {
            if (cJSON_AddItemToObject(root, name, value))
                return true;
            break;
        }
        next = cJSON_GetObjectItemCaseSensitive(root, name);
        root = next ? next : cJSON_AddObjectToObject(root, name);
        path += n + 1;
    }
    cJSON_Delete(value);
    return false;
}

static bool put_table(cJSON *root, const struct config_key *keys, size_t count, const void *base)
{
    for (size_t i = 0; i < count; i++)
        if (!put(root, keys[i].path, keys[i].kind->print(&keys[i], base)))
            return false;
    return true;
}

static bool put_profiles(cJSON *root, const struct config *config)
{
    size_t count;
    const struct config_key *keys = config_profile_keys(&count);
    cJSON *profiles = cJSON_AddObjectToObject(root, "profiles");

    for (size_t i = 0; i < config->profile_count; i++) {
        cJSON *profile = cJSON_AddObjectToObject(profiles, config->profiles[i].iccid.text);

        if (!profile || !put_table(profile, keys, count, &config->profiles[i]))
            return false;
    }
    return profiles != NULL;
}

char *config_to_text(const struct config *config)
{
    size_t count;
    const struct config_key *keys = config_keys(&count);
    cJSON *root = cJSON_CreateObject();
    char *text = NULL;

    if (root && put_table(root, keys, count, config) && put_profiles(root, config))
        text = cJSON_Print(root);
    cJSON_Delete(root);
    return text;
}
