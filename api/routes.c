#include "api/routes.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/operation/operations.h"
#include "agent/operation/plan_gather.h"
#include "agent/operation/proofs.h"
#include "agent/state/etag.h"
#include "agent/state/metrics.h"
#include "agent/state/reads.h"
#include "agent/state/render.h"
#include "agent/state/samples.h"
#include "agent/state/snapshot.h"
#include "api/body.h"
#include "api/health.h"
#include "api/info_routes.h"
#include "api/list.h"
#include "api/lock_routes.h"
#include "api/metrics_routes.h"
#include "api/page_routes.h"
#include "config/config.h"

enum { LIMIT_DEFAULT = 20, LIMIT_MAX = 100 };

/* {"name":item}; takes `item`. */
static cJSON *object_of(const char *name, cJSON *item)
{
    cJSON *json = cJSON_CreateObject();

    if (json && item && cJSON_AddItemToObject(json, name, item))
        return json;
    cJSON_Delete(json);
    cJSON_Delete(item);
    return NULL;
}

static cJSON *object_of_text(const char *name, const char *text)
{
    return object_of(name, cJSON_CreateString(text));
}

static void add_age(struct answer *ret, int64_t at_ms)
{
    int64_t age_ms = clock_now_ms() - at_ms;

    answer_add_header(ret, "Age", "%" PRId64, age_ms > 0 ? age_ms / 1000 : 0);
    answer_add_header(ret, "Cache-Control", "no-cache");
}

/* --- reads --- */

/* Whether the snapshot answers a read. When not, `ret` says what to wait for, or why it cannot be. */
static bool can_answer(struct call *call, const struct snapshot *now, bool has, unsigned want,
                       struct answer *ret)
{
    bool fresh = headers_want_fresh(call->headers[HEADER_CACHE_CONTROL]) && !now->switching;

    if (call->rounds > 0 && call->read_error.code) {
        answer_error(ret, call->read_error);
        return false;
    }
    if (has && (!fresh || call->rounds > 0))
        return true;
    if (call->rounds < CALL_ROUNDS_MAX) {
        *ret = (struct answer){ .kind = ANSWER_WAITS_FOR_READ, .wants = want };
        return false;
    }
    /* Read, and dropped again before we could look, more than once. */
    answer_error(ret, error_make(ERROR_IN_AGENT, ERROR_MODEM_TIMEOUT, 0,
                                 "it changed again each time that it was read"));
    return false;
}

static void get_eid(const struct routes *routes, const struct snapshot *now, struct call *call,
                    struct answer *ret)
{
    (void)routes;
    if (!can_answer(call, now, now->has_eid, READ_EID, ret))
        return;
    answer_json(ret, 200, render_eid(&now->eid));
    if (!ret->is_problem)
        add_age(ret, now->eid_at_ms);
}

static void get_profiles(const struct routes *routes, const struct snapshot *now, struct call *call,
                         struct answer *ret)
{
    const char *if_none_match = call->headers[HEADER_IF_NONE_MATCH];
    char etag[ETAG_REFINED_MAX + 1] = "";
    cJSON *json;

    if (!can_answer(call, now, now->has_list, READ_PROFILES, ret))
        return;
    json = list_to_json(routes, now, etag);
    if (json && if_none_match && etag_fits(if_none_match, etag, ETAG_WEAK)) {
        cJSON_Delete(json);
        ret->status = 304;
    } else {
        answer_json(ret, 200, json);
    }
    if (ret->is_problem)
        return;
    answer_add_header(ret, "ETag", "%s", etag);
    add_age(ret, now->list_at_ms);
}

static struct error parse_ref(const struct call *call, struct profile_ref *ret)
{
    const char *text = call->match.param;

    if (!profile_ref_from_text(text, strlen(text), ret).code)
        return ERROR_OK;
    return error_field("ref", "has to be an ICCID, or an ISD-P AID of 32 hex digits");
}

static struct error profile_not_found(void)
{
    return error_make(ERROR_IN_AGENT, ERROR_PROFILE_NOT_FOUND, 0, "the card has no such profile");
}

/* The row that the path names. NULL: `ret` says what to wait for, or why there is none. */
static const struct profile *find_profile(struct call *call, const struct snapshot *now,
                                          struct answer *ret)
{
    const struct profile *row;
    struct profile_ref ref;
    struct error e = parse_ref(call, &ref);

