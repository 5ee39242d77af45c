#include "api/body.h"

#include <string.h>

#include "agent/base/json.h"

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
    bool has_confirm = false;
    int64_t confirm_s = 0;
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
        e = json_get_int(json, "confirm_s", 1, OPERATION_TTL_MAX_S, &confirm_s, &has_confirm);
    /* Without a roll-back nothing could follow from a confirmation that does not come. */
    if (!e.code && has_confirm)
        e = error_field("confirm_s", "is not supported by this version");
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
