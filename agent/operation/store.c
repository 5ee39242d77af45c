#include "agent/operation/store.h"

#include <string.h>

#include "agent/base/json.h"
#include "agent/operation/fields.h"
#include "agent/operation/names.h"

#define AT(member) FIELD_AT(struct operation, member)
#define PHASE_AT(member) FIELD_AT(struct operation_phase, member)

static const char phases_name[] = "phases";

static const char *fallback_text(unsigned value)
{
    static const char *const names[] = {
        [FALLBACK_UNKNOWN] = "unknown",
        [FALLBACK_NO] = "no",
        [FALLBACK_YES] = "yes",
    };

    return names[value];
}

static const struct field rows[] = {
    // clang-format off
    { "id", FIELD_TEXT, AT(id) },
    { "channel", FIELD_ENUM, AT(request.channel), NAMES_CHANNEL },
    { "requester", FIELD_TEXT, AT(request.requester) },
    { "request", FIELD_TEXT, AT(request.request) },
    { "wants_by_aid", FIELD_BOOL, AT(request.target.by_aid) },
    { "wants_iccid", FIELD_ICCID, AT(request.target.iccid) },
    { "wants_aid", FIELD_AID, AT(request.target.aid) },
    { "reason", FIELD_TEXT, AT(request.reason) },
    { "ttl_s", FIELD_NUMBER, AT(request.ttl_s) },
    { "has_expect_enabled", FIELD_BOOL, AT(request.has_expect_enabled) },
    { "expect_enabled", FIELD_ICCID, AT(request.expect_enabled) },
    { "force", FIELD_BOOL, AT(request.force) },
    { "confirm_s", FIELD_NUMBER, AT(request.confirm_s) },
    { "state", FIELD_ENUM, AT(state), NAMES_STATE },
    { "phase", FIELD_ENUM, AT(phase), NAMES_PHASE },
    { "rev", FIELD_NUMBER, AT(rev) },
    { "created_utc_ms", FIELD_NUMBER, AT(created_utc_ms) },
    { "started_utc_ms", FIELD_NUMBER, AT(started_utc_ms) },
    { "ended_utc_ms", FIELD_NUMBER, AT(ended_utc_ms) },
    { "ends_by_utc_ms", FIELD_NUMBER, AT(ends_by_utc_ms) },
    { "clock_was_set", FIELD_BOOL, AT(clock_was_set) },
    { "expires_ms", FIELD_NUMBER, AT(expires_ms) },
    { "sent", FIELD_BOOL, AT(sent) },
    { "confirmed", FIELD_BOOL, AT(confirmed) },
    { "has_target", FIELD_BOOL, AT(has_target) },
    { "has_from", FIELD_BOOL, AT(has_from) },
    { "target_has_iccid", FIELD_BOOL, AT(target.has_iccid) },
    { "target_has_aid", FIELD_BOOL, AT(target.has_aid) },
    { "target_iccid", FIELD_ICCID, AT(target.iccid) },
    { "target_aid", FIELD_AID, AT(target.aid) },
    { "target_enabled", FIELD_BOOL, AT(target.enabled) },
    { "target_fallback", FIELD_ENUM, AT(target.fallback), fallback_text, FALLBACK_YES + 1 },
    { "target_nickname", FIELD_TEXT, AT(target.nickname) },
    { "target_provider", FIELD_TEXT, AT(target.provider) },
    { "target_name", FIELD_TEXT, AT(target.name) },
    { "target_class", FIELD_INT, AT(target.class) },
    { "from", FIELD_ICCID, AT(from) },
    { "has_result", FIELD_BOOL, AT(has_result) },
    { "changed", FIELD_BOOL, AT(changed) },
    { "has_now", FIELD_BOOL, AT(has_now) },
    { "now", FIELD_ICCID, AT(now) },
    { "blackout_ms", FIELD_NUMBER, AT(blackout_ms) },
    { "verified", FIELD_ENUM, AT(verified), NAMES_VERIFIED },
    { "error_code", FIELD_ENUM, AT(problem.error.code), NAMES_ERROR_CODE },
    { "error_domain", FIELD_ENUM, AT(problem.error.domain), NAMES_ERROR_DOMAIN },
    { "error_detail", FIELD_INT, AT(problem.error.detail) },
    { "error_field", FIELD_TEXT, AT(problem.error.field) },
    { "error_message", FIELD_TEXT, AT(problem.error.message) },
    { "retry_after_s", FIELD_NUMBER, AT(problem.retry_after_s) },
    { "in_the_way", FIELD_TEXT, AT(problem.operation) },
    { "holder", FIELD_TEXT, AT(problem.holder) },
    { "until_utc_ms", FIELD_NUMBER, AT(problem.until_utc_ms) },
    { "cause", FIELD_ENUM, AT(problem.cause), NAMES_ERROR_CODE },
}; // clang-format on

