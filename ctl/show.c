#include "ctl/show.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/macros.h"
#include "ctl/ask.h"
#include "ctl/field.h"
#include "ctl/text.h"

/* Text that grows up to its end; what does not fit any more is left out. */
struct line {
    char *text;
    size_t size, len;
};

static struct line line_of(char *text, size_t size)
{
    text[0] = '\0';
    return (struct line){ .text = text, .size = size };
}

static void PRINTF_LIKE(2, 3) add(struct line *l, const char *format, ...)
{
    va_list values;
    int n;

    va_start(values, format);
    n = vsnprintf(l->text + l->len, l->size - l->len, format, values);
    va_end(values);
    if (n > 0)
        l->len = l->len + (size_t)n < l->size ? l->len + (size_t)n : l->size - 1;
}

static enum outcome print_table(struct context *ctl, struct text_table *t)
{
    bool printed = text_table_print(t, ctl->out, ctl->colour);

    text_table_done(t);
    return printed ? OUTCOME_OK : OUTCOME_LOCAL;
}

/* Two columns: what, and how it is; a row that nothing is known of is left out. */
static void add_fact(struct text_table *t, enum text_colour colour, const char *what,
                     const char *format, ...) PRINTF_LIKE(4, 5);

static void add_fact(struct text_table *t, enum text_colour colour, const char *what,
                     const char *format, ...)
{
    char value[SHOW_LINE_MAX + 1];
    va_list values;

    va_start(values, format);
    (void)vsnprintf(value, sizeof value, format, values);
    va_end(values);
    if (value[0])
        text_table_add(t, colour, (const char *const[]){ what, value });
}

static void add_facts(struct text_table *t, const cJSON *json, const char *const (*rows)[2],
                      size_t count)
{
    for (size_t i = 0; i < count; i++)
        add_fact(t, TEXT_PLAIN, rows[i][0], "%s", field_shown(json, rows[i][1]));
}

enum outcome show_eid(struct context *ctl, const cJSON *document)
{
    text_put_line(ctl->out, field_shown(document, "eid"));
    if (field_is_false(document, "valid"))
        ask_complain("its check digits are wrong");
    return OUTCOME_OK;
}

static void add_profile(struct text_table *t, const cJSON *row)
{
    bool enabled = field_is_true(row, "enabled");
    const char *iccid = field_text(row, "iccid");
    const char *name = field_text(row, "nickname");
    char note[128];
    struct line l = line_of(note, sizeof note);

    if (field_is_true(row, "fallback"))
        add(&l, "fallback");
    if (field_text(row, "last_error"))
        add(&l, "%slast switch: %s", l.len ? ", " : "", field_shown(row, "last_error"));
    if (cJSON_GetArraySize(field_find(row, "warnings")) > 0)
        add(&l, "%sodd ICCID", l.len ? ", " : "");
    text_table_add(
        t, enabled ? TEXT_BOLD : TEXT_PLAIN,
        (const char *const[]){ enabled ? "*" : "", iccid ? iccid : field_shown(row, "aid"),
                               field_shown(row, "label"), name ? name : field_shown(row, "name"),
                               field_shown(row, "provider"), note });
}

enum outcome show_profiles(struct context *ctl, const cJSON *document)
{
    static const char *const headings[] = { " ", "ICCID", "LABEL", "NAME", "PROVIDER", "" };
    struct text_table t;
    const cJSON *row;

    text_table_init(&t, ARRAY_LEN(headings), headings);
    cJSON_ArrayForEach (row, field_find(document, "profiles"))
        add_profile(&t, row);
    return print_table(ctl, &t);
}

static void add_trouble(struct text_table *t, const char *what, const cJSON *at)
{
    const cJSON *trouble = field_find(at, "trouble");

    if (trouble)
        add_fact(t, TEXT_RED, what, "%s: %s", field_shown(trouble, "code"),
                 field_shown(trouble, "detail"));
}

static void add_modem(struct text_table *t, const cJSON *info)
{
    add_fact(t, TEXT_PLAIN, "modem", "%s", field_shown(info, "modem.state"));
    add_fact(t, TEXT_PLAIN, "  model", "%s %s %s", field_shown(info, "modem.manufacturer"),
             field_shown(info, "modem.model"), field_shown(info, "modem.revision"));
    static const char *const rows[][2] = { { "  port", "modem.port" },
                                           { "  transport", "modem.transport" } };
    add_facts(t, info, rows, ARRAY_LEN(rows));
    add_trouble(t, "  trouble", field_find(info, "modem"));
}

