#include "mqtt/link.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <MQTTAsync.h>

#include "config/config.h"
#include "config/config_secret.h"
#include "mqtt/alias.h"
#include "mqtt/tap.h"
#include "mqtt/tls.h"
#include "mqtt/topics.h"
#include "mqtt/uri.h"

enum {
    CONNECT_TIMEOUT_S = 15,
    KEEPALIVE_MAX_S = 65535,
    RECEIVE_MAX = 64,
    ALPN_MAX = 255,
    DISCONNECT_KEEP_WILL = 0x04,
    DISCONNECT_TIMEOUT_MS = 500,
    FILTERS = 3,
    QOS = 1,
};

/* One message in Paho's hands; the context of its call-backs. */
struct send {
    struct link *link;
    int64_t number;
    unsigned alias; /* with its topic; 0: none */
    bool used, done;
    int reason;
    char said[LINK_SAID_MAX + 1];
};

struct link {
    const struct config *config;
    struct link_calls calls;
    char base[TOPICS_MAX];
    /* of the owner's thread: */
    MQTTAsync handle;
    enum link_version version;
    /* A broker may keep no retained messages, or know only QoS 0; it refuses a will that asks. */
    bool will_not_retained, will_qos_0;
    /* The session has something that we cannot take: it would come again at every connect. */
    bool leaves_session;
    struct link_limits limits;
    int keepalive_s;
    struct alias_table aliases;
    pthread_mutex_t lock;
    /* under lock: */
    struct link_news news;
    struct send sends[OUTBOX_IN_FLIGHT_MAX];
};

static const struct link_limits no_limits = {
    .receive_maximum = OUTBOX_IN_FLIGHT_MAX,
    .max_packet = SIZE_MAX,
    .max_qos = QOS,
    .retain_available = true,
    .session_expiry_s = INT64_MAX,
};

/* What Paho says where the connection ends after our CONNECT, without an answer. */
static const char ended_without_answer[] = "TCP connect completion failure";

/* --- Paho's call-backs: write down and wake --- */

static void tell_failure(struct link *link, const char *what, int code, const char *detail)
{
    char tls[TLS_WHY_MAX + 1];
    enum intake_fault fault = tap_fault();
    bool is_tls = !fault && code < 0 && tls_why(tls);
    bool silent = !fault && !is_tls && detail && strcmp(detail, ended_without_answer) == 0;

    if (fault)
        detail = intake_fault_text(fault);
    else if (is_tls)
        detail = tls;
    else if (silent)
        detail = "it hung up without an answer";
    pthread_mutex_lock(&link->lock);
    /* The first reason is the one that counts. */
    if (!link->news.failed) {
        link->news.failed = true;
        link->news.verdict = is_tls                      ? REASON_UNFIT
                             : fault == INTAKE_TOO_LARGE ? REASON_REFUSED
                                                         : reason_verdict(code);
        link->news.silent = silent;
        (void)snprintf(link->news.why, sizeof link->news.why, "%s: %s (%d)%s%s", what,
                       reason_text(code), code, detail ? ": " : "", detail ? detail : "");
    }
    pthread_mutex_unlock(&link->lock);
    link->calls.wake(link->calls.ctx);
}

/* The broker's own words, where it gives some. */
static void take_said(MQTTProperties *properties, char ret[LINK_SAID_MAX + 1])
{
    const MQTTProperty *p = MQTTProperties_getProperty(properties, MQTTPROPERTY_CODE_REASON_STRING);
    int len = p ? p->value.data.len : 0;

    (void)snprintf(ret, LINK_SAID_MAX + 1, "%.*s", len, len > 0 ? p->value.data.data : "");
}

static void tell_failure5(struct link *link, const char *what, int code, const char *detail,
                          MQTTProperties *properties)
{
    char said[LINK_SAID_MAX + 1];

    take_said(properties, said);
    tell_failure(link, what, code, said[0] ? said : detail);
}

static void note_refusal(struct link *link, int code)
{
    pthread_mutex_lock(&link->lock);
    link->news.refused = reason_is_answer(code);
    if (code == MQTTREASONCODE_RETAIN_NOT_SUPPORTED)
        link->will_not_retained = true;
    if (code == MQTTREASONCODE_QOS_NOT_SUPPORTED)
        link->will_qos_0 = true;
    pthread_mutex_unlock(&link->lock);
}

