#include "mqtt/mqtt.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/base/clock.h"
#include "agent/base/id.h"
#include "agent/base/log.h"
#include "agent/operation/operations.h"
#include "agent/operation/proofs.h"
#include "agent/state/broker.h"
#include "agent/state/bus.h"
#include "agent/state/metrics.h"
#include "agent/state/snapshot.h"
#include "config/config.h"
#include "mqtt/backoff.h"
#include "mqtt/commands.h"
#include "mqtt/link.h"
#include "mqtt/messages.h"
#include "mqtt/post.h"
#include "mqtt/quiet.h"
#include "mqtt/scribe.h"
#include "mqtt/sender.h"
#include "mqtt/session.h"
#include "mqtt/tap.h"
#include "mqtt/telemetry.h"
#include "mqtt/tell.h"
#include "mqtt/topics.h"
#include "mqtt/uri.h"

enum {
    /* Paho's own limit is connectTimeout; this one is for the case that it forgets. */
    CONNECT_MS = 20000,
    SUBSCRIBE_MS = 15000,
    CLOSE_MS = 1500,
    /* To say all that waits; to say goodbye; for all together. */
    DRAIN_MS = 1500,
    GOODBYE_MS = 800,
    STOP_MS = 4000,
    /* So many connections in a row that end without a word: MQTT 5 may be more than it speaks. */
    SILENT_ENDS = 3,
};

/* Where the link is; a function for each. */
enum step {
    STEP_WAITING = 0, /* for the next try */
    STEP_CONNECTING,
    STEP_SUBSCRIBING,
    STEP_ONLINE,
    STEP_DRAINING, /* stop is asked for: what waits goes out */
    STEP_GOODBYE,  /* the last message goes out */
    STEP_CLOSING,  /* the connection is being ended on purpose */
    STEP_ENDED,
};

struct mqtt {
    const struct config *config;
    struct state *state;
    struct operations *operations;
    struct bus *bus;
    struct broker *broker;
    struct metrics *metrics;
    char base[TOPICS_MAX];
    struct post *post;
    struct proofs *proofs; /* its reader is the link's thread */
    struct tell *tell;
    struct telemetry *telemetry;
    struct commands *commands;
    struct link *link;
    pthread_t thread;
    bool started;
    /* of the link's thread: */
    enum step step;
    int64_t deadline_ms; /* of the step */
    struct backoff backoff;
    bool speaks_older; /* the broker refused MQTT 5 */
    /* A broker has spoken MQTT 5 with this process; how often in a row it was met with silence. */
    bool spoke_5;
    unsigned silent_ends;
    /* What the try after STEP_CLOSING waits for. */
    struct {
        enum reason_verdict verdict;
        char why[LINK_WHY_MAX + 1];
        bool at_once;
    } after_close;
    bool keepalive_fell;
    struct link_limits limits;
    struct session session;
    int64_t online_ms;
    bool stopping;
    struct quiet refusals;
    char last_why[LINK_WHY_MAX + 1]; /* of the refusals */
    struct sender sender;
    pthread_mutex_t lock;
    pthread_cond_t ended_cond;
    /* under lock: */
    bool stop, ended;
    bool soon;   /* registration has returned */
    bool relink; /* the modem works with another profile than when the link was made */
    bool hurry;  /* a switch waits for the proof that the broker answers */
    bool registered;
    bool accepted;           /* the connection that was begun at `attempt_ms` */
    struct iccid link_iccid; /* "": not known */
    int64_t attempt_ms;      /* when the connection or the attempt was begun */
};

/* --- the bus --- */

/* Only where the link goes through this modem. */
static void on_connectivity(struct mqtt *mqtt)
{
    const struct snapshot *s = state_take(mqtt->state);
    const struct connectivity *c = &s->connectivity;
    bool registered = s->has_connectivity && connectivity_is_registered(c);

    pthread_mutex_lock(&mqtt->lock);
    if (registered && !mqtt->registered)
        mqtt->soon = true;
    if (registered && c->has_iccid && !mqtt->link_iccid.text[0])
        mqtt->link_iccid = c->iccid;
    else if (registered && c->has_iccid && !iccid_equal(&c->iccid, &mqtt->link_iccid))
        mqtt->relink = true;
    mqtt->registered = registered;
    pthread_mutex_unlock(&mqtt->lock);
    snapshot_release(s);
}

