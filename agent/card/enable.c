#include "agent/card/card.h"

#include "agent/card/es10c.h"
#include "agent/card/job.h"
#include "agent/card/lpm.h"
#include "agent/card/status_word.h"

/* ENABLE, the one command that cannot be taken back. It is said again only after an answer that is
 * sure not to come from an ENABLE that was executed, and a card may keep the switch back until the
 * channel closes, so a list on the channel of an ENABLE proves nothing. */

/* What an answer leaves to do. */
enum next {
    NEXT_NOTHING = 0,
    /* NEXT_REOPEN: the channel was gone before ENABLE came: a new one, a look, and again. */
    NEXT_REOPEN,
    /* NEXT_RESELECT: nobody understood: select, and again; then by the other interface. */
    NEXT_RESELECT,
    /* NEXT_FORM: close, look, and again in another form. */
    NEXT_FORM,
};

struct verdict {
    /* What it is when nothing is left to do. */
    enum card_sent sent;
    struct error error;
    enum next next;
};

struct attempt {
    const struct profile *target;
    enum card_interface interface;
    enum enable_form form;
    bool tried[ENABLE_FORMS];
    bool reselected, flipped;
    /* ENABLE went out; with an answer that was not sure to say no. */
    bool sent, in_doubt;
};

static const char what[] = "enable";

enum { ENABLE_TIMEOUT_MS = 30000 };

static struct verdict unclear(struct error e)
{
    return (struct verdict){ .sent = CARD_UNCLEAR, .error = e };
}

static struct verdict refused(struct error e)
{
    return (struct verdict){ .sent = CARD_REFUSED, .error = e };
}

/* Without an answer. A stop before anything was on the wire, or after answers alone that are sure not
 * to come from an ENABLE that was executed, leaves no doubt. */
static struct verdict judge_failure(const struct exchange_answer *answer, struct attempt *attempt,
                                    struct error e)
{
    bool stopped = e.code == ERROR_SHUTTING_DOWN && !answer->accepted && !attempt->in_doubt;

    attempt->sent = attempt->sent || answer->sent;
    e = error_within(e, "%s", what);
    if (!stopped)
        return unclear(e);
    return attempt->sent ? refused(e) : (struct verdict){ .sent = CARD_NOT_SENT, .error = e };
}

static struct verdict judge_status(uint16_t sw)
{
    struct verdict v = unclear(status_word_error(sw, ERROR_CARD, what));

    switch (status_word_class(sw)) {
    case STATUS_WORD_DONE:
        return (struct verdict){ .sent = CARD_ENABLED };
    case STATUS_WORD_BUSY:
        return refused(status_word_error(sw, ERROR_CARD_BUSY, what));
    case STATUS_WORD_POLICY:
        return refused(status_word_error(sw, ERROR_POLICY_FORBIDS, what));
    case STATUS_WORD_CHANNEL_GONE:
        v.next = NEXT_REOPEN;
        return v;
    case STATUS_WORD_NOT_UNDERSTOOD:
        v = refused(v.error);
        v.next = NEXT_RESELECT;
        return v;
    case STATUS_WORD_NO_PROFILE:
        v = unclear(status_word_error(sw, ERROR_PROFILE_NOT_FOUND, what));
        v.next = NEXT_FORM;
        return v;
    case STATUS_WORD_CONDITIONS:
        v.next = NEXT_FORM;
        return v;
    case STATUS_WORD_WRONG_LENGTH:
    case STATUS_WORD_CHECKED:
    case STATUS_WORD_WRONG_LE:
    case STATUS_WORD_NO_CHANNEL:
    case STATUS_WORD_ABSENT:
        v = refused(v.error);
        /* 68XX and 69XX speak of class and rights, which no other form changes. */
        v.next = sw >> 8 == 0x68 || sw >> 8 == 0x69 ? NEXT_NOTHING : NEXT_FORM;
        return v;
    default:
        return v;
    }
}

static struct verdict judge_result(unsigned result)
{
    /* Results above the table's end, and its gaps, are unclear. */
    static const struct {
        enum card_sent sent;
        enum error_code code;
        const char *text;
    } rows[] = {
        [ES10C_OK] = { CARD_ENABLED, ERROR_NONE, "" },
        [ES10C_NOT_FOUND] = { CARD_REFUSED, ERROR_PROFILE_NOT_FOUND, "profile not found" },
        [ES10C_NOT_DISABLED] = { CARD_UNCLEAR, ERROR_CARD, "profile not in disabled state" },
        [ES10C_POLICY] = { CARD_REFUSED, ERROR_POLICY_FORBIDS, "disallowed by policy" },
        [ES10C_WRONG_REENABLING] = { CARD_REFUSED, ERROR_CARD, "wrong profile re-enabling" },
        [ES10C_BUSY] = { CARD_REFUSED, ERROR_CARD_BUSY, "the SIM toolkit is busy" },
    };
    struct verdict v;

