#include "ctl/ask.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/json.h"
#include "ctl/advice.h"
#include "ctl/field.h"
#include "ctl/peer.h"
#include "ctl/text.h"

/* The agent gives a read of the card 30 s. */
enum { TIMEOUT_DEFAULT_S = 40, LINE_MAX_BYTES = 1024 };

int64_t ask_deadline(const struct options *options)
{
    int64_t s = options->timeout_s ? options->timeout_s : TIMEOUT_DEFAULT_S;

    return clock_now_ms() + s * 1000;
}

void ask_complain(const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list values;

    va_start(values, format);
    (void)vsnprintf(line, sizeof line, format, values);
    va_end(values);
    (void)fputs("lpmctl: ", stderr);
    text_put_safe(stderr, line);
    (void)fputc('\n', stderr);
}

static void explain_field(FILE *out, const char *label, const char *text)
{
    if (!text || !text[0])
        return;
    (void)fprintf(out, "  %s", label);
    text_put_safe(out, text);
    (void)fputc('\n', out);
}

void ask_explain(FILE *out, const char *headline, const cJSON *problem)
{
    const char *code = field_shown(problem, "code");
    double retry_s;

    text_put_safe(out, headline);
    text_put_safe(out, code[0] ? code : "(no code)");
    (void)fputs(": ", out);
    text_put_safe(out, field_shown(problem, "detail"));
    (void)fputc('\n', out);
    explain_field(out, "field: ", field_text(problem, "field"));
    explain_field(out, "status word: ", field_text(problem, "sw"));
    explain_field(out, "modem: ", field_text(problem, "at"));
    explain_field(out, "first reason: ", field_text(problem, "cause"));
    explain_field(out, "held by: ", field_text(problem, "holder"));
    explain_field(out, "until: ", field_text(problem, "until"));
    explain_field(out, "operation: ", field_text(problem, "operation"));
    if (field_number(problem, "retry_after_s", &retry_s))
        (void)fprintf(out, "  try again in: %.0f s\n", retry_s);
    explain_field(out, "what to do: ", advice_of_name(code));
}

static void explain_denied(const char *socket)
{
    const char *group = peer_group(socket);

    if (group)
        ask_complain("not allowed to open %s: it is for group '%s'; join that, or try sudo", socket,
                     group);
    else
        ask_complain("not allowed to open %s: try sudo", socket);
}

static enum outcome explain_silence(const struct context *ctl, enum client_result result,
                                    const struct client_answer *answer)
{
    switch (result) {
    case CLIENT_TIMEOUT:
        ask_complain("no answer from the agent in time");
        return OUTCOME_TIMEOUT;
    case CLIENT_INTERRUPTED:
    case CLIENT_STOPPED:
        return OUTCOME_INTERRUPTED;
    case CLIENT_TOO_MUCH:
    case CLIENT_BROKEN:
        ask_complain("%s: %s", ctl->socket, answer->why);
        return OUTCOME_LOCAL;
    case CLIENT_OK:
    case CLIENT_ABSENT:
    case CLIENT_LOST:
        break;
    }
    if (answer->os_errno == EACCES || answer->os_errno == EPERM)
        explain_denied(ctl->socket);
    else
        ask_complain("no agent at %s: %s; 'lpmctl doctor' looks why", ctl->socket, answer->why);
    return OUTCOME_UNREACHABLE;
}

void ask_print(struct context *ctl, const struct client_answer *answer)
{
    const struct buffer *body = &answer->body;

    (void)fwrite(buffer_text(body), 1, body->len, ctl->out);
    if (body->len > 0 && body->text[body->len - 1] != '\n')
        (void)fputc('\n', ctl->out);
}

static enum outcome explain_foreign(const struct context *ctl, const struct client_answer *answer)
{
    ask_complain("what answers at %s is not lpm-agent (status %ld, '%s')", ctl->socket,
                 answer->status, answer->type);
    return OUTCOME_LOCAL;
}

/* False: it is no JSON. */
static bool take_document(const struct client_answer *answer, cJSON **ret)
{
    const struct buffer *body = &answer->body;
    struct error e = { 0 };

    *ret = NULL;
    if (answer->status != 204)
        e = json_parse(buffer_text(body), body->len, ret);
    return !e.code;
}

bool ask_is_refused_as(const struct client_answer *answer, const char *code)
{
    cJSON *json = NULL;
    bool is = answer->status >= 400 && take_document(answer, &json) &&
              shape_fits(SHAPE_PROBLEM, json) && strcmp(field_shown(json, "code"), code) == 0;

    cJSON_Delete(json);
    return is;
}

enum outcome ask_judge(struct context *ctl, enum client_result result,
                       const struct client_answer *answer, enum shape shape, cJSON **ret)
{
    bool is_refusal = answer->status < 200 || answer->status >= 300;
    cJSON *json = NULL;

    *ret = NULL;
    if (result != CLIENT_OK)
        return explain_silence(ctl, result, answer);
    if (!take_document(answer, &json) || !shape_fits(is_refusal ? SHAPE_PROBLEM : shape, json)) {
        cJSON_Delete(json);
        return explain_foreign(ctl, answer);
    }
    if (!is_refusal) {
        *ret = json;
        return OUTCOME_OK;
    }
    if (ctl->options->json)
        ask_print(ctl, answer);
    ask_explain(stderr, "lpmctl: refused: ", json);
    cJSON_Delete(json);
    return OUTCOME_REFUSED;
}

enum outcome ask(struct context *ctl, const struct client_call *call, enum shape shape,
                 struct client_answer *ret_answer, cJSON **ret)
{
    enum client_result result = client_ask(ctl->socket, call, ret_answer);

    return ask_judge(ctl, result, ret_answer, shape, ret);
}

enum outcome ask_and_show(struct context *ctl, const char *method, const char *path,
                          const char *body, enum shape shape,
                          enum outcome (*show)(struct context *ctl, const cJSON *document))
{
    const struct client_call call = {
        .method = method,
        .path = path,
        .body = body,
        .deadline_ms = ctl->deadline_ms,
    };
    struct client_answer answer;
    cJSON *document = NULL;
    enum outcome outcome = ask(ctl, &call, shape, &answer, &document);

    if (outcome == OUTCOME_OK && ctl->options->json)
        ask_print(ctl, &answer);
    else if (outcome == OUTCOME_OK)
        outcome = show(ctl, document);
    cJSON_Delete(document);
    client_done(&answer);
    return outcome;
}
