#include "agent/state/render.h"

#include "agent/base/clock.h"
#include "agent/base/json.h"

/* Each add_ returns false when memory is out. */

/* "" and NULL: not known. */
static bool add_known(cJSON *to, const char *name, const char *text)
{
    return !text || !text[0] || json_add_text(to, name, text);
}

static bool add_element(cJSON *array, cJSON *item)
{
    if (item && cJSON_AddItemToArray(array, item))
        return true;
    cJSON_Delete(item);
    return false;
}

static cJSON *all_or_nothing(cJSON *json, bool complete)
{
    if (complete)
        return json;
    cJSON_Delete(json);
    return NULL;
}

cJSON *render_eid(const struct eid *eid)
{
    char code[EID_PROFILE_CODE_LEN + 1];
    cJSON *json = cJSON_CreateObject();

    eid_profile_code(eid, code);
    return all_or_nothing(json, json && json_add_text(json, "eid", eid->text) &&
                                    json_add_bool(json, "valid", eid_is_valid(eid)) &&
                                    json_add_text(json, "profile_code", code));
}

static bool add_ids(cJSON *to, const struct profile *profile)
{
    char aid[AID_TEXT_MAX + 1] = "";

    if (profile->has_aid)
        aid_to_text(&profile->aid, aid);
    return add_known(to, "iccid", profile->has_iccid ? profile->iccid.text : NULL) &&
           add_known(to, "aid", aid);
}

static bool add_warnings(cJSON *to, const struct profile *profile)
{
    cJSON *warnings;

    if (!profile->has_iccid || iccid_luhn_ok(&profile->iccid))
        return true;
    warnings = cJSON_AddArrayToObject(to, "warnings");
    return warnings && add_element(warnings, cJSON_CreateString("luhn"));
}

static bool add_facts(cJSON *to, const struct render_facts *facts)
{
    char at[CLOCK_TEXT_LEN + 1] = "";

    if (facts->proven_utc_ms)
        clock_to_text(facts->proven_utc_ms, at);
    return add_known(to, "proven_at", at) &&
           (!facts->last_error ||
            json_add_text(to, "last_error", error_code_name(facts->last_error)));
}

cJSON *render_profile(const struct profile *profile, render_find find, void *ctx)
{
    const struct render_facts facts =
        find && profile->has_iccid ? find(ctx, &profile->iccid) : (struct render_facts){ 0 };
    cJSON *json = cJSON_CreateObject();

    return all_or_nothing(
        json, json && add_ids(json, profile) && json_add_bool(json, "enabled", profile->enabled) &&
                  (profile->fallback == FALLBACK_UNKNOWN ||
                   json_add_bool(json, "fallback", profile->fallback == FALLBACK_YES)) &&
                  add_known(json, "label", facts.label) && add_known(json, "name", profile->name) &&
                  add_known(json, "provider", profile->provider) &&
                  add_known(json, "nickname", profile->nickname) && add_facts(json, &facts) &&
                  add_warnings(json, profile));
}

cJSON *render_profiles(const struct profile_list *list, render_find find, void *ctx)
{
    cJSON *rows = cJSON_CreateArray();
    bool complete = rows != NULL;

    for (size_t i = 0; complete && i < list->count; i++)
        complete = add_element(rows, render_profile(&list->rows[i], find, ctx));
    return all_or_nothing(rows, complete);
}

static bool add_level(cJSON *to, const char *name, const struct level *level)
{
    return !level->known || cJSON_AddNumberToObject(to, name, level->value) != NULL;
}

static bool add_signal(cJSON *to, const struct signal_reading *signal)
{
    cJSON *json = cJSON_AddObjectToObject(to, "signal");

    return json && add_level(json, "rssi_dbm", &signal->rssi_dbm) &&
           add_level(json, "rscp_dbm", &signal->rscp_dbm) &&
           add_level(json, "ecno_db", &signal->ecno_db) &&
           add_level(json, "rsrp_dbm", &signal->rsrp_dbm) &&
           add_level(json, "rsrq_db", &signal->rsrq_db) &&
           add_level(json, "sinr_db", &signal->sinr_db);
}

static bool add_number(cJSON *to, const char *name, double value)
{
    return cJSON_AddNumberToObject(to, name, value) != NULL;
}

