#include <stdlib.h>

#include "ctl/ask.h"
#include "ctl/commands.h"
#include "ctl/place.h"
#include "ctl/text.h"

/* Wiring: the command line, where the agent is, the command. */

static enum outcome run(const struct options *options)
{
    char *socket = place_socket(options);
    struct context ctl = {
        .options = options,
        .socket = socket,
        .deadline_ms = ask_deadline(options),
        .out = stdout,
        .colour = text_wants_colour(stdout) && !options->json,
    };
    enum outcome outcome = OUTCOME_LOCAL;

    if (socket)
        outcome = options->command->run(&ctl);
    else
        ask_complain("out of memory");
    free(socket);
    return outcome;
}

int main(int argc, char **argv)
{
    struct options options;
    char why[OPTIONS_WHY_MAX + 1];
    enum outcome outcome = OUTCOME_OK;

    if (!options_parse(argc, argv, &options, why)) {
        ask_complain("%s", why);
        (void)fputs("Try lpmctl --help\n", stderr);
        return OUTCOME_USAGE;
    }
    if (options.version)
        (void)puts("lpmctl " LPM_VERSION);
    else if (options.help)
        options_print_help(options.command, stdout);
    else
        outcome = run(&options);
    if (ferror(stdout) || fflush(stdout) != 0) {
        ask_complain("what there was to say could not be written");
        outcome = outcome == OUTCOME_OK ? OUTCOME_LOCAL : outcome;
    }
    return (int)outcome;
}
