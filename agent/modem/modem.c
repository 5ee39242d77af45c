#include "agent/modem/modem.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/modem/at_fields.h"
#include "agent/modem/at_network.h"
#include "agent/modem/at_sim.h"
#include "agent/modem/cgla.h"
#include "agent/modem/chat.h"
#include "agent/modem/csim.h"
#include "agent/modem/network.h"
#include "agent/modem/port.h"
#include "agent/modem/program.h"
#include "agent/modem/quirks.h"
#include "agent/modem/trace.h"

enum {
    PLAIN_MS = 5000,
    RADIO_MS = 180000,
    WAKE_ATTEMPTS = 6,
    WAKE_MS = 1000,
    SIM_WAIT_MS = 30000,
    SIM_PAUSE_MS = 1000,
    PROGRAM_MS = 60000,
    /* A modem that refuses AT+CFUN=1 is asked again, first soon. */
    RADIO_WAIT_MS = 30000,
    RADIO_PAUSE_MIN_MS = 200,
    RADIO_PAUSE_MAX_MS = 5000,
};

struct modem {
    struct modem_options options;
    struct modem_identity identity;
    const struct quirk *quirk;
    struct port port;
    struct chat chat;
    struct csim csim;
    struct cgla cgla;
    struct network network;
    struct trace *trace; /* NULL: none */
    uint64_t opened;
    /* When guest.turn() said that the agent stops. */
    int64_t stopped_ms;
    /* modem_open() is under way: a port that goes is its error, no event. */
    bool opening;
    /* The modem started over with the port open: its settings are lost. */
    bool settings_lost;
    /* The radio was switched off, or found so, and nothing has shown it on since. `radio_again_ms`:
     * not asked for before, so that a modem that refuses can still be read. */
    bool radio_owed;
    int64_t radio_again_ms;
    bool sim_seen, sim_ready;
};

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

static bool is_stopping(const struct modem *modem)
{
    return modem->stopped_ms != CLOCK_NEVER;
}

