#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/error.h"
#include "agent/card/apdu.h"
#include "agent/card/channel.h"

/* A command and its whole answer: repeats with the Le that the card wants, fetches what waits, bears
 * with a busy card. What the last status word means is the caller's to say. */

/* 64 profiles with all their names. */
enum { EXCHANGE_ANSWER_MAX = 16 * 1024 };

struct exchange_answer {
    /* Of the last answer: never 61XX, and 6CXX or 9300 only when repeating did not help. */
    uint16_t sw;
    /* The card had answered 61XX: it has done the command, whatever came after. */
    bool accepted;
    /* It went out, or may have. */
    bool sent;
    size_t len;
    uint8_t data[EXCHANGE_ANSWER_MAX];
};

struct exchange_how {
    int64_t timeout_ms;
    /* The command changes something: a modem that says "busy" may have passed it on, so that is an
     * error. A card that says so has not done it, and is asked again all the same. */
    bool once;
    /* This card wants GET RESPONSE in the proprietary class; learnt here. */
    bool *get_response_proprietary;
};

/* Errors: the transport's; ERROR_CARD (an answer without end). `*ret` has then what is known so far:
 * `accepted` and `sent` are always true to the fact. */
MUST_CHECK struct error exchange(struct channel *ch, const struct apdu *apdu,
                                 const struct exchange_how *how, struct exchange_answer *ret);
