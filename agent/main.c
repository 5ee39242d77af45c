#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/log.h"
#include "agent/operation/journal.h"
#include "agent/operation/operations.h"
#include "agent/state/broker.h"
#include "agent/state/bus.h"
#include "agent/state/reads.h"
#include "agent/state/samples.h"
#include "agent/state/snapshot.h"
#include "agent/worker/worker.h"
#include "api/api.h"
#include "config/config.h"
#include "config/config_pending.h"
#include "mqtt/mqtt.h"

/* Wiring: reads the configuration, puts the rooms together, waits for a signal, takes them apart. */

extern char **environ;

enum { EXIT_CONFIGURATION = 78 /* EX_CONFIG of sysexits.h */ };

static char default_config[] = "/etc/lpm-agent/config.json";

static const char usage[] =
    "Usage: lpm-agent [--config FILE] [--check-config]\n"
    "\n"
    "Keeps a gateway on an eSIM profile that works: reads the card, switches profiles,\n"
    "answers on a unix socket (REST) and on MQTT.\n"
    "\n"
    "  -c, --config FILE   the configuration (default /etc/lpm-agent/config.json)\n"
    "      --check-config  check it, print what would be in force, and end;\n"
    "                      what has no effect yet is told on standard error\n"
    "      --version       print the version and end\n"
    "  -h, --help          print this and end\n"
    "\n"
    "SIGHUP reads the configuration again (log, telemetry, probe, limits of switches).\n"
    "SIGTERM and SIGINT stop it, within 10 s. Exit status: 0 stopped, 1 could not start,\n"
    "2 wrong option, 78 wrong configuration.\n";

struct arguments {
    char *config;
    bool check;
};

struct agent {
    struct config *config;
    struct bus *bus;
    struct state *state;
    struct reads *reads;
    struct samples *samples;
    struct broker *broker;
    struct journal *journal;
    struct operations *operations;
    struct worker *worker;
    struct api *api;
    struct mqtt *mqtt; /* NULL without mqtt.uri */
};

/* Returns -1 to go on, else the exit status. */
static int parse_arguments(int argc, char **argv, struct arguments *ret)
{
    enum { CHECK = 256, VERSION };
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' },
        { "check-config", no_argument, NULL, CHECK },
        { "version", no_argument, NULL, VERSION },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };

    for (int option; (option = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
        switch (option) {
        case 'c':
            ret->config = optarg;
            break;
        case CHECK:
            ret->check = true;
            break;
        case VERSION:
            puts("lpm-agent " LPM_VERSION);
            return 0;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            fputs("Try lpm-agent --help\n", stderr);
            return 2;
        }
    }
    if (optind == argc)
        return -1;
    fprintf(stderr, "lpm-agent: unexpected argument '%s'\nTry lpm-agent --help\n", argv[optind]);
    return 2;
}

static void print_problem(const char *path, const struct config_problem *problem)
{
    fprintf(stderr, "lpm-agent: %s: %s%s%s\n", path, problem->path, problem->path[0] ? ": " : "",
            problem->message);
}

static void log_problem(const char *path, const struct config_problem *problem)
{
    log_err("configuration is wrong, going on with the one before", LOG_STR("path", path),
            LOG_STR("key", problem->path[0] ? problem->path : NULL),
            LOG_STR("why", problem->message));
}

static struct config *
load_config(const char *path, void (*tell)(const char *path, const struct config_problem *problem))
{
    struct config *config = NULL;
    struct config_problems problems = { 0 };
    bool loaded = config_load(path, environ, &config, &problems);

    for (size_t i = 0; !loaded && i < problems.count; i++)
        tell(path, &problems.items[i]);
    config_problems_done(&problems);
    return loaded ? config : NULL;
}

static void print_pending(const char *key, const char *instead, void *path)
{
    fprintf(stderr, "lpm-agent: %s: %s: has no effect in this version: %s\n", (const char *)path,
            key, instead);
}

static void log_pending(const char *key, const char *instead, void *arg)
{
    (void)arg;
    log_warning("key has no effect in this version", LOG_STR("key", key),
                LOG_STR("instead", instead));
}

static int check_config(char *path)
{
    struct config *config = load_config(path, print_problem);
    char *text = config ? config_to_text(config) : NULL;
    int status = text ? 0 : EXIT_CONFIGURATION;

    if (text) {
        puts(text);
        config_pending_each(config, print_pending, path);
    }
    free(text);
    config_free(config);
    return status;
}

/* Blocked in every thread, so that they arrive at the descriptor alone. */
static int take_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    /* A peer that goes away while we write is an error of that write, not the end of us. */
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC);
}

/* One level, as a bare system lacks it. It keeps what a restart must not forget; reads go on without. */
static void prepare_state_dir(const char *path)
{
    int wrong = mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : errno;
    int fd = wrong ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (!wrong && (fd < 0 || faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) != 0))
        wrong = errno;
    if (fd >= 0)
        (void)close(fd);
    if (wrong)
        log_warning("folder cannot be made or written, refusing switches until it can",
                    LOG_STR("key", "state_dir"), LOG_STR("path", path),
                    LOG_STR("error", strerror(wrong)));
}

