#include "agent/operation/operation.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/json.h"

static const char *const state_names[] = {
    [OPERATION_NONE] = "none",         [OPERATION_ACCEPTED] = "accepted",
    [OPERATION_RUNNING] = "running",   [OPERATION_SUCCEEDED] = "succeeded",
    [OPERATION_FAILED] = "failed",     [OPERATION_REJECTED] = "rejected",
    [OPERATION_CANCELED] = "canceled", [OPERATION_EXPIRED] = "expired",
};

bool operation_has_ended(const struct operation *op)
{
    return op->state >= OPERATION_SUCCEEDED;
}

const char *operation_state_name(enum operation_state state)
{
    return state_names[state];
}

enum operation_state operation_state_from_name(const char *name)
{
    for (size_t i = 1; i < ARRAY_LEN(state_names); i++)
        if (strcmp(state_names[i], name) == 0)
            return (enum operation_state)i;
    return OPERATION_NONE;
}

const char *operation_channel_name(enum operation_channel channel)
{
    static const char *const names[] = {
        [CHANNEL_REST] = "rest",
        [CHANNEL_MQTT] = "mqtt",
        [CHANNEL_STEERING] = "steering",
        [CHANNEL_AGENT] = "agent",
    };
    return names[channel];
}

const char *phase_name(enum phase phase)
{
    static const char *const names[] = {
        [PHASE_NONE] = "none",
        [PHASE_ENABLING] = "enabling",
        [PHASE_RESETTING] = "resetting",
        [PHASE_REGISTERING] = "registering",
        [PHASE_ATTACHING] = "attaching",
        [PHASE_VERIFYING] = "verifying",
        [PHASE_CONFIRMING] = "confirming",
        [PHASE_COMMITTED] = "committed",
        [PHASE_ROLLING_BACK] = "rolling-back",
        [PHASE_ROLLED_BACK] = "rolled-back",
    };
    return names[phase];
}

const char *verified_name(enum verified verified)
{
    static const char *const names[] = {
        [VERIFIED_NOTHING] = "nothing",   [VERIFIED_REGISTERED] = "registered",
        [VERIFIED_ATTACHED] = "attached", [VERIFIED_REACHABLE] = "reachable",
        [VERIFIED_BROKER] = "broker",
    };
    return names[verified];
}

/* --- JSON: each add_ returns false when memory is out --- */

/* A number of at most 2^53, as all of ours are. */
static bool add_number(cJSON *to, const char *name, int64_t value)
{
    return cJSON_AddNumberToObject(to, name, (double)value) != NULL;
}

static bool add_null(cJSON *to, const char *name)
{
    return cJSON_AddNullToObject(to, name) != NULL;
}

/* null for a moment that has not come. */
static bool add_stamp(cJSON *to, const char *name, int64_t utc_ms)
{
    return utc_ms == 0 ? add_null(to, name) : json_add_time(to, name, utc_ms);
}

static bool add_source(cJSON *to, const struct operation_request *request)
{
    cJSON *source = cJSON_AddObjectToObject(to, "source");

    return source && json_add_text(source, "channel", operation_channel_name(request->channel)) &&
           (!request->requester[0] || json_add_text(source, "requester", request->requester)) &&
           (!request->request[0] || json_add_text(source, "request", request->request));
}

static bool add_target(cJSON *to, const struct profile_ref *target)
{
    char aid[AID_TEXT_MAX + 1];

    if (!target->by_aid)
        return json_add_text(to, "iccid", target->iccid.text);
    aid_to_text(&target->aid, aid);
    return json_add_text(to, "aid", aid);
}

static bool add_args(cJSON *to, const struct operation_request *request)
{
    cJSON *args = cJSON_AddObjectToObject(to, "args");

    return args && add_target(args, &request->target) &&
           (request->ttl_s <= 0 || add_number(args, "ttl_s", request->ttl_s)) &&
           (!request->has_expect_enabled ||
            json_add_text(args, "expect_enabled", request->expect_enabled.text)) &&
           (!request->force || json_add_bool(args, "force", true)) &&
           (!request->confirm_s || add_number(args, "confirm_s", request->confirm_s));
}

