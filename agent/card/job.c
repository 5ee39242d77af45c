#include "agent/card/job.h"

#include "agent/card/es10c.h"
#include "agent/card/lpm.h"
#include "agent/card/status_word.h"

enum { CME_UNKNOWN = 100 };

void job_begin(struct job *job, struct card *card)
{
    *job = (struct job){ .card = card,
                         .patience = { .now_ms = card->options.now_ms,
                                       .pause = card->options.pause,
                                       .ctx = card->options.ctx } };
    job->channel = (struct channel){ .patience = &job->patience,
                                     .aid = &card->options.aid,
                                     .fetch_fci = card->fetch_fci };
    for (size_t i = 0; i < card->options.transport_count; i++) {
        job->channel.way = &card->ways[i];
        channel_close_adopted(&job->channel);
    }
}

void job_end(struct job *job)
{
    channel_close(&job->channel);
}

/* The `i`th way to try: the one that worked first, the others in the order they were given in. */
static struct channel_way *way_at(struct job *job, size_t i)
{
    struct card *card = job->card;
    size_t first = card->way ? (size_t)(card->way - card->ways) : 0;

    return &card->ways[(first + i) % card->options.transport_count];
}

static bool *failed(struct job *job, const struct channel_way *way)
{
    return &job->failed[way - job->card->ways];
}

/* The modem may do by the other way what it did not do by this one: it refused in its own name, or
 * opened a channel on which nothing can be selected, or has none (which CCHO tells by CME 100). */
static bool other_way_may_help(const struct job *job, const struct error *e)
{
    return channel_is_refused(e) || job->channel.select_failed ||
           (e->domain == ERROR_IN_MODEM && e->code == ERROR_CARD_BUSY && e->detail == CME_UNKNOWN);
}

/* Which of two ways' errors says more: that there is no applet, then that waiting may help. */
static struct error more_telling(struct error first, struct error second)
{
    if (first.code == ERROR_APPLET_ABSENT || second.code == ERROR_NONE)
        return first;
    if (first.code == ERROR_NONE || second.code == ERROR_APPLET_ABSENT ||
        second.code == ERROR_CARD_BUSY || !channel_is_refused(&second))
        return second;
    return first;
}

/* A program that was killed may have left the modem's sessions open, and none opens any more. Once a
 * job, and only where no way opens a channel at all. */
static struct error open_cleared(struct job *job, struct channel_way *way, struct error e)
{
    if (!way || job->cleared)
        return e;
    job->cleared = true;
    job->channel.way = way;
    if (!channel_clear(&job->channel))
        return e;
    struct error again = channel_open(&job->channel);
    return again.code ? more_telling(e, again) : again;
}

/* One round over the ways. */
static struct error open_by_any_way(struct job *job)
{
    struct error all = ERROR_OK;
    struct channel_way *none_free = NULL;

    for (size_t i = 0; i < job->card->options.transport_count; i++) {
        struct channel_way *way = way_at(job, i);
        struct error e;

        if (*failed(job, way))
            continue;
        job->channel.way = way;
        e = channel_open(&job->channel);
        if (!e.code)
            return e;
        all = more_telling(all, e);
        if (!other_way_may_help(job, &e))
            return all;
        /* A channel that opened, and on which SELECT failed, is none that others hold. */
        if (job->channel.select_failed)
            job->cleared = true;
        if (job->channel.none_free)
            none_free = way;
    }
    return open_cleared(job, none_free, all);
}

static struct error open_patiently(struct job *job)
{
    for (;;) {
        struct error e = open_by_any_way(job);

        if (e.code != ERROR_CARD_BUSY || e.domain != ERROR_IN_MODEM)
            return e;
        e = patience_wait(&job->patience, e);
        if (e.code)
            return e;
    }
}

/* A command that only reads; the answer is in card->answer, and its status word is success. */
static struct error check(const struct job *job, const char *what)
{
    uint16_t sw = job->card->answer.sw;

    switch (status_word_class(sw)) {
    case STATUS_WORD_DONE:
        return ERROR_OK;
    case STATUS_WORD_BUSY:
        return status_word_error(sw, ERROR_CARD_BUSY, what);
    default:
        return status_word_error(sw, ERROR_CARD, what);
    }
}

static struct exchange_how reading(struct job *job)
{
    return (struct exchange_how){ .timeout_ms = CHANNEL_APDU_MS,
                                  .get_response_proprietary =
                                      &job->card->get_response_proprietary };
}

