#include "control.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sim.h"

typedef cJSON json;

void control_init(struct sim *sim)
{
    sim->control.fd = -1;
    for (int i = 0; i < MAX_CLIENTS; i++)
        sim->control.clients[i].fd = -1;
}

void control_open(struct sim *sim, const char *path)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (strlen(path) >= sizeof(a.sun_path))
        die("--control %s: path too long", path);
    text_copy(a.sun_path, sizeof(a.sun_path), path);
    text_copy(sim->control.path, sizeof(sim->control.path), path);
    /* A file that a killed one left is in nobody's way. */
    if (fd >= 0 && !connect(fd, (struct sockaddr *)&a, sizeof(a)))
        die("--control %s: another lpm-sim answers there", path);
    if (fd >= 0)
        close(fd);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, MAX_CLIENTS))
        die("--control %s: %s", path, strerror(errno));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    sim->control.fd = fd;
}

static void wait_timed_out(struct sim *sim, int arg);

static void client_close(struct control_client *c, int index)
{
    timer_cancel(wait_timed_out, index);
    close(c->fd);
    buf_done(&c->in);
    buf_done(&c->out);
    cJSON_Delete(c->until);
    *c = (struct control_client){ .fd = -1 };
}

void control_close(struct sim *sim)
{
    for (int i = 0; i < MAX_CLIENTS; i++)
        if (sim->control.clients[i].fd >= 0)
            client_close(&sim->control.clients[i], i);
    if (sim->control.fd < 0)
        return;
    close(sim->control.fd);
    unlink(sim->control.path);
}

static void flush(struct control_client *c)
{
    ssize_t n = c->out.len ? send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL) : 0;

    if (n > 0)
        buf_drop(&c->out, (size_t)n);
    else if (n < 0 && errno != EAGAIN)
        buf_clear(&c->out);
}

/* Takes `answer`. */
static void reply(struct control_client *c, json *answer)
{
    char *text = must_alloc(cJSON_PrintUnformatted(answer));

    buf_text(&c->out, text);
    buf_text(&c->out, "\n");
    cJSON_free(text);
    cJSON_Delete(answer);
    flush(c);
}

static json *ok(void)
{
    json *answer = cJSON_CreateObject();

    cJSON_AddBoolToObject(answer, "ok", true);
    return answer;
}

static json *error_answer(const char *text)
{
    json *answer = cJSON_CreateObject();

    cJSON_AddBoolToObject(answer, "ok", false);
    cJSON_AddStringToObject(answer, "error", text);
    return answer;
}

static const char *text_of(const json *command, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(command, name));
}

static json *cmd_set(struct sim *sim, const json *command)
{
    const char *path = text_of(command, "path");
    json *value = cJSON_GetObjectItemCaseSensitive(command, "value");
    char error[SCENARIO_ERROR] = "";

    if (!path || !value)
        return error_answer("path and value are needed");
    if (!sim_set(sim, path, cJSON_Duplicate(value, true), error))
        return error_answer(error);
    return ok();
}

static json *cmd_fault(struct sim *sim, const json *command)
{
    const char *where = text_of(command, "where");
    bool of_card = where && !strcmp(where, "card");
    json *copy = cJSON_Duplicate(command, true);
    char error[SCENARIO_ERROR] = "";
    struct fault f;
    bool good;

    cJSON_DeleteItemFromObjectCaseSensitive(copy, "cmd");
    cJSON_DeleteItemFromObjectCaseSensitive(copy, "where");
    good = scenario_fault(copy, of_card, &f, error);
    cJSON_Delete(copy);
    if (!where || (!of_card && strcmp(where, "modem") != 0))
        return error_answer("where: modem or card");
    if (!good)
        return error_answer(error);
    if ((of_card ? sim->card.fault_count : sim->modem.fault_count) == 2 * MAX_FAULTS)
        return error_answer("too many faults");
    if (of_card)
        sim->card.faults[sim->card.fault_count++] = f;
    else
        sim->modem.faults[sim->modem.fault_count++] = f;
    return ok();
}

static json *cmd_clear_faults(struct sim *sim, const json *command)
{
    (void)command;
    sim->card.fault_count = 0;
    sim->modem.fault_count = 0;
    return ok();
}

static json *card_state(const struct sim *sim)
{
    json *card = cJSON_CreateObject(), *open = cJSON_CreateArray();
    const struct profile_scn *p = card_profile(&sim->card);

    cJSON_AddStringToObject(card, "enabled", p ? p->iccid : "");
    for (int i = 1; i < CARD_CHANNELS; i++)
        if (sim->card.channels[i].open)
            cJSON_AddItemToArray(open, cJSON_CreateNumber(i));
    cJSON_AddItemToObject(card, "channels", open);
    return card;
}

