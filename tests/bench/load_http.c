/* A load of HTTP requests, over TCP or a unix socket, cheap enough for two processors: N connections
 * that are kept, one GET under way on each, for a time.
 *
 *   load_http ADDRESS PATH CONNECTIONS MS
 *
 * ADDRESS: a port of 127.0.0.1, or the path of a unix socket. Prints one line of JSON: how many answers
 * came, how many of them were no 200, how many connections broke, in which time, and how long an answer
 * took (in microseconds). */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 1024, ANSWER_MAX = 64 * 1024, TIMES_MAX = 8 * 1024 * 1024, EVENTS = 64 };

struct client {
    int fd;
    int64_t asked_us;
    size_t len;
    char answer[ANSWER_MAX];
};

static struct load {
    const char *address;
    char request[512];
    size_t request_len;
    int epoll_fd;
    unsigned long answers, refused, broken;
    uint32_t *times_us;
} load;

static int64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return 1000000 * (int64_t)now.tv_sec + now.tv_nsec / 1000;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void dial(struct client *client)
{
    struct sockaddr_in tcp = { .sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                               .sin_port = htons((uint16_t)atoi(load.address)) };
    struct sockaddr_un local = { .sun_family = AF_UNIX };
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };
    const int is_unix = strchr(load.address, '/') != NULL, on = 1;

    client->fd = socket(is_unix ? AF_UNIX : AF_INET, SOCK_STREAM, 0);
    (void)snprintf(local.sun_path, sizeof local.sun_path, "%s", load.address);
    if (client->fd < 0 ||
        (is_unix ? connect(client->fd, (const struct sockaddr *)&local, sizeof local)
                 : connect(client->fd, (const struct sockaddr *)&tcp, sizeof tcp)) != 0)
        fail(load.address);
    if (!is_unix)
        (void)setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)fcntl(client->fd, F_SETFL, O_NONBLOCK);
    if (epoll_ctl(load.epoll_fd, EPOLL_CTL_ADD, client->fd, &event) != 0)
        fail("epoll_ctl");
}

static void ask(struct client *client)
{
    client->len = 0;
    client->asked_us = now_us();
    /* One request is under way at most: it always fits. */
    if (send(client->fd, load.request, load.request_len, MSG_NOSIGNAL) != (ssize_t)load.request_len)
        load.broken++;
}

/* The length of the answer that begins the text; 0: it is not all there. */
static size_t whole(const char *text, size_t len)
{
    const char *body = strstr(text, "\r\n\r\n"), *length = strstr(text, "\r\nContent-Length: ");
    size_t all;

    if (!body || !length || length > body)
        return 0;
    all = (size_t)(body + 4 - text) + strtoul(length + 18, NULL, 10);
    return all <= len ? all : 0;
}

static void hear(struct client *client)
{
    ssize_t n = recv(client->fd, client->answer + client->len, ANSWER_MAX - 1 - client->len, 0);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        load.broken++;
        (void)close(client->fd);
        dial(client);
        ask(client);
        return;
    }
    client->len += (size_t)n;
    client->answer[client->len] = '\0';
    if (whole(client->answer, client->len) == 0)
        return;
    if (strncmp(client->answer, "HTTP/1.1 200 ", 13) != 0)
        load.refused++;
    if (load.answers < TIMES_MAX)
        load.times_us[load.answers] = (uint32_t)(now_us() - client->asked_us);
    load.answers++;
    ask(client);
}

static int by_size(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static void tell(int64_t us)
{
    size_t n = load.answers < TIMES_MAX ? load.answers : TIMES_MAX;

    if (n == 0)
        fail("no answer");
    qsort(load.times_us, n, sizeof *load.times_us, by_size);
    (void)printf("{\"answers\":%lu,\"refused\":%lu,\"broken\":%lu,\"us\":%lld,"
                 "\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u}\n",
                 load.answers, load.refused, load.broken, (long long)us, load.times_us[n / 2],
                 load.times_us[n - 1 - n / 100], load.times_us[n - 1]);
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    struct client *clients;
    int64_t begun_us, end_us;
    int count = argc == 5 ? atoi(argv[3]) : 0;

    if (count < 1 || count > CONNECTIONS_MAX) {
        (void)fputs("usage: load_http ADDRESS PATH CONNECTIONS MS\n", stderr);
        return 2;
    }
    load.address = argv[1];
    load.request_len = (size_t)snprintf(load.request, sizeof load.request,
                                        "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", argv[2]);
    load.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    load.times_us = calloc(TIMES_MAX, sizeof *load.times_us);
    clients = calloc((size_t)count, sizeof *clients);
    if (load.epoll_fd < 0 || !load.times_us || !clients)
        fail("no memory");
    for (int i = 0; i < count; i++)
        dial(&clients[i]);
    begun_us = now_us();
    end_us = begun_us + 1000 * atoll(argv[4]);
    for (int i = 0; i < count; i++)
        ask(&clients[i]);
    while (now_us() < end_us)
        for (int i = 0, n = epoll_wait(load.epoll_fd, events, EVENTS, 100); i < n; i++)
            hear(events[i].data.ptr);
    tell(now_us() - begun_us);
    free(clients);
    free(load.times_us);
    return 0;
}