/* When the operation entered the phase, after a restart the last time; 0: never. */
static int64_t phase_began_ms(const struct operation *op, enum phase phase)
{
    int64_t began_ms = 0;

    for (size_t i = 0; i < op->phase_count; i++)
        if (op->phases[i].phase == phase)
            began_ms = op->phases[i].began_ms;
    return began_ms;
}

/* Since when the modem works with another profile than before; 0: it never left that. */
static int64_t left_ms_of(const struct operation *op)
{
    int64_t ms = phase_began_ms(op, PHASE_ROLLING_BACK);

    /* The old profile may carry data until the modem has noticed, which ends `resetting`. */
    if (!ms)
        ms = phase_began_ms(op, PHASE_REGISTERING);
    return ms ? ms : phase_began_ms(op, PHASE_RESETTING);
}

/* A connection that was begun over the profile which was left is dead or will be, and so is an attempt
 * that nobody has answered yet. It is made anew at once where a switch waits for the proof that the
 * broker answers over the new profile, and where one has ended, wherever that is. */
static void on_operation(struct mqtt *mqtt, const struct operation *op)
{
    bool verifying = op->state == OPERATION_RUNNING && op->phase == PHASE_VERIFYING;
    int64_t left_ms = left_ms_of(op);

    if (!op->started_utc_ms)
        return; /* it tells nothing of the one that runs */
    pthread_mutex_lock(&mqtt->lock);
    mqtt->hurry = verifying;
    mqtt->registered = mqtt->registered || verifying;
    if (left_ms && (verifying || operation_has_ended(op))) {
        mqtt->soon = true;
        mqtt->relink = mqtt->relink || mqtt->attempt_ms < left_ms || !mqtt->accepted;
    }
    pthread_mutex_unlock(&mqtt->lock);
    post_wake(mqtt->post);
}

static void on_bus(void *ctx, enum bus_event event, const void *data)
{
    struct mqtt *mqtt = ctx;

    proofs_on_bus(mqtt->proofs, event, data);
    if (event == BUS_OPERATION || event == BUS_OPERATION_AGAIN)
        commands_tell(mqtt->commands, data);
    if (event == BUS_OPERATION && mqtt->config->mqtt.link == CONFIG_LINK_MODEM)
        on_operation(mqtt, data);
    if ((event == BUS_CONNECTIVITY || event == BUS_MODEM) &&
        mqtt->config->mqtt.link == CONFIG_LINK_MODEM)
        on_connectivity(mqtt);
    tell_on_bus(mqtt->tell, event, data);
}

/* --- the scribe --- */

static void write_letters(void *ctx, const struct operation *op, bool again, struct letters *ret)
{
    scribe_write(((struct mqtt *)ctx)->base, op, again, ret);
}

static void send_letters(void *ctx, struct letters *letters)
{
    post_letters(((struct mqtt *)ctx)->post, letters);
}

/* --- Paho's threads --- */

static void on_message(void *ctx, const struct link_message *message)
{
    struct mqtt *mqtt = ctx;

    metrics_count(mqtt->metrics, METRICS_MQTT_RECEIVED);
    commands_take(mqtt->commands, message);
}

static void on_link_news(void *ctx)
{
    post_wake(((struct mqtt *)ctx)->post);
}

/* --- the link's thread --- */

static void enter(struct mqtt *mqtt, enum step step, int64_t deadline_ms)
{
    mqtt->step = step;
    mqtt->deadline_ms = deadline_ms;
}

static uint32_t chance(void)
{
    uint32_t value;

    id_random(&value, sizeof value);
    return value;
}

static bool is_switching(struct mqtt *mqtt)
{
    const struct snapshot *s = state_take(mqtt->state);
    bool switching = s->switching;

    snapshot_release(s);
    return switching;
}