    if (e.code) {
        answer_error(ret, e);
        return NULL;
    }
    if (!can_answer(call, now, now->has_list, READ_PROFILES, ret))
        return NULL;
    row = profile_find(&now->list, &ref);
    if (!row)
        answer_error(ret, profile_not_found());
    return row;
}

static void get_profile(const struct routes *routes, const struct snapshot *now, struct call *call,
                        struct answer *ret)
{
    const struct profile *row = find_profile(call, now, ret);

    if (!row)
        return;
    answer_json(ret, 200, render_profile(row, proofs_find, routes->proofs));
    if (!ret->is_problem)
        add_age(ret, now->list_at_ms);
}

/* False: no memory. */
static bool add_sample(cJSON *to, const struct connectivity *reading)
{
    cJSON *json = render_connectivity(reading);

    if (json && cJSON_AddItemToArray(to, json))
        return true;
    cJSON_Delete(json);
    return false;
}

/* NULL: no memory. */
static cJSON *samples_since(struct samples *samples, int64_t since_utc_ms)
{
    struct sample *rows = calloc(SAMPLES_MAX, sizeof *rows);
    cJSON *array = rows ? cJSON_CreateArray() : NULL;
    size_t count = array ? samples_after(samples, 0, SAMPLES_MAX, rows) : 0;

    for (size_t i = 0; i < count && array; i++)
        if (rows[i].reading.at_utc_ms >= since_utc_ms && !add_sample(array, &rows[i].reading)) {
            cJSON_Delete(array);
            array = NULL;
        }
    free(rows);
    return array;
}

/* From memory alone: what was, can be told without the modem. */
static void get_connectivity_since(const struct routes *routes, const struct snapshot *now,
                                   const char *since, struct answer *ret)
{
    int64_t since_utc_ms;
    cJSON *json, *samples;
    struct error e = clock_from_text(since, &since_utc_ms);

    if (e.code) {
        answer_error(ret, error_field("since", "is no RFC 3339 time"));
        return;
    }
    json = now->has_connectivity ? render_connectivity(&now->connectivity) : cJSON_CreateObject();
    samples = json ? samples_since(routes->samples, since_utc_ms) : NULL;
    if (!samples || !cJSON_AddItemToObject(json, "samples", samples)) {
        cJSON_Delete(samples);
        cJSON_Delete(json);
        json = NULL;
    }
    answer_json(ret, 200, json);
    if (!ret->is_problem)
        answer_add_header(ret, "Cache-Control", "no-store");
}

static void get_connectivity(const struct routes *routes, const struct snapshot *now,
                             struct call *call, struct answer *ret)
{
    const char *since = router_query(&call->match, "since");

    if (since) {
        get_connectivity_since(routes, now, since, ret);
        return;
    }
    if (!can_answer(call, now, now->has_connectivity, READ_CONNECTIVITY, ret))
        return;
    answer_json(ret, 200, render_connectivity(&now->connectivity));
    if (!ret->is_problem)
        add_age(ret, now->connectivity.at_ms);
}

/* --- what is known without the modem --- */

static void get_health(const struct routes *routes, const struct snapshot *now, struct call *call,
                       struct answer *ret)
{
    (void)routes;
    (void)now;
    (void)call;
    answer_json(ret, 200, object_of_text("status", "ok"));
    if (!ret->is_problem)
        answer_add_header(ret, "Cache-Control", "no-store");
}

static void get_ready(const struct routes *routes, const struct snapshot *now, struct call *call,
                      struct answer *ret)
{
    const struct problem why = { .error = health_trouble(now) };

    (void)routes;
    (void)call;
    if (!why.error.code) {
        answer_json(ret, 200, object_of_text("status", "ready"));
        if (!ret->is_problem)
            answer_add_header(ret, "Cache-Control", "no-store");
        return;
    }
    answer_problem_as(ret, &why, 503);
}

static void get_steering(const struct routes *routes, const struct snapshot *now, struct call *call,
                         struct answer *ret)
{
    (void)routes;
    (void)now;
    (void)call;
    answer_json(ret, 200, object_of_text("mode", "off"));
    answer_add_header(ret, "Cache-Control", "no-cache");
}

