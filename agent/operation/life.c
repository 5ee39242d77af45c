#include "agent/operation/life.h"

#include <string.h>

#include "agent/base/clock.h"
#include "agent/operation/operations.h"

static void close_phase(struct operation *op, int64_t now_ms)
{
    if (op->phase_count > 0 && op->phases[op->phase_count - 1].ms < 0)
        op->phases[op->phase_count - 1].ms = now_ms - op->phases[op->phase_count - 1].began_ms;
}

static void begin_phase(struct operation *op, enum phase phase)
{
    int64_t now_ms = clock_now_ms();

    close_phase(op, now_ms);
    op->phase = phase;
    if (op->phase_count == OPERATION_PHASES_MAX)
        memmove(&op->phases[0], &op->phases[1], --op->phase_count * sizeof op->phases[0]);
    op->phases[op->phase_count++] =
        (struct operation_phase){ .phase = phase, .began_ms = now_ms, .ms = -1 };
}

void life_finish(struct operation *op, enum operation_state state, const struct error *error)
{
    close_phase(op, clock_now_ms());
    op->state = state;
    op->ended_utc_ms = clock_utc_ms();
    if (error)
        op->problem.error = *error;
    op->rev++;
}

void life_expire(struct operation *op)
{
    const struct error e =
        error_make(ERROR_IN_AGENT, ERROR_EXPIRED, 0, "its time was over before it could begin");

    life_finish(op, OPERATION_EXPIRED, &e);
}

void life_start(struct operation *op, int64_t budget_ms)
{
    op->state = OPERATION_RUNNING;
    op->started_utc_ms = clock_utc_ms();
    op->ends_by_utc_ms = op->started_utc_ms + budget_ms + 1000 * op->request.confirm_s;
    begin_phase(op, PHASE_ENABLING);
    op->rev++;
}

void life_enter(struct operation *op, enum phase phase)
{
    begin_phase(op, phase);
    op->rev++;
}

void life_end(struct operation *op, const struct operation_end *end)
{
    op->has_result = end->has_result;
    op->changed = end->changed;
    op->has_now = end->has_now;
    op->now = end->now;
    op->blackout_ms = end->blackout_ms;
    op->verified = end->verified;
    op->problem.cause = end->error.code == ERROR_STRANDED ? end->cause : ERROR_NONE;
    if (end->rolled_back)
        op->phase = PHASE_ROLLED_BACK;
    else if (!end->error.code && end->changed)
        op->phase = PHASE_COMMITTED;
    life_finish(op, end->error.code ? OPERATION_FAILED : OPERATION_SUCCEEDED,
                end->error.code ? &end->error : NULL);
}

int64_t life_ran_ms(const struct operation *op)
{
    int64_t sum = 0;

    for (size_t i = 0; i < op->phase_count; i++)
        sum += op->phases[i].ms < 0 ? clock_now_ms() - op->phases[i].began_ms : op->phases[i].ms;
    return sum;
}
