#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "send.h"
#include "sim.h"

/* lpm-sim: a modem with an OmniSIM and a network behind it, on a pseudo-terminal. */

static int stop_pipe[2];

static void on_signal(int number)
{
    int saved = errno;
    ssize_t ignored = write(stop_pipe[1], "", 1);

    (void)number;
    (void)ignored; /* full: a stop is asked for already */
    errno = saved;
}

static void catch_signals(void)
{
    struct sigaction a = { .sa_handler = on_signal };

    if (pipe(stop_pipe))
        die("pipe: %s", strerror(errno));
    for (int i = 0; i < 2; i++) {
        fcntl(stop_pipe[i], F_SETFL, O_NONBLOCK);
        fcntl(stop_pipe[i], F_SETFD, FD_CLOEXEC);
    }
    sigaction(SIGTERM, &a, NULL);
    sigaction(SIGINT, &a, NULL);
    a.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &a, NULL);
}

static bool flags_changed(const struct card_scn *a, const struct card_scn *b)
{
    if (a->profile_count != b->profile_count)
        return true;
    for (size_t i = 0; i < a->profile_count; i++)
        if (a->profiles[i].enabled != b->profiles[i].enabled)
            return true;
    return false;
}

/* What the running parts took from the scenario at the start, they take again where it changed. */
static void apply(struct sim *sim, const struct scenario *old)
{
    const struct scenario *now = &sim->scn;

    if (flags_changed(&old->card, &now->card)) {
        card_load(&sim->card);
        modem_load_faults(sim);
    }
    if (memcmp(old->card.faults, now->card.faults, sizeof(old->card.faults)) != 0) {
        memcpy(sim->card.faults, now->card.faults, sizeof(now->card.faults));
        sim->card.fault_count = now->card.fault_count;
    }
    if (memcmp(old->modem.faults, now->modem.faults, sizeof(old->modem.faults)) != 0)
        modem_load_faults(sim);
    if (old->card.busy_count != now->card.busy_count)
        sim->card.busy_count = now->card.busy_count;
    if (old->modem.cops_mode != now->modem.cops_mode)
        sim->modem.cops_mode = now->modem.cops_mode;
    if (old->modem.echo != now->modem.echo)
        sim->modem.echo = now->modem.echo;
    if (old->modem.cfun != now->modem.cfun)
        modem_set_cfun(sim, now->modem.cfun);
    if (strcmp(old->modem.apn, now->modem.apn) != 0)
        text_copy(sim->modem.contexts[1].apn, sizeof(sim->modem.contexts[1].apn), now->modem.apn);
    if (old->card.present != now->card.present)
        modem_refresh(sim);
    modem_review(sim);
    net_review(sim);
}

bool sim_set(struct sim *sim, const char *path, cJSON *value, char *error)
{
    struct scenario *old = must_alloc(malloc(sizeof(*old)));

    *old = sim->scn;
    if (!scenario_set(&sim->tree, path, value, error) ||
        !scenario_decode(sim->tree, &sim->scn, error)) {
        free(old);
        return false;
    }
    apply(sim, old);
    free(old);
    return true;
}

/* NULL and errno: it cannot be read. */
static char *read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct buf b = { 0 };
    char data[4096];
    size_t n;

    if (!f)
        return NULL;
    while ((n = fread(data, 1, sizeof(data), f)) > 0)
        buf_add(&b, data, n);
    fclose(f);
    buf_add(&b, "", 0);
    return b.data;
}

/* A wrong one is told, and the guide's card taken, so that what is wrong with --set is told as well. */
static bool load_scenario(struct sim *sim, const char *path)
{
    char error[SCENARIO_ERROR] = "", *text = path ? read_file(path) : NULL;
    bool good = !path || text;

    if (!good)
        fprintf(stderr, "lpm-sim: %s: %s\n", path, strerror(errno));
    sim->tree = scenario_parse(text, error);
    free(text);
    if (sim->tree && scenario_decode(sim->tree, &sim->scn, error))
        return good;
    fprintf(stderr, "lpm-sim: %s: %s\n", path ? path : "scenario", error);
    cJSON_Delete(sim->tree);
    sim->tree = scenario_parse(NULL, error);
    if (!sim->tree || !scenario_decode(sim->tree, &sim->scn, error))
        die("scenario: %s", error);
    return false;
}

