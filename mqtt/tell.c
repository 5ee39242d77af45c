#include "mqtt/tell.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/id.h"
#include "agent/operation/operations.h"
#include "agent/operation/proofs.h"
#include "config/config.h"
#include "mqtt/messages.h"
#include "mqtt/post.h"
#include "mqtt/topics.h"
#include "mqtt/twin.h"

enum {
    TWIN_OPERATIONS = 10,
    /* A modem that storms must not make a storm of messages. */
    EVENT_INTERVAL_MS = 5000,
    /* An operation mostly begins at once; the document is the longest of all, so that is waited for. */
    ACCEPTED_MS = 1000,
    JOURNAL_NOTES = 4,
};

/* What has changed; a set. */
enum change {
    CHANGE_HEALTH = 1 << 0,
    CHANGE_INFO = 1 << 1,
    CHANGE_ESIM = 1 << 2,
    CHANGE_CONNECTIVITY = 1 << 3,
    CHANGE_OPERATIONS = 1 << 4,
    CHANGE_SIM = 1 << 5,
    CHANGE_MODEM = 1 << 6,
    CHANGE_ACCEPTED = 1 << 7, /* an operation, which has not begun */
    CHANGE_DOCUMENTS = CHANGE_INFO | CHANGE_ESIM | CHANGE_CONNECTIVITY | CHANGE_OPERATIONS,
};

enum document {
    DOCUMENT_INFO = 0,
    DOCUMENT_ESIM,
    DOCUMENT_CONNECTIVITY,
    DOCUMENT_OPERATIONS,
    DOCUMENTS
};

static const char *const document_topics[DOCUMENTS] = {
    [DOCUMENT_INFO] = "info",
    [DOCUMENT_ESIM] = "twin/esim",
    [DOCUMENT_CONNECTIVITY] = "twin/connectivity",
    [DOCUMENT_OPERATIONS] = "twin/operations",
};

/* Something that happened to the journal, until it is told. */
struct journal_note {
    char what[16], detail[TOPICS_MAX + 64];
};

struct tell {
    const struct config *config;
    char base[TOPICS_MAX];
    struct state *state;
    struct operations *operations;
    struct post *post;
    struct proofs *proofs;
    /* of the link's thread: */
    char *told[DOCUMENTS]; /* the texts told last; NULL: nothing yet */
    bool told_a_reading;
    struct connectivity told_connectivity;
    struct twin_pace twin_pace;
    enum modem_state told_modem;
    enum error_code told_trouble;
    int64_t next_sim_ms, next_modem_ms, next_journal_ms;
    int64_t accepted_ms; /* when it is told that one waits; CLOCK_NEVER: no need */
    bool sim_waits, modem_waits, journal_waits;
    bool online, said_switching;
    int64_t session, since_utc_ms;
    pthread_mutex_t lock;
    /* under lock, a leaf: */
    unsigned changes; /* enum change */
    int64_t switching_until_utc_ms;
    size_t journal_count;
    struct journal_note journal[JOURNAL_NOTES];
};

/* A switch that was cut off goes on with this start: its presence is that of a switch from the first
 * word on. 0: there is none. */
static int64_t left_running_until_ms(struct operations *operations)
{
    struct operation *op = calloc(1, sizeof *op);
    int64_t until_ms = 0;

    if (op && operations_list(operations, OPERATION_RUNNING, NULL, 1, op) == 1)
        until_ms = op->ends_by_utc_ms;
    free(op);
    return until_ms;
}

struct tell *tell_new(const struct config *config, const char *base, struct state *state,
                      struct operations *operations, struct post *post, struct proofs *proofs)
{
    struct tell *tell = calloc(1, sizeof *tell);

    if (!tell)
        return NULL;
    tell->config = config;
    memcpy(tell->base, base, strlen(base) + 1);
    tell->state = state;
    tell->operations = operations;
    tell->post = post;
    tell->proofs = proofs;
    tell->changes = CHANGE_DOCUMENTS;
    tell->accepted_ms = CLOCK_NEVER;
    tell->switching_until_utc_ms = left_running_until_ms(operations);
    pthread_mutex_init(&tell->lock, NULL);
    return tell;
}