static void on_connect_failed(struct link *link, int code, const char *message)
{
    note_refusal(link, code);
    /* Of an answer Paho has nothing to say that the code does not. A broker's word on our certificate
     * may be lost when it hangs up. */
    if (code >= 0)
        message = NULL;
    else if (tls_is_through() && message && strcmp(message, ended_without_answer) != 0)
        message =
            "it broke off after the TLS handshake, as on a certificate of ours that it refuses";
    if (code == MQTTASYNC_FAILURE && !message)
        message = "the host has no address, or there is no way to it";
    tell_failure(link, "not connected", code, message);
}

static void on_connect_failure(void *ctx, MQTTAsync_failureData *data)
{
    on_connect_failed(ctx, data ? data->code : MQTTASYNC_FAILURE, data ? data->message : NULL);
}

/* For a refused CONNACK `reasonCode` is 0, and `code` has the reason. */
static int code_of(const MQTTAsync_failureData5 *data)
{
    if (!data)
        return MQTTASYNC_FAILURE;
    return (int)data->reasonCode >= REASON_FAILURE ? (int)data->reasonCode : data->code;
}

/* Without the properties of the CONNACK, so without its Reason String: Paho keeps them. */
static void on_connect_failure5(void *ctx, MQTTAsync_failureData5 *data)
{
    on_connect_failed(ctx, code_of(data), data ? data->message : NULL);
}

static void tell_connected(struct link *link, const struct link_limits *limits)
{
    pthread_mutex_lock(&link->lock);
    link->news.connected = true;
    link->news.limits = *limits;
    pthread_mutex_unlock(&link->lock);
    link->calls.wake(link->calls.ctx);
}

static void on_connect_success(void *ctx, MQTTAsync_successData *data)
{
    struct link_limits limits = no_limits;

    limits.session_present = data && data->alt.connect.sessionPresent;
    tell_connected(ctx, &limits);
}

static int64_t number_of(MQTTProperties *properties, enum MQTTPropertyCodes code, int64_t absent)
{
    int64_t value;

    if (!MQTTProperties_hasProperty(properties, code))
        return absent;
    value = MQTTProperties_getNumericValue(properties, code);
    /* A four byte integer comes as an int. */
    return value < 0 ? value + (INT64_C(1) << 32) : value;
}

static void on_connect_success5(void *ctx, MQTTAsync_successData5 *data)
{
    struct link_limits limits = no_limits;

    if (data) {
        MQTTProperties *p = &data->properties;
        int64_t receive =
            number_of(p, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM, (int64_t)no_limits.receive_maximum);
        int64_t packet = number_of(p, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, 0);

        limits.session_present = data->alt.connect.sessionPresent;
        if (receive > 0 && receive < OUTBOX_IN_FLIGHT_MAX)
            limits.receive_maximum = (size_t)receive;
        if (packet > 0)
            limits.max_packet = (size_t)packet;
        limits.max_qos = number_of(p, MQTTPROPERTY_CODE_MAXIMUM_QOS, QOS) < QOS ? 0 : QOS;
        limits.retain_available = number_of(p, MQTTPROPERTY_CODE_RETAIN_AVAILABLE, 1) != 0;
        limits.keepalive_s = (int)number_of(p, MQTTPROPERTY_CODE_SERVER_KEEP_ALIVE, 0);
        limits.session_expiry_s =
            number_of(p, MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, no_limits.session_expiry_s);
        limits.aliases = (unsigned)number_of(p, MQTTPROPERTY_CODE_TOPIC_ALIAS_MAXIMUM, 0);
    }
    tell_connected(ctx, &limits);
}

static void on_lost(void *ctx, char *cause)
{
    tell_failure(ctx, "connection lost", MQTTASYNC_DISCONNECTED, cause);
}

static void on_disconnected(void *ctx, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
    tell_failure5(ctx, "disconnected by the broker", (int)reason, NULL, properties);
}

