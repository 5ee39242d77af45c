#include "ctl/options.h"

#include <errno.h>
#include <stdarg.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/macros.h"
#include "ctl/commands.h"

enum { TEN_YEARS_S = 315360000 };

static const char ref_help[] = "REF is an ICCID, the AID of an ISD-P (32 hex digits), or a label "
                               "or nickname that one profile\n"
                               "alone has.\n";

// clang-format off
static const struct command commands[] = {
    { "eid", "", 0, 0, " ", "the card's EID", NULL, command_eid },
    { "profiles", "", 0, 0, " ", "the profiles on the card, and which one is in use", NULL, command_profiles },
    { "enable", "REF", 1, 1, " wait reason force confirm-s ttl-s key ", "put a profile in use",
      "\nWithout --wait it says the operation's id and ends. With it, Ctrl-C ends lpmctl alone: the switch\n"
      "goes on.\n", command_enable },
    { "plan", "REF", 1, 1, " ", "what an enable would do, and what stands in its way", NULL, command_plan },
    { "operations", "[ID]", 0, 1, " state limit before ", "the last switches, newest first, or one", NULL, command_operations },
    { "cancel", "ID", 1, 1, " ", "take a switch back, as long as the card was not told", NULL, command_cancel },
    { "confirm", "ID", 1, 1, " ", "the word that a switch with --confirm-s waits for", NULL, command_confirm },
    { "watch", "", 0, 0, " ", "what happens, as it happens, until Ctrl-C", NULL, command_watch },
    { "connectivity", "", 0, 0, " since ", "the network as the modem sees it", NULL, command_connectivity },
    { "lock", "", 0, 0, " holder ttl-s reason ", "keep others from switching; without --holder: who does",
      "\n--holder and --ttl-s (1 to 86400) take the lock or renew it.\n", command_lock },
    { "unlock", "", 0, 0, " holder force ", "give the lock back", NULL, command_unlock },
    { "info", "", 0, 0, " ", "agent, modem, card, broker", NULL, command_info },
    { "doctor", "", 0, 0, " ", "look for trouble, and say what to do; with or without a running agent", NULL, command_doctor },
    { "bundle", "[FILE]", 0, 1, " log ", "a .tar.gz for support, identities and secrets taken out", NULL, command_bundle },
};

#define AT(member) offsetof(struct options, member)
static const struct option_row rows[] = {
    { "wait", 'w', NULL, AT(wait), 0, 0, false, "wait until the switch has ended, and show its phases" },
    { "reason", 0, "TEXT", AT(reason), 0, 0, false, "told with it, 256 bytes at most" },
    { "force", 0, NULL, AT(force), 0, 0, false, "pass the lock and the limits; of unlock: whoever holds it" },
    { "confirm-s", 0, "N", AT(confirm_s), 60, 86400, false, "go back unless 'lpmctl confirm' comes within N s (60 to 86400)" },
    { "ttl-s", 0, "N", AT(ttl_s), 1, 604800, false, "how long it may wait to begin, or the lock holds" },
    { "key", 0, "KEY", AT(key), 0, 0, false, "the same key never switches twice; default: a fresh one" },
    { "state", 0, "STATE", AT(state), 0, 0, false, "only these: accepted, running, succeeded, failed, …" },
    { "limit", 0, "N", AT(limit), 1, 100, false, "at most so many (1 to 100)" },
    { "before", 0, "ID", AT(before), 0, 0, false, "only those older than this one" },
    { "since", 0, "TIME", AT(since), 0, 0, false, "all readings since: 2026-11-26T08:00:00Z, or 90m, 6h, 2d ago" },
    { "holder", 0, "NAME", AT(holder), 0, 0, false, "who takes or gives the lock" },
    { "log", 0, "FILE", AT(log), 0, 0, false, "the log to put in; default: journalctl -u lpm-agent" },
    { "socket", 0, "PATH", AT(socket), 0, 0, true, "the agent's socket; default: $LPM_SOCKET, else $LPM_AGENT__API__SOCKET, else api.socket of the configuration" },
    { "config", 'c', "FILE", AT(config), 0, 0, true, "default: /etc/lpm-agent/config.json" },
    { "json", 'j', NULL, AT(json), 0, 0, true, "what the agent said, for programs" },
    { "timeout", 0, "S", AT(timeout_s), 1, TEN_YEARS_S, true, "give up after S seconds; default: 40, with --wait the switch's own longest time" },
    { "help", 'h', NULL, AT(help), 0, 0, true, "print this, or help on the command" },
    { "version", 0, NULL, AT(version), 0, 0, true, "print the version" },
};
// clang-format on

