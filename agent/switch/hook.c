#include "agent/switch/hook.h"

#include <stdlib.h>

#include "agent/base/log.h"
#include "agent/modem/modem.h"
#include "config/config.h"

/* What the operation's end will say, for a program that is told before the end is written. */
static void foretell(const struct operation_end *end, struct operation *op)
{
    if (!end->has_result)
        return;
    op->has_result = true;
    op->changed = end->changed;
    op->has_now = end->has_now;
    op->now = end->now;
    op->blackout_ms = end->blackout_ms;
    op->verified = end->verified;
    op->problem.error = end->error;
}

/* Gives (free); NULL: no memory. */
static char *describe(const struct run *run)
{
    struct operation op;
    cJSON *json;
    char *text;

    if (!operations_find(run->tools->operations, run->op->id, &op))
        op = *run->op;
    foretell(&run->ret->end, &op);
    json = operation_to_json(&op);
    text = json ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    return text;
}

static struct error tell(struct run *run, const struct config_hook *hook)
{
    char *text = describe(run);
    struct error e = error_make(ERROR_IN_SYSTEM, ERROR_INTERNAL, 0, "no memory for the program");

    if (text)
        e = modem_run_program(run->tools->modem, hook->exec, text, 1000 * (int64_t)hook->timeout_s);
    free(text);
    return e;
}

/* Those that cannot stop anything. */
static void tell_only(struct run *run, const struct config_hook *hook, const char *name)
{
    struct error e;

    if (!hook->exec)
        return;
    e = tell(run, hook);
    if (e.code && e.code != ERROR_SHUTTING_DOWN)
        log_warning("program of switch.hooks failed, going on", LOG_STR("op", run->op->id),
                    LOG_STR("hook", name), LOG_ERR(&e));
}

struct error hook_before(struct run *run)
{
    const struct config_hook *hook = &run->tools->config->switching.before;
    struct error e;

    if (!hook->exec || run->saga.intent.hooked_before)
        return ERROR_OK;
    e = tell(run, hook);
    if (e.code == ERROR_SHUTTING_DOWN)
        return e;
    if (e.code)
        return error_make(e.domain, ERROR_INTERRUPTED, e.detail, "switch.hooks.before: %s",
                          e.message);
    run->saga.intent.hooked_before = true;
    return ERROR_OK;
}

void hook_after(struct run *run)
{
    if (run->saga.intent.hooked_after)
        return;
    tell_only(run, &run->tools->config->switching.after, "after");
    run->saga.intent.hooked_after = true;
}

void hook_undo(struct run *run)
{
    tell_only(run, &run->tools->config->switching.rolled_back, "rolled_back");
}
