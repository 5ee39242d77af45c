#include "api/http.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/operation/operations.h"
#include "agent/state/reads.h"
#include "api/body.h"
#include "api/events.h"
#include "api/listener.h"
#include "api/peer.h"
#include "api/request.h"
#include "api/tell.h"

/* The worker answers every reader within READS_WAIT_MS; this is for the day when it hangs. */
enum { READ_GRACE_MS = 3000, EVENTS_MAX = 32, CONNECTION_MEMORY = 16 * 1024 };

/* What an event of our epoll set belongs to: the first member of each thing in it. */
enum source { SOURCE_WAKE, SOURCE_DOOR, SOURCE_CONNECTION };

struct door {
    enum source source;
    struct http *http;
    struct http_door what;
    struct MHD_Daemon *daemon;
    int fd;
    /* It has something to do now. */
    bool due;
    size_t stream_count;
};

struct connection {
    enum source source;
    struct connection *next, *before;
    struct door *door;
    int fd;
    /* The step that the connection is in has to be over by then. */
    int64_t deadline_ms;
    /* Suspended, so that the library does not notice when the peer goes. */
    struct request *suspended;
    /* NULL: it does not listen to events. */
    struct stream *stream;
};

/* A connection that gets the events as they come. */
struct stream {
    struct stream *next, *before;
    struct connection *connection;
    struct MHD_Connection *mhd;
    struct listener listener;
    /* Suspended until there is something to send, or until then, when a comment is due. */
    bool sleeps;
    int64_t beat_ms;
    /* The peer has closed. */
    bool is_gone;
};

/* Between a reader and the worker's answer; outlives the request when the peer goes first. */
struct waiter {
    struct http *http;
    struct waiter *next;
    struct request *request; /* only the API's thread */
    struct error error;
};

struct http {
    enum source source;
    struct routes routes;
    struct reads *reads;
    struct news *news;
    size_t door_count;
    struct door doors[HTTP_DOORS_MAX];
    int epoll_fd, wake_fd;
    pthread_t thread;
    bool started;

    pthread_mutex_t lock;
    /* under lock: */
    struct waiter *posted;
    bool stop;

    /* The thread's own: */
    bool stopping;
    struct connection *connections;
    struct request *waiting;
    struct events *events;
    struct stream *streams;
    size_t request_count;
    int64_t sweep_ms; /* no deadline of a connection is earlier */
};

/* --- posting: any thread --- */

void http_wake(struct http *http)
{
    const uint64_t one = 1;
    ssize_t ignored = write(http->wake_fd, &one, sizeof one);

    (void)ignored; /* EAGAIN: it is awake already */
}

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

/* --- connections --- */

static struct connection *connection_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* Moves the deadline; CLOCK_NEVER: it is in our own hands now. */
static void allow(struct connection *connection, int64_t ms)
{
    struct http *http = connection->door->http;

    connection->deadline_ms = ms == CLOCK_NEVER ? CLOCK_NEVER : clock_now_ms() + ms;
    if (connection->deadline_ms < http->sweep_ms)
        http->sweep_ms = connection->deadline_ms;
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct door *door = cls;
    struct connection *connection = *context;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        connection = calloc(1, sizeof *connection);
        *context = connection;
        if (!connection)
            return;
        connection->source = SOURCE_CONNECTION;
        connection->door = door;
        connection->fd =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        connection->next = door->http->connections;
        if (connection->next)
            connection->next->before = connection;
        door->http->connections = connection;
        allow(connection, HTTP_REQUEST_MS);
    } else if (connection) {
        if (connection->next)
            connection->next->before = connection->before;
        *(connection->before ? &connection->before->next : &door->http->connections) =
            connection->next;
        free(connection);
        *context = NULL;
    }
}

/* Ends what took too long: the library sees a connection that the peer has closed. */
static void sweep(struct http *http, int64_t now_ms)
{
    if (now_ms < http->sweep_ms)
        return;
    http->sweep_ms = CLOCK_NEVER;
    for (struct connection *c = http->connections; c; c = c->next) {
        if (c->deadline_ms <= now_ms) {
            (void)shutdown(c->fd, SHUT_RDWR);
            c->door->due = true;
            c->deadline_ms = now_ms + HTTP_REQUEST_MS;
        }
        if (c->deadline_ms < http->sweep_ms)
            http->sweep_ms = c->deadline_ms;
    }
}

/* --- waiting --- */

