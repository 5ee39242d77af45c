#include "mqtt/commands.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/operation/operations.h"
#include "agent/operation/plan_gather.h"
#include "agent/operation/proofs.h"
#include "agent/state/metrics.h"
#include "agent/state/reads.h"
#include "agent/state/snapshot.h"
#include "config/config.h"
#include "mqtt/command.h"
#include "mqtt/messages.h"
#include "mqtt/mqtt.h"
#include "mqtt/post.h"
#include "mqtt/quiet.h"
#include "mqtt/topics.h"

enum { ASKS = 64, RESPONSES = 16, CORRELATION_MAX = 1024 };

/* Where an end also goes: MQTT 5's request and response. */
struct response {
    size_t topic_len; /* 0: nowhere */
    size_t correlation_len;
    char topic[TOPICS_MAX];
    unsigned char correlation[CORRELATION_MAX];
};

enum ask_state { ASK_FREE = 0, ASK_WAITING, ASK_READY };

/* A read that somebody waits for. */
struct ask {
    struct commands *commands;
    enum ask_state state;
    enum config_command command;
    /* Of a plan. */
    struct profile_ref target;
    char id[ID_SENDER_MAX + 1];
    struct response response;
    /* Of ASK_READY: why the snapshot could not be brought up to date. */
    struct error error;
};

/* Who waits for the end of an enable, besides all who hear its status. */
struct waiter {
    char operation[ID_LEN + 1]; /* "": free */
    struct response response;
};

struct commands {
    const struct config *config;
    char base[TOPICS_MAX];
    struct state *state;
    struct operations *operations;
    struct journal *journal;
    struct reads *reads;
    struct metrics *metrics;
    struct post *post;
    struct proofs *proofs;
    atomic_bool has_probes; /* as of the last reload */
    pthread_mutex_t lock;
    /* under lock, which is a leaf as post's is: */
    struct ask asks[ASKS];
    struct waiter waiters[RESPONSES];
    struct quiet aliens, refusals;
};

struct commands *commands_new(const struct mqtt_parts *parts, const char *base, struct post *post,
                              struct proofs *proofs)
{
    struct commands *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->config = parts->config;
    memcpy(c->base, base, strlen(base) + 1);
    c->state = parts->state;
    c->operations = parts->operations;
    c->journal = parts->journal;
    c->reads = parts->reads;
    c->metrics = parts->metrics;
    c->post = post;
    c->proofs = proofs;
    for (size_t i = 0; i < ARRAY_LEN(c->asks); i++)
        c->asks[i].commands = c;
    pthread_mutex_init(&c->lock, NULL);
    commands_reload(c, parts->config);
    return c;
}

void commands_free(struct commands *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < ARRAY_LEN(c->asks); i++)
        assert(c->asks[i].state != ASK_WAITING); /* its reads_done would come to freed memory */
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* --- answers --- */

static struct response response_of(const struct commands *c, const struct link_message *m)
{
    struct response r = { 0 };

    if (!m->response_topic || m->correlation_len > CORRELATION_MAX ||
        !topics_may_respond(c->base, m->response_topic, m->response_topic_len))
        return r;
    r.topic_len = m->response_topic_len;
    memcpy(r.topic, m->response_topic, r.topic_len);
    r.correlation_len = m->correlation_len;
    if (r.correlation_len > 0)
        memcpy(r.correlation, m->correlation, r.correlation_len);
    return r;
}

static void respond(struct commands *c, const struct response *r, const char *payload)
{
    const struct outbox_message message = {
        .class = OUTBOX_RESPONSE,
        .topic = r->topic,
        .correlation = r->correlation,
        .correlation_len = r->correlation_len,
    };

    if (r->topic_len > 0 && payload)
        post_say(c->post, &message, strdup(payload));
}

/* To the status topic of the command and to its response topic. Takes `payload`. */
static void answer(struct commands *c, enum config_command command, const char *id,
                   const struct response *r, char *payload)
{
    char topic[TOPICS_MAX];
    const struct outbox_message message = { .class = OUTBOX_EVENT, .topic = topic };

    topics_status(c->base, command, id, topic);
    respond(c, r, payload);
    post_say(c->post, &message, payload);
}

