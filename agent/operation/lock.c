#include "agent/operation/lock.h"

#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/json.h"
#include "agent/operation/fields.h"

#define SECOND_MS INT64_C(1000)
/* Less than this between the clocks is no news. */
#define DRIFT_MAX_MS (2 * SECOND_MS)

#define AT(member) FIELD_AT(struct operation_lock, member)

static const struct field rows[] = {
    // clang-format off
    { "holder", FIELD_TEXT, AT(holder) },
    { "reason", FIELD_TEXT, AT(reason) },
    { "ends_ms", FIELD_NUMBER, AT(ends_ms) },
    { "until_utc_ms", FIELD_NUMBER, AT(until_utc_ms) },
}; // clang-format on

bool lock_is_holder(const char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++)
        if (text[i] < 0x20 || text[i] > 0x7E)
            return false;
    return len >= 1 && len <= OPERATION_HOLDER_MAX;
}

struct error lock_request_from_json(const cJSON *json, struct operation_lock_request *ret)
{
    static const char *const names[] = { "holder", "ttl_s", "reason" };
    struct operation_lock_request lock = { .ttl_s = 0 };
    const char *holder = "", *reason = "";
    bool has_ttl = false;
    struct error e = json_check_fields(json, names, ARRAY_LEN(names));

    if (!e.code)
        e = json_get_text(json, "holder", OPERATION_HOLDER_MAX, &holder);
    if (!e.code && !lock_is_holder(holder))
        e = error_field("holder", "1 to %d printable ASCII characters expected",
                        OPERATION_HOLDER_MAX);
    if (!e.code)
        e = json_get_int(json, "ttl_s", 1, LOCK_TTL_MAX_S, &lock.ttl_s, &has_ttl);
    if (!e.code && !has_ttl)
        e = error_field("ttl_s", "a whole number from 1 to %d expected", LOCK_TTL_MAX_S);
    if (!e.code)
        e = json_get_text(json, "reason", OPERATION_REASON_MAX, &reason);
    if (e.code)
        return e;
    memcpy(lock.holder, holder, strlen(holder) + 1);
    memcpy(lock.reason, reason, strlen(reason) + 1);
    *ret = lock;
    return e;
}

bool lock_is_held(struct operation_lock *lock, int64_t journal_now_ms, int64_t utc_now_ms)
{
    int64_t left_ms = lock->ends_ms - journal_now_ms, drift_ms;

    /* More than anybody can ask for: the end is of another journal's clock. */
    if (!lock->holder[0] || left_ms <= 0 || left_ms > SECOND_MS * LOCK_TTL_MAX_S)
        return false;
    lock->left_ms = left_ms;
    drift_ms = utc_now_ms + left_ms - lock->until_utc_ms;
    if (drift_ms > DRIFT_MAX_MS || drift_ms < -DRIFT_MAX_MS)
        lock->until_utc_ms += drift_ms;
    return true;
}

cJSON *lock_to_json(const struct operation_lock *lock)
{
    int64_t left_s = (lock->left_ms + SECOND_MS - 1) / SECOND_MS;
    char until[CLOCK_TEXT_LEN + 1];
    cJSON *json = cJSON_CreateObject();

    clock_to_text(lock->until_utc_ms, until);
    if (json && cJSON_AddStringToObject(json, "holder", lock->holder) &&
        (!lock->reason[0] || cJSON_AddStringToObject(json, "reason", lock->reason)) &&
        cJSON_AddStringToObject(json, "until", until) &&
        cJSON_AddNumberToObject(json, "ttl_s", (double)left_s))
        return json;
    cJSON_Delete(json);
    return NULL;
}

struct problem lock_refusal(const struct operation_lock *lock)
{
    struct problem problem = {
        .error = error_make(ERROR_IN_AGENT, ERROR_LOCKED, 0, "%s holds the lock on switching%s%s",
                            lock->holder, lock->reason[0] ? ": " : "", lock->reason),
        .until_utc_ms = lock->until_utc_ms,
    };

    memcpy(problem.holder, lock->holder, sizeof problem.holder);
    return problem;
}

char *lock_to_text(const struct operation_lock *lock)
{
    cJSON *json = cJSON_CreateObject();
    char *text = NULL;

    if (json && fields_put(json, rows, ARRAY_LEN(rows), lock))
        text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return text;
}

struct error lock_from_text(const char *text, struct operation_lock *ret)
{
    struct operation_lock lock = { 0 };
    cJSON *json = NULL;
    struct error e = json_parse(text, strlen(text), &json);
    bool good = !e.code && fields_take(json, rows, ARRAY_LEN(rows), &lock) && lock.holder[0];

    cJSON_Delete(json);
    if (!good)
        return error_make(ERROR_IN_AGENT, ERROR_INTERNAL, 0, "a lock that cannot be read");
    *ret = lock;
    return ERROR_OK;
}
