#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "config/config.h"

/* Every key of the configuration, one row each: where it stands in the file and in the struct, what
 * it may be, and what it is when nobody says. Reading, printing, the schema's test and the
 * environment all go by these rows. */

struct config_key;

/* How the values of one type are read, printed and freed. `base` is the struct that the key's
 * offsets count from. */
struct config_kind {
    /* The JSON types it is made from, as cJSON's bits. */
    int types;
    /* What a value has to be, as in "expected …". */
    void (*describe)(const struct config_key *key, char *ret, size_t size);
    /* A value of one of `types`, never null. On a problem the old value stays. */
    void (*read)(const struct config_key *key, const char *path, const cJSON *value, void *base,
                 struct config_problems *problems);
    /* Gives; NULL: no memory. */
    cJSON *(*print)(const struct config_key *key, const void *base);
    /* NULL: it owns nothing. */
    void (*done)(const struct config_key *key, void *base);
};

struct config_key {
    /* "mqtt.keepalive_s" */
    const char *path;
    const struct config_kind *kind;
    size_t offset;
    /* Where a counted array keeps its count. */
    size_t count_offset;
    /* The default, as JSON. "null": null is allowed. */
    const char *preset;
    /* Of numbers. */
    double min, max;
    /* Of an enum: its names by value, the last one NULL. */
    const char *const *choices;
    /* Of texts, and of an array's items. */
    bool (*is_valid)(const char *text);
    const char *expected;
    /* Null is allowed though it is not the default. */
    bool takes_null;
    /* A file that has to be readable. */
    bool is_file;
    /* May hold a secret by mistake: never quoted. */
    bool is_hidden;
};

extern const struct config_kind config_kind_bool;
extern const struct config_kind config_kind_int;
extern const struct config_kind config_kind_number;
extern const struct config_kind config_kind_choice;
extern const struct config_kind config_kind_text;
extern const struct config_kind config_kind_texts;
extern const struct config_kind config_kind_argv;
extern const struct config_kind config_kind_mode;
extern const struct config_kind config_kind_aid;
extern const struct config_kind config_kind_iccids;
extern const struct config_kind config_kind_targets;
extern const struct config_kind config_kind_commands;
extern const struct config_kind config_kind_reset;

/* Of struct config; in the order in which they are printed. */
const struct config_key *config_keys(size_t *ret_count);
/* Of struct config_profile; paths are relative to "profiles.<iccid>". */
const struct config_key *config_profile_keys(size_t *ret_count);

bool config_key_is_nullable(const struct config_key *key);
/* The value at a dotted path; NULL: there is none. */
const cJSON *config_find(const cJSON *root, const char *path);
