#include "scenario.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scenario_keys.h"
#include "util.h"

static bool fail(char *error, const char *path, const char *what)
{
    snprintf(error, SCENARIO_ERROR, "%.120s: %.120s", *path ? path : "scenario", what);
    return false;
}

static int choice_index(const char *choices, const char *text)
{
    size_t n = strlen(text);
    int index = 0;

    for (const char *p = choices;; index++) {
        size_t len = strcspn(p, "|");

        if (len == n && !strncmp(p, text, n))
            return index;
        if (!p[len])
            return -1;
        p += len + 1;
    }
}

static void set_int(void *base, const struct key *k, int value)
{
    *(int *)(void *)((char *)base + k->offset) = value;
}

static void fill_defaults(const struct key *keys, void *base)
{
    for (const struct key *k = keys; k->name; k++) {
        char *at = (char *)base + k->offset;

        switch (k->kind) {
        case KEY_BOOL:
            *(bool *)at = k->preset[0] == 't';
            break;
        case KEY_INT:
        case KEY_INT_OR_NULL:
            set_int(base, k, atoi(k->preset));
            break;
        case KEY_CHOICE:
            set_int(base, k, choice_index(k->choices, k->preset));
            break;
        case KEY_TRI:
            set_int(base, k, -1);
            break;
        case KEY_TEXT:
        case KEY_HEX:
        case KEY_ICCID:
            text_copy(at, k->size, k->preset ? k->preset : "");
            break;
        case KEY_OBJECT:
            fill_defaults(k->keys, at);
            break;
        case KEY_ARRAY:
            break;
        }
    }
}

static bool decode_object(const struct key *keys, const cJSON *json, void *base, const char *path,
                          char *error);

static bool decode_int(const struct key *k, const cJSON *json, void *base, const char *path,
                       char *error)
{
    char what[80];

    if (k->kind == KEY_INT_OR_NULL && cJSON_IsNull(json)) {
        set_int(base, k, UNKNOWN);
        return true;
    }
    if (!cJSON_IsNumber(json) || floor(json->valuedouble) != json->valuedouble ||
        json->valuedouble < (double)k->min || json->valuedouble > (double)k->max) {
        snprintf(what, sizeof(what), "a whole number from %ld to %ld is wanted", k->min, k->max);
        return fail(error, path, what);
    }
    set_int(base, k, json->valueint);
    return true;
}

static bool text_is_hex(const char *text, bool even)
{
    size_t n = strspn(text, "0123456789ABCDEFabcdef");

    return !text[n] && (!even || n % 2 == 0);
}

static bool decode_text(const struct key *k, const cJSON *json, char *at, const char *path,
                        char *error)
{
    const char *text = cJSON_GetStringValue(json);

    if (cJSON_IsNull(json) && k->kind == KEY_TEXT)
        text = "";
    if (!text)
        return fail(error, path, "a text is wanted");
    if (strlen(text) >= k->size)
        return fail(error, path, "too long");
    if (k->kind == KEY_HEX && !text_is_hex(text, true))
        return fail(error, path, "hex is wanted");
    if (k->kind == KEY_ICCID &&
        (!text_is_hex(text, false) || strlen(text) < 18 || strlen(text) > 20))
        return fail(error, path, "18 to 20 digits are wanted");
    text_copy(at, k->size, text);
    return true;
}

static bool decode_choice(const struct key *k, const cJSON *json, void *base, const char *path,
                          char *error)
{
    int index = cJSON_IsString(json) ? choice_index(k->choices, json->valuestring) : -1;
    char what[160];

    if (index < 0) {
        snprintf(what, sizeof(what), "one of %s is wanted", k->choices);
        return fail(error, path, what);
    }
    set_int(base, k, index);
    return true;
}

static bool decode_array(const struct key *k, const cJSON *json, void *base, const char *path,
                         char *error)
{
    size_t *count = (size_t *)(void *)((char *)base + k->count_offset), n = 0;
    const cJSON *item;

    if (!cJSON_IsArray(json))
        return fail(error, path, "an array is wanted");
    if (cJSON_GetArraySize(json) > k->max)
        return fail(error, path, "too many");
    cJSON_ArrayForEach (item, json) {
        char *at = (char *)base + k->offset + n * k->size;
        char below[160];

        snprintf(below, sizeof(below), "%.120s.%zu", path, n);
        fill_defaults(k->keys, at);
        if (!decode_object(k->keys, item, at, below, error))
            return false;
        n++;
    }
    *count = n;
    return true;
}

