#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/error.h"
#include "mqtt/outbox.h"
#include "mqtt/reason.h"

/* One connection to the broker at a time, over Paho's asynchronous client: a fresh handle for each
 * attempt. One thread calls these functions; Paho may block in any of them while it resolves a
 * name, so that thread holds no lock and nobody waits for it without a deadline.
 *
 * Paho's call-backs run on its threads, under its global mutex. Here they only write down what
 * happened (under a lock that is never held while Paho is called) and call `wake`; the owner
 * collects it with link_take_news(). The exception is a message: it is given to `on_message` in the
 * call-back, since Paho sends the PUBACK when that returns. */

struct config;
struct link;

enum link_version { LINK_MQTT_5 = 5, LINK_MQTT_3_1_1 = 4 };

struct link_message {
    const char *topic;
    size_t topic_len;
    const char *payload;
    size_t len;
    bool retained;
    /* MQTT 5; -1, NULL: not there. */
    int64_t expiry_s;
    const char *response_topic;
    size_t response_topic_len;
    const char *correlation;
    size_t correlation_len;
};

struct link_calls {
    /* On Paho's thread, under its mutex; borrows the message. Takes no lock that anyone holds who
     * calls Paho. */
    void (*on_message)(void *ctx, const struct link_message *message);
    /* Any thread: there is news. */
    void (*wake)(void *ctx);
    void *ctx;
};

enum { LINK_WHY_MAX = 255, LINK_SAID_MAX = 127 };

/* What the server told in its CONNACK, with what holds when it told nothing. */
struct link_limits {
    size_t receive_maximum;
    size_t max_packet;
    int max_qos;
    bool retain_available;
    bool session_present;
    /* Server Keep Alive; 0: as we asked for. */
    int keepalive_s;
    /* It is shorter than what we asked for, and Paho goes on with that: the connection will not hold.
     * The next one asks for it. */
    bool keepalive_falls;
    /* How long it keeps the session, where that is not what we asked for; else INT64_MAX. */
    int64_t session_expiry_s;
    /* Topic Alias Maximum. */
    unsigned aliases;
};

struct link_ack {
    int64_t number;
    /* 0 with 3.1.1; -1: it was not sent. */
    int reason;
    /* The Reason String, or "". */
    char said[LINK_SAID_MAX + 1];
};

/* All that happened since the last time. */
struct link_news {
    bool connected, subscribed;
    /* The attempt or the connection is over; `verdict` and `why`. */
    bool failed;
    /* A CONNACK that refuses was its end. */
    bool refused;
    /* It ended after our CONNECT, without an answer. */
    bool silent;
    /* The end that link_disconnect() asked for. */
    bool closed;
    enum reason_verdict verdict;
    char why[LINK_WHY_MAX + 1];
    struct link_limits limits;
    size_t ack_count;
    struct link_ack acks[OUTBOX_IN_FLIGHT_MAX];
};

/* Keeps all of them; `base` is P. NULL: no memory. */
struct link *link_new(const struct config *config, const char *base,
                      const struct link_calls *calls);
void link_free(struct link *link);

/* Begins to connect; `will` is the payload of P/status/health that the broker publishes when the
 * link dies. The files of the configuration are read now. Ends with news. */
MUST_CHECK struct error link_connect(struct link *link, enum link_version version,
                                     const char *will);
/* The command topics; ends with news. */
MUST_CHECK struct error link_subscribe(struct link *link);
enum link_sent {
    /* LINK_NOT_NOW: the link is down or full. */
    LINK_NOT_NOW = 0,
    /* LINK_SENT: its end comes as an ack of its number. */
    LINK_SENT,
    /* LINK_NEVER: the library does not take such a message. */
    LINK_NEVER,
};

enum link_sent link_send(struct link *link, const struct outbox_row *row);
/* Ends the connection: `keep_will` as on trouble (the will goes out), else as a goodbye. */
void link_disconnect(struct link *link, bool keep_will);
/* Gives the handle up, whatever its state. Nothing is called any more afterwards. */
void link_drop(struct link *link);
void link_take_news(struct link *link, struct link_news *ret);