static void tell_subscribed(struct link *link, int reason)
{
    if (reason >= REASON_FAILURE) {
        tell_failure(link, "subscription refused", reason, NULL);
        return;
    }
    pthread_mutex_lock(&link->lock);
    link->news.subscribed = true;
    pthread_mutex_unlock(&link->lock);
    link->calls.wake(link->calls.ctx);
}

static void on_subscribed5(void *ctx, MQTTAsync_successData5 *data)
{
    tell_subscribed(ctx, data ? (int)data->reasonCode : 0);
}

static void on_subscribed(void *ctx, MQTTAsync_successData *data)
{
    int worst = 0;

    for (size_t i = 0; data && i < FILTERS; i++)
        if (data->alt.qosList[i] > worst)
            worst = data->alt.qosList[i];
    /* 3.1.1 has one refusal, 0x80. */
    tell_subscribed(ctx, worst > 2 ? REASON_FAILURE : 0);
}

static void on_subscribe_failure5(void *ctx, MQTTAsync_failureData5 *data)
{
    MQTTProperties none = MQTTProperties_initializer;

    tell_failure5(ctx, "subscription refused", code_of(data), data ? data->message : NULL,
                  data ? &data->properties : &none);
}

static void on_subscribe_failure(void *ctx, MQTTAsync_failureData *data)
{
    int code = data ? data->code : MQTTASYNC_FAILURE;

    tell_failure(ctx, "subscription refused", code == MQTT_BAD_SUBSCRIBE ? REASON_FAILURE : code,
                 data ? data->message : NULL);
}

static void tell_ack(struct send *send, int reason)
{
    struct link *link = send->link;

    pthread_mutex_lock(&link->lock);
    send->done = true;
    send->reason = reason;
    pthread_mutex_unlock(&link->lock);
    link->calls.wake(link->calls.ctx);
}

static void on_sent(void *ctx, MQTTAsync_successData *data)
{
    (void)data;
    tell_ack(ctx, 0);
}

static void on_sent5(void *ctx, MQTTAsync_successData5 *data)
{
    tell_ack(ctx, data ? (int)data->reasonCode : 0);
}

static void on_send_failure(void *ctx, MQTTAsync_failureData *data)
{
    (void)data;
    tell_ack(ctx, -1);
}

static void on_send_failure5(void *ctx, MQTTAsync_failureData5 *data)
{
    struct send *send = ctx;

    if (data) {
        pthread_mutex_lock(&send->link->lock);
        take_said(&data->properties, send->said);
        pthread_mutex_unlock(&send->link->lock);
    }
    tell_ack(send, code_of(data) >= REASON_FAILURE ? code_of(data) : -1);
}

static void tell_closed(struct link *link)
{
    pthread_mutex_lock(&link->lock);
    link->news.closed = true;
    pthread_mutex_unlock(&link->lock);
    link->calls.wake(link->calls.ctx);
}

static void on_closed(void *ctx, MQTTAsync_successData *data)
{
    (void)data;
    tell_closed(ctx);
}

static void on_closed5(void *ctx, MQTTAsync_successData5 *data)
{
    (void)data;
    tell_closed(ctx);
}

static void on_close_failure(void *ctx, MQTTAsync_failureData *data)
{
    (void)data;
    tell_closed(ctx);
}

static void on_close_failure5(void *ctx, MQTTAsync_failureData5 *data)
{
    (void)data;
    tell_closed(ctx);
}

static void take_properties(MQTTProperties *properties, struct link_message *ret)
{
    MQTTProperty *p;

    ret->expiry_s = number_of(properties, MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL, -1);
    p = MQTTProperties_getProperty(properties, MQTTPROPERTY_CODE_RESPONSE_TOPIC);
    if (p) {
        ret->response_topic = p->value.data.data;
        ret->response_topic_len = (size_t)p->value.data.len;
    }
    p = MQTTProperties_getProperty(properties, MQTTPROPERTY_CODE_CORRELATION_DATA);
    if (p) {
        ret->correlation = p->value.data.data;
        ret->correlation_len = (size_t)p->value.data.len;
    }
}

