#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "ctl/outcome.h"

/* The command line: one table of commands, one of options; which option goes with which command is a
 * column of it. Help, parser and the tests of man page and completion all go by these rows. */

enum { OPTIONS_ARGUMENTS_MAX = 1, OPTIONS_WHY_MAX = 255 };

struct context;

struct command {
    const char *name;
    /* "REF", "[ID]"; "" none. */
    const char *arguments;
    int arguments_min, arguments_max;
    /* Names of the options that go with it, each with a blank before and behind. */
    const char *options;
    const char *help;
    /* More, for its own --help; may be NULL. */
    const char *more;
    enum outcome (*run)(struct context *ctl);
};

/* What was said; NULL, 0 and false: nothing. Texts are borrowed from argv. */
struct options {
    const struct command *command;
    const char *argument;
    const char *socket, *config, *reason, *key, *state, *before, *since, *holder, *log;
    bool json, wait, force, help, version;
    int64_t timeout_s, confirm_s, ttl_s, limit;
};

struct option_row {
    const char *name;
    char letter; /* 0: none */
    /* What its value is called; NULL: it takes none. */
    const char *value;
    size_t offset;
    /* Of numbers; 0 and 0: a text. */
    int64_t min, max;
    /* Goes with every command. */
    bool general;
    const char *help;
};

const struct command *options_commands(size_t *ret_count);
const struct option_row *options_rows(size_t *ret_count);
bool options_fits(const struct command *command, const struct option_row *row);

/* False: `ret_why` says what is wrong, in a line. Order of options and arguments is free; "--" ends
 * the options. */
bool options_parse(int argc, char **argv, struct options *ret, char ret_why[OPTIONS_WHY_MAX + 1]);
/* Of one command; NULL: of all. */
void options_print_help(const struct command *command, FILE *out);
