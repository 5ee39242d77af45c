#include "mqtt/outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "mqtt/reason.h"

enum {
    /* PUBLISH around topic and payload: fixed header 5, lengths and id 4, properties 4 + 3
     * (the head of Correlation Data, or an alias). */
    PACKET_AROUND = 5 + 4 + 4 + 3,
    QUOTA_DOUBLINGS = 9,
    BUCKETS = 256,
    PACKET_TOO_LARGE = 0x95,
};

/* The rows are a list in the order of their coming, telemetry behind all others. Those that have to
 * go one after the other (of an operation, of a retained topic) are found through buckets, oldest
 * first, so that nobody who makes us put many can make each of them cost a walk over all. */
struct outbox {
    size_t cap_bytes;
    struct outbox_row *first, *last;
    struct outbox_row *telemetry; /* the first of it */
    struct outbox_row *thin_next; /* where thinning goes on; NULL: at the first of it */
    struct outbox_row *buckets[BUCKETS];
    int64_t last_number;
    struct outbox_counts counts;
    /* Bytes that may be dropped now: neither in flight nor to be kept. */
    size_t droppable_bytes;
    /* Of these, telemetry. */
    size_t thinnable_bytes;
    size_t outcomes, put_off;
    struct outbox_left left;
    int64_t done[OUTBOX_DONE_MAX];
    size_t done_count;
    bool has_aside;
    struct outbox_aside aside;
};

struct outbox *outbox_new(size_t cap_bytes)
{
    struct outbox *outbox = calloc(1, sizeof *outbox);

    if (!outbox)
        return NULL;
    outbox->cap_bytes = cap_bytes;
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

static bool may_drop(enum outbox_class class)
{
    return class == OUTBOX_EVENT || class == OUTBOX_RESPONSE || class == OUTBOX_ANSWER ||
           class == OUTBOX_TELEMETRY;
}

static bool is_telemetry(const struct outbox_row *row)
{
    return row->message.class == OUTBOX_TELEMETRY;
}

static bool same_topic(const struct outbox_message *a, const struct outbox_message *b)
{
    return strcmp(a->topic, b->topic) == 0;
}

static bool same_operation(const struct outbox_message *a, const struct outbox_message *b)
{
    return a->operation && b->operation && strcmp(a->operation, b->operation) == 0;
}

/* They have to go one after the other. */
static bool same_line(const struct outbox_message *a, const struct outbox_message *b)
{
    return same_operation(a, b) ||
           (a->class == OUTBOX_LATEST && b->class == OUTBOX_LATEST && same_topic(a, b));
}

/* NULL: it goes whenever it may. */
static struct outbox_row **bucket_of(struct outbox *outbox, const struct outbox_message *m)
{
    const char *key = m->operation ? m->operation : m->class == OUTBOX_LATEST ? m->topic : NULL;
    uint32_t hash = UINT32_C(0x811C9DC5); /* FNV-1a */