/* Always 1: what is given back would be queued in Paho's memory and acknowledged all the same. */
static int on_arrived(void *ctx, char *topic, int topic_len, MQTTAsync_message *message)
{
    struct link *link = ctx;
    struct link_message m = {
        .topic = topic,
        .topic_len = topic_len > 0 ? (size_t)topic_len : strlen(topic),
        .payload = message->payload,
        .len = message->payloadlen > 0 ? (size_t)message->payloadlen : 0,
        .retained = message->retained,
        .expiry_s = -1,
    };

    if (message->struct_version >= 1)
        take_properties(&message->properties, &m);
    link->calls.on_message(link->calls.ctx, &m);
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

/* --- the owner's side --- */

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

static int wanted_keepalive_s(const struct config *config)
{
    return min_int(config->mqtt.keepalive_s, KEEPALIVE_MAX_S);
}

struct link *link_new(const struct config *config, const char *base, const struct link_calls *calls)
{
    struct link *link = calloc(1, sizeof *link);

    if (!link)
        return NULL;
    link->config = config;
    link->calls = *calls;
    link->limits = no_limits;
    link->keepalive_s = wanted_keepalive_s(config);
    (void)snprintf(link->base, sizeof link->base, "%s", base);
    for (size_t i = 0; i < ARRAY_LEN(link->sends); i++)
        link->sends[i].link = link;
    pthread_mutex_init(&link->lock, NULL);
    return link;
}

void link_free(struct link *link)
{
    if (!link)
        return;
    link_drop(link);
    tap_end();
    pthread_mutex_destroy(&link->lock);
    free(link);
}

/* Protocols as TLS writes them: each behind its length. */
static unsigned alpn_of(const char *name, unsigned char ret[ALPN_MAX + 1])
{
    size_t len = name ? strlen(name) : 0;

    if (len == 0 || len > ALPN_MAX)
        return 0;
    ret[0] = (unsigned char)len;
    memcpy(ret + 1, name, len);
    return (unsigned)len + 1;
}

static MQTTAsync_SSLOptions tls_options(struct link *link, unsigned char alpn[ALPN_MAX + 1])
{
    MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;

    tls.trustStore = link->config->mqtt.ca_file; /* NULL: the system's */
    tls.keyStore = link->config->mqtt.cert_file;
    tls.privateKey = link->config->mqtt.key_file;
    tls.enableServerCertAuth = 1;
    tls.verify = 1; /* the host's name too */
    /* Without it Paho asks OpenSSL for "ALL", which has suites that its default refuses. */
    tls.enabledCipherSuites = "DEFAULT";
    tls.ssl_error_cb = tls_on_error;
    tls.protos_len = alpn_of(link->config->mqtt.alpn, alpn);
    tls.protos = tls.protos_len > 0 ? alpn : NULL;
    return tls;
}

static void add_number(MQTTProperties *to, enum MQTTPropertyCodes code, unsigned value)
{
    MQTTProperty p = { .identifier = code };

    if (code == MQTTPROPERTY_CODE_RECEIVE_MAXIMUM)
        p.value.integer2 = (unsigned short)value;
    else
        p.value.integer4 = value;
    (void)MQTTProperties_add(to, &p);
}

static struct error paho_error(const char *what, int code)
{
    return error_make(ERROR_IN_AGENT, ERROR_INTERNAL, 0, "%s: %s (%d)", what, reason_text(code),
                      code);
}

static struct error create_handle(struct link *link)
{
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer5;
    int rc;

    options.MQTTVersion = (int)link->version;
    rc = MQTTAsync_createWithOptions(&link->handle, link->config->mqtt.uri,
                                     link->config->mqtt.client_id, MQTTCLIENT_PERSISTENCE_NONE,
                                     NULL, &options);
    if (rc != MQTTASYNC_SUCCESS) {
        link->handle = NULL;
        return paho_error("no handle", rc);
    }
    (void)MQTTAsync_setCallbacks(link->handle, link, on_lost, on_arrived, NULL);
    if (link->version == LINK_MQTT_5)
        (void)MQTTAsync_setDisconnected(link->handle, link, on_disconnected);
    return ERROR_OK;
}

static MQTTAsync_connectOptions connect_options(struct link *link)
{
    const MQTTAsync_connectOptions with_5 = MQTTAsync_connectOptions_initializer5;
    const MQTTAsync_connectOptions with_3 = MQTTAsync_connectOptions_initializer;
    MQTTAsync_connectOptions options = link->version == LINK_MQTT_5 ? with_5 : with_3;

    options.MQTTVersion = (int)link->version;
    options.keepAliveInterval = link->keepalive_s;
    options.connectTimeout = min_int(CONNECT_TIMEOUT_S, link->config->switching.verify_s / 3);
    if (options.connectTimeout < 1)
        options.connectTimeout = 1;
    options.cleansession = link->version == LINK_MQTT_5 ? 0 : link->leaves_session;
    options.cleanstart = link->version == LINK_MQTT_5 ? link->leaves_session : 0;
    options.maxInflight = OUTBOX_IN_FLIGHT_MAX;
    options.username = link->config->mqtt.username;
    options.context = link;
    if (link->version == LINK_MQTT_5) {
        options.onSuccess5 = on_connect_success5;
        options.onFailure5 = on_connect_failure5;
    } else {
        options.onSuccess = on_connect_success;
        options.onFailure = on_connect_failure;
    }
    return options;
}

static int connect_handle(struct link *link, const char *will, const char *password)
{
    MQTTAsync_connectOptions options = connect_options(link);
    MQTTAsync_willOptions will_options = MQTTAsync_willOptions_initializer;
    MQTTProperties connect = MQTTProperties_initializer;
    MQTTProperties after = MQTTProperties_initializer;
    unsigned char alpn[ALPN_MAX + 1];
    MQTTAsync_SSLOptions tls = tls_options(link, alpn);
    char topic[TOPICS_MAX];
    int rc;

    topics_of(link->base, "status/health", topic);
    will_options.topicName = topic;
    will_options.message = will;
    pthread_mutex_lock(&link->lock);
    will_options.retained = !link->will_not_retained;
    will_options.qos = link->will_qos_0 ? 0 : QOS;
    pthread_mutex_unlock(&link->lock);
    options.will = &will_options;
    options.password = password;
    if (uri_is_tls(link->config))
        options.ssl = &tls;
    if (link->version == LINK_MQTT_5) {
        add_number(&connect, MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL,
                   (unsigned)link->config->mqtt.session_expiry_s);
        add_number(&connect, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM, RECEIVE_MAX);
        add_number(&connect, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, INTAKE_PACKET_MAX);
        add_number(&after, MQTTPROPERTY_CODE_WILL_DELAY_INTERVAL,
                   (unsigned)link->config->mqtt.will_delay_s);
        options.connectProperties = &connect;
        options.willProperties = &after;
    }
    rc = MQTTAsync_connect(link->handle, &options);
    MQTTProperties_free(&connect);
    MQTTProperties_free(&after);
    return rc;
}

struct error link_connect(struct link *link, enum link_version version, const char *will)
{
    char password[CONFIG_SECRET_MAX + 1] = "";
    const char *file = link->config->mqtt.password_file;
    struct error e = ERROR_OK;
    int rc = MQTTASYNC_FAILURE;

    link_drop(link);
    link->leaves_session = tap_fault() != INTAKE_GOOD && tap_fault() != INTAKE_NO_MEMORY;
    tap_begin(version == LINK_MQTT_5);
    link->version = version;
    tls_begin(link->config->mqtt.uri);
    if (uri_is_tls(link->config))
        e = tls_check_files(link->config);
    if (!e.code && file)
        e = config_read_secret("mqtt.password_file", file, password);
    if (!e.code)
        e = create_handle(link);
    if (!e.code)
        rc = connect_handle(link, will, file ? password : NULL);
    memset(password, 0, sizeof password);
    if (e.code)
        return e;
    if (rc == MQTTASYNC_SUCCESS)
        return ERROR_OK;
    link_drop(link);
    return paho_error("not connected", rc);
}

/* With MQTT 5 everything under P/cmd, so that what is not of our shape is counted and said; No
 * Local keeps our own statuses from coming back. 3.1.1 has no such option: exactly our shapes. */
static int subscribe5(struct link *link, MQTTAsync_responseOptions *options)
{
    char filter[TOPICS_MAX];

    topics_of(link->base, "cmd/#", filter);
    options->onSuccess5 = on_subscribed5;
    options->onFailure5 = on_subscribe_failure5;
    options->subscribeOptions.noLocal = 1;
    options->subscribeOptions.retainAsPublished = 1;
    /* Retained messages only to a new subscription, not again at every connect. */
    options->subscribeOptions.retainHandling = 1;
    return MQTTAsync_subscribe(link->handle, filter, QOS, options);
}

static int subscribe3(struct link *link, MQTTAsync_responseOptions *options)
{
    static const char *const shapes[FILTERS] = { "cmd/+/+/req", "cmd/enable-profile/+/cancel",
                                                 "cmd/enable-profile/+/confirm" };
    const int qos[FILTERS] = { QOS, QOS, QOS };
    char filters[FILTERS][TOPICS_MAX];
    char *list[FILTERS];

    for (size_t i = 0; i < FILTERS; i++) {
        topics_of(link->base, shapes[i], filters[i]);
        list[i] = filters[i];
    }
    options->onSuccess = on_subscribed;
    options->onFailure = on_subscribe_failure;
    return MQTTAsync_subscribeMany(link->handle, FILTERS, list, qos, options);
}

struct error link_subscribe(struct link *link)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    int rc;

    options.context = link;
    rc = link->version == LINK_MQTT_5 ? subscribe5(link, &options) : subscribe3(link, &options);
    return rc == MQTTASYNC_SUCCESS ? ERROR_OK : paho_error("not subscribed", rc);
}

