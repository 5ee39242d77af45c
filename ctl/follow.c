#include "ctl/follow.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/json.h"
#include "ctl/ask.h"
#include "ctl/field.h"
#include "ctl/interrupt.h"
#include "ctl/show.h"
#include "ctl/stream.h"
#include "ctl/text.h"

enum {
    ASK_MS = 10000,
    POLL_MS = 500,
    STREAM_AGAIN_MS = 5000,
    /* What an agent may take to come back after a restart, past the operation's own end. */
    GRACE_MS = 60000,
    UNKNOWN_MS = 2 * 3600 * 1000,
    ID_MAX = 64,
    PATH_MAX_BYTES = 128,
};

struct follow {
    struct context *ctl;
    char id[ID_MAX + 1];
    cJSON *op;
    int64_t deadline_ms;
    struct stream stream;
    /* Asked for anew since the stream is open: nothing fell between. */
    bool asked;
    /* The agent has no events: only asking helps. */
    bool no_events;
    /* It says that there is no such operation. */
    bool gone;
    bool reached;
    /* It was said that the agent is away. */
    bool told_away;
    /* Ended phases that were shown, and the one that runs: since when it was seen. */
    int shown;
    char phase[32];
    int64_t phase_ms;
    bool live, has_live_line;
};

bool follow_is_over(const cJSON *op)
{
    const char *state = field_shown(op, "state");

    return strcmp(state, "accepted") != 0 && strcmp(state, "running") != 0;
}

/* By --timeout; else what the operation itself says, which grows and shrinks with its changes. */
static void set_deadline(struct follow *f)
{
    const char *ends_by = field_text(f->op, "ends_by");
    int64_t left_ms = UNKNOWN_MS;
    int64_t utc_ms;

    if (f->ctl->options->timeout_s)
        return;
    if (ends_by) {
        struct error e = clock_from_text(ends_by, &utc_ms);

        if (!e.code && utc_ms > clock_utc_ms())
            left_ms = utc_ms - clock_utc_ms() + GRACE_MS;
    }
    f->deadline_ms = clock_now_ms() + left_ms;
}

static double rev_of(const cJSON *op)
{
    double rev = 0;

    (void)field_number(op, "rev", &rev);
    return rev;
}

/* --- what is shown --- */

static void clear_live_line(struct follow *f)
{
    if (f->has_live_line)
        (void)fputs("\r\033[K", f->ctl->out);
    f->has_live_line = false;
}

static void print_phase(struct follow *f, const char *name, double ms, const char *end)
{
    char took[TEXT_DURATION_MAX + 1];

    text_duration(ms, took);
    (void)fputs("  ", f->ctl->out);
    text_put_safe(f->ctl->out, name);
    (void)fprintf(f->ctl->out, "%*s %s%s", text_width(name) < 12 ? (int)(12 - text_width(name)) : 0,
                  "", took, end);
}

static void show_ended_phases(struct follow *f)
{
    const cJSON *phases = field_find(f->op, "phases");
    int count = cJSON_GetArraySize(phases);
    double ms;

    /* A long operation forgets its oldest ones. */
    f->shown = f->shown < count ? f->shown : count;
    for (; f->shown < count; f->shown++) {
        const cJSON *phase = cJSON_GetArrayItem(phases, f->shown);

        clear_live_line(f);
        if (field_number(phase, "ms", &ms))
            print_phase(f, field_shown(phase, "phase"), ms, "\n");
    }
}

static void show_live_line(struct follow *f)
{
    const char *phase = field_text(f->op, "phase");

    if (!phase)
        phase = field_shown(f->op, "state");
    if (strcmp(f->phase, phase) != 0) {
        (void)snprintf(f->phase, sizeof f->phase, "%s", phase);
        f->phase_ms = clock_now_ms();
    }
    clear_live_line(f);
    print_phase(f, phase, (double)(clock_now_ms() - f->phase_ms), " …");
    f->has_live_line = true;
}

static void show(struct follow *f)
{
    if (f->ctl->options->json)
        return;
    show_ended_phases(f);
    if (f->live && !follow_is_over(f->op))
        show_live_line(f);
    else
        clear_live_line(f);
    (void)fflush(f->ctl->out);
}

/* --- what comes --- */

/* Takes it. */
static void take_operation(struct follow *f, cJSON *op)
{
    if (strcmp(field_shown(op, "id"), f->id) != 0 || rev_of(op) < rev_of(f->op)) {
        cJSON_Delete(op);
        return;
    }
    cJSON_Delete(f->op);
    f->op = op;
    f->reached = true;
    set_deadline(f);
    show(f);
}

static void on_event(const struct sse_event *event, void *ctx)
{
    struct follow *f = ctx;
    cJSON *json = NULL;
    struct error e;

    if (strcmp(event->name, "reset") == 0)
        f->asked = false;
    if (strcmp(event->name, "operation") != 0)
        return;
    e = json_parse(event->data, strlen(event->data), &json);
    if (!e.code)
        take_operation(f, json);
}

