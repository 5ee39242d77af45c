#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What the MQTT tests talk to: a real broker (mosquitto) on a free loopback port, a small client of
 * our own that shares nothing with the library under test, and a relay between agent and broker
 * that can cut, or play a broker that speaks only 3.1.1. All waits have a deadline. */

enum { PEER_DIR_MAX = 64, PEER_BUFFER = 256 * 1024, PEER_WAIT_MS = 15000, PEER_RELAYED = 8 };

struct peer_broker {
    char dir[PEER_DIR_MAX];
    int port;
    pid_t pid;
};

/* False: mosquitto is not installed. `config`: further lines of its configuration. */
bool peer_broker_start(struct peer_broker *broker, const char *config);
/* On the same port, with nothing remembered. */
void peer_broker_again(struct peer_broker *broker);
void peer_broker_kill(struct peer_broker *broker);
/* Kills it and removes its directory. */
void peer_broker_done(struct peer_broker *broker);

/* An MQTT 5 client. */
struct peer {
    int fd;
    size_t len;
    uint8_t *buffer;
};

struct peer_message {
    char topic[512];
    char payload[65536];
    size_t len;
    bool retained;
    char correlation[64];
};

struct peer_publish {
    const char *topic, *payload;
    bool retained;
    const char *response_topic, *correlation;
    /* -1: none. */
    int64_t expiry_s;
};

void peer_connect(struct peer *peer, int port, const char *client_id);
void peer_close(struct peer *peer);
/* QoS 0, Retain As Published; returns after the SUBACK. */
void peer_subscribe(struct peer *peer, const char *filter);
/* QoS 1; does not wait. */
void peer_publish(struct peer *peer, const struct peer_publish *what);
/* The next message to `topic` (NULL: any) whose payload has `text` in it; others are passed over.
 * False: none within `wait_ms`. */
bool peer_receive(struct peer *peer, const char *topic, const char *text, int wait_ms,
                  struct peer_message *ret);

struct peer_relay {
    int port, to_port, listener, control[2];
    pthread_t thread;
    pthread_mutex_t lock;
    /* under lock: */
    bool only_3_1_1, holds;
    unsigned connections;
};

void peer_relay_start(struct peer_relay *relay, int to_port, bool only_3_1_1);
/* Closes what is connected; the next may connect again. */
void peer_relay_cut(struct peer_relay *relay);
/* Whether whoever connects is turned away. */
void peer_relay_hold(struct peer_relay *relay, bool holds);
void peer_relay_stop(struct peer_relay *relay);

/* A loopback port that nobody listens on just now. */
int peer_free_port(void);
/* Listens and never answers; close it. */
int peer_blackhole(int *ret_port);