static struct send *take_send(struct link *link, int64_t number)
{
    struct send *found = NULL;

    pthread_mutex_lock(&link->lock);
    for (size_t i = 0; i < ARRAY_LEN(link->sends) && !found; i++)
        if (!link->sends[i].used)
            found = &link->sends[i];
    if (found) {
        found->used = true;
        found->done = false;
        found->said[0] = '\0';
        found->number = number;
    }
    pthread_mutex_unlock(&link->lock);
    return found;
}

static void give_send_back(struct link *link, struct send *send)
{
    pthread_mutex_lock(&link->lock);
    send->used = false;
    pthread_mutex_unlock(&link->lock);
}

/* The alias of a topic that comes again on this connection, 0: none. Those of the commands do not,
 * nor does where a response goes. The row's bound on its packet allows for it. */
static unsigned alias_for(struct link *link, const struct outbox_message *message, bool *ret_known)
{
    const char *topic = message->topic;
    char commands[TOPICS_MAX];
    size_t len = strlen(link->base);

    *ret_known = false;
    topics_of(link->base, "cmd/", commands);
    if (message->class == OUTBOX_RESPONSE || strncmp(topic, link->base, len) != 0 ||
        topic[len] != '/' || strncmp(topic, commands, strlen(commands)) == 0)
        return 0;
    return alias_of(&link->aliases, topic, ret_known);
}