static const char *registration_name(int stat)
{
    switch (stat) {
    case STAT_HOME:
        return "home";
    case STAT_ROAMING:
        return "roaming";
    case STAT_SEARCHING:
        return "searching";
    case STAT_DENIED:
        return "denied";
    case STAT_EMERGENCY:
        return "emergency";
    default:
        return "idle";
    }
}

static json *modem_state(const struct sim *sim)
{
    static const char *const sims[] = { "absent", "busy", "ready" };
    json *modem = cJSON_CreateObject();

    cJSON_AddStringToObject(modem, "iccid", sim->modem.iccid);
    cJSON_AddStringToObject(modem, "imsi", sim->modem.imsi);
    cJSON_AddStringToObject(modem, "sim", sims[sim->modem.sim]);
    cJSON_AddStringToObject(modem, "registration", registration_name(sim->net.stat));
    cJSON_AddBoolToObject(modem, "attached", sim->net.attached);
    cJSON_AddBoolToObject(modem, "data", net_has_data(sim));
    cJSON_AddNumberToObject(modem, "cfun", sim->modem.cfun);
    cJSON_AddStringToObject(modem, "apn", modem_apn(sim));
    cJSON_AddNumberToObject(modem, "cops_mode", sim->modem.cops_mode);
    cJSON_AddBoolToObject(modem, "echo", sim->modem.echo);
    cJSON_AddBoolToObject(modem, "busy", sim->modem.busy);
    return modem;
}

static json *cmd_state(struct sim *sim, const json *command)
{
    json *answer = ok(), *port = cJSON_CreateObject(), *bearer = cJSON_CreateObject();

    (void)command;
    cJSON_AddItemToObject(answer, "card", card_state(sim));
    cJSON_AddItemToObject(answer, "modem", modem_state(sim));
    cJSON_AddStringToObject(port, "link", sim->pty.link);
    cJSON_AddStringToObject(port, "target", sim->pty.master >= 0 ? sim->pty.slave : "");
    cJSON_AddBoolToObject(port, "open", sim->pty.master >= 0 && !sim->pty.alone);
    cJSON_AddItemToObject(answer, "port", port);
    cJSON_AddNumberToObject(bearer, "connections", (double)bearer_count(sim));
    cJSON_AddItemToObject(answer, "bearer", bearer);
    return answer;
}

static json *cmd_log(struct sim *sim, const json *command)
{
    const json *since = cJSON_GetObjectItemCaseSensitive(command, "since");
    json *answer = ok();

    cJSON_AddItemToObject(answer, "log",
                          record_log_json(&sim->record, since ? (int64_t)since->valuedouble : 0));
    return answer;
}

static json *cmd_counters(struct sim *sim, const json *command)
{
    json *answer = ok();

    (void)command;
    cJSON_AddItemToObject(answer, "counters", record_counters_json(&sim->record));
    return answer;
}

static json *cmd_reset_counters(struct sim *sim, const json *command)
{
    (void)command;
    record_reset_counters(&sim->record);
    return ok();
}

static json *cmd_switch(struct sim *sim, const json *command)
{
    const char *iccid = text_of(command, "iccid");
    int i = iccid ? card_find_iccid(&sim->scn.card, iccid) : -1;

    if (i < 0)
        return error_answer("iccid: no such profile");
    card_enable(&sim->card, i);
    record_count(&sim->record, "switch");
    if (sim->scn.modem.refresh != REFRESH_IGNORED)
        modem_refresh(sim);
    return ok();
}

static json *cmd_vanish(struct sim *sim, const json *command)
{
    const json *ms = cJSON_GetObjectItemCaseSensitive(command, "ms");

    pty_vanish(sim, cJSON_IsNumber(ms) ? (int64_t)ms->valuedouble : -1);
    return ok();
}

static json *cmd_return(struct sim *sim, const json *command)
{
    (void)command;
    pty_return(sim);
    return ok();
}

static json *cmd_urc(struct sim *sim, const json *command)
{
    const char *text = text_of(command, "text");

    if (!text)
        return error_answer("text is needed");
    modem_urc(sim, text);
    return ok();
}