static void add_broker(struct text_table *t, const cJSON *broker)
{
    if (!broker)
        return;
    add_fact(t, TEXT_PLAIN, "broker", "%s%s%s",
             field_is_false(broker, "configured") ? "not configured"
             : field_is_true(broker, "online")    ? "online"
                                                  : "offline",
             field_text(broker, "since") ? " since " : "", field_shown(broker, "since"));
    add_trouble(t, "  trouble", broker);
}

/* Of a number that counts `unit_ms`. */
static void add_duration(struct text_table *t, const char *name, const cJSON *at, const char *path,
                         double unit_ms)
{
    char text[TEXT_DURATION_MAX + 1];
    double number;

    if (!field_number(at, path, &number))
        return;
    text_duration(number * unit_ms, text);
    add_fact(t, TEXT_PLAIN, name, "%s", text);
}

enum outcome show_info(struct context *ctl, const cJSON *info)
{
    static const char *const agent[][2] = {
        { "agent", "agent.version" },
        { "device", "agent.device_id" },
        { "started", "agent.started_at" },
    };
    static const char *const card[][2] = { { "card", "card.interface" }, { "  EID", "card.eid" } };
    struct text_table t;
    double number;

    text_table_init(&t, 2, NULL);
    add_facts(&t, info, agent, ARRAY_LEN(agent));
    add_duration(&t, "up for", info, "agent.uptime_s", 1000);
    if (field_is_false(info, "agent.clock_set"))
        add_fact(&t, TEXT_YELLOW, "clock", "not set");
    add_modem(&t, info);
    add_facts(&t, info, card, ARRAY_LEN(card));
    if (field_number(info, "card.profiles", &number))
        add_fact(&t, TEXT_PLAIN, "  profiles", "%.0f", number);
    if (field_find(info, "card.enabled_since"))
        add_fact(&t, TEXT_PLAIN, "  in use since", "%s, by %s",
                 field_shown(info, "card.enabled_since"), field_shown(info, "card.enabled_by"));
    add_broker(&t, field_find(info, "broker"));
    if (field_is_false(info, "storage.ok"))
        add_fact(&t, TEXT_RED, "storage", "%s", field_shown(info, "storage.detail"));
    else if (field_is_true(info, "storage.ok"))
        add_fact(&t, TEXT_PLAIN, "storage", "ok");
    if (field_find(info, "lock"))
        add_fact(&t, TEXT_YELLOW, "lock", "held by %s until %s", field_shown(info, "lock.holder"),
                 field_shown(info, "lock.until"));
    if (field_is_true(info, "stranded"))
        add_fact(&t, TEXT_RED, "stranded", "no profile works; the agent goes on trying");
    add_fact(&t, TEXT_PLAIN, "you are", "%s", field_shown(info, "role"));
    return print_table(ctl, &t);
}

static void add_level(struct line *l, const cJSON *signal, const char *const row[3])
{
    double value;

    if (field_number(signal, row[0], &value))
        add(l, "%s%s %g %s", l->len ? ", " : "", row[1], value, row[2]);
}

static void signal_text(const cJSON *connectivity, char *ret, size_t size)
{
    static const char *const rows[][3] = {
        { "rsrp_dbm", "RSRP", "dBm" }, { "rsrq_db", "RSRQ", "dB" },  { "sinr_db", "SINR", "dB" },
        { "rscp_dbm", "RSCP", "dBm" }, { "ecno_db", "Ec/No", "dB" }, { "rssi_dbm", "RSSI", "dBm" },
    };
    const cJSON *signal = field_find(connectivity, "signal");
    struct line l = line_of(ret, size);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        add_level(&l, signal, rows[i]);
}

static void data_text(const cJSON *connectivity, char *ret, size_t size)
{
    const cJSON *data = field_find(connectivity, "data");
    const cJSON *address;
    struct line l = line_of(ret, size);

    if (field_is_true(data, "attached"))
        add(&l, "attached");
    else if (field_is_false(data, "attached"))
        add(&l, "not attached");
    cJSON_ArrayForEach (address, field_find(data, "addresses"))
        if (cJSON_IsString(address))
            add(&l, " %s", address->valuestring);
}

