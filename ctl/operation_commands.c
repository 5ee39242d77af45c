#include "ctl/commands.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ask.h"
#include "ctl/show.h"
#include "ctl/text.h"

enum { PATH_MAX_BYTES = 1024, WORD_MAX = 256 };

static enum outcome out_of_memory(void)
{
    ask_complain("out of memory");
    return OUTCOME_LOCAL;
}

/* "/v1/operations/ID" and what follows it. */
static enum outcome on_operation(struct context *ctl, const char *method, const char *behind,
                                 const char *body,
                                 enum outcome (*show)(struct context *ctl, const cJSON *document))
{
    char path[PATH_MAX_BYTES];
    char *id = text_percent(ctl->options->argument);
    enum outcome outcome;

    if (!id)
        return out_of_memory();
    if (strlen(id) > WORD_MAX) {
        ask_complain("this is no operation's id");
        outcome = OUTCOME_USAGE;
    } else {
        (void)snprintf(path, sizeof path, "/v1/operations/%s%s", id, behind);
        outcome = ask_and_show(ctl, method, path, body, SHAPE_OPERATION, show);
    }
    free(id);
    return outcome;
}

/* False: it does not fit, or no memory. */
static bool add_query(char path[PATH_MAX_BYTES], const char *name, const char *value)
{
    char *escaped = value ? text_percent(value) : NULL;
    size_t len = strlen(path);
    bool fits = !value;

    if (escaped)
        fits = snprintf(path + len, PATH_MAX_BYTES - len, "%c%s=%s", strchr(path, '?') ? '&' : '?',
                        name, escaped) < (int)(PATH_MAX_BYTES - len);
    free(escaped);
    return fits;
}

enum outcome command_operations(struct context *ctl)
{
    const struct options *o = ctl->options;
    char path[PATH_MAX_BYTES] = "/v1/operations";
    char limit[24];

    if (o->argument && (o->state || o->before || o->limit)) {
        ask_complain("operations: either an ID or --state, --limit, --before");
        return OUTCOME_USAGE;
    }
    if (o->argument)
        return on_operation(ctl, "GET", "", NULL, show_operation);
    (void)snprintf(limit, sizeof limit, "%" PRId64, o->limit);
    if (!add_query(path, "state", o->state) || !add_query(path, "before", o->before) ||
        !add_query(path, "limit", o->limit ? limit : NULL)) {
        ask_complain("operations: --state or --before is too long");
        return OUTCOME_USAGE;
    }
    return ask_and_show(ctl, "GET", path, NULL, SHAPE_OPERATIONS, show_operations);
}

enum outcome command_cancel(struct context *ctl)
{
    return on_operation(ctl, "POST", "/cancel", NULL, show_operation);
}

enum outcome command_confirm(struct context *ctl)
{
    return on_operation(ctl, "POST", "/confirm", NULL, show_operation);
}
