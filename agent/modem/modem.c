#include "agent/modem/modem_inside.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/modem/at_sim.h"
#include "agent/modem/at_timeout.h"
#include "agent/modem/quirks.h"
#include "agent/modem/trace.h"

static void tell(struct modem *modem, enum modem_event event)
{
    if (modem->options.on_event)
        modem->options.on_event(modem->options.event_ctx, event);
}

/* --- what the dialogue stands on --- */

static ssize_t read_port(void *ctx, void *ret, size_t cap)
{
    struct modem *modem = ctx;
    return port_read(&modem->port, ret, cap);
}

static ssize_t write_port(void *ctx, const void *bytes, size_t len)
{
    struct modem *modem = ctx;
    return port_write(&modem->port, bytes, len);
}

static int64_t chat_now(void *ctx)
{
    (void)ctx;
    return clock_now_ms();
}

static int64_t stopped(void *ctx)
{
    const struct modem *modem = ctx;
    return modem->stopped_ms;
}

bool modem_is_stopping(const struct modem *modem)
{
    return modem->stopped_ms != CLOCK_NEVER;
}

struct error modem_stopping(void)
{
    return error_make(ERROR_IN_AGENT, ERROR_SHUTTING_DOWN, 0, "the agent stops");
}

/* The one poll() of the thread: the port, the guest's descriptor and both deadlines. */
static enum chat_wait wait_port(void *ctx, bool for_write, int64_t until_ms)
{
    struct modem *modem = ctx;
    const struct modem_guest *guest = &modem->options.guest;
    bool serves = guest->turn && !modem_is_stopping(modem);
    int64_t guest_ms = serves && guest->deadline_ms ? guest->deadline_ms(guest->ctx) : CLOCK_NEVER;
    struct pollfd fds[] = {
        { .fd = modem->port.fd, .events = (short)(for_write ? POLLIN | POLLOUT : POLLIN) },
        { .fd = serves ? guest->fd : -1, .events = POLLIN },
    };

    int n = poll(fds, ARRAY_LEN(fds), clock_poll_ms(guest_ms < until_ms ? guest_ms : until_ms));
    if (n < 0)
        fds[0].revents = fds[1].revents = 0;
    if (serves && (fds[1].revents || clock_now_ms() >= guest_ms) && !guest->turn(guest->ctx))
        modem->stopped_ms = clock_now_ms();
    if (fds[0].revents & (POLLIN | POLLOUT))
        return CHAT_WAIT_READY;
    return fds[0].revents ? CHAT_WAIT_GONE : CHAT_WAIT_OVER;
}

static void lose_port(void *ctx)
{
    struct modem *modem = ctx;

    port_close(&modem->port);
    cgla_forget(&modem->cgla);
    modem->sim_seen = false;
    if (modem->opening)
        return;
    modem->lost++;
    tell(modem, MODEM_EVENT_RESTARTED);
    tell(modem, MODEM_EVENT_GONE);
}

static bool begins(const char *line, const char *with)
{
    return strncmp(line, with, strlen(with)) == 0;
}

static bool begins_with_one(const char *line, const char *const *with, size_t count)
{
    for (size_t i = 0; i < count && with[i]; i++)
        if (begins(line, with[i]))
            return true;
    return false;
}

/* The card was reset, seen by a sign that proves it: no channel is open any more. */
static void start_over(struct modem *modem)
{
    cgla_forget(&modem->cgla);
    modem->csim.transport.restarts++;
    modem->cgla.transport.restarts++;
    tell(modem, MODEM_EVENT_RESTARTED);
}

void modem_note_sim(struct modem *modem, bool ready)
{
    bool changed = modem->sim_seen && ready != modem->sim_ready;

    modem->sim_seen = true;
    modem->sim_ready = ready;
    if (!changed)
        return;
    if (!ready)
        start_over(modem);
    tell(modem, MODEM_EVENT_SIM);
}