/* --set 'path=JSON' */
static bool set_from_option(struct sim *sim, const char *option)
{
    const char *equals = strchr(option, '=');
    char error[SCENARIO_ERROR] = "", path[256];
    cJSON *value = equals ? cJSON_ParseWithOpts(equals + 1, NULL, true) : NULL;

    if (!value || (size_t)(equals - option) >= sizeof(path)) {
        cJSON_Delete(value);
        fprintf(stderr, "lpm-sim: --set %s: path=JSON is wanted\n", option);
        return false;
    }
    memcpy(path, option, (size_t)(equals - option));
    path[equals - option] = 0;
    if (scenario_set(&sim->tree, path, value, error) &&
        scenario_decode(sim->tree, &sim->scn, error))
        return true;
    fprintf(stderr, "lpm-sim: --set %s\n", error);
    return false;
}

static void help(void)
{
    puts(
        "lpm-sim [options]: a modem with an OmniSIM and a network, on a pseudo-terminal\n"
        "lpm-sim --control SOCKET --send JSON: a command to one that runs\n"
        "\n"
        "  --scenario FILE    the scenario (JSON); without it, the card of the vendor's guide\n"
        "  --link PATH        the port: a symbolic link to the pseudo-terminal (needed)\n"
        "  --terminals DIR    makes it in this devpts, which is mounted with ptmxmode=0666\n"
        "  --control SOCKET   a unix socket that takes commands\n"
        "  --bearer A:P=B:Q   listens on A:P and relays to B:Q while the profile in use has\n"
        "                     data service; IPv4; may be given more than once\n"
        "  --set 'path=JSON'  a key of the scenario, over the file's; may be given more than once\n"
        "  --trace FILE       writes what goes over the port\n"
        "  --send JSON        sends the command to the simulator of --control, prints the\n"
        "                     answer and ends: 0 if it was ok, else 1\n"
        "  --help             this\n"
        "\n"
        "When it is ready it prints \"ready link=… control=…\". SIGTERM and SIGINT end it.\n"
        "\n"
        "Keys of a scenario, all optional unless they say \"needed\" [default]:");
    scenario_help(stdout);
    puts("\nCommands on the control socket, one JSON object a line; the answer is one line with\n"
         "\"ok\": true, or \"ok\": false and \"error\":");
    control_help(stdout);
}

struct options {
    const char *scenario, *link, *terminals, *control, *trace, *send;
    const char *bearers[MAX_RELAYS], *sets[64];
    size_t bearer_count, set_count;
};

