#include "tests/unit/card_script.h"

#include "agent/base/hex.h"
#include "tests/test.h"

static struct card_script *now_playing;

static void pass_deadline(const char *sent, int64_t deadline_ms)
{
    bool is_cgla = sent[0] == '@';
    const char *hex = sent + is_cgla;
    /* ENABLE of either kind, and closing. */
    bool is_long = strcmp(sent, "@close") == 0 || strcmp(sent, "@clear") == 0 ||
                   strncmp(hex, "007080", 6) == 0 || strncmp(hex + 2, "010000", 6) == 0 ||
                   strstr(hex, "BF31");

    assert_true(deadline_ms >= now_playing->now_ms + (is_long ? 30000 : 10000));
    assert_true(deadline_ms <= now_playing->now_ms + 30000);
}

static struct error error_of(const char *name)
{
    if (strcmp(name, "timeout") == 0)
        return error_make(ERROR_IN_MODEM, ERROR_MODEM_TIMEOUT, ERROR_FINAL_NONE, "no answer");
    if (strcmp(name, "absent") == 0)
        return error_make(ERROR_IN_MODEM, ERROR_MODEM_ABSENT, ERROR_FINAL_NONE, "port gone");
    if (strcmp(name, "stop") == 0)
        return error_make(ERROR_IN_AGENT, ERROR_SHUTTING_DOWN, 0, "the agent is stopping");
    if (strcmp(name, "ERROR") == 0)
        return error_make(ERROR_IN_MODEM, ERROR_CARD, ERROR_FINAL_ERROR, "ERROR");
    if (strcmp(name, "NO CARRIER") == 0)
        return error_make(ERROR_IN_MODEM, ERROR_CARD, ERROR_FINAL_NO_CARRIER, "NO CARRIER");
    int cme = atoi(name);
    bool busy = cme == 14 || cme == 13 || cme == 0 || cme == 100;
    return error_make(ERROR_IN_MODEM,
                      busy        ? ERROR_CARD_BUSY
                      : cme == 10 ? ERROR_CARD_ABSENT
                      : cme == 11 ? ERROR_SIM_LOCKED
                                  : ERROR_CARD,
                      cme, "+CME ERROR: %d", cme);
}

/* The answer of the step that `sent` has to be. */
static const struct card_step *next(struct transport *t, const char *sent, int64_t deadline_ms,
                                    const char **ret_answer)
{
    const struct card_step *step = now_playing->steps;

    print_message("    %s\n", sent);
    if (!step || !step->sent)
        fail_msg("'%s' after the script's end", sent);
    if (strcmp(step->sent, sent) != 0)
        fail_msg("'%s' instead of '%s'", sent, step->sent);
    pass_deadline(sent, deadline_ms);
    now_playing->commands++;
    if (++now_playing->step_times >= (step->times ? step->times : 1)) {
        now_playing->steps++;
        now_playing->step_times = 0;
    }
    t->restarts += step->answer[0] == '*';
    *ret_answer = step->answer + (step->answer[0] == '*');
    return step;
}

static void answer_with(const struct card_step *step, const char *answer,
                        struct transport_answer *ret)
{
    uint8_t bytes[TRANSPORT_ANSWER_MAX];
    size_t len = 0;

    memset(bytes, 0xAA, step->fill);
    assert_true(
        hex_to_bytes(answer, strlen(answer), bytes + step->fill, sizeof bytes - step->fill, &len));
    len += step->fill;
    assert_true(len >= 2);
    ret->len = len - 2;
    memcpy(ret->data, bytes, len - 2);
    ret->sw = (uint16_t)(bytes[len - 2] << 8 | bytes[len - 1]);
}

static struct error transmit(struct transport *t, const uint8_t *apdu, size_t len,
                             int64_t deadline_ms, struct transport_answer *ret)
{
    char sent[2 + 2 * TRANSPORT_COMMAND_MAX] = "@";
    bool is_cgla = t->ops->open;
    const struct card_step *step;
    const char *answer;

    hex_from_bytes(apdu, len, sent + is_cgla);
    step = next(t, sent, deadline_ms, &answer);
    if (answer[0] == '!')
        return error_of(answer + 1);
    answer_with(step, answer, ret);
    return ERROR_OK;
}

static struct error open_by_modem(struct transport *t, const struct aid *aid, int64_t deadline_ms,
                                  unsigned *ret_channel)
{
    char text[AID_TEXT_MAX + 1];
    const char *answer;

    (void)next(t, "@open", deadline_ms, &answer);
    aid_to_text(aid, text);
    assert_string_equal(text, "A000000815030040030902231003");
    if (answer[0] == '!')
        return error_of(answer + 1);
    *ret_channel = (unsigned)atoi(answer);
    return ERROR_OK;
}

static struct error close_by_modem(struct transport *t, int64_t deadline_ms)
{
    const char *answer;

    (void)next(t, "@close", deadline_ms, &answer);
    return answer[0] == '!' ? error_of(answer + 1) : ERROR_OK;
}

static struct error clear(struct transport *t, int64_t deadline_ms)
{
    const char *answer;

    (void)next(t, "@clear", deadline_ms, &answer);
    return answer[0] == '!' ? error_of(answer + 1) : ERROR_OK;
}

static int64_t now_ms(void *ctx)
{
    (void)ctx;
    return now_playing->now_ms;
}

static bool pause_until(void *ctx, int64_t until_ms)
{
    (void)ctx;
    assert_true(until_ms > now_playing->now_ms);
    if (++now_playing->pauses == now_playing->stop_at_pause)
        return false;
    now_playing->now_ms = until_ms;
    return true;
}

static const char *no_session(const struct transport *t)
{
    (void)t;
    return "";
}

static void adopt(struct transport *t, const char *session)
{
    (void)t;
    assert_string_equal(session, "1");
}

static void on_channels(void *ctx, const char *open)
{
    (void)ctx;
    if (now_playing->on_channels)
        now_playing->on_channels(now_playing->on_channels_ctx, open);
}

static const struct transport_ops csim_ops = { .transmit = transmit };
static const struct transport_ops cgla_ops = { .open = open_by_modem,
                                               .transmit = transmit,
                                               .close = close_by_modem,
                                               .clear = clear,
                                               .session = no_session,
                                               .adopt = adopt };
static struct transport csim = { .ops = &csim_ops, .name = "csim" };
static struct transport cgla = { .ops = &cgla_ops, .name = "cgla" };

struct card *card_script_begin(struct card_script *script, const char *ways,
                               enum card_interface interface)
{
    struct card_options options = {
        .transports = { strncmp(ways, "csim", 4) == 0 ? &csim : &cgla,
                        strncmp(ways, "csim", 4) == 0 ? &cgla : &csim },
        .transport_count = strlen(ways) > 4 ? 2 : 1,
        .interface = interface,
        .now_ms = now_ms,
        .pause = pause_until,
        .on_channels = on_channels,
    };
    static const char applet[] = "A000000815030040030902231003";
    struct card *card;

    assert_ok(aid_from_text(applet, strlen(applet), &options.aid));
    script->now_ms = script->began_ms = 1000000;
    now_playing = script;
    card = card_new(&options);
    assert_non_null(card);
    return card;
}

void card_script_play(struct card_script *script, const struct card_step *steps)
{
    script->steps = steps;
    script->step_times = 0;
    script->commands = 0;
    script->pauses = 0;
}

void card_script_end(const struct card_script *script)
{
    if (script->steps->sent)
        fail_msg("'%s' was not sent", script->steps->sent);
}
