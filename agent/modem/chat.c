#include "agent/modem/chat.h"

#include <string.h>
#include <strings.h>

#include "agent/base/clock.h"
#include "agent/modem/at_fields.h"

void chat_init(struct chat *chat, const struct chat_ops *ops, void *ctx)
{
    struct chat_counters counters = chat->counters;
    int peace_ms = chat->peace_ms;

    memset(chat, 0, sizeof *chat);
    chat->peace_ms = peace_ms;
    chat->ops = ops;
    chat->ctx = ctx;
    chat->counters = counters;
    at_reader_init(&chat->reader);
    /* Whoever had the port before may have left a command without its answer. */
    chat->owed = 1;
    chat->out_of_step = true;
}

/* A final line may yet come that is none of the next command's. */
static void lose_step(struct chat *chat)
{
    chat->owed++;
    chat->out_of_step = true;
}

void chat_command_name(const char *text, char ret[24])
{
    size_t n = strcspn(text, "=?\"; ");

    if (n > 23)
        n = 23;
    memcpy(ret, text, n);
    ret[n] = '\0';
}

static int64_t now(const struct chat *chat)
{
    return chat->ops->now_ms(chat->ctx);
}

static void break_off(struct chat *chat)
{
    if (chat->broken)
        return;
    chat->broken = true;
    if (chat->ops->broken)
        chat->ops->broken(chat->ctx);
}

static struct error gone(struct chat *chat)
{
    break_off(chat);
    return error_make(ERROR_IN_AGENT, ERROR_MODEM_ABSENT, 0, "the modem's port is gone");
}

static struct error stopping(void)
{
    return error_make(ERROR_IN_AGENT, ERROR_SHUTTING_DOWN, 0, "the agent stops");
}

/* --- lines --- */

/* An echo is the command itself; while nothing else can begin like one, older ones count too. */
static bool is_echo(const struct chat *chat, const char *line)
{
    if (chat->command && strcasecmp(line, chat->command->text) == 0)
        return true;
    return strncmp(line, "AT+", 3) == 0 || strcmp(line, "AT") == 0 || strcmp(line, "ATE0") == 0;
}

static enum chat_match match_line(const struct chat_command *command, const char *line)
{
    if (command->match)
        return command->match(line);
    return command->prefix && at_has_prefix(line, command->prefix) ? CHAT_TAKE : CHAT_APART;
}

static void keep_line(struct chat_answer *answer, const char *line)
{
    size_t size = strlen(line) + 1;

    if (answer->count == CHAT_LINES_MAX || size > sizeof answer->text - answer->used)
        return;
    answer->lines[answer->count++] = memcpy(answer->text + answer->used, line, size);
    answer->used += size;
}

/* A data call that drops, as it does at a REFRESH, says so in the middle of another answer. We never
 * dial, so these end our command only where nothing else does. */
static bool is_doubtful(struct at_final final)
{
    return final.kind == AT_FINAL_NO_CARRIER || final.kind == AT_FINAL_BUSY;
}

static void take_final(struct chat *chat, struct at_final final)
{
    if (is_doubtful(final)) {
        chat->has_doubt = true;
        chat->doubt = final;
        chat->doubt_ms = now(chat);
        return;
    }
    chat->final_at_ms = now(chat);
    if (chat->command && !chat->has_final) {
        chat->has_final = true;
        chat->final = final;
        return;
    }
    if (chat->command)
        /* Two final lines to one command: the first was another's. */
        lose_step(chat);
    else if (chat->owed > 0)
        chat->owed--;
}

/* OK came alone, and data may follow it. */
static bool awaits_data(const struct chat *chat)
{
    const struct chat_command *command = chat->command;

    return chat->answer.count == 0 && !chat->misfit && chat->final.kind == AT_FINAL_OK &&
           (command->needs_line || (chat->ok_first && (command->prefix || command->match)));
}

static void take_line(struct chat *chat, const char *line)
{
    enum chat_match match = CHAT_APART;
    struct at_final final = at_final_from_line(line);

    if (chat->ops->trace)
        chat->ops->trace(chat->ctx, false, line);
    if (is_echo(chat, line)) {
        chat->echo_seen = true;
        return;
    }
    chat->heard = true;
    if (final.kind != AT_FINAL_NOT) {
        take_final(chat, final);
        return;
    }
    /* Behind the final line only the data that it came before is the command's. */
    if (chat->command && (!chat->has_final || awaits_data(chat)))
        match = match_line(chat->command, line);
    if (match == CHAT_TAKE && chat->has_final)
        chat->ok_first = true;
    if (match == CHAT_TAKE)
        keep_line(&chat->answer, line);
    else if (match == CHAT_MISFIT)
        chat->misfit = true;
    else if (chat->ops->unsolicited)
        chat->ops->unsolicited(chat->ctx, line);
}