    if (result >= ARRAY_LEN(rows)) {
        v = unclear(error_make(ERROR_IN_CARD, ERROR_CARD, 0, "enable: result %u", result));
        v.next = result == ES10C_UNDEFINED ? NEXT_FORM : NEXT_NOTHING;
        return v;
    }
    v = (struct verdict){ .sent = rows[result].sent };
    if (rows[result].code)
        v.error = error_make(ERROR_IN_CARD, rows[result].code, 0, "enable: result %u, %s", result,
                             rows[result].text);
    return v;
}

static struct exchange_how changing(struct job *job)
{
    return (struct exchange_how){ .timeout_ms = ENABLE_TIMEOUT_MS,
                                  .once = true,
                                  .get_response_proprietary =
                                      &job->card->get_response_proprietary };
}

static struct verdict send_by_lpm(struct job *job, struct attempt *attempt)
{
    const struct exchange_how how = changing(job);
    const struct exchange_answer *answer = &job->card->answer;
    struct apdu apdu = lpm_enable(&attempt->target->aid);
    struct error e = exchange(&job->channel, &apdu, &how, &job->card->answer);
    struct verdict v;

    if (e.code)
        return judge_failure(answer, attempt, e);
    v = judge_status(answer->sw);
    if (v.sent != CARD_ENABLED && answer->accepted)
        v = unclear(v.error);
    /* It has none: a modem has given the answer to the list once more. */
    if (v.sent == CARD_ENABLED && answer->len > 0 && !answer->accepted)
        v = unclear(error_make(ERROR_IN_CARD, ERROR_CARD, answer->sw,
                               "enable: status %04X with %zu bytes of data, where none is due",
                               (unsigned)answer->sw, answer->len));
    /* The one form there is. */
    if (v.next == NEXT_FORM)
        v.next = NEXT_NOTHING;
    return v;
}

static struct apdu es10c_apdu(const struct attempt *attempt)
{
    const struct profile *target = attempt->target;
    bool refresh = attempt->form != ENABLE_WITHOUT_REFRESH;

    if (attempt->form == ENABLE_BY_AID || !target->has_iccid)
        return es10c_enable_by_aid(&target->aid, refresh);
    return es10c_enable_by_iccid(&target->iccid, refresh);
}

static struct verdict send_by_es10c_once(struct job *job, struct attempt *attempt)
{
    const struct exchange_how how = changing(job);
    const struct exchange_answer *answer = &job->card->answer;
    struct error e = job_store_data(job, es10c_apdu(attempt), &how);
    struct verdict v;
    unsigned result;

    if (e.code)
        return judge_failure(answer, attempt, e);
    v = judge_status(answer->sw);
    if (v.sent != CARD_ENABLED)
        return answer->accepted ? unclear(v.error) : v;
    e = es10c_result_from_answer(answer->data, answer->len, &result);
    return e.code ? unclear(error_within(e, "%s", what)) : judge_result(result);
}

/* "CAT busy" comes as a result too; the status word was waited for already. */
static struct verdict send_by_es10c(struct job *job, struct attempt *attempt)
{
    for (;;) {
        struct verdict v = send_by_es10c_once(job, attempt);
        struct error e;

        if (v.error.code != ERROR_CARD_BUSY || v.error.domain != ERROR_IN_CARD ||
            v.error.detail != 0)
            return v;
        attempt->sent = true;
        e = patience_wait(&job->patience, v.error);
        if (e.code) {
            v.error = e;
            return v;
        }
    }
}

static bool is_possible(const struct attempt *attempt, enum enable_form form)
{
    if (attempt->tried[form])
        return false;
    if (form == ENABLE_BY_ICCID)
        return attempt->target->has_iccid;
    return form != ENABLE_BY_AID || attempt->target->has_aid;
}

/* False: none is left. */
static bool next_form(struct attempt *attempt)
{
    for (enum enable_form form = 0; form < ENABLE_FORMS; form++)
        if (is_possible(attempt, form)) {
            attempt->form = form;
            return true;
        }
    return false;
}

