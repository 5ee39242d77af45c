#include "api/held.h"

#include <stdlib.h>
#include <sys/epoll.h>

#include "agent/base/clock.h"
#include "agent/operation/operations.h"
#include "agent/state/metrics.h"
#include "agent/state/reads.h"
#include "api/http_inside.h"
#include "api/tell.h"

/* The worker answers every reader within READS_WAIT_MS; this is for the day when it hangs. */
enum { READ_GRACE_MS = 3000 };

static void post_read(void *ctx, const struct error *error)
{
    struct waiter *waiter = ctx;
    struct http *http = waiter->http;

    pthread_mutex_lock(&http->lock);
    waiter->error = *error;
    waiter->next = http->posted;
    http->posted = waiter;
    pthread_mutex_unlock(&http->lock);
    http_wake(http);
}

/* From now on only we look at the connection. */
static void take_aside(struct connection *connection, struct MHD_Connection *mhd)
{
    /* EPOLLHUP comes unasked; of TCP it tells only that both ends have closed. */
    struct epoll_event event = { .events = connection->door->what.is_tcp ? EPOLLRDHUP : 0,
                                 .data.ptr = connection };

    connections_hold(&connection->door->connections, &connection->link);
    (void)epoll_ctl(connection->door->http->epoll_fd, EPOLL_CTL_ADD, connection->fd, &event);
    MHD_suspend_connection(mhd);
}

static void give_back(struct connection *connection, struct MHD_Connection *mhd)
{
    (void)epoll_ctl(connection->door->http->epoll_fd, EPOLL_CTL_DEL, connection->fd, NULL);
    MHD_resume_connection(mhd);
    connection->door->due = true;
}

static void suspend(struct http *http, struct request *request, int64_t deadline_ms)
{
    struct connection *connection = request->connection;

    request->waits = true;
    request->deadline_ms = deadline_ms;
    request->before = NULL;
    request->next = http->waiting;
    if (request->next)
        request->next->before = request;
    http->waiting = request;
    connection->suspended = request;
    connection->door->waiter_count++;
    take_aside(connection, request->mhd);
}

void held_forget(struct http *http, struct request *request)
{
    if (!request->waits)
        return;
    request->waits = false;
    if (request->next)
        request->next->before = request->before;
    *(request->before ? &request->before->next : &http->waiting) = request->next;
    request->connection->door->waiter_count--;
    if (request->waiter)
        request->waiter->request = NULL;
    request->waiter = NULL;
}

static void resume(struct http *http, struct request *request)
{
    struct connection *connection = request->connection;

    held_forget(http, request);
    connection->suspended = NULL;
    http_allow(connection, HTTP_ANSWER_MS);
    give_back(connection, request->mhd);
}

static void end_read(struct http *http, struct request *request, struct error e)
{
    request->call.rounds++;
    request->call.read_error = e;
    if (request->waits)
        resume(http, request);
}

/* Half of those who are held may wait, and half may listen. */
static bool has_room(const struct door *door)
{
    return door->waiter_count < door->held_max;
}

static struct error stopping_error(void)
{
    return error_make(ERROR_IN_AGENT, ERROR_SHUTTING_DOWN, 0, "the agent is stopping");
}

static struct error ask_for_read(struct http *http, struct request *request, unsigned wants,
                                 struct waiter **ret)
{
    struct waiter *waiter;
    struct error e;

    if (http->stopping)
        return stopping_error();
    if (!has_room(request->connection->door))
        return error_make(ERROR_IN_AGENT, ERROR_QUEUE_FULL, 0, "too many wait at this door");
    waiter = calloc(1, sizeof *waiter);
    if (!waiter)
        return error_make(ERROR_IN_SYSTEM, ERROR_INTERNAL, 0, "no memory");
    waiter->http = http;
    waiter->request = request;
    e = reads_ask(http->reads, wants, post_read, waiter);
    if (e.code)
        free(waiter);
    else
        *ret = waiter;
    return e;
}

bool held_wait_for_read(struct http *http, struct request *request, unsigned wants)
{
    struct error e = ask_for_read(http, request, wants, &request->waiter);

    if (e.code) {
        end_read(http, request, e);
        return false;
    }
    suspend(http, request, clock_now_ms() + READS_WAIT_MS + READ_GRACE_MS);
    return true;
}

static bool has_ended(struct http *http, const struct request *request)
{
    struct operation op;

    return !operations_find(http->routes.operations, request->call.operation, &op) ||
           operation_has_ended(&op);
}

/* An end that comes after this look is among the news. */
bool held_wait_for_end(struct http *http, struct request *request)
{
    if (http->stopping || has_ended(http, request))
        return false;
    if (!has_room(request->connection->door)) {
        request->call.wait_s = 0; /* a preference, and this one cannot be had */
        return false;
    }
    suspend(http, request, clock_now_ms() + 1000 * request->call.wait_s);
    return true;
}

/* --- who listens --- */

static void wake_stream(struct stream *stream)
{
    if (!stream->sleeps)
        return;
    stream->sleeps = false;
    http_allow(stream->connection, HTTP_ANSWER_MS);
    give_back(stream->connection, stream->mhd);
}