static void log_refusal(struct commands *c, const char *kind, const char *id,
                        const struct error *error)
{
    int64_t unsaid = 0;
    bool say;

    pthread_mutex_lock(&c->lock);
    say = quiet_lets(&c->refusals, clock_now_ms(), &unsaid);
    pthread_mutex_unlock(&c->lock);
    if (say)
        log_info("mqtt command refused", LOG_STR("kind", kind), LOG_STR("id", id), LOG_ERR(error),
                 LOG_NUM_NOT_0("unsaid", unsaid));
}

static void refuse(struct commands *c, const struct topics_command *t, const struct response *r,
                   const struct problem *problem)
{
    const char *kind = t->verb == TOPICS_CANCEL    ? "cancel"
                       : t->verb == TOPICS_CONFIRM ? "confirm"
                                                   : config_command_name(t->command);

    log_refusal(c, kind, t->id, &problem->error);
    answer(c, t->command, t->id, r, messages_error(kind, t->id, "rejected", problem));
}

static void refuse_error(struct commands *c, const struct topics_command *t,
                         const struct response *r, struct error e)
{
    const struct problem problem = { .error = e };

    refuse(c, t, r, &problem);
}

/* --- enable-profile --- */

static bool same_response(const struct response *a, const struct response *b)
{
    return a->topic_len == b->topic_len && a->correlation_len == b->correlation_len &&
           memcmp(a->topic, b->topic, a->topic_len) == 0 &&
           memcmp(a->correlation, b->correlation, a->correlation_len) == 0;
}

/* Those who came first stay: nobody takes another's place by asking for the same again. */
static void expect_end(struct commands *c, const char *operation, const struct response *r)
{
    struct waiter *place = NULL;

    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < ARRAY_LEN(c->waiters); i++) {
        struct waiter *w = &c->waiters[i];

        if (!w->operation[0]) {
            place = place ? place : w;
        } else if (strcmp(w->operation, operation) == 0 && same_response(&w->response, r)) {
            place = NULL;
            break;
        }
    }
    if (place) {
        memcpy(place->operation, operation, sizeof place->operation);
        place->response = *r;
    }
    pthread_mutex_unlock(&c->lock);
}

/* False: nobody waits for it any more. */
static bool take_waiter(struct commands *c, const char *operation, struct response *ret)
{
    bool found = false;

    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < ARRAY_LEN(c->waiters) && !found; i++) {
        struct waiter *w = &c->waiters[i];

        if (strcmp(w->operation, operation) != 0)
            continue;
        *ret = w->response;
        w->operation[0] = '\0';
        found = true;
    }
    pthread_mutex_unlock(&c->lock);
    return found;
}

static void respond_to_waiters(struct commands *c, const struct operation *ended,
                               const char *payload)
{
    struct response r;

    while (take_waiter(c, ended->id, &r))
        respond(c, &r, payload);
}

void commands_tell(struct commands *c, const struct operation *op)
{
    char *payload;

    if (op->request.channel != CHANNEL_MQTT || !operation_has_ended(op))
        return;
    payload = messages_operation(op);
    respond_to_waiters(c, op, payload);
    free(payload);
}

void commands_reload(struct commands *c, const struct config *config)
{
    atomic_store(&c->has_probes, config->probe.target_count > 0);
}

static struct command_rules rules_of(const struct commands *c)
{
    return (struct command_rules){
        .commands = c->config->mqtt.commands,
        .force = c->config->mqtt.force,
        .needs_confirm = c->config->mqtt.link == CONFIG_LINK_OTHER && !atomic_load(&c->has_probes),
        .clock_is_set = clock_is_set(),
        .now_utc_ms = clock_utc_ms(),
    };
}

/* Its end goes to the Response Topic: now, or when it comes. It may come while we write down who
 * waits, so it is looked for once more. */
static void promise_end(struct commands *c, const struct operation *op, const struct response *r)
{
    struct operation now = *op;
    char *payload;

    if (r->topic_len == 0)
        return;
    if (!operation_has_ended(op)) {
        expect_end(c, op->id, r);
        if (!operations_find(c->operations, op->id, &now) || !operation_has_ended(&now))
            return;
    }
    payload = messages_operation(&now);
    if (operation_has_ended(op))
        respond(c, r, payload);
    else
        respond_to_waiters(c, &now, payload);
    free(payload);
}