static void on_unsolicited(void *ctx, const char *line)
{
    static const char *const hints[] = { "+CREG:", "+CGREG:", "+CEREG:", "+C5GREG:",
                                         "+CGEV:", "+CSQ:",   "+CESQ:",  "+CIEV:" };
    struct modem *modem = ctx;
    enum at_pin pin;

    if (at_cpin_parse(line, &pin)) {
        modem_note_sim(modem, pin == AT_PIN_READY);
        return;
    }
    if (strcmp(line, "RDY") == 0 || strcmp(line, "^SYSSTART") == 0) {
        modem->settings_lost = true;
        start_over(modem);
        return;
    }
    if (begins_with_one(line, modem->quirk->sim_lines, QUIRK_COMMANDS_MAX))
        tell(modem, MODEM_EVENT_SIM);
    else if (begins_with_one(line, hints, ARRAY_LEN(hints)))
        tell(modem, MODEM_EVENT_HINT);
}

static void write_trace(void *ctx, bool sent, const char *line)
{
    const struct modem *modem = ctx;

    if (modem->trace)
        trace_write(modem->trace, sent, line);
}

const struct chat_ops modem_chat_ops = { .read = read_port,
                                         .write = write_port,
                                         .wait = wait_port,
                                         .now_ms = chat_now,
                                         .stopped_ms = stopped,
                                         .unsolicited = on_unsolicited,
                                         .broken = lose_port,
                                         .trace = write_trace };

/* --- life --- */

struct modem *modem_new(const struct modem_options *options)
{
    struct modem *modem = calloc(1, sizeof *modem);

    if (!modem)
        return NULL;
    modem->options = *options;
    modem->stopped_ms = CLOCK_NEVER;
    modem->quirk = quirks_find("", "");
    port_init(&modem->port);
    chat_init(&modem->chat, &modem_chat_ops, modem);
    modem->chat.broken = true; /* until a port is open */
    csim_init(&modem->csim, &modem->chat);
    cgla_init(&modem->cgla, &modem->chat);
    network_init(&modem->network, &modem->chat, modem->quirk);
    if (options->trace) {
        modem->trace = trace_new(options->trace);
        if (!modem->trace)
            log_warning("the AT trace cannot be written; going on without it",
                        LOG_STR("file", options->trace));
    }
    return modem;
}

void modem_free(struct modem *modem)
{
    if (!modem)
        return;
    port_close(&modem->port);
    trace_free(modem->trace);
    free(modem);
}

bool modem_is_open(const struct modem *modem)
{
    return modem->port.fd >= 0 && !modem->chat.broken;
}

void modem_close(struct modem *modem)
{
    port_close(&modem->port);
    modem->chat.broken = true;
    cgla_forget(&modem->cgla);
}

const struct modem_identity *modem_identity(const struct modem *modem)
{
    return &modem->identity;
}

struct transport *modem_csim(struct modem *modem)
{
    return &modem->csim.transport;
}

struct transport *modem_cgla(struct modem *modem)
{
    return &modem->cgla.transport;
}

void modem_get_counters(const struct modem *modem, struct modem_counters *ret)
{
    const struct chat_counters *chat = &modem->chat.counters;

    *ret = (struct modem_counters){ .commands = chat->commands,
                                    .timeouts = chat->timeouts,
                                    .mismatched = chat->mismatched,
                                    .overlong = chat->overlong,
                                    .resyncs = chat->resyncs,
                                    .reopened = modem->opened > 0 ? modem->opened - 1 : 0 };
}

void modem_get_traffic(const struct modem *modem, struct traffic *ret)
{
    const struct chat_counters *chat = &modem->chat.counters;

    memcpy(ret->commands, chat->results, sizeof ret->commands);
    memcpy(ret->resets, modem->resets, sizeof ret->resets);
    ret->resyncs = chat->resyncs;
    ret->came = modem->opened;
    ret->went = modem->lost;
}

bool modem_idle(struct modem *modem, int64_t until_ms)
{
    if (modem_is_stopping(modem))
        return false;
    if (modem_is_open(modem))
        (void)chat_listen(&modem->chat, until_ms); /* a hang-up is told by lose_port() */
    else
        (void)wait_port(modem, false, until_ms); /* the guest alone */
    return !modem_is_stopping(modem);
}

/* --- commands --- */

