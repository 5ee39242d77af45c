#include "agent/card/channel.h"

#include "agent/base/traffic.h"
#include "agent/card/status_word.h"

enum {
    CME_SIM_BUSY = 14,
    CME_NOT_FOUND = 22,
    CME_UNKNOWN = 100,
    MODEMS_FIRST = 1,
    MODEMS_LAST = 3
};

bool channel_is_refused(const struct error *e)
{
    return e->domain == ERROR_IN_MODEM && e->code != ERROR_NONE &&
           (e->detail == 3 || e->detail == 4 || e->detail == ERROR_FINAL_ERROR);
}

static bool is_by_modem(const struct channel *ch)
{
    return ch->way->transport->ops->open;
}

static void tell_change(const struct channel *ch)
{
    if (ch->way->changed)
        ch->way->changed(ch->way->ctx);
}

static void note_open(struct channel *ch, unsigned number)
{
    ch->is_open = true;
    ch->number = number;
    ch->restarts = ch->way->transport->restarts;
    ch->guessed = ch->without_channel = false;
}

/* A card that was reset since has no channel of ours any more, whatever became of closing it. */
static void leave(struct channel *ch, bool closed)
{
    ch->is_open = false;
    ch->lost = ch->lost || !(closed || ch->restarts != ch->way->transport->restarts);
}

static enum traffic_answer answer_of(const struct error *e, uint16_t sw)
{
    static const enum traffic_answer answers[] = {
        [STATUS_WORD_OTHER] = TRAFFIC_ANSWER_OTHER,
        [STATUS_WORD_DONE] = TRAFFIC_ANSWER_DONE,
        [STATUS_WORD_MORE] = TRAFFIC_ANSWER_MORE,
        [STATUS_WORD_WRONG_LE] = TRAFFIC_ANSWER_WRONG_LE,
        [STATUS_WORD_BUSY] = TRAFFIC_ANSWER_BUSY,
        [STATUS_WORD_CHANNEL_GONE] = TRAFFIC_ANSWER_CHANNEL_GONE,
        [STATUS_WORD_NO_CHANNEL] = TRAFFIC_ANSWER_NO_CHANNEL,
        [STATUS_WORD_ABSENT] = TRAFFIC_ANSWER_ABSENT,
        [STATUS_WORD_NO_PROFILE] = TRAFFIC_ANSWER_NO_PROFILE,
        [STATUS_WORD_POLICY] = TRAFFIC_ANSWER_POLICY,
        [STATUS_WORD_CONDITIONS] = TRAFFIC_ANSWER_CONDITIONS,
        [STATUS_WORD_WRONG_LENGTH] = TRAFFIC_ANSWER_WRONG_LENGTH,
        [STATUS_WORD_NOT_UNDERSTOOD] = TRAFFIC_ANSWER_NOT_UNDERSTOOD,
        [STATUS_WORD_CHECKED] = TRAFFIC_ANSWER_CHECKED,
        [STATUS_WORD_FAILED] = TRAFFIC_ANSWER_FAILED,
    };

    return e->code ? TRAFFIC_ANSWER_NONE : answers[status_word_class(sw)];
}

static struct error transmit(struct channel *ch, const struct apdu *apdu, unsigned number,
                             int64_t timeout_ms, struct transport_answer *ret)
{
    struct transport *t = ch->way->transport;
    uint8_t bytes[TRANSPORT_COMMAND_MAX];
    size_t len = apdu_to_bytes(apdu, number, bytes);
    struct error e =
        t->ops->transmit(t, bytes, len, patience_deadline_ms(ch->patience, timeout_ms), ret);

    if (ch->way->answers && e.code != ERROR_SHUTTING_DOWN)
        ch->way->answers[answer_of(&e, ret->sw)]++;
    /* Without a port there is nothing to close a channel through. */
    if (e.code == ERROR_MODEM_ABSENT && ch->is_open)
        leave(ch, false);
    return e;
}

static bool is_foreign_cla(uint16_t sw)
{
    return sw == 0x6881 || sw == 0x6E00;
}

/* As only a command that was understood is answered. */
static bool is_done(uint16_t sw)
{
    enum status_word_class class = status_word_class(sw);

    return class == STATUS_WORD_DONE || class == STATUS_WORD_MORE || class == STATUS_WORD_WRONG_LE;
}

