#include "agent/operation/plan.h"

#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/json.h"

/* --- the plan --- */

static struct plan_obstacle *add_obstacle(struct plan *plan, struct error e)
{
    struct plan_obstacle *obstacle = &plan->obstacles[plan->obstacle_count++];

    *obstacle = (struct plan_obstacle){ .problem.error = e };
    return obstacle;
}

static void look_at_lock(const struct plan_facts *facts, struct plan *plan)
{
    if (!facts->lock)
        return;
    plan->obstacles[plan->obstacle_count++] =
        (struct plan_obstacle){ .problem = lock_refusal(facts->lock), .forcible = true };
}

static void look_at_active(const struct plan_facts *facts, struct plan *plan)
{
    struct plan_obstacle *obstacle;

    if (!facts->active)
        return;
    obstacle = add_obstacle(plan, error_make(ERROR_IN_AGENT, ERROR_SWITCH_IN_PROGRESS, 0,
                                             "another switch has not ended yet"));
    memcpy(obstacle->problem.operation, facts->active->id, sizeof facts->active->id);
}

static void look_at_limits(const struct plan_facts *facts, struct plan *plan)
{
    struct plan_obstacle *obstacle;

    if (facts->cooldown_ms <= 0)
        return;
    obstacle =
        add_obstacle(plan, error_make(ERROR_IN_AGENT, ERROR_COOLDOWN, 0, "too many switches"));
    obstacle->forcible = true;
    obstacle->problem.retry_after_s = (facts->cooldown_ms + 999) / 1000;
}

/* In the order in which the door refuses. */
static void look_for_refusals(const struct plan_facts *facts, struct plan *plan)
{
    look_at_lock(facts, plan);
    look_at_active(facts, plan);
    look_at_limits(facts, plan);
    if (facts->disk.code)
        (void)add_obstacle(plan, facts->disk);
    plan->outcome = plan->obstacle_count > 0 ? PLAN_REFUSED : PLAN_ACCEPTED;
}

static void look_for_trouble(const struct plan_facts *facts, struct plan *plan)
{
    struct error e = facts->trouble;

    if (facts->modem_absent && !e.code)
        e = error_make(ERROR_IN_AGENT, ERROR_MODEM_ABSENT, 0, "the modem is not set up yet");
    if (e.code)
        add_obstacle(plan, e)->waits = facts->modem_absent;
}

/* The profile that is in use, then the card's fallback: as the switch tries them. */
static void plan_rollback(const struct plan_facts *facts, struct plan *plan)
{
    plan->rolls_back = facts->rolls_back;
    if (!facts->rolls_back)
        return;
    if (plan->from && plan->from != facts->target)
        plan->legs[plan->leg_count++] = plan->from;
    for (size_t i = 0; i < facts->list->count && plan->leg_count < PLAN_LEGS_MAX; i++) {
        const struct profile *row = &facts->list->rows[i];

        if (row->fallback != FALLBACK_YES || row == plan->from || row == facts->target)
            continue;
        plan->legs[plan->leg_count++] = row;
        return;
    }
}

void plan_make(const struct plan_facts *facts, struct plan *ret)
{
    *ret = (struct plan){ .target = facts->target,
                          .from = profile_enabled(facts->list),
                          .label = facts->label,
                          .verify = facts->verify,
                          .history = facts->history };
    /* While a switch runs, the list says what was, not what will be. */
    if (facts->target->enabled && !facts->active && !facts->switching) {
        ret->outcome = PLAN_DONE;
        return;
    }
    look_for_refusals(facts, ret);
    look_for_trouble(facts, ret);
    plan_rollback(facts, ret);
    ret->at_most_ms = facts->budget_ms;
}

/* --- JSON: each add_ returns false when memory is out --- */

/* "" and NULL: not known. */
static bool add_known(cJSON *to, const char *name, const char *text)
{
    return !text || !text[0] || json_add_text(to, name, text);
}

static bool add_number(cJSON *to, const char *name, int64_t value)
{
    return cJSON_AddNumberToObject(to, name, (double)value) != NULL;
}