/* From now on only we look at the connection. */
static void take_aside(struct connection *connection, struct MHD_Connection *mhd)
{
    struct epoll_event event = { .data.ptr = connection }; /* EPOLLHUP comes unasked */

    allow(connection, CLOCK_NEVER);
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
    struct connection *connection = connection_of(request->connection);

    request->waits = true;
    request->deadline_ms = deadline_ms;
    request->before = NULL;
    request->next = http->waiting;
    if (request->next)
        request->next->before = request;
    http->waiting = request;
    connection->suspended = request;
    take_aside(connection, request->connection);
}

/* The request stops waiting, whatever for. */
static void forget(struct http *http, struct request *request)
{
    if (!request->waits)
        return;
    request->waits = false;
    if (request->next)
        request->next->before = request->before;
    *(request->before ? &request->before->next : &http->waiting) = request->next;
    if (request->waiter)
        request->waiter->request = NULL;
    request->waiter = NULL;
}

static void resume(struct http *http, struct request *request)
{
    struct connection *connection = connection_of(request->connection);

    forget(http, request);
    connection->suspended = NULL;
    give_back(connection, request->connection);
}

static void end_read(struct http *http, struct request *request, struct error e)
{
    request->call.rounds++;
    request->call.read_error = e;
    if (request->waits)
        resume(http, request);
}

static struct error stopping_error(void)
{
    return error_make(ERROR_IN_AGENT, ERROR_SHUTTING_DOWN, 0, "the agent is stopping");
}

/* True: suspended until the read is through. False: call.read_error says why not. */
static bool wait_for_read(struct http *http, struct request *request, unsigned wants)
{
    struct waiter *waiter = http->stopping ? NULL : calloc(1, sizeof *waiter);
    struct error e = http->stopping ? stopping_error()
                                    : error_make(ERROR_IN_SYSTEM, ERROR_INTERNAL, 0, "no memory");

    if (waiter) {
        waiter->http = http;
        waiter->request = request;
        e = reads_ask(http->reads, wants, post_read, waiter);
    }
    if (e.code) {
        free(waiter);
        end_read(http, request, e);
        return false;
    }
    request->waiter = waiter;
    suspend(http, request, clock_now_ms() + READS_WAIT_MS + READ_GRACE_MS);
    return true;
}

static bool has_ended(struct http *http, const struct request *request)
{
    struct operation op;

    return !operations_find(http->routes.operations, request->call.operation, &op) ||
           operation_has_ended(&op);
}

/* True: suspended until the end is there. One that comes after this look is among the news. */
static bool wait_for_end(struct http *http, struct request *request)
{
    if (http->stopping || has_ended(http, request))
        return false;
    suspend(http, request, clock_now_ms() + 1000 * request->call.wait_s);
    return true;
}

/* --- events --- */

static void wake_stream(struct stream *stream)
{
    if (!stream->sleeps)
        return;
    stream->sleeps = false;
    allow(stream->connection, HTTP_ANSWER_MS);
    give_back(stream->connection, stream->mhd);
}

/* The library asks for more, as the peer has taken what it had. */
static ssize_t feed(void *cls, uint64_t position, char *buffer, size_t cap)
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
        allow(stream->connection, HTTP_ANSWER_MS);
        return n;
    }
    stream->sleeps = true;
    take_aside(stream->connection, stream->mhd);
    return 0;
}

static void end_stream(struct http *http, struct connection *connection)
{
    struct stream *stream = connection->stream;

    if (!stream)
        return;
    connection->stream = NULL;
    connection->door->stream_count--;
    if (stream->next)
        stream->next->before = stream->before;
    *(stream->before ? &stream->before->next : &http->streams) = stream->next;
    free(stream);
}

/* NULL: no memory. */
static struct stream *begin_stream(struct http *http, struct request *request)
{
    struct connection *connection = connection_of(request->connection);
    struct stream *stream = calloc(1, sizeof *stream);

    if (!stream)
        return NULL;
    stream->connection = connection;
    stream->mhd = request->connection;
    listener_init(&stream->listener, http->events, request->call.headers[HEADER_LAST_EVENT_ID]);
    stream->listener.ends = http->stopping;
    stream->next = http->streams;
    if (stream->next)
        stream->next->before = stream;
    http->streams = stream;
    connection->stream = stream;
    connection->door->stream_count++;
    return stream;
}