static int send_message(struct link *link, const struct outbox_row *row, struct send *send,
                        MQTTAsync_responseOptions *options)
{
    MQTTAsync_message message = MQTTAsync_message_initializer;
    MQTTProperty correlation = { .identifier = MQTTPROPERTY_CODE_CORRELATION_DATA };
    bool known;
    unsigned alias = alias_for(link, &row->message, &known);
    int rc;

    /* Paho copies payload and properties, and writes to neither. */
    message.payload = (void *)(uintptr_t)row->message.payload;
    message.payloadlen = (int)row->payload_len;
    message.qos = link->limits.max_qos;
    message.retained = row->message.retained && link->limits.retain_available;
    if (link->version == LINK_MQTT_5 && row->message.correlation_len > 0) {
        correlation.value.data.data = (char *)(uintptr_t)row->message.correlation;
        correlation.value.data.len = (int)row->message.correlation_len;
        (void)MQTTProperties_add(&message.properties, &correlation);
    }
    if (alias)
        add_number(&message.properties, MQTTPROPERTY_CODE_TOPIC_ALIAS, alias);
    send->alias = known ? 0 : alias;
    rc = MQTTAsync_sendMessage(link->handle, known ? "" : row->message.topic, &message, options);
    MQTTProperties_free(&message.properties);
    return rc;
}

