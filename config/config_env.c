#include "config/config_env.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/json.h"
#include "config/config_keys.h"
#include "config/config_problems.h"

static const char prefix[] = "LPM_AGENT__";

enum { NAME_MAX_BYTES = 160, VALUE_MAX_BYTES = 65536, PATH_TEXT_MAX = 200 };

/* A variable of ours, taken apart. */
struct override {
    char variable[NAME_MAX_BYTES];
    const char *value;
    /* NULL: no such key. */
    const struct config_key *key;
    /* Where the file would have it. */
    char path[PATH_TEXT_MAX];
};

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* "KEEPALIVE_S" names "keepalive_s", "NO_SERVICE__FOR_S" names "no-service.for_s". */
static bool names_path(const char *name, const char *path)
{
    for (; *path; path++) {
        if (*path == '.') {
            if (name[0] != '_' || name[1] != '_')
                return false;
            name += 2;
        } else if (lower(*name) == (*path == '-' ? '_' : *path)) {
            name++;
        } else {
            return false;
        }
    }
    return *name == '\0';
}

static const struct config_key *find_key(const char *name, const struct config_key *keys,
                                         size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (names_path(name, keys[i].path))
            return &keys[i];
    return NULL;
}

/* How the file writes the ICCID, so that both speak of one profile; else as the variable has it. */
static const char *name_in_file(const cJSON *root, const struct iccid *id)
{
    const cJSON *profile;

    cJSON_ArrayForEach (profile, config_find(root, "profiles")) {
        struct iccid other;
        struct error e;

        if (!profile->string)
            continue;
        e = iccid_from_text(profile->string, strlen(profile->string), &other);
        if (!e.code && iccid_equal(&other, id))
            return profile->string;
    }
    return id->text;
}

/* `name` is behind "PROFILES__". */
static void find_profile_key(const char *name, const cJSON *root, struct override *ret)
{
    const char *end = strstr(name, "__");
    size_t count;
    const struct config_key *keys = config_profile_keys(&count);
    struct iccid id;
    struct error e;

    if (!end)
        return;
    e = iccid_from_text(name, (size_t)(end - name), &id);
    if (e.code)
        return;
    ret->key = find_key(end + 2, keys, count);
    if (ret->key)
        (void)snprintf(ret->path, sizeof ret->path, "profiles.%s.%s", name_in_file(root, &id),
                       ret->key->path);
}

static bool begins_with(const char *text, const char *beginning)
{
    for (; *beginning; text++, beginning++)
        if (lower(*text) != lower(*beginning))
            return false;
    return true;
}

/* False: it is none of ours. */
static bool take_apart(const char *entry, const cJSON *root, struct override *ret)
{
    const char *equals = strchr(entry, '=');
    size_t count;
    const struct config_key *keys = config_keys(&count);
    const char *name;

    if (strncmp(entry, prefix, strlen(prefix)) != 0 || !equals)
        return false;
    *ret = (struct override){ .value = equals + 1 };
    (void)snprintf(ret->variable, sizeof ret->variable, "%.*s",
                   equals - entry < NAME_MAX_BYTES ? (int)(equals - entry) : NAME_MAX_BYTES, entry);
    name = ret->variable + strlen(prefix);
    if (equals - entry >= NAME_MAX_BYTES)
        return true;
    if (begins_with(name, "profiles__")) {
        find_profile_key(name + strlen("profiles__"), root, ret);
        return true;
    }
    ret->key = find_key(name, keys, count);
    if (ret->key)
        (void)snprintf(ret->path, sizeof ret->path, "%s", ret->key->path);
    return true;
}

/* JSON if it is JSON of the type that the key wants, else text as it stands. Gives. */
static cJSON *make_value(const struct override *o)
{
    int wanted = o->key->kind->types | (config_key_is_nullable(o->key) ? cJSON_NULL : 0);
    cJSON *value = NULL;
    struct error e = json_parse(o->value, strlen(o->value), &value);

    if (!e.code && (value->type & 0xFF & wanted))
        return value;
    /* A number that is none of the key's has to be told as a number. */
    if (!e.code && !(wanted & cJSON_String))
        return value;
    cJSON_Delete(e.code ? NULL : value);
    return cJSON_CreateString(o->value);
}

/* The object that has the last name of the path, made where it lacks; NULL: something else is in
 * the way, which is a problem of the file, or no memory. */
static cJSON *make_parent(cJSON *root, const char *path, const char **ret_last)
{
    char name[64];

    for (;;) {
        size_t n = strcspn(path, ".");
        cJSON *next;

        if (!cJSON_IsObject(root) || n >= sizeof name)
            return NULL;
        if (path[n] == '\0') {
            *ret_last = path;
            return root;
        }
        memcpy(name, path, n);
        name[n] = '\0';
        next = cJSON_GetObjectItemCaseSensitive(root, name);
        root = next ? next : cJSON_AddObjectToObject(root, name);
        path += n + 1;
    }
}

static void apply(const struct override *o, cJSON *root)
{
    const char *last;
    cJSON *parent = make_parent(root, o->path, &last);
    cJSON *value = parent ? make_value(o) : NULL;

    if (!value)
        return;
    cJSON_DeleteItemFromObjectCaseSensitive(parent, last);
    if (!cJSON_AddItemToObject(parent, last, value))
        cJSON_Delete(value);
}

void config_env_apply(char *const *environment, cJSON *root, struct config_problems *problems)
{
    struct override o;

    for (; environment && *environment; environment++) {
        if (!take_apart(*environment, root, &o))
            continue;
        if (!o.key)
            config_problems_add(problems, o.variable, "no key has this name");
        else if (strlen(o.value) > VALUE_MAX_BYTES)
            config_problems_add(problems, o.variable, "longer than %d bytes", VALUE_MAX_BYTES);
        else
            apply(&o, root);
    }
}

void config_env_name_sources(char *const *environment, const cJSON *root,
                             struct config_problems *problems)
{
    struct override o;

    for (; environment && *environment; environment++)
        if (take_apart(*environment, root, &o) && o.key)
            config_problems_name_source(problems, o.path, o.variable);
}