/* The status is told by its letter, also of a refusal that is remembered and of what came again. */
static void enable(struct commands *c, const struct topics_command *t,
                   const struct command_message *m, const struct response *r)
{
    const struct command_rules rules = rules_of(c);
    struct operation_request request;
    struct problem problem;
    struct operation op;
    struct error e = command_to_request(&rules, m, t->id, &request);

    if (e.code)
        refuse_error(c, t, r, e);
    else if (operations_admit(c->operations, &request, NULL, &op, &problem) == ADMISSION_REFUSED &&
             op.rev == 0) {
        /* key-reused, storage-full, shutting-down: it leaves no operation, so nobody else counts it. */
        metrics_count_end(c->metrics, CHANNEL_MQTT, OPERATION_REJECTED, problem.error.code);
        refuse(c, t, r, &problem);
    } else {
        promise_end(c, &op, r);
    }
}

static bool find_operation(struct commands *c, const char *id, struct operation *ret)
{
    return operations_find_request(c->operations, CHANNEL_MQTT, id, ret) ||
           operations_find(c->operations, id, ret);
}

/* Takes `payload`. */
static void say_status(struct commands *c, const struct operation *op, const char *id,
                       char *payload)
{
    char topic[TOPICS_MAX];
    const struct outbox_message message = {
        .class = OUTBOX_ANSWER,
        .topic = topic,
        .operation = op->id,
        .rev = op->rev,
    };

    topics_status(c->base, CONFIG_COMMAND_ENABLE_PROFILE, id, topic);
    post_say(c->post, &message, payload);
}

/* Cancel or confirm. Whoever says it is answered under the id that was used, also when the operation
 * is another door's or was told before. */
static void say_word(struct commands *c, const struct topics_command *t,
                     const struct command_message *m, const struct response *r)
{
    struct problem problem = { .error = command_is_empty(m) };
    struct operation op;
    char *payload;

    if (!problem.error.code && !find_operation(c, t->id, &op))
        problem.error = error_make(ERROR_IN_AGENT, ERROR_NOT_FOUND, 0, "no such operation");
    if (!problem.error.code) {
        memcpy(problem.operation, op.id, sizeof problem.operation);
        problem.error = t->verb == TOPICS_CONFIRM
                            ? operations_confirm(c->operations, problem.operation, &op)
                            : operations_cancel(c->operations, problem.operation, &op);
    }
    if (problem.error.code) {
        refuse(c, t, r, &problem);
        return;
    }
    payload = messages_operation(&op);
    respond(c, r, payload);
    say_status(c, &op, t->id, payload);
}

/* --- lock-switch, unlock-switch --- */

static void lock_switch(struct commands *c, const struct topics_command *t,
                        const struct command_message *m, const struct response *r)
{
    struct operation_lock_request request;
    struct operation_lock lock;
    struct problem problem = { .error = command_to_lock(m, &request) };

    if (!problem.error.code) {
        problem.error = operations_lock(c->operations, &request, &lock);
        if (problem.error.code == ERROR_LOCKED)
            problem = lock_refusal(&lock);
    }
    if (problem.error.code)
        refuse(c, t, r, &problem);
    else
        answer(c, t->command, t->id, r, messages_answer(t->command, t->id, lock_to_json(&lock)));
}

static struct problem let_go(struct commands *c, const struct command_unlock *unlock)
{
    struct problem problem = {
        .error = operations_unlock(c->operations, unlock->holder, unlock->force),
    };
    struct operation_lock lock;

    if (problem.error.code == ERROR_LOCKED && operations_get_lock(c->operations, &lock))
        problem = lock_refusal(&lock);
    /* What nobody holds is as free as it was asked to be: the message may have come before. */
    if (problem.error.code == ERROR_NOT_FOUND)
        problem.error = ERROR_OK;
    return problem;
}

