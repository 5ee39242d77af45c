#include "mqtt/messages.h"

#include "agent/base/clock.h"
#include "agent/base/json.h"
#include "agent/base/macros.h"

/* --- each add_ returns false when memory is out; all of them are asked with && --- */

static bool add_number(cJSON *to, const char *name, int64_t value)
{
    return cJSON_AddNumberToObject(to, name, (double)value) != NULL;
}

static bool add_clock(cJSON *to, bool is_set)
{
    return is_set || json_add_bool(to, "clock_set", false);
}

/* Takes `item`; NULL is the memory that was out when it was made. */
static bool add_item(cJSON *to, const char *name, cJSON *item)
{
    if (item && cJSON_AddItemToObject(to, name, item))
        return true;
    cJSON_Delete(item);
    return false;
}

/* Takes the tree; `whole` false: something is missing in it. */
static char *print(cJSON *json, bool whole)
{
    char *text = whole ? cJSON_PrintUnformatted(json) : NULL;

    cJSON_Delete(json);
    return text;
}

char *messages_online(const struct messages_health *health)
{
    cJSON *json = cJSON_CreateObject();

    return print(json,
                 json && json_add_bool(json, "online", true) &&
                     add_number(json, "session", health->session) &&
                     json_add_text(json, "agent", LPM_VERSION) &&
                     json_add_time(json, "since", health->since_utc_ms) &&
                     add_clock(json, health->clock_is_set) &&
                     (health->switching_until_utc_ms == 0 ||
                      json_add_time(json, "switching_until", health->switching_until_utc_ms)));
}

char *messages_offline(int64_t session, const char *reason, int64_t at_utc_ms, bool clock_is_set)
{
    cJSON *json = cJSON_CreateObject();

    return print(json, json && json_add_bool(json, "online", false) &&
                           add_number(json, "session", session) &&
                           json_add_text(json, "reason", reason) &&
                           (at_utc_ms == 0 || (json_add_time(json, "at", at_utc_ms) &&
                                               add_clock(json, clock_is_set))));
}

/* --- info --- */

static const char *const read_takes[] = { "refresh" };
static const char *const plan_takes[] = { "iccid", "aid", "refresh" };
static const char *const lock_takes[] = { "holder", "ttl_s", "reason" };
static const char *const unlock_takes[] = { "holder", "force" };
static const char *const enable_takes[] = { "iccid", "aid",        "reason",
                                            "ttl_s", "expires_at", "expect_enabled",
                                            "force", "confirm_s",  "requester" };

/* The fields of each payload. */
static const struct {
    enum config_command command;
    size_t count;
    const char *const *takes;
} known_commands[] = {
    { CONFIG_COMMAND_GET_EID, ARRAY_LEN(read_takes), read_takes },
    { CONFIG_COMMAND_LIST_PROFILES, ARRAY_LEN(read_takes), read_takes },
    { CONFIG_COMMAND_ENABLE_PROFILE, ARRAY_LEN(enable_takes), enable_takes },
    { CONFIG_COMMAND_GET_CONNECTIVITY, ARRAY_LEN(read_takes), read_takes },
    { CONFIG_COMMAND_PLAN_PROFILE, ARRAY_LEN(plan_takes), plan_takes },
    { CONFIG_COMMAND_GET_STEERING, ARRAY_LEN(read_takes), read_takes },
    { CONFIG_COMMAND_LOCK_SWITCH, ARRAY_LEN(lock_takes), lock_takes },
    { CONFIG_COMMAND_UNLOCK_SWITCH, ARRAY_LEN(unlock_takes), unlock_takes },
};

static bool add_commands(cJSON *to, unsigned commands)
{
    cJSON *all = cJSON_AddObjectToObject(to, "commands");
    bool whole = all != NULL;

    for (size_t i = 0; i < ARRAY_LEN(known_commands) && whole; i++)
        if (commands & known_commands[i].command)
            whole = add_item(
                all, config_command_name(known_commands[i].command),
                cJSON_CreateStringArray(known_commands[i].takes, (int)known_commands[i].count));
    return whole;
}

char *messages_info(const struct snapshot *snapshot, const char *device_id, unsigned commands,
                    bool force)
{
    cJSON *json = render_info(snapshot, device_id);

    return print(json, json && add_commands(json, commands) && json_add_bool(json, "force", force));
}

/* --- the twin --- */

