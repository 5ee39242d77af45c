#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/at_secret.h"
#include "config/config_form.h"
#include "config/config_kind.h"
#include "config/config_problems.h"

/* The kinds of values that are arrays, and modem.reset, which may be an object. */

enum { ITEMS_MAX = 100, PATH_TEXT_MAX = 160 };

static void item_path(const char *path, size_t i, char ret[PATH_TEXT_MAX])
{
    (void)snprintf(ret, PATH_TEXT_MAX, "%s[%zu]", path, i);
}

static bool is_any_text(const char *text)
{
    return strlen(text) <= 4096;
}

static bool is_iccid(const char *text)
{
    struct iccid id;
    struct error e = iccid_from_text(text, strlen(text), &id);

    return !e.code;
}

/* A number of 20 digits loses the last ones on its way. */
static const char iccid_as_text[] = "text (an ICCID in quotes)";

/* True: at most ITEMS_MAX strings that are all valid. Else a problem for each that is not. */
static bool check_items(const struct config_key *key, const char *path, const cJSON *array,
                        bool (*is_valid)(const char *), const char *expected,
                        struct config_problems *problems)
{
    size_t i = 0;
    bool ok = true;
    const cJSON *item;

    cJSON_ArrayForEach (item, array) {
        char at[PATH_TEXT_MAX];

        if (i == ITEMS_MAX) {
            config_problems_add(problems, path, "expected at most %d items", ITEMS_MAX);
            return false;
        }
        item_path(path, i++, at);
        if (cJSON_IsString(item) && is_valid(item->valuestring))
            continue;
        config_refuse(key, at, item,
                      cJSON_IsNumber(item) && is_valid == is_iccid ? iccid_as_text : expected,
                      problems);
        ok = false;
    }
    return ok;
}

static void free_items(char **items, size_t count)
{
    for (size_t i = 0; items && i < count; i++)
        free(items[i]);
    free((void *)items);
}

/* The strings of an array, and NULL behind them. Gives; NULL: no memory. */
static char **copy_items(const cJSON *array, size_t count)
{
    char **items = calloc(count + 1, sizeof *items);
    size_t i = 0;
    const cJSON *item;

    if (!items)
        return NULL;
    cJSON_ArrayForEach (item, array) {
        items[i] = strdup(item->valuestring);
        if (!items[i]) {
            free_items(items, i);
            return NULL;
        }
        i++;
    }
    return items;
}

static size_t count_of(const cJSON *array)
{
    return (size_t)cJSON_GetArraySize(array);
}

static void free_argv(char **argv)
{
    size_t count = 0;

    while (argv && argv[count])
        count++;
    free_items(argv, count);
}

static void add_item(cJSON *array, cJSON *item)
{
    if (array && item)
        (void)cJSON_AddItemToArray(array, item);
}

static void describe_texts(const struct config_key *key, char *ret, size_t size)
{
    (void)snprintf(ret, size, "an array, each item %s", key->expected);
}

static void done_texts(const struct config_key *key, void *base)
{
    struct config_strings *strings = config_field(key, base);

    free_items(strings->items, strings->count);
    *strings = (struct config_strings){ 0 };
}

static void read_texts(const struct config_key *key, const char *path, const cJSON *value,
                       void *base, struct config_problems *problems)
{
    struct config_strings strings = { .count = count_of(value) };

    if (!check_items(key, path, value, key->is_valid, key->expected, problems))
        return;
    strings.items = copy_items(value, strings.count);
    if (!strings.items) {
        config_refuse_memory(path, problems);
        return;
    }
    done_texts(key, base);
    *(struct config_strings *)config_field(key, base) = strings;
}

/* A line in which a PIN, a password or a user's name may stand is shown up to there. */
static cJSON *print_command(const char *text)
{
    const char *secret = at_secret_find(text);
    char shown[320];

    if (!secret)
        return cJSON_CreateString(text);
    (void)snprintf(shown, sizeof shown, "%.*s***", (int)(secret - text), text);
    return cJSON_CreateString(shown);
}