static bool add_quality(cJSON *to, const struct quality *quality)
{
    cJSON *json = cJSON_AddObjectToObject(to, "quality");

    return json && add_level(json, "loss_pct", &quality->loss_pct) &&
           add_level(json, "rtt_ms", &quality->rtt_ms) &&
           (!quality->traffic_known || (add_number(json, "rx_bytes", (double)quality->rx_bytes) &&
                                        add_number(json, "tx_bytes", (double)quality->tx_bytes)));
}

static bool add_data(cJSON *to, const struct connectivity *c)
{
    cJSON *data = cJSON_AddObjectToObject(to, "data");
    cJSON *addresses = NULL;

    if (!data || (c->attached_known && !json_add_bool(data, "attached", c->attached)))
        return false;
    if (c->address_count == 0)
        return true;
    addresses = cJSON_AddArrayToObject(data, "addresses");
    for (size_t i = 0; addresses && i < c->address_count; i++)
        if (!add_element(addresses, cJSON_CreateString(c->addresses[i])))
            return false;
    return addresses != NULL;
}

cJSON *render_connectivity(const struct connectivity *c)
{
    cJSON *json = cJSON_CreateObject();

    return all_or_nothing(
        json, json && json_add_time(json, "at", c->at_utc_ms) &&
                  (clock_was_set(c->at_utc_ms) || json_add_bool(json, "clock_set", false)) &&
                  (c->registration == REGISTRATION_UNKNOWN ||
                   json_add_text(json, "registration", registration_name(c->registration))) &&
                  (c->registration != REGISTRATION_DENIED || c->reject_cause <= 0 ||
                   add_number(json, "reject_cause", c->reject_cause)) &&
                  (!connectivity_is_registered(c) ||
                   json_add_bool(json, "roaming", c->registration == REGISTRATION_ROAMING)) &&
                  add_known(json, "operator", c->plmn) &&
                  (c->technology == TECHNOLOGY_UNKNOWN ||
                   json_add_text(json, "technology", technology_name(c->technology))) &&
                  add_signal(json, &c->signal) && add_data(json, c) &&
                  add_quality(json, &c->quality) &&
                  (!c->has_iccid || json_add_text(json, "iccid", c->iccid.text)) &&
                  add_known(json, "imsi_hash", c->imsi_hash));
}

static bool add_agent(cJSON *to, const char *device_id)
{
    cJSON *agent = cJSON_AddObjectToObject(to, "agent");

    return agent && json_add_text(agent, "version", LPM_VERSION) &&
           add_known(agent, "device_id", device_id);
}

bool render_trouble(cJSON *to, enum error_code code, const char *detail)
{
    cJSON *trouble = cJSON_AddObjectToObject(to, "trouble");

    return trouble && json_add_text(trouble, "code", error_code_name(code)) &&
           json_add_text(trouble, "detail", detail);
}

static bool add_modem(cJSON *to, const struct snapshot *s)
{
    cJSON *modem = cJSON_AddObjectToObject(to, "modem");

    return modem && json_add_text(modem, "state", s->modem == MODEM_READY ? "ready" : "absent") &&
           add_known(modem, "manufacturer", s->manufacturer) &&
           add_known(modem, "model", s->model) && add_known(modem, "revision", s->revision) &&
           add_known(modem, "port", s->port) && add_known(modem, "transport", s->transport) &&
           (!s->trouble.code || render_trouble(modem, s->trouble.code, s->trouble.message));
}

static bool add_card(cJSON *to, const struct snapshot *s)
{
    cJSON *card = cJSON_AddObjectToObject(to, "card");

    return card && add_known(card, "interface", s->interface) &&
           (!s->has_eid || json_add_text(card, "eid", s->eid.text)) &&
           (!s->has_list ||
            cJSON_AddNumberToObject(card, "profiles", (double)s->list.count) != NULL);
}

cJSON *render_info(const struct snapshot *snapshot, const char *device_id)
{
    cJSON *json = cJSON_CreateObject();

    return all_or_nothing(json, json && add_agent(json, device_id) && add_modem(json, snapshot) &&
                                    add_card(json, snapshot));
}