static bool build_doors(struct agent *agent)
{
    const struct api_parts api = { .config = agent->config,
                                   .state = agent->state,
                                   .operations = agent->operations,
                                   .journal = agent->journal,
                                   .broker = agent->broker,
                                   .bus = agent->bus,
                                   .reads = agent->reads,
                                   .samples = agent->samples };
    const struct mqtt_parts mqtt = { .config = agent->config,
                                     .state = agent->state,
                                     .operations = agent->operations,
                                     .journal = agent->journal,
                                     .broker = agent->broker,
                                     .bus = agent->bus,
                                     .reads = agent->reads,
                                     .samples = agent->samples };

    agent->api = api_new(&api);
    if (agent->config->mqtt.uri)
        agent->mqtt = mqtt_new(&mqtt);
    return agent->api && (agent->mqtt || !agent->config->mqtt.uri);
}

static bool build_worker(struct agent *agent)
{
    const struct worker_parts parts = { .config = agent->config,
                                        .state = agent->state,
                                        .reads = agent->reads,
                                        .operations = agent->operations,
                                        .journal = agent->journal,
                                        .broker = agent->broker,
                                        .bus = agent->bus,
                                        .samples = agent->samples };

    agent->worker = worker_new(&parts);
    return agent->worker != NULL;
}

/* False: memory or descriptors are out. */
static bool build(struct agent *agent)
{
    agent->bus = bus_new();
    agent->state = state_new();
    agent->reads = reads_new();
    agent->samples = samples_new();
    agent->broker = broker_new();
    agent->journal = journal_new(agent->config->state_dir);
    if (!agent->bus || !agent->state || !agent->reads || !agent->samples || !agent->broker ||
        !agent->journal)
        return false;
    agent->operations = operations_new(agent->bus, agent->state, agent->journal);
    return agent->operations && build_worker(agent) && build_doors(agent);
}

/* The doors first: a client that comes at once is told that the modem is not ready yet. */
static struct error start(struct agent *agent)
{
    struct error e = api_start(agent->api);

    if (!e.code && agent->mqtt)
        e = mqtt_start(agent->mqtt);
    if (!e.code)
        e = worker_start(agent->worker);
    return e;
}

static void destroy(struct agent *agent)
{
    mqtt_free(agent->mqtt);
    api_free(agent->api);
    worker_free(agent->worker);
    operations_free(agent->operations);
    journal_free(agent->journal);
    broker_free(agent->broker);
    samples_free(agent->samples);
    reads_free(agent->reads);
    state_free(agent->state);
    bus_free(agent->bus);
    config_free(agent->config);
}

/* SIGHUP: log, telemetry, probes and limits change in place; a wrong file changes nothing. */
static void reload(struct agent *agent, const char *path)
{
    struct config *config = load_config(path, log_problem);

    if (!config)
        return;
    log_set(config->log.level, config->log.format, config->log.identities);
    if (agent->mqtt)
        mqtt_reload(agent->mqtt, config);
    worker_reload(agent->worker, config);
    log_info(
        "configuration reloaded (log, telemetry, probe, limits); other keys wait for a restart",
        LOG_STR("path", path));
}

static void wait_for_stop(struct agent *agent, int signals, const char *path)
{
    for (;;) {
        struct pollfd fd = { .fd = signals, .events = POLLIN };
        struct signalfd_siginfo info;

        if (poll(&fd, 1, -1) < 0 && errno != EINTR)
            return;
        if (read(signals, &info, sizeof info) != sizeof info)
            continue;
        if (info.ssi_signo != SIGHUP)
            return;
        reload(agent, path);
    }
}

/* The worker first, so that what runs is marked; then MQTT, which tells of it and says goodbye. */
static bool stop(struct agent *agent)
{
    bool clean = true;

    log_info("stopping");
    worker_stop(agent->worker);
    if (agent->mqtt)
        clean = mqtt_stop(agent->mqtt);
    api_stop(agent->api);
    return clean;
}

static int run(struct config *config, const char *path)
{
    struct agent agent = { .config = config };
    int signals = take_signals();
    struct error e;

    prepare_state_dir(config->state_dir);
    if (signals < 0 || !build(&agent)) {
        log_err("out of memory or descriptors, cannot start");
        destroy(&agent);
        return 1;
    }
    log_info("starting", LOG_STR("version", LPM_VERSION), LOG_STR("device", config->device_id));
    config_pending_each(config, log_pending, NULL);
    e = start(&agent);
    if (e.code)
        log_err("cannot start", LOG_ERR(&e));
    else
        wait_for_stop(&agent, signals, path);
    if (!stop(&agent)) {
        /* A name look-up hangs inside the MQTT library, and holds what would have to be freed. */
        log_warning("MQTT library does not come back, leaving without it");
        _exit(e.code ? 1 : 0);
    }
    destroy(&agent);
    close(signals);
    log_info("stopped");
    return e.code ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct arguments arguments = { .config = default_config };
    int status = parse_arguments(argc, argv, &arguments);
    struct config *config;

    if (status >= 0)
        return status;
    if (arguments.check)
        return check_config(arguments.config);
    config = load_config(arguments.config, print_problem);
    if (!config)
        return EXIT_CONFIGURATION;
    log_set(config->log.level, config->log.format, config->log.identities);
    return run(config, arguments.config);
}
