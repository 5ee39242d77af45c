#include "api/lock_routes.h"

#include <string.h>

#include "agent/operation/operations.h"
#include "api/body.h"
#include "api/routes.h"

static void answer_lock(const struct operation_lock *lock, struct answer *ret)
{
    answer_json(ret, 200, lock_to_json(lock));
    if (!ret->is_problem)
        answer_add_header(ret, "Cache-Control", "no-store");
}

static void answer_held(const struct operation_lock *lock, struct answer *ret)
{
    const struct problem problem = lock_refusal(lock);

    answer_problem(ret, &problem);
}

void lock_routes_get(const struct routes *routes, const struct snapshot *now, struct call *call,
                     struct answer *ret)
{
    struct operation_lock lock;

    (void)now;
    (void)call;
    if (operations_get_lock(routes->operations, &lock))
        answer_lock(&lock, ret);
    else
        answer_error(ret, error_make(ERROR_IN_AGENT, ERROR_NOT_FOUND, 0,
                                     "nobody holds the lock on switching"));
}

void lock_routes_put(const struct routes *routes, const struct snapshot *now, struct call *call,
                     struct answer *ret)
{
    struct operation_lock_request request;
    struct operation_lock lock;
    struct error e = body_parse_lock(call->body, call->body_len, &request);

    (void)now;
    if (!e.code)
        e = operations_lock(routes->operations, &request, &lock);
    if (!e.code)
        answer_lock(&lock, ret);
    else if (e.code == ERROR_LOCKED)
        answer_held(&lock, ret);
    else
        answer_error(ret, e);
}

/* `*ret_holder` NULL: whoever holds it. */
static struct error parse_delete(const struct call *call, const char **ret_holder)
{
    const char *force = router_query(&call->match, "force");
    const char *holder = router_query(&call->match, "holder");
    bool forced = force && strcmp(force, "true") == 0;

    if (force && !forced && strcmp(force, "false") != 0)
        return error_field("force", "true or false expected");
    if (!forced && !(holder && lock_is_holder(holder)))
        return error_field("holder", "the holder's name is needed, or force=true");
    *ret_holder = forced ? NULL : holder;
    return body_parse_nothing(call->body, call->body_len);
}

/* What nobody holds is as free as it was asked to be, so that it may be asked again. */
void lock_routes_delete(const struct routes *routes, const struct snapshot *now, struct call *call,
                        struct answer *ret)
{
    struct operation_lock lock;
    const char *holder = NULL;
    struct error e = parse_delete(call, &holder);

    (void)now;
    if (!e.code)
        e = operations_unlock(routes->operations, holder, holder == NULL);
    /* A lock that ends between the two looks is free, too. */
    if (e.code == ERROR_LOCKED && operations_get_lock(routes->operations, &lock))
        answer_held(&lock, ret);
    else if (!e.code || e.code == ERROR_NOT_FOUND || e.code == ERROR_LOCKED)
        ret->status = 204;
    else
        answer_error(ret, e);
}
