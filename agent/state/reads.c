#include "agent/state/reads.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"

struct reader {
    struct reader *next;
    unsigned wants;
    int64_t deadline_ms;
    reads_done done;
    void *ctx;
};

struct reads {
    pthread_mutex_t lock;
    /* under lock: */
    struct reader *first, **end; /* oldest first, so the first has the next deadline */
    size_t count;
    uint64_t answered[ERROR_CODES];
    bool closed;
    /* set before the first thread: */
    void (*wake)(void *ctx);
    void *wake_ctx;
};

struct reads *reads_new(void)
{
    struct reads *reads = calloc(1, sizeof *reads);

    if (!reads)
        return NULL;
    pthread_mutex_init(&reads->lock, NULL);
    reads->end = &reads->first;
    return reads;
}

void reads_free(struct reads *reads)
{
    if (!reads)
        return;
    assert(!reads->first);
    pthread_mutex_destroy(&reads->lock);
    free(reads);
}

void reads_set_wake(struct reads *reads, void (*wake)(void *ctx), void *ctx)
{
    reads->wake = wake;
    reads->wake_ctx = ctx;
}

struct error reads_ask(struct reads *reads, unsigned wants, reads_done done, void *ctx)
{
    struct reader *reader = calloc(1, sizeof *reader);
    struct error e = ERROR_OK;

    if (!reader)
        return error_make(ERROR_IN_SYSTEM, ERROR_INTERNAL, 0, "no memory for a reader");
    reader->wants = wants;
    reader->done = done;
    reader->ctx = ctx;
    pthread_mutex_lock(&reads->lock);
    if (reads->closed) {
        e = error_make(ERROR_IN_AGENT, ERROR_SHUTTING_DOWN, 0, "the agent is stopping");
    } else if (reads->count >= READS_MAX) {
        e = error_make(ERROR_IN_AGENT, ERROR_QUEUE_FULL, 0, "%d readers wait already", READS_MAX);
    } else {
        /* Under the lock, so that the list is in the order of the deadlines. */
        reader->deadline_ms = clock_now_ms() + READS_WAIT_MS;
        *reads->end = reader;
        reads->end = &reader->next;
        reads->count++;
        reader = NULL;
    }
    if (e.code)
        reads->answered[e.code]++;
    pthread_mutex_unlock(&reads->lock);
    free(reader);
    if (!e.code && reads->wake)
        reads->wake(reads->wake_ctx);
    return e;
}

void reads_get_counts(struct reads *reads, struct reads_counts *ret)
{
    pthread_mutex_lock(&reads->lock);
    ret->waiting = reads->count;
    memcpy(ret->answered, reads->answered, sizeof ret->answered);
    pthread_mutex_unlock(&reads->lock);
}

unsigned reads_wanted(struct reads *reads)
{
    unsigned wants = 0;

    pthread_mutex_lock(&reads->lock);
    for (const struct reader *r = reads->first; r; r = r->next)
        wants |= r->wants;
    pthread_mutex_unlock(&reads->lock);
    return wants;
}

int64_t reads_deadline_ms(struct reads *reads)
{
    int64_t deadline;

    pthread_mutex_lock(&reads->lock);
    deadline = reads->first ? reads->first->deadline_ms : CLOCK_NEVER;
    pthread_mutex_unlock(&reads->lock);
    return deadline;
}

/* Answers the readers that `chosen` picks. They are taken out under the lock and called after it. */
static void answer_chosen(struct reads *reads, bool (*chosen)(struct reader *r, const void *by),
                          const void *by, const struct error *error)
{
    struct reader *out = NULL, **out_end = &out;

    pthread_mutex_lock(&reads->lock);
    for (struct reader **at = &reads->first; *at;) {
        struct reader *r = *at;

        if (!chosen(r, by)) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        reads->count--;
        reads->answered[error->code]++;
        r->next = NULL;
        *out_end = r;
        out_end = &r->next;
    }
    reads->end = &reads->first;
    while (*reads->end)
        reads->end = &(*reads->end)->next;
    pthread_mutex_unlock(&reads->lock);
    while (out) {
        struct reader *r = out;

        out = r->next;
        r->done(r->ctx, error);
        free(r);
    }
}

static bool is_satisfied(struct reader *r, const void *by)
{
    r->wants &= ~*(const unsigned *)by;
    return r->wants == 0;
}

static bool wants_any(struct reader *r, const void *by)
{
    return (r->wants & *(const unsigned *)by) != 0;
}

static bool is_over(struct reader *r, const void *by)
{
    return r->deadline_ms <= *(const int64_t *)by;
}

static bool is_reader(struct reader *r, const void *by)
{
    (void)r;
    (void)by;
    return true;
}

void reads_answer(struct reads *reads, unsigned had, const struct error *error)
{
    answer_chosen(reads, error->code ? wants_any : is_satisfied, &had, error);
}

void reads_expire(struct reads *reads, int64_t now_ms)
{
    const struct error e =
        error_make(ERROR_IN_AGENT, ERROR_MODEM_TIMEOUT, 0,
                   "the modem did not get to it within %d s", READS_WAIT_MS / 1000);

    answer_chosen(reads, is_over, &now_ms, &e);
}

void reads_close(struct reads *reads)
{
    const struct error e =
        error_make(ERROR_IN_AGENT, ERROR_SHUTTING_DOWN, 0, "the agent is stopping");

    pthread_mutex_lock(&reads->lock);
    reads->closed = true;
    pthread_mutex_unlock(&reads->lock);
    answer_chosen(reads, is_reader, NULL, &e);
}
