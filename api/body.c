#include "api/body.h"

#include <string.h>

#include "agent/base/json.h"

enum { CONFIRM_MIN_S = 60, CONFIRM_MAX_S = 86400 };

static struct error get_expect_enabled(const cJSON *json, struct operation_request *request)
{
    const char *text = NULL;
    struct error e;

    /* A number of 20 digits loses the last ones on its way. */
    if (cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(json, "expect_enabled")))
        return error_field("expect_enabled", "expected text (an ICCID in quotes)");
    e = json_get_text(json, "expect_enabled", 64, &text);
    if (e.code || !text)
        return e;
    if (iccid_from_text(text, strlen(text), &request->expect_enabled).code)
        return error_field("expect_enabled", "has to be an ICCID of 18 to 20 digits");
    request->has_expect_enabled = true;
    return ERROR_OK;
}

static struct error get_fields(const cJSON *json, struct operation_request *request)
{
    static const char *const names[] = { "reason", "ttl_s", "expect_enabled", "force",
                                         "confirm_s" };
    const char *reason = NULL;
    struct error e = json_check_fields(json, names, ARRAY_LEN(names));

    if (!e.code)
        e = json_get_text(json, "reason", OPERATION_REASON_MAX, &reason);
    if (!e.code)
        e = json_get_int(json, "ttl_s", 1, OPERATION_TTL_MAX_S, &request->ttl_s, NULL);
    if (!e.code)
        e = get_expect_enabled(json, request);
    if (!e.code)
        e = json_get_bool(json, "force", &request->force);
    if (!e.code)
        e = json_get_int(json, "confirm_s", CONFIRM_MIN_S, CONFIRM_MAX_S, &request->confirm_s,
                         NULL);
    if (!e.code && reason)
        memcpy(request->reason, reason, strlen(reason) + 1);
    return e;
}

struct error body_parse_enable(const char *text, size_t len, struct operation_request *ret)
{
    struct operation_request request = *ret;
    cJSON *json = NULL;
    struct error e;

    if (len == 0)
        return ERROR_OK;
    e = json_parse(text, len, &json);
    if (!e.code)
        e = get_fields(json, &request);
    cJSON_Delete(json);
    if (!e.code)
        *ret = request;
    return e;
}

struct error body_parse_lock(const char *text, size_t len, struct operation_lock_request *ret)
{
    cJSON *json = NULL;
    struct error e;

    e = len > 0 ? json_parse(text, len, &json)
                : error_field("holder", "a body with holder and ttl_s expected");
    if (!e.code)
        e = lock_request_from_json(json, ret);
    cJSON_Delete(json);
    return e;
}

struct error body_parse_nothing(const char *text, size_t len)
{
    cJSON *json = NULL;
    struct error e;

    if (len == 0)
        return ERROR_OK;
    e = json_parse(text, len, &json);
    if (!e.code)
        e = json_check_fields(json, NULL, 0);
    cJSON_Delete(json);
    return e;
}
