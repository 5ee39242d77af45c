#include "agent/operation/intent.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "agent/base/json.h"
#include "agent/operation/fields.h"
#include "agent/operation/names.h"

/* A member that every intent has, and no other text of ours. */
static const char mark[] = "intent";

#define AT(member) FIELD_AT(struct intent, member)
#define PROFILE(prefix, which)                                                                     \
    { prefix "_known", FIELD_BOOL, AT(profiles[which].known) },                                    \
        { prefix "_has_iccid", FIELD_BOOL, AT(profiles[which].has_iccid) },                        \
        { prefix "_has_aid", FIELD_BOOL, AT(profiles[which].has_aid) },                            \
        { prefix "_iccid", FIELD_ICCID, AT(profiles[which].iccid) },                               \
        { prefix "_aid", FIELD_AID, AT(profiles[which].aid) },                                     \
    {                                                                                              \
        prefix "_tried", FIELD_BOOL, AT(tried[which])                                              \
    }

static const char *leg_text(unsigned value)
{
    static const char *const names[LEGS] = { "target", "previous", "fallback" };

    return names[value];
}

static const struct field rows[] = {
    // clang-format off
    { "leg", FIELD_ENUM, AT(leg), leg_text, LEGS },
    { "phase", FIELD_ENUM, AT(phase), NAMES_PHASE },
    PROFILE("target", LEG_TARGET),
    PROFILE("previous", LEG_PREVIOUS),
    PROFILE("fallback", LEG_FALLBACK),
    { "imsi_before", FIELD_TEXT, AT(imsi_before) },
    { "imsi_previous", FIELD_TEXT, AT(imsi_previous) },
    { "was_ready", FIELD_BOOL, AT(was_ready) },
    { "was_registered", FIELD_BOOL, AT(was_registered) },
    { "had_card", FIELD_BOOL, AT(had_card) },
    { "had_registration", FIELD_BOOL, AT(had_registration) },
    { "had_data", FIELD_BOOL, AT(had_data) },
    { "had_reach", FIELD_BOOL, AT(had_reach) },
    { "had_broker", FIELD_BOOL, AT(had_broker) },
    { "wanted", FIELD_ENUM, AT(wanted), NAMES_VERIFIED },
    { "proof", FIELD_ENUM, AT(proof), NAMES_VERIFIED },
    { "restarted", FIELD_BOOL, AT(restarted) },
    { "left_previous", FIELD_BOOL, AT(left_previous) },
    { "arrived", FIELD_BOOL, AT(arrived) },
    { "used_ms", FIELD_NUMBER, AT(used_ms) },
    { "boot", FIELD_TEXT, AT(boot) },
    { "again", FIELD_BOOL, AT(again) },
    { "data_ended_ms", FIELD_NUMBER, AT(data_ended_ms) },
    { "blackout_ms", FIELD_NUMBER, AT(blackout_ms) },
    { "hooked_before", FIELD_BOOL, AT(hooked_before) },
    { "hooked_after", FIELD_BOOL, AT(hooked_after) },
    { "reason_code", FIELD_ENUM, AT(reason.code), NAMES_ERROR_CODE },
    { "reason_domain", FIELD_ENUM, AT(reason.domain), NAMES_ERROR_DOMAIN },
    { "reason_detail", FIELD_INT, AT(reason.detail) },
    { "reason_field", FIELD_TEXT, AT(reason.field) },
    { "reason_message", FIELD_TEXT, AT(reason.message) },
}; // clang-format on

char *intent_to_text(const struct intent *intent)
{
    cJSON *json = cJSON_CreateObject();
    char *text = NULL;

    if (json && cJSON_AddTrueToObject(json, mark) &&
        fields_put(json, rows, ARRAY_LEN(rows), intent))
        text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return text;
}

static bool is_whole(const struct intent_profile *profile)
{
    return (!profile->has_iccid || profile->iccid.text[0]) &&
           (!profile->has_aid || profile->aid.len > 0);
}

struct error intent_from_text(const char *text, struct intent *ret)
{
    struct intent intent = { 0 };
    cJSON *json = NULL;
    struct error e = json_parse(text, strlen(text), &json);
    bool good = !e.code && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, mark)) &&
                fields_take(json, rows, ARRAY_LEN(rows), &intent);

    for (size_t i = 0; i < LEGS; i++)
        good = good && is_whole(&intent.profiles[i]);
    cJSON_Delete(json);
    if (!good)
        return error_make(ERROR_IN_AGENT, ERROR_INTERNAL, 0, "an intent that cannot be read");
    *ret = intent;
    return ERROR_OK;
}