struct error modem_run(struct modem *modem, const char *text, int timeout_ms)
{
    struct chat_command command = { .text = text, .deadline_ms = clock_now_ms() + timeout_ms };

    return chat_run(&modem->chat, &command, NULL);
}

struct error modem_try(struct modem *modem, const char *text, int timeout_ms)
{
    struct error e = modem_run(modem, text, timeout_ms);

    if (e.code == ERROR_MODEM_TIMEOUT)
        e = modem_run(modem, text, timeout_ms);
    return network_is_fatal(&e) ? e : ERROR_OK;
}

/* What takes minutes is said once. A modem that is not done by then may be alive all the same. */
static struct error try_slow(struct modem *modem, const char *text, int timeout_ms)
{
    struct error e = modem_run(modem, text, timeout_ms);

    if (e.code == ERROR_MODEM_TIMEOUT)
        e = modem_run(modem, "AT", MODEM_PLAIN_MS);
    return network_is_fatal(&e) ? e : ERROR_OK;
}

struct error modem_try_all(struct modem *modem, const char *const *texts, size_t count)
{
    struct error e = ERROR_OK;

    for (size_t i = 0; i < count && texts[i] && !e.code; i++) {
        int timeout_ms = at_timeout_ms(texts[i]);
        e = timeout_ms > MODEM_PLAIN_MS ? try_slow(modem, texts[i], timeout_ms)
                                        : modem_try(modem, texts[i], timeout_ms);
    }
    return e;
}

struct error modem_pause_until(struct modem *modem, int64_t until_ms)
{
    while (clock_now_ms() < until_ms) {
        if (!modem_idle(modem, until_ms))
            return modem_stopping();
        if (!modem_is_open(modem))
            return error_make(ERROR_IN_AGENT, ERROR_MODEM_ABSENT, 0, "the modem's port is gone");
    }
    return ERROR_OK;
}

/* --- readings --- */

struct error modem_read_registration(struct modem *modem, struct connectivity *ret)
{
    struct error e = modem_restore_settings(modem);

    return e.code ? e : network_read_registration(&modem->network, ret);
}

struct error modem_read_data(struct modem *modem, struct connectivity *ret)
{
    struct error e = modem_restore_settings(modem);

    return e.code ? e : network_read_data(&modem->network, ret);
}

struct error modem_read_iccid(struct modem *modem, struct iccid *ret, bool *ret_cached)
{
    struct error e = modem_restore_settings(modem);

    return e.code ? e : network_read_iccid(&modem->network, ret, ret_cached);
}

struct error modem_read_imsi_hash(struct modem *modem, char ret[17])
{
    struct error e = modem_restore_settings(modem);

    return e.code ? e : network_read_imsi_hash(&modem->network, ret);
}

/* The card's part of a reading: unknown while the card is away. */
static struct error read_card(struct modem *modem, struct connectivity *ret)
{
    bool cached = false;
    struct error e = network_read_iccid(&modem->network, &ret->iccid, &cached);

    ret->has_iccid = e.code == ERROR_NONE;
    if (network_stops(&modem->network, &e))
        return e;
    e = network_read_imsi_hash(&modem->network, ret->imsi_hash);
    return network_stops(&modem->network, &e) ? e : ERROR_OK;
}

static struct error read_all(struct modem *modem, struct connectivity *ret)
{
    struct error e = modem_read_registration(modem, ret);

    if (!e.code)
        e = network_read_operator(&modem->network, ret);
    if (!e.code)
        e = network_read_signal(&modem->network, ret);
    if (!e.code)
        e = network_read_data(&modem->network, ret);
    return e.code ? e : read_card(modem, ret);
}

struct error modem_read_connectivity(struct modem *modem, struct connectivity *ret)
{
    struct connectivity value = { .reject_cause = -1 };
    struct error e;

    modem->network.gives_way = modem->options.gives_way;
    modem->network.way_ctx = modem->options.way_ctx;
    e = read_all(modem, &value);
    modem->network.gives_way = NULL;
    if (e.code)
        return e;
    value.at_ms = clock_now_ms();
    value.at_utc_ms = clock_utc_ms();
    *ret = value;
    return ERROR_OK;
}