static bool add_phases(cJSON *to, const struct operation *op)
{
    cJSON *phases = cJSON_AddArrayToObject(to, "phases");

    if (!phases)
        return false;
    for (size_t i = 0; i < op->phase_count; i++) {
        cJSON *row;

        if (op->phases[i].ms < 0)
            continue;
        row = cJSON_CreateObject();
        if (!row || !cJSON_AddItemToArray(phases, row))
            return false;
        if (!json_add_text(row, "phase", phase_name(op->phases[i].phase)) ||
            !add_number(row, "ms", op->phases[i].ms))
            return false;
    }
    return true;
}

static bool add_iccid(cJSON *to, const char *name, bool known, const struct iccid *iccid)
{
    return known ? json_add_text(to, name, iccid->text) : add_null(to, name);
}

static bool add_result(cJSON *to, const struct operation *op)
{
    cJSON *result;

    if (!op->has_result)
        return add_null(to, "result");
    result = cJSON_AddObjectToObject(to, "result");
    return result && json_add_bool(result, "changed", op->changed) &&
           add_iccid(result, "from", op->has_from, &op->from) &&
           add_iccid(result, "to", op->has_target && op->target.has_iccid, &op->target.iccid) &&
           add_iccid(result, "now", op->has_now, &op->now) &&
           (op->blackout_ms < 0 ? add_null(result, "blackout_ms")
                                : add_number(result, "blackout_ms", op->blackout_ms)) &&
           (op->verified == VERIFIED_NOTHING
                ? add_null(result, "verified")
                : json_add_text(result, "verified", verified_name(op->verified)));
}

cJSON *problem_to_json(const struct problem *problem)
{
    const struct error *e = &problem->error;
    char final[ERROR_FINAL_MAX + 1];
    char sw[5] = "";
    cJSON *json = cJSON_CreateObject();

    error_final_text(e, final);
    if (e->domain == ERROR_IN_CARD && e->detail > 0)
        (void)snprintf(sw, sizeof sw, "%04X", (unsigned)e->detail & 0xFFFF);
    if (json && json_add_text(json, "code", error_code_name(e->code)) &&
        json_add_text(json, "detail", e->message) &&
        (!e->field[0] || json_add_text(json, "field", e->field)) &&
        (!final[0] || json_add_text(json, "at", final)) &&
        (!sw[0] || json_add_text(json, "sw", sw)) &&
        (!problem->retry_after_s || add_number(json, "retry_after_s", problem->retry_after_s)) &&
        (!problem->operation[0] || json_add_text(json, "operation", problem->operation)) &&
        (!problem->holder[0] || json_add_text(json, "holder", problem->holder)) &&
        (!problem->until_utc_ms || add_stamp(json, "until", problem->until_utc_ms)) &&
        (e->code != ERROR_STRANDED || !problem->cause ||
         json_add_text(json, "cause", error_code_name(problem->cause))))
        return json;
    cJSON_Delete(json);
    return NULL;
}

static bool add_error(cJSON *to, const struct problem *problem)
{
    cJSON *error;

    if (!problem->error.code)
        return add_null(to, "error");
    error = problem_to_json(problem);
    if (error && cJSON_AddItemToObject(to, "error", error))
        return true;
    cJSON_Delete(error);
    return false;
}

cJSON *operation_to_json(const struct operation *op)
{
    const struct operation_request *request = &op->request;
    cJSON *json = cJSON_CreateObject();

    if (json && json_add_text(json, "id", op->id) &&
        json_add_text(json, "kind", "enable-profile") &&
        json_add_text(json, "state", operation_state_name(op->state)) &&
        (op->phase == PHASE_NONE ? add_null(json, "phase")
                                 : json_add_text(json, "phase", phase_name(op->phase))) &&
        (op->rev == 0 || add_number(json, "rev", op->rev)) && add_source(json, request) &&
        add_args(json, request) &&
        (!request->reason[0] || json_add_text(json, "reason", request->reason)) &&
        add_stamp(json, "created_at", op->created_utc_ms) &&
        add_stamp(json, "started_at", op->started_utc_ms) &&
        add_stamp(json, "ends_by", op->ends_by_utc_ms) &&
        add_stamp(json, "ended_at", op->ended_utc_ms) &&
        (op->clock_was_set || json_add_bool(json, "clock_set", false)) && add_phases(json, op) &&
        add_result(json, op) && add_error(json, &op->problem))
        return json;
    cJSON_Delete(json);
    return NULL;
}