static void quality_text(const cJSON *connectivity, char *ret, size_t size)
{
    struct line l = line_of(ret, size);
    double value;

    if (field_number(connectivity, "quality.loss_pct", &value))
        add(&l, "%g %% lost", value);
    if (field_number(connectivity, "quality.rtt_ms", &value))
        add(&l, "%s%g ms", l.len ? ", " : "", value);
}

/* "2026-11-26T08:00:00.120Z" without its milliseconds. */
static void short_stamp(const cJSON *json, const char *path, char ret[32])
{
    const char *text = field_shown(json, path);
    const char *dot = strchr(text, '.');

    if (dot && strcmp(text + strlen(text) - 1, "Z") == 0)
        (void)snprintf(ret, 32, "%.*sZ", (int)(dot - text < 30 ? dot - text : 30), text);
    else
        (void)snprintf(ret, 32, "%s", text);
}

static void add_sample(struct text_table *t, const cJSON *sample)
{
    char at[32], signal[128], data[160], quality[64];

    short_stamp(sample, "at", at);
    signal_text(sample, signal, sizeof signal);
    data_text(sample, data, sizeof data);
    quality_text(sample, quality, sizeof quality);
    text_table_add(t, TEXT_PLAIN,
                   (const char *const[]){
                       at, field_shown(sample, "registration"), field_shown(sample, "operator"),
                       field_shown(sample, "technology"), signal, data, quality });
}

static enum outcome show_samples(struct context *ctl, const cJSON *samples)
{
    static const char *const headings[] = { "TIME",   "NETWORK", "OPERATOR", "TECHNOLOGY",
                                            "SIGNAL", "DATA",    "QUALITY" };
    struct text_table t;
    const cJSON *sample;

    text_table_init(&t, ARRAY_LEN(headings), headings);
    cJSON_ArrayForEach (sample, samples)
        add_sample(&t, sample);
    return print_table(ctl, &t);
}

enum outcome show_connectivity(struct context *ctl, const cJSON *c)
{
    static const char *const rows[][2] = {
        { "at", "at" },
        { "network", "registration" },
        { "operator", "operator" },
        { "technology", "technology" },
        { "profile", "iccid" },
    };
    char text[SHOW_LINE_MAX + 1];
    struct text_table t;
    double cause;

    if (field_find(c, "samples"))
        return show_samples(ctl, field_find(c, "samples"));
    text_table_init(&t, 2, NULL);
    add_facts(&t, c, rows, ARRAY_LEN(rows));
    if (field_number(c, "reject_cause", &cause))
        add_fact(&t, TEXT_RED, "refused by", "cause %.0f", cause);
    signal_text(c, text, sizeof text);
    add_fact(&t, TEXT_PLAIN, "signal", "%s", text);
    data_text(c, text, sizeof text);
    add_fact(&t, TEXT_PLAIN, "data", "%s", text);
    quality_text(c, text, sizeof text);
    add_fact(&t, TEXT_PLAIN, "quality", "%s", text);
    return print_table(ctl, &t);
}

static const char *target_of(const cJSON *op)
{
    const char *to = field_text(op, "result.to");

    if (!to)
        to = field_text(op, "args.iccid");
    return to ? to : field_shown(op, "args.aid");
}

static enum text_colour colour_of(const char *state)
{
    if (strcmp(state, "succeeded") == 0)
        return TEXT_GREEN;
    return strcmp(state, "failed") == 0 ? TEXT_RED : TEXT_PLAIN;
}

static void add_operation(struct text_table *t, const cJSON *op)
{
    const char *state = field_shown(op, "state");
    const char *running = strcmp(state, "running") == 0 ? field_text(op, "phase") : NULL;
    const char *error = field_text(op, "error.code");
    char at[32];

    short_stamp(op, "created_at", at);
    text_table_add(t, colour_of(state),
                   (const char *const[]){
                       field_shown(op, "id"), at, state, running ? running : error, target_of(op),
                       field_shown(op, "source.channel"), field_shown(op, "reason") });
}

enum outcome show_operations(struct context *ctl, const cJSON *document)
{
    static const char *const headings[] = { "ID", "TIME", "STATE", "", "TO", "BY", "REASON" };
    struct text_table t;
    const cJSON *op;

    text_table_init(&t, ARRAY_LEN(headings), headings);
    cJSON_ArrayForEach (op, field_find(document, "operations"))
        add_operation(&t, op);
    return print_table(ctl, &t);
}