/* Each takes `item`. */
static bool add_item(cJSON *to, const char *name, cJSON *item)
{
    if (item && cJSON_AddItemToObject(to, name, item))
        return true;
    cJSON_Delete(item);
    return false;
}

static bool add_element(cJSON *array, cJSON *item)
{
    if (item && cJSON_AddItemToArray(array, item))
        return true;
    cJSON_Delete(item);
    return false;
}

/* The ICCID, or the AID where the card gives none: what a call takes for it. */
static cJSON *ref_of(const struct profile *profile)
{
    char aid[AID_TEXT_MAX + 1];

    if (profile->has_iccid)
        return cJSON_CreateString(profile->iccid.text);
    aid_to_text(&profile->aid, aid);
    return cJSON_CreateString(aid);
}

static bool add_ids(cJSON *to, const struct profile *profile)
{
    char aid[AID_TEXT_MAX + 1] = "";

    if (profile->has_aid)
        aid_to_text(&profile->aid, aid);
    return add_known(to, "iccid", profile->has_iccid ? profile->iccid.text : NULL) &&
           add_known(to, "aid", aid);
}

static bool add_ref(cJSON *to, const char *name, const struct profile *profile)
{
    return !profile || add_item(to, name, ref_of(profile));
}

static const char *outcome_name(enum plan_outcome outcome)
{
    static const char *const names[] = {
        [PLAN_REFUSED] = "refused",
        [PLAN_ACCEPTED] = "accepted",
        [PLAN_DONE] = "done",
    };
    return names[outcome];
}

static bool add_obstacles(cJSON *to, const struct plan *plan)
{
    cJSON *rows = cJSON_AddArrayToObject(to, "obstacles");

    for (size_t i = 0; rows && i < plan->obstacle_count; i++) {
        const struct plan_obstacle *obstacle = &plan->obstacles[i];
        cJSON *row = problem_to_json(&obstacle->problem);

        if (!add_element(rows, row))
            return false;
        if ((obstacle->forcible && !json_add_bool(row, "forcible", true)) ||
            (obstacle->waits && !json_add_bool(row, "waits", true)))
            return false;
    }
    return rows != NULL;
}

static bool add_rollback(cJSON *to, const struct plan *plan)
{
    cJSON *rollback, *refs;

    if (plan->outcome == PLAN_DONE)
        return true;
    rollback = cJSON_AddObjectToObject(to, "rollback");
    if (!rollback || !json_add_bool(rollback, "enabled", plan->rolls_back))
        return false;
    refs = cJSON_AddArrayToObject(rollback, "to");
    for (size_t i = 0; refs && i < plan->leg_count; i++)
        if (!add_element(refs, ref_of(plan->legs[i])))
            return false;
    return refs != NULL;
}

static bool add_history(cJSON *to, const struct history *h)
{
    cJSON *history = cJSON_AddObjectToObject(to, "history");

    return history && add_number(history, "count", (int64_t)h->count) &&
           add_number(history, "failed", (int64_t)h->failed) &&
           (!h->has_proven || (add_number(history, "median_ms", h->median_ms) &&
                               add_number(history, "p95_ms", h->p95_ms))) &&
           (!h->proven_utc_ms || json_add_time(history, "proven_at", h->proven_utc_ms)) &&
           add_known(history, "last_error", error_code_name(h->last_error));
}

cJSON *plan_to_json(const struct plan *plan)
{
    bool changes = plan->outcome != PLAN_DONE;
    cJSON *json = cJSON_CreateObject();

    if (json && add_ids(json, plan->target) && add_known(json, "label", plan->label) &&
        json_add_bool(json, "changes", changes) && add_ref(json, "from", plan->from) &&
        json_add_text(json, "would", outcome_name(plan->outcome)) && add_obstacles(json, plan) &&
        add_rollback(json, plan) && (!changes || json_add_text(json, "verify", plan->verify)) &&
        (!changes || add_number(json, "at_most_s", (plan->at_most_ms + 999) / 1000)) &&
        add_history(json, &plan->history))
        return json;
    cJSON_Delete(json);
    return NULL;
}