/* Reads all that is there. False: gone. */
static bool read_all(struct chat *chat, bool *ret_some)
{
    uint8_t bytes[512];

    *ret_some = false;
    /* A bound, so that a peer that never stops cannot hold us here past a deadline. */
    for (int i = 0; i < 64; i++) {
        ssize_t n = chat->ops->read(chat->ctx, bytes, sizeof bytes);
        if (n < 0)
            return false;
        if (n == 0)
            return true;
        *ret_some = true;
        for (ssize_t k = 0; k < n; k++)
            if (at_reader_take(&chat->reader, bytes[k]))
                take_line(chat, chat->reader.line);
        chat->after_cr = bytes[n - 1] == '\r';
        chat->counters.overlong += chat->reader.overlong;
        chat->reader.overlong = 0;
    }
    return true;
}

enum chat_wait chat_listen(struct chat *chat, int64_t until_ms)
{
    bool some = false;
    enum chat_wait wait = chat->ops->wait(chat->ctx, false, until_ms);

    if (wait == CHAT_WAIT_READY && !read_all(chat, &some))
        wait = CHAT_WAIT_GONE;
    if (wait == CHAT_WAIT_GONE)
        break_off(chat);
    return wait == CHAT_WAIT_READY && !some ? CHAT_WAIT_OVER : wait;
}

/* Listens until `until_ms` whatever comes. False: gone. */
static bool listen_until(struct chat *chat, int64_t until_ms)
{
    while (now(chat) < until_ms)
        if (chat_listen(chat, until_ms) == CHAT_WAIT_GONE)
            return false;
    return true;
}

/* --- in step --- */

/* Until nothing has come for CHAT_QUIET_MS, three times that at most: a storm of unsolicited lines
 * never ends. False: gone. */
static bool hush(struct chat *chat)
{
    int64_t most = now(chat) + 3 * CHAT_QUIET_MS;
    int64_t quiet = now(chat) + CHAT_QUIET_MS;

    while (now(chat) < quiet && now(chat) < most) {
        enum chat_wait wait = chat_listen(chat, clock_earlier(quiet, most));
        if (wait == CHAT_WAIT_GONE)
            return false;
        if (wait == CHAT_WAIT_READY)
            quiet = now(chat) + CHAT_QUIET_MS;
    }
    return true;
}

static int64_t stop_limit(const struct chat *chat, bool cleaning)
{
    int64_t stopped = chat->ops->stopped_ms(chat->ctx);

    if (stopped == CLOCK_NEVER)
        return CLOCK_NEVER;
    return stopped + CHAT_STOP_MS + (cleaning ? CHAT_CLEANING_MS : 0);
}

/* False: gone, or not all went out by the deadline or in time after the stop, which may come on the
 * way (`broken` tells them apart). */
static bool send_all(struct chat *chat, const char *text, size_t len, bool cleaning,
                     int64_t deadline_ms)
{
    size_t sent = 0;

    while (sent < len) {
        bool some = false;
        ssize_t n = chat->ops->write(chat->ctx, text + sent, len - sent);
        if (n < 0 || !read_all(chat, &some)) {
            break_off(chat);
            return false;
        }
        sent += (size_t)n;
        if (sent == len)
            break;
        int64_t until_ms = clock_earlier(deadline_ms, stop_limit(chat, cleaning));
        if (now(chat) >= until_ms)
            return false;
        if (n == 0 && chat->ops->wait(chat->ctx, true, until_ms) == CHAT_WAIT_GONE) {
            break_off(chat);
            return false;
        }
    }
    return true;
}

/* Sends AT and waits for a final line. True: it was OK. */
static bool ask_at(struct chat *chat, int timeout_ms, bool cleaning)
{
    static const struct chat_command at = { .text = "AT" };
    int64_t deadline = clock_earlier(now(chat) + timeout_ms, stop_limit(chat, cleaning));

    chat->command = &at;
    chat->has_final = false;
    chat->owed++;
    if (chat->ops->trace)
        chat->ops->trace(chat->ctx, true, at.text);
    if (send_all(chat, "AT\r", 3, cleaning, deadline))
        while (!chat->has_final && !chat->broken &&
               now(chat) < clock_earlier(deadline, stop_limit(chat, cleaning)))
            (void)chat_listen(chat, deadline); /* `broken` tells */
    bool got_final = chat->has_final;
    chat->command = NULL;
    chat->has_final = false;
    if (got_final)
        chat->owed--;
    return got_final && chat->final.kind == AT_FINAL_OK;
}

/* In step are we when all final lines that were owed have come, or when AT was answered by one OK
 * and silence twice in a row: then the missing one was swallowed and comes no more. */