static void add_phases(struct text_table *t, const cJSON *op)
{
    const cJSON *phase;
    double ms;

    cJSON_ArrayForEach (phase, field_find(op, "phases")) {
        char name[64], took[TEXT_DURATION_MAX + 1];

        if (!field_number(phase, "ms", &ms))
            continue;
        (void)snprintf(name, sizeof name, "  %s", field_shown(phase, "phase"));
        text_duration(ms, took);
        add_fact(t, TEXT_PLAIN, name, "%s", took);
    }
}

enum outcome show_operation(struct context *ctl, const cJSON *op)
{
    static const char *const head[][2] = {
        { "operation", "id" },     { "reason", "reason" },  { "asked for", "created_at" },
        { "began", "started_at" }, { "ended", "ended_at" },
    };
    static const char *const result[][2] = {
        { "from", "result.from" },
        { "in use now", "result.now" },
        { "proven", "result.verified" },
    };
    const char *state = field_shown(op, "state");
    const char *phase = field_text(op, "phase");
    struct text_table t;

    text_table_init(&t, 2, NULL);
    add_facts(&t, op, head, ARRAY_LEN(head));
    if (!field_text(op, "ended_at"))
        add_fact(&t, TEXT_PLAIN, "ends by", "%s", field_shown(op, "ends_by"));
    add_fact(&t, TEXT_PLAIN, "by", "%s %s", field_shown(op, "source.channel"),
             field_shown(op, "source.requester"));
    add_fact(&t, TEXT_PLAIN, "to", "%s", target_of(op));
    add_fact(&t, colour_of(state), "state", "%s%s%s", state, phase ? ", " : "", phase ? phase : "");
    add_phases(&t, op);
    add_facts(&t, op, result, ARRAY_LEN(result));
    add_duration(&t, "no network for", op, "result.blackout_ms", 1);
    if (print_table(ctl, &t) != OUTCOME_OK)
        return OUTCOME_LOCAL;
    if (cJSON_IsObject(field_find(op, "error")))
        ask_explain(ctl->out, "error: ", field_find(op, "error"));
    return OUTCOME_OK;
}

static void print_obstacles(struct context *ctl, const cJSON *plan)
{
    const cJSON *obstacle;

    cJSON_ArrayForEach (obstacle, field_find(plan, "obstacles")) {
        ask_explain(ctl->out,
                    field_is_true(obstacle, "waits")      ? "waits for: "
                    : field_is_true(obstacle, "forcible") ? "in the way (--force passes it): "
                                                          : "in the way: ",
                    obstacle);
    }
}

static void rollback_text(const cJSON *plan, char *ret, size_t size)
{
    struct line l = line_of(ret, size);
    const cJSON *to;

    if (field_is_false(plan, "rollback.enabled"))
        add(&l, "off");
    cJSON_ArrayForEach (to, field_find(plan, "rollback.to"))
        if (cJSON_IsString(to))
            add(&l, "%s%s", l.len ? ", then " : "", to->valuestring);
}

static void add_history(struct text_table *t, const cJSON *plan)
{
    double count, failed = 0, ms;
    char took[TEXT_DURATION_MAX + 1];

    if (!field_number(plan, "history.count", &count) || count < 1)
        return;
    (void)field_number(plan, "history.failed", &failed);
    add_fact(t, TEXT_PLAIN, "before", "%.0f switches to it, %.0f failed", count, failed);
    if (field_number(plan, "history.median_ms", &ms)) {
        text_duration(ms, took);
        add_fact(t, TEXT_PLAIN, "  took", "%s mostly", took);
    }
}

enum outcome show_plan(struct context *ctl, const cJSON *plan)
{
    static const char *const rows[][2] = {
        { "to", "iccid" },       { "label", "label" },  { "from", "from" },
        { "would be", "would" }, { "proof", "verify" },
    };
    char text[SHOW_LINE_MAX + 1];
    struct text_table t;

    text_table_init(&t, 2, NULL);
    add_facts(&t, plan, rows, ARRAY_LEN(rows));
    rollback_text(plan, text, sizeof text);
    add_fact(&t, TEXT_PLAIN, "way back", "%s", text);
    add_duration(&t, "at most", plan, "at_most_s", 1000);
    add_history(&t, plan);
    if (print_table(ctl, &t) != OUTCOME_OK)
        return OUTCOME_LOCAL;
    print_obstacles(ctl, plan);
    return OUTCOME_OK;
}

enum outcome show_lock(struct context *ctl, const cJSON *lock)
{
    static const char *const rows[][2] = { { "held by", "holder" },
                                           { "reason", "reason" },
                                           { "until", "until" } };
    struct text_table t;

