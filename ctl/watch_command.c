#include "ctl/commands.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/json.h"
#include "agent/base/macros.h"
#include "ctl/ask.h"
#include "ctl/interrupt.h"
#include "ctl/show.h"
#include "ctl/stream.h"
#include "ctl/text.h"

struct watch {
    struct context *ctl;
    struct stream stream;
};

static const struct {
    const char *name;
    void (*show)(const cJSON *data, char ret[SHOW_LINE_MAX + 1]);
} kinds[] = {
    { "operation", show_operation_line },
    { "profiles", show_profiles_line },
    { "connectivity", show_network_line },
    { "health", show_health_line },
};

static void print_line(struct watch *w, const char *name, const cJSON *data)
{
    char at[CLOCK_TEXT_LEN + 1];
    char line[SHOW_LINE_MAX + 1] = "";
    FILE *out = w->ctl->out;

    if (strcmp(name, "reset") == 0)
        (void)snprintf(line, sizeof line, "events were lost here: read everything anew");
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0)
            kinds[i].show(data, line);
    clock_to_text(clock_utc_ms(), at);
    (void)fprintf(out, "%.19sZ  ", at);
    text_put_safe(out, name);
    (void)fprintf(out, "%*s ", text_width(name) < 12 ? (int)(12 - text_width(name)) : 0, "");
    text_put_safe(out, line);
    (void)fputc('\n', out);
}

/* The data as it came; a line break in JSON stands between values only. */
static void print_json(struct watch *w, const struct sse_event *event)
{
    cJSON *head = cJSON_CreateObject();
    char *text = NULL;

    if (head && cJSON_AddStringToObject(head, "event", event->name) &&
        cJSON_AddStringToObject(head, "id", event->id))
        text = cJSON_PrintUnformatted(head);
    cJSON_Delete(head);
    if (!text)
        return;
    (void)fprintf(w->ctl->out, "%.*s,\"data\":", (int)strlen(text) - 1, text);
    for (const char *at = event->data; *at; at++)
        (void)fputc(*at == '\n' ? ' ' : *at, w->ctl->out);
    (void)fputs("}\n", w->ctl->out);
    free(text);
}

static void on_event(const struct sse_event *event, void *ctx)
{
    struct watch *w = ctx;
    cJSON *data = NULL;
    struct error e = json_parse(event->data, strlen(event->data), &data);

    if (e.code)
        ask_complain("an event '%s' that is no JSON was left out", event->name);
    else if (w->ctl->options->json)
        print_json(w, event);
    else
        print_line(w, event->name, data);
    cJSON_Delete(data);
    if (fflush(w->ctl->out) != 0)
        w->stream.enough = true; /* nobody can read it any more */
}

/* OUTCOME_OK: try again. */
static enum outcome judge(struct watch *w, enum client_result result, bool ever_open,
                          const struct client_answer *answer)
{
    cJSON *document = NULL;
    enum outcome outcome;

    if (stream_is(result, answer))
        return OUTCOME_OK; /* the agent ended it */
    if (ever_open && (result != CLIENT_OK || answer->status == 503))
        return OUTCOME_OK;
    outcome = ask_judge(w->ctl, result, answer, SHAPE_STREAM, &document);
    cJSON_Delete(document);
    return outcome == OUTCOME_OK ? OUTCOME_LOCAL : outcome;
}

static bool goes_on(const struct watch *w, int64_t deadline_ms)
{
    return !interrupt_came() && !w->stream.enough && clock_now_ms() < deadline_ms;
}

static void wait_for_it(struct watch *w, int64_t deadline_ms)
{
    if (w->stream.open) /* just now it was there: said once, however often it is tried again */
        ask_complain("the agent at %s is away; waiting for it", w->ctl->socket);
    (void)interrupt_nap(clock_earlier(stream_pause_ms(&w->stream), deadline_ms - clock_now_ms()));
}

static enum outcome run(struct watch *w)
{
    int64_t deadline_ms = w->ctl->options->timeout_s ? w->ctl->deadline_ms : CLOCK_NEVER;
    bool ever_open = false;

    while (goes_on(w, deadline_ms)) {
        struct client_answer answer;
        enum client_result result =
            stream_run(&w->stream, w->ctl->socket, deadline_ms, NULL, &answer);
        enum outcome outcome = OUTCOME_OK;

        ever_open = ever_open || w->stream.open;
        /* Its time or Ctrl-C is the good end of a watch, but not of one that never began. */
        if (!ever_open || goes_on(w, deadline_ms))
            outcome = judge(w, result, ever_open, &answer);
        client_done(&answer);
        if (outcome != OUTCOME_OK)
            return outcome;
        if (goes_on(w, deadline_ms))
            wait_for_it(w, deadline_ms);
    }
    return w->stream.enough ? OUTCOME_LOCAL : OUTCOME_OK;
}

enum outcome command_watch(struct context *ctl)
{
    struct watch w = { .ctl = ctl };
    enum outcome outcome;

    interrupt_catch();
    stream_init(&w.stream, on_event, &w);
    outcome = run(&w);
    stream_done(&w.stream);
    return outcome;
}