/* The one poll() of the thread: the port, the guest's descriptor and both deadlines. */
static enum chat_wait wait_port(void *ctx, bool for_write, int64_t until_ms)
{
    struct modem *modem = ctx;
    const struct modem_guest *guest = &modem->options.guest;
    bool serves = guest->turn && !is_stopping(modem);
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

/* The card as the modem sees it, by an answer or by a line of its own. */
static void note_sim(struct modem *modem, bool ready)
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
        note_sim(modem, pin == AT_PIN_READY);
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

static const struct chat_ops chat_ops = { .read = read_port,
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
    chat_init(&modem->chat, &chat_ops, modem);
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

bool modem_idle(struct modem *modem, int64_t until_ms)
{
    if (is_stopping(modem))
        return false;
    if (modem_is_open(modem))
        (void)chat_listen(&modem->chat, until_ms); /* a hang-up is told by lose_port() */
    else
        (void)wait_port(modem, false, until_ms); /* the guest alone */
    return !is_stopping(modem);
}

/* --- commands --- */

static struct error run(struct modem *modem, const char *text, int timeout_ms)
{
    struct chat_command command = { .text = text, .deadline_ms = clock_now_ms() + timeout_ms };

    return chat_run(&modem->chat, &command, NULL);
}

/* A refusal is fine. What did not get through goes out once more: some modems lose a line that comes
 * right after their answer, and set-up does no harm twice. */
static struct error try(struct modem *modem, const char *text, int timeout_ms)
{
    struct error e = run(modem, text, timeout_ms);

    if (e.code == ERROR_MODEM_TIMEOUT)
        e = run(modem, text, timeout_ms);
    return network_is_fatal(&e) ? e : ERROR_OK;
}

static struct error try_all(struct modem *modem, const char *const *texts, size_t count)
{
    struct error e = ERROR_OK;

    for (size_t i = 0; i < count && texts[i] && !e.code; i++)
        e = try(modem, texts[i], PLAIN_MS);
    return e;
}

static enum chat_match match_text(const char *line)
{
    if (begins(line, "+CGM"))
        return CHAT_TAKE;
    return line[0] == '+' || line[0] == '^' || line[0] == '#' || strcmp(line, "RDY") == 0 ||
                   strcmp(line, "RING") == 0
               ? CHAT_APART
               : CHAT_TAKE;
}

/* "Quectel", "+CGMI: "Quectel"": the text alone, cut to fit. */
static struct error read_text(struct modem *modem, const char *text, char *ret, size_t size)
{
    struct chat_command command = { .text = text,
                                    .match = match_text,
                                    .needs_line = true,
                                    .deadline_ms = clock_now_ms() + PLAIN_MS };
    const struct chat_answer *answer = NULL;
    struct error e = chat_run(&modem->chat, &command, &answer);

    ret[0] = '\0';
    if (e.code)
        return network_is_fatal(&e) && !modem->chat.misfit ? e : ERROR_OK;
    const char *from = answer->lines[0];
    if (begins(from, "+CGM") && strchr(from, ':'))
        from = strchr(from, ':') + 1;
    from += strspn(from, " \"");
    size_t len = strcspn(from, "\"");
    if (len >= size)
        len = size - 1;
    memcpy(ret, from, len);
    ret[len] = '\0';
    return ERROR_OK;
}

/* --- set-up --- */

/* Whether the radio is on, where the modem tells. */
static struct error look_at_radio(struct modem *modem)
{
    struct chat_command command = { .text = "AT+CFUN?",
                                    .prefix = "+CFUN",
                                    .needs_line = true,
                                    .repeatable = true,
                                    .deadline_ms = clock_now_ms() + PLAIN_MS };
    const struct chat_answer *answer = NULL;
    int level = 1;
    struct error e = chat_run(&modem->chat, &command, &answer);

    if (network_is_fatal(&e))
        return e;
    if (!e.code && at_cfun_parse(answer->lines[0], &level))
        modem->radio_owed = level != 1;
    return ERROR_OK;
}

/* Goes out also after the stop: a radio must not stay off. Some modems refuse what is so already. */
static struct error switch_radio_on(struct modem *modem)
{
    struct chat_command command = { .text = "AT+CFUN=1",
                                    .cleaning = true,
                                    .deadline_ms = clock_now_ms() + RADIO_MS };
    struct error e = chat_run(&modem->chat, &command, NULL);

    if (!e.code)
        modem->radio_owed = false;
    if (!e.code || network_is_fatal(&e))
        return e;
    struct error look = look_at_radio(modem);
    return look.code == ERROR_MODEM_ABSENT ? look : modem->radio_owed ? e : ERROR_OK;
}

/* A kill between CFUN=0 and 1 must not leave a dead device. What a refusal leaves off, the readings
 * ask for again. */
static struct error find_radio(struct modem *modem)
{
    struct error e = look_at_radio(modem);

    if (!e.code && modem->radio_owed)
        e = switch_radio_on(modem);
    modem->radio_again_ms = 0;
    return network_is_fatal(&e) ? e : ERROR_OK;
}

static struct error identify(struct modem *modem)
{
    struct modem_identity *id = &modem->identity;
    struct error e = read_text(modem, "AT+CGMI", id->manufacturer, sizeof id->manufacturer);

    if (!e.code)
        e = read_text(modem, "AT+CGMM", id->model, sizeof id->model);
    if (!e.code)
        e = read_text(modem, "AT+CGMR", id->revision, sizeof id->revision);
    if (e.code)
        return e;
    modem->quirk = quirks_find(id->manufacturer, id->model);
    if (modem->chat.peace_ms < modem->quirk->peace_ms)
        modem->chat.peace_ms = modem->quirk->peace_ms;
    network_init(&modem->network, &modem->chat, modem->quirk);
    return ERROR_OK;
}

static struct error switch_echo_off(struct modem *modem)
{
    struct error e = try(modem, "ATE0", PLAIN_MS);

    modem->chat.echo_off = true;
    modem->chat.echo_seen = false;
    return e;
}

/* Numeric operators, and lines that hint at a change of registration. */
static struct error ask_for_hints(struct modem *modem)
{
    static const char *const texts[] = { "AT+COPS=3,2", "AT+CREG=2", "AT+CGREG=2", "AT+CEREG=2",
                                         "AT+C5GREG=2" };
    struct error e = try_all(modem, texts, ARRAY_LEN(texts));

    if (!e.code)
        e = try_all(modem, modem->quirk->init, QUIRK_COMMANDS_MAX);
    if (!e.code)
        e = try_all(modem, modem->options.init, modem->options.init_count);
    return e;
}

/* What a modem that started over has forgotten. */
static struct error say_settings(struct modem *modem)
{
    struct error e = switch_echo_off(modem);
    if (!e.code)
        e = try(modem, "AT+CMEE=1", PLAIN_MS);
    if (!e.code)
        e = ask_for_hints(modem);
    modem->settings_lost = e.code != ERROR_NONE;
    return e;
}

/* Before every reading: settings that are lost, and a radio that is off. */
static struct error restore_settings(struct modem *modem)
{
    struct error e = ERROR_OK;

    if (!modem_is_open(modem) || is_stopping(modem))
        return ERROR_OK;
    if (modem->settings_lost)
        e = say_settings(modem);
    if (e.code || !modem->radio_owed || clock_now_ms() < modem->radio_again_ms)
        return e;
    e = switch_radio_on(modem);
    modem->radio_again_ms = clock_now_ms() + RADIO_PAUSE_MAX_MS;
    return network_is_fatal(&e) ? e : ERROR_OK;
}

static struct error ask_pin(struct modem *modem, const struct chat_answer **ret)
{
    struct chat_command command = { .text = "AT+CPIN?",
                                    .prefix = "+CPIN",
                                    .needs_line = true,
                                    .repeatable = true,
                                    .deadline_ms = clock_now_ms() + PLAIN_MS };

    return chat_run(&modem->chat, &command, ret);
}

/* A number is the modem's own alone: its word on +CPIN may last a moment only. */
static struct error check_sim(struct modem *modem)
{
    const struct chat_answer *answer = NULL;
    enum at_pin pin = AT_PIN_WAIT;
    struct error e = ask_pin(modem, &answer);

    /* A modem that started over in silence says ERROR where it could say why. */
    if (e.domain == ERROR_IN_MODEM && e.detail == ERROR_FINAL_ERROR) {
        e = try(modem, "AT+CMEE=1", PLAIN_MS);
        if (!e.code)
            e = ask_pin(modem, &answer);
    }
    if (network_is_fatal(&e))
        return e;
    if (e.code) {
        note_sim(modem, false);
        return e;
    }
    if (!at_cpin_parse(answer->lines[answer->count - 1], &pin))
        pin = AT_PIN_WAIT;
    note_sim(modem, pin == AT_PIN_READY);
    switch (pin) {
    case AT_PIN_READY:
        return ERROR_OK;
    case AT_PIN_ABSENT:
        return error_make(ERROR_IN_MODEM, ERROR_CARD_ABSENT, ERROR_FINAL_NONE,
                          "no SIM is inserted");
    case AT_PIN_LOCKED:
        return error_make(ERROR_IN_MODEM, ERROR_SIM_LOCKED, ERROR_FINAL_NONE,
                          "the SIM wants a PIN, or is locked to another network");
    case AT_PIN_WAIT:
    default:
        return error_make(ERROR_IN_MODEM, ERROR_CARD_BUSY, ERROR_FINAL_NONE,
                          "the SIM is not ready");
    }
}

/* ERROR_SHUTTING_DOWN, ERROR_MODEM_ABSENT. */
static struct error pause_until(struct modem *modem, int64_t until_ms)
{
    while (clock_now_ms() < until_ms) {
        if (!modem_idle(modem, until_ms))
            return error_make(ERROR_IN_AGENT, ERROR_SHUTTING_DOWN, 0, "the agent stops");
        if (!modem_is_open(modem))
            return error_make(ERROR_IN_AGENT, ERROR_MODEM_ABSENT, 0, "the modem's port is gone");
    }
    return ERROR_OK;
}

/* After a reset a card is busy for seconds. `sim` is what it said first. */
static struct error await_sim(struct modem *modem, struct error sim)
{
    int64_t deadline = clock_now_ms() + SIM_WAIT_MS;

    while (sim.code == ERROR_CARD_BUSY && clock_now_ms() < deadline) {
        struct error e = pause_until(modem, clock_now_ms() + SIM_PAUSE_MS);
        if (e.code)
            return e;
        sim = modem_check_sim(modem);
    }
    return sim;
}

/* `*ret_sim`: what the card said. */
static struct error set_up(struct modem *modem, struct error *ret_sim)
{
    struct error e = chat_wake(&modem->chat, WAKE_ATTEMPTS, WAKE_MS);

    if (!e.code)
        e = switch_echo_off(modem);
    if (!e.code)
        e = try(modem, "AT+CMEE=1", PLAIN_MS);
    if (!e.code)
        e = find_radio(modem);
    if (e.code)
        return e;
    *ret_sim = check_sim(modem);
    if (network_is_fatal(ret_sim))
        return *ret_sim;
    e = identify(modem);
    if (!e.code)
        e = try(modem, "AT+CGSN", PLAIN_MS);
    if (!e.code)
        e = ask_for_hints(modem);
    return e;
}

/* A port that opens and does not answer as a modem does is no modem. */
static struct error as_absent(struct error e)
{
    if (e.code == ERROR_MODEM_TIMEOUT)
        e.code = ERROR_MODEM_ABSENT;
    return e;
}

static struct error open_path(struct modem *modem, const char *path, struct error *ret_sim)
{
    struct error e = port_open(&modem->port, path, modem->options.baud);

    if (e.code)
        return e;
    modem->quirk = quirks_find("", "");
    chat_init(&modem->chat, &chat_ops, modem);
    network_init(&modem->network, &modem->chat, modem->quirk);
    cgla_init(&modem->cgla, &modem->chat);
    modem->settings_lost = false;
    modem->sim_seen = false;
    (void)snprintf(modem->identity.port, sizeof modem->identity.port, "%s", modem->port.device);
    e = set_up(modem, ret_sim);
    if (e.code)
        modem_close(modem);
    return as_absent(e);
}

static struct error open_any(struct modem *modem, struct error *ret_sim)
{
    char paths[PORT_CANDIDATES_MAX][PORT_PATH_MAX + 1];
    size_t count = port_find(paths);
    struct error first = error_make(ERROR_IN_AGENT, ERROR_MODEM_ABSENT, 0,
                                    "no modem is found on USB; set modem.port to its port");

    for (size_t i = 0; i < count; i++) {
        struct error e = open_path(modem, paths[i], ret_sim);
        if (!e.code || e.code == ERROR_SHUTTING_DOWN)
            return e;
        if (i == 0)
            first = e;
    }
    return first;
}

struct error modem_open(struct modem *modem)
{
    if (is_stopping(modem))
        return error_make(ERROR_IN_AGENT, ERROR_SHUTTING_DOWN, 0, "the agent stops");
    modem_close(modem);
    modem->opening = true;
    struct error sim = ERROR_OK;
    struct error e = strcmp(modem->options.port, "auto") == 0
                         ? open_any(modem, &sim)
                         : open_path(modem, modem->options.port, &sim);
    modem->opening = false;
    if (e.code)
        return e;
    modem->opened++;
    e = await_sim(modem, sim);
    /* Other errors of the card leave the modem open: it is there, and its owner asks again. */
    if (network_is_fatal(&e))
        modem_close(modem);
    return as_absent(e);
}

/* --- readings --- */

struct error modem_check_sim(struct modem *modem)
{
    struct error e = restore_settings(modem);

    return e.code ? e : check_sim(modem);
}

struct error modem_read_registration(struct modem *modem, struct connectivity *ret)
{
    struct error e = restore_settings(modem);

    return e.code ? e : network_read_registration(&modem->network, ret);
}

struct error modem_read_data(struct modem *modem, struct connectivity *ret)
{
    struct error e = restore_settings(modem);

    return e.code ? e : network_read_data(&modem->network, ret);
}

struct error modem_read_iccid(struct modem *modem, struct iccid *ret, bool *ret_cached)
{
    struct error e = restore_settings(modem);

    return e.code ? e : network_read_iccid(&modem->network, ret, ret_cached);
}

struct error modem_read_imsi_hash(struct modem *modem, char ret[17])
{
    struct error e = restore_settings(modem);

    return e.code ? e : network_read_imsi_hash(&modem->network, ret);
}

/* The card's part of a reading: unknown while the card is away. */
static struct error read_card(struct modem *modem, struct connectivity *ret)
{
    bool cached = false;
    struct error e = network_read_iccid(&modem->network, &ret->iccid, &cached);

    ret->has_iccid = e.code == ERROR_NONE;
    if (network_is_fatal(&e))
        return e;
    e = network_read_imsi_hash(&modem->network, ret->imsi_hash);
    return network_is_fatal(&e) ? e : ERROR_OK;
}

struct error modem_read_connectivity(struct modem *modem, struct connectivity *ret)
{
    struct connectivity value = { .reject_cause = -1 };
    struct error e = modem_read_registration(modem, &value);

    if (!e.code)
        e = network_read_operator(&modem->network, &value);
    if (!e.code)
        e = network_read_signal(&modem->network, &value);
    if (!e.code)
        e = network_read_data(&modem->network, &value);
    if (!e.code)
        e = read_card(modem, &value);
    if (e.code)
        return e;
    value.at_ms = clock_now_ms();
    value.at_utc_ms = clock_utc_ms();
    *ret = value;
    return ERROR_OK;
}

/* --- the reset ladder --- */

/* Patiently; at the stop once more at once. */
static struct error radio_on(struct modem *modem)
{
    const int64_t deadline = clock_now_ms() + RADIO_WAIT_MS;
    int64_t pause_ms = RADIO_PAUSE_MIN_MS;

    for (;;) {
        struct error e = switch_radio_on(modem);

        if (!e.code || network_is_fatal(&e) || clock_now_ms() >= deadline)
            return e;
        e = pause_until(modem, clock_now_ms() + pause_ms);
        if (e.code == ERROR_SHUTTING_DOWN)
            return switch_radio_on(modem);
        if (e.code)
            return e;
        pause_ms = 2 * pause_ms > RADIO_PAUSE_MAX_MS ? RADIO_PAUSE_MAX_MS : 2 * pause_ms;
    }
}

struct error modem_cycle_radio(struct modem *modem)
{
    const char *off = modem->quirk->survives_cfun0 ? "AT+CFUN=0" : "AT+CFUN=4";
    bool owed = modem->radio_owed;
    struct error e;

    modem->radio_owed = true;
    modem->radio_again_ms = 0;
    e = run(modem, off, RADIO_MS);
    if (e.code == ERROR_SHUTTING_DOWN)
        modem->radio_owed = owed; /* it did not go out */
    if (e.code == ERROR_SHUTTING_DOWN || e.code == ERROR_MODEM_ABSENT)
        return e;
    cgla_forget(&modem->cgla);
    struct error on = radio_on(modem);
    return on.code ? on : e;
}

static struct error reset_by_command(struct modem *modem, const char *command)
{
    struct error e = run(modem, command, PLAIN_MS);

    cgla_forget(&modem->cgla);
    modem->settings_lost = true;
    /* A modem that is on its way down need not answer. */
    return e.code == ERROR_MODEM_TIMEOUT || e.code == ERROR_MODEM_ABSENT ? ERROR_OK : e;
}

static struct error reset_by_program(struct modem *modem)
{
    struct program program;
    struct error e = program_start(&program, modem->options.reset_exec);

    if (e.code)
        return e;
    int64_t deadline = clock_now_ms() + PROGRAM_MS;
    while (!program_has_ended(&program) && clock_now_ms() < deadline && !is_stopping(modem))
        (void)modem_idle(modem, clock_now_ms() + PROGRAM_POLL_MS);
    cgla_forget(&modem->cgla);
    modem->settings_lost = true;
    return program_end(&program);
}

struct error modem_reset(struct modem *modem)
{
    const struct modem_options *options = &modem->options;

    if (is_stopping(modem))
        return error_make(ERROR_IN_AGENT, ERROR_SHUTTING_DOWN, 0, "the agent stops");
    if (options->reset == MODEM_RESET_EXEC && options->reset_exec)
        return reset_by_program(modem);
    if (options->reset == MODEM_RESET_COMMAND && options->reset_command)
        return reset_by_command(modem, options->reset_command);
    if (options->reset == MODEM_RESET_VENDOR && modem->quirk->reset)
        return reset_by_command(modem, modem->quirk->reset);
    return error_make(ERROR_IN_AGENT, ERROR_NOT_SWITCHED, 0,
                      "no reset of the modem is allowed or known");
}

/* A modem that was told which operator to use may never find the new profile's. */
static struct error choose_operator_freely(struct modem *modem, int64_t deadline_ms)
{
    struct chat_command command = { .text = "AT+COPS?",
                                    .prefix = "+COPS",
                                    .repeatable = true,
                                    .deadline_ms = clock_now_ms() + PLAIN_MS };
    struct chat_command freely = { .text = "AT+COPS=0", .deadline_ms = deadline_ms };
    const struct chat_answer *answer = NULL;
    struct at_operator operator;
    struct error e = chat_run(&modem->chat, &command, &answer);

    if (e.code || answer->count == 0 ||
        !at_cops_parse(answer->lines[0], &operator) || operator.mode == 0 || operator.mode == 3)
        return network_is_fatal(&e) ? e : ERROR_OK;
    return chat_run(&modem->chat, &freely, NULL);
}

struct error modem_after_switch(struct modem *modem, int64_t deadline_ms)
{
    struct error e = restore_settings(modem);

    if (!e.code)
        e = try_all(modem, modem->quirk->after_switch, QUIRK_COMMANDS_MAX);
    return e.code ? e : choose_operator_freely(modem, deadline_ms);
}

struct error modem_attach(struct modem *modem, int64_t deadline_ms)
{
    struct chat_command command = { .text = "AT+CGATT=1", .deadline_ms = deadline_ms };
    struct error e = restore_settings(modem);

    return e.code ? e : chat_run(&modem->chat, &command, NULL);
}