/* A switch cuts the link where that goes through the modem: nothing to warn of. */
static void log_trouble(struct mqtt *mqtt, enum reason_verdict verdict, const char *why,
                        int64_t wait_ms)
{
    int64_t unsaid = 0;

    /* Another cause than before is always told: somebody may be mending things. */
    if (strcmp(why, mqtt->last_why) != 0)
        mqtt->refusals = (struct quiet){ 0 };
    (void)snprintf(mqtt->last_why, sizeof mqtt->last_why, "%s", why);
    if (mqtt->config->mqtt.link == CONFIG_LINK_MODEM && is_switching(mqtt))
        log_info("mqtt link is down during a switch: trying again once there is data",
                 LOG_STR("why", why));
    else if (quiet_lets(&mqtt->refusals, clock_now_ms(), &unsaid))
        log_at(verdict == REASON_TROUBLE ? LOG_LEVEL_WARNING : LOG_LEVEL_ERR,
               "mqtt link is down: trying again", LOG_STR("why", why), LOG_NUM("in_ms", wait_ms),
               LOG_NUM_NOT_0("unsaid", unsaid));
}

static int64_t wait_ms_of(struct mqtt *mqtt, enum reason_verdict verdict)
{
    bool hurry;

    pthread_mutex_lock(&mqtt->lock);
    hurry = mqtt->hurry;
    pthread_mutex_unlock(&mqtt->lock);
    if (hurry)
        return backoff_hurried_ms(verdict == REASON_REFUSED, chance());
    return verdict == REASON_REFUSED ? backoff_longest_ms(&mqtt->backoff, chance())
                                     : backoff_next_ms(&mqtt->backoff, chance());
}

/* What the switch takes for proof. */
static void note_accepted(struct mqtt *mqtt)
{
    pthread_mutex_lock(&mqtt->lock);
    mqtt->accepted = true;
    pthread_mutex_unlock(&mqtt->lock);
    /* Only this thread sets it. */
    broker_accepted(mqtt->broker, mqtt->attempt_ms, clock_now_ms());
    metrics_count(mqtt->metrics, METRICS_MQTT_CONNECTS);
    bus_publish(mqtt->bus, BUS_HEALTH, NULL);
}

static void drop_link(struct mqtt *mqtt)
{
    bool was_accepted;

    link_drop(mqtt->link);
    pthread_mutex_lock(&mqtt->lock);
    was_accepted = mqtt->accepted;
    mqtt->accepted = false;
    pthread_mutex_unlock(&mqtt->lock);
    if (was_accepted)
        broker_lost(mqtt->broker);
    if (was_accepted && !mqtt->stopping)
        metrics_count(mqtt->metrics, METRICS_MQTT_LOSSES);
}

/* The handle is given up, and the next try is due after the wait that `verdict` asks for. */
static void wait_for_next_try(struct mqtt *mqtt, enum reason_verdict verdict, const char *why)
{
    int64_t now_ms = clock_now_ms();
    int64_t wait_ms;

    if (mqtt->online_ms)
        backoff_ended(&mqtt->backoff, now_ms - mqtt->online_ms);
    mqtt->online_ms = 0;
    mqtt->speaks_older = false; /* it may be another one the next time */
    drop_link(mqtt);
    post_lost(mqtt->post);
    tell_offline(mqtt->tell);
    wait_ms = mqtt->after_close.at_once ? 0 : wait_ms_of(mqtt, verdict);
    mqtt->after_close.at_once = false;
    if (why) {
        broker_failed(mqtt->broker, why, verdict == REASON_REFUSED);
        log_trouble(mqtt, verdict, why, wait_ms);
    }
    bus_publish(mqtt->bus, BUS_HEALTH, NULL);
    enter(mqtt, STEP_WAITING, clock_now_ms() + wait_ms);
}

/* What the link's end means depends on whether we wanted it. */
static void link_failed(struct mqtt *mqtt, enum reason_verdict verdict, const char *why)
{
    if (mqtt->stopping)
        enter(mqtt, STEP_ENDED, CLOCK_NEVER);
    else
        wait_for_next_try(mqtt, verdict, why);
}

static enum link_version version_of(const struct mqtt *mqtt)
{
    if (mqtt->config->mqtt.version == CONFIG_MQTT_AUTO)
        return mqtt->speaks_older ? LINK_MQTT_3_1_1 : LINK_MQTT_5;
    return mqtt->config->mqtt.version == CONFIG_MQTT_5 ? LINK_MQTT_5 : LINK_MQTT_3_1_1;
}

