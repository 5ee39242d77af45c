#include "agent/card/exchange.h"

#include <string.h>

#include "agent/card/status_word.h"

/* One command to an answer that is not 9300, and not 6CXX unless the card is of two minds. */
static struct error send(struct channel *ch, struct apdu apdu, const struct exchange_how *how,
                         bool once, struct transport_answer *ret, bool *ret_sent)
{
    bool le_mended = false;

    for (;;) {
        struct error e = channel_transmit(ch, &apdu, !how->once, how->timeout_ms, ret);
        enum status_word_class class = STATUS_WORD_OTHER;

        *ret_sent = *ret_sent || e.code != ERROR_SHUTTING_DOWN;
        if (e.code && (e.code != ERROR_CARD_BUSY || once))
            return e;
        if (!e.code)
            class = status_word_class(ret->sw);
        if (class == STATUS_WORD_WRONG_LE && !le_mended) {
            le_mended = true;
            apdu.le = apdu_le_of(ret->sw & 0xFF);
            continue;
        }
        if (!e.code && class != STATUS_WORD_BUSY)
            return e;
        if (!e.code)
            e = status_word_error(ret->sw, ERROR_CARD_BUSY, "card");
        e = patience_wait(ch->patience, e);
        if (e.code)
            return e.domain == ERROR_IN_CARD ? ERROR_OK : e;
    }
}

/* On 6E00 and 6D00 a card may want the class of the command that it answers. */
static struct error get_response(struct channel *ch, unsigned le, const struct exchange_how *how,
                                 struct transport_answer *ret)
{
    bool proprietary = *how->get_response_proprietary, sent = false;
    struct apdu apdu = apdu_get_response(proprietary ? APDU_PROPRIETARY : APDU_INTERINDUSTRY, le);
    struct error e = send(ch, apdu, how, false, ret, &sent);

    if (e.code || proprietary || status_word_class(ret->sw) != STATUS_WORD_NOT_UNDERSTOOD)
        return e;
    apdu.class = APDU_PROPRIETARY;
    e = send(ch, apdu, how, false, ret, &sent);
    if (!e.code && status_word_class(ret->sw) != STATUS_WORD_NOT_UNDERSTOOD)
        *how->get_response_proprietary = true;
    return e;
}

static struct error append(struct exchange_answer *ret, const struct transport_answer *answer)
{
    if (answer->len > sizeof ret->data - ret->len)
        return error_make(ERROR_IN_CARD, ERROR_CARD, answer->sw, "an answer of more than %d bytes",
                          EXCHANGE_ANSWER_MAX);
    memcpy(ret->data + ret->len, answer->data, answer->len);
    ret->len += answer->len;
    ret->sw = answer->sw;
    return ERROR_OK;
}

struct error exchange(struct channel *ch, const struct apdu *apdu, const struct exchange_how *how,
                      struct exchange_answer *ret)
{
    struct transport_answer answer;
    struct error e;

    ret->sw = 0;
    ret->accepted = ret->sent = false;
    ret->len = 0;
    e = send(ch, *apdu, how, how->once, &answer, &ret->sent);
    if (!e.code)
        e = append(ret, &answer);
    while (!e.code && status_word_class(ret->sw) == STATUS_WORD_MORE) {
        ret->accepted = true;
        e = get_response(ch, apdu_le_of(ret->sw & 0xFF), how, &answer);
        if (!e.code && answer.len == 0 && status_word_class(answer.sw) == STATUS_WORD_MORE)
            e = error_make(ERROR_IN_CARD, ERROR_CARD, answer.sw, "GET RESPONSE brings nothing");
        if (!e.code)
            e = append(ret, &answer);
    }
    return e;
}
