#include "agent/modem/modem_inside.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/modem/at_network.h"
#include "agent/modem/at_sim.h"
#include "agent/modem/quirks.h"

enum { WAKE_ATTEMPTS = 6, WAKE_MS = 1000, SIM_WAIT_MS = 30000, SIM_PAUSE_MS = 1000 };

static bool begins(const char *line, const char *with)
{
    return strncmp(line, with, strlen(with)) == 0;
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
                                    .deadline_ms = clock_now_ms() + MODEM_PLAIN_MS };
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

/* Whether the radio is on, where the modem tells: as an answer that does not fit does not. */
static struct error look_at_radio(struct modem *modem)
{
    struct chat_command command = { .text = "AT+CFUN?",
                                    .prefix = "+CFUN",
                                    .needs_line = true,
                                    .repeatable = true,
                                    .deadline_ms = clock_now_ms() + MODEM_PLAIN_MS };
    const struct chat_answer *answer = NULL;
    int level = 1;
    struct error e = chat_run(&modem->chat, &command, &answer);

    if (network_stops(&modem->network, &e))
        return e;
    if (!e.code && at_cfun_parse(answer->lines[0], &level))
        modem->radio_owed = level != 1;
    return ERROR_OK;
}

struct error modem_switch_radio_on(struct modem *modem)
{
    struct chat_command command = { .text = "AT+CFUN=1",
                                    .cleaning = true,
                                    .deadline_ms = clock_now_ms() + MODEM_RADIO_MS };
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
        e = modem_switch_radio_on(modem);
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
    struct error e = modem_try(modem, "ATE0", MODEM_PLAIN_MS);

    modem->chat.echo_off = true;
    modem->chat.echo_seen = modem->chat.restarted = false;
    return e;
}

/* Numeric operators, and lines that hint at a change of registration. */
static struct error ask_for_hints(struct modem *modem)
{
    static const char *const texts[] = { "AT+COPS=3,2", "AT+CREG=2", "AT+CGREG=2", "AT+CEREG=2",
                                         "AT+C5GREG=2" };
    struct error e = modem_try_all(modem, texts, ARRAY_LEN(texts));

    if (!e.code)
        e = modem_try_all(modem, modem->quirk->init, QUIRK_COMMANDS_MAX);
    if (!e.code)
        e = modem_try_all(modem, modem->options.init, modem->options.init_count);
    /* An echo that one of these switched on (ATE1, ATZ) is no restart. */
    modem->chat.echo_gone = modem->chat.restarted = false;
    return e;
}

/* What a modem that started over has forgotten; some keep their radio as it was. */
static struct error say_settings(struct modem *modem)
{
    struct error e = switch_echo_off(modem);
    if (!e.code)
        e = modem_try(modem, "AT+CMEE=1", MODEM_PLAIN_MS);
    if (!e.code)
        e = ask_for_hints(modem);
    if (!e.code)
        e = look_at_radio(modem);
    modem->settings_lost = e.code != ERROR_NONE;
    return e;
}

struct error modem_restore_settings(struct modem *modem)
{
    struct error e = ERROR_OK;

    if (!modem_is_open(modem) || modem_is_stopping(modem))
        return ERROR_OK;
    if (modem->settings_lost || modem->chat.restarted)
        e = say_settings(modem);
    if (e.code || !modem->radio_owed || clock_now_ms() < modem->radio_again_ms)
        return e;
    e = modem_switch_radio_on(modem);
    modem->radio_again_ms = clock_now_ms() + MODEM_RADIO_PAUSE_MAX_MS;
    return network_is_fatal(&e) ? e : ERROR_OK;
}

static struct error ask_pin(struct modem *modem, const struct chat_answer **ret)
{
    struct chat_command command = { .text = "AT+CPIN?",
                                    .prefix = "+CPIN",
                                    .needs_line = true,
                                    .repeatable = true,
                                    .deadline_ms = clock_now_ms() + MODEM_PLAIN_MS };

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
        e = modem_try(modem, "AT+CMEE=1", MODEM_PLAIN_MS);
        if (!e.code)
            e = ask_pin(modem, &answer);
    }
    if (network_is_fatal(&e))
        return e;
    if (e.code) {
        modem_note_sim(modem, false);
        return e;
    }
    if (!at_cpin_parse(answer->lines[answer->count - 1], &pin))
        pin = AT_PIN_WAIT;
    modem_note_sim(modem, pin == AT_PIN_READY);
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

/* After a reset a card is busy for seconds. `sim` is what it said first. */
static struct error await_sim(struct modem *modem, struct error sim)
{
    int64_t deadline = clock_now_ms() + SIM_WAIT_MS;

    while (sim.code == ERROR_CARD_BUSY && clock_now_ms() < deadline) {
        struct error e = modem_pause_until(modem, clock_now_ms() + SIM_PAUSE_MS);
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
        e = modem_try(modem, "AT+CMEE=1", MODEM_PLAIN_MS);
    if (!e.code)
        e = find_radio(modem);
    if (e.code)
        return e;
    *ret_sim = check_sim(modem);
    if (network_is_fatal(ret_sim))
        return *ret_sim;
    e = identify(modem);
    if (!e.code)
        e = modem_try(modem, "AT+CGSN", MODEM_PLAIN_MS);
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
    chat_init(&modem->chat, &modem_chat_ops, modem);
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
    if (modem_is_stopping(modem))
        return modem_stopping();
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
    if (network_is_fatal(&e)) {
        modem->lost += modem_is_open(modem);
        modem_close(modem);
    }
    return as_absent(e);
}

struct error modem_check_sim(struct modem *modem)
{
    struct error e = modem_restore_settings(modem);

    return e.code ? e : check_sim(modem);
}