static void get_events(const struct routes *routes, const struct snapshot *now, struct call *call,
                       struct answer *ret)
{
    (void)routes;
    (void)now;
    if (!call->is_head) {
        *ret = (struct answer){ .kind = ANSWER_LISTENS };
        return;
    }
    answer_static(ret, 200, call->match.media, (const unsigned char *)"", 0);
    answer_add_header(ret, "Cache-Control", "no-store");
}

/* --- operations --- */

static void answer_operation(struct answer *ret, const struct operation *op, unsigned status)
{
    answer_json(ret, status, operation_to_json(op));
    if (ret->is_problem)
        return;
    answer_add_header(ret, "Cache-Control", "no-store");
    answer_add_header(ret, "Location", "/v1/operations/%s", op->id);
}

static struct error no_such_operation(void)
{
    return error_make(ERROR_IN_AGENT, ERROR_NOT_FOUND, 0, "no such operation");
}

static void get_operation(const struct routes *routes, const struct snapshot *now,
                          struct call *call, struct answer *ret)
{
    struct operation op;

    (void)now;
    if (operations_find(routes->operations, call->match.param, &op))
        answer_operation(ret, &op, 200);
    else
        answer_error(ret, no_such_operation());
}

struct filter {
    enum operation_state state;
    const char *before;
    size_t limit;
};

static struct error parse_filter(const struct route_match *match, struct filter *ret)
{
    const char *state = router_query(match, "state"), *limit = router_query(match, "limit");
    const char *before = router_query(match, "before");

    *ret = (struct filter){ .before = before, .limit = LIMIT_DEFAULT };
    if (state)
        ret->state = operation_state_from_name(state);
    if (state && ret->state == OPERATION_NONE)
        return error_field("state", "is no state of an operation");
    if (limit) {
        size_t len = strlen(limit);

        ret->limit =
            len > 0 && len <= 3 && strspn(limit, "0123456789") == len ? (size_t)atoi(limit) : 0;
    }
    if (ret->limit < 1 || ret->limit > LIMIT_MAX)
        return error_field("limit", "a whole number from 1 to %d expected", LIMIT_MAX);
    if (before && !id_is_ulid(before, strlen(before)))
        return error_field("before", "has to be the id of an operation");
    return ERROR_OK;
}

static cJSON *operations_to_json(const struct operation *rows, size_t count)
{
    cJSON *array = cJSON_CreateArray();

    for (size_t i = 0; array && i < count; i++) {
        cJSON *row = operation_to_json(&rows[i]);

        if (row && cJSON_AddItemToArray(array, row))
            continue;
        cJSON_Delete(row);
        cJSON_Delete(array);
        array = NULL;
    }
    return object_of("operations", array);
}

static void get_operations(const struct routes *routes, const struct snapshot *now,
                           struct call *call, struct answer *ret)
{
    struct filter filter;
    struct operation *rows;
    struct error e = parse_filter(&call->match, &filter);

    (void)now;
    if (e.code) {
        answer_error(ret, e);
        return;
    }
    assert(filter.limit > 0);
    rows = calloc(filter.limit, sizeof *rows);
    answer_json(ret, 200,
                rows ? operations_to_json(rows, operations_list(routes->operations, filter.state,
                                                                filter.before, filter.limit, rows))
                     : NULL);
    free(rows);
    if (!ret->is_problem)
        answer_add_header(ret, "Cache-Control", "no-store");
}

typedef struct error (*operations_change)(struct operations *ops, const char *id,
                                          struct operation *ret);

static void change_operation(const struct routes *routes, const struct call *call,
                             operations_change change, struct answer *ret)
{
    struct problem problem = { 0 };
    struct operation op;

    problem.error = body_parse_nothing(call->body, call->body_len);
    if (!problem.error.code) {
        problem.error = change(routes->operations, call->match.param, &op);
        if (problem.error.code == ERROR_TOO_LATE)
            memcpy(problem.operation, call->match.param, sizeof problem.operation);
    }
    if (problem.error.code)
        answer_problem(ret, &problem);
    else
        answer_operation(ret, &op, 200);
}

static void post_cancel(const struct routes *routes, const struct snapshot *now, struct call *call,
                        struct answer *ret)
{
    (void)now;
    change_operation(routes, call, operations_cancel, ret);
}

static void post_confirm(const struct routes *routes, const struct snapshot *now, struct call *call,
                         struct answer *ret)
{
    (void)now;
    change_operation(routes, call, operations_confirm, ret);
}

/* --- plan --- */