void tell_free(struct tell *tell)
{
    if (!tell)
        return;
    for (size_t i = 0; i < DOCUMENTS; i++)
        free(tell->told[i]);
    pthread_mutex_destroy(&tell->lock);
    free(tell);
}

/* --- putting --- */

/* The event, but for what all have; kept on disk. */
static void say_event(struct tell *tell, const char *rest, struct messages_event event)
{
    char id[ID_LEN + 1], topic[TOPICS_MAX];
    const struct outbox_message message = { .class = OUTBOX_EVENT, .topic = topic };

    event.id = id;
    event.at_utc_ms = clock_utc_ms();
    event.clock_is_set = clock_is_set();
    id_make(event.at_utc_ms, id);
    topics_of(tell->base, rest, topic);
    post_say_kept(tell->post, &message, messages_event(&event));
}

static void say_retained(struct tell *tell, const char *rest, bool urgent, char *payload)
{
    char topic[TOPICS_MAX];
    const struct outbox_message message = {
        .class = OUTBOX_LATEST,
        .topic = topic,
        .retained = true,
        .urgent = urgent,
    };

    topics_of(tell->base, rest, topic);
    post_say(tell->post, &message, payload);
}

/* --- the bus --- */

static void note(struct tell *tell, unsigned changes)
{
    pthread_mutex_lock(&tell->lock);
    tell->changes |= changes;
    pthread_mutex_unlock(&tell->lock);
    post_wake(tell->post);
}

static void note_switching(struct tell *tell, int64_t until_utc_ms)
{
    pthread_mutex_lock(&tell->lock);
    if (tell->switching_until_utc_ms != until_utc_ms)
        tell->changes |= CHANGE_HEALTH;
    tell->switching_until_utc_ms = until_utc_ms;
    pthread_mutex_unlock(&tell->lock);
    post_wake(tell->post);
}

/* Under lock. */
static void forget_note(struct tell *tell)
{
    tell->journal_count--;
    memmove(&tell->journal[0], &tell->journal[1], tell->journal_count * sizeof tell->journal[0]);
}

/* A storm of them forgets the oldest. */
static void note_journal(struct tell *tell, const struct bus_journal *news)
{
    struct journal_note *note;

    pthread_mutex_lock(&tell->lock);
    if (tell->journal_count == JOURNAL_NOTES)
        forget_note(tell);
    note = &tell->journal[tell->journal_count++];
    (void)snprintf(note->what, sizeof note->what, "%s", news->what);
    (void)snprintf(note->detail, sizeof note->detail, "%s", news->detail ? news->detail : "");
    pthread_mutex_unlock(&tell->lock);
    post_wake(tell->post);
}

static void on_operation(struct tell *tell, const struct operation *op)
{
    bool ended = operation_has_ended(op);

    if (ended && op->started_utc_ms) {
        note_switching(tell, 0);
        /* Of its profile there is a new proof, or a last error. */
        note(tell, CHANGE_ESIM);
    }
    /* Not at each phase. */
    if (ended || op->phase_count == 1)
        note(tell, CHANGE_OPERATIONS);
    else if (op->phase_count == 0)
        note(tell, CHANGE_ACCEPTED);
}

void tell_on_bus(struct tell *tell, enum bus_event event, const void *data)
{
    switch (event) {
    case BUS_OPERATION:
        on_operation(tell, data);
        break;
    case BUS_OPERATION_AGAIN:
        break;
    case BUS_PROFILES:
        say_event(tell, "e/profiles",
                  (struct messages_event){ .by = ((const struct bus_profiles *)data)->by });
        note(tell, CHANGE_ESIM | CHANGE_INFO);
        break;
    case BUS_CONNECTIVITY:
        note(tell, CHANGE_CONNECTIVITY);
        break;
    case BUS_MODEM:
        note(tell, CHANGE_MODEM | CHANGE_INFO | CHANGE_ESIM);
        break;
    case BUS_SIM:
        note(tell, CHANGE_SIM);
        break;
    case BUS_JOURNAL:
        note_journal(tell, data);
        break;
    case BUS_SWITCHING:
        note_switching(tell, ((const struct bus_switching *)data)->until_utc_ms);
        break;
    case BUS_LIST:
        note(tell, CHANGE_ESIM);
        break;
    case BUS_HEALTH:
        break;
    }
}