static void ask_again(struct follow *f)
{
    char path[PATH_MAX_BYTES];
    struct client_call call = { .method = "GET", .path = path };
    struct client_answer answer;
    enum client_result result;
    cJSON *json = NULL;

    (void)snprintf(path, sizeof path, "/v1/operations/%s", f->id);
    call.deadline_ms = clock_earlier(f->deadline_ms, clock_now_ms() + ASK_MS);
    result = client_ask(f->ctl->socket, &call, &answer);
    /* That our own time is over says nothing of the agent. */
    if (result != CLIENT_TIMEOUT || clock_now_ms() < f->deadline_ms)
        f->reached = result == CLIENT_OK;
    f->gone = result == CLIENT_OK && answer.status == 404;
    if (result == CLIENT_OK && answer.status == 200) {
        struct error e = json_parse(buffer_text(&answer.body), answer.body.len, &json);

        if (!e.code)
            take_operation(f, json);
    }
    client_done(&answer);
}

/* Once each time that it goes. */
static void tell_away(struct follow *f)
{
    if (!f->reached && !f->told_away) {
        clear_live_line(f);
        ask_complain(
            "the agent does not answer; the switch goes on without it, waiting for its word");
    }
    f->told_away = !f->reached;
}

static bool goes_on(const struct follow *f)
{
    return !follow_is_over(f->op) && !f->gone && clock_now_ms() < f->deadline_ms;
}

static bool on_tick(void *ctx)
{
    struct follow *f = ctx;

    if (f->stream.open && !f->asked) {
        ask_again(f);
        f->asked = f->reached;
    }
    if (f->live && goes_on(f))
        show(f);
    return goes_on(f);
}

/* Until the stream is lost, or it is over. */
static void listen(struct follow *f)
{
    struct client_answer answer;
    enum client_result result;

    f->asked = false;
    result = stream_run(&f->stream, f->ctl->socket, f->deadline_ms + GRACE_MS, on_tick, &answer);
    f->no_events = result == CLIENT_OK && answer.status == 404;
    client_done(&answer);
}

static void poll_for_a_while(struct follow *f)
{
    int64_t end_ms = f->no_events ? CLOCK_NEVER : clock_now_ms() + STREAM_AGAIN_MS;

    while (goes_on(f) && clock_now_ms() < end_ms && !interrupt_came()) {
        ask_again(f);
        tell_away(f);
        if (f->live && goes_on(f))
            show(f);
        if (goes_on(f) && !interrupt_nap(POLL_MS))
            return;
    }
}

static enum outcome tell_goes_on(const struct follow *f)
{
    if (f->gone) {
        ask_complain("the agent knows operation %s no more", f->id);
        return OUTCOME_REFUSED;
    }
    ask_complain("operation %s goes on; follow it with 'lpmctl operations %s', 'lpmctl cancel %s' "
                 "takes it back as long as the card was not told",
                 f->id, f->id, f->id);
    if (interrupt_came())
        return OUTCOME_INTERRUPTED;
    return f->reached ? OUTCOME_TIMEOUT : OUTCOME_UNREACHABLE;
}

/* Ended or not: whoever started it needs its id. */
static bool print_document(const struct follow *f)
{
    char *text = cJSON_PrintUnformatted(f->op);

    if (text)
        (void)fprintf(f->ctl->out, "%s\n", text);
    free(text);
    return text != NULL;
}

static enum outcome tell_end(struct follow *f)
{
    bool is_over = follow_is_over(f->op);

    if (is_over && !f->ctl->options->json)
        return show_end(f->ctl, f->op);
    if (f->ctl->options->json && !print_document(f)) {
        ask_complain("out of memory");
        return OUTCOME_LOCAL;
    }
    if (!is_over)
        return tell_goes_on(f);
    return strcmp(field_shown(f->op, "state"), "succeeded") == 0 ? OUTCOME_OK : OUTCOME_FAILED;
}

enum outcome follow_to_the_end(struct context *ctl, cJSON *operation)
{
    struct follow f = {
        .ctl = ctl,
        .op = operation,
        .deadline_ms = ctl->deadline_ms,
        .reached = true,
        .live = text_takes_escapes(ctl->out) && !ctl->options->json,
    };
    enum outcome outcome;

    (void)snprintf(f.id, sizeof f.id, "%s", field_shown(operation, "id"));
    set_deadline(&f);
    stream_init(&f.stream, on_event, &f);
    show(&f);
    while (goes_on(&f) && !interrupt_came()) {
        if (!f.no_events)
            listen(&f);
        if (goes_on(&f) && !interrupt_came())
            poll_for_a_while(&f);
    }
    clear_live_line(&f);
    outcome = tell_end(&f);
    stream_done(&f.stream);
    cJSON_Delete(f.op);
    return outcome;
}