static cJSON *print_texts(const struct config_key *key, const void *base)
{
    const struct config_strings *strings = config_const_field(key, base);
    cJSON *array = cJSON_CreateArray();

    for (size_t i = 0; i < strings->count; i++)
        add_item(array, key->is_valid == config_is_at_command
                            ? print_command(strings->items[i])
                            : cJSON_CreateString(strings->items[i]));
    return array;
}

const struct config_kind config_kind_texts = {
    .types = cJSON_Array,
    .describe = describe_texts,
    .read = read_texts,
    .print = print_texts,
    .done = done_texts,
};

static const char argv_expected[] = "an array: the absolute path of a program, and its arguments";

static void describe_argv(const struct config_key *key, char *ret, size_t size)
{
    (void)key;
    (void)snprintf(ret, size, "%s", argv_expected);
}

/* Gives; NULL: a problem was added. No shell takes part, so the program needs its whole path. */
static char **read_arguments(const struct config_key *key, const char *path, const cJSON *array,
                             struct config_problems *problems)
{
    char **argv;

    if (!cJSON_IsArray(array)) {
        config_refuse(key, path, array, argv_expected, problems);
        return NULL;
    }
    if (!check_items(key, path, array, is_any_text, "text of at most 4096 bytes", problems))
        return NULL;
    if (!array->child || array->child->valuestring[0] != '/') {
        config_problems_add(problems, path, "expected %s", argv_expected);
        return NULL;
    }
    argv = copy_items(array, count_of(array));
    if (!argv)
        config_refuse_memory(path, problems);
    return argv;
}

static cJSON *print_arguments(char *const *argv)
{
    cJSON *array = cJSON_CreateArray();

    for (size_t i = 0; argv[i]; i++)
        add_item(array, cJSON_CreateString(argv[i]));
    return array;
}

static void done_argv(const struct config_key *key, void *base)
{
    char ***argv = config_field(key, base);

    free_argv(*argv);
    *argv = NULL;
}

static void read_argv(const struct config_key *key, const char *path, const cJSON *value,
                      void *base, struct config_problems *problems)
{
    char **argv = read_arguments(key, path, value, problems);

    if (!argv)
        return;
    done_argv(key, base);
    *(char ***)config_field(key, base) = argv;
}

static cJSON *print_argv(const struct config_key *key, const void *base)
{
    char *const *argv = *(char **const *)config_const_field(key, base);

    return argv ? print_arguments(argv) : cJSON_CreateNull();
}

const struct config_kind config_kind_argv = {
    .types = cJSON_Array,
    .describe = describe_argv,
    .read = read_argv,
    .print = print_argv,
    .done = done_argv,
};

static size_t *count_field(const struct config_key *key, void *base)
{
    return (size_t *)(void *)((char *)base + key->count_offset);
}

static size_t count_in(const struct config_key *key, const void *base)
{
    return *(const size_t *)(const void *)((const char *)base + key->count_offset);
}

static void describe_iccids(const struct config_key *key, char *ret, size_t size)
{
    (void)key;
    (void)snprintf(ret, size, "an array, each item an ICCID of 18 to 20 digits");
}

static void done_iccids(const struct config_key *key, void *base)
{
    struct iccid **ids = config_field(key, base);

    free(*ids);
    *ids = NULL;
    *count_field(key, base) = 0;
}

static void read_iccids(const struct config_key *key, const char *path, const cJSON *value,
                        void *base, struct config_problems *problems)
{
    size_t count = 0;
    struct iccid *ids;
    const cJSON *item;

    if (!check_items(key, path, value, is_iccid, "an ICCID of 18 to 20 digits", problems))
        return;
    ids = calloc(count_of(value) + 1, sizeof *ids);
    if (!ids) {
        config_refuse_memory(path, problems);
        return;
    }
    cJSON_ArrayForEach (item, value) {
        struct error checked =
            iccid_from_text(item->valuestring, strlen(item->valuestring), &ids[count++]);
        (void)checked; /* by check_items() */
    }
    done_iccids(key, base);
    *(struct iccid **)config_field(key, base) = ids;
    *count_field(key, base) = count;
}

