#include "config/config_read.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/profile.h"
#include "config/config_kind.h"
#include "config/config_problems.h"

enum { PATH_TEXT_MAX = 200 };

/* The rows of one struct: the whole configuration's, or one profile's. */
struct table {
    const struct config_key *keys;
    size_t count;
    /* In front of each path in a problem: "", or "profiles.<iccid>.". */
    char prefix[64];
    void *base;
};

static void read_preset(const struct config_key *key, void *base, struct config_problems *problems)
{
    cJSON *preset = cJSON_Parse(key->preset);

    if (!preset)
        config_refuse_memory(key->path, problems);
    else if (!cJSON_IsNull(preset))
        key->kind->read(key, key->path, preset, base, problems);
    cJSON_Delete(preset);
}

static void read_value(const struct config_key *key, const char *path, const cJSON *value,
                       void *base, struct config_problems *problems)
{
    char expected[PATH_TEXT_MAX];
    size_t used;

    if (value->type & 0xFF & key->kind->types) {
        key->kind->read(key, path, value, base, problems);
        return;
    }
    if (cJSON_IsNull(value) && config_key_is_nullable(key)) {
        key->kind->done(key, base); /* of its default */
        return;
    }
    key->kind->describe(key, expected, sizeof expected);
    used = strlen(expected);
    if (config_key_is_nullable(key))
        (void)snprintf(expected + used, sizeof expected - used, ", or null");
    config_refuse(key, path, value, expected, problems);
}

static void read_table(const struct table *t, const cJSON *root, struct config_problems *problems)
{
    for (size_t i = 0; i < t->count; i++) {
        const cJSON *value = config_find(root, t->keys[i].path);
        char path[PATH_TEXT_MAX];

        read_preset(&t->keys[i], t->base, problems);
        (void)snprintf(path, sizeof path, "%s%s", t->prefix, t->keys[i].path);
        if (value)
            read_value(&t->keys[i], path, value, t->base, problems);
    }
}

static bool is_key(const struct table *t, const char *path)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->keys[i].path, path) == 0)
            return true;
    return false;
}

static bool is_section(const struct table *t, const char *path)
{
    size_t n = strlen(path);

    for (size_t i = 0; i < t->count; i++)
        if (strncmp(t->keys[i].path, path, n) == 0 && t->keys[i].path[n] == '.')
            return true;
    return false;
}

/* Equal as far as the shorter one goes, whatever the case and with '-' for '_'. `len` is of `right`,
 * one level of a path. */
static bool looks_like(const char *wrong, const char *right, size_t len)
{
    size_t i = 0;

    for (; i < len && wrong[i]; i++) {
        char c = (char)(wrong[i] >= 'A' && wrong[i] <= 'Z' ? wrong[i] - 'A' + 'a' : wrong[i]);

        if ((c == '-' ? '_' : c) != (right[i] == '-' ? '_' : right[i]))
            return false;
    }
    /* A letter or two in common mean nothing. */
    return i >= 3;
}

/* `at` is the section that has the unknown `name`. */
static void refuse_name(const struct table *t, const char *at, const char *name,
                        struct config_problems *problems)
{
    char path[PATH_TEXT_MAX + 64];
    size_t level = *at ? strlen(at) + 1 : 0;

    (void)snprintf(path, sizeof path, "%s%s%s%s", t->prefix, at, *at ? "." : "", name);
    for (size_t i = 0; i < t->count && !strchr(name, '.'); i++) {
        const char *right = t->keys[i].path + level;

        if (strncmp(t->keys[i].path, at, strlen(at)) != 0 ||
            (level && t->keys[i].path[level - 1] != '.') ||
            !looks_like(name, right, strcspn(right, ".")))
            continue;
        config_problems_add(problems, path, "unknown key; is \"%.*s\" meant?",
                            (int)strcspn(right, "."), right);
        return;
    }
    config_problems_add(problems, path, "unknown key");
}

/* Names in `object` that no key has. Goes only into sections, so never deeper than the table. */
static void check_names(const struct table *t, const cJSON *object, const char *at,
                        struct config_problems *problems)
{
    const cJSON *item;

    cJSON_ArrayForEach (item, object) {
        char path[PATH_TEXT_MAX];
        int n = snprintf(path, sizeof path, "%s%s%s", at, *at ? "." : "", item->string);
        bool is_plain = n >= 0 && (size_t)n < sizeof path && !strchr(item->string, '.');

        if (is_plain && (is_key(t, path) || strcmp(path, "profiles") == 0))
            continue;
        if (!is_plain || !is_section(t, path))
            refuse_name(t, at, item->string, problems);
        else if (!cJSON_IsObject(item))
            config_problems_add(problems, path, "expected an object");
        else
            check_names(t, item, path, problems);
    }
}

static bool is_twice(const struct config *config, const struct iccid *id)
{
    return config_profile_find(config, id) != NULL;
}

static void read_profile(const cJSON *item, struct config *config, struct config_problems *problems)
{
    struct config_profile *profile = &config->profiles[config->profile_count];
    struct table t = { .base = profile };
    struct error e = iccid_from_text(item->string, strlen(item->string), &profile->iccid);
    char path[PATH_TEXT_MAX];

    (void)snprintf(path, sizeof path, "profiles.%s", item->string);
    if (e.code)
        config_problems_add(problems, path, "expected an ICCID of 18 to 20 digits as the name");
    else if (!cJSON_IsObject(item))
        config_problems_add(problems, path, "expected an object");
    else if (is_twice(config, &profile->iccid))
        config_problems_add(problems, path, "this profile comes twice");
    else {
        (void)snprintf(t.prefix, sizeof t.prefix, "%.50s.", path);
        t.keys = config_profile_keys(&t.count);
        config->profile_count++;
        read_table(&t, item, problems);
        check_names(&t, item, "", problems);
    }
}

static void read_profiles(const cJSON *profiles, struct config *config,
                          struct config_problems *problems)
{
    const cJSON *item;

    if (!profiles)
        return;
    if (!cJSON_IsObject(profiles)) {
        config_problems_add(problems, "profiles", "expected an object");
        return;
    }
    if (cJSON_GetArraySize(profiles) > PROFILES_MAX) {
        config_problems_add(problems, "profiles", "expected at most %d profiles", PROFILES_MAX);
        return;
    }
    config->profiles = calloc(PROFILES_MAX, sizeof *config->profiles);
    if (!config->profiles) {
        config_refuse_memory("profiles", problems);
        return;
    }
    cJSON_ArrayForEach (item, profiles)
        read_profile(item, config, problems);
}

void config_read(const cJSON *root, struct config *config, struct config_problems *problems)
{
    struct table t = { .base = config };

    t.keys = config_keys(&t.count);
    read_table(&t, root, problems);
    check_names(&t, root, "", problems);
    read_profiles(config_find(root, "profiles"), config, problems);
}