static bool add_enabled(cJSON *to, const struct snapshot *s)
{
    const struct profile *enabled = s->has_list ? profile_enabled(&s->list) : NULL;
    char aid[AID_TEXT_MAX + 1];

    if (!enabled)
        return true;
    if (enabled->has_iccid && !json_add_text(to, "enabled", enabled->iccid.text))
        return false;
    if (!enabled->has_iccid) {
        aid_to_text(&enabled->aid, aid);
        if (!json_add_text(to, "enabled", aid))
            return false;
    }
    return (s->enabled_since_utc_ms == 0 ||
            json_add_time(to, "enabled_since", s->enabled_since_utc_ms)) &&
           (!s->enabled_by[0] || json_add_text(to, "enabled_by", s->enabled_by));
}

char *messages_esim(const struct snapshot *snapshot, render_find find, void *ctx)
{
    cJSON *json = snapshot->has_eid ? render_eid(&snapshot->eid) : cJSON_CreateObject();

    return print(json,
                 json &&
                     (!snapshot->has_list ||
                      add_item(json, "profiles", render_profiles(&snapshot->list, find, ctx))) &&
                     add_enabled(json, snapshot));
}

char *messages_connectivity(const struct snapshot *snapshot)
{
    cJSON *json = snapshot->has_connectivity ? render_connectivity(&snapshot->connectivity)
                                             : cJSON_CreateObject();

    return print(json, json != NULL);
}

char *messages_operations(const struct operation *ops, size_t count)
{
    cJSON *json = cJSON_CreateObject();
    cJSON *rows = json ? cJSON_AddArrayToObject(json, "operations") : NULL;
    bool whole = rows != NULL;

    for (size_t i = 0; i < count && whole; i++) {
        cJSON *row = operation_to_json(&ops[i]);

        whole = row && cJSON_AddItemToArray(rows, row);
        if (!whole)
            cJSON_Delete(row);
    }
    return print(json, whole);
}

char *messages_operation(const struct operation *op)
{
    cJSON *json = operation_to_json(op);

    return print(json, json != NULL);
}

char *messages_switch(const struct operation *op)
{
    cJSON *json = operation_to_json(op);

    return print(json, json && json_add_time(json, "at", op->ended_utc_ms));
}

/* --- answers --- */

static cJSON *result_of(enum config_command command, const struct snapshot *s, render_find find,
                        void *ctx)
{
    cJSON *json = NULL;

    switch (command) {
    case CONFIG_COMMAND_GET_EID:
        return render_eid(&s->eid);
    case CONFIG_COMMAND_GET_CONNECTIVITY:
        return render_connectivity(&s->connectivity);
    case CONFIG_COMMAND_LIST_PROFILES:
        json = cJSON_CreateObject();
        if (json && add_item(json, "profiles", render_profiles(&s->list, find, ctx)))
            return json;
        break;
    default: /* get-steering: there is none yet */
        json = cJSON_CreateObject();
        if (json && json_add_text(json, "mode", "off"))
            return json;
        break;
    }
    cJSON_Delete(json);
    return NULL;
}

char *messages_answer(enum config_command command, const char *id, cJSON *result)
{
    cJSON *json = cJSON_CreateObject();
    bool whole = json && json_add_text(json, "id", id) &&
                 json_add_text(json, "kind", config_command_name(command)) &&
                 json_add_text(json, "state", "succeeded");

    if (!whole)
        cJSON_Delete(result);
    return print(json, whole && add_item(json, "result", result));
}

char *messages_result(enum config_command command, const char *id, const struct snapshot *snapshot,
                      render_find find, void *ctx)
{
    return messages_answer(command, id, result_of(command, snapshot, find, ctx));
}

char *messages_error(const char *kind, const char *id, const char *state,
                     const struct problem *problem)
{
    cJSON *json = cJSON_CreateObject();

    return print(json, json && json_add_text(json, "id", id) && json_add_text(json, "kind", kind) &&
                           json_add_text(json, "state", state) &&
                           add_item(json, "error", problem_to_json(problem)));
}

static bool add_event_error(cJSON *to, const struct error *error)
{
    const struct problem problem = { .error = error ? *error : (struct error){ 0 } };

    return !problem.error.code || add_item(to, "error", problem_to_json(&problem));
}

char *messages_event(const struct messages_event *event)
{
    cJSON *json = cJSON_CreateObject();

    return print(json, json && json_add_text(json, "id", event->id) &&
                           json_add_time(json, "at", event->at_utc_ms) &&
                           add_clock(json, event->clock_is_set) &&
                           (!event->by || json_add_text(json, "by", event->by)) &&
                           (!event->state || json_add_text(json, "state", event->state)) &&
                           (!event->what || json_add_text(json, "what", event->what)) &&
                           (!event->detail || json_add_text(json, "detail", event->detail)) &&
                           add_event_error(json, event->error));
}
