#include "agent/card/card.h"

#include <stdlib.h>

#include "agent/card/job.h"

struct card *card_new(const struct card_options *options)
{
    struct card *card = calloc(1, sizeof *card);

    if (!card)
        return NULL;
    card->options = *options;
    card_forget_all(card);
    return card;
}

void card_free(struct card *card)
{
    free(card);
}

const char *card_transport_name(const struct card *card)
{
    return card->way ? card->way->transport->name : "";
}

const char *card_interface_name(const struct card *card)
{
    enum card_interface interface =
        card->options.interface == CARD_AUTO ? card->interface : card->options.interface;

    switch (interface) {
    case CARD_LPM:
        return "lpm";
    case CARD_ES10C:
        return "es10c";
    default:
        return "";
    }
}

void card_forget_channels(struct card *card)
{
    for (size_t i = 0; i < card->options.transport_count; i++)
        card->ways[i].own = 0;
}

void card_forget_all(struct card *card)
{
    const struct card_options options = card->options;

    *card = (struct card){ .options = options };
    for (size_t i = 0; i < options.transport_count; i++)
        card->ways[i].transport = options.transports[i];
}

struct error card_read(struct card *card, struct eid *ret_eid, struct profile_list *ret_list,
                       struct error *ret_eid_error)
{
    struct job job;
    struct error e;

    job_begin(&job, card);
    job.eid_may_fail = ret_eid_error;
    e = job_read(&job, ret_eid, ret_list);
    job_end(&job);
    if (ret_eid_error && job.has_eid)
        *ret_eid_error = ERROR_OK;
    else if (ret_eid_error)
        *ret_eid_error = job.eid_error.code ? job.eid_error : e;
    if (ret_eid && job.has_eid && (ret_eid_error || !e.code))
        *ret_eid = job.eid;
    if (ret_list && !e.code)
        *ret_list = job.list;
    return e;
}