/* A modem that sets the channel itself takes ours for a mistake, or the card does. Neither status
 * word comes from a command that was executed, so it may be said again. Where the modem leaves the
 * CLA alone, this comes to the basic channel, whose answer teaches nothing. */
static struct error transmit_without_channel(struct channel *ch, const struct apdu *apdu,
                                             int64_t timeout_ms, struct transport_answer *ret)
{
    struct transport_answer answer;
    struct error e = transmit(ch, apdu, 0, timeout_ms, &answer);

    if (e.code)
        return e;
    if (is_foreign_cla(answer.sw))
        return ERROR_OK;
    ch->guessed = true;
    ch->without_channel = is_done(answer.sw);
    *ret = answer;
    return ERROR_OK;
}

static unsigned number_in_cla(const struct channel *ch, bool is_read)
{
    bool without = ch->way->cla_without_channel || (is_read && ch->without_channel);

    return is_by_modem(ch) && without ? 0 : ch->number;
}

struct error channel_transmit(struct channel *ch, const struct apdu *apdu, bool is_read,
                              int64_t timeout_ms, struct transport_answer *ret)
{
    struct channel_way *way = ch->way;
    unsigned number = number_in_cla(ch, is_read);
    struct transport_answer answer;
    struct error e = transmit(ch, apdu, number, timeout_ms, &answer);

    if (e.code)
        return e;
    if (is_by_modem(ch) && number > 0 && !way->cla_proven) {
        way->cla_proven = is_done(answer.sw);
        if (is_read && is_foreign_cla(answer.sw))
            e = transmit_without_channel(ch, apdu, timeout_ms, &answer);
        if (e.code)
            return e;
    }
    *ret = answer;
    return ERROR_OK;
}

void channel_confirm(struct channel *ch)
{
    if (ch->without_channel)
        ch->way->cla_without_channel = true;
    ch->guessed = ch->without_channel = false;
}

static bool is_le_refused(uint16_t sw)
{
    enum status_word_class class = status_word_class(sw);

    return class == STATUS_WORD_WRONG_LENGTH || class == STATUS_WORD_WRONG_LE ||
           class == STATUS_WORD_CHECKED;
}

/* MANAGE CHANNEL wants an Le of 01 on some cards and of 00 on others: on a refusal the other one. */
static struct error manage_once(struct channel *ch, struct apdu apdu, int64_t timeout_ms,
                                struct transport_answer *ret)
{
    struct transport_answer second;
    struct error e;

    if (ch->way->other_le)
        apdu.le = apdu.le == 1 ? APDU_LE_MAX : 1;
    e = transmit(ch, &apdu, 0, timeout_ms, ret);
    if (e.code || !is_le_refused(ret->sw))
        return e;
    apdu.le = apdu.le == 1 ? APDU_LE_MAX : 1;
    e = transmit(ch, &apdu, 0, timeout_ms, &second);
    if (e.code || is_le_refused(second.sw))
        return e;
    ch->way->other_le = !ch->way->other_le;
    *ret = second;
    return ERROR_OK;
}

/* To be waited for. CME 100 may as well mean that no channel is free: then the other way comes
 * first. */
static bool is_worth_waiting(const struct channel *ch, const struct error *e)
{
    return e->code == ERROR_CARD_BUSY &&
           (e->domain == ERROR_IN_CARD || (e->detail != CME_UNKNOWN && !ch->restart_expected));
}

static struct error manage(struct channel *ch, struct apdu apdu, int64_t timeout_ms,
                           struct transport_answer *ret)
{
    for (;;) {
        struct error e = manage_once(ch, apdu, timeout_ms, ret);

        if (!e.code && status_word_class(ret->sw) == STATUS_WORD_BUSY)
            e = status_word_error(ret->sw, ERROR_CARD_BUSY, "manage channel");
        if (!is_worth_waiting(ch, &e))
            return e;
        e = patience_wait(ch->patience, e);
        if (e.code)
            return e;
    }
}

/* A warning (62XX) is what closing a channel that is not open gets. */
static bool is_closed_by(uint16_t sw)
{
    return status_word_class(sw) == STATUS_WORD_DONE || sw >> 8 == 0x62 ||
           status_word_class(sw) == STATUS_WORD_CHANNEL_GONE;
}