static void note_profile(struct mqtt *mqtt)
{
    const struct snapshot *s = state_take(mqtt->state);

    pthread_mutex_lock(&mqtt->lock);
    mqtt->relink = false;
    mqtt->accepted = false;
    mqtt->attempt_ms = clock_now_ms();
    /* During a switch the last reading may be the old profile's. */
    mqtt->link_iccid = !s->switching && s->has_connectivity && s->connectivity.has_iccid
                           ? s->connectivity.iccid
                           : (struct iccid){ "" };
    pthread_mutex_unlock(&mqtt->lock);
    snapshot_release(s);
}

static void begin_connect(struct mqtt *mqtt)
{
    char *will = messages_offline(mqtt->session.number + 1, "connection-lost", 0, true);
    struct error e = error_make(ERROR_IN_SYSTEM, ERROR_INTERNAL, 0, "no memory");

    note_profile(mqtt);
    metrics_count(mqtt->metrics, METRICS_MQTT_ATTEMPTS);
    if (will)
        e = link_connect(mqtt->link, version_of(mqtt), will);
    free(will);
    if (e.code)
        wait_for_next_try(mqtt, REASON_UNFIT, e.message);
    else
        enter(mqtt, STEP_CONNECTING, clock_now_ms() + CONNECT_MS);
}

/* Ends a connection on purpose; with `keep_will` the presence becomes the will's. MQTT 3.1.1 has no
 * such end, so there the presence goes out in front, if the link still carries it; where it does
 * not, the end does not arrive either, and the will remains. */
static void begin_close(struct mqtt *mqtt, bool keep_will)
{
    if (keep_will && mqtt->step == STEP_ONLINE && version_of(mqtt) == LINK_MQTT_3_1_1) {
        tell_goodbye(mqtt->tell, "relink");
        sender_send(&mqtt->sender);
    }
    mqtt->after_close.verdict = REASON_TROUBLE;
    mqtt->after_close.why[0] = '\0';
    link_disconnect(mqtt->link, keep_will);
    enter(mqtt, STEP_CLOSING, clock_now_ms() + CLOSE_MS);
}

/* The connection that we ended is gone. */
static void on_closed(struct mqtt *mqtt)
{
    const char *why = mqtt->after_close.why;

    link_failed(mqtt, mqtt->after_close.verdict, why[0] ? why : NULL);
}

/* The connection is of no use, though it may stand. Given up as it is, Paho would say goodbye in our
 * name, and the broker forget the will, the one that a connection before this has left, too. */
static void give_up(struct mqtt *mqtt, enum reason_verdict verdict, const char *why)
{
    if (mqtt->stopping) {
        link_failed(mqtt, verdict, why);
        return;
    }
    begin_close(mqtt, true);
    mqtt->after_close.verdict = verdict;
    (void)snprintf(mqtt->after_close.why, sizeof mqtt->after_close.why, "%s", why);
}

/* The next connection asks for the keep-alive that this broker wants. At once, but a second time
 * only after a wait: a broker that wants less each time gets no loop. */
static void shorten_keepalive(struct mqtt *mqtt)
{
    log_info("the broker wants a shorter keep-alive: connecting anew with that",
             LOG_NUM("keepalive_s", mqtt->limits.keepalive_s));
    begin_close(mqtt, true);
    mqtt->after_close.at_once = !mqtt->keepalive_fell;
    mqtt->keepalive_fell = true;
}

static void on_connected(struct mqtt *mqtt, const struct link_news *news)
{
    struct error e;
    int error;

    mqtt->limits = news->limits;
    mqtt->spoke_5 = mqtt->spoke_5 || version_of(mqtt) == LINK_MQTT_5;
    /* Said here and not once it is online: the connection may not come to that, and the next one
     * finds a session. */
    if (!news->limits.session_present)
        tell_forget(mqtt->tell);
    if (news->limits.keepalive_falls) {
        shorten_keepalive(mqtt);
        return;
    }
    error = session_advance(&mqtt->session);
    if (error)
        log_warning("mqtt-session cannot be written: counting in memory",
                    LOG_STR("why", strerror(error)));
    note_accepted(mqtt);
    e = link_subscribe(mqtt->link);
    if (e.code)
        give_up(mqtt, REASON_TROUBLE, e.message);
    else
        enter(mqtt, STEP_SUBSCRIBING, clock_now_ms() + SUBSCRIBE_MS);
}