    for (const char *at = key; at && *at; at++)
        hash = (hash ^ (unsigned char)*at) * UINT32_C(0x01000193);
    return key ? &outbox->buckets[hash % BUCKETS] : NULL;
}

/* Counts what hangs on where the row is; before and after that changes. */
static void count_state(struct outbox *outbox, const struct outbox_row *row, bool add)
{
    const size_t one = add ? 1 : (size_t)-1;

    if (row->in_flight)
        outbox->counts.in_flight += one;
    else if (may_drop(row->message.class))
        outbox->droppable_bytes += one * size_of(row);
    if (!row->in_flight && is_telemetry(row))
        outbox->thinnable_bytes += one * size_of(row);
    if (row->not_before_ms > 0)
        outbox->put_off += one;
}

static void count_row(struct outbox *outbox, const struct outbox_row *row, bool add)
{
    const size_t one = add ? 1 : (size_t)-1;

    outbox->counts.rows += one;
    outbox->counts.bytes += one * size_of(row);
    if (row->message.class == OUTBOX_OUTCOME)
        outbox->outcomes += one;
    if (row->message.urgent)
        outbox->counts.urgent += one;
    count_state(outbox, row, add);
}

/* NULL: to the end. */
static void link_row(struct outbox *outbox, struct outbox_row *row, struct outbox_row *before)
{
    row->next = before;
    row->before = before ? before->before : outbox->last;
    *(row->before ? &row->before->next : &outbox->first) = row;
    *(before ? &before->before : &outbox->last) = row;
}

static void append_row(struct outbox *outbox, struct outbox_row *row)
{
    struct outbox_row **chain = bucket_of(outbox, &row->message);

    row->number = ++outbox->last_number;
    link_row(outbox, row, is_telemetry(row) ? NULL : outbox->telemetry);
    if (is_telemetry(row) && !outbox->telemetry)
        outbox->telemetry = row;
    while (chain && *chain)
        chain = &(*chain)->chain;
    if (chain)
        *chain = row;
    count_row(outbox, row, true);
}

/* Out of memory; its letter stays. */
static void forget_row(struct outbox *outbox, struct outbox_row *row)
{
    struct outbox_row **chain = bucket_of(outbox, &row->message);

    *(row->before ? &row->before->next : &outbox->first) = row->next;
    *(row->next ? &row->next->before : &outbox->last) = row->before;
    if (outbox->telemetry == row)
        outbox->telemetry = row->next;
    if (outbox->thin_next == row)
        outbox->thin_next = row->next;
    while (chain && *chain != row)
        chain = &(*chain)->chain;
    if (chain)
        *chain = row->chain;
    count_row(outbox, row, false);
    free(row);
}

static void note_done(struct outbox *outbox, int64_t letter)
{
    if (letter && outbox->done_count < OUTBOX_DONE_MAX)
        outbox->done[outbox->done_count++] = letter;
}

/* For good. */
static void remove_row(struct outbox *outbox, struct outbox_row *row)
{
    note_done(outbox, row->message.letter);
    forget_row(outbox, row);
}

size_t outbox_take_done(struct outbox *outbox, size_t cap, int64_t *ret)
{
    size_t count = outbox->done_count < cap ? outbox->done_count : cap;

    outbox->done_count -= count;
    memcpy(ret, outbox->done + outbox->done_count, count * sizeof *ret);
    return count;
}

void outbox_free(struct outbox *outbox)
{
    if (!outbox)
        return;
    while (outbox->first)
        forget_row(outbox, outbox->first);
    free(outbox);
}

/* `newer` says all that `older` said. */
static bool replaces(const struct outbox_message *newer, const struct outbox_message *older)
{
    if (!same_line(newer, older) || !same_topic(newer, older))
        return false;
    return older->class == OUTBOX_LATEST ||
           (older->class != OUTBOX_OUTCOME && older->rev < newer->rev);
}

/* It will tell the same as `m`, for certain. One in flight may have been told before the one who asks
 * now began to listen; one that may be dropped does not stand in for an outcome. */
static bool says_same(const struct outbox_row *row, const struct outbox_message *m)
{
    return row->message.rev == m->rev && !row->in_flight &&
           (m->class != OUTBOX_OUTCOME || row->message.class == OUTBOX_OUTCOME);
}

/* A row that has told more than `m`, or will tell the same. NULL: none. */
static struct outbox_row *find_said(struct outbox *outbox, const struct outbox_message *m)
{
    if (!m->operation)
        return NULL;
    for (struct outbox_row *r = *bucket_of(outbox, m); r; r = r->chain)
        if (same_operation(&r->message, m) && same_topic(&r->message, m) &&
            (r->message.rev > m->rev || says_same(r, m)))
            return r;
    return NULL;
}

/* It may be told once more only because the disk has taken it meanwhile. */
static void take_letter(struct outbox *outbox, struct outbox_row *row,
                        const struct outbox_message *m)
{
    if (!row->message.letter && row->message.rev == m->rev)
        row->message.letter = m->letter;
    else
        note_done(outbox, m->letter);
}

static void remove_replaced(struct outbox *outbox, const struct outbox_message *by)
{
    struct outbox_row **bucket = bucket_of(outbox, by);
    struct outbox_row *next;

    for (struct outbox_row *r = bucket ? *bucket : NULL; r; r = next) {
        next = r->chain;
        if (!r->in_flight && replaces(by, &r->message))
            remove_row(outbox, r);
    }
}

static void drop(struct outbox *outbox, struct outbox_row *row)
{
    remove_row(outbox, row);
    outbox->counts.dropped++;
}

static bool has_room(const struct outbox *outbox, size_t size)
{
    return outbox->counts.bytes + size <= outbox->cap_bytes;
}

/* Drops one row of telemetry, of which there is one that is not in flight, and passes over the next. */
static void thin(struct outbox *outbox)
{
    struct outbox_row *victim = outbox->thin_next;

    while (victim && victim->in_flight)
        victim = victim->next;
    if (!victim)
        victim = outbox->telemetry;
    while (victim->in_flight)
        victim = victim->next;
    outbox->thin_next = victim->next ? victim->next->next : NULL;
    drop(outbox, victim);
}

/* Makes room for `size` bytes of `class`, if that can be. What is passed over is bounded: outcomes,
 * retained values, and what is in flight. */
static bool make_room(struct outbox *outbox, size_t size, enum outbox_class class)
{
    size_t droppable_bytes =
        class == OUTBOX_TELEMETRY ? outbox->thinnable_bytes : outbox->droppable_bytes;
    struct outbox_row *next;

    if (outbox->counts.bytes - droppable_bytes + size > outbox->cap_bytes)
        return false;
    while (!has_room(outbox, size) && outbox->thinnable_bytes > 0)
        thin(outbox);
    for (struct outbox_row *r = outbox->first; r && !has_room(outbox, size); r = next) {
        next = r->next;
        if (!r->in_flight && may_drop(r->message.class))
            drop(outbox, r);
    }
    return true;
}

static void leave(struct outbox *outbox, int64_t letter)
{
    struct outbox_left *left = &outbox->left;

    if (!left->first || letter < left->first)
        left->first = letter;
    if (letter > left->last)
        left->last = letter;
}

/* One outcome less in memory: the newest that is on disk waits there, so that they are told in their
 * order; without one, the oldest is lost. */
static void make_room_for_outcome(struct outbox *outbox)
{
    struct outbox_row *r = outbox->last;

    while (r && (r->in_flight || r->message.class != OUTBOX_OUTCOME || !r->message.letter))
        r = r->before;
    if (r) {
        leave(outbox, r->message.letter);
        forget_row(outbox, r);
        return;
    }
    for (r = outbox->first; r && (r->in_flight || r->message.class != OUTBOX_OUTCOME);)
        r = r->next;
    if (r)
        drop(outbox, r);
}

static bool add(struct outbox *outbox, const struct outbox_message *message)
{
    struct outbox_row *row = row_new(message);

    if (!row)
        return false;
    remove_replaced(outbox, message);
    if (!make_room(outbox, size_of(row), message->class) && may_drop(message->class)) {
        note_done(outbox, message->letter);
        outbox->counts.dropped++;
        free(row);
        return false;
    }
    if (message->class == OUTBOX_OUTCOME && outbox->outcomes >= OUTBOX_OUTCOMES_MAX)
        make_room_for_outcome(outbox);
    append_row(outbox, row);
    return true;
}

/* Behind one that is left all of them are, which keeps their order. */
static bool has_to_wait_on_disk(const struct outbox *outbox, const struct outbox_message *m)
{
    return m->class == OUTBOX_OUTCOME && m->letter &&
           (outbox->left.first || outbox->outcomes >= OUTBOX_OUTCOMES_MAX);
}

bool outbox_put(struct outbox *outbox, const struct outbox_message *message)
{
    struct outbox_row *said = find_said(outbox, message);

    if (said) {
        take_letter(outbox, said, message);
        return true;
    }
    if (!has_to_wait_on_disk(outbox, message) && add(outbox, message))
        return true;
    if (message->class != OUTBOX_OUTCOME || !message->letter)
        return false;
    leave(outbox, message->letter);
    return true;
}

struct outbox_left outbox_wants(const struct outbox *outbox)
{
    return outbox->outcomes <= OUTBOX_OUTCOMES_MAX / 2 ? outbox->left : (struct outbox_left){ 0 };
}

static bool has_letter(const struct outbox *outbox, int64_t letter)
{
    for (const struct outbox_row *r = outbox->first; r; r = r->next)
        if (r->message.letter == letter)
            return true;
    return false;
}

bool outbox_load(struct outbox *outbox, const struct outbox_message *message)
{
    /* All else is never left, so it is here or was done with. */
    return message->class != OUTBOX_OUTCOME || message->letter < outbox->left.first ||
           has_letter(outbox, message->letter) || add(outbox, message);
}

void outbox_loaded(struct outbox *outbox, int64_t last)
{
    if (last >= outbox->left.last)
        outbox->left = (struct outbox_left){ 0 };
    else if (last >= outbox->left.first)
        outbox->left.first = last + 1;
}

/* Has to wait for an older row: the statuses of an operation and the values of a topic go one after
 * the other, so that none overtakes when the broker puts one off. */
static bool is_blocked(struct outbox *outbox, const struct outbox_row *row)
{
    struct outbox_row **bucket = bucket_of(outbox, &row->message);

    for (const struct outbox_row *r = bucket ? *bucket : row; r != row; r = r->chain)
        if (same_line(&r->message, &row->message))
            return true;
    return false;
}

static bool may_go(struct outbox *outbox, const struct outbox_row *row, int64_t now_ms)
{
    return !row->in_flight && row->not_before_ms <= now_ms && !is_blocked(outbox, row);
}

/* How much it matters that one of the class is named, where several are set aside at once. */
static int weight_of(enum outbox_class class)
{
    return class == OUTBOX_OUTCOME ? 2 : class != OUTBOX_RESPONSE;
}

static void set_aside(struct outbox *outbox, struct outbox_row *row, int reason)
{
    struct outbox_aside *aside = &outbox->aside;

    if (!outbox->has_aside || weight_of(row->message.class) >= weight_of(aside->class)) {
        outbox->has_aside = true;
        aside->class = row->message.class;
        aside->reason = reason;
        (void)snprintf(aside->topic, sizeof aside->topic, "%s", row->message.topic);
    }
    remove_row(outbox, row);
    outbox->counts.set_aside++;
}

bool outbox_take_aside(struct outbox *outbox, struct outbox_aside *ret)
{
    if (!outbox->has_aside)
        return false;
    outbox->has_aside = false;
    *ret = outbox->aside;
    return true;
}

/* The oldest that may go; an urgent one before all others. */
static struct outbox_row *find_ready(struct outbox *outbox, int64_t now_ms)
{
    struct outbox_row *found = NULL;