static const struct field phase_rows[] = {
    // clang-format off
    { "phase", FIELD_ENUM, PHASE_AT(phase), NAMES_PHASE },
    { "began_ms", FIELD_NUMBER, PHASE_AT(began_ms) },
    { "ms", FIELD_NUMBER, PHASE_AT(ms) },
}; // clang-format on

static bool put_phases(cJSON *to, const struct operation *op)
{
    cJSON *phases = op->phase_count ? cJSON_AddArrayToObject(to, phases_name) : NULL;

    if (op->phase_count && !phases)
        return false;
    for (size_t i = 0; i < op->phase_count; i++) {
        cJSON *row = cJSON_CreateObject();

        if (!row || !cJSON_AddItemToArray(phases, row) ||
            !fields_put(row, phase_rows, ARRAY_LEN(phase_rows), &op->phases[i]))
            return false;
    }
    return true;
}

char *store_to_text(const struct operation *op)
{
    cJSON *json = cJSON_CreateObject();
    char *text = NULL;

    if (json && fields_put(json, rows, ARRAY_LEN(rows), op) && put_phases(json, op))
        text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return text;
}

static bool take_phases(const cJSON *from, struct operation *ret)
{
    const cJSON *phases = cJSON_GetObjectItemCaseSensitive(from, phases_name);
    const cJSON *row;

    if (phases && !cJSON_IsArray(phases))
        return false;
    cJSON_ArrayForEach (row, phases) {
        if (ret->phase_count == OPERATION_PHASES_MAX ||
            !fields_take(row, phase_rows, ARRAY_LEN(phase_rows), &ret->phases[ret->phase_count++]))
            return false;
    }
    return true;
}

/* What a flag promises is there. */
static bool is_whole(const struct operation *op)
{
    const struct profile_ref *wants = &op->request.target;

    return id_is_ulid(op->id, strlen(op->id)) && op->state != OPERATION_NONE &&
           (wants->by_aid ? wants->aid.len > 0 : wants->iccid.text[0] != '\0') &&
           (!op->request.has_expect_enabled || op->request.expect_enabled.text[0]) &&
           (!op->target.has_iccid || op->target.iccid.text[0]) &&
           (!op->target.has_aid || op->target.aid.len > 0) && (!op->has_from || op->from.text[0]) &&
           (!op->has_now || op->now.text[0]);
}

/* The clock of the boot before is gone: what is left can only be told by the wall clock. One that was
 * set back must not lengthen it. */
static int64_t left_ms(const struct operation *op, const struct store_now *now)
{
    int64_t ttl_ms = 1000 * (op->request.ttl_s ? op->request.ttl_s : OPERATION_TTL_DEFAULT_S);
    int64_t left = op->created_utc_ms + ttl_ms - now->utc_ms;

    if (!op->clock_was_set || !now->clock_is_set || left < 0 || ttl_ms < 0)
        return 0;
    return left < ttl_ms ? left : ttl_ms;
}

static void move_to_this_boot(struct operation *op, const struct store_now *now)
{
    if (operation_has_ended(op))
        return;
    op->expires_ms = now->now_ms + left_ms(op, now);
    for (size_t i = 0; i < op->phase_count; i++)
        if (op->phases[i].ms < 0)
            op->phases[i].began_ms = now->now_ms;
}

struct error store_from_text(const char *text, const struct store_now *now, struct operation *ret)
{
    struct operation op = { 0 };
    cJSON *json = NULL;
    struct error e = json_parse(text, strlen(text), &json);
    bool good = !e.code && fields_take(json, rows, ARRAY_LEN(rows), &op) &&
                take_phases(json, &op) && is_whole(&op);

    cJSON_Delete(json);
    if (!good)
        return error_make(ERROR_IN_AGENT, ERROR_INTERNAL, 0, "an operation that cannot be read");
    if (!now->same_boot)
        move_to_this_boot(&op, now);
    *ret = op;
    return ERROR_OK;
}