static void unlock_switch(struct commands *c, const struct topics_command *t,
                          const struct command_message *m, const struct response *r)
{
    const struct command_rules rules = rules_of(c);
    struct command_unlock unlock;
    struct problem problem = { .error = command_to_unlock(&rules, m, &unlock) };

    if (!problem.error.code)
        problem = let_go(c, &unlock);
    if (problem.error.code)
        refuse(c, t, r, &problem);
    else
        answer(c, t->command, t->id, r, messages_answer(t->command, t->id, cJSON_CreateObject()));
}

/* --- reads --- */

static unsigned wants_of(enum config_command command)
{
    switch (command) {
    case CONFIG_COMMAND_GET_EID:
        return READ_EID;
    case CONFIG_COMMAND_LIST_PROFILES:
    case CONFIG_COMMAND_PLAN_PROFILE:
        return READ_PROFILES;
    case CONFIG_COMMAND_GET_CONNECTIVITY:
        return READ_CONNECTIVITY;
    default:
        return 0;
    }
}

static bool snapshot_has(const struct snapshot *s, unsigned wants)
{
    return (!(wants & READ_EID) || s->has_eid) && (!(wants & READ_PROFILES) || s->has_list) &&
           (!(wants & READ_CONNECTIVITY) || s->has_connectivity);
}

static void set_ready(struct ask *ask, const struct error *error)
{
    struct commands *c = ask->commands;

    pthread_mutex_lock(&c->lock);
    ask->error = *error;
    ask->state = ASK_READY;
    pthread_mutex_unlock(&c->lock);
    post_wake(c->post);
}

static void on_read(void *ctx, const struct error *error)
{
    set_ready(ctx, error);
}

static struct ask *take_ask(struct commands *c, const struct topics_command *t,
                            const struct profile_ref *target, const struct response *r)
{
    struct ask *found = NULL;

    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < ARRAY_LEN(c->asks) && !found; i++)
        if (c->asks[i].state == ASK_FREE)
            found = &c->asks[i];
    if (found) {
        found->state = ASK_WAITING;
        found->command = t->command;
        found->target = *target;
        memcpy(found->id, t->id, sizeof found->id);
        found->response = *r;
    }
    pthread_mutex_unlock(&c->lock);
    return found;
}

/* Now when the snapshot has it, else when the worker has read it. */
static void begin_read(struct ask *ask, bool refresh)
{
    struct commands *c = ask->commands;
    unsigned wants = wants_of(ask->command);
    const struct snapshot *s = state_take(c->state);
    bool has = snapshot_has(s, wants);
    struct error e = ERROR_OK;

    snapshot_release(s);
    if (wants && (refresh || !has)) {
        e = reads_ask(c->reads, wants, on_read, ask);
        if (!e.code)
            return;
    }
    set_ready(ask, &e);
}

static void read_card(struct commands *c, const struct topics_command *t,
                      const struct command_message *m, const struct response *r)
{
    struct problem full = { .retry_after_s = 1 };
    struct profile_ref target = { .by_aid = false };
    bool refresh = false;
    struct error e = t->command == CONFIG_COMMAND_PLAN_PROFILE
                         ? command_to_plan(m, &target, &refresh)
                         : command_to_refresh(m, &refresh);
    struct ask *ask;

    if (e.code) {
        refuse_error(c, t, r, e);
        return;
    }
    ask = take_ask(c, t, &target, r);
    if (ask) {
        begin_read(ask, refresh);
        return;
    }
    full.error = error_make(ERROR_IN_AGENT, ERROR_QUEUE_FULL, 0, "%d reads wait already", ASKS);
    refuse(c, t, r, &full);
}

static char *render_failure(const struct ask *ask, struct error e)
{
    const struct problem problem = { .error = e };

    return messages_error(config_command_name(ask->command), ask->id, "failed", &problem);
}

static char *render_plan(struct commands *c, const struct ask *ask, const struct snapshot *s)
{
    const struct plan_sources sources = {
        .operations = c->operations,
        .journal = c->journal,
        .verify = config_verify_name(c->config->switching.verify),
        .rolls_back = c->config->switching.rollback,
        .label = config_label_of,
        .label_ctx = c->config,
    };
    const struct profile *target = profile_find(&s->list, &ask->target);
    struct plan plan;

    if (!target)
        return render_failure(ask, error_make(ERROR_IN_AGENT, ERROR_PROFILE_NOT_FOUND, 0,
                                              "the card has no such profile"));
    plan_gather(&sources, s, target, &plan);
    return messages_answer(ask->command, ask->id, plan_to_json(&plan));
}