static json *cmd_raw(struct sim *sim, const json *command)
{
    const char *hex = text_of(command, "hex");
    size_t n = hex ? strlen(hex) : 0;
    uint8_t *data = must_alloc(malloc(n / 2 + 1));
    int len = hex ? hex_decode(hex, n, data, n / 2) : -1;

    if (len >= 0)
        modem_raw(sim, data, (size_t)len);
    free(data);
    return len < 0 ? error_answer("hex is wanted") : ok();
}

static json *cmd_reboot(struct sim *sim, const json *command)
{
    (void)command;
    modem_reboot(sim);
    return ok();
}

static json *cmd_quit(struct sim *sim, const json *command)
{
    (void)command;
    sim->quit = true;
    return ok();
}

static const struct {
    const char *name;
    json *(*run)(struct sim *sim, const json *command);
    const char *example, *help;
} commands[] = {
    // clang-format off
    { "set", cmd_set, "{\"cmd\":\"set\",\"path\":\"card.profiles.1.network.registration\",\"value\":\"denied\"}", "any key of the scenario, live" },
    { "fault", cmd_fault, "{\"cmd\":\"fault\",\"where\":\"card\",\"match\":\"enable\",\"sw\":\"6F00\",\"take_effect\":true}", "adds a fault; where: card or modem" },
    { "clear-faults", cmd_clear_faults, "{\"cmd\":\"clear-faults\"}", "no faults any more, the scenario's own included" },
    { "state", cmd_state, "{\"cmd\":\"state\"}", "the card's truth, the modem's view, the port, the bearer" },
    { "log", cmd_log, "{\"cmd\":\"log\",\"since\":0}", "what it was asked, entries with n over since" },
    { "counters", cmd_counters, "{\"cmd\":\"counters\"}", "how often each thing happened" },
    { "reset-counters", cmd_reset_counters, "{\"cmd\":\"reset-counters\"}", "all to 0; the log stays" },
    { "switch", cmd_switch, "{\"cmd\":\"switch\",\"iccid\":\"8949001312170061988\"}", "the SM-SR enables a profile behind the agent's back" },
    { "vanish", cmd_vanish, "{\"cmd\":\"vanish\",\"ms\":2000}", "the port goes away; ms null: until return" },
    { "return", cmd_return, "{\"cmd\":\"return\"}", "it comes back now" },
    { "urc", cmd_urc, "{\"cmd\":\"urc\",\"text\":\"+QUSIM: 1\"}", "an unsolicited line" },
    { "raw", cmd_raw, "{\"cmd\":\"raw\",\"hex\":\"0D0AFF\"}", "bytes to the agent" },
    { "reboot", cmd_reboot, "{\"cmd\":\"reboot\"}", "the modem starts over" },
    { "quit", cmd_quit, "{\"cmd\":\"quit\"}", "the simulator ends" },
}; // clang-format on

void control_help(FILE *out)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(out, "  %-16s %s\n                   %s\n", commands[i].name, commands[i].help,
                commands[i].example);
    fprintf(out, "  %-16s %s\n                   %s\n", "wait",
            "answers when all of it is true (op and count, enabled, iccid, registration, data, "
            "open), or fails after timeout_ms",
            "{\"cmd\":\"wait\",\"until\":{\"op\":\"enable\",\"count\":1},\"timeout_ms\":5000}");
}

static bool text_is(const json *item, const char *text)
{
    return !item || (cJSON_IsString(item) && !strcmp(item->valuestring, text));
}

static bool bool_is(const json *item, bool value)
{
    return !item || cJSON_IsTrue(item) == value;
}

static bool has_come_true(const struct sim *sim, const json *until)
{
    const char *op = text_of(until, "op");
    const json *count = cJSON_GetObjectItemCaseSensitive(until, "count");
    const struct profile_scn *p = card_profile(&sim->card);

    if (op && record_counted(&sim->record, op) < (count ? count->valueint : 1))
        return false;
    return text_is(cJSON_GetObjectItemCaseSensitive(until, "enabled"), p ? p->iccid : "") &&
           text_is(cJSON_GetObjectItemCaseSensitive(until, "iccid"), sim->modem.iccid) &&
           text_is(cJSON_GetObjectItemCaseSensitive(until, "registration"),
                   registration_name(sim->net.stat)) &&
           bool_is(cJSON_GetObjectItemCaseSensitive(until, "data"), net_has_data(sim)) &&
           bool_is(cJSON_GetObjectItemCaseSensitive(until, "open"),
                   sim->pty.master >= 0 && !sim->pty.alone);
}

static void wait_ended(struct control_client *c, int index, json *answer)
{
    timer_cancel(wait_timed_out, index);
    cJSON_Delete(c->until);
    c->until = NULL;
    reply(c, answer);
}