static struct error find_step(struct chat *chat, int failures, int timeout_ms, bool cleaning)
{
    int clean = 0;
    bool quiet = false;

    for (int round = 0; failures > 0 && round < 12 && !chat->broken; round++) {
        if (now(chat) >= stop_limit(chat, cleaning))
            return stopping();
        if (!quiet && !hush(chat))
            break;
        quiet = false;
        if (!ask_at(chat, timeout_ms, cleaning)) {
            failures--;
            clean = 0;
            continue;
        }
        int before = chat->owed;
        if (before > 0 && !hush(chat))
            break;
        quiet = before > 0;
        clean = chat->owed == before ? clean + 1 : 0;
        if (chat->owed <= 0 || clean >= 2) {
            chat->owed = 0;
            chat->out_of_step = false;
            return ERROR_OK;
        }
    }
    if (chat->broken)
        return gone(chat);
    if (now(chat) >= stop_limit(chat, cleaning))
        return stopping();
    break_off(chat);
    return error_make(ERROR_IN_MODEM, ERROR_MODEM_ABSENT, ERROR_FINAL_NONE,
                      "the modem does not answer AT");
}

struct error chat_wake(struct chat *chat, int attempts, int timeout_ms)
{
    if (now(chat) >= chat->ops->stopped_ms(chat->ctx))
        return stopping();
    return find_step(chat, attempts, timeout_ms, false);
}

/* --- one command --- */

static struct error may_send(const struct chat *chat, const struct chat_command *command)
{
    int64_t stopped = chat->ops->stopped_ms(chat->ctx);

    if (stopped != CLOCK_NEVER && (!command->cleaning || now(chat) >= stop_limit(chat, true)))
        return stopping();
    if (chat->broken)
        return error_make(ERROR_IN_AGENT, ERROR_MODEM_ABSENT, 0, "the modem's port is not open");
    return ERROR_OK;
}

/* Until when to wait for this command: its own deadline, cut once the agent stops. */
static int64_t limit_of(const struct chat *chat, const struct chat_command *command)
{
    return clock_earlier(command->deadline_ms, stop_limit(chat, command->cleaning));
}

static int64_t doubt_ms_of(const struct chat *chat, const struct chat_command *command)
{
    return command->deadline_ms - chat->doubt_ms > CHAT_LONG_DOUBT_MS ? CHAT_LONG_DOUBT_MS
                                                                      : CHAT_DOUBT_MS;
}

/* Waits for the final line, and for the data where OK came before it. */
static void hear_answer(struct chat *chat, const struct chat_command *command)
{
    while (!chat->broken) {
        int64_t until = limit_of(chat, command);
        if (chat->has_doubt && !chat->has_final) {
            until = clock_earlier(until, chat->doubt_ms + doubt_ms_of(chat, command));
            if (now(chat) >= until) {
                chat->has_final = true;
                chat->final = chat->doubt;
                chat->final_at_ms = now(chat);
                /* Where it was the call's, the command's own is yet to come. */
                lose_step(chat);
                return;
            }
        }
        if (chat->has_final) {
            if (!awaits_data(chat))
                return;
            until = clock_earlier(until, chat->final_at_ms + CHAT_GRACE_MS);
        }
        if (now(chat) >= until)
            return;
        (void)chat_listen(chat, until); /* `broken` tells */
    }
}

static struct error timed_out(struct chat *chat, const char *name, int64_t sent_ms, bool soon_after)
{
    chat->counters.timeouts++;
    lose_step(chat);
    /* Nothing at all, right after the final line before: some modems are deaf for a moment. */
    if (soon_after && !chat->heard && chat->peace_ms < 2 * CHAT_PEACE_MS)
        chat->peace_ms += CHAT_PEACE_MS;
    return error_make(ERROR_IN_MODEM, ERROR_MODEM_TIMEOUT, ERROR_FINAL_NONE,
                      "no answer to %s in %lld ms", name, (long long)(now(chat) - sent_ms));
}

static enum traffic_result result_of(const struct chat *chat)
{
    static const enum traffic_result results[] = {
        [AT_FINAL_NOT] = TRAFFIC_TIMEOUT,     [AT_FINAL_OK] = TRAFFIC_OK,
        [AT_FINAL_ERROR] = TRAFFIC_ERROR,     [AT_FINAL_CME] = TRAFFIC_CME,
        [AT_FINAL_CMS] = TRAFFIC_CMS,         [AT_FINAL_NO_CARRIER] = TRAFFIC_NO_CARRIER,
        [AT_FINAL_ABORTED] = TRAFFIC_ABORTED, [AT_FINAL_BUSY] = TRAFFIC_BUSY,
    };