/* What somebody should know who chose this broker. */
static void log_limits(const struct mqtt *mqtt)
{
    const struct link_limits *limits = &mqtt->limits;

    if (limits->max_qos == 0)
        log_warning("the broker takes only QoS 0: what is lost on the way is not sent again");
    if (!limits->retain_available)
        log_warning(
            "the broker retains nothing: presence and twins are seen only when they change");
    if (limits->session_expiry_s < mqtt->config->mqtt.session_expiry_s)
        log_warning("the broker keeps the session for a shorter time than mqtt.session_expiry_s: "
                    "later commands are lost",
                    LOG_NUM("session_s", limits->session_expiry_s));
}

static void on_subscribed(struct mqtt *mqtt)
{
    mqtt->online_ms = clock_now_ms();
    sender_begin(&mqtt->sender, &mqtt->limits);
    mqtt->refusals = (struct quiet){ 0 };
    log_info("mqtt link is up", LOG_NUM("version", version_of(mqtt)),
             LOG_NUM("session", mqtt->session.number));
    log_limits(mqtt);
    tell_online(mqtt->tell, mqtt->session.number);
    enter(mqtt, STEP_ONLINE, CLOCK_NEVER);
}

/* MQTT 5 was refused, or met with silence, as by brokers from before it. At once, so that whoever
 * answers now is the one that would not: the try after the next begins with MQTT 5 again. */
static void on_older(struct mqtt *mqtt, bool said)
{
    if (said)
        log_info("the broker speaks only MQTT 3.1.1: using that");
    else
        log_info("the broker hangs up on MQTT 5 each time: trying 3.1.1");
    drop_link(mqtt);
    mqtt->speaks_older = true;
    begin_connect(mqtt);
}

/* One that hangs up may be starting, or a balancer with nobody behind it: only one that never does
 * anything else is taken for old. A session of 3.1.1 has no end, and its commands no expiry. */
static bool is_older(struct mqtt *mqtt, const struct link_news *news)
{
    mqtt->silent_ends = news->silent ? mqtt->silent_ends + 1 : 0;
    return news->verdict == REASON_OLDER || (!mqtt->spoke_5 && mqtt->silent_ends >= SILENT_ENDS);
}

static bool tries_older(struct mqtt *mqtt, const struct link_news *news)
{
    return mqtt->step == STEP_CONNECTING && !mqtt->stopping && version_of(mqtt) == LINK_MQTT_5 &&
           mqtt->config->mqtt.version == CONFIG_MQTT_AUTO && is_older(mqtt, news);
}

static void count_fault(struct mqtt *mqtt)
{
    static const enum metrics_counter counters[] = {
        [INTAKE_TOO_LARGE] = METRICS_INTAKE_TOO_LARGE,
        [INTAKE_UNEXPECTED] = METRICS_INTAKE_UNEXPECTED,
        [INTAKE_MALFORMED] = METRICS_INTAKE_MALFORMED,
        [INTAKE_NO_MEMORY] = METRICS_INTAKE_NO_MEMORY,
    };
    enum intake_fault fault = tap_fault();

    if (fault)
        metrics_count(mqtt->metrics, counters[fault]);
}

static void take_failure(struct mqtt *mqtt, const struct link_news *news)
{
    count_fault(mqtt);
    if (news->refused) {
        metrics_count(mqtt->metrics, METRICS_MQTT_REFUSALS);
        broker_refused(mqtt->broker, mqtt->attempt_ms, clock_now_ms());
    }
    if (mqtt->step == STEP_CLOSING)
        on_closed(mqtt);
    else if (tries_older(mqtt, news))
        on_older(mqtt, !news->silent);
    else if (mqtt->step == STEP_SUBSCRIBING)
        give_up(mqtt, news->verdict, news->why);
    else
        link_failed(mqtt, news->verdict, news->why);
}

static void take_news(struct mqtt *mqtt)
{
    struct link_news news;

    link_take_news(mqtt->link, &news);
    for (size_t i = 0; i < news.ack_count; i++) {
        /* From 0x80 on it is a refusal. */
        if (news.acks[i].reason >= 0 && news.acks[i].reason < 0x80)
            metrics_count(mqtt->metrics, METRICS_MQTT_SENT);
        sender_take_ack(&mqtt->sender, &news.acks[i]);
    }
    if (news.failed)
        take_failure(mqtt, &news);
    else if (news.closed && mqtt->step == STEP_CLOSING)
        on_closed(mqtt);
    else if (news.connected && mqtt->step == STEP_CONNECTING)
        on_connected(mqtt, &news);
    else if (news.subscribed && mqtt->step == STEP_SUBSCRIBING)
        on_subscribed(mqtt);
}

