#include "agent/card/card.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/card/job.h"

/* --- what is open, over restarts of this agent --- */

/* "csim:<mask in hex>" or "cgla:<session>". */
static void describe_channels(const struct card *card, char ret[CARD_CHANNELS_MAX + 1])
{
    ret[0] = '\0';
    for (size_t i = 0; i < card->options.transport_count && !ret[0]; i++) {
        const struct transport *t = card->ways[i].transport;
        const char *session = t->ops->session ? t->ops->session(t) : "";

        if (card->ways[i].own)
            (void)snprintf(ret, CARD_CHANNELS_MAX + 1, "%s:%x", t->name, card->ways[i].own);
        else if (session[0])
            (void)snprintf(ret, CARD_CHANNELS_MAX + 1, "%s:%s", t->name, session);
    }
}

static void tell_channels(void *ctx)
{
    struct card *card = ctx;
    char open[CARD_CHANNELS_MAX + 1];

    if (!card->options.on_channels)
        return;
    describe_channels(card, open);
    if (strcmp(open, card->told) == 0)
        return;
    memcpy(card->told, open, sizeof open);
    card->options.on_channels(card->options.ctx, open);
}

static void adopt(struct channel_way *way, const char *what)
{
    char *end = NULL;
    unsigned long mask = strtoul(what, &end, 16);

    way->adopted = true;
    if (way->transport->ops->adopt)
        way->transport->ops->adopt(way->transport, what);
    else if (*end == '\0' && mask < 1UL << (APDU_CHANNEL_MAX + 1))
        way->own = (uint32_t)mask & ~1U;
}

void card_adopt(struct card *card, const char *open)
{
    for (size_t i = 0; i < card->options.transport_count; i++) {
        const char *name = card->ways[i].transport->name;
        size_t n = strlen(name);

        if (strncmp(open, name, n) == 0 && open[n] == ':' && open[n + 1])
            adopt(&card->ways[i], open + n + 1);
    }
    describe_channels(card, card->told);
}

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

void card_get_traffic(const struct card *card, struct traffic *ret)
{
    memcpy(ret->answers, card->answers, sizeof ret->answers);
}

void card_forget_channels(struct card *card)
{
    for (size_t i = 0; i < card->options.transport_count; i++) {
        card->ways[i].own = 0;
        card->ways[i].adopted = false;
    }
    tell_channels(card);
}

void card_forget_all(struct card *card)
{
    const struct card_options options = card->options;
    uint64_t answers[TRAFFIC_ANSWERS];

    memcpy(answers, card->answers, sizeof answers);
    *card = (struct card){ .options = options };
    memcpy(card->answers, answers, sizeof answers);
    for (size_t i = 0; i < options.transport_count; i++)
        card->ways[i] = (struct channel_way){ .transport = options.transports[i],
                                              .answers = card->answers,
                                              .changed = tell_channels,
                                              .ctx = card };
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
