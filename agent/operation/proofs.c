#include "agent/operation/proofs.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "agent/base/profile.h"
#include "agent/operation/history.h"
#include "agent/operation/journal.h"
#include "agent/operation/operation.h"

struct proofs {
    struct journal *journal;
    render_label label;
    const void *ctx;
    atomic_uint version;
    unsigned seen; /* the version that the rows are of */
    size_t count;
    struct proof {
        struct iccid iccid;
        struct history history;
    } rows[PROFILES_MAX];
};

struct proofs *proofs_new(struct journal *journal, render_label label, const void *ctx)
{
    struct proofs *proofs = calloc(1, sizeof *proofs);

    if (!proofs)
        return NULL;
    proofs->journal = journal;
    proofs->label = label;
    proofs->ctx = ctx;
    atomic_init(&proofs->version, 0);
    return proofs;
}

void proofs_free(struct proofs *proofs)
{
    free(proofs);
}

void proofs_on_bus(struct proofs *proofs, enum bus_event event, const void *data)
{
    /* What the disk did not take at once is there when it recovers. */
    if (event == BUS_JOURNAL || event == BUS_LIST ||
        (event == BUS_OPERATION && operation_has_ended(data)))
        atomic_fetch_add(&proofs->version, 1);
}

unsigned proofs_version(struct proofs *proofs)
{
    return atomic_load(&proofs->version);
}

static struct proof *find(struct proofs *proofs, const struct iccid *iccid)
{
    for (size_t i = 0; i < proofs->count; i++)
        if (iccid_equal(&proofs->rows[i].iccid, iccid))
            return &proofs->rows[i];
    return NULL;
}

static struct proof *add(struct proofs *proofs, const struct iccid *iccid)
{
    struct journal_result results[HISTORY_MAX];
    size_t count = journal_results(proofs->journal, iccid, HISTORY_MAX, results);
    struct proof *row;

    /* More than a card can have: those of another card are in there. */
    if (proofs->count == PROFILES_MAX)
        proofs->count = 0;
    row = &proofs->rows[proofs->count++];
    row->iccid = *iccid;
    history_from_results(results, count, &row->history);
    return row;
}

struct render_facts proofs_find(void *ctx, const struct iccid *iccid)
{
    struct proofs *proofs = ctx;
    struct render_facts facts = { 0 };
    const struct proof *row;
    /* Before the journal is asked, so that an end in between is not missed. */
    const unsigned version = proofs_version(proofs);

    if (version != proofs->seen)
        proofs->count = 0;
    proofs->seen = version;
    row = find(proofs, iccid);
    if (!row)
        row = add(proofs, iccid);
    facts.label = proofs->label ? proofs->label(proofs->ctx, iccid) : NULL;
    facts.proven_utc_ms = row->history.proven_utc_ms;
    facts.last_error = row->history.last_error;
    return facts;
}
