#include "tests/unit/scripted_modem.h"

#include "agent/base/clock.h"
#include "tests/test.h"

void scripted_init(struct scripted_modem *modem, const struct scripted_step *steps, size_t count)
{
    memset(modem, 0, sizeof *modem);
    modem->steps = steps;
    modem->count = count;
    modem->now_ms = 1000000;
    modem->stopped_ms = CLOCK_NEVER;
}

static void queue(struct scripted_modem *modem, int64_t at_ms, const char *text, bool split)
{
    size_t i = modem->pending_count;

    assert_true(i < SCRIPTED_PENDING);
    modem->pending[i].at_ms = at_ms;
    modem->pending[i].text = strdup(text);
    assert_non_null(modem->pending[i].text);
    modem->pending[i].sent = 0;
    modem->pending[i].split = split;
    modem->pending_count++;
}

void scripted_say(struct scripted_modem *modem, int64_t at_ms, const char *text)
{
    queue(modem, at_ms, text, false);
}

void scripted_done(struct scripted_modem *modem)
{
    for (size_t i = 0; i < modem->pending_count; i++)
        free(modem->pending[i].text);
    if (modem->at != modem->count)
        fail_msg("the script waits for '%s'", modem->steps[modem->at].expect);
}

/* The earliest that is pending. */
static size_t next_pending(const struct scripted_modem *modem)
{
    size_t best = 0;

    for (size_t i = 1; i < modem->pending_count; i++)
        if (modem->pending[i].at_ms < modem->pending[best].at_ms)
            best = i;
    return best;
}

static void take_line(struct scripted_modem *modem, const char *line)
{
    if (modem->deaf > 0) {
        modem->deaf--;
        return;
    }
    if (modem->echo) {
        char echo[sizeof modem->line + 2];
        (void)snprintf(echo, sizeof echo, "%s\r", line);
        queue(modem, modem->now_ms, echo, false);
        modem->echo = !modem->echo_ends_at || strcmp(line, modem->echo_ends_at) != 0;
    }
    bool is_at = strcmp(line, "AT") == 0;
    modem->ats += is_at;
    if (is_at && (modem->at == modem->count || strcmp(modem->steps[modem->at].expect, "AT") != 0)) {
        queue(modem, modem->now_ms + 1, "\r\nOK\r\n", false);
        return;
    }
    if (modem->at == modem->count)
        fail_msg("'%s' is not in the script", line);
    const struct scripted_step *step = &modem->steps[modem->at++];
    assert_string_equal(line, step->expect);
    if (step->stop)
        modem->stopped_ms = modem->now_ms;
    if (step->drop)
        modem->gone = true;
    else if (step->answer)
        queue(modem, modem->now_ms + 1 + step->delay_ms, step->answer, step->split);
}

static ssize_t read_script(void *ctx, void *ret, size_t cap)
{
    struct scripted_modem *modem = ctx;

    if (modem->gone)
        return -1;
    if (modem->pending_count == 0)
        return 0;
    size_t i = next_pending(modem);
    if (modem->pending[i].at_ms > modem->now_ms)
        return 0;
    const char *from = modem->pending[i].text + modem->pending[i].sent;
    size_t n = strlen(from) < cap ? strlen(from) : cap;
    if (modem->pending[i].split && n > 1)
        n = 1;
    memcpy(ret, from, n);
    modem->pending[i].sent += n;
    modem->pending[i].at_ms += modem->pending[i].split;
    if (from[n] == '\0') {
        free(modem->pending[i].text);
        modem->pending_count--;
        memmove(&modem->pending[i], &modem->pending[i + 1],
                (modem->pending_count - i) * sizeof modem->pending[0]);
    }
    return (ssize_t)n;
}

static ssize_t write_script(void *ctx, const void *bytes, size_t len)
{
    struct scripted_modem *modem = ctx;
    const char *text = bytes;

    if (modem->gone)
        return -1;
    if (modem->full)
        return 0;
    if (modem->room && len > modem->room)
        len = modem->room;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\r') {
            modem->line[modem->len] = '\0';
            modem->len = 0;
            take_line(modem, modem->line);
            continue;
        }
        assert_true(modem->len < sizeof modem->line - 1);
        modem->line[modem->len++] = text[i];
    }
    return (ssize_t)len;
}

static enum chat_wait wait_script(void *ctx, bool for_write, int64_t until_ms)
{
    struct scripted_modem *modem = ctx;

    if (modem->gone)
        return CHAT_WAIT_GONE;
    if (for_write && modem->full) {
        bool stops = modem->stop_at_ms > modem->now_ms && modem->stop_at_ms <= until_ms;
        modem->now_ms = stops ? modem->stop_at_ms : until_ms;
        if (stops)
            modem->stopped_ms = modem->now_ms;
        return CHAT_WAIT_OVER;
    }
    if (for_write) {
        modem->now_ms++;
        return CHAT_WAIT_READY;
    }
    if (modem->pending_count > 0) {
        int64_t at_ms = modem->pending[next_pending(modem)].at_ms;
        if (at_ms <= until_ms) {
            if (at_ms > modem->now_ms)
                modem->now_ms = at_ms;
            return CHAT_WAIT_READY;
        }
    }
    assert_true(until_ms != CLOCK_NEVER);
    if (until_ms > modem->now_ms)
        modem->now_ms = until_ms;
    return CHAT_WAIT_OVER;
}

static int64_t script_now(void *ctx)
{
    const struct scripted_modem *modem = ctx;
    return modem->now_ms;
}

static int64_t script_stopped(void *ctx)
{
    const struct scripted_modem *modem = ctx;
    return modem->stopped_ms;
}

static void keep_unsolicited(void *ctx, const char *line)
{
    struct scripted_modem *modem = ctx;

    if (modem->unsolicited_count < SCRIPTED_LINES)
        (void)snprintf(modem->unsolicited[modem->unsolicited_count++], sizeof modem->unsolicited[0],
                       "%.63s", line);
}

static void count_broken(void *ctx)
{
    struct scripted_modem *modem = ctx;
    modem->broken++;
}

const struct chat_ops scripted_ops = { .read = read_script,
                                       .write = write_script,
                                       .wait = wait_script,
                                       .now_ms = script_now,
                                       .stopped_ms = script_stopped,
                                       .unsolicited = keep_unsolicited,
                                       .broken = count_broken };