enum { FIRST_VALUE = 256 };

const struct command *options_commands(size_t *ret_count)
{
    *ret_count = ARRAY_LEN(commands);
    return commands;
}

const struct option_row *options_rows(size_t *ret_count)
{
    *ret_count = ARRAY_LEN(rows);
    return rows;
}

bool options_fits(const struct command *command, const struct option_row *row)
{
    char name[32];

    (void)snprintf(name, sizeof name, " %s ", row->name);
    return row->general || strstr(command->options, name) != NULL;
}

static bool PRINTF_LIKE(2, 3) say(char why[OPTIONS_WHY_MAX + 1], const char *format, ...)
{
    va_list values;

    va_start(values, format);
    (void)vsnprintf(why, OPTIONS_WHY_MAX + 1, format, values);
    va_end(values);
    return false;
}

static bool read_number(const struct option_row *row, const char *text, int64_t *ret, char *why)
{
    char *end = NULL;
    long long value;

    errno = 0;
    value = strtoll(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || value < row->min || value > row->max)
        return say(why, "--%s: a number from %" PRId64 " to %" PRId64 " expected", row->name,
                   row->min, row->max);
    *ret = value;
    return true;
}

static bool keep(const struct option_row *row, const char *value, struct options *to, char *why)
{
    void *at = (char *)to + row->offset;

    if (!row->value)
        *(bool *)at = true;
    else if (row->max > 0)
        return read_number(row, value, at, why);
    else if (value[0] == '\0')
        return say(why, "--%s: it is empty", row->name);
    else
        *(const char **)at = value;
    return true;
}

static void describe(struct option *ret_long, char *ret_short)
{
    *ret_short++ = ':';
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ret_long[i] = (struct option){
            .name = rows[i].name,
            .has_arg = rows[i].value ? required_argument : no_argument,
            .val = FIRST_VALUE + (int)i,
        };
        if (rows[i].letter)
            *ret_short++ = rows[i].letter;
        if (rows[i].letter && rows[i].value)
            *ret_short++ = ':';
    }
    *ret_short = '\0';
}

static const struct option_row *row_of(int option)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (option == FIRST_VALUE + (int)i || (option < FIRST_VALUE && option == rows[i].letter))
            return &rows[i];
    return NULL;
}

/* The word that a letter without meaning stands in: getopt_long() may be in the middle of it, or past it. */
static const char *word_with(int letter, char **argv)
{
    return argv[optind] && strchr(argv[optind], letter) ? argv[optind] : argv[optind - 1];
}

/* What getopt_long() stopped at: `optopt` has a letter, or a long option that is known; 0: the word has it. */
static bool say_stopped(int reason, char **argv, char *why)
{
    const struct option_row *row = optopt >= FIRST_VALUE ? row_of(optopt) : NULL;

    if (row)
        return say(why, "--%s: %s", row->name,
                   reason == ':' ? "a value is missing" : "it takes no value");
    if (reason == ':')
        return say(why, "-%c: a value is missing", optopt);
    if (optopt > 0 && optopt < 0x80)
        return say(why, "no such option: '-%c'", optopt);
    return say(why, "no such option: '%s'", optopt ? word_with(optopt, argv) : argv[optind - 1]);
}

static bool find_command(const char *name, struct options *to, char *why)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, name) == 0) {
            to->command = &commands[i];
            return true;
        }
    return say(why, "no such command: '%s'", name);
}

