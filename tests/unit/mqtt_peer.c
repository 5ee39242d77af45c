#include "tests/unit/mqtt_peer.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "tests/test.h"

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)port),
                                 .sin_addr = { htonl(INADDR_LOOPBACK) } };
}

static int listen_on(int port, int *ret_port)
{
    struct sockaddr_in at = loopback(port);
    socklen_t len = sizeof at;
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *ret_port = ntohs(at.sin_port);
    return fd;
}

static int connect_to(int port)
{
    struct sockaddr_in at = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

int peer_free_port(void)
{
    int port;

    close(listen_on(0, &port));
    return port;
}

int peer_blackhole(int *ret_port)
{
    return listen_on(0, ret_port);
}

/* --- the broker --- */

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[PEER_DIR_MAX + 32];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

/* The broker is a process: there is nothing to wait on but its port. */
static void wait_until_it_listens(const struct peer_broker *broker)
{
    const struct timespec pause = { .tv_nsec = 20000000 };

    for (int i = 0; i < PEER_WAIT_MS / 20; i++) {
        int fd = connect_to(broker->port);

        if (fd >= 0) {
            close(fd);
            return;
        }
        nanosleep(&pause, NULL);
    }
    fail_msg("mosquitto does not listen");
}

void peer_broker_again(struct peer_broker *broker)
{
    char path[PEER_DIR_MAX + 32];

    (void)snprintf(path, sizeof path, "%s/mosquitto.conf", broker->dir);
    broker->pid = fork();
    assert_true(broker->pid >= 0);
    if (broker->pid == 0) {
        /* A test that fails must not leave it behind. */
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        /* Nor may it hold open what the test closes. */
        for (int fd = STDERR_FILENO + 1; fd < FD_SETSIZE; fd++)
            close(fd);
        execl("/usr/sbin/mosquitto", "mosquitto", "-c", path, (char *)NULL);
        _exit(127);
    }
    wait_until_it_listens(broker);
}

bool peer_broker_start(struct peer_broker *broker, const char *config)
{
    char text[1024];

    if (access("/usr/sbin/mosquitto", X_OK) != 0)
        return false;
    (void)snprintf(broker->dir, sizeof broker->dir, "/tmp/mqtt-test-XXXXXX");
    assert_non_null(mkdtemp(broker->dir));
    /* Started by root, mosquitto becomes another user. */
    assert_int_equal(chmod(broker->dir, 0755), 0);
    broker->port = peer_free_port();
    (void)snprintf(text, sizeof text,
                   "listener %d 127.0.0.1\nallow_anonymous true\npersistence false\n"
                   "log_dest none\n%s\n",
                   broker->port, config);
    write_file(broker->dir, "mosquitto.conf", text);
    peer_broker_again(broker);
    return true;
}

void peer_broker_kill(struct peer_broker *broker)
{
    if (broker->pid <= 0)
        return;
    (void)kill(broker->pid, SIGKILL);
    (void)waitpid(broker->pid, NULL, 0);
    broker->pid = 0;
}

void peer_broker_done(struct peer_broker *broker)
{
    static const char *const files[] = { "mosquitto.conf", "acl", "mqtt-session" };
    char path[PEER_DIR_MAX + 32];

    peer_broker_kill(broker);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", broker->dir, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(broker->dir);
}

/* --- the client: as much of MQTT 5 as the tests need --- */

struct writer {
    size_t len;
    uint8_t bytes[16384];
};

static void put_u8(struct writer *w, unsigned value)
{
    assert_true(w->len < sizeof w->bytes);
    w->bytes[w->len++] = (uint8_t)value;
}

static void put_u16(struct writer *w, unsigned value)
{
    put_u8(w, value >> 8);
    put_u8(w, value & 0xFF);
}

static void put_bytes(struct writer *w, const void *bytes, size_t len)
{
    assert_true(w->len + len <= sizeof w->bytes);
    memcpy(w->bytes + w->len, bytes, len);
    w->len += len;
}

static void put_text(struct writer *w, const char *text)
{
    put_u16(w, (unsigned)strlen(text));
    put_bytes(w, text, strlen(text));
}

static void put_length(struct writer *w, size_t value)
{
    do {
        put_u8(w, (unsigned)(value % 128) | (value >= 128 ? 0x80 : 0));
        value /= 128;
    } while (value > 0);
}

static void send_packet(struct peer *peer, unsigned first, const struct writer *body)
{
    struct writer w = { 0 };

    put_u8(&w, first);
    put_length(&w, body->len);
    put_bytes(&w, body->bytes, body->len);
    assert_int_equal(send(peer->fd, w.bytes, w.len, MSG_NOSIGNAL), (ssize_t)w.len);
}

/* A whole packet at the front of the buffer: its length, and where its body begins. */
static bool whole_packet(const struct peer *peer, size_t *ret_len, size_t *ret_body)
{
    size_t length = 0, at = 1;
    unsigned shift = 0;

    for (; at < peer->len && at < 5; at++, shift += 7) {
        length |= (size_t)(peer->buffer[at] & 0x7F) << shift;
        if (!(peer->buffer[at] & 0x80))
            break;
    }
    if (at >= peer->len)
        return false;
    *ret_body = at + 1;
    *ret_len = *ret_body + length;
    return peer->len >= *ret_len;
}

static void drop_packet(struct peer *peer, size_t len)
{
    memmove(peer->buffer, peer->buffer + len, peer->len - len);
    peer->len -= len;
}

/* False: the deadline. */
static bool fill(struct peer *peer, int64_t deadline_ms)
{
    struct pollfd fd = { .fd = peer->fd, .events = POLLIN };
    ssize_t n;

    assert_true(peer->len < PEER_BUFFER);
    if (poll(&fd, 1, clock_poll_ms(deadline_ms)) <= 0)
        return false;
    n = recv(peer->fd, peer->buffer + peer->len, PEER_BUFFER - peer->len, 0);
    if (n <= 0)
        return false;
    peer->len += (size_t)n;
    return true;
}

static void await_packet(struct peer *peer, unsigned type)
{
    int64_t deadline_ms = clock_now_ms() + PEER_WAIT_MS;
    size_t len, body;

    while (!whole_packet(peer, &len, &body))
        if (!fill(peer, deadline_ms))
            fail_msg("no packet of type %u", type);
    assert_int_equal(peer->buffer[0] >> 4, type);
    drop_packet(peer, len);
}

void peer_connect(struct peer *peer, int port, const char *client_id)
{
    struct writer w = { 0 };

    *peer = (struct peer){ .fd = connect_to(port), .buffer = malloc(PEER_BUFFER) };
    assert_non_null(peer->buffer);
    assert_true(peer->fd >= 0);
    put_text(&w, "MQTT");
    put_u8(&w, 5);
    put_u8(&w, 0x02); /* clean start */
    put_u16(&w, 0);
    put_length(&w, 0);
    put_text(&w, client_id);
    send_packet(peer, 0x10, &w);
    await_packet(peer, 2);
}

void peer_close(struct peer *peer)
{
    if (peer->fd >= 0)
        close(peer->fd);
    free(peer->buffer);
    *peer = (struct peer){ .fd = -1 };
}

void peer_subscribe(struct peer *peer, const char *filter)
{
    struct writer w = { 0 };

    put_u16(&w, 1);
    put_length(&w, 0);
    put_text(&w, filter);
    put_u8(&w, 0x08); /* QoS 0, Retain As Published */
    send_packet(peer, 0x82, &w);
    await_packet(peer, 9);
}

void peer_publish(struct peer *peer, const struct peer_publish *what)
{
    struct writer w = { 0 }, properties = { 0 };

    if (what->expiry_s >= 0) {
        put_u8(&properties, 0x02);
        put_u16(&properties, (unsigned)(what->expiry_s >> 16));
        put_u16(&properties, (unsigned)(what->expiry_s & 0xFFFF));
    }
    if (what->response_topic) {
        put_u8(&properties, 0x08);
        put_text(&properties, what->response_topic);
    }
    if (what->correlation) {
        put_u8(&properties, 0x09);
        put_text(&properties, what->correlation);
    }
    put_text(&w, what->topic);
    put_u16(&w, 7);
    put_length(&w, properties.len);
    put_bytes(&w, properties.bytes, properties.len);
    put_bytes(&w, what->payload, strlen(what->payload));
    send_packet(peer, what->retained ? 0x33 : 0x32, &w);
}

/* Correlation Data is the one property that the tests look at; a response has no other. */
static void take_publish(const uint8_t *body, size_t len, unsigned flags, struct peer_message *ret)
{
    size_t topic_len = (size_t)body[0] << 8 | body[1];
    size_t at = 2 + topic_len;
    size_t properties_len = body[at++];

    assert_true((flags & 0x06) == 0 && properties_len < 128 && topic_len < sizeof ret->topic);
    *ret = (struct peer_message){ .retained = flags & 1 };
    memcpy(ret->topic, body + 2, topic_len);
    if (properties_len > 3 && body[at] == 0x09) {
        size_t n = (size_t)body[at + 1] << 8 | body[at + 2];

        assert_true(n < sizeof ret->correlation);
        memcpy(ret->correlation, body + at + 3, n);
    }
    at += properties_len;
    ret->len = len - at;
    assert_true(ret->len < sizeof ret->payload);
    memcpy(ret->payload, body + at, ret->len);
}

bool peer_receive(struct peer *peer, const char *topic, const char *text, int wait_ms,
                  struct peer_message *ret)
{
    int64_t deadline_ms = clock_now_ms() + wait_ms;
    size_t len, body;

    for (;;) {
        while (!whole_packet(peer, &len, &body))
            if (!fill(peer, deadline_ms))
                return false;
        if (peer->buffer[0] >> 4 != 3) {
            drop_packet(peer, len);
            continue;
        }
        take_publish(peer->buffer + body, len - body, peer->buffer[0] & 0x0F, ret);
        drop_packet(peer, len);
        print_message("  %s%s %.200s\n", ret->topic, ret->retained ? " (retained)" : "",
                      ret->payload);
        if ((!topic || strcmp(topic, ret->topic) == 0) && strstr(ret->payload, text))
            return true;
    }
}

/* --- the relay --- */

struct pair {
    int agent, broker; /* -1: free; broker -1: the first packet has not come */
};

static void close_pair(struct pair *pair)
{
    if (pair->agent >= 0)
        close(pair->agent);
    if (pair->broker >= 0)
        close(pair->broker);
    *pair = (struct pair){ -1, -1 };
}

static bool pass(int from, int to)
{
    uint8_t bytes[4096];
    ssize_t n = recv(from, bytes, sizeof bytes, 0);

    return n > 0 && send(to, bytes, (size_t)n, MSG_NOSIGNAL) == n;
}

/* CONNECT: fixed header of two or more bytes, "MQTT" with its length, the level. */
static bool wants_5(const uint8_t *packet, size_t len)
{
    for (size_t at = 2; at < 6 && at + 6 < len; at++)
        if (memcmp(packet + at, "\0\4MQTT", 6) == 0)
            return packet[at + 6] == 5;
    return false;
}

/* The first packet decides; a refusing broker answers code 1 and closes. */
static bool begin_pair(const struct peer_relay *relay, struct pair *pair, bool only_3_1_1)
{
    static const uint8_t refusal[] = { 0x20, 0x02, 0x00, 0x01 };
    uint8_t bytes[4096];
    ssize_t n = recv(pair->agent, bytes, sizeof bytes, 0);

    if (n <= 0)
        return false;
    if (only_3_1_1 && wants_5(bytes, (size_t)n)) {
        (void)send(pair->agent, refusal, sizeof refusal, MSG_NOSIGNAL);
        return false;
    }
    pair->broker = connect_to(relay->to_port);
    return pair->broker >= 0 && send(pair->broker, bytes, (size_t)n, MSG_NOSIGNAL) == n;
}

static void serve_pair(struct peer_relay *relay, struct pair *pair, const struct pollfd fds[2],
                       bool only_3_1_1)
{
    bool ok = true;

    if (pair->agent >= 0 && fds[0].revents)
        ok = pair->broker >= 0 ? pass(pair->agent, pair->broker)
                               : begin_pair(relay, pair, only_3_1_1);
    if (ok && pair->broker >= 0 && fds[1].revents)
        ok = pass(pair->broker, pair->agent);
    if (!ok)
        close_pair(pair);
}

static void accept_one(struct peer_relay *relay, struct pair *pairs)
{
    int fd = accept(relay->listener, NULL, NULL);
    bool holds;

    pthread_mutex_lock(&relay->lock);
    holds = relay->holds;
    pthread_mutex_unlock(&relay->lock);
    for (size_t i = 0; i < PEER_RELAYED && fd >= 0 && !holds; i++)
        if (pairs[i].agent < 0) {
            pairs[i].agent = fd;
            pthread_mutex_lock(&relay->lock);
            relay->connections++;
            pthread_mutex_unlock(&relay->lock);
            return;
        }
    if (fd >= 0)
        close(fd);
}

static void *relay_run(void *ctx)
{
    struct peer_relay *relay = ctx;
    struct pair pairs[PEER_RELAYED];
    char word = 0;

    for (size_t i = 0; i < PEER_RELAYED; i++)
        pairs[i] = (struct pair){ -1, -1 };
    while (word != 'q') {
        struct pollfd fds[2 + 2 * PEER_RELAYED] = { { relay->listener, POLLIN, 0 },
                                                    { relay->control[0], POLLIN, 0 } };

        for (size_t i = 0; i < PEER_RELAYED; i++) {
            fds[2 + 2 * i] = (struct pollfd){ pairs[i].agent, POLLIN, 0 };
            fds[3 + 2 * i] = (struct pollfd){ pairs[i].broker, POLLIN, 0 };
        }
        (void)poll(fds, ARRAY_LEN(fds), -1);
        for (size_t i = 0; i < PEER_RELAYED; i++)
            serve_pair(relay, &pairs[i], &fds[2 + 2 * i], relay->only_3_1_1);
        if (fds[0].revents)
            accept_one(relay, pairs);
        if (fds[1].revents && read(relay->control[0], &word, 1) == 1)
            for (size_t i = 0; i < PEER_RELAYED; i++)
                close_pair(&pairs[i]);
    }
    return NULL;
}

void peer_relay_start(struct peer_relay *relay, int to_port, bool only_3_1_1)
{
    *relay = (struct peer_relay){ .to_port = to_port, .only_3_1_1 = only_3_1_1 };
    relay->listener = listen_on(0, &relay->port);
    pthread_mutex_init(&relay->lock, NULL);
    assert_int_equal(pipe(relay->control), 0);
    assert_int_equal(pthread_create(&relay->thread, NULL, relay_run, relay), 0);
}

static void tell_relay(struct peer_relay *relay, char word)
{
    assert_int_equal(write(relay->control[1], &word, 1), 1);
}

void peer_relay_cut(struct peer_relay *relay)
{
    tell_relay(relay, 'c');
}

void peer_relay_hold(struct peer_relay *relay, bool holds)
{
    pthread_mutex_lock(&relay->lock);
    relay->holds = holds;
    pthread_mutex_unlock(&relay->lock);
}

void peer_relay_stop(struct peer_relay *relay)
{
    tell_relay(relay, 'q');
    pthread_join(relay->thread, NULL);
    close(relay->listener);
    close(relay->control[0]);
    close(relay->control[1]);
    pthread_mutex_destroy(&relay->lock);
}