/* Wakes those who have something to send; with `ends` all, who end when that is done. */
static void wake_streams(struct http *http, int64_t now_ms, bool ends)
{
    for (struct stream *s = http->streams; s; s = s->next) {
        s->listener.ends = s->listener.ends || ends;
        s->listener.beats = s->listener.beats || (s->sleeps && s->beat_ms <= now_ms);
        if (listener_has_more(&s->listener))
            wake_stream(s);
    }
}

static void take_news(struct http *http)
{
    if (!tell_news(http->news, &http->routes, http->events))
        return;
    for (struct request *r = http->waiting, *next; r; r = next) {
        next = r->next;
        if (!r->waiter && has_ended(http, r))
            resume(http, r);
    }
}

/* --- requests --- */

static void *on_target(void *cls, const char *target, struct MHD_Connection *mhd)
{
    struct door *door = cls;
    struct request *request = request_new(mhd, target);

    if (request)
        door->http->request_count++;
    return request;
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct door *door = cls;
    struct request *request = *context;
    struct connection *connection = connection_of(mhd);

    (void)code;
    *context = NULL;
    if (connection) {
        connection->suspended = NULL;
        end_stream(door->http, connection);
        allow(connection, HTTP_IDLE_MS);
    }
    if (!request)
        return;
    forget(door->http, request);
    door->http->request_count--;
    request_free(request);
}

/* False: `ret` says why not. */
static bool listen_to_events(struct door *door, struct request *request, struct answer *ret)
{
    struct stream *stream;

    *ret = (struct answer){ 0 };
    if (door->stream_count >= HTTP_LISTENERS_MAX) {
        answer_error(ret, error_make(ERROR_IN_AGENT, ERROR_QUEUE_FULL, 0,
                                     "this door has %d listeners already", HTTP_LISTENERS_MAX));
        return false;
    }
    stream = begin_stream(door->http, request);
    if (stream)
        return true;
    answer_error(ret, error_make(ERROR_IN_SYSTEM, ERROR_INTERNAL, 0, "no memory to listen"));
    return false;
}

static enum MHD_Result answer(struct door *door, struct request *request)
{
    struct http *http = door->http;
    struct answer ready;

    for (;;) {
        routes_answer(&http->routes, &request->call, &ready);
        if (ready.kind == ANSWER_LISTENS && listen_to_events(door, request, &ready))
            return request_stream(request, feed, connection_of(request->connection)->stream);
        if (ready.kind == ANSWER_READY)
            break;
        if (ready.kind == ANSWER_WAITS_FOR_READ ? wait_for_read(http, request, ready.wants)
                                                : wait_for_end(http, request))
            return MHD_YES;
    }
    allow(connection_of(request->connection), HTTP_ANSWER_MS);
    return request_answer(request, &ready);
}

/* A web page of somebody else must not reach the agent through its visitor's browser. */
static struct error guard(const struct door *door, const struct connection *connection,
                          const struct call *call)
{
    char own[INET6_ADDRSTRLEN];

    peer_own_address(connection->fd, own);
    if (!auth_host_is_ours(call->headers[HEADER_HOST], own, door->what.hosts,
                           door->what.host_count))
        return error_make(ERROR_IN_AGENT, ERROR_FORBIDDEN, 0, "Host names another than this door");
    if (!auth_origin_is_ours(call->headers[HEADER_ORIGIN], call->headers[HEADER_HOST]))
        return error_make(ERROR_IN_AGENT, ERROR_FORBIDDEN, 0, "Origin is another's page");
    return ERROR_OK;
}

static void identify(const struct door *door, const struct connection *connection,
                     struct call *call)
{
    call->role = door->what.role;
    if (door->what.tokens)
        call->role = auth_role_of(door->what.tokens, call->headers[HEADER_AUTHORIZATION]);
    if (!door->what.is_tcp) {
        peer_name(connection->fd, call->requester);
        return;
    }
    memcpy(call->requester, role_name(call->role), strlen(role_name(call->role)) + 1);
    call->guard = guard(door, connection, call);
}