/* --- the link's thread --- */

/* Takes `text`; NULL: no memory, what was told stays. */
static void tell_document(struct tell *tell, enum document which, char *text)
{
    if (!text)
        return;
    if (tell->told[which] && strcmp(tell->told[which], text) == 0) {
        free(text);
        return;
    }
    say_retained(tell, document_topics[which], false, strdup(text));
    free(tell->told[which]);
    tell->told[which] = text;
}

static void tell_esim(struct tell *tell, const struct snapshot *s)
{
    /* While the list is dropped, what was told before is still the best there is. */
    if (s->has_list || (s->has_eid && !tell->told[DOCUMENT_ESIM]))
        tell_document(tell, DOCUMENT_ESIM, messages_esim(s, proofs_find, tell->proofs));
}

/* What is not told for its pace is looked at again with the next reading. */
static void tell_connectivity(struct tell *tell, const struct snapshot *s)
{
    if (!s->has_connectivity ||
        (tell->told_a_reading &&
         !twin_may_tell(&tell->twin_pace, twin_news_of(&tell->told_connectivity, &s->connectivity),
                        clock_now_ms())))
        return;
    tell->told_a_reading = true;
    tell->told_connectivity = s->connectivity;
    tell_document(tell, DOCUMENT_CONNECTIVITY, messages_connectivity(s));
}

static void tell_operations(struct tell *tell)
{
    struct operation *ops = calloc(TWIN_OPERATIONS, sizeof *ops);
    size_t count;

    if (!ops)
        return;
    count = operations_list(tell->operations, OPERATION_NONE, NULL, TWIN_OPERATIONS, ops);
    if (count > 0)
        tell_document(tell, DOCUMENT_OPERATIONS, messages_operations(ops, count));
    free(ops);
}

static void tell_health(struct tell *tell, int64_t switching_until_utc_ms)
{
    const struct messages_health health = {
        .session = tell->session,
        .since_utc_ms = tell->since_utc_ms,
        .clock_is_set = clock_is_set(),
        .switching_until_utc_ms = switching_until_utc_ms,
    };

    if (!tell->online)
        return;
    say_retained(tell, "status/health", true, messages_online(&health));
    tell->said_switching = switching_until_utc_ms != 0;
}

bool tell_take_switching(struct tell *tell)
{
    bool said = tell->said_switching;

    tell->said_switching = false;
    return said;
}

/* "ready" is only what nothing stands in the way of. */
static const char *modem_state_of(const struct snapshot *s)
{
    if (s->modem != MODEM_READY)
        return "absent";
    return s->trouble.code ? "degraded" : "ready";
}

static void tell_modem(struct tell *tell, const struct snapshot *s, int64_t now_ms)
{
    if (!tell->modem_waits || now_ms < tell->next_modem_ms)
        return;
    tell->modem_waits = false;
    if (s->modem == tell->told_modem && s->trouble.code == tell->told_trouble)
        return;
    tell->told_modem = s->modem;
    tell->told_trouble = s->trouble.code;
    tell->next_modem_ms = now_ms + EVENT_INTERVAL_MS;
    say_event(tell, "e/modem",
              (struct messages_event){ .state = modem_state_of(s), .error = &s->trouble });
}

static void tell_sim(struct tell *tell, int64_t now_ms)
{
    if (!tell->sim_waits || now_ms < tell->next_sim_ms)
        return;
    tell->sim_waits = false;
    tell->next_sim_ms = now_ms + EVENT_INTERVAL_MS;
    say_event(tell, "e/sim", (struct messages_event){ 0 });
}

/* The oldest note, when it is time for one. */
static bool take_journal_note(struct tell *tell, int64_t now_ms, struct journal_note *ret)
{
    bool taken;

    pthread_mutex_lock(&tell->lock);
    taken = tell->journal_count > 0 && now_ms >= tell->next_journal_ms;
    if (taken) {
        *ret = tell->journal[0];
        forget_note(tell);
    }
    tell->journal_waits = tell->journal_count > 0;
    pthread_mutex_unlock(&tell->lock);
    return taken;
}

