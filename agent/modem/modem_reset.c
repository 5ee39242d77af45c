#include "agent/modem/modem_inside.h"

#include "agent/base/clock.h"
#include "agent/modem/at_network.h"
#include "agent/modem/at_timeout.h"
#include "agent/modem/program.h"
#include "agent/modem/quirks.h"

enum {
    PROGRAM_MS = 60000,
    /* A modem that refuses AT+CFUN=1 is asked again, first soon. */
    RADIO_WAIT_MS = 30000,
    RADIO_PAUSE_MIN_MS = 200,
};

/* Patiently; at the stop once more at once. */
static struct error radio_on(struct modem *modem)
{
    const int64_t deadline = clock_now_ms() + RADIO_WAIT_MS;
    int64_t pause_ms = RADIO_PAUSE_MIN_MS;

    for (;;) {
        struct error e = modem_switch_radio_on(modem);

        if (!e.code || network_is_fatal(&e) || clock_now_ms() >= deadline)
            return e;
        e = modem_pause_until(modem, clock_now_ms() + pause_ms);
        if (e.code == ERROR_SHUTTING_DOWN)
            return modem_switch_radio_on(modem);
        if (e.code)
            return e;
        pause_ms =
            2 * pause_ms > MODEM_RADIO_PAUSE_MAX_MS ? MODEM_RADIO_PAUSE_MAX_MS : 2 * pause_ms;
    }
}

struct error modem_cycle_radio(struct modem *modem)
{
    const char *off = modem->quirk->survives_cfun0 ? "AT+CFUN=0" : "AT+CFUN=4";
    bool owed = modem->radio_owed;
    struct error e;

    modem->radio_owed = true;
    modem->radio_again_ms = 0;
    e = modem_run(modem, off, MODEM_RADIO_MS);
    if (e.code == ERROR_SHUTTING_DOWN)
        modem->radio_owed = owed; /* it did not go out */
    else
        modem->resets[TRAFFIC_RESET_CFUN]++;
    if (e.code == ERROR_SHUTTING_DOWN || e.code == ERROR_MODEM_ABSENT)
        return e;
    cgla_forget(&modem->cgla);
    struct error on = radio_on(modem);
    return on.code ? on : e;
}

static struct error reset_by_command(struct modem *modem, const char *command,
                                     enum traffic_reset rung)
{
    struct error e = modem_run(modem, command, MODEM_PLAIN_MS);

    modem->resets[rung]++;
    cgla_forget(&modem->cgla);
    modem->settings_lost = true;
    /* A modem that is on its way down need not answer. */
    return e.code == ERROR_MODEM_TIMEOUT || e.code == ERROR_MODEM_ABSENT ? ERROR_OK : e;
}

struct error modem_run_program(struct modem *modem, char *const *argv, const char *input,
                               int64_t timeout_ms)
{
    struct program program;
    struct error e =
        modem_is_stopping(modem) ? modem_stopping() : program_start(&program, argv, input);

    if (e.code)
        return e;
    int64_t now_ms = clock_now_ms();
    const int64_t deadline_ms = now_ms + timeout_ms;
    while (!program_has_ended(&program) && now_ms < deadline_ms) {
        int64_t look_ms = now_ms + PROGRAM_POLL_MS;
        if (!modem_idle(modem, look_ms < deadline_ms ? look_ms : deadline_ms))
            break;
        now_ms = clock_now_ms();
    }
    bool ended = program_has_ended(&program);
    e = program_end(&program);
    return !ended && modem_is_stopping(modem) ? modem_stopping() : e;
}

static struct error reset_by_program(struct modem *modem)
{
    struct error e = modem_run_program(modem, modem->options.reset_exec, NULL, PROGRAM_MS);

    modem->resets[TRAFFIC_RESET_EXEC]++;
    cgla_forget(&modem->cgla);
    modem->settings_lost = true;
    /* The reset was all that the program was for. */
    if (e.code == ERROR_INTERRUPTED)
        e.code = ERROR_NOT_SWITCHED;
    return e;
}