static enum MHD_Result begin(struct door *door, struct request *request, const char *method,
                             const char *version)
{
    struct connection *connection = connection_of(request->connection);

    if (!connection)
        return MHD_NO;
    allow(connection, HTTP_REQUEST_MS);
    request_take_head(request, method, version);
    identify(door, connection, &request->call);
    /* What is worth closing the connection for, as the library does after an answer at this point.
     * All else is answered when the body is here: most clients send it before they look. */
    if (request_announced(request) >
        (request_waits_for_leave(request) ? BODY_MAX : REQUEST_UPLOAD_MAX))
        request->call.body_len = BODY_MAX + 1;
    else if (!request->call.guard.code && !request->call.head.code)
        return MHD_YES;
    return answer(door, request);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **context)
{
    struct door *door = cls;
    struct request *request = *context;

    (void)mhd;
    (void)url;
    if (!request)
        return MHD_NO;
    if (!request->began)
        return begin(door, request, method, version);
    if (*upload_len > 0) {
        size_t len = *upload_len;

        *upload_len = 0;
        return request_take_body(request, upload, len) ? MHD_YES : MHD_NO;
    }
    return request->answered ? MHD_YES : answer(door, request);
}

/* Percent escapes are the router's, who is strict with them. */
static size_t keep_escapes(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls;
    (void)mhd;
    return strlen(text);
}

/* --- the thread --- */

static void take_posted(struct http *http)
{
    struct waiter *posted;
    uint64_t ignored_count;
    ssize_t ignored = read(http->wake_fd, &ignored_count, sizeof ignored_count);
    bool stop;

    (void)ignored; /* EAGAIN: nobody wrote */
    pthread_mutex_lock(&http->lock);
    posted = http->posted;
    http->posted = NULL;
    stop = http->stop;
    pthread_mutex_unlock(&http->lock);
    while (posted) {
        struct waiter *waiter = posted;

        posted = waiter->next;
        if (waiter->request)
            end_read(http, waiter->request, waiter->error);
        free(waiter);
    }
    take_news(http);
    http->stopping = http->stopping || stop;
}

/* Resumes those whose time is over; with `all` everyone. */
static void end_waits(struct http *http, int64_t now_ms, bool all)
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

static int64_t next_deadline(const struct http *http)
{
    int64_t deadline_ms = http->sweep_ms;

    for (const struct request *r = http->waiting; r; r = r->next)
        if (r->deadline_ms < deadline_ms)
            deadline_ms = r->deadline_ms;
    for (const struct stream *s = http->streams; s; s = s->next)
        if (s->sleeps && s->beat_ms < deadline_ms)
            deadline_ms = s->beat_ms;
    return deadline_ms;
}

/* How long to wait: until `deadline_ms`, or until the library wants to be run. */
static int poll_ms(struct http *http, int64_t deadline_ms)
{
    int ms = clock_poll_ms(deadline_ms);

    for (size_t i = 0; i < http->door_count; i++) {
        struct door *door = &http->doors[i];
        MHD_UNSIGNED_LONG_LONG door_ms;

        /* No time-out of the library's is in use, so it only says whether it has work now: more of
         * a request that it has read, or a connection to clean up. */
        if (MHD_get_timeout(door->daemon, &door_ms) == MHD_YES && door_ms == 0)
            door->due = true;
        if (door->due)
            ms = 0;
    }
    return ms;
}

static void take_event(struct http *http, void *what)
{
    enum source source = *(enum source *)what;

    if (source == SOURCE_DOOR) {
        ((struct door *)what)->due = true;
    } else if (source == SOURCE_CONNECTION) {
        struct connection *connection = what;

        /* The peer has gone; nobody reads what is answered now. */
        if (connection->suspended)
            end_read(http, connection->suspended, stopping_error());
        if (connection->stream && connection->stream->sleeps) {
            connection->stream->is_gone = true;
            wake_stream(connection->stream);
        }
    }
    (void)http; /* SOURCE_WAKE: what was posted is looked at after each poll */
}

/* One round: waits until something is to be done, and does it. */
static void run(struct http *http, int64_t deadline_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(http->epoll_fd, events, EVENTS_MAX, poll_ms(http, deadline_ms));
    int64_t now_ms;

    for (int i = 0; i < n; i++)
        take_event(http, events[i].data.ptr);
    take_posted(http);
    now_ms = clock_now_ms();
    end_waits(http, now_ms, false);
    wake_streams(http, now_ms, http->stopping);
    sweep(http, now_ms);
    for (size_t i = 0; i < http->door_count; i++)
        if (http->doors[i].due) {
            http->doors[i].due = false;
            (void)MHD_run(http->doors[i].daemon);
        }
}