/* `*ret_closed`: the card says so. */
static struct error close_by_apdu(struct channel *ch, unsigned number, bool *ret_closed)
{
    struct transport_answer answer;
    struct error e = manage(ch, apdu_close_channel(number), CHANNEL_CLOSE_MS, &answer);

    *ret_closed = !e.code && is_closed_by(answer.sw);
    if (*ret_closed) {
        ch->way->own &= ~(1U << number);
        tell_change(ch);
    }
    return e;
}

static struct error close_many(struct channel *ch, uint32_t which)
{
    for (unsigned number = 1; number <= APDU_CHANNEL_MAX; number++) {
        bool closed;
        struct error e;

        if (!(which & 1U << number))
            continue;
        e = close_by_apdu(ch, number, &closed);
        if (e.code)
            return e;
    }
    return ERROR_OK;
}

static struct error try_to_open(struct channel *ch, struct transport_answer *ret)
{
    return manage(ch, apdu_open_channel(), CHANNEL_APDU_MS, ret);
}

/* No channel is free: first those go that we left open, then those that a modem uses at the most.
 * Never before the card has said so. */
static struct error clear_up(struct channel *ch, struct transport_answer *ret)
{
    uint32_t modems = 0;
    struct error e;

    if (ch->way->own) {
        e = close_many(ch, ch->way->own);
        if (!e.code)
            e = try_to_open(ch, ret);
        if (e.code || status_word_class(ret->sw) != STATUS_WORD_NO_CHANNEL)
            return e;
    }
    for (unsigned number = MODEMS_FIRST; number <= MODEMS_LAST; number++)
        modems |= 1U << number;
    e = close_many(ch, modems);
    return e.code ? e : try_to_open(ch, ret);
}

static struct error open_by_apdu(struct channel *ch)
{
    struct transport_answer answer;
    unsigned number = 0;
    struct error e = try_to_open(ch, &answer);

    if (!e.code && status_word_class(answer.sw) == STATUS_WORD_NO_CHANNEL)
        e = clear_up(ch, &answer);
    if (e.code)
        return e;
    if (status_word_class(answer.sw) == STATUS_WORD_NO_CHANNEL)
        return status_word_error(answer.sw, ERROR_CARD_BUSY, "open a channel");
    if (status_word_class(answer.sw) != STATUS_WORD_DONE)
        return status_word_error(answer.sw, ERROR_CARD, "open a channel");
    e = apdu_opened_channel(answer.data, answer.len, &number);
    if (e.code)
        return e;
    note_open(ch, number);
    ch->way->own |= 1U << number;
    tell_change(ch);
    return ERROR_OK;
}

static struct error fetch_fci(struct channel *ch, uint16_t sw)
{
    struct apdu apdu = apdu_get_response(APDU_INTERINDUSTRY, apdu_le_of(sw & 0xFF));
    struct transport_answer answer;

    ch->fci_waits = false;
    return channel_transmit(ch, &apdu, true, CHANNEL_APDU_MS, &answer);
}

static struct error select_application(struct channel *ch, bool fetch)
{
    struct apdu apdu = apdu_select(ch->aid);
    struct transport_answer answer;
    struct error e;

    for (;;) {
        e = channel_transmit(ch, &apdu, true, CHANNEL_APDU_MS, &answer);
        if (!e.code && status_word_class(answer.sw) == STATUS_WORD_BUSY)
            e = status_word_error(answer.sw, ERROR_CARD_BUSY, "select the applet");
        if (e.code != ERROR_CARD_BUSY)
            break;
        e = patience_wait(ch->patience, e);
        if (e.code)
            break;
    }
    if (e.code)
        return e;
    ch->fci_waits = status_word_class(answer.sw) == STATUS_WORD_MORE;
    if (ch->fci_waits && fetch)
        return fetch_fci(ch, answer.sw);
    if (ch->fci_waits || status_word_class(answer.sw) == STATUS_WORD_DONE)
        return ERROR_OK;
    ch->select_failed = true;
    /* 6A82 on SELECT speaks of the applet: there is none. */
    return status_word_error(
        answer.sw,
        status_word_class(answer.sw) == STATUS_WORD_ABSENT ? ERROR_APPLET_ABSENT : ERROR_CARD,
        "select the applet");
}

static struct error open_by_modem_once(struct channel *ch)
{
    struct transport *t = ch->way->transport;
    unsigned number = 0;
    struct error e =
        t->ops->open(t, ch->aid, patience_deadline_ms(ch->patience, CHANNEL_APDU_MS), &number);

