#define _XOPEN_SOURCE 700 /* realpath() */
#include "ctl/doctor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/json.h"
#include "ctl/ask.h"
#include "ctl/doctor_inside.h"
#include "ctl/field.h"
#include "ctl/peer.h"
#include "ctl/place.h"
#include "ctl/shape.h"
#include "ctl/text.h"

extern char **environ;

const struct doctor_places doctor_usual_places = {
    .proc = "/proc",
    .udev_data = "/run/udev/data",
    .by_id = "/dev/serial/by-id",
};

static const struct {
    const char *name;
    /* Asks what the agent told. */
    bool needs_agent;
    void (*run)(struct doctor *d);
} checks[] = {
    { "configuration", false, doctor_check_config },
    { "agent", false, doctor_check_agent },
    { "port", false, doctor_check_port },
    { "port access", false, doctor_check_access },
    { "port alone", false, doctor_check_holders },
    { "ModemManager", false, doctor_check_modem_manager },
    { "modem", true, doctor_check_modem },
    { "card", true, doctor_check_card },
    { "profiles", true, doctor_check_profiles },
    { "network", true, doctor_check_network },
    { "signal", true, doctor_check_signal },
    { "data", true, doctor_check_data },
    { "probes", true, doctor_check_probes },
    { "broker", true, doctor_check_broker },
    { "storage", true, doctor_check_storage },
    { "stranded", true, doctor_check_stranded },
    { "clock", true, doctor_check_clock },
    { "lock", true, doctor_check_lock },
    { "switches", true, doctor_check_switches },
};

void doctor_say(struct doctor *d, enum doctor_level level, const char *advice, const char *format,
                ...)
{
    struct doctor_row *row;
    va_list values;

    if (d->report->count == DOCTOR_ROWS_MAX)
        return;
    row = &d->report->rows[d->report->count++];
    row->level = level;
    row->check = d->check;
    va_start(values, format);
    (void)vsnprintf(row->text, sizeof row->text, format, values);
    va_end(values);
    (void)snprintf(row->advice, sizeof row->advice, "%s", advice);
}

/* --- what is gathered --- */

/* NULL: no answer, none of a 200, or none of lpm-agent's. *ret_answer is set in any case (client_done()). */
static cJSON *fetch(const struct doctor *d, const char *path, enum shape shape,
                    enum client_result *ret_result, struct client_answer *ret_answer)
{
    const struct client_call call = {
        .method = "GET",
        .path = path,
        .deadline_ms = d->ctl->deadline_ms,
    };
    cJSON *json = NULL;

    *ret_result = client_ask(d->ctl->socket, &call, ret_answer);
    if (*ret_result == CLIENT_OK && ret_answer->status == 200) {
        struct error e = json_parse(buffer_text(&ret_answer->body), ret_answer->body.len, &json);

        (void)e; /* then it is not known */
    }
    if (shape_fits(shape, json))
        return json;
    cJSON_Delete(json);
    return NULL;
}

static cJSON *fetch_more(const struct doctor *d, const char *path, enum shape shape)
{
    enum client_result result;
    struct client_answer answer;
    cJSON *json = fetch(d, path, shape, &result, &answer);

    client_done(&answer);
    return json;
}

static void gather_config(struct doctor *d)
{
    d->config_path = place_config(d->ctl->options);
    if (access(d->config_path, R_OK) < 0) {
        d->config_errno = errno;
        return;
    }
    (void)config_load(d->config_path, environ, &d->config, &d->problems);
}

static void gather_answers(struct doctor *d)
{
    d->agent = peer_pid(d->ctl->socket);
    d->info = fetch(d, "/v1/info", SHAPE_INFO, &d->result, &d->answer);
    client_done(&d->answer);
    if (!d->info)
        return;
    d->profiles = fetch_more(d, "/v1/profiles", SHAPE_PROFILES);
    d->connectivity = fetch_more(d, "/v1/connectivity", SHAPE_CONNECTIVITY);
    d->operations = fetch_more(d, "/v1/operations?limit=1", SHAPE_OPERATIONS);
    d->lock = fetch_more(d, "/v1/locks/switch", SHAPE_LOCK);
}