static cJSON *print_iccids(const struct config_key *key, const void *base)
{
    const struct iccid *ids = *(struct iccid *const *)config_const_field(key, base);
    cJSON *array = cJSON_CreateArray();

    for (size_t i = 0; i < count_in(key, base); i++)
        add_item(array, cJSON_CreateString(ids[i].text));
    return array;
}

const struct config_kind config_kind_iccids = {
    .types = cJSON_Array,
    .describe = describe_iccids,
    .read = read_iccids,
    .print = print_iccids,
    .done = done_iccids,
};

static void free_targets(struct config_target *targets, size_t count)
{
    for (size_t i = 0; targets && i < count; i++) {
        free(targets[i].text);
        free(targets[i].address);
    }
    free(targets);
}

static void done_targets(const struct config_key *key, void *base)
{
    struct config_target **targets = config_field(key, base);

    free_targets(*targets, *count_field(key, base));
    *targets = NULL;
    *count_field(key, base) = 0;
}

static bool make_target(const char *text, struct config_target *ret)
{
    char host[CONFIG_HOST_MAX + 1] = "";

    (void)config_split_address(text, host, &ret->port); /* checked by check_items() */
    ret->text = strdup(text);
    ret->address = strdup(host);
    return ret->text && ret->address;
}

static void read_targets(const struct config_key *key, const char *path, const cJSON *value,
                         void *base, struct config_problems *problems)
{
    size_t count = count_of(value);
    struct config_target *targets;
    const cJSON *item;
    size_t i = 0;
    bool ok;

    if (!check_items(key, path, value, key->is_valid, key->expected, problems))
        return;
    targets = calloc(count + 1, sizeof *targets);
    ok = targets != NULL;
    cJSON_ArrayForEach (item, value)
        ok = ok && make_target(item->valuestring, &targets[i++]);
    if (!ok) {
        free_targets(targets, count);
        config_refuse_memory(path, problems);
        return;
    }
    done_targets(key, base);
    *(struct config_target **)config_field(key, base) = targets;
    *count_field(key, base) = count;
}

static cJSON *print_targets(const struct config_key *key, const void *base)
{
    const struct config_target *targets =
        *(struct config_target *const *)config_const_field(key, base);
    cJSON *array = cJSON_CreateArray();

    for (size_t i = 0; i < count_in(key, base); i++)
        add_item(array, cJSON_CreateString(targets[i].text));
    return array;
}

const struct config_kind config_kind_targets = {
    .types = cJSON_Array,
    .describe = describe_texts,
    .read = read_targets,
    .print = print_targets,
    .done = done_targets,
};

static bool is_command(const char *text)
{
    return config_command_from_name(text) != 0;
}

static void describe_commands(const struct config_key *key, char *ret, size_t size)
{
    (void)key;
    (void)snprintf(ret, size, "an array of operations' names (\"enable-profile\", …)");
}

static void read_commands(const struct config_key *key, const char *path, const cJSON *value,
                          void *base, struct config_problems *problems)
{
    unsigned commands = 0;
    const cJSON *item;

    if (!check_items(key, path, value, is_command,
                     "an operation: get-eid, list-profiles, enable-profile, get-connectivity, "
                     "plan-profile, get-steering, lock-switch, unlock-switch",
                     problems))
        return;
    cJSON_ArrayForEach (item, value)
        commands |= (unsigned)config_command_from_name(item->valuestring);
    *(unsigned *)config_field(key, base) = commands;
}