    if (e.code)
        return e;
    note_open(ch, number <= APDU_CHANNEL_MAX ? number : 0);
    tell_change(ch);
    return ERROR_OK;
}

static bool may_mean_none_free(const struct error *e)
{
    return e->code != ERROR_NONE && e->domain == ERROR_IN_MODEM &&
           (e->detail == CME_UNKNOWN || e->detail == ERROR_FINAL_ERROR);
}

/* CCHO refused in general terms may mean that no channel is free: ours from an earlier job goes
 * first, then once more. */
static struct error open_by_modem(struct channel *ch)
{
    struct transport *t = ch->way->transport;
    struct error e = open_by_modem_once(ch);
    struct error ignored;

    if (e.code != ERROR_NONE && e.domain == ERROR_IN_MODEM && e.detail == CME_NOT_FOUND) {
        /* "Not found" (27.007 9.2.1) is what 6A82 on the SELECT inside CCHO comes out as. */
        ch->select_failed = true;
        e.code = ERROR_APPLET_ABSENT;
        return e;
    }
    if (!may_mean_none_free(&e))
        return e;
    ignored = t->ops->close(t, patience_deadline_ms(ch->patience, CHANNEL_CLOSE_MS));
    (void)ignored; /* there may have been none */
    e = open_by_modem_once(ch);
    ch->none_free = may_mean_none_free(&e);
    return e;
}

struct error channel_open(struct channel *ch)
{
    struct error e;

    ch->select_failed = false;
    ch->fci_waits = false;
    ch->none_free = false;
    if (is_by_modem(ch))
        return open_by_modem(ch);
    e = open_by_apdu(ch);
    if (e.code)
        return e;
    e = select_application(ch, ch->fetch_fci);
    if (e.code)
        channel_close(ch);
    return e;
}

struct error channel_reselect(struct channel *ch)
{
    if (!is_by_modem(ch))
        return select_application(ch, true);
    channel_close(ch);
    return open_by_modem(ch);
}

static struct error close_by_modem(struct channel *ch)
{
    struct transport *t = ch->way->transport;

    for (;;) {
        struct error e = t->ops->close(t, patience_deadline_ms(ch->patience, CHANNEL_CLOSE_MS));

        if (!is_worth_waiting(ch, &e))
            return e;
        e = patience_wait(ch->patience, e);
        if (e.code)
            return e;
    }
}

static bool is_sim_busy(const struct error *e)
{
    return e->code != ERROR_NONE && e->domain == ERROR_IN_MODEM && e->detail == CME_SIM_BUSY;
}

void channel_close(struct channel *ch)
{
    bool closed = false;
    struct error e;

    if (!ch->is_open)
        return;
    if (is_by_modem(ch)) {
        e = close_by_modem(ch);
        closed = !e.code;
        tell_change(ch);
    } else {
        e = close_by_apdu(ch, ch->number, &closed);
    }
    leave(ch, closed || (ch->reset_under_way && is_sim_busy(&e)));
}

void channel_close_adopted(struct channel *ch)
{
    struct error ignored;

    if (!ch->way->adopted)
        return;
    ch->way->adopted = false;
    ignored = is_by_modem(ch) ? close_by_modem(ch) : close_many(ch, ch->way->own);
    (void)ignored; /* what the card does not close now, it is asked for when none is free */
    tell_change(ch);
}

void channel_begin_enable(struct channel *ch)
{
    ch->lost = false;
    ch->restarts = ch->way->transport->restarts;
}

bool channel_clear(struct channel *ch)
{
    struct transport *t = ch->way->transport;
    struct error e;

    if (!t->ops->clear)
        return false;
    e = t->ops->clear(t, patience_deadline_ms(ch->patience, CHANNEL_CLOSE_MS));
    return !e.code;
}

void channel_drop(struct channel *ch)
{
    struct transport *t = ch->way->transport;
    struct error ignored;

    ch->is_open = false;
    if (is_by_modem(ch)) {
        ignored = t->ops->close(t, patience_deadline_ms(ch->patience, CHANNEL_CLOSE_MS));
        (void)ignored; /* the modem's own session: the card's channel is gone already */
        return;
    }
    ch->way->own &= ~(1U << ch->number);
    tell_change(ch);
}