    for (struct outbox_row *r = outbox->first; r && (!found || outbox->counts.urgent > 0);
         r = r->next)
        if ((!found || (r->message.urgent && !found->message.urgent)) && may_go(outbox, r, now_ms))
            found = r;
    return found;
}

static void set_in_flight(struct outbox *outbox, struct outbox_row *row, bool in_flight)
{
    count_state(outbox, row, false);
    row->in_flight = in_flight;
    count_state(outbox, row, true);
}

const struct outbox_row *outbox_next(struct outbox *outbox, int64_t now_ms, size_t max_in_flight,
                                     size_t max_packet)
{
    struct outbox_row *found;

    if (max_in_flight > OUTBOX_IN_FLIGHT_MAX)
        max_in_flight = OUTBOX_IN_FLIGHT_MAX;
    if (outbox->counts.in_flight >= max_in_flight)
        return NULL;
    while ((found = find_ready(outbox, now_ms)) && found->packet_len > max_packet)
        set_aside(outbox, found, PACKET_TOO_LARGE);
    if (found)
        set_in_flight(outbox, found, true);
    return found;
}

int64_t outbox_next_ms(const struct outbox *outbox, int64_t now_ms)
{
    int64_t next = CLOCK_NEVER;

    if (outbox->put_off == 0)
        return next;
    for (const struct outbox_row *r = outbox->first; r; r = r->next)
        if (!r->in_flight && r->not_before_ms > now_ms && r->not_before_ms < next)
            next = r->not_before_ms;
    return next;
}

static struct outbox_row *find_in_flight(struct outbox *outbox, int64_t number)
{
    for (struct outbox_row *r = outbox->first; r; r = r->next)
        if (r->number == number && r->in_flight)
            return r;
    return NULL;
}

/* A row waits again, unless a newer one has come that says all of it. */
static void wait_again(struct outbox *outbox, struct outbox_row *row)
{
    set_in_flight(outbox, row, false);
    for (const struct outbox_row *r = row->chain; r; r = r->chain)
        if (replaces(&r->message, &row->message)) {
            remove_row(outbox, row);
            return;
        }
}

static void put_off(struct outbox *outbox, struct outbox_row *row, int64_t now_ms)
{
    int64_t wait_ms = (int64_t)OUTBOX_QUOTA_MIN_MS << row->quotas;

    count_state(outbox, row, false);
    row->not_before_ms = now_ms + (wait_ms < OUTBOX_QUOTA_MAX_MS ? wait_ms : OUTBOX_QUOTA_MAX_MS);
    count_state(outbox, row, true);
    if (row->quotas < QUOTA_DOUBLINGS)
        row->quotas++;
}

enum outbox_ack outbox_acked(struct outbox *outbox, int64_t number, int reason, int64_t now_ms)
{
    struct outbox_row *row = find_in_flight(outbox, number);