static cJSON *print_commands(const struct config_key *key, const void *base)
{
    unsigned commands = *(const unsigned *)config_const_field(key, base);
    cJSON *array = cJSON_CreateArray();

    for (unsigned bit = 1; bit & CONFIG_COMMANDS_ALL; bit <<= 1)
        if (commands & bit)
            add_item(array, cJSON_CreateString(config_command_name((enum config_command)bit)));
    return array;
}

const struct config_kind config_kind_commands = {
    .types = cJSON_Array,
    .describe = describe_commands,
    .read = read_commands,
    .print = print_commands,
};

static const char reset_expected[] =
    "\"none\", \"cfun\", \"vendor\", {\"command\":\"AT+…\"} or {\"exec\":[\"/path\",…]}";

static void describe_reset(const struct config_key *key, char *ret, size_t size)
{
    (void)key;
    (void)snprintf(ret, size, "%s", reset_expected);
}

static void done_reset(const struct config_key *key, void *base)
{
    struct config *config = base;

    (void)key;
    free(config->modem.reset_command);
    free_argv(config->modem.reset_exec);
    config->modem.reset_command = NULL;
    config->modem.reset_exec = NULL;
}

static const char *const rungs[] = { "none", "cfun", "vendor" };

static void read_rung(const struct config_key *key, const char *path, const cJSON *value,
                      struct config *config, struct config_problems *problems)
{
    for (unsigned i = 0; i < ARRAY_LEN(rungs); i++)
        if (strcmp(rungs[i], value->valuestring) == 0) {
            done_reset(key, config);
            config->modem.reset = (enum config_reset)i;
            return;
        }
    config_refuse(key, path, value, reset_expected, problems);
}

static void read_reset_command(const struct config_key *key, const char *path, const cJSON *value,
                               struct config *config, struct config_problems *problems)
{
    char *command;

    if (!cJSON_IsString(value) || !key->is_valid(value->valuestring)) {
        config_refuse(key, path, value, key->expected, problems);
        return;
    }
    command = strdup(value->valuestring);
    if (!command) {
        config_refuse_memory(path, problems);
        return;
    }
    done_reset(key, config);
    config->modem.reset = CONFIG_RESET_COMMAND;
    config->modem.reset_command = command;
}

static void read_reset_exec(const struct config_key *key, const char *path, const cJSON *value,
                            struct config *config, struct config_problems *problems)
{
    char **argv = read_arguments(key, path, value, problems);

    if (!argv)
        return;
    done_reset(key, config);
    config->modem.reset = CONFIG_RESET_EXEC;
    config->modem.reset_exec = argv;
}

static void read_reset(const struct config_key *key, const char *path, const cJSON *value,
                       void *base, struct config_problems *problems)
{
    const cJSON *only = value->child;
    char at[PATH_TEXT_MAX];

    if (cJSON_IsString(value)) {
        read_rung(key, path, value, base, problems);
        return;
    }
    (void)snprintf(at, sizeof at, "%s.%s", path, only && !only->next ? only->string : "");
    if (only && !only->next && strcmp(only->string, "command") == 0)
        read_reset_command(key, at, only, base, problems);
    else if (only && !only->next && strcmp(only->string, "exec") == 0)
        read_reset_exec(key, at, only, base, problems);
    else
        config_refuse(key, path, value, reset_expected, problems);
}

static cJSON *print_reset(const struct config_key *key, const void *base)
{
    const struct config *config = base;
    cJSON *object;

    (void)key;
    if (config->modem.reset <= CONFIG_RESET_VENDOR)
        return cJSON_CreateString(rungs[config->modem.reset]);
    object = cJSON_CreateObject();
    if (config->modem.reset == CONFIG_RESET_COMMAND)
        (void)cJSON_AddItemToObject(object, "command", print_command(config->modem.reset_command));
    else
        (void)cJSON_AddItemToObject(object, "exec", print_arguments(config->modem.reset_exec));
    return object;
}

const struct config_kind config_kind_reset = {
    .types = cJSON_String | cJSON_Object,
    .describe = describe_reset,
    .read = read_reset,
    .print = print_reset,
    .done = done_reset,
};