static bool decode_value(const struct key *k, const cJSON *json, void *base, const char *path,
                         char *error)
{
    char *at = (char *)base + k->offset;

    switch (k->kind) {
    case KEY_BOOL:
        if (!cJSON_IsBool(json))
            return fail(error, path, "true or false is wanted");
        *(bool *)at = cJSON_IsTrue(json);
        return true;
    case KEY_TRI:
        if (!cJSON_IsBool(json))
            return fail(error, path, "true or false is wanted");
        set_int(base, k, cJSON_IsTrue(json));
        return true;
    case KEY_INT:
    case KEY_INT_OR_NULL:
        return decode_int(k, json, base, path, error);
    case KEY_TEXT:
    case KEY_HEX:
    case KEY_ICCID:
        return decode_text(k, json, at, path, error);
    case KEY_CHOICE:
        return decode_choice(k, json, base, path, error);
    case KEY_OBJECT:
        return decode_object(k->keys, json, at, path, error);
    case KEY_ARRAY:
        return decode_array(k, json, base, path, error);
    }
    return false;
}

static const struct key *key_find(const struct key *keys, const char *name)
{
    for (const struct key *k = keys; k->name; k++)
        if (!strcmp(k->name, name))
            return k;
    return NULL;
}

static bool decode_object(const struct key *keys, const cJSON *json, void *base, const char *path,
                          char *error)
{
    const cJSON *item;
    char below[160];

    if (!cJSON_IsObject(json))
        return fail(error, path, "an object is wanted");
    cJSON_ArrayForEach (item, json) {
        const struct key *k = key_find(keys, item->string);

        snprintf(below, sizeof(below), "%.90s%s%.60s", path, *path ? "." : "", item->string);
        if (!k)
            return fail(error, below, "unknown key");
        if (!decode_value(k, item, base, below, error))
            return false;
    }
    for (const struct key *k = keys; k->name; k++) {
        bool needed =
            (k->kind == KEY_TEXT || k->kind == KEY_HEX || k->kind == KEY_ICCID) && !k->preset;

        snprintf(below, sizeof(below), "%.90s%s%.60s", path, *path ? "." : "", k->name);
        if (needed && !cJSON_GetObjectItemCaseSensitive(json, k->name))
            return fail(error, below, "is needed");
    }
    return true;
}

/* 15 digits: the network's, then the last ones of the ICCID. */
static void make_imsi(struct profile_scn *p)
{
    char imsi[sizeof(p->imsi)];
    size_t rest = 15 - strlen(p->network.plmn);

    snprintf(imsi, sizeof(imsi), "%s%s", p->network.plmn, p->iccid + strlen(p->iccid) - rest);
    text_copy(p->imsi, sizeof(p->imsi), imsi);
}

/* What the tables cannot say. */
static bool check_whole(struct scenario *s, char *error)
{
    int enabled = 0;

    if (strlen(s->card.eid) != 32)
        return fail(error, "card.eid", "32 digits are wanted");
    for (size_t i = 0; i < s->card.profile_count; i++) {
        struct profile_scn *p = &s->card.profiles[i];

        if (strlen(p->aid) != 32)
            return fail(error, "card.profiles", "an AID of 32 hex digits is wanted");
        enabled += p->enabled;
        if (!*p->imsi)
            make_imsi(p);
    }
    if (enabled > 1)
        return fail(error, "card.profiles", "two are enabled");
    return true;
}

bool scenario_decode(const cJSON *tree, struct scenario *ret, char *error)
{
    struct scenario *s = must_alloc(calloc(1, sizeof(*s)));
    bool ok;

    fill_defaults(scenario_keys, s);
    ok = decode_object(scenario_keys, tree, s, "", error) && check_whole(s, error);
    if (ok)
        *ret = *s;
    free(s);
    return ok;
}