/* A list on a new channel, begun when the ENABLE's was closed or gone, says what ENABLE did. */
static struct verdict look(struct job *job, const struct attempt *attempt, struct verdict v)
{
    const struct profile_ref ref = { .by_aid = attempt->target->has_aid,
                                     .aid = attempt->target->aid,
                                     .iccid = attempt->target->iccid };
    const struct profile *row;
    struct error e;

    if (job->channel.lost)
        return unclear(v.error);
    job->has_list = false;
    e = job_read(job, false, true);
    if (e.code)
        return unclear(v.error);
    row = profile_find(&job->list, &ref);
    if (row && row->enabled)
        return (struct verdict){ .sent = CARD_ENABLED };
    if (!row)
        v.next = NEXT_NOTHING;
    return v;
}

static struct verdict reselect(struct job *job, struct attempt *attempt, struct verdict v)
{
    struct error e;

    if (!attempt->reselected) {
        attempt->reselected = true;
        e = channel_reselect(&job->channel);
        if (e.code)
            v.next = NEXT_NOTHING;
        return v;
    }
    if (attempt->flipped || job->card->options.interface != CARD_AUTO ||
        (attempt->interface == CARD_ES10C && !attempt->target->has_aid)) {
        v.next = NEXT_NOTHING;
        return v;
    }
    attempt->flipped = true;
    attempt->interface = attempt->interface == CARD_LPM ? CARD_ES10C : CARD_LPM;
    return v;
}

/* Makes ready for what is next. `next` NEXT_NOTHING: the verdict stands. */
static struct verdict prepare(struct job *job, struct attempt *attempt, struct verdict v)
{
    switch (v.next) {
    case NEXT_NOTHING:
        break;
    case NEXT_REOPEN:
        if (job->reopened)
            v.next = NEXT_NOTHING;
        job->reopened = true;
        channel_drop(&job->channel);
        return v.next == NEXT_NOTHING ? v : look(job, attempt, v);
    case NEXT_RESELECT:
        return reselect(job, attempt, v);
    case NEXT_FORM:
        attempt->tried[attempt->form] = true;
        if (!next_form(attempt)) {
            v.next = NEXT_NOTHING;
            return v;
        }
        channel_close(&job->channel);
        return look(job, attempt, v);
    }
    return v;
}

static struct verdict send(struct job *job, struct attempt *attempt)
{
    for (;;) {
        bool by_lpm = attempt->interface == CARD_LPM;
        struct verdict v;

        patience_renew(&job->patience);
        v = by_lpm ? send_by_lpm(job, attempt) : send_by_es10c(job, attempt);
        attempt->sent = attempt->sent || v.sent != CARD_NOT_SENT;
        attempt->in_doubt = attempt->in_doubt || v.sent == CARD_UNCLEAR;
        if (v.sent == CARD_ENABLED && !by_lpm)
            job->card->enable_form = attempt->form;
        v = prepare(job, attempt, v);
        if (v.next == NEXT_NOTHING)
            return v;
    }
}

static struct verdict enable_target(struct job *job, const struct profile *target)
{
    struct attempt attempt = { .target = target,
                               .interface = job_interface(job),
                               .form = job->card->enable_form };

    if (attempt.interface == CARD_LPM && !target->has_aid) {
        if (job->card->options.interface != CARD_AUTO)
            return (struct verdict){ .error = error_make(ERROR_IN_CARD, ERROR_CARD, 0,
                                                         "the card lists no AID to enable by") };
        attempt.interface = CARD_ES10C;
    }
    if (!is_possible(&attempt, attempt.form))
        (void)next_form(&attempt); /* a row of a list always has a form */
    channel_begin_enable(&job->channel);
    return send(job, &attempt);
}

void card_enable(struct card *card, card_decide decide, void *ctx, struct card_enable *ret)
{
    struct verdict v = { .sent = CARD_NOT_SENT };
    const struct profile *row = NULL;
    struct profile target;
    struct job job;

    job_begin(&job, card);
    v.error = job_read(&job, false, true);
    if (!v.error.code)
        row = decide(ctx, &job.list);
    if (row) {
        target = *row; /* the job may list again */
        v = enable_target(&job, &target);
    }
    job.channel.restart_expected = v.sent == CARD_ENABLED || v.sent == CARD_UNCLEAR;
    job.channel.reset_under_way = v.sent == CARD_ENABLED;
    patience_renew(&job.patience);
    job_end(&job);
    *ret = (struct card_enable){ .sent = v.sent,
                                 .error = v.error,
                                 .channels_closed = !job.channel.lost };
}
