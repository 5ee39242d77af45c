#include "agent/operation/plan_gather.h"

#include "agent/operation/journal.h"
#include "agent/operation/operations.h"
#include "agent/state/snapshot.h"

/* The operation that waits or runs. */
static bool find_active(struct operations *operations, struct operation *ret)
{
    return operations_list(operations, OPERATION_RUNNING, NULL, 1, ret) > 0 ||
           operations_list(operations, OPERATION_ACCEPTED, NULL, 1, ret) > 0;
}

static void find_history(struct journal *journal, const struct iccid *target, struct history *ret)
{
    struct journal_result results[HISTORY_MAX];

    history_from_results(results, journal_results(journal, target, HISTORY_MAX, results), ret);
}

void plan_gather(const struct plan_sources *sources, const struct snapshot *now,
                 const struct profile *target, struct plan *ret)
{
    struct plan_facts facts = {
        .list = &now->list,
        .target = target,
        .switching = now->switching,
        .cooldown_ms = operations_cooldown_ms(sources->operations),
        .disk = journal_check(sources->journal),
        .trouble = now->trouble,
        .modem_absent = now->modem != MODEM_READY,
        .verify = sources->verify,
        .rolls_back = sources->rolls_back,
        .budget_ms = operations_budget_ms(sources->operations),
    };
    struct operation_lock lock;
    struct operation active;

    facts.active = find_active(sources->operations, &active) ? &active : NULL;
    facts.lock = operations_get_lock(sources->operations, &lock) ? &lock : NULL;
    if (target->has_iccid) {
        facts.label = sources->label(sources->label_ctx, &target->iccid);
        find_history(sources->journal, &target->iccid, &facts.history);
    }
    plan_make(&facts, ret);
}
