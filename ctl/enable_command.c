#include "ctl/commands.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/id.h"
#include "ctl/ask.h"
#include "ctl/field.h"
#include "ctl/follow.h"
#include "ctl/interrupt.h"
#include "ctl/reference.h"
#include "ctl/show.h"
#include "ctl/text.h"

/* A lost answer is asked for again with the same key: what the agent took it tells, and never does
 * twice. */

enum {
    TRIES = 7,
    TRY_MS = 10000,
    PAUSE_MS = 250,
    PAUSE_MAX_MS = 4000,
    PATH_MAX_BYTES = 128,
    LINE_MAX_BYTES = 512
};

struct enabling {
    struct context *ctl;
    char path[PATH_MAX_BYTES];
    char *body;
    char key[ID_SENDER_MAX + 1];
};

static char *body_of(const struct options *o)
{
    cJSON *json = cJSON_CreateObject();
    char *text = NULL;

    if (json && (!o->reason || cJSON_AddStringToObject(json, "reason", o->reason)) &&
        (!o->ttl_s || cJSON_AddNumberToObject(json, "ttl_s", (double)o->ttl_s)) &&
        (!o->confirm_s || cJSON_AddNumberToObject(json, "confirm_s", (double)o->confirm_s)) &&
        (!o->force || cJSON_AddTrueToObject(json, "force")))
        text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return text;
}

static bool set_key(struct enabling *e)
{
    const char *key = e->ctl->options->key;
    char id[ID_LEN + 1];

    if (key && !id_is_sender(key, strlen(key))) {
        ask_complain("--key: 1 to 64 of A-Z a-z 0-9 . _ - expected");
        return false;
    }
    id_make(clock_utc_ms(), id);
    if (key)
        (void)snprintf(e->key, sizeof e->key, "%s", key);
    else
        (void)snprintf(e->key, sizeof e->key, "lpmctl-%s", id);
    return true;
}

static enum client_result post(const struct enabling *e, int64_t deadline_ms,
                               struct client_answer *ret)
{
    char header[ID_SENDER_MAX + 32];
    const char *headers[] = { header, NULL };
    const struct client_call call = {
        .method = "POST",
        .path = e->path,
        .body = e->body,
        .headers = headers,
        .deadline_ms = clock_earlier(deadline_ms, clock_now_ms() + TRY_MS),
    };

    (void)snprintf(header, sizeof header, "Idempotency-Key: %s", e->key);
    return client_ask(e->ctl->socket, &call, ret);
}

/* The agent may have taken it, and could not say so. */
static bool is_lost(enum client_result result, bool lost_before, const struct client_answer *answer)
{
    if (result == CLIENT_OK)
        return lost_before && answer->status == 503;
    return result == CLIENT_LOST || result == CLIENT_TIMEOUT ||
           (result == CLIENT_ABSENT && lost_before);
}

/* Sets *ret_answer in any case. */
static enum outcome post_until_answered(const struct enabling *e, struct client_answer *ret_answer,
                                        cJSON **ret)
{
    int64_t deadline_ms = e->ctl->deadline_ms;
    int64_t pause_ms = PAUSE_MS;
    enum client_result result = post(e, deadline_ms, ret_answer);
    bool lost = is_lost(result, false, ret_answer);
    enum outcome outcome;

    for (int i = 1; lost && i < TRIES; i++) {
        int64_t again_ms = clock_now_ms() + pause_ms + id_random_below((uint32_t)pause_ms);

        if (again_ms >= deadline_ms || !interrupt_nap(again_ms - clock_now_ms()))
            break;
        pause_ms = pause_ms < PAUSE_MAX_MS / 2 ? 2 * pause_ms : PAUSE_MAX_MS;
        client_done(ret_answer);
        result = post(e, deadline_ms, ret_answer);
        lost = is_lost(result, true, ret_answer);
    }
    outcome = ask_judge(e->ctl, result, ret_answer, SHAPE_OPERATION, ret);
    if (lost || result == CLIENT_INTERRUPTED)
        ask_complain(
            "the agent may have taken it: 'lpmctl operations' shows that, and asking again with "
            "--key %s never switches twice",
            e->key);
    return outcome;
}

static enum outcome say_accepted(struct context *ctl, const cJSON *op)
{
    const char *id = field_shown(op, "id");
    char line[LINE_MAX_BYTES];

    if (follow_is_over(op))
        return show_end(ctl, op);
    (void)snprintf(line, sizeof line, "operation %s: %s; 'lpmctl operations %s' shows how it goes",
                   id, field_shown(op, "state"), id);
    text_put_line(ctl->out, line);
    return OUTCOME_OK;
}

static enum outcome run(struct enabling *e)
{
    struct context *ctl = e->ctl;
    struct client_answer answer;
    cJSON *op = NULL;
    enum outcome outcome = post_until_answered(e, &answer, &op);

    if (outcome == OUTCOME_OK && ctl->options->wait) {
        if (!ctl->options->json) {
            (void)fputs("operation ", ctl->out);
            text_put_line(ctl->out, field_shown(op, "id"));
        }
        outcome = follow_to_the_end(ctl, op);
        op = NULL;
    } else if (outcome == OUTCOME_OK && ctl->options->json) {
        ask_print(ctl, &answer);
        if (follow_is_over(op) && strcmp(field_shown(op, "state"), "succeeded") != 0)
            outcome = OUTCOME_FAILED;
    } else if (outcome == OUTCOME_OK) {
        outcome = say_accepted(ctl, op);
    }
    cJSON_Delete(op);
    client_done(&answer);
    return outcome;
}

enum outcome command_enable(struct context *ctl)
{
    struct enabling e = { .ctl = ctl };
    char *ref = NULL;
    enum outcome outcome;

    if (!set_key(&e))
        return OUTCOME_USAGE;
    interrupt_catch();
    outcome = reference_resolve(ctl, ctl->options->argument, &ref);
    if (outcome == OUTCOME_OK) {
        (void)snprintf(e.path, sizeof e.path, "/v1/profiles/%s/enable", ref);
        e.body = body_of(ctl->options);
        if (!e.body)
            ask_complain("out of memory");
        outcome = e.body ? run(&e) : OUTCOME_LOCAL;
    }
    free(e.body);
    free(ref);
    return outcome;
}
