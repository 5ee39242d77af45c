#include "agent/card/card.h"

#include "agent/base/cursor.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/profile_oracle.h"

/* A card, and a modem, that answer whatever they like. The input: a byte that chooses transports and
 * interface, then one answer after the other: a byte of length and that many bytes, of which the last
 * two are the status word; lengths FE and FF are errors of the transport. When it is used up, the
 * port is gone. Whatever comes, each job ends after a bounded number of commands and gives a value or
 * an error, and no ENABLE goes out unnoticed. */

enum { COMMANDS_MAX = 20000, LENGTH_ERROR = 0xFE };

static struct {
    struct cursor input;
    int64_t now_ms;
    unsigned commands;
    unsigned enables, decided;
} peer;

static struct error transport_error(void)
{
    static const struct {
        enum error_code code;
        int detail;
    } errors[] = {
        { ERROR_MODEM_TIMEOUT, ERROR_FINAL_NONE },
        { ERROR_CARD_BUSY, 14 },
        { ERROR_CARD_BUSY, 100 },
        { ERROR_CARD, ERROR_FINAL_ERROR },
        { ERROR_CARD, 3 },
        { ERROR_CARD_ABSENT, 10 },
    };
    uint8_t which;

    if (!cursor_take_u8(&peer.input, &which) || which >= ARRAY_LEN(errors))
        return error_make(ERROR_IN_MODEM, ERROR_MODEM_ABSENT, ERROR_FINAL_NONE, "port gone");
    return error_make(ERROR_IN_MODEM, errors[which].code, errors[which].detail,
                      "as the input says");
}

static struct error transmit(struct transport *t, const uint8_t *apdu, size_t len,
                             int64_t deadline_ms, struct transport_answer *ret)
{
    const uint8_t *bytes;
    uint8_t n;

    (void)t;
    assert(len >= 4 && len <= TRANSPORT_COMMAND_MAX && deadline_ms > peer.now_ms);
    assert(++peer.commands < COMMANDS_MAX);
    peer.enables += (apdu[0] & 0x80) && (apdu[1] == 0x01 || (apdu[1] == 0xE2 && apdu[6] == 0x31));
    if (!cursor_take_u8(&peer.input, &n) || n >= LENGTH_ERROR || n < 2 ||
        !cursor_take_bytes(&peer.input, n, &bytes))
        return transport_error();
    ret->len = n - 2U;
    memcpy(ret->data, bytes, ret->len);
    ret->sw = (uint16_t)(bytes[n - 2] << 8 | bytes[n - 1]);
    return ERROR_OK;
}

static struct error open_by_modem(struct transport *t, const struct aid *aid, int64_t deadline_ms,
                                  unsigned *ret_channel)
{
    uint8_t channel;

    (void)t;
    assert(aid->len >= AID_MIN && deadline_ms > peer.now_ms && ++peer.commands < COMMANDS_MAX);
    if (!cursor_take_u8(&peer.input, &channel) || channel >= LENGTH_ERROR)
        return transport_error();
    *ret_channel = channel;
    return ERROR_OK;
}

static struct error close_by_modem(struct transport *t, int64_t deadline_ms)
{
    uint8_t answer;

    (void)t;
    assert(deadline_ms > peer.now_ms && ++peer.commands < COMMANDS_MAX);
    if (!cursor_take_u8(&peer.input, &answer) || answer >= LENGTH_ERROR)
        return transport_error();
    return ERROR_OK;
}

static int64_t now_ms(void *ctx)
{
    (void)ctx;
    return peer.now_ms;
}

static bool pause_until(void *ctx, int64_t until_ms)
{
    (void)ctx;
    assert(until_ms > peer.now_ms);
    peer.now_ms = until_ms;
    return true;
}

static const struct profile *decide(void *ctx, const struct profile_list *list)
{
    (void)ctx;
    peer.decided++;
    profile_oracle_check(list);
    for (size_t i = 0; i < list->count; i++)
        if (!list->rows[i].enabled)
            return &list->rows[i];
    return NULL;
}

static struct card *card_of(uint8_t choice)
{
    static const struct transport_ops csim_ops = { .transmit = transmit };
    static const struct transport_ops cgla_ops = { .open = open_by_modem,
                                                   .transmit = transmit,
                                                   .close = close_by_modem };
    static struct transport csim = { .ops = &csim_ops, .name = "csim" };
    static struct transport cgla = { .ops = &cgla_ops, .name = "cgla" };
    struct card_options options = {
        .transports = { choice & 1 ? &cgla : &csim, choice & 1 ? &csim : &cgla },
        .transport_count = choice & 2 ? 2 : 1,
        .aid = { .len = 5, .bytes = { 0xA0 } },
        .interface = (enum card_interface)((choice >> 2) % 3),
        .now_ms = now_ms,
        .pause = pause_until,
    };

    return card_new(&options);
}

static void check_read(struct card *card)
{
    static struct profile_list list;
    struct eid eid = { "as before" };
    struct error e;

    list.count = PROFILES_MAX + 1;
    e = card_read(card, &eid, &list, NULL);
    if (e.code) {
        assert(list.count == PROFILES_MAX + 1 && strcmp(eid.text, "as before") == 0);
        assert(e.message[0]);
        return;
    }
    assert(strlen(eid.text) == EID_TEXT_LEN);
    profile_oracle_check(&list);
}

/* ENABLE never goes out before it was decided, and what did not go out is never said to have had an
 * effect. */
static void check_enable(struct card *card)
{
    struct card_enable result;

    peer.enables = 0;
    peer.decided = 0;
    card_enable(card, decide, NULL, &result);
    assert(peer.decided <= 1);
    assert((peer.enables > 0) == (result.sent != CARD_NOT_SENT));
    assert((result.error.code == ERROR_NONE) ==
           (result.sent == CARD_ENABLED ||
            (result.sent == CARD_NOT_SENT && peer.decided == 1 && !result.error.message[0])));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t choice = 0;
    struct card *card;

    peer.input = cursor_of(data, size);
    peer.now_ms = 1000;
    peer.commands = 0;
    (void)cursor_take_u8(&peer.input, &choice);
    card = card_of(choice);
    assert(card);
    check_read(card);
    check_enable(card);
    check_read(card);
    card_free(card);
    return 0;
}
