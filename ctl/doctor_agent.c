#include <stdio.h>
#include <string.h>

#include "ctl/advice.h"
#include "ctl/doctor_inside.h"
#include "ctl/field.h"
#include "ctl/show.h"

/* The checks of what the agent tells. What it does not tell is not judged. */

static const char *trouble_code(const struct doctor *d)
{
    return field_shown(d->info, "modem.trouble.code");
}

void doctor_check_modem(struct doctor *d)
{
    const char *code = trouble_code(d);
    bool ready = strcmp(field_shown(d->info, "modem.state"), "ready") == 0;

    if (code[0])
        doctor_say(d, DOCTOR_FAIL, advice_of_name(code), "%s: %s", code,
                   field_shown(d->info, "modem.trouble.detail"));
    else if (!ready)
        doctor_say(d, DOCTOR_FAIL, advice_of(ERROR_MODEM_ABSENT), "the modem is absent");
    else
        doctor_say(d, DOCTOR_OK, "", "%s %s by %s", field_shown(d->info, "modem.manufacturer"),
                   field_shown(d->info, "modem.model"), field_shown(d->info, "modem.transport"));
}

void doctor_check_card(struct doctor *d)
{
    const char *eid = field_text(d->info, "card.eid");

    if (eid)
        doctor_say(d, DOCTOR_OK, "", "EID %s by %s", eid, field_shown(d->info, "card.interface"));
    else if (!trouble_code(d)[0])
        doctor_say(d, DOCTOR_WARN, "Ask for it: 'lpmctl eid'.", "the EID is not known");
}

static void check_fallback(struct doctor *d, const cJSON *rows)
{
    const cJSON *row;
    bool known = false;

    cJSON_ArrayForEach (row, rows) {
        if (field_is_true(row, "fallback"))
            return;
        known = known || field_find(row, "fallback");
    }
    if (known)
        doctor_say(d, DOCTOR_WARN,
                   "The operator sets it; without it the way back is the profile before.",
                   "no profile has the fallback mark");
}

static void check_luhn(struct doctor *d, const cJSON *rows)
{
    const cJSON *row;

    cJSON_ArrayForEach (row, rows)
        if (cJSON_GetArraySize(field_find(row, "warnings")) > 0)
            doctor_say(d, DOCTOR_WARN, "Harmless: use it as the card has it.",
                       "the check digit of ICCID %s is wrong", field_shown(row, "iccid"));
}

void doctor_check_profiles(struct doctor *d)
{
    const cJSON *rows = field_find(d->profiles, "profiles");
    const cJSON *enabled = NULL;
    const cJSON *row;

    if (!rows)
        return;
    cJSON_ArrayForEach (row, rows)
        if (field_is_true(row, "enabled"))
            enabled = row;
    if (enabled)
        doctor_say(d, DOCTOR_OK, "", "%d, in use: %s %s", cJSON_GetArraySize(rows),
                   field_shown(enabled, "iccid"), field_shown(enabled, "label"));
    else
        doctor_say(d, DOCTOR_FAIL, "Put one in use: 'lpmctl enable ICCID'.",
                   "%d, and none is in use", cJSON_GetArraySize(rows));
    check_fallback(d, rows);
    check_luhn(d, rows);
}

static const struct {
    const char *registration;
    enum doctor_level level;
    enum error_code advice;
} registrations[] = {
    { "home", DOCTOR_OK, ERROR_NONE },
    { "roaming", DOCTOR_OK, ERROR_NONE },
    { "searching", DOCTOR_FAIL, ERROR_NOT_REGISTERED },
    { "denied", DOCTOR_FAIL, ERROR_REGISTRATION_DENIED },
    { "idle", DOCTOR_FAIL, ERROR_NOT_REGISTERED },
    { "emergency", DOCTOR_FAIL, ERROR_NOT_REGISTERED },
};

void doctor_check_network(struct doctor *d)
{
    const char *registration = field_text(d->connectivity, "registration");

    for (size_t i = 0; registration && i < ARRAY_LEN(registrations); i++)
        if (strcmp(registrations[i].registration, registration) == 0)
            doctor_say(d, registrations[i].level, advice_of(registrations[i].advice), "%s %s %s",
                       registration, field_shown(d->connectivity, "operator"),
                       field_shown(d->connectivity, "technology"));
}

/* Below these a modem loses its network now and then. */
static const struct {
    const char *path, *name;
    double least;
} levels[] = {
    { "signal.rsrp_dbm", "RSRP", -115 },
    { "signal.rscp_dbm", "RSCP", -105 },
    { "signal.rssi_dbm", "RSSI", -103 },
};

