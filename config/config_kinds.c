#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_kind.h"
#include "config/config_problems.h"

/* The kinds of single values; arrays and objects are in config_lists.c. */

static_assert(sizeof(enum config_verify) == sizeof(unsigned), "choices are kept as unsigned");

void *config_field(const struct config_key *key, void *base)
{
    return (char *)base + key->offset;
}

const void *config_const_field(const struct config_key *key, const void *base)
{
    return (const char *)base + key->offset;
}

void config_refuse(const struct config_key *key, const char *path, const cJSON *value,
                   const char *expected, struct config_problems *problems)
{
    char quoted[48] = "";
    char *text = NULL;

    if (cJSON_IsObject(value) || cJSON_IsArray(value))
        (void)snprintf(quoted, sizeof quoted, "an %s", cJSON_IsArray(value) ? "array" : "object");
    else if (!key->is_hidden)
        text = cJSON_PrintUnformatted(value);
    if (text)
        (void)snprintf(quoted, sizeof quoted, strlen(text) < sizeof quoted ? "%s" : "%.40s…", text);
    cJSON_free(text);
    config_problems_add(problems, path, "expected %s%s%s", expected, *quoted ? ", not " : "",
                        quoted);
}

void config_refuse_memory(const char *path, struct config_problems *problems)
{
    config_problems_add(problems, path, "no memory is left for it");
}

static void refuse(const struct config_key *key, const char *path, const cJSON *value,
                   struct config_problems *problems)
{
    char expected[160];

    key->kind->describe(key, expected, sizeof expected);
    config_refuse(key, path, value, expected, problems);
}

static void describe_bool(const struct config_key *key, char *ret, size_t size)
{
    (void)key;
    (void)snprintf(ret, size, "true or false");
}

static void read_bool(const struct config_key *key, const char *path, const cJSON *value,
                      void *base, struct config_problems *problems)
{
    (void)path;
    (void)problems;
    *(bool *)config_field(key, base) = cJSON_IsTrue(value);
}

static cJSON *print_bool(const struct config_key *key, const void *base)
{
    return cJSON_CreateBool(*(const bool *)config_const_field(key, base));
}

const struct config_kind config_kind_bool = {
    .types = cJSON_True | cJSON_False,
    .describe = describe_bool,
    .read = read_bool,
    .print = print_bool,
};

static void describe_int(const struct config_key *key, char *ret, size_t size)
{
    (void)snprintf(ret, size, "a whole number from %d to %d", (int)key->min, (int)key->max);
}

/* Nothing is rounded: 1.5 is refused. */
static void read_int(const struct config_key *key, const char *path, const cJSON *value, void *base,
                     struct config_problems *problems)
{
    double number = value->valuedouble;

    if (number < key->min || number > key->max || (double)(int)number != number)
        refuse(key, path, value, problems);
    else
        *(int *)config_field(key, base) = (int)number;
}

static cJSON *print_int(const struct config_key *key, const void *base)
{
    return cJSON_CreateNumber(*(const int *)config_const_field(key, base));
}

const struct config_kind config_kind_int = {
    .types = cJSON_Number,
    .describe = describe_int,
    .read = read_int,
    .print = print_int,
};

static void describe_number(const struct config_key *key, char *ret, size_t size)
{
    (void)snprintf(ret, size, "a number from %g to %g", key->min, key->max);
}

static void read_number(const struct config_key *key, const char *path, const cJSON *value,
                        void *base, struct config_problems *problems)
{
    if (value->valuedouble < key->min || value->valuedouble > key->max)
        refuse(key, path, value, problems);
    else
        *(double *)config_field(key, base) = value->valuedouble;
}

static cJSON *print_number(const struct config_key *key, const void *base)
{
    return cJSON_CreateNumber(*(const double *)config_const_field(key, base));
}

const struct config_kind config_kind_number = {
    .types = cJSON_Number,
    .describe = describe_number,
    .read = read_number,
    .print = print_number,
};