static struct error read_by_lpm(struct job *job, const struct apdu *apdu, const char *what)
{
    const struct exchange_how how = reading(job);
    struct error e = exchange(&job->channel, apdu, &how, &job->card->answer);

    return e.code ? error_within(e, "%s", what) : check(job, what);
}

/* An empty 9000 and a 6700 to GET RESPONSE come from a command that was done: what changes something
 * is then not said again. */
static bool wants_other_le(const struct exchange_answer *answer, const struct exchange_how *how)
{
    if (how->once && answer->accepted)
        return false;
    if (status_word_class(answer->sw) == STATUS_WORD_WRONG_LENGTH)
        return true;
    return !how->once && answer->len == 0 && status_word_class(answer->sw) == STATUS_WORD_DONE;
}

struct error job_store_data(struct job *job, struct apdu apdu, const struct exchange_how *how)
{
    struct card *card = job->card;
    struct error e;

    apdu.le = card->store_data_le ? APDU_LE_MAX : 0;
    e = exchange(&job->channel, &apdu, how, &card->answer);
    if (e.code || !wants_other_le(&card->answer, how))
        return e;
    apdu.le = card->store_data_le ? 0 : APDU_LE_MAX;
    e = exchange(&job->channel, &apdu, how, &card->answer);
    card->answer.sent = true; /* with the other Le */
    if (!e.code && card->answer.len > 0)
        card->store_data_le = !card->store_data_le;
    return e;
}

static struct error read_by_es10c(struct job *job, struct apdu apdu, const char *what)
{
    const struct exchange_how how = reading(job);
    struct error e = job_store_data(job, apdu, &how);

    return e.code ? error_within(e, "%s", what) : check(job, what);
}

static struct error eid_by_lpm(struct job *job)
{
    const struct exchange_answer *answer = &job->card->answer;
    struct apdu apdu = lpm_get_eid();
    struct error e = read_by_lpm(job, &apdu, "get EID");

    return e.code ? e : lpm_eid_from_answer(answer->data, answer->len, &job->eid);
}

static struct error eid_by_es10c(struct job *job)
{
    const struct exchange_answer *answer = &job->card->answer;
    struct error e = read_by_es10c(job, es10c_get_eid(), "get EID");

    return e.code ? e : es10c_eid_from_answer(answer->data, answer->len, &job->eid);
}

static struct error list_by_lpm_once(struct job *job, const struct apdu *apdu)
{
    const struct exchange_answer *answer = &job->card->answer;
    struct error e = read_by_lpm(job, apdu, "list");

    return e.code ? e : lpm_list_from_answer(answer->data, answer->len, &job->list);
}

/* Where a Le of FF is short, 00 asks for all there is. And some modems say an earlier answer again:
 * what is no list, or an empty one, is believed when it comes twice. */
static struct error list_by_lpm(struct job *job)
{
    const struct exchange_answer *answer = &job->card->answer;
    struct apdu apdu = lpm_list();
    struct error e = list_by_lpm_once(job, &apdu);
    bool is_no_list = e.code == ERROR_CARD && e.domain == ERROR_IN_CARD && e.detail == 0;
    bool short_le =
        (e.domain == ERROR_IN_CARD && e.detail == 0x6700) || (is_no_list && answer->len == apdu.le);

    if (!short_le && !is_no_list && (e.code || job->list.count > 0))
        return e;
    if (short_le)
        apdu.le = APDU_LE_MAX;
    return list_by_lpm_once(job, &apdu);
}

static struct error list_by_es10c_with(struct job *job, bool names)
{
    const struct exchange_answer *answer = &job->card->answer;
    struct error e = read_by_es10c(job, es10c_list(names), "list");

    return e.code ? e : es10c_list_from_answer(answer->data, answer->len, &job->list);
}

/* Names are a nicety, which not every card has tags for. */
static struct error list_by_es10c(struct job *job)
{
    struct card *card = job->card;
    struct error e = list_by_es10c_with(job, !card->without_names);

    if (card->without_names || e.code != ERROR_CARD || e.domain != ERROR_IN_CARD ||
        (e.detail != 0 && e.detail != 0x6A80))
        return e;
    e = list_by_es10c_with(job, false);
    card->without_names = !e.code;
    return e;
}

/* What can be read, by either interface. */
struct question {
    struct error (*by_lpm)(struct job *job);
    struct error (*by_es10c)(struct job *job);
};

static const struct question ask_eid = { eid_by_lpm, eid_by_es10c };
static const struct question ask_list = { list_by_lpm, list_by_es10c };

enum card_interface job_interface(const struct job *job)
{
    const struct card *card = job->card;

