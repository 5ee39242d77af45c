#include "agent/operation/door.h"

#include <string.h>

#include "agent/base/clock.h"
#include "agent/state/etag.h"

static bool same_ref(const struct profile_ref *a, const struct profile_ref *b)
{
    return a->by_aid == b->by_aid &&
           (a->by_aid ? aid_equal(&a->aid, &b->aid) : iccid_equal(&a->iccid, &b->iccid));
}

bool door_is_same(const struct operation_request *a, const struct operation_request *b)
{
    if (!same_ref(&a->target, &b->target) || a->force != b->force || a->confirm_s != b->confirm_s ||
        a->has_expect_enabled != b->has_expect_enabled ||
        (a->has_expect_enabled && !iccid_equal(&a->expect_enabled, &b->expect_enabled)))
        return false;
    return a->channel != CHANNEL_REST ||
           (a->ttl_s == b->ttl_s && strcmp(a->reason, b->reason) == 0);
}

bool door_is_free(const struct operation_request *request)
{
    return request->channel == CHANNEL_AGENT ||
           (request->force && request->channel != CHANNEL_STEERING);
}

struct error door_check_preconditions(const struct operation_request *request, const char *if_match,
                                      const struct snapshot *now)
{
    const struct profile *enabled = now->has_list ? profile_enabled(&now->list) : NULL;

    /* While the list is dropped, every tag that a client can have is older than what dropped it. */
    if (if_match && !etag_fits(if_match, now->has_list ? now->etag : "", ETAG_STRONG))
        return error_make(ERROR_IN_AGENT, ERROR_PRECONDITION_FAILED, 0,
                          "the list has changed since that ETag");
    /* Without a list the worker looks, with a fresh one. */
    if (request->has_expect_enabled && now->has_list &&
        !(enabled && enabled->has_iccid && iccid_equal(&enabled->iccid, &request->expect_enabled)))
        return error_make(ERROR_IN_AGENT, ERROR_PRECONDITION_FAILED, 0,
                          "another profile than expect_enabled is in use");
    return ERROR_OK;
}

struct operation door_begin(const struct operation_request *request, int64_t budget_ms)
{
    struct operation op = { .request = *request, .state = OPERATION_ACCEPTED, .rev = 1 };
    int64_t ttl_ms = 1000 * (request->ttl_s ? request->ttl_s : OPERATION_TTL_DEFAULT_S);

    op.created_utc_ms = clock_utc_ms();
    op.clock_was_set = clock_is_set();
    op.expires_ms = clock_now_ms() + ttl_ms;
    op.ends_by_utc_ms = op.created_utc_ms + ttl_ms + budget_ms + 1000 * request->confirm_s;
    op.blackout_ms = -1;
    id_make(op.created_utc_ms, op.id);
    return op;
}

void door_end_unchanged(struct operation *op, const struct profile *enabled,
                        const struct snapshot *now)
{
    op->has_target = true;
    op->target = *enabled;
    op->has_result = true;
    op->has_from = op->has_now = enabled->has_iccid;
    op->from = op->now = enabled->iccid;
    op->blackout_ms = 0;
    if (now->has_connectivity && connectivity_is_registered(&now->connectivity))
        op->verified =
            connectivity_has_data(&now->connectivity) ? VERIFIED_ATTACHED : VERIFIED_REGISTERED;
    op->state = OPERATION_SUCCEEDED;
    op->ended_utc_ms = op->ends_by_utc_ms = op->created_utc_ms;
}

void door_reject(struct operation *op, const struct problem *problem)
{
    op->state = OPERATION_REJECTED;
    op->problem = *problem;
    op->ended_utc_ms = op->ends_by_utc_ms = op->created_utc_ms;
}

struct operation door_refused(const struct operation_request *request,
                              const struct problem *problem)
{
    struct operation op = door_begin(request, 0);

    door_reject(&op, problem);
    op.rev = 0;
    return op;
}