void doctor_check_signal(struct doctor *d)
{
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        double value;

        if (!field_number(d->connectivity, levels[i].path, &value))
            continue;
        if (value < levels[i].least)
            doctor_say(d, DOCTOR_WARN, "Look at antenna and cable, or move the device.",
                       "%s %g dBm is weak", levels[i].name, value);
        else
            doctor_say(d, DOCTOR_OK, "", "%s %g dBm", levels[i].name, value);
        return;
    }
}

void doctor_check_data(struct doctor *d)
{
    const cJSON *data = field_find(d->connectivity, "data");
    const cJSON *address = cJSON_GetArrayItem(field_find(data, "addresses"), 0);

    if (field_is_false(data, "attached"))
        doctor_say(d, DOCTOR_FAIL, advice_of(ERROR_NO_DATA), "not attached");
    else if (field_is_true(data, "attached") && !cJSON_IsString(address))
        doctor_say(d, DOCTOR_WARN, advice_of(ERROR_NO_DATA), "attached, without an address");
    else if (field_is_true(data, "attached"))
        doctor_say(d, DOCTOR_OK, "", "attached, %s", address->valuestring);
}

/* Nothing to say where none are configured. */
void doctor_check_probes(struct doctor *d)
{
    double loss_pct;

    if (!field_number(d->connectivity, "quality.loss_pct", &loss_pct))
        return;
    if (loss_pct >= 100)
        doctor_say(
            d, DOCTOR_FAIL,
            "Are probe.targets right, does the APN let them be reached? A switch whose proof "
            "they are has none now.",
            "no target of probe.targets answers");
    else if (loss_pct > 0)
        doctor_say(d, DOCTOR_WARN, "Look at the signal, and at the targets.", "%g %% lost",
                   loss_pct);
    else
        doctor_say(d, DOCTOR_OK, "", "the targets answer");
}

void doctor_check_broker(struct doctor *d)
{
    const cJSON *broker = field_find(d->info, "broker");

    if (!broker)
        return;
    if (field_is_false(broker, "configured"))
        doctor_say(d, DOCTOR_OK, "", "none is configured (mqtt.uri)");
    else if (field_is_true(broker, "online"))
        doctor_say(d, DOCTOR_OK, "", "online since %s", field_shown(broker, "since"));
    else
        doctor_say(
            d, DOCTOR_FAIL,
            "Is mqtt.uri right, does the broker run, are certificates, password and clock right?",
            "offline%s%s%s%s", field_find(broker, "trouble") ? ": " : "",
            field_shown(broker, "trouble.code"), field_find(broker, "trouble") ? ": " : "",
            field_shown(broker, "trouble.detail"));
}

void doctor_check_storage(struct doctor *d)
{
    if (field_is_false(d->info, "storage.ok"))
        doctor_say(d, DOCTOR_FAIL, advice_of(ERROR_STORAGE_FULL), "%s",
                   field_shown(d->info, "storage.detail"));
    else if (field_is_true(d->info, "storage.ok"))
        doctor_say(d, DOCTOR_OK, "", "the journal is written");
}

void doctor_check_stranded(struct doctor *d)
{
    if (field_is_true(d->info, "stranded"))
        doctor_say(d, DOCTOR_FAIL, advice_of(ERROR_STRANDED), "no profile worked after a switch");
    else if (field_is_false(d->info, "stranded"))
        doctor_say(d, DOCTOR_OK, "", "no");
}

void doctor_check_clock(struct doctor *d)
{
    if (field_is_false(d->info, "agent.clock_set"))
        doctor_say(d, DOCTOR_WARN,
                   "Let NTP or the network set it: TLS refuses certificates until then, and stamps "
                   "are wrong.",
                   "it is not set");
    else if (field_is_true(d->info, "agent.clock_set"))
        doctor_say(d, DOCTOR_OK, "", "it is set");
}

void doctor_check_lock(struct doctor *d)
{
    if (d->lock)
        doctor_say(
            d, DOCTOR_WARN,
            "Until then only --force switches; the holder gives it back with 'lpmctl unlock'.",
            "held by %s until %s", field_shown(d->lock, "holder"), field_shown(d->lock, "until"));
}

void doctor_check_switches(struct doctor *d)
{
    const cJSON *last = cJSON_GetArrayItem(field_find(d->operations, "operations"), 0);
    const char *state = field_text(last, "state");
    const char *code = field_shown(last, "error.code");

    if (state && strcmp(state, "failed") == 0)
        doctor_say(d, DOCTOR_WARN, advice_of_name(code), "the last one failed: %s: %s", code,
                   field_shown(last, "error.detail"));
    else if (state)
        doctor_say(d, DOCTOR_OK, "", "the last one: %s", state);
}
