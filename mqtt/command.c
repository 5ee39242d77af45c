#include "mqtt/command.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/json.h"

enum { STAMP_MAX = 64, AID_TEXT_LEN = 32, CONFIRM_MIN_S = 60, CONFIRM_MAX_S = 86400 };

struct error command_check(const struct command_rules *rules, enum config_command command,
                           const struct command_message *message)
{
    if (message->retained)
        return error_make(ERROR_IN_AGENT, ERROR_INVALID_REQUEST, 0,
                          "a retained command would run again at every reconnect: not run; clear "
                          "it by an empty retained message to its topic");
    if (!(rules->commands & command))
        return error_make(ERROR_IN_AGENT, ERROR_FORBIDDEN, 0, "%s is not allowed over MQTT",
                          config_command_name(command));
    if (message->len > COMMAND_PAYLOAD_MAX)
        return error_make(ERROR_IN_AGENT, ERROR_PAYLOAD_TOO_LARGE, 0,
                          "a payload of %zu bytes, more than %d", message->len,
                          COMMAND_PAYLOAD_MAX);
    return ERROR_OK;
}

static struct error parse_any(const struct command_message *message, cJSON **ret)
{
    return message->len > 0 ? json_parse(message->payload, message->len, ret)
                            : json_parse("{}", 2, ret);
}

static struct error parse(const struct command_message *message, const char *const *names,
                          size_t count, cJSON **ret)
{
    cJSON *json = NULL;
    struct error e = parse_any(message, &json);

    if (!e.code)
        e = json_check_fields(json, names, count);
    if (e.code) {
        cJSON_Delete(json);
        return e;
    }
    *ret = json;
    return e;
}

static struct error named(const char *field, struct error e)
{
    if (e.code && !e.field[0])
        (void)snprintf(e.field, sizeof e.field, "%s", field);
    return e;
}

static struct error take_aid(const char *text, struct profile_ref *ret)
{
    ret->by_aid = true;
    if (strlen(text) != AID_TEXT_LEN)
        return error_field("aid", "expected 32 hex digits");
    return named("aid", aid_from_text(text, strlen(text), &ret->aid));
}

/* As json_get_text(). A JSON number of 20 digits has lost the last ones. */
static struct error take_iccid_text(const cJSON *json, const char *name, const char **ret)
{
    if (cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(json, name)))
        return error_field(name, "expected text (an ICCID in quotes)");
    return json_get_text(json, name, 2 * ICCID_TEXT_MAX, ret);
}

static struct error take_target(const cJSON *json, struct profile_ref *ret)
{
    const char *iccid = NULL, *aid = NULL;
    struct error e = take_iccid_text(json, "iccid", &iccid);

    if (!e.code)
        e = json_get_text(json, "aid", 2 * AID_TEXT_LEN, &aid);
    if (e.code)
        return e;
    if (iccid && aid)
        return error_field("aid", "expected exactly one of iccid and aid");
    if (!iccid && !aid)
        return error_field("iccid", "expected exactly one of iccid and aid");
    if (aid)
        return take_aid(aid, ret);
    return named("iccid", iccid_from_text(iccid, strlen(iccid), &ret->iccid));
}

static struct error take_text(const cJSON *json, const char *name, size_t max, char *ret)
{
    const char *text = NULL;
    struct error e = json_get_text(json, name, max, &text);

    if (!e.code && text)
        memcpy(ret, text, strlen(text) + 1);
    return e;
}

static struct error take_expect(const cJSON *json, struct operation_request *ret)
{
    const char *text = NULL;
    struct error e = take_iccid_text(json, "expect_enabled", &text);

    if (e.code || !text)
        return e;
    ret->has_expect_enabled = true;
    return named("expect_enabled", iccid_from_text(text, strlen(text), &ret->expect_enabled));
}

static int64_t capped_ttl_s(int64_t ttl_s)
{
    if (ttl_s <= 0)
        return -1;
    return ttl_s < OPERATION_TTL_MAX_S ? ttl_s : OPERATION_TTL_MAX_S;
}

/* Both fields are checked also where the message's own expiry counts. */
static struct error take_ttl(const cJSON *json, const struct command_rules *rules, int64_t expiry_s,
                             int64_t *ret)
{
    const char *stamp = NULL;
    bool has_ttl = false;
    int64_t ttl_s = 0, until_utc_ms = 0;
    struct error e = json_get_int(json, "ttl_s", 1, OPERATION_TTL_MAX_S, &ttl_s, &has_ttl);

    if (!e.code)
        e = json_get_text(json, "expires_at", STAMP_MAX, &stamp);
    if (!e.code && stamp)
        e = named("expires_at", clock_from_text(stamp, &until_utc_ms));
    if (e.code)
        return e;
    if (expiry_s >= 0)
        *ret = capped_ttl_s(expiry_s);
    else if (has_ttl)
        *ret = ttl_s;
    else if (stamp && rules->clock_is_set)
        *ret = until_utc_ms <= rules->now_utc_ms
                   ? -1
                   : capped_ttl_s((until_utc_ms - rules->now_utc_ms + 999) / 1000);
    return e;
}

