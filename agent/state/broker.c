#include "agent/state/broker.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/base/clock.h"

struct broker {
    void (*wake)(void *ctx);
    void *wake_ctx;
    pthread_mutex_t lock;
    /* under lock: */
    struct broker_facts facts;
};

struct broker *broker_new(void)
{
    struct broker *broker = calloc(1, sizeof *broker);

    if (broker)
        pthread_mutex_init(&broker->lock, NULL);
    return broker;
}

void broker_free(struct broker *broker)
{
    if (!broker)
        return;
    pthread_mutex_destroy(&broker->lock);
    free(broker);
}

void broker_set_wake(struct broker *broker, void (*wake)(void *ctx), void *ctx)
{
    broker->wake = wake;
    broker->wake_ctx = ctx;
}

static void let_go(struct broker *broker)
{
    pthread_mutex_unlock(&broker->lock);
    if (broker->wake)
        broker->wake(broker->wake_ctx);
}

void broker_accepted(struct broker *broker, int64_t begun_ms, int64_t at_ms)
{
    pthread_mutex_lock(&broker->lock);
    broker->facts.accepted_begun_ms = begun_ms;
    broker->facts.accepted_at_ms = at_ms;
    broker->facts.accepted_utc_ms = clock_utc_ms() - (clock_now_ms() - at_ms);
    broker->facts.online = broker->facts.was_online = true;
    broker->facts.trouble[0] = '\0';
    let_go(broker);
}

void broker_refused(struct broker *broker, int64_t begun_ms, int64_t at_ms)
{
    pthread_mutex_lock(&broker->lock);
    broker->facts.refused_begun_ms = begun_ms;
    broker->facts.refused_at_ms = at_ms;
    let_go(broker);
}

void broker_lost(struct broker *broker)
{
    pthread_mutex_lock(&broker->lock);
    broker->facts.online = false;
    let_go(broker);
}

void broker_failed(struct broker *broker, const char *why, bool refused)
{
    pthread_mutex_lock(&broker->lock);
    (void)snprintf(broker->facts.trouble, sizeof broker->facts.trouble, "%s", why);
    broker->facts.trouble_is_refusal = refused;
    pthread_mutex_unlock(&broker->lock);
}

void broker_remember(struct broker *broker, int64_t at_ms)
{
    pthread_mutex_lock(&broker->lock);
    broker->facts.remembers = true;
    broker->facts.remembered_at_ms = at_ms;
    pthread_mutex_unlock(&broker->lock);
}

void broker_told_switching(struct broker *broker, int64_t at_ms)
{
    pthread_mutex_lock(&broker->lock);
    broker->facts.switching_told_ms = at_ms;
    let_go(broker);
}

struct broker_facts broker_facts(struct broker *broker)
{
    struct broker_facts facts;

    pthread_mutex_lock(&broker->lock);
    facts = broker->facts;
    pthread_mutex_unlock(&broker->lock);
    return facts;
}