    if (card->options.interface != CARD_AUTO)
        return card->options.interface;
    return card->interface == CARD_AUTO ? CARD_LPM : card->interface;
}

static struct error ask_by(struct job *job, enum card_interface interface,
                           const struct question *question)
{
    return interface == CARD_ES10C ? question->by_es10c(job) : question->by_lpm(job);
}

static bool has_status(const struct error *e, enum status_word_class class)
{
    return e->code != ERROR_NONE && e->domain == ERROR_IN_CARD && e->detail != 0 &&
           status_word_class((uint16_t)e->detail) == class;
}

/* Somebody may have selected something else on our channel; or the card does not listen before its
 * FCI was fetched. */
static bool reselecting_may_help(const struct job *job, const struct error *e)
{
    if (job->reselected || !e->code || e->domain != ERROR_IN_CARD || !e->detail)
        return false;
    if (has_status(e, STATUS_WORD_NOT_UNDERSTOOD))
        return true;
    return job->channel.fci_waits && e->code == ERROR_CARD &&
           !has_status(e, STATUS_WORD_CHANNEL_GONE);
}

static struct error ask_reselected(struct job *job, enum card_interface interface,
                                   const struct question *question)
{
    bool fci_waited = job->channel.fci_waits;
    struct error e;

    job->reselected = true;
    e = channel_reselect(&job->channel);
    if (e.code)
        return e;
    e = ask_by(job, interface, question);
    job->card->fetch_fci = job->card->fetch_fci || (!e.code && fci_waited);
    return e;
}

static struct error ask(struct job *job, const struct question *question)
{
    struct card *card = job->card;
    enum card_interface interface = job_interface(job);
    struct error e = ask_by(job, interface, question);

    if (reselecting_may_help(job, &e))
        e = ask_reselected(job, interface, question);
    if (has_status(&e, STATUS_WORD_NOT_UNDERSTOOD) && card->options.interface == CARD_AUTO) {
        interface = interface == CARD_LPM ? CARD_ES10C : CARD_LPM;
        e = ask_by(job, interface, question);
    }
    if (e.code)
        return e;
    channel_confirm(&job->channel);
    job->channel.fci_waits = false;
    card->interface = interface;
    card->way = job->channel.way;
    return ERROR_OK;
}

/* The card says so, or another channel than ours may have answered. */
static bool may_be_gone(const struct job *job, const struct error *e)
{
    return has_status(e, STATUS_WORD_CHANNEL_GONE) ||
           (job->channel.guessed && e->domain == ERROR_IN_CARD && e->code == ERROR_CARD);
}

/* The card has said no, or nothing of use, to this one question. */
static bool is_of_the_question(const struct job *job, const struct error *e)
{
    return e->domain == ERROR_IN_CARD && e->code == ERROR_CARD &&
           !has_status(e, STATUS_WORD_CHANNEL_GONE) && (job->reopened || !may_be_gone(job, e));
}

static struct error ask_what_is_missing(struct job *job, bool eid, bool list)
{
    struct error e = ERROR_OK;

    if (eid && !job->has_eid && !job->eid_error.code) {
        e = ask(job, &ask_eid);
        job->has_eid = !e.code;
        if (job->eid_may_fail && is_of_the_question(job, &e)) {
            job->eid_error = e;
            e = ERROR_OK;
        }
    }
    if (!e.code && list && !job->has_list) {
        e = ask(job, &ask_list);
        job->has_list = !e.code;
    }
    return e;
}

/* After `e`: the job goes on with a new channel. */
static bool goes_on_after(struct job *job, const struct error *e)
{
    if (may_be_gone(job, e) && !job->reopened) {
        job->reopened = true;
        if (job->channel.is_open && has_status(e, STATUS_WORD_CHANNEL_GONE))
            channel_drop(&job->channel);
        channel_close(&job->channel);
        return true;
    }
    if (!channel_is_refused(e) || !job->channel.is_open)
        return false;
    *failed(job, job->channel.way) = true;
    for (size_t i = 0; i < job->card->options.transport_count; i++)
        if (!job->failed[i]) {
            channel_close(&job->channel);
            return true;
        }
    return false;
}

struct error job_read(struct job *job, bool eid, bool list)
{
    for (;;) {
        struct error e = ERROR_OK;

        if (!job->channel.is_open)
            e = open_patiently(job);
        if (!e.code)
            e = ask_what_is_missing(job, eid, list);
        if (!e.code)
            return e;
        if (goes_on_after(job, &e))
            continue;
        channel_close(&job->channel);
        return e;
    }
}