/* What other threads asked for since the last time. */
static bool take_flag(struct mqtt *mqtt, bool *flag)
{
    bool was;

    pthread_mutex_lock(&mqtt->lock);
    was = *flag;
    *flag = false;
    pthread_mutex_unlock(&mqtt->lock);
    return was;
}

static void begin_stop(struct mqtt *mqtt)
{
    mqtt->stopping = true;
    telemetry_cut(mqtt->telemetry);
    if (mqtt->step == STEP_ONLINE)
        enter(mqtt, STEP_DRAINING, clock_now_ms() + DRAIN_MS);
    else if (mqtt->step == STEP_CLOSING || mqtt->step == STEP_SUBSCRIBING)
        begin_close(mqtt, true);
    else
        enter(mqtt, STEP_ENDED, CLOCK_NEVER);
}

static void step_waiting(struct mqtt *mqtt, int64_t now_ms)
{
    if (take_flag(mqtt, &mqtt->soon)) {
        int64_t soon_ms = now_ms + id_random_below(BACKOFF_SOON_MS);

        if (soon_ms < mqtt->deadline_ms)
            mqtt->deadline_ms = soon_ms;
    }
    if (now_ms >= mqtt->deadline_ms)
        begin_connect(mqtt);
}

/* True: the link is being made anew, over the profile that is in use now. */
static bool relinks(struct mqtt *mqtt)
{
    if (!take_flag(mqtt, &mqtt->relink))
        return false;
    log_info("another profile is in use: the mqtt link is made anew");
    begin_close(mqtt, true);
    return true;
}

static void step_online(struct mqtt *mqtt, int64_t now_ms)
{
    sender_send(&mqtt->sender);
    if (relinks(mqtt))
        return;
    (void)take_flag(mqtt, &mqtt->soon);
    if (now_ms >= sender_deadline_ms(&mqtt->sender)) {
        log_warning("the broker is silent: the mqtt link is made anew");
        begin_close(mqtt, true);
    }
}

static void step_draining(struct mqtt *mqtt, int64_t now_ms)
{
    sender_send(&mqtt->sender);
    if (post_counts(mqtt->post).rows > 0 && now_ms < mqtt->deadline_ms)
        return;
    tell_goodbye(mqtt->tell, "shutdown");
    sender_send(&mqtt->sender);
    enter(mqtt, STEP_GOODBYE, now_ms + GOODBYE_MS);
}

static void step_goodbye(struct mqtt *mqtt, int64_t now_ms)
{
    sender_send(&mqtt->sender);
    if (post_counts(mqtt->post).rows == 0 || now_ms >= mqtt->deadline_ms)
        begin_close(mqtt, false);
}

static void step_with_deadline(struct mqtt *mqtt, int64_t now_ms)
{
    static const char why[] = "no answer from the broker in time";

    if (now_ms < mqtt->deadline_ms)
        return;
    if (mqtt->step == STEP_CLOSING)
        on_closed(mqtt);
    else if (mqtt->step == STEP_SUBSCRIBING)
        give_up(mqtt, REASON_TROUBLE, why);
    else
        link_failed(mqtt, REASON_TROUBLE, why);
}

static void run_step(struct mqtt *mqtt)
{
    int64_t now_ms = clock_now_ms();

    switch (mqtt->step) {
    case STEP_WAITING:
        step_waiting(mqtt, now_ms);
        break;
    case STEP_ONLINE:
        step_online(mqtt, now_ms);
        break;
    case STEP_DRAINING:
        step_draining(mqtt, now_ms);
        break;
    case STEP_GOODBYE:
        step_goodbye(mqtt, now_ms);
        break;
    case STEP_CONNECTING:
    case STEP_SUBSCRIBING:
        if (!relinks(mqtt))
            step_with_deadline(mqtt, now_ms);
        break;
    case STEP_CLOSING:
        step_with_deadline(mqtt, now_ms);
        break;
    case STEP_ENDED:
        break;
    }
}