static void gather_port(struct doctor *d)
{
    const char *port = d->config && d->config->modem.port ? d->config->modem.port
                                                          : field_shown(d->info, "modem.port");
    char *device = port[0] ? realpath(port, NULL) : NULL;

    (void)snprintf(d->port, sizeof d->port, "%s", port);
    (void)snprintf(d->device, sizeof d->device, "%s", device ? device : "");
    free(device);
}

static void done(struct doctor *d)
{
    config_free(d->config);
    config_problems_done(&d->problems);
    cJSON_Delete(d->info);
    cJSON_Delete(d->profiles);
    cJSON_Delete(d->connectivity);
    cJSON_Delete(d->operations);
    cJSON_Delete(d->lock);
}

void doctor_examine(const struct context *ctl, const struct doctor_places *places,
                    struct doctor_report *ret)
{
    struct doctor d = { .ctl = ctl, .places = places, .report = ret };
    bool skips = false;

    ret->count = 0;
    gather_config(&d);
    gather_answers(&d);
    gather_port(&d);
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        d.check = checks[i].name;
        if (!checks[i].needs_agent || d.info)
            checks[i].run(&d);
        else
            skips = true;
    }
    d.check = "the rest";
    if (skips)
        doctor_say(&d, DOCTOR_SKIP, "",
                   "modem, card, network, broker: not looked at without the agent");
    done(&d);
}

/* --- what is told --- */

bool doctor_has_failures(const struct doctor_report *report)
{
    for (size_t i = 0; i < report->count; i++)
        if (report->rows[i].level == DOCTOR_FAIL)
            return true;
    return false;
}

static const struct {
    const char *name;
    enum text_colour colour;
} levels[] = {
    [DOCTOR_OK] = { "ok", TEXT_GREEN },
    [DOCTOR_SKIP] = { "-", TEXT_DIM },
    [DOCTOR_WARN] = { "warn", TEXT_YELLOW },
    [DOCTOR_FAIL] = { "FAIL", TEXT_RED },
};

void doctor_print(const struct doctor_report *report, FILE *out, bool coloured)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct doctor_row *row = &report->rows[i];
        const char *level = levels[row->level].name;

        text_put_coloured(out, level, levels[row->level].colour, coloured);
        (void)fprintf(out, "%*s %-14s ", 4 - (int)strlen(level), "", row->check);
        text_put_safe(out, row->text);
        (void)fputc('\n', out);
        if (!row->advice[0])
            continue;
        (void)fprintf(out, "%20s-> ", "");
        text_put_safe(out, row->advice);
        (void)fputc('\n', out);
    }
}

static bool add_row(cJSON *array, const struct doctor_row *row)
{
    cJSON *json = cJSON_CreateObject();

    if (json && cJSON_AddStringToObject(json, "check", row->check) &&
        cJSON_AddStringToObject(json, "level", levels[row->level].name) &&
        cJSON_AddStringToObject(json, "text", row->text) &&
        (!row->advice[0] || cJSON_AddStringToObject(json, "advice", row->advice)) &&
        cJSON_AddItemToArray(array, json))
        return true;
    cJSON_Delete(json);
    return false;
}

bool doctor_print_json(const struct doctor_report *report, FILE *out)
{
    cJSON *json = cJSON_CreateObject();
    cJSON *rows = json && cJSON_AddBoolToObject(json, "ok", !doctor_has_failures(report))
                      ? cJSON_AddArrayToObject(json, "checks")
                      : NULL;
    bool complete = rows != NULL;
    char *text = NULL;

    for (size_t i = 0; complete && i < report->count; i++)
        complete = add_row(rows, &report->rows[i]);
    if (complete)
        text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    if (text)
        (void)fprintf(out, "%s\n", text);
    free(text);
    return text != NULL;
}
