#include "agent/modem/csim.h"

#include <stdio.h>

#include "agent/base/hex.h"
#include "agent/modem/at_fields.h"
#include "agent/modem/at_sim.h"
#include "agent/modem/transport_chat.h"

static enum chat_match match(const char *line)
{
    struct transport_answer answer;

    if (at_csim_parse(line, &answer))
        return CHAT_TAKE;
    return at_has_prefix(line, "+CSIM") ? CHAT_MISFIT : CHAT_APART;
}

static struct error transmit(struct transport *t, const uint8_t *apdu, size_t len,
                             int64_t deadline_ms, struct transport_answer *ret)
{
    struct csim *csim = (struct csim *)t;
    const struct chat_answer *answer = NULL;
    char hex[2 * TRANSPORT_COMMAND_MAX + 1];
    char text[sizeof hex + 24];
    struct chat_command command = { .text = text,
                                    .match = match,
                                    .needs_line = true,
                                    .repeatable = transport_is_pure_read(apdu, len),
                                    .cleaning = transport_is_close(apdu, len),
                                    .deadline_ms = deadline_ms };

    if (len < 4 || len > TRANSPORT_COMMAND_MAX)
        return error_make(ERROR_IN_AGENT, ERROR_INTERNAL, 0, "an APDU of %zu bytes", len);
    hex_from_bytes(apdu, len, hex);
    (void)snprintf(text, sizeof text, "AT+CSIM=%zu,\"%s\"", 2 * len, hex);
    struct error e = chat_run(csim->chat, &command, &answer);
    if (e.code)
        return e;
    return transport_take_answer(answer, at_csim_parse, ret);
}

void csim_init(struct csim *csim, struct chat *chat)
{
    static const struct transport_ops ops = { .transmit = transmit };

    csim->transport =
        (struct transport){ .ops = &ops, .name = "csim", .restarts = csim->transport.restarts };
    csim->chat = chat;
}