/* The command, then its arguments. */
static bool take_words(int count, char **words, struct options *to, char *why)
{
    if (count == 0)
        return to->help || to->version || say(why, "which command?");
    if (!find_command(words[0], to, why))
        return false;
    if (to->help)
        return true;
    if (count - 1 < to->command->arguments_min)
        return say(why, "%s: %s is missing", to->command->name, to->command->arguments);
    if (count - 1 > to->command->arguments_max)
        return say(why, "%s: unexpected argument '%s'", to->command->name,
                   words[1 + to->command->arguments_max]);
    to->argument = count > 1 ? words[1] : NULL;
    return !to->argument || to->argument[0] || say(why, "%s is empty", to->command->arguments);
}

static bool all_fit(const struct options *o, const bool *seen, char *why)
{
    for (size_t i = 0; o->command && i < ARRAY_LEN(rows); i++)
        if (seen[i] && !options_fits(o->command, &rows[i]))
            return say(why, "%s takes no --%s", o->command->name, rows[i].name);
    return true;
}

bool options_parse(int argc, char **argv, struct options *ret, char ret_why[OPTIONS_WHY_MAX + 1])
{
    struct option longs[ARRAY_LEN(rows) + 1] = { 0 };
    char shorts[2 * ARRAY_LEN(rows) + 2];
    bool seen[ARRAY_LEN(rows)] = { false };

    *ret = (struct options){ 0 };
    describe(longs, shorts);
    opterr = 0;
    optind = 0; /* glibc: from the start, also a second time */
    for (int option; (option = getopt_long(argc, argv, shorts, longs, NULL)) != -1;) {
        const struct option_row *row = row_of(option);

        if (!row)
            return say_stopped(option, argv, ret_why);
        seen[row - rows] = true;
        if (!keep(row, optarg, ret, ret_why))
            return false;
    }
    return take_words(argc - optind, argv + optind, ret, ret_why) && all_fit(ret, seen, ret_why);
}

static void print_options(const struct command *command, bool general, FILE *out)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char left[64];
        const char *letter = rows[i].letter ? (char[]){ '-', rows[i].letter, ',', ' ', 0 } : "    ";

        if (rows[i].general != general || (command && !options_fits(command, &rows[i])))
            continue;
        (void)snprintf(left, sizeof left, "%s--%s%s%s", letter, rows[i].name,
                       rows[i].value ? " " : "", rows[i].value ? rows[i].value : "");
        (void)fprintf(out, "  %-20s %s\n", left, rows[i].help);
    }
}

static void print_one(const struct command *command, FILE *out)
{
    bool has_own = strlen(command->options) > 1;

    (void)fprintf(out, "Usage: lpmctl %s%s%s%s\n\n%c%s.\n", command->name,
                  command->arguments[0] ? " " : "", command->arguments, " [OPTION]…",
                  command->help[0] - ('a' <= command->help[0] && command->help[0] <= 'z' ? 32 : 0),
                  command->help + 1);
    if (strcmp(command->arguments, "REF") == 0)
        (void)fputs(ref_help, out);
    if (command->more)
        (void)fputs(command->more, out);
    (void)fputs("\n", out);
    if (has_own)
        print_options(command, false, out);
    print_options(command, true, out);
}

void options_print_help(const struct command *command, FILE *out)
{
    if (command) {
        print_one(command, out);
        return;
    }
    (void)fputs("Usage: lpmctl COMMAND [ARGUMENT] [OPTION]…\n\n"
                "Reads the eSIM card and switches its profiles, through a running lpm-agent.\n\n",
                out);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        (void)fprintf(out, "  %-12s %-6s %s\n", commands[i].name, commands[i].arguments,
                      commands[i].help);
    (void)fprintf(out, "\n%s\n", ref_help);
    print_options(NULL, true, out);
    (void)fputs("\n'lpmctl COMMAND --help' says what goes with a command.\n"
                "Exit status: 0 done, 1 the switch failed or doctor found trouble, 2 wrong usage, "
                "3 no agent there,\n"
                "4 the agent refused, 5 no answer in time, 6 trouble here, 130 interrupted.\n",
                out);
}