struct error modem_reset(struct modem *modem)
{
    const struct modem_options *options = &modem->options;

    if (modem_is_stopping(modem))
        return modem_stopping();
    if (options->reset == MODEM_RESET_EXEC && options->reset_exec)
        return reset_by_program(modem);
    if (options->reset == MODEM_RESET_COMMAND && options->reset_command)
        return reset_by_command(modem, options->reset_command, TRAFFIC_RESET_COMMAND);
    if (options->reset == MODEM_RESET_VENDOR && modem->quirk->reset)
        return reset_by_command(modem, modem->quirk->reset, TRAFFIC_RESET_VENDOR);
    return error_make(ERROR_IN_AGENT, ERROR_NOT_SWITCHED, 0,
                      "no reset of the modem is allowed or known");
}

/* A modem that was told which operator to use may never find the new profile's. */
static struct error choose_operator_freely(struct modem *modem, int64_t deadline_ms)
{
    struct chat_command command = { .text = "AT+COPS?",
                                    .prefix = "+COPS",
                                    .repeatable = true,
                                    .deadline_ms = clock_now_ms() + MODEM_PLAIN_MS };
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
    struct error e = modem_restore_settings(modem);

    if (!e.code)
        e = modem_try_all(modem, modem->quirk->after_switch, QUIRK_COMMANDS_MAX);
    return e.code ? e : choose_operator_freely(modem, deadline_ms);
}

struct error modem_attach(struct modem *modem, int64_t deadline_ms)
{
    struct chat_command command = { .text = "AT+CGATT=1", .deadline_ms = deadline_ms };
    struct error e = modem_restore_settings(modem);

    return e.code ? e : chat_run(&modem->chat, &command, NULL);
}

/* The dialogue cannot go on, whatever is sent. */
static bool is_over(const struct error *e)
{
    return e->code == ERROR_MODEM_ABSENT || e->code == ERROR_SHUTTING_DOWN;
}

static int64_t halfway(int64_t deadline_ms)
{
    int64_t now_ms = clock_now_ms();

    return now_ms + (deadline_ms - now_ms) / 2;
}

struct error modem_attach_anew(struct modem *modem, int64_t deadline_ms)
{
    struct chat_command detach = { .text = "AT+CGATT=0", .deadline_ms = halfway(deadline_ms) };
    /* A modem that was detached must not stay so: it goes out after the stop too, and always with
     * some time for its answer. */
    struct chat_command attach = { .text = "AT+CGATT=1", .cleaning = true };
    struct error e = modem_restore_settings(modem);

    if (e.code)
        return e;
    e = chat_run(&modem->chat, &detach, NULL);
    if (is_over(&e))
        return e;
    if (e.code && !network_is_fatal(&e))
        return modem_cycle_radio(modem);
    attach.deadline_ms = clock_now_ms() + MODEM_PLAIN_MS;
    if (attach.deadline_ms < deadline_ms)
        attach.deadline_ms = deadline_ms;
    e = chat_run(&modem->chat, &attach, NULL);
    return !e.code || network_is_fatal(&e) ? e : modem_cycle_radio(modem);
}

struct error modem_run_commands(struct modem *modem, const char *const *texts, size_t count)
{
    struct error first = modem_restore_settings(modem);

    if (first.code)
        return first;
    for (size_t i = 0; i < count; i++) {
        struct error e = modem_run(modem, texts[i], at_timeout_ms(texts[i]));
        if (network_is_fatal(&e))
            return e;
        if (!first.code)
            first = e;
    }
    return first;
}

struct error modem_recover(struct modem *modem, int64_t deadline_ms)
{
    struct error e = modem_restore_settings(modem);

    if (!e.code)
        e = choose_operator_freely(modem, halfway(deadline_ms));
    if (!is_over(&e))
        e = modem_attach(modem, deadline_ms);
    /* What a modem refuses, or is still busy with, its readings will tell. */
    return is_over(&e) ? e : ERROR_OK;
}