ssize_t held_feed(void *cls, uint64_t position, char *buffer, size_t cap)
{
    struct stream *stream = cls;
    ssize_t n = stream->is_gone ? LISTENER_LOST : listener_fill(&stream->listener, buffer, cap);

    (void)position;
    if (n == LISTENER_OVER)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (n == LISTENER_LOST)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    stream->beat_ms = clock_now_ms() + LISTENER_BEAT_MS;
    if (n > 0) {
        http_allow(stream->connection, HTTP_ANSWER_MS);
        return n;
    }
    stream->sleeps = true;
    take_aside(stream->connection, stream->mhd);
    return 0;
}

void held_end_stream(struct http *http, struct connection *connection)
{
    struct stream *stream = connection->stream;

    if (!stream)
        return;
    connection->stream = NULL;
    connection->door->stream_count--;
    metrics_add_open(http->routes.metrics, METRICS_LISTENERS, -1);
    if (stream->next)
        stream->next->before = stream->before;
    *(stream->before ? &stream->before->next : &http->streams) = stream->next;
    free(stream);
}

/* NULL: no memory. */
static struct stream *begin_stream(struct http *http, struct request *request)
{
    struct connection *connection = request->connection;
    struct stream *stream = calloc(1, sizeof *stream);

    if (!stream)
        return NULL;
    stream->connection = connection;
    stream->mhd = request->mhd;
    listener_init(&stream->listener, http->events, request->call.headers[HEADER_LAST_EVENT_ID]);
    stream->listener.ends = http->stopping;
    stream->next = http->streams;
    if (stream->next)
        stream->next->before = stream;
    http->streams = stream;
    connection->stream = stream;
    connection->door->stream_count++;
    metrics_add_open(http->routes.metrics, METRICS_LISTENERS, +1);
    return stream;
}

void held_wake_streams(struct http *http, int64_t now_ms, bool ends)
{
    for (struct stream *s = http->streams; s; s = s->next) {
        s->listener.ends = s->listener.ends || ends;
        s->listener.beats = s->listener.beats || (s->sleeps && s->beat_ms <= now_ms);
        if (listener_has_more(&s->listener))
            wake_stream(s);
    }
}

void held_take_news(struct http *http)
{
    if (!tell_news(http->news, &http->routes, http->events))
        return;
    for (struct request *r = http->waiting, *next; r; r = next) {
        next = r->next;
        if (!r->waiter && has_ended(http, r))
            resume(http, r);
    }
}

bool held_listen(struct door *door, struct request *request, struct answer *ret)
{
    struct stream *stream;

    *ret = (struct answer){ 0 };
    if (door->stream_count >= door->held_max) {
        answer_error(ret, error_make(ERROR_IN_AGENT, ERROR_QUEUE_FULL, 0,
                                     "this door has %zu listeners already", door->held_max));
        return false;
    }
    stream = begin_stream(door->http, request);
    if (stream)
        return true;
    answer_error(ret, error_make(ERROR_IN_SYSTEM, ERROR_INTERNAL, 0, "no memory to listen"));
    return false;
}

void held_end_waits(struct http *http, int64_t now_ms, bool all)
{
    for (struct request *r = http->waiting, *next; r; r = next) {
        next = r->next;
        if (!all && r->deadline_ms > now_ms)
            continue;
        if (!r->waiter)
            resume(http, r);
        else
            end_read(http, r,
                     all ? stopping_error()
                         : error_make(ERROR_IN_AGENT, ERROR_MODEM_TIMEOUT, 0,
                                      "the modem did not get to it in time"));
    }
}

/* --- all of them --- */

void held_take_posted(struct http *http, struct waiter *posted)
{
    while (posted) {
        struct waiter *waiter = posted;

        posted = waiter->next;
        if (waiter->request)
            end_read(http, waiter->request, waiter->error);
        free(waiter);
    }
}

void held_peer_closed(struct http *http, struct connection *connection, bool may_read)
{
    struct request *request = connection->suspended;

    if (request && request->waiter && may_read) {
        /* Its answer comes soon enough. */
        (void)epoll_ctl(http->epoll_fd, EPOLL_CTL_DEL, connection->fd, NULL);
        return;
    }
    if (request) {
        request->call.wait_s = 0;
        end_read(http, request,
                 stopping_error()); /* which is for a read that nobody is there for */
    }
    if (connection->stream && connection->stream->sleeps) {
        connection->stream->is_gone = true;
        wake_stream(connection->stream);
    }
}

int64_t held_deadline_ms(const struct http *http)
{
    int64_t deadline_ms = CLOCK_NEVER;

    for (const struct request *r = http->waiting; r; r = r->next)
        deadline_ms = clock_earlier(deadline_ms, r->deadline_ms);
    for (const struct stream *s = http->streams; s; s = s->next)
        if (s->sleeps)
            deadline_ms = clock_earlier(deadline_ms, s->beat_ms);
    return deadline_ms;
}
