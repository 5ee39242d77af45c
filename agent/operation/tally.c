#include "agent/operation/tally.h"

#include <assert.h>
#include <string.h>

#include "agent/base/macros.h"
#include "agent/operation/life.h"
#include "agent/operation/operation.h"
#include "agent/state/bus.h"
#include "agent/state/metrics.h"

static_assert((int)CHANNEL_AGENT < (int)METRICS_CHANNELS, "a channel without a place");
static_assert((int)OPERATION_EXPIRED < (int)METRICS_STATES, "a state without a place");
static_assert((int)PHASE_ROLLED_BACK < (int)METRICS_PHASES, "a phase without a place");

/* Where nothing changed there is nothing that was cut off. */
static bool has_blackout(const struct operation *op)
{
    return op->has_result && (op->blackout_ms > 0 || (op->changed && op->blackout_ms == 0));
}

static void count_switch(struct metrics *metrics, const struct operation *op)
{
    for (size_t i = 0; i < op->phase_count; i++)
        metrics_add_phase(metrics, op->phases[i].phase, op->phases[i].ms);
    metrics_add_switch(metrics, op->state, life_ran_ms(op));
    if (has_blackout(op))
        metrics_add_blackout(metrics, op->blackout_ms);
    if (op->phase == PHASE_ROLLED_BACK)
        metrics_count(metrics, METRICS_ROLLBACKS);
    if (op->problem.error.code == ERROR_STRANDED)
        metrics_count(metrics, METRICS_STRANDED);
}

static void count_journal(struct metrics *metrics, const struct bus_journal *journal)
{
    static const struct {
        const char *what;
        enum metrics_counter counter;
    } rows[] = {
        { "set-aside", METRICS_JOURNAL_SET_ASIDE },
        { "storage-full", METRICS_JOURNAL_FULL },
        { "recovered", METRICS_JOURNAL_RECOVERED },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strcmp(journal->what, rows[i].what) != 0)
            continue;
        metrics_count(metrics, rows[i].counter);
        if (rows[i].counter != METRICS_JOURNAL_SET_ASIDE)
            metrics_set_journal_fails(metrics, rows[i].counter == METRICS_JOURNAL_FULL);
    }
}

static void on_event(void *ctx, enum bus_event event, const void *data)
{
    struct metrics *metrics = ctx;
    const struct operation *op = data;

    if (event == BUS_JOURNAL)
        count_journal(metrics, data);
    if (event != BUS_OPERATION || !operation_has_ended(op))
        return;
    metrics_count_end(metrics, op->request.channel, op->state, op->problem.error.code);
    if (op->sent)
        count_switch(metrics, op);
}

void tally_listen(struct metrics *metrics, struct bus *bus)
{
    bus_listen(bus, on_event, metrics);
}