/* reads_done may come for a read while the snapshot has lost it again, by a switch in between. */
static char *render_answer(struct commands *c, const struct ask *ask)
{
    const struct snapshot *s = state_take(c->state);
    struct error e = ask->error;
    char *payload;

    if (!e.code && !snapshot_has(s, wants_of(ask->command)))
        e = s->trouble.code
                ? s->trouble
                : error_make(ERROR_IN_AGENT, ERROR_CARD_BUSY, 0, "it changed meanwhile");
    if (e.code)
        payload = render_failure(ask, e);
    else if (ask->command == CONFIG_COMMAND_PLAN_PROFILE)
        payload = render_plan(c, ask, s);
    else
        payload = messages_result(ask->command, ask->id, s, proofs_find, c->proofs);
    snapshot_release(s);
    return payload;
}

static bool take_ready(struct commands *c, struct ask *ask, struct ask *ret)
{
    bool ready;

    pthread_mutex_lock(&c->lock);
    ready = ask->state == ASK_READY;
    if (ready) {
        *ret = *ask;
        ask->state = ASK_FREE;
    }
    pthread_mutex_unlock(&c->lock);
    return ready;
}

void commands_answer(struct commands *c)
{
    struct ask ready;

    for (size_t i = 0; i < ARRAY_LEN(c->asks); i++)
        if (take_ready(c, &c->asks[i], &ready))
            answer(c, ready.command, ready.id, &ready.response, render_answer(c, &ready));
}

/* --- a message --- */

static void count_alien(struct commands *c, const struct link_message *m)
{
    int64_t unsaid = 0;
    char topic[65] = "";
    bool say;

    pthread_mutex_lock(&c->lock);
    say = quiet_lets(&c->aliens, clock_now_ms(), &unsaid);
    pthread_mutex_unlock(&c->lock);
    memcpy(topic, m->topic, m->topic_len < sizeof topic ? m->topic_len : sizeof topic - 1);
    if (say)
        log_warning("mqtt message to an unknown topic: ignored", LOG_STR("topic", topic),
                    LOG_NUM_NOT_0("unsaid", unsaid));
}

int64_t commands_aliens(struct commands *c)
{
    int64_t count;

    pthread_mutex_lock(&c->lock);
    count = c->aliens.count;
    pthread_mutex_unlock(&c->lock);
    return count;
}

static void carry_out(struct commands *c, const struct topics_command *t,
                      const struct command_message *m, const struct response *r)
{
    if (t->verb == TOPICS_CANCEL || t->verb == TOPICS_CONFIRM)
        say_word(c, t, m, r);
    else if (t->command == CONFIG_COMMAND_ENABLE_PROFILE)
        enable(c, t, m, r);
    else if (t->command == CONFIG_COMMAND_LOCK_SWITCH)
        lock_switch(c, t, m, r);
    else if (t->command == CONFIG_COMMAND_UNLOCK_SWITCH)
        unlock_switch(c, t, m, r);
    else
        read_card(c, t, m, r);
}

void commands_take(struct commands *c, const struct link_message *message)
{
    const struct topics_command t = topics_parse(c->base, message->topic, message->topic_len);
    const struct command_message m = { .payload = message->payload,
                                       .len = message->len,
                                       .retained = message->retained,
                                       .expiry_s = message->expiry_s };
    const struct command_rules rules = rules_of(c);
    struct response r;
    struct error e;

    /* An empty retained message clears a retained one: it asks for nothing. */
    if (t.verb == TOPICS_OURS || (m.retained && m.len == 0 && t.verb != TOPICS_ALIEN))
        return;
    if (t.verb == TOPICS_ALIEN) {
        count_alien(c, message);
        return;
    }
    r = response_of(c, message);
    e = command_check(&rules, t.command, &m);
    if (e.code)
        refuse_error(c, &t, &r, e);
    else
        carry_out(c, &t, &m, &r);
}