static void get_plan(const struct routes *routes, const struct snapshot *now, struct call *call,
                     struct answer *ret)
{
    const struct profile *row = find_profile(call, now, ret);
    const struct plan_sources sources = {
        .operations = routes->operations,
        .journal = routes->journal,
        .verify = config_verify_name(routes->config->switching.verify),
        .rolls_back = routes->config->switching.rollback,
        .label = config_label_of,
        .label_ctx = routes->config,
    };
    struct plan plan;

    if (!row)
        return;
    plan_gather(&sources, now, row, &plan);
    answer_json(ret, 200, plan_to_json(&plan));
    if (!ret->is_problem)
        answer_add_header(ret, "Cache-Control", "no-store");
}

/* --- enable --- */

static struct error parse_enable(const struct call *call, struct operation_request *ret)
{
    const char *key = call->headers[HEADER_IDEMPOTENCY_KEY];
    struct error e;

    *ret = (struct operation_request){ .channel = CHANNEL_REST };
    memcpy(ret->requester, call->requester, sizeof ret->requester);
    e = parse_ref(call, &ret->target);
    if (!e.code && key && !id_is_sender(key, strlen(key)))
        e = error_field("Idempotency-Key", "1 to 64 of A-Z a-z 0-9 . _ - expected");
    if (e.code)
        return e;
    if (key)
        memcpy(ret->request, key, strlen(key) + 1);
    return body_parse_enable(call->body, call->body_len, ret);
}

/* Whether the door can decide with what the snapshot has: it knows whether the card has the profile,
 * or the answer does not hang on that. */
static bool can_decide(const struct routes *routes, const struct call *call,
                       const struct operation_request *request, const struct snapshot *now)
{
    const char *if_match = call->headers[HEADER_IF_MATCH];
    struct operation ignored;

    if (now->switching || operations_is_busy(routes->operations) || operations_list_is_fresh(now) ||
        (now->has_list && profile_find(&now->list, &request->target)))
        return true;
    if (if_match && !etag_fits(if_match, now->has_list ? now->etag : "", ETAG_STRONG))
        return true;
    return request->request[0] &&
           operations_find_request(routes->operations, CHANNEL_REST, request->request, &ignored);
}

/* The answer to an enable that was let in, once its end, or the end of the waiting, is there. */
static void answer_enable(struct call *call, const struct operation *op, struct answer *ret)
{
    answer_operation(ret, op, operation_has_ended(op) ? 200 : 202);
    if (!ret->is_problem && call->wait_s > 0)
        answer_add_header(ret, "Preference-Applied", "wait=%" PRId64, call->wait_s);
}

static void admit(const struct routes *routes, struct call *call,
                  const struct operation_request *request, struct answer *ret)
{
    struct problem problem;
    struct operation op;

    if (operations_admit(routes->operations, request, call->headers[HEADER_IF_MATCH], &op,
                         &problem) == ADMISSION_REFUSED) {
        /* It leaves no operation, so nobody else counts it. */
        metrics_count_end(routes->metrics, CHANNEL_REST, OPERATION_REJECTED, problem.error.code);
        answer_problem(ret, &problem);
        return;
    }
    if (!headers_prefer_wait(call->headers[HEADER_PREFER], &call->wait_s))
        call->wait_s = 0;
    if (operation_has_ended(&op) || call->wait_s == 0) {
        answer_enable(call, &op, ret);
        return;
    }
    memcpy(call->operation, op.id, sizeof call->operation);
    *ret = (struct answer){ .kind = ANSWER_WAITS_FOR_END };
}

static void post_enable(const struct routes *routes, const struct snapshot *now, struct call *call,
                        struct answer *ret)
{
    struct operation_request request;
    struct operation op;
    struct error e;

    if (call->operation[0]) {
        if (operations_find(routes->operations, call->operation, &op))
            answer_enable(call, &op, ret);
        else
            answer_error(ret, no_such_operation());
        return;
    }
    e = parse_enable(call, &request);
    if (!e.code && !can_decide(routes, call, &request, now)) {
        if (call->rounds == 0) {
            *ret = (struct answer){ .kind = ANSWER_WAITS_FOR_READ, .wants = READ_PROFILES };
            return;
        }
        e = call->read_error;
        /* A list that was dropped again after the read is for the worker, who looks once more. */
        if (!e.code && now->has_list)
            e = profile_not_found();
    }
    if (e.code)
        answer_error(ret, e);
    else
        admit(routes, call, &request, ret);
}