    if (!row)
        return OUTBOX_GONE;
    if (reason < REASON_FAILURE) {
        remove_row(outbox, row);
        return OUTBOX_DELIVERED;
    }
    /* A response is sent once at most. */
    if (reason != REASON_QUOTA_EXCEEDED || row->message.class == OUTBOX_RESPONSE) {
        set_aside(outbox, row, reason);
        return OUTBOX_SET_ASIDE;
    }
    put_off(outbox, row, now_ms);
    wait_again(outbox, row);
    return OUTBOX_AGAIN;
}

void outbox_returned(struct outbox *outbox, int64_t number)
{
    struct outbox_row *row = find_in_flight(outbox, number);

    if (row)
        wait_again(outbox, row);
}

void outbox_lost(struct outbox *outbox)
{
    struct outbox_row *next;

    for (struct outbox_row *r = outbox->first; r; r = next) {
        next = r->next;
        if (r->in_flight && r->message.class == OUTBOX_RESPONSE)
            remove_row(outbox, r);
        else if (r->in_flight)
            wait_again(outbox, r);
    }
}

void outbox_withdraw(struct outbox *outbox, const char *topic)
{
    struct outbox_row *next;

    for (struct outbox_row *r = outbox->first; r; r = next) {
        next = r->next;
        if (!r->in_flight && strcmp(r->message.topic, topic) == 0)
            remove_row(outbox, r);
    }
}

struct outbox_counts outbox_counts(const struct outbox *outbox)
{
    struct outbox_counts counts = outbox->counts;
    const struct outbox_row *first = outbox->first, *other = outbox->telemetry;

    /* Telemetry lies behind the others, each in the order of its coming. */
    counts.oldest_ms = first ? first->message.came_ms : 0;
    if (other && other->message.came_ms < counts.oldest_ms)
        counts.oldest_ms = other->message.came_ms;
    return counts;
}
