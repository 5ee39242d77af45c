#include "agent/modem/cgla.h"

#include <stdio.h>

#include "agent/base/hex.h"
#include "agent/base/macros.h"
#include "agent/modem/at_fields.h"
#include "agent/modem/transport_chat.h"

static enum chat_match match_ccho(const char *line)
{
    char session[AT_SESSION_MAX + 1];

    if (at_ccho_parse(line, session))
        return CHAT_TAKE;
    return at_has_prefix(line, "+CCHO") ? CHAT_MISFIT : CHAT_APART;
}

static enum chat_match match_cgla(const char *line)
{
    struct transport_answer answer;

    if (at_cgla_parse(line, &answer))
        return CHAT_TAKE;
    return at_has_prefix(line, "+CGLA") ? CHAT_MISFIT : CHAT_APART;
}

static struct error exchange(struct cgla *cgla, const uint8_t *apdu, size_t len, bool cleaning,
                             int64_t deadline_ms, struct transport_answer *ret)
{
    const struct chat_answer *answer = NULL;
    char hex[2 * TRANSPORT_COMMAND_MAX + 1];
    char text[sizeof hex + AT_SESSION_MAX + 24];
    struct chat_command command = { .text = text,
                                    .match = match_cgla,
                                    .needs_line = true,
                                    .repeatable = transport_is_pure_read(apdu, len),
                                    .cleaning = cleaning,
                                    .deadline_ms = deadline_ms };

    if (len < 4 || len > TRANSPORT_COMMAND_MAX)
        return error_make(ERROR_IN_AGENT, ERROR_INTERNAL, 0, "an APDU of %zu bytes", len);
    hex_from_bytes(apdu, len, hex);
    (void)snprintf(text, sizeof text, "AT+CGLA=%s,%zu,\"%s\"", cgla->session, 2 * len, hex);
    struct error e = chat_run(cgla->chat, &command, &answer);
    if (e.code)
        return e;
    return transport_take_answer(answer, at_cgla_parse, ret);
}

static struct error close_by_cchc(struct cgla *cgla, const char *session, int64_t deadline_ms)
{
    char text[AT_SESSION_MAX + 16];
    struct chat_command command = { .text = text, .cleaning = true, .deadline_ms = deadline_ms };

    (void)snprintf(text, sizeof text, "AT+CCHC=%s", session);
    return chat_run(cgla->chat, &command, NULL);
}

/* Done, with a proactive command or a warning or without; or the channel is not open (6881). */
static bool says_closed(uint16_t sw)
{
    return (sw >= 0x9000 && sw < 0x9300) || sw >> 8 == 0x62 || sw == 0x6881;
}

/* By MANAGE CHANNEL on the channel's own session, where the session is a channel's number. */
static struct error close_by_apdu(struct cgla *cgla, int64_t deadline_ms)
{
    unsigned channel = at_session_channel(cgla->session);
    uint8_t apdu[] = { 0x00, 0x70, 0x80, (uint8_t)channel, 0x00 };
    struct transport_answer answer;

    if (channel == 0)
        return error_make(ERROR_IN_AGENT, ERROR_CARD, 0, "the modem cannot close its session");
    struct error e = exchange(cgla, apdu, sizeof apdu, true, deadline_ms, &answer);
    if (e.code || says_closed(answer.sw))
        return e;
    return error_make(ERROR_IN_CARD, ERROR_CARD, answer.sw, "close the channel: status %04X",
                      (unsigned)answer.sw);
}

static bool has_no_cchc(const struct cgla *cgla)
{
    return !cgla->cchc_works && cgla->cchc_refused == CGLA_REFUSALS;
}

static struct error close_session(struct transport *t, int64_t deadline_ms)
{
    struct cgla *cgla = (struct cgla *)t;
    struct error e = ERROR_OK;