static int64_t next_deadline_ms(struct mqtt *mqtt)
{
    int64_t next = clock_earlier(mqtt->deadline_ms, tell_next_ms(mqtt->tell));

    next = clock_earlier(next, telemetry_next_ms(mqtt->telemetry));
    if (mqtt->step == STEP_ONLINE)
        next = clock_earlier(next, clock_earlier(sender_deadline_ms(&mqtt->sender),
                                                 post_next_ms(mqtt->post, clock_now_ms())));
    return next;
}

/* The worker waits for that before its ENABLE. */
static void tell_worker_of_switching(struct mqtt *mqtt)
{
    if (mqtt->step == STEP_ONLINE && post_counts(mqtt->post).urgent == 0 &&
        tell_take_switching(mqtt->tell))
        broker_told_switching(mqtt->broker, clock_now_ms());
}

static void put_outbox(struct mqtt *mqtt)
{
    const struct outbox_counts counts = post_counts(mqtt->post);
    const struct metrics_outbox outbox = {
        .rows = counts.rows,
        .bytes = counts.bytes,
        .in_flight = counts.in_flight,
        .oldest_ms = counts.oldest_ms,
        .dropped = (uint64_t)counts.dropped,
        .set_aside = (uint64_t)counts.set_aside,
    };

    metrics_set_outbox(mqtt->metrics, &outbox);
}

static void *run(void *ctx)
{
    struct mqtt *mqtt = ctx;
    struct pollfd wake = { .fd = post_fd(mqtt->post), .events = POLLIN };

    enter(mqtt, STEP_WAITING, clock_now_ms() + backoff_next_ms(&mqtt->backoff, chance()));
    while (mqtt->step != STEP_ENDED) {
        (void)poll(&wake, 1, clock_poll_ms(next_deadline_ms(mqtt)));
        post_woken(mqtt->post);
        /* First: whoever stops does not say that it tries again. */
        if (!mqtt->stopping && take_flag(mqtt, &mqtt->stop))
            begin_stop(mqtt);
        take_news(mqtt);
        commands_answer(mqtt->commands);
        tell_work(mqtt->tell);
        telemetry_work(mqtt->telemetry);
        run_step(mqtt);
        tell_worker_of_switching(mqtt);
        post_tidy(mqtt->post);
        put_outbox(mqtt);
    }
    drop_link(mqtt);
    post_tidy(mqtt->post);
    pthread_mutex_lock(&mqtt->lock);
    mqtt->ended = true;
    pthread_cond_signal(&mqtt->ended_cond);
    pthread_mutex_unlock(&mqtt->lock);
    return NULL;
}

/* --- wiring --- */

/* Paho takes a proxy from the environment, and a resolver without a network would keep it for
 * half a minute. Before the first thread. */
static void set_environment(void)
{
    static const char *const proxies[] = { "http_proxy", "https_proxy", "HTTP_PROXY",
                                           "HTTPS_PROXY" };

    for (size_t i = 0; i < ARRAY_LEN(proxies); i++)
        (void)unsetenv(proxies[i]);
    (void)setenv("RES_OPTIONS", "timeout:2 attempts:2", 0);
}

static bool build(struct mqtt *mqtt, const struct mqtt_parts *parts)
{
    const struct config *config = mqtt->config;
    const struct link_calls calls = {
        .on_message = on_message,
        .wake = on_link_news,
        .ctx = mqtt,
    };

    mqtt->post = post_new((size_t)config->mqtt.outbox_max_kib * 1024, parts->journal);
    if (!mqtt->post)
        return false;
    mqtt->proofs = proofs_new(parts->journal, config_label_of, config);
    if (!mqtt->proofs)
        return false;
    mqtt->tell =
        tell_new(config, mqtt->base, mqtt->state, mqtt->operations, mqtt->post, mqtt->proofs);
    mqtt->telemetry =
        telemetry_new(parts->samples, mqtt->base, mqtt->post, config->telemetry.publish_s);
    mqtt->commands = commands_new(parts, mqtt->base, mqtt->post, mqtt->proofs);
    mqtt->link = link_new(config, mqtt->base, &calls);
    sender_init(&mqtt->sender, mqtt->base, mqtt->link, mqtt->post, mqtt->telemetry, mqtt->bus);
    return mqtt->tell && mqtt->telemetry && mqtt->commands && mqtt->link;
}