enum link_sent link_send(struct link *link, const struct outbox_row *row)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    struct send *send = take_send(link, row->number);
    int rc;

    if (!send)
        return LINK_NOT_NOW;
    options.context = send;
    if (link->version == LINK_MQTT_5) {
        options.onSuccess5 = on_sent5;
        options.onFailure5 = on_send_failure5;
    } else {
        options.onSuccess = on_sent;
        options.onFailure = on_send_failure;
    }
    rc = send_message(link, row, send, &options);
    if (rc == MQTTASYNC_SUCCESS)
        return LINK_SENT;
    give_send_back(link, send);
    return rc == MQTTASYNC_BAD_UTF8_STRING || rc == MQTTASYNC_BAD_STRUCTURE ||
                   rc == MQTTASYNC_BAD_QOS || rc == MQTTASYNC_NULL_PARAMETER
               ? LINK_NEVER
               : LINK_NOT_NOW;
}

/* 3.1.1 has no reason code: its disconnect is always a goodbye to the will. */
void link_disconnect(struct link *link, bool keep_will)
{
    const MQTTAsync_disconnectOptions with_5 = MQTTAsync_disconnectOptions_initializer5;
    const MQTTAsync_disconnectOptions with_3 = MQTTAsync_disconnectOptions_initializer;
    MQTTAsync_disconnectOptions options = link->version == LINK_MQTT_5 ? with_5 : with_3;

    options.timeout = DISCONNECT_TIMEOUT_MS;
    options.context = link;
    if (link->version == LINK_MQTT_5) {
        options.reasonCode = keep_will ? DISCONNECT_KEEP_WILL : MQTTREASONCODE_SUCCESS;
        options.onSuccess5 = on_closed5;
        options.onFailure5 = on_close_failure5;
    } else {
        options.onSuccess = on_closed;
        options.onFailure = on_close_failure;
    }
    if (MQTTAsync_disconnect(link->handle, &options) != MQTTASYNC_SUCCESS)
        tell_closed(link);
}

void link_drop(struct link *link)
{
    if (link->handle)
        MQTTAsync_destroy(&link->handle);
    link->handle = NULL;
    link->limits = no_limits;
    alias_begin(&link->aliases, 0);
    /* Nothing is called for this handle any more: what it left behind is void. */
    pthread_mutex_lock(&link->lock);
    link->news = (struct link_news){ 0 };
    for (size_t i = 0; i < ARRAY_LEN(link->sends); i++)
        link->sends[i].used = false;
    pthread_mutex_unlock(&link->lock);
}

/* Under the lock. */
static void take_ack(struct link *link, const struct send *send, struct link_ack *ret)
{
    *ret = (struct link_ack){ .number = send->number, .reason = send->reason };
    memcpy(ret->said, send->said, sizeof ret->said);
    if (send->reason >= 0 && send->reason < REASON_FAILURE)
        alias_learned(&link->aliases, send->alias);
}

/* A connection has begun. Paho does not know Server Keep Alive: it can only be asked for. */
static void take_limits(struct link *link, struct link_limits *limits)
{
    if (!tap_has_greeted())
        log_warning(
            "what the broker sends cannot be looked at before the library takes it, going on "
            "without a limit to its packets");
    link->limits = *limits;
    alias_begin(&link->aliases, limits->aliases);
    /* It does not know us: it may be another one, which takes what is configured. */
    if (!limits->session_present && limits->keepalive_s == 0)
        link->keepalive_s = wanted_keepalive_s(link->config);
    if (limits->keepalive_s == 0 || limits->keepalive_s >= link->keepalive_s)
        return;
    link->keepalive_s = limits->keepalive_s;
    link->limits.keepalive_falls = limits->keepalive_falls = true;
}

void link_take_news(struct link *link, struct link_news *ret)
{
    pthread_mutex_lock(&link->lock);
    for (size_t i = 0; i < ARRAY_LEN(link->sends); i++) {
        struct send *send = &link->sends[i];

        if (!send->used || !send->done)
            continue;
        take_ack(link, send, &link->news.acks[link->news.ack_count++]);
        send->used = false;
    }
    *ret = link->news;
    link->news = (struct link_news){ 0 };
    pthread_mutex_unlock(&link->lock);
    if (ret->connected)
        take_limits(link, &ret->limits);
}
