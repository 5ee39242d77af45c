#include "api/metrics_routes.h"

#include <stdlib.h>

#include "agent/base/clock.h"
#include "agent/operation/operations.h"
#include "agent/state/samples.h"
#include "api/metrics.h"
#include "config/config.h"

/* NULL: no memory. */
static char *make_page(const struct routes *routes, const struct snapshot *now)
{
    /* Too large for a stack. */
    struct metrics_values *values = malloc(sizeof *values);
    struct operation_lock ignored;
    struct process_facts process;
    struct reads_counts reads;
    char *text;

    if (!values)
        return NULL;
    metrics_copy(routes->metrics, values);
    reads_get_counts(routes->reads, &reads);
    process_read(&process);
    text = metrics_to_text(&(struct metrics_page){
        .version = LPM_VERSION,
        .now_ms = clock_now_ms(),
        .started_utc_ms = clock_utc_of(routes->started_ms, routes->started_utc_ms),
        .counted = values,
        .now = now,
        .reads = &reads,
        .process = &process,
        .has_broker = routes->config->mqtt.uri != NULL,
        .broker = broker_facts(routes->broker),
        .operation_waits = operations_one_waits(routes->operations),
        .locked = operations_get_lock(routes->operations, &ignored),
        .samples = samples_newest(routes->samples),
    });
    free(values);
    return text;
}

void metrics_routes_get(const struct routes *routes, const struct snapshot *now, struct call *call,
                        struct answer *ret)
{
    answer_text(ret, 200, call->match.media, make_page(routes, now));
    if (!ret->is_problem)
        answer_add_header(ret, "Cache-Control", "no-store");
}