/* Nobody new comes in; those inside get their answers, as far as that goes in the time. */
static void wind_up(struct http *http)
{
    int64_t deadline_ms = clock_now_ms() + HTTP_STOP_MS;

    for (size_t i = 0; i < http->door_count; i++) {
        MHD_socket fd = MHD_quiesce_daemon(http->doors[i].daemon);

        if (fd != MHD_INVALID_SOCKET)
            (void)close(fd);
    }
    do {
        end_waits(http, 0, true);
        for (size_t i = 0; i < http->door_count; i++)
            http->doors[i].due = true;
        run(http, deadline_ms);
    } while (http->request_count > 0 && clock_now_ms() < deadline_ms);
    /* The library aborts when it stops with a suspended connection. */
    end_waits(http, 0, true);
    wake_streams(http, 0, true);
    for (size_t i = 0; i < http->door_count; i++)
        (void)MHD_run(http->doors[i].daemon);
}

static void *serve(void *ctx)
{
    struct http *http = ctx;

    (void)prctl(PR_SET_NAME, "lpm-http");
    while (!http->stopping)
        run(http, next_deadline(http));
    wind_up(http);
    return NULL;
}

/* --- start and stop --- */

struct http *http_new(const struct routes *routes, struct reads *reads, struct news *news)
{
    struct http *http = calloc(1, sizeof *http);
    struct epoll_event event = { .events = EPOLLIN };

    if (!http)
        return NULL;
    http->source = SOURCE_WAKE;
    http->routes = *routes;
    http->reads = reads;
    http->news = news;
    http->sweep_ms = CLOCK_NEVER;
    http->events = events_new();
    pthread_mutex_init(&http->lock, NULL);
    event.data.ptr = http;
    http->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    http->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (http->events && http->epoll_fd >= 0 && http->wake_fd >= 0 &&
        epoll_ctl(http->epoll_fd, EPOLL_CTL_ADD, http->wake_fd, &event) == 0)
        return http;
    http_free(http);
    return NULL;
}

static struct MHD_Daemon *start_daemon(struct door *door, int fd)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC, 0, NULL, NULL, on_request, door,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_CONNECTION_TIMEOUT, 0U, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, door, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, door, MHD_OPTION_URI_LOG_CALLBACK, on_target, door,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_END);
}

struct error http_add_door(struct http *http, const struct http_door *what, int fd)
{
    struct door *door = &http->doors[http->door_count];
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = door };
    const union MHD_DaemonInfo *info;

    assert(!http->started && http->door_count < HTTP_DOORS_MAX);
    *door = (struct door){ .source = SOURCE_DOOR, .http = http, .what = *what, .due = true };
    door->daemon = start_daemon(door, fd);
    if (!door->daemon) {
        (void)close(fd);
        return error_make(ERROR_IN_AGENT, ERROR_INTERNAL, 0, "cannot serve the %s", what->name);
    }
    http->door_count++;
    info = MHD_get_daemon_info(door->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (!info || epoll_ctl(http->epoll_fd, EPOLL_CTL_ADD, info->epoll_fd, &event) != 0)
        return error_make(ERROR_IN_SYSTEM, ERROR_INTERNAL, errno, "cannot wait for the %s",
                          what->name);
    return ERROR_OK;
}

struct error http_start(struct http *http)
{
    sigset_t all, before;
    int why;

    /* Signals are the main thread's; SIGPIPE is nobody's. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    why = pthread_create(&http->thread, NULL, serve, http);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (why != 0)
        return error_make(ERROR_IN_SYSTEM, ERROR_INTERNAL, why, "cannot start the HTTP thread");
    http->started = true;
    return ERROR_OK;
}

void http_stop(struct http *http)
{
    if (http->started) {
        pthread_mutex_lock(&http->lock);
        http->stop = true;
        pthread_mutex_unlock(&http->lock);
        http_wake(http);
        (void)pthread_join(http->thread, NULL);
        http->started = false;
    }
    for (size_t i = 0; i < http->door_count; i++)
        MHD_stop_daemon(http->doors[i].daemon);
    http->door_count = 0;
}

void http_free(struct http *http)
{
    if (!http)
        return;
    http_stop(http);
    while (http->posted) {
        struct waiter *waiter = http->posted;

        http->posted = waiter->next;
        free(waiter);
    }
    if (http->epoll_fd >= 0)
        (void)close(http->epoll_fd);
    if (http->wake_fd >= 0)
        (void)close(http->wake_fd);
    events_free(http->events);
    pthread_mutex_destroy(&http->lock);
    free(http);
}
