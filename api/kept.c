#include "api/kept.h"

#include <stddef.h>

#include "agent/operation/proofs.h"
#include "agent/state/snapshot.h"
#include "api/routes.h"

static void drop(struct kept_answer *answer)
{
    if (answer->response)
        MHD_destroy_response(answer->response);
    *answer = (struct kept_answer){ 0 };
}

void kept_done(struct kept *kept)
{
    for (size_t i = 0; i < KEPT_COUNT; i++)
        drop(&kept->answers[i]);
}

/* NULL: nothing is kept for such a call. Conditions and the wish for a fresh read are the routes'. */
static struct kept_answer *place_of(struct kept *kept, const struct call *call)
{
    if (call->rounds > 0 || call->headers[HEADER_IF_NONE_MATCH] ||
        call->headers[HEADER_CACHE_CONTROL])
        return NULL;
    if (call->match.route == ROUTE_EID)
        return &kept->answers[KEPT_EID];
    return call->match.route == ROUTE_PROFILES ? &kept->answers[KEPT_PROFILES] : NULL;
}

/* When the Age of what is answered now will be another. */
static int64_t next_age_ms(struct state *state, enum route route, int64_t now_ms)
{
    const struct snapshot *now = state_take(state);
    const int64_t at_ms = route == ROUTE_EID ? now->eid_at_ms : now->list_at_ms;
    const int64_t age_ms = now_ms - at_ms;

    snapshot_release(now);
    return at_ms + (age_ms > 0 ? age_ms / 1000 + 1 : 1) * 1000;
}

struct MHD_Response *kept_find(struct kept *kept, const struct routes *routes,
                               const struct call *call, int64_t now_ms)
{
    struct kept_answer *place = place_of(kept, call);
    unsigned snapshot, proofs;

    if (!place || routes_check(call) != ERROR_NONE)
        return NULL;
    /* Before the answer is made, so that one that is made of something newer is only made again. */
    snapshot = state_version(routes->state);
    proofs = proofs_version(routes->proofs);
    if (place->response && place->snapshot == snapshot && place->proofs == proofs &&
        now_ms < place->until_ms)
        return place->response;
    drop(place);
    *place = (struct kept_answer){ .snapshot = snapshot, .proofs = proofs };
    place->until_ms = next_age_ms(routes->state, call->match.route, now_ms);
    return NULL;
}

void kept_put(struct kept *kept, const struct call *call, unsigned status,
              struct MHD_Response *response)
{
    struct kept_answer *place = status == 200 ? place_of(kept, call) : NULL;

    if (place && place->until_ms && !place->response)
        place->response = response;
    else
        MHD_destroy_response(response);
}
