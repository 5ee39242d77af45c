#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "agent/base/profile.h"
#include "agent/operation/history.h"
#include "agent/operation/lock.h"
#include "agent/operation/operation.h"

/* What an enable would do if it came now: what the door would say, what else is in its way, where it
 * would roll back to, how long it takes. It promises nothing: the next moment may be another. Pure. */

/* What is known; pointers are borrowed. */
struct plan_facts {
    /* The card's rows, and the one of them that is asked for. */
    const struct profile_list *list;
    const struct profile *target;
    /* What the configuration calls it; NULL: nothing. */
    const char *label;
    /* A switch runs, that of `active` or one by which a stranded agent helps itself: the list says
     * what was. */
    bool switching;
    /* The operation that waits or runs; NULL: none. */
    const struct operation *active;
    /* NULL: nobody holds it. */
    const struct operation_lock *lock;
    /* Until the limits let a switch through; 0: now. */
    int64_t cooldown_ms;
    /* As of journal_check(). */
    struct error disk;
    /* Why the modem or the card cannot be used now; ERROR_NONE: they can. */
    struct error trouble;
    /* The modem is not there, so that an operation would wait for it. */
    bool modem_absent;
    /* The proof that the configuration asks for; a static text. */
    const char *verify;
    bool rolls_back;
    /* The longest that a switch may take. */
    int64_t budget_ms;
    /* Of switches to the target. */
    struct history history;
};

enum plan_outcome {
    PLAN_REFUSED = 0,
    /* PLAN_ACCEPTED: it would run, or fail on what is in its way. */
    PLAN_ACCEPTED,
    /* PLAN_DONE: it is in use already. */
    PLAN_DONE,
};

enum { PLAN_OBSTACLES_MAX = 5, PLAN_LEGS_MAX = 2 };

struct plan_obstacle {
    struct problem problem;
    /* `force` passes it; it is no refusal, the operation waits until it is gone. */
    bool forcible, waits;
};

struct plan {
    /* Borrowed from the facts. */
    const struct profile *target, *from; /* NULL: none is in use */
    const char *label, *verify;
    enum plan_outcome outcome;
    size_t obstacle_count;
    struct plan_obstacle obstacles[PLAN_OBSTACLES_MAX];
    bool rolls_back;
    /* In this order. */
    size_t leg_count;
    const struct profile *legs[PLAN_LEGS_MAX];
    /* 0: there is nothing to do. */
    int64_t at_most_ms;
    struct history history;
};

void plan_make(const struct plan_facts *facts, struct plan *ret);
/* {"iccid","aid","label","changes","from","would","obstacles","rollback","verify","at_most_s",
 * "history"}; what is not known is absent. Gives (cJSON_Delete); NULL: no memory. */
cJSON *plan_to_json(const struct plan *plan);