/* --- all --- */

typedef void (*handler)(const struct routes *routes, const struct snapshot *now, struct call *call,
                        struct answer *ret);

static const handler handlers[] = {
    [ROUTE_HEALTHZ] = get_health,
    [ROUTE_READYZ] = get_ready,
    [ROUTE_EID] = get_eid,
    [ROUTE_PROFILES] = get_profiles,
    [ROUTE_PROFILE] = get_profile,
    [ROUTE_ENABLE] = post_enable,
    [ROUTE_PLAN] = get_plan,
    [ROUTE_OPERATIONS] = get_operations,
    [ROUTE_OPERATION] = get_operation,
    [ROUTE_CANCEL] = post_cancel,
    [ROUTE_CONFIRM] = post_confirm,
    [ROUTE_LOCK] = lock_routes_get,
    [ROUTE_LOCK_PUT] = lock_routes_put,
    [ROUTE_LOCK_DELETE] = lock_routes_delete,
    [ROUTE_CONNECTIVITY] = get_connectivity,
    [ROUTE_STEERING] = get_steering,
    [ROUTE_INFO] = info_routes_get,
    [ROUTE_EVENTS] = get_events,
    [ROUTE_OPENAPI] = page_routes_get,
    [ROUTE_METRICS] = metrics_routes_get,
    [ROUTE_PAGE] = page_routes_get,
    [ROUTE_PAGE_CSS] = page_routes_get,
    [ROUTE_PAGE_JS] = page_routes_get,
    [ROUTE_ICON] = page_routes_get,
};

/* Who may come in and what for, before anything of what came is judged; then syntax from the outside
 * in. */
enum error_code routes_check(const struct call *call)
{
    if (call->guard.code)
        return call->guard.code;
    if (call->role == ROLE_NONE && !call->match.is_open)
        return ERROR_UNAUTHORIZED;
    if (call->match.changes && call->role != ROLE_OPERATOR)
        return ERROR_FORBIDDEN;
    if (call->head.code)
        return call->head.code;
    if (call->routing.code)
        return call->routing.code;
    if (!headers_accept(call->headers[HEADER_ACCEPT], call->match.media))
        return ERROR_NOT_ACCEPTABLE;
    if (call->body_len > BODY_MAX)
        return ERROR_PAYLOAD_TOO_LARGE;
    if (call->match.changes && call->body_len > 0 &&
        !headers_is_json(call->headers[HEADER_CONTENT_TYPE]))
        return ERROR_UNSUPPORTED_MEDIA_TYPE;
    return ERROR_NONE;
}

/* What routes_check() found, for a person. `head` and `routing` have none of the codes that it gives by
 * itself (request_take_head(), router_match()). */
static struct error refusal(const struct call *call, enum error_code code)
{
    if (call->guard.code)
        return call->guard;
    switch (code) {
    case ERROR_UNAUTHORIZED:
        return error_make(ERROR_IN_AGENT, code, 0,
                          "Authorization: Bearer with a valid token is needed");
    case ERROR_FORBIDDEN:
        return error_make(ERROR_IN_AGENT, code, 0,
                          "this changes something, and a viewer only looks");
    case ERROR_NOT_ACCEPTABLE:
        return error_make(ERROR_IN_AGENT, code, 0, "only %s can be given", call->match.media);
    case ERROR_PAYLOAD_TOO_LARGE:
        return error_make(ERROR_IN_AGENT, code, 0, "a body has at most %d bytes", BODY_MAX);
    case ERROR_UNSUPPORTED_MEDIA_TYPE:
        return error_make(ERROR_IN_AGENT, code, 0, "a body has to be application/json in UTF-8");
    default:
        return call->head.code ? call->head : call->routing;
    }
}

void routes_answer(const struct routes *routes, struct call *call, struct answer *ret)
{
    const enum error_code wrong = routes_check(call);
    const struct snapshot *now;

    *ret = (struct answer){ 0 };
    if (wrong) {
        answer_error(ret, refusal(call, wrong));
        if (wrong == ERROR_METHOD_NOT_ALLOWED)
            answer_add_header(ret, "Allow", "%s", call->match.allow);
        return;
    }
    now = state_take(routes->state);
    handlers[call->match.route](routes, now, call, ret);
    snapshot_release(now);
}