static void wait_timed_out(struct sim *sim, int arg)
{
    wait_ended(&sim->control.clients[arg], arg, error_answer("timeout"));
}

void control_check_waits(struct sim *sim)
{
    for (int i = 0; i < MAX_CLIENTS; i++) {
        struct control_client *c = &sim->control.clients[i];

        if (c->fd >= 0 && c->until && has_come_true(sim, c->until))
            wait_ended(c, i, ok());
    }
}

static const char *const wait_keys[] = { "op",           "count", "enabled", "iccid",
                                         "registration", "data",  "open" };

static bool wait_key_known(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(wait_keys); i++)
        if (!strcmp(wait_keys[i], name))
            return true;
    return false;
}

static void cmd_wait(struct sim *sim, struct control_client *c, int index, const json *command)
{
    const json *until = cJSON_GetObjectItemCaseSensitive(command, "until"), *item;
    const json *ms = cJSON_GetObjectItemCaseSensitive(command, "timeout_ms");

    if (!cJSON_IsObject(until)) {
        reply(c, error_answer("until is needed"));
        return;
    }
    cJSON_ArrayForEach (item, until) {
        if (!wait_key_known(item->string)) {
            reply(c, error_answer("until: unknown key"));
            return;
        }
    }
    c->until = cJSON_Duplicate(until, true);
    timer_set(wait_timed_out, index, cJSON_IsNumber(ms) ? (int64_t)ms->valuedouble : 30000);
    control_check_waits(sim);
}

static void run_line(struct sim *sim, struct control_client *c, int index, const char *line)
{
    json *command = cJSON_Parse(line);
    const char *name = text_of(command, "cmd");
    json *answer = NULL;

    if (!name) {
        reply(c, error_answer("a JSON object with cmd is wanted"));
    } else if (!strcmp(name, "wait")) {
        cmd_wait(sim, c, index, command);
    } else {
        for (size_t i = 0; i < ARRAY_LEN(commands) && !answer; i++)
            if (!strcmp(commands[i].name, name))
                answer = commands[i].run(sim, command);
        reply(c, answer ? answer : error_answer("unknown command"));
        control_check_waits(sim);
    }
    cJSON_Delete(command);
}

static void client_read(struct sim *sim, struct control_client *c, int index)
{
    char data[4096];
    ssize_t n = read(c->fd, data, sizeof(data));
    char *end;

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0 || c->in.len > 1000000) {
        client_close(c, index);
        return;
    }
    buf_add(&c->in, data, (size_t)n);
    while (c->fd >= 0 && c->in.len && (end = memchr(c->in.data, '\n', c->in.len))) {
        *end = 0;
        run_line(sim, c, index, c->in.data);
        buf_drop(&c->in, strlen(c->in.data) + 1);
    }
}

static void accept_client(struct control *k)
{
    int fd = accept(k->fd, NULL, NULL);

    if (fd < 0)
        return;
    for (int i = 0; i < MAX_CLIENTS; i++) {
        if (k->clients[i].fd < 0) {
            fcntl(fd, F_SETFL, O_NONBLOCK);
            fcntl(fd, F_SETFD, FD_CLOEXEC);
            k->clients[i].fd = fd;
            return;
        }
    }
    close(fd);
}

size_t control_poll(struct sim *sim, struct pollfd *fds, size_t max)
{
    struct control *k = &sim->control;
    size_t n = 0;

    if (k->fd >= 0 && n < max)
        fds[n++] = (struct pollfd){ .fd = k->fd, .events = POLLIN };
    for (int i = 0; i < MAX_CLIENTS && n < max; i++)
        if (k->clients[i].fd >= 0)
            fds[n++] =
                (struct pollfd){ .fd = k->clients[i].fd,
                                 .events = k->clients[i].out.len ? POLLIN | POLLOUT : POLLIN };
    return n;
}

void control_ready(struct sim *sim, const struct pollfd *fds, size_t count)
{
    struct control *k = &sim->control;

    for (size_t j = 0; j < count; j++) {
        if (!fds[j].revents)
            continue;
        if (fds[j].fd == k->fd) {
            accept_client(k);
            continue;
        }
        for (int i = 0; i < MAX_CLIENTS; i++) {
            if (k->clients[i].fd != fds[j].fd)
                continue;
            if (fds[j].revents & POLLOUT)
                flush(&k->clients[i]);
            if (fds[j].revents & (POLLIN | POLLHUP | POLLERR))
                client_read(sim, &k->clients[i], i);
            break;
        }
    }
}