static void describe_choice(const struct config_key *key, char *ret, size_t size)
{
    int used = snprintf(ret, size, "one of");

    for (size_t i = 0; key->choices[i] && used >= 0 && (size_t)used < size; i++)
        used +=
            snprintf(ret + used, size - (size_t)used, "%s \"%s\"", i ? "," : "", key->choices[i]);
}

static void read_choice(const struct config_key *key, const char *path, const cJSON *value,
                        void *base, struct config_problems *problems)
{
    for (unsigned i = 0; key->choices[i]; i++)
        if (strcmp(key->choices[i], value->valuestring) == 0) {
            memcpy(config_field(key, base), &i, sizeof i);
            return;
        }
    refuse(key, path, value, problems);
}

static cJSON *print_choice(const struct config_key *key, const void *base)
{
    unsigned i;

    memcpy(&i, config_const_field(key, base), sizeof i);
    return cJSON_CreateString(key->choices[i]);
}

const struct config_kind config_kind_choice = {
    .types = cJSON_String,
    .describe = describe_choice,
    .read = read_choice,
    .print = print_choice,
};

static void describe_text(const struct config_key *key, char *ret, size_t size)
{
    (void)snprintf(ret, size, "%s", key->expected);
}

static void done_text(const struct config_key *key, void *base)
{
    char **text = config_field(key, base);

    free(*text);
    *text = NULL;
}

static void read_text(const struct config_key *key, const char *path, const cJSON *value,
                      void *base, struct config_problems *problems)
{
    char *copy;

    if (!key->is_valid(value->valuestring)) {
        refuse(key, path, value, problems);
        return;
    }
    copy = strdup(value->valuestring);
    if (!copy) {
        config_refuse_memory(path, problems);
        return;
    }
    done_text(key, base);
    *(char **)config_field(key, base) = copy;
}

static cJSON *print_text(const struct config_key *key, const void *base)
{
    const char *text = *(char *const *)config_const_field(key, base);

    return text ? cJSON_CreateString(text) : cJSON_CreateNull();
}

const struct config_kind config_kind_text = {
    .types = cJSON_String,
    .describe = describe_text,
    .read = read_text,
    .print = print_text,
    .done = done_text,
};

static void describe_mode(const struct config_key *key, char *ret, size_t size)
{
    (void)key;
    (void)snprintf(ret, size, "an octal mode as text (\"0660\")");
}

static void read_mode(const struct config_key *key, const char *path, const cJSON *value,
                      void *base, struct config_problems *problems)
{
    const char *text = value->valuestring;
    size_t n = strlen(text);

    if (n < 3 || n > 4 || strspn(text, "01234567") != n || (n == 4 && text[0] != '0'))
        refuse(key, path, value, problems);
    else
        *(unsigned *)config_field(key, base) = (unsigned)strtoul(text, NULL, 8);
}

static cJSON *print_mode(const struct config_key *key, const void *base)
{
    char text[16];

    (void)snprintf(text, sizeof text, "%04o", *(const unsigned *)config_const_field(key, base));
    return cJSON_CreateString(text);
}

const struct config_kind config_kind_mode = {
    .types = cJSON_String,
    .describe = describe_mode,
    .read = read_mode,
    .print = print_mode,
};

static void describe_aid(const struct config_key *key, char *ret, size_t size)
{
    (void)key;
    (void)snprintf(ret, size, "an AID of 5 to 16 bytes in hex");
}

static void read_aid(const struct config_key *key, const char *path, const cJSON *value, void *base,
                     struct config_problems *problems)
{
    struct error e =
        aid_from_text(value->valuestring, strlen(value->valuestring), config_field(key, base));

    if (e.code)
        refuse(key, path, value, problems);
}

static cJSON *print_aid(const struct config_key *key, const void *base)
{
    char text[AID_TEXT_MAX + 1];

    aid_to_text(config_const_field(key, base), text);
    return cJSON_CreateString(text);
}

const struct config_kind config_kind_aid = {
    .types = cJSON_String,
    .describe = describe_aid,
    .read = read_aid,
    .print = print_aid,
};
