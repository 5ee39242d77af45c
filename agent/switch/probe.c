#define _DEFAULT_SOURCE /* struct tcp_info */

#include "agent/switch/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct connection {
    int fd; /* -1: none */
    int failed;
};

struct probe {
    struct probe_options options;
    enum probe_state state;
    int64_t began_ms;
    struct connection *connections;
    struct probe_result *results;
};

struct probe_options probe_options_from(const struct config *config)
{
    return (struct probe_options){ .targets = config->probe.targets,
                                   .count = config->probe.target_count,
                                   .need = config->probe.need,
                                   .interface = config->probe.interface,
                                   .timeout_ms = 1000 * (int64_t)config->probe.timeout_s };
}

struct probe *probe_new(const struct probe_options *options)
{
    struct probe *probe = calloc(1, sizeof *probe);

    if (!probe)
        return NULL;
    probe->options = *options;
    probe->state = PROBE_FAILED;
    probe->connections = calloc(options->count + 1, sizeof *probe->connections);
    probe->results = calloc(options->count + 1, sizeof *probe->results);
    if (!probe->connections || !probe->results) {
        free(probe->connections);
        free(probe->results);
        free(probe);
        return NULL;
    }
    for (size_t i = 0; i < options->count; i++) {
        probe->connections[i].fd = -1;
        probe->results[i].rtt_ms = -1;
    }
    return probe;
}

/* What a server said at once and nobody read would make the end a reset. */
static void hang_up(struct connection *connection, bool connected)
{
    char bytes[512];

    if (connection->fd < 0)
        return;
    if (connected && shutdown(connection->fd, SHUT_WR) == 0)
        for (int i = 0; i < 8 && recv(connection->fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0; i++)
            ;
    (void)close(connection->fd);
    connection->fd = -1;
}

static void hang_up_all(struct probe *probe)
{
    for (size_t i = 0; i < probe->options.count; i++)
        hang_up(&probe->connections[i], probe->results[i].ok);
}

void probe_free(struct probe *probe)
{
    if (!probe)
        return;
    hang_up_all(probe);
    free(probe->connections);
    free(probe->results);
    free(probe);
}

static socklen_t address_of(const struct config_target *target, struct sockaddr_storage *ret)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

    memset(ret, 0, sizeof *ret);
    if (inet_pton(AF_INET, target->address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)target->port);
        return sizeof *v4;
    }
    if (inet_pton(AF_INET6, target->address, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)target->port);
        return sizeof *v6;
    }
    return 0;
}

/* 0, or what it failed with. `*fd` is open in both cases where there is one. */
static int dial(const struct config_target *target, const char *interface, int *fd)
{
    struct sockaddr_storage address;
    socklen_t len = address_of(target, &address);

    if (len == 0)
        return EAFNOSUPPORT;
    *fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (*fd < 0)
        return errno;
    if (interface &&
        setsockopt(*fd, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)strlen(interface)) != 0)
        return errno;
    if (connect(*fd, (const struct sockaddr *)&address, len) != 0 && errno != EINPROGRESS)
        return errno;
    return 0;
}

static void fail(struct probe *probe, size_t i, int failed)
{
    probe->connections[i].failed = failed;
    probe->results[i].failed = true;
    hang_up(&probe->connections[i], false);
}

/* The kernel knows better how long the handshake took than whoever looks now and then. */
static int64_t round_trip(int fd, int64_t elapsed_ms)
{
    struct tcp_info info = { 0 };
    socklen_t size = sizeof info;

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || info.tcpi_rtt == 0)
        return elapsed_ms;
    int64_t rtt_ms = (info.tcpi_rtt + 500) / 1000;
    return rtt_ms < elapsed_ms ? rtt_ms : elapsed_ms;
}

static void look_at(struct probe *probe, size_t i, int64_t now_ms)
{
    struct pollfd pollfd = { .fd = probe->connections[i].fd, .events = POLLOUT };
    int failed = 0;
    socklen_t size = sizeof failed;

    if (pollfd.fd < 0 || probe->results[i].ok || poll(&pollfd, 1, 0) <= 0)
        return;
    if (getsockopt(pollfd.fd, SOL_SOCKET, SO_ERROR, &failed, &size) != 0)
        failed = errno;
    if (failed) {
        fail(probe, i, failed);
        return;
    }
    probe->results[i].ok = true;
    probe->results[i].rtt_ms = round_trip(pollfd.fd, now_ms - probe->began_ms);
}

/* Where one can be made out of what is known. */
static void decide(struct probe *probe)
{
    size_t need = probe->options.need > 0 ? (size_t)probe->options.need : 1;
    size_t ok = 0, failed = 0;

    for (size_t i = 0; i < probe->options.count; i++) {
        ok += probe->results[i].ok;
        failed += probe->results[i].failed;
    }
    if (probe->options.all && ok + failed < probe->options.count)
        return;
    if (ok >= need)
        probe->state = PROBE_REACHED;
    else if (probe->options.count - failed < need)
        probe->state = PROBE_FAILED;
    if (probe->state != PROBE_RUNNING)
        hang_up_all(probe);
}

void probe_begin(struct probe *probe, int64_t now_ms)
{
    hang_up_all(probe);
    probe->state = PROBE_RUNNING;
    probe->began_ms = now_ms;
    for (size_t i = 0; i < probe->options.count; i++) {
        probe->results[i] = (struct probe_result){ .rtt_ms = -1 };
        probe->connections[i].failed = 0;
        int failed =
            dial(&probe->options.targets[i], probe->options.interface, &probe->connections[i].fd);
        if (failed)
            fail(probe, i, failed);
    }
    decide(probe);
}

void probe_abandon(struct probe *probe)
{
    hang_up_all(probe);
    probe->state = PROBE_FAILED;
}

enum probe_state probe_look(struct probe *probe, int64_t now_ms)
{
    if (probe->state != PROBE_RUNNING)
        return probe->state;
    for (size_t i = 0; i < probe->options.count; i++)
        look_at(probe, i, now_ms);
    decide(probe);
    if (probe->state != PROBE_RUNNING || now_ms - probe->began_ms < probe->options.timeout_ms)
        return probe->state;
    for (size_t i = 0; i < probe->options.count; i++)
        if (!probe->results[i].ok && !probe->results[i].failed)
            fail(probe, i, ETIMEDOUT);
    decide(probe);
    return probe->state;
}

const struct probe_result *probe_results(const struct probe *probe)
{
    return probe->results;
}

struct error probe_error(const struct probe *probe)
{
    if (probe->state != PROBE_FAILED)
        return ERROR_OK;
    for (size_t i = 0; i < probe->options.count; i++)
        if (probe->results[i].failed)
            return error_make(ERROR_IN_SYSTEM, ERROR_UNREACHABLE, probe->connections[i].failed,
                              "%s is not reached: %s", probe->options.targets[i].text,
                              strerror(probe->connections[i].failed));
    return error_make(ERROR_IN_AGENT, ERROR_UNREACHABLE, 0,
                      "fewer addresses than have to be reached");
}