bool scenario_fault(const cJSON *json, bool of_card, struct fault *ret, char *error)
{
    const struct key *keys = of_card ? card_fault_keys : modem_fault_keys;
    struct fault f = { 0 };

    fill_defaults(keys, &f);
    if (!decode_object(keys, json, &f, "fault", error))
        return false;
    *ret = f;
    return true;
}

bool fault_strikes(struct fault *f)
{
    int first = f->nth ? f->nth : 1;
    int count = f->count >= 0 ? f->count : f->nth ? 1 : 0;

    f->seen++;
    return f->seen >= first && (!count || f->seen < first + count);
}

cJSON *scenario_parse(const char *text, char *error)
{
    cJSON *tree = cJSON_ParseWithOpts(text ? text : "{}", NULL, true);
    cJSON *card;

    if (!cJSON_IsObject(tree)) {
        fail(error, "", "no JSON object");
        cJSON_Delete(tree);
        return NULL;
    }
    card = cJSON_GetObjectItemCaseSensitive(tree, "card");
    if (!card)
        card = cJSON_AddObjectToObject(tree, "card");
    if (cJSON_IsObject(card) && !cJSON_GetObjectItemCaseSensitive(card, "profiles"))
        cJSON_AddItemToObject(card, "profiles", cJSON_Parse(guide_profiles));
    return tree;
}

/* The item below `at` by name or index; objects are made where they are missing. */
static cJSON *step_into(cJSON *at, const char *name, bool last)
{
    cJSON *item;

    if (cJSON_IsArray(at))
        return isdigit((unsigned char)name[0]) ? cJSON_GetArrayItem(at, atoi(name)) : NULL;
    item = cJSON_GetObjectItemCaseSensitive(at, name);
    if (!item && cJSON_IsObject(at))
        item = last ? cJSON_AddNullToObject(at, name) : cJSON_AddObjectToObject(at, name);
    return item;
}

static cJSON *place_of(cJSON *root, const char *path, cJSON **ret_parent)
{
    cJSON *at = root, *parent = NULL;
    char name[64];

    while (at && *path) {
        size_t n = strcspn(path, ".");

        if (!n || n >= sizeof(name))
            return NULL;
        memcpy(name, path, n);
        name[n] = 0;
        path += n + (path[n] == '.');
        parent = at;
        at = step_into(at, name, !*path);
    }
    *ret_parent = parent;
    return at;
}

bool scenario_set(cJSON **tree, const char *path, cJSON *value, char *error)
{
    cJSON *copy = cJSON_Duplicate(*tree, true), *parent = NULL;
    cJSON *old = place_of(copy, path, &parent);
    struct scenario *probe = must_alloc(calloc(1, sizeof(*probe)));
    bool ok = false;

    if (!old || !parent) {
        cJSON_Delete(value);
        fail(error, path, "no such place");
        goto done;
    }
    if (cJSON_IsArray(parent)) {
        cJSON_ReplaceItemViaPointer(parent, old, value);
    } else {
        char *name = must_alloc(strdup(old->string));
        cJSON_ReplaceItemInObjectCaseSensitive(parent, name, value);
        free(name);
    }
    ok = scenario_decode(copy, probe, error);
done:
    free(probe);
    if (ok) {
        cJSON_Delete(*tree);
        *tree = copy;
    } else {
        cJSON_Delete(copy);
    }
    return ok;
}

static void help_keys(FILE *out, const struct key *keys, const char *path)
{
    for (const struct key *k = keys; k->name; k++) {
        char here[128];

        snprintf(here, sizeof(here), "%.60s%s%.60s%s", path, *path ? "." : "", k->name,
                 k->kind == KEY_ARRAY ? ".N" : "");
        fprintf(out, "  %-36s %s", here, k->help);
        if (k->kind == KEY_CHOICE)
            fprintf(out, " (%s)", k->choices);
        if (k->preset && *k->preset)
            fprintf(out, " [%s]", k->preset);
        fputc('\n', out);
        if (k->keys)
            help_keys(out, k->keys, here);
    }
}

void scenario_help(FILE *out)
{
    help_keys(out, scenario_keys, "");
}