struct mqtt *mqtt_new(const struct mqtt_parts *parts)
{
    const struct config *config = parts->config;
    struct mqtt *mqtt = calloc(1, sizeof *mqtt);
    const struct operations_scribe scribe = {
        .write = write_letters,
        .post = send_letters,
        .ctx = mqtt,
    };
    pthread_condattr_t attributes;

    if (!mqtt)
        return NULL;
    mqtt->config = config;
    mqtt->state = parts->state;
    mqtt->operations = parts->operations;
    mqtt->bus = parts->bus;
    mqtt->broker = parts->broker;
    mqtt->metrics = parts->metrics;
    mqtt->backoff = backoff_make((int64_t)config->mqtt.reconnect_min_s * 1000,
                                 (int64_t)config->mqtt.reconnect_max_s * 1000);
    pthread_mutex_init(&mqtt->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&mqtt->ended_cond, &attributes);
    pthread_condattr_destroy(&attributes);
    /* A base that does not fit is told by mqtt_start(); nothing is sent before it. */
    (void)topics_base(config->mqtt.topic_prefix, config->device_id, mqtt->base);
    if (!build(mqtt, parts)) {
        mqtt_free(mqtt);
        return NULL;
    }
    set_environment();
    bus_listen(mqtt->bus, on_bus, mqtt);
    operations_set_scribe(mqtt->operations, &scribe);
    return mqtt;
}

/* A switch that was interrupted while it waited for the broker waits for it again. */
static void take_up_switch(struct mqtt *mqtt)
{
    struct operation op;

    if (mqtt->config->mqtt.link == CONFIG_LINK_MODEM &&
        operations_list(mqtt->operations, OPERATION_RUNNING, NULL, 1, &op) > 0)
        on_operation(mqtt, &op);
}

struct error mqtt_start(struct mqtt *mqtt)
{
    struct error e = uri_check(mqtt->config);
    int rc;

    if (!e.code && !mqtt->base[0])
        e = error_field("mqtt.topic_prefix", "too long, or it has a wildcard");
    if (e.code)
        return e;
    session_load(&mqtt->session, mqtt->config->state_dir);
    take_up_switch(mqtt);
    rc = pthread_create(&mqtt->thread, NULL, run, mqtt);
    if (rc)
        return error_make(ERROR_IN_SYSTEM, ERROR_INTERNAL, rc, "no thread for mqtt");
    mqtt->started = true;
    return ERROR_OK;
}

void mqtt_reload(struct mqtt *mqtt, const struct config *config)
{
    telemetry_set_publish_s(mqtt->telemetry, config->telemetry.publish_s);
    commands_reload(mqtt->commands, config);
    post_wake(mqtt->post);
}

static struct timespec in_ms(int64_t ms)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += (time_t)(ms / 1000);
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

bool mqtt_stop(struct mqtt *mqtt)
{
    const struct timespec until = in_ms(STOP_MS);
    bool ended;

    if (!mqtt->started)
        return true;
    pthread_mutex_lock(&mqtt->lock);
    mqtt->stop = true;
    pthread_mutex_unlock(&mqtt->lock);
    post_wake(mqtt->post);
    pthread_mutex_lock(&mqtt->lock);
    while (!mqtt->ended &&
           pthread_cond_timedwait(&mqtt->ended_cond, &mqtt->lock, &until) != ETIMEDOUT)
        ;
    ended = mqtt->ended;
    pthread_mutex_unlock(&mqtt->lock);
    if (!ended)
        return false;
    pthread_join(mqtt->thread, NULL);
    mqtt->started = false;
    return true;
}

void mqtt_free(struct mqtt *mqtt)
{
    if (!mqtt)
        return;
    link_free(mqtt->link);
    commands_free(mqtt->commands);
    telemetry_free(mqtt->telemetry);
    tell_free(mqtt->tell);
    proofs_free(mqtt->proofs);
    post_free(mqtt->post);
    pthread_cond_destroy(&mqtt->ended_cond);
    pthread_mutex_destroy(&mqtt->lock);
    free(mqtt);
}