    text_table_init(&t, 2, NULL);
    add_facts(&t, lock, rows, ARRAY_LEN(rows));
    add_duration(&t, "left", lock, "ttl_s", 1000);
    return print_table(ctl, &t);
}

void show_network_line(const cJSON *c, char ret[SHOW_LINE_MAX + 1])
{
    struct line l = line_of(ret, SHOW_LINE_MAX + 1);
    char signal[128], data[160];

    signal_text(c, signal, sizeof signal);
    data_text(c, data, sizeof data);
    add(&l, "%s %s %s", field_shown(c, "registration"), field_shown(c, "operator"),
        field_shown(c, "technology"));
    if (signal[0])
        add(&l, ", %s", signal);
    if (data[0])
        add(&l, ", %s", data);
}

void show_operation_line(const cJSON *op, char ret[SHOW_LINE_MAX + 1])
{
    struct line l = line_of(ret, SHOW_LINE_MAX + 1);

    add(&l, "%s %s", field_shown(op, "id"), field_shown(op, "state"));
    if (field_text(op, "phase"))
        add(&l, ", %s", field_shown(op, "phase"));
    add(&l, ", to %s", target_of(op));
    if (field_text(op, "error.code"))
        add(&l, ": %s: %s", field_shown(op, "error.code"), field_shown(op, "error.detail"));
}

void show_profiles_line(const cJSON *event, char ret[SHOW_LINE_MAX + 1])
{
    struct line l = line_of(ret, SHOW_LINE_MAX + 1);
    const cJSON *rows = field_find(event, "profiles");
    const cJSON *row;

    add(&l, "%d on the card", cJSON_GetArraySize(rows));
    cJSON_ArrayForEach (row, rows)
        if (field_is_true(row, "enabled"))
            add(&l, ", in use: %s %s", field_shown(row, "iccid"), field_shown(row, "label"));
    if (field_text(event, "by"))
        add(&l, " (by %s)", field_shown(event, "by"));
}

void show_health_line(const cJSON *health, char ret[SHOW_LINE_MAX + 1])
{
    struct line l = line_of(ret, SHOW_LINE_MAX + 1);

    if (field_is_true(health, "ready"))
        add(&l, "ready");
    else
        add(&l, "not ready: %s: %s", field_shown(health, "trouble.code"),
            field_shown(health, "trouble.detail"));
    if (field_is_true(health, "stranded"))
        add(&l, ", stranded");
    if (field_is_false(health, "storage.ok"))
        add(&l, ", storage: %s", field_shown(health, "storage.detail"));
    if (field_is_true(health, "broker.configured"))
        add(&l, ", broker %s", field_is_true(health, "broker.online") ? "online" : "offline");
    if (field_text(health, "lock.holder"))
        add(&l, ", locked by %s", field_shown(health, "lock.holder"));
}

static void add_took(struct line *l, const char *what, double ms)
{
    char took[TEXT_DURATION_MAX + 1];

    text_duration(ms, took);
    add(l, "%s%s", what, took);
}

enum outcome show_end(struct context *ctl, const cJSON *op)
{
    const char *state = field_shown(op, "state");
    char text[SHOW_LINE_MAX + 1];
    struct line l = line_of(text, sizeof text);
    double ms;

    if (strcmp(state, "succeeded") != 0) {
        char headline[64];

        (void)snprintf(headline, sizeof headline, "%s: ", state);
        if (cJSON_IsObject(field_find(op, "error")))
            ask_explain(ctl->out, headline, field_find(op, "error"));
        else
            text_put_line(ctl->out, state);
        if (field_text(op, "result.now")) {
            (void)fputs("  in use now: ", ctl->out);
            text_put_line(ctl->out, field_shown(op, "result.now"));
        }
        return OUTCOME_FAILED;
    }
    if (field_is_false(op, "result.changed")) {
        add(&l, "succeeded: %s was in use already, nothing was sent to the card", target_of(op));
    } else {
        add(&l, "succeeded: %s is in use, proven: %s", field_shown(op, "result.now"),
            field_shown(op, "result.verified"));
        if (field_number(op, "result.blackout_ms", &ms))
            add_took(&l, ", no network for ", ms);
    }
    text_put_coloured(ctl->out, text, TEXT_GREEN, ctl->colour);
    (void)fputc('\n', ctl->out);
    return OUTCOME_OK;
}