static struct options parse_options(int argc, char **argv)
{
    static const struct option longs[] = {
        { "scenario", required_argument, NULL, 's' },
        { "link", required_argument, NULL, 'l' },
        { "terminals", required_argument, NULL, 'p' },
        { "control", required_argument, NULL, 'c' },
        { "bearer", required_argument, NULL, 'b' },
        { "trace", required_argument, NULL, 't' },
        { "set", required_argument, NULL, 'S' },
        { "send", required_argument, NULL, 'x' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    struct options o = { .terminals = "" };
    int opt;

    while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (opt == 's') {
            o.scenario = optarg;
        } else if (opt == 'l') {
            o.link = optarg;
        } else if (opt == 'p') {
            o.terminals = optarg;
        } else if (opt == 'c') {
            o.control = optarg;
        } else if (opt == 't') {
            o.trace = optarg;
        } else if (opt == 'x') {
            o.send = optarg;
        } else if (opt == 'b' && o.bearer_count < MAX_RELAYS) {
            o.bearers[o.bearer_count++] = optarg;
        } else if (opt == 'S' && o.set_count < ARRAY_LEN(o.sets)) {
            o.sets[o.set_count++] = optarg;
        } else if (opt == 'h') {
            help();
            exit(0);
        } else {
            fputs("lpm-sim: see --help\n", stderr);
            exit(2);
        }
    }
    if (optind != argc) {
        fprintf(stderr, "lpm-sim: unexpected argument '%s'; see --help\n", argv[optind]);
        exit(2);
    }
    return o;
}

/* All that is wrong is told before the end. */
static void take_options(struct sim *sim, const struct options *o)
{
    bool good = load_scenario(sim, o->scenario);

    for (size_t i = 0; i < o->set_count; i++)
        good = set_from_option(sim, o->sets[i]) && good;
    if (!o->link)
        fputs("lpm-sim: --link PATH is needed; see --help\n", stderr);
    if (!o->link || !good)
        exit(good ? 2 : 1);
}

static int send_option(const struct options *o)
{
    if (o->control)
        return send_command(o->control, o->send);
    fputs("lpm-sim: --send needs --control SOCKET\n", stderr);
    return 2;
}

static int least_wait(int a, int b)
{
    return a < 0 ? b : b < 0 || a < b ? a : b;
}

enum { MAX_FDS = 2 + 1 + MAX_CLIENTS + MAX_RELAYS + 2 * MAX_CONNECTIONS };

static void loop(struct sim *sim)
{
    static struct pollfd fds[MAX_FDS];

    while (!sim->quit) {
        int wait = timers_run(sim);
        size_t pty_at = 1, control_at, bearer_at, end;

        modem_pump(sim);
        wait = least_wait(wait, modem_pump_wait(sim));
        wait = least_wait(wait, bearer_wait(sim));
        fds[0] = (struct pollfd){ .fd = stop_pipe[0], .events = POLLIN };
        control_at = pty_at + pty_poll(sim, &fds[pty_at]);
        bearer_at = control_at + control_poll(sim, &fds[control_at], MAX_FDS - control_at);
        end = bearer_at + bearer_poll(sim, &fds[bearer_at], MAX_FDS - bearer_at);
        if (poll(fds, end, wait) < 0 && errno != EINTR)
            die("poll: %s", strerror(errno));
        if (fds[0].revents)
            return;
        if (control_at > pty_at && fds[pty_at].revents)
            pty_ready(sim, fds[pty_at].revents);
        control_ready(sim, &fds[control_at], bearer_at - control_at);
        bearer_ready(sim, &fds[bearer_at], end - bearer_at);
    }
}

int main(int argc, char **argv)
{
    struct options o = parse_options(argc, argv);
    struct sim *sim;
    FILE *trace = NULL;

    if (o.send)
        return send_option(&o);
    sim = must_alloc(calloc(1, sizeof(*sim)));
    take_options(sim, &o);
    if (o.trace && !(trace = fopen(o.trace, "w")))
        die("%s: %s", o.trace, strerror(errno));
    catch_signals();
    record_init(&sim->record, trace);
    control_init(sim);
    sim->card.event = modem_card_event;
    sim->card.owner = sim;
    card_init(&sim->card, &sim->scn.card);
    pty_open(sim, o.link, o.terminals);
    for (size_t i = 0; i < o.bearer_count; i++)
        bearer_add(sim, o.bearers[i]);
    if (o.control)
        control_open(sim, o.control);
    modem_init(sim);
    printf("ready link=%s control=%s\n", o.link, o.control ? o.control : "-");
    fflush(stdout);
    loop(sim);
    bearer_close(sim);
    control_close(sim);
    pty_close(sim);
    modem_done(sim);
    card_done(&sim->card);
    record_done(&sim->record);
    cJSON_Delete(sim->tree);
    free(sim);
    return 0;
}
