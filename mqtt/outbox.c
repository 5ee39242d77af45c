#include "mqtt/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "mqtt/reason.h"

enum {
    /* PUBLISH around topic and payload: fixed header 5, lengths and id 4, properties 4 + 3. */
    PACKET_AROUND = 5 + 4 + 4 + 3,
    QUOTA_DOUBLINGS = 9,
};

struct outbox {
    size_t cap_bytes;
    struct outbox_row *first, **end;
    int64_t last_number;
    struct outbox_counts counts;
};

struct outbox *outbox_new(size_t cap_bytes)
{
    struct outbox *outbox = calloc(1, sizeof *outbox);

    if (!outbox)
        return NULL;
    outbox->cap_bytes = cap_bytes;
    outbox->end = &outbox->first;
    return outbox;
}

static size_t size_of(const struct outbox_row *row)
{
    return sizeof *row + row->packet_len;
}

/* The row and its texts are one block. */
static struct outbox_row *row_new(const struct outbox_message *m)
{
    size_t topic_size = strlen(m->topic) + 1;
    size_t payload_size = strlen(m->payload) + 1;
    struct outbox_row *row =
        calloc(1, sizeof *row + topic_size + payload_size + m->correlation_len);
    char *at;

    if (!row)
        return NULL;
    at = (char *)(row + 1);
    row->message = *m;
    row->message.topic = memcpy(at, m->topic, topic_size);
    row->message.payload = memcpy(at + topic_size, m->payload, payload_size);
    if (m->correlation_len > 0)
        row->message.correlation =
            memcpy(at + topic_size + payload_size, m->correlation, m->correlation_len);
    if (m->operation)
        strncpy(row->operation, m->operation, ID_LEN);
    row->message.operation = m->operation ? row->operation : NULL;
    row->payload_len = payload_size - 1;
    row->packet_len = topic_size + payload_size + m->correlation_len + PACKET_AROUND;
    return row;
}

/* Takes `*at` out of the list and frees it. */
static void remove_at(struct outbox *outbox, struct outbox_row **at)
{
    struct outbox_row *row = *at;

    *at = row->next;
    if (!row->next)
        outbox->end = at;
    outbox->counts.rows--;
    outbox->counts.bytes -= size_of(row);
    if (row->in_flight)
        outbox->counts.in_flight--;
    free(row);
}

void outbox_free(struct outbox *outbox)
{
    if (!outbox)
        return;
    while (outbox->first)
        remove_at(outbox, &outbox->first);
    free(outbox);
}

static bool may_drop(enum outbox_class class)
{
    return class == OUTBOX_EVENT || class == OUTBOX_RESPONSE;
}

static bool same_topic(const struct outbox_message *a, const struct outbox_message *b)
{
    return strcmp(a->topic, b->topic) == 0;
}

static bool same_operation(const struct outbox_message *a, const struct outbox_message *b)
{
    return a->operation && b->operation && strcmp(a->operation, b->operation) == 0;
}

/* `newer` says all that `older` said. */
static bool replaces(const struct outbox_message *newer, const struct outbox_message *older)
{
    if (older->class == OUTBOX_LATEST)
        return newer->class == OUTBOX_LATEST && same_topic(newer, older);
    return older->class == OUTBOX_STATUS && same_operation(newer, older) &&
           same_topic(newer, older);
}

static void remove_replaced(struct outbox *outbox, const struct outbox_message *by)
{
    struct outbox_row **at = &outbox->first;

    while (*at)
        if (!(*at)->in_flight && replaces(by, &(*at)->message))
            remove_at(outbox, at);
        else
            at = &(*at)->next;
}

/* Makes room for `size` bytes. */
static bool make_room(struct outbox *outbox, size_t size)
{
    struct outbox_row **at = &outbox->first;

    while (*at && outbox->counts.bytes + size > outbox->cap_bytes)
        if (!(*at)->in_flight && may_drop((*at)->message.class)) {
            remove_at(outbox, at);
            outbox->counts.dropped++;
        } else {
            at = &(*at)->next;
        }
    return outbox->counts.bytes + size <= outbox->cap_bytes;
}

bool outbox_put(struct outbox *outbox, const struct outbox_message *message)
{
    struct outbox_row *row = row_new(message);

    if (!row)
        return false;
    remove_replaced(outbox, message);
    if (!make_room(outbox, size_of(row)) && may_drop(message->class)) {
        outbox->counts.dropped++;
        free(row);
        return false;
    }
    row->number = ++outbox->last_number;
    *outbox->end = row;
    outbox->end = &row->next;
    outbox->counts.rows++;
    outbox->counts.bytes += size_of(row);
    return true;
}

/* Has to wait for an older row: the statuses of an operation and the values of a topic go one after
 * the other, so that none overtakes when the broker puts one off. */
