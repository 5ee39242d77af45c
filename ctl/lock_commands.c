#include "ctl/commands.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/ask.h"
#include "ctl/field.h"
#include "ctl/show.h"
#include "ctl/text.h"

enum { LOCK_TTL_MAX_S = 86400, PATH_MAX_BYTES = 512, HOLDER_MAX = 64 };

static const char lock_path[] = "/v1/locks/switch";

/* Nobody holding it is an answer here, no refusal. */
static enum outcome look(struct context *ctl)
{
    const struct client_call call = {
        .method = "GET",
        .path = lock_path,
        .deadline_ms = ctl->deadline_ms,
    };
    struct client_answer answer;
    cJSON *document = NULL;
    enum client_result result = client_ask(ctl->socket, &call, &answer);
    bool free_now = result == CLIENT_OK && ask_is_refused_as(&answer, "not-found");
    enum outcome outcome = OUTCOME_OK;

    if (!free_now)
        outcome = ask_judge(ctl, result, &answer, SHAPE_LOCK, &document);
    if (outcome == OUTCOME_OK && ctl->options->json)
        ask_print(ctl, &answer);
    else if (outcome == OUTCOME_OK && free_now)
        (void)fputs("nobody holds the lock\n", ctl->out);
    else if (outcome == OUTCOME_OK)
        outcome = show_lock(ctl, document);
    cJSON_Delete(document);
    client_done(&answer);
    return outcome;
}

static char *body_of(const struct options *o)
{
    cJSON *json = cJSON_CreateObject();
    char *text = NULL;

    if (json && cJSON_AddStringToObject(json, "holder", o->holder) &&
        cJSON_AddNumberToObject(json, "ttl_s", (double)o->ttl_s) &&
        (!o->reason || cJSON_AddStringToObject(json, "reason", o->reason)))
        text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return text;
}

enum outcome command_lock(struct context *ctl)
{
    const struct options *o = ctl->options;
    enum outcome outcome;
    char *body;

    if (!o->holder && !o->ttl_s && !o->reason)
        return look(ctl);
    if (!o->holder || !o->ttl_s || o->ttl_s > LOCK_TTL_MAX_S) {
        ask_complain("lock: --holder NAME and --ttl-s N (1 to %d) are needed", LOCK_TTL_MAX_S);
        return OUTCOME_USAGE;
    }
    body = body_of(o);
    if (!body) {
        ask_complain("out of memory");
        return OUTCOME_LOCAL;
    }
    outcome = ask_and_show(ctl, "PUT", lock_path, body, SHAPE_LOCK, show_lock);
    free(body);
    return outcome;
}

static enum outcome show_free(struct context *ctl, const cJSON *nothing)
{
    (void)nothing;
    (void)fputs("the lock is free\n", ctl->out);
    return OUTCOME_OK;
}

enum outcome command_unlock(struct context *ctl)
{
    const struct options *o = ctl->options;
    char path[PATH_MAX_BYTES] = "/v1/locks/switch?force=true";
    char *holder;

    if (!o->holder == !o->force || (o->holder && strlen(o->holder) > HOLDER_MAX)) {
        ask_complain("unlock: either --holder NAME (64 characters at most) or --force is needed");
        return OUTCOME_USAGE;
    }
    if (o->holder) {
        holder = text_percent(o->holder);
        if (!holder) {
            ask_complain("out of memory");
            return OUTCOME_LOCAL;
        }
        (void)snprintf(path, sizeof path, "/v1/locks/switch?holder=%s", holder);
        free(holder);
    }
    return ask_and_show(ctl, "DELETE", path, NULL, SHAPE_NOTHING, show_free);
}