static void tell_journal(struct tell *tell, int64_t now_ms)
{
    struct journal_note note;

    if (!take_journal_note(tell, now_ms, &note))
        return;
    tell->next_journal_ms = now_ms + EVENT_INTERVAL_MS;
    say_event(tell, "e/journal",
              (struct messages_event){ .what = note.what,
                                       .detail = note.detail[0] ? note.detail : NULL });
}

/* With whatever comes next. */
static void look_again(struct tell *tell, unsigned changes)
{
    pthread_mutex_lock(&tell->lock);
    tell->changes |= changes;
    pthread_mutex_unlock(&tell->lock);
}

static void tell_documents(struct tell *tell, const struct snapshot *s, unsigned changes)
{
    if (changes & CHANGE_INFO)
        tell_document(tell, DOCUMENT_INFO,
                      messages_info(s, tell->config->device_id, tell->config->mqtt.commands,
                                    tell->config->mqtt.force));
    if (changes & CHANGE_ESIM)
        tell_esim(tell, s);
    /* The list is read anew after a switch: then it is looked at again. */
    if (changes & CHANGE_ESIM && !s->has_list)
        look_again(tell, CHANGE_ESIM);
    if (changes & CHANGE_CONNECTIVITY)
        tell_connectivity(tell, s);
    if (changes & CHANGE_OPERATIONS) {
        tell->accepted_ms = CLOCK_NEVER;
        tell_operations(tell);
    }
}

void tell_work(struct tell *tell)
{
    const struct snapshot *s;
    int64_t now_ms = clock_now_ms();
    int64_t until;
    unsigned changes;

    pthread_mutex_lock(&tell->lock);
    changes = tell->changes;
    tell->changes = 0;
    until = tell->switching_until_utc_ms;
    pthread_mutex_unlock(&tell->lock);
    if (changes & CHANGE_HEALTH)
        tell_health(tell, until);
    tell_journal(tell, now_ms);
    if ((changes & CHANGE_ACCEPTED) && tell->accepted_ms == CLOCK_NEVER)
        tell->accepted_ms = now_ms + ACCEPTED_MS;
    if (now_ms >= tell->accepted_ms)
        changes |= CHANGE_OPERATIONS;
    tell->sim_waits |= (changes & CHANGE_SIM) != 0;
    tell->modem_waits |= (changes & CHANGE_MODEM) != 0;
    if (!(changes & CHANGE_DOCUMENTS) && !tell->sim_waits && !tell->modem_waits)
        return;
    s = state_take(tell->state);
    tell_documents(tell, s, changes);
    tell_modem(tell, s, now_ms);
    tell_sim(tell, now_ms);
    snapshot_release(s);
}

int64_t tell_next_ms(const struct tell *tell)
{
    int64_t next = tell->accepted_ms;

    if (tell->sim_waits && tell->next_sim_ms < next)
        next = tell->next_sim_ms;
    if (tell->modem_waits && tell->next_modem_ms < next)
        next = tell->next_modem_ms;
    if (tell->journal_waits && tell->next_journal_ms < next)
        next = tell->next_journal_ms;
    return next;
}

void tell_forget(struct tell *tell)
{
    for (size_t i = 0; i < DOCUMENTS; i++) {
        free(tell->told[i]);
        tell->told[i] = NULL;
    }
    tell->told_a_reading = false;
    note(tell, CHANGE_DOCUMENTS);
}

/* What changed while the link was down is noted or waits already. */
void tell_online(struct tell *tell, int64_t session)
{
    tell->online = true;
    tell->session = session;
    tell->since_utc_ms = clock_utc_ms();
    note(tell, CHANGE_HEALTH);
}

void tell_offline(struct tell *tell)
{
    char topic[TOPICS_MAX];

    tell->online = false;
    topics_of(tell->base, "status/health", topic);
    post_withdraw(tell->post, topic);
}

void tell_goodbye(struct tell *tell, const char *reason)
{
    tell->online = false;
    say_retained(tell, "status/health", true,
                 messages_offline(tell->session, reason, clock_utc_ms(), clock_is_set()));
}