static bool is_blocked(const struct outbox *outbox, const struct outbox_row *row)
{
    const struct outbox_message *m = &row->message;

    if (!m->operation && m->class != OUTBOX_LATEST)
        return false;
    for (const struct outbox_row *r = outbox->first; r != row; r = r->next)
        if (same_operation(&r->message, m) ||
            (m->class == OUTBOX_LATEST && r->message.class == OUTBOX_LATEST &&
             same_topic(&r->message, m)))
            return true;
    return false;
}

static bool may_go(const struct outbox *outbox, const struct outbox_row *row, int64_t now_ms)
{
    return !row->in_flight && row->not_before_ms <= now_ms && !is_blocked(outbox, row);
}

static void set_aside(struct outbox *outbox, struct outbox_row **at)
{
    remove_at(outbox, at);
    outbox->counts.set_aside++;
}

static void set_aside_too_long(struct outbox *outbox, size_t max_packet)
{
    struct outbox_row **at = &outbox->first;

    while (*at)
        if (!(*at)->in_flight && (*at)->packet_len > max_packet)
            set_aside(outbox, at);
        else
            at = &(*at)->next;
}

const struct outbox_row *outbox_next(struct outbox *outbox, int64_t now_ms, size_t max_in_flight,
                                     size_t max_packet)
{
    struct outbox_row *found = NULL;

    if (max_in_flight > OUTBOX_IN_FLIGHT_MAX)
        max_in_flight = OUTBOX_IN_FLIGHT_MAX;
    if (outbox->counts.in_flight >= max_in_flight)
        return NULL;
    set_aside_too_long(outbox, max_packet);
    for (struct outbox_row *r = outbox->first; r; r = r->next)
        if ((!found || (r->message.urgent && !found->message.urgent)) && may_go(outbox, r, now_ms))
            found = r;
    if (found) {
        found->in_flight = true;
        outbox->counts.in_flight++;
    }
    return found;
}

int64_t outbox_next_ms(const struct outbox *outbox, int64_t now_ms)
{
    int64_t next = CLOCK_NEVER;

    for (const struct outbox_row *r = outbox->first; r; r = r->next)
        if (!r->in_flight && r->not_before_ms > now_ms && r->not_before_ms < next)
            next = r->not_before_ms;
    return next;
}

static struct outbox_row **find_in_flight(struct outbox *outbox, int64_t number)
{
    for (struct outbox_row **at = &outbox->first; *at; at = &(*at)->next)
        if ((*at)->number == number && (*at)->in_flight)
            return at;
    return NULL;
}

/* A row waits again; a newer one may have come that says all of it: then it leaves, and true. */
static bool wait_again(struct outbox *outbox, struct outbox_row **at)
{
    struct outbox_row *row = *at;

    row->in_flight = false;
    outbox->counts.in_flight--;
    for (const struct outbox_row *r = row->next; r; r = r->next)
        if (replaces(&r->message, &row->message)) {
            remove_at(outbox, at);
            return true;
        }
    return false;
}

enum outbox_ack outbox_acked(struct outbox *outbox, int64_t number, int reason, int64_t now_ms)
{
    struct outbox_row **at = find_in_flight(outbox, number);

    if (!at)
        return OUTBOX_GONE;
    if (reason < REASON_FAILURE) {
        remove_at(outbox, at);
        return OUTBOX_DELIVERED;
    }
    /* A response is sent once at most. */
    if (reason != REASON_QUOTA_EXCEEDED || (*at)->message.class == OUTBOX_RESPONSE) {
        set_aside(outbox, at);
        return OUTBOX_SET_ASIDE;
    }
    int64_t wait = (int64_t)OUTBOX_QUOTA_MIN_MS << (*at)->quotas;
    (*at)->not_before_ms = now_ms + (wait < OUTBOX_QUOTA_MAX_MS ? wait : OUTBOX_QUOTA_MAX_MS);
    if ((*at)->quotas < QUOTA_DOUBLINGS)
        (*at)->quotas++;
    (void)wait_again(outbox, at);
    return OUTBOX_AGAIN;
}

void outbox_returned(struct outbox *outbox, int64_t number)
{
    struct outbox_row **at = find_in_flight(outbox, number);

    if (at)
        (void)wait_again(outbox, at);
}

void outbox_lost(struct outbox *outbox)
{
    struct outbox_row **at = &outbox->first;

    while (*at)
        if ((*at)->in_flight && (*at)->message.class == OUTBOX_RESPONSE)
            remove_at(outbox, at);
        else if (!(*at)->in_flight || !wait_again(outbox, at))
            at = &(*at)->next;
}

void outbox_withdraw(struct outbox *outbox, const char *topic)
{
    struct outbox_row **at = &outbox->first;

    while (*at)
        if (!(*at)->in_flight && strcmp((*at)->message.topic, topic) == 0)
            remove_at(outbox, at);
        else
            at = &(*at)->next;
}

struct outbox_counts outbox_counts(const struct outbox *outbox)
{
    return outbox->counts;
}