    if (cgla->session[0] == '\0')
        return ERROR_OK;
    if (!has_no_cchc(cgla)) {
        e = close_by_cchc(cgla, cgla->session, deadline_ms);
        /* A session that the card's reset took away is refused like an unknown command: only a
         * modem on which it never worked has no AT+CCHC. */
        if (e.code == ERROR_NONE)
            cgla->cchc_works = true;
        else if (at_is_refusal(&e) && cgla->cchc_refused < CGLA_REFUSALS)
            cgla->cchc_refused++;
    }
    if (at_is_refusal(&e) || has_no_cchc(cgla))
        e = close_by_apdu(cgla, deadline_ms);
    /* A modem that went, is busy or never answered may have the session still, and it is closed
     * before the next one is opened; after any other refusal there is no more to be done about it. */
    if (e.code != ERROR_MODEM_TIMEOUT && e.code != ERROR_MODEM_ABSENT &&
        e.code != ERROR_SHUTTING_DOWN && e.code != ERROR_CARD_BUSY)
        cgla->session[0] = '\0';
    return e;
}

/* The sessions that modems number from 1 on. */
static struct error clear_sessions(struct transport *t, int64_t deadline_ms)
{
    static const char *const sessions[] = { "1", "2", "3" };
    struct cgla *cgla = (struct cgla *)t;

    for (size_t i = 0; i < ARRAY_LEN(sessions); i++) {
        struct error e = close_by_cchc(cgla, sessions[i], deadline_ms);

        if (e.code == ERROR_MODEM_TIMEOUT || e.code == ERROR_MODEM_ABSENT ||
            e.code == ERROR_SHUTTING_DOWN)
            return e;
    }
    cgla->session[0] = '\0';
    return ERROR_OK;
}

static struct error open_once(struct cgla *cgla, const struct aid *aid, int64_t deadline_ms)
{
    const struct chat_answer *answer = NULL;
    char name[AID_TEXT_MAX + 1];
    char text[AID_TEXT_MAX + 16];
    struct chat_command command = {
        .text = text, .match = match_ccho, .needs_line = true, .deadline_ms = deadline_ms
    };

    aid_to_text(aid, name);
    (void)snprintf(text, sizeof text, "AT+CCHO=\"%s\"", name);
    struct error e = chat_run(cgla->chat, &command, &answer);
    if (e.code)
        return e;
    for (size_t i = 0; i < answer->count; i++)
        if (at_ccho_parse(answer->lines[i], cgla->session))
            return ERROR_OK;
    return error_make(ERROR_IN_MODEM, ERROR_MODEM_TIMEOUT, ERROR_FINAL_NONE,
                      "no session in the answer to AT+CCHO");
}

static struct error open_session(struct transport *t, const struct aid *aid, int64_t deadline_ms,
                                 unsigned *ret_channel)
{
    struct cgla *cgla = (struct cgla *)t;
    struct error e = close_session(t, deadline_ms);

    /* Many modems have one channel only, and refuse the next with 100 or ERROR: what could not be
     * closed before is closed first. The answer to AT+CCHO tells whether that worked. */
    if (e.code == ERROR_MODEM_ABSENT || e.code == ERROR_SHUTTING_DOWN)
        return e;
    e = open_once(cgla, aid, deadline_ms);
    if (e.code)
        return e;
    *ret_channel = at_session_channel(cgla->session);
    return ERROR_OK;
}

static struct error transmit(struct transport *t, const uint8_t *apdu, size_t len,
                             int64_t deadline_ms, struct transport_answer *ret)
{
    struct cgla *cgla = (struct cgla *)t;

    if (cgla->session[0] == '\0')
        return error_make(ERROR_IN_AGENT, ERROR_CARD, 0, "no session is open to the card");
    return exchange(cgla, apdu, len, transport_is_close(apdu, len), deadline_ms, ret);
}

static const char *session_of(const struct transport *t)
{
    return ((const struct cgla *)t)->session;
}

static void adopt_session(struct transport *t, const char *session)
{
    struct cgla *cgla = (struct cgla *)t;

    (void)snprintf(cgla->session, sizeof cgla->session, "%s", session);
}

void cgla_init(struct cgla *cgla, struct chat *chat)
{
    static const struct transport_ops ops = { .open = open_session,
                                              .transmit = transmit,
                                              .close = close_session,
                                              .clear = clear_sessions,
                                              .session = session_of,
                                              .adopt = adopt_session };
    unsigned restarts = cgla->transport.restarts;

    *cgla = (struct cgla){ .transport = { .ops = &ops, .name = "cgla", .restarts = restarts },
                           .chat = chat };
}

void cgla_forget(struct cgla *cgla)
{
    cgla->session[0] = '\0';
}