static struct error take_force(const cJSON *json, const struct command_rules *rules, bool *ret)
{
    struct error e = json_get_bool(json, "force", ret);

    if (e.code || !*ret || rules->force)
        return e;
    e = error_make(ERROR_IN_AGENT, ERROR_FORBIDDEN, 0, "force is not allowed over MQTT");
    return named("force", e);
}

static struct error take_confirm(const cJSON *json, const struct command_rules *rules, int64_t *ret)
{
    bool has_confirm = false;
    struct error e =
        json_get_int(json, "confirm_s", CONFIRM_MIN_S, CONFIRM_MAX_S, ret, &has_confirm);

    if (e.code || has_confirm || !rules->needs_confirm)
        return e;
    return error_field("confirm_s", "has to be given: the link to the broker proves nothing here, "
                                    "and there are no probe.targets");
}

static struct error take_request(const cJSON *json, const struct command_rules *rules,
                                 int64_t expiry_s, struct operation_request *ret)
{
    struct error e = take_target(json, &ret->target);

    if (!e.code)
        e = take_text(json, "reason", OPERATION_REASON_MAX, ret->reason);
    if (!e.code)
        e = take_text(json, "requester", OPERATION_REQUESTER_MAX, ret->requester);
    if (!e.code)
        e = take_ttl(json, rules, expiry_s, &ret->ttl_s);
    if (!e.code)
        e = take_expect(json, ret);
    if (!e.code)
        e = take_confirm(json, rules, &ret->confirm_s);
    if (!e.code)
        e = take_force(json, rules, &ret->force);
    return e;
}

struct error command_to_request(const struct command_rules *rules,
                                const struct command_message *message, const char *id,
                                struct operation_request *ret)
{
    static const char *const names[] = { "iccid", "aid",        "reason",
                                         "ttl_s", "expires_at", "expect_enabled",
                                         "force", "confirm_s",  "requester" };
    struct operation_request request = { .channel = CHANNEL_MQTT };
    cJSON *json = NULL;
    struct error e = parse(message, names, ARRAY_LEN(names), &json);

    if (e.code)
        return e;
    (void)snprintf(request.request, sizeof request.request, "%s", id);
    e = take_request(json, rules, message->expiry_s, &request);
    cJSON_Delete(json);
    if (!e.code)
        *ret = request;
    return e;
}

struct error command_to_refresh(const struct command_message *message, bool *ret_refresh)
{
    static const char *const names[] = { "refresh" };
    bool refresh = false;
    cJSON *json = NULL;
    struct error e = parse(message, names, ARRAY_LEN(names), &json);

    if (!e.code)
        e = json_get_bool(json, "refresh", &refresh);
    cJSON_Delete(json);
    if (!e.code)
        *ret_refresh = refresh;
    return e;
}

struct error command_to_plan(const struct command_message *message, struct profile_ref *ret_target,
                             bool *ret_refresh)
{
    static const char *const names[] = { "iccid", "aid", "refresh" };
    struct profile_ref target = { .by_aid = false };
    bool refresh = false;
    cJSON *json = NULL;
    struct error e = parse(message, names, ARRAY_LEN(names), &json);

    if (!e.code)
        e = take_target(json, &target);
    if (!e.code)
        e = json_get_bool(json, "refresh", &refresh);
    cJSON_Delete(json);
    if (e.code)
        return e;
    *ret_target = target;
    *ret_refresh = refresh;
    return e;
}

struct error command_to_lock(const struct command_message *message,
                             struct operation_lock_request *ret)
{
    cJSON *json = NULL;
    struct error e = parse_any(message, &json);

    if (!e.code)
        e = lock_request_from_json(json, ret);
    cJSON_Delete(json);
    return e;
}

static struct error take_holder(const cJSON *json, struct command_unlock *ret)
{
    struct error e = take_text(json, "holder", OPERATION_HOLDER_MAX, ret->holder);

    if (e.code || ret->force || lock_is_holder(ret->holder))
        return e;
    return error_field("holder", "the holder's name is needed, or force");
}

struct error command_to_unlock(const struct command_rules *rules,
                               const struct command_message *message, struct command_unlock *ret)
{
    static const char *const names[] = { "holder", "force" };
    struct command_unlock unlock = { .force = false };
    cJSON *json = NULL;
    struct error e = parse(message, names, ARRAY_LEN(names), &json);

    if (!e.code)
        e = take_force(json, rules, &unlock.force);
    if (!e.code)
        e = take_holder(json, &unlock);
    cJSON_Delete(json);
    if (!e.code)
        *ret = unlock;
    return e;
}

struct error command_is_empty(const struct command_message *message)
{
    cJSON *json = NULL;
    struct error e = parse(message, NULL, 0, &json);

    cJSON_Delete(json);
    return e;
}