    if (!chat->has_final)
        return chat->broken ? TRAFFIC_GONE : TRAFFIC_TIMEOUT;
    return chat->misfit && chat->final.kind == AT_FINAL_OK ? TRAFFIC_MISFIT
                                                           : results[chat->final.kind];
}

static struct error judge(struct chat *chat, const struct chat_command *command, const char *name)
{
    if (chat->final.kind != AT_FINAL_OK)
        return at_final_error(chat->final, name);
    if (!chat->misfit && !(command->needs_line && chat->answer.count == 0))
        return ERROR_OK;
    chat->misfit = true;
    chat->counters.mismatched++;
    lose_step(chat);
    return error_make(ERROR_IN_MODEM, ERROR_MODEM_TIMEOUT, ERROR_FINAL_NONE,
                      "the answer to %s does not fit it", name);
}

/* On a slow line the LF of a final line is still on its way when its CR has come, and a command now
 * would be sent over it. False: gone. */
static bool await_line_feed(struct chat *chat)
{
    int64_t until_ms = chat->final_at_ms + CHAT_LINE_FEED_MS;

    while (chat->after_cr && now(chat) < until_ms)
        if (chat_listen(chat, until_ms) == CHAT_WAIT_GONE)
            return false;
    return true;
}

static struct error exchange(struct chat *chat, const struct chat_command *command)
{
    char line[AT_LINE_MAX + 2];
    char name[24];
    bool some = false;
    size_t len = strlen(command->text);

    chat_command_name(command->text, name);
    if (len > AT_LINE_MAX)
        return error_make(ERROR_IN_AGENT, ERROR_INTERNAL, 0, "%s is too long", name);
    memcpy(line, command->text, len);
    line[len++] = '\r';
    if (!await_line_feed(chat) || !listen_until(chat, chat->final_at_ms + chat->peace_ms) ||
        !read_all(chat, &some))
        return gone(chat);
    chat->answer.count = chat->answer.used = 0;
    chat->heard = chat->has_final = chat->has_doubt = chat->misfit = false;
    chat->command = command;
    chat->counters.commands++;
    int64_t sent_ms = now(chat);
    bool soon_after = sent_ms - chat->final_at_ms < CHAT_SOON_MS;
    if (chat->ops->trace)
        chat->ops->trace(chat->ctx, true, command->text);
    if (send_all(chat, line, len, command->cleaning, command->deadline_ms))
        hear_answer(chat, command);
    chat->command = NULL;
    if (chat->has_final && chat->echo_off && !chat->echo_seen)
        chat->echo_gone = true;
    struct error e = chat->has_final ? judge(chat, command, name)
                     : chat->broken  ? gone(chat)
                                     : timed_out(chat, name, sent_ms, soon_after);
    chat->counters.results[traffic_command_of(name)][result_of(chat)]++;
    return e;
}

/* An echo after ATE0 tells of a modem that was reset in between. */
static struct error silence_echo(struct chat *chat, const struct chat_command *before)
{
    struct chat_command command = { .text = "ATE0", .cleaning = before->cleaning };

    if (!chat->echo_off || !chat->echo_seen)
        return ERROR_OK;
    bool was_gone = chat->echo_gone;
    chat->echo_seen = chat->echo_gone = false;
    command.deadline_ms = now(chat) + 5000;
    struct error e = exchange(chat, &command);
    if (!e.code) {
        chat->restarted = chat->restarted || was_gone;
        chat->echo_seen = false; /* its own */
    }
    if (e.code == ERROR_MODEM_TIMEOUT)
        return find_step(chat, CHAT_SYNC_FAILURES, CHAT_SYNC_MS, before->cleaning);
    return e.code == ERROR_MODEM_ABSENT ? e : ERROR_OK; /* a refusal: live with the echo */
}

struct error chat_run(struct chat *chat, const struct chat_command *command,
                      const struct chat_answer **ret_answer)
{
    for (int attempt = 0;; attempt++) {
        struct error e = may_send(chat, command);
        if (e.code)
            return e;
        if (chat->out_of_step) {
            chat->counters.resyncs++;
            e = find_step(chat, CHAT_SYNC_FAILURES, CHAT_SYNC_MS, command->cleaning);
            if (e.code)
                return e;
        }
        e = silence_echo(chat, command);
        if (e.code)
            return e;
        /* Both may have taken long. */
        e = may_send(chat, command);
        if (e.code)
            return e;
        if (now(chat) >= limit_of(chat, command))
            return error_make(ERROR_IN_MODEM, ERROR_MODEM_TIMEOUT, ERROR_FINAL_NONE,
                              "no time was left for an AT command");
        e = exchange(chat, command);
        if (e.code == ERROR_NONE && ret_answer)
            *ret_answer = &chat->answer;
        if (!chat->misfit || !command->repeatable || attempt > 0)
            return e;
    }
}
