#include "api/http.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/state/metrics.h"
#include "api/body.h"
#include "api/held.h"
#include "api/http_inside.h"
#include "api/peer.h"

enum { EVENTS_MAX = 32, CONNECTION_MEMORY = 16 * 1024 };
enum { IN_VAIN_MAX = 16, REST_MS = 50 };
enum { SPARE_CONNECTIONS = 64, RESERVED_FILES = 64, DOOR_MIN = 20 };

/* --- posting: any thread --- */

void http_wake(struct http *http)
{
    const uint64_t one = 1;
    ssize_t ignored = write(http->wake_fd, &one, sizeof one);

    (void)ignored; /* EAGAIN: it is awake already */
}

/* --- connections --- */

/* NULL: there was no memory for it. */
static struct connection *connection_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

void http_allow(struct connection *connection, int64_t ms)
{
    connections_touch(&connection->door->connections, &connection->link,
                      connection->door->http->now_ms + ms);
}

static void begin_connection(struct door *door, struct MHD_Connection *mhd, void **context)
{
    struct connection *connection = calloc(1, sizeof *connection);

    *context = connection;
    if (!connection)
        return;
    connection->source = SOURCE_CONNECTION;
    connection->door = door;
    connection->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    if (door->what.is_tcp)
        peer_own_address(connection->fd, connection->peer.own);
    else
        peer_name(connection->fd, connection->peer.name);
    connections_add(&door->connections, &connection->link, connection,
                    door->http->now_ms + HTTP_REQUEST_MS);
    metrics_add_open(door->http->routes.metrics, METRICS_CONNECTIONS, +1);
}

static void end_request(struct http *http, struct request *request)
{
    held_forget(http, request);
    http->request_count--;
    request_done(request);
    if (http->spare)
        free(request);
    else
        http->spare = request;
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct door *door = cls;
    struct connection *connection = *context;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        door->http->rounds_in_vain = 0;
        begin_connection(door, mhd, context);
    } else if (connection) {
        if (connection->request)
            end_request(door->http, connection->request);
        connections_remove(&door->connections, &connection->link);
        metrics_add_open(door->http->routes.metrics, METRICS_CONNECTIONS, -1);
        free(connection);
        *context = NULL;
        /* The library listens again, should it have been full, only when it is run once more. */
        door->due = true;
    }
}

/* Ends what took too long, and what is too much: the library sees a connection that the peer has
 * closed. */
static void sweep(struct door *door, int64_t now_ms)
{
    struct connections_link *link;

    while ((link = connections_end_one(&door->connections, now_ms)) != NULL) {
        (void)shutdown(((struct connection *)link->owner)->fd, SHUT_RDWR);
        door->due = true;
    }
}

/* --- requests --- */

static void *on_target(void *cls, const char *target, struct MHD_Connection *mhd)
{
    struct http *http = ((struct door *)cls)->http;
    struct connection *connection = connection_of(mhd);
    struct request *request;

    if (!connection)
        return NULL;
    /* The rest between two requests is over. The first head's time goes on. */
    connections_touch(&connection->door->connections, &connection->link,
                      clock_earlier(connection->link.deadline_ms, http->now_ms + HTTP_REQUEST_MS));
    /* One whose head has no room for its parameters never comes to a handler, nor to an end. */
    if (connection->request)
        end_request(http, connection->request);
    request = http->spare ? http->spare : malloc(sizeof *request);
    http->spare = NULL;
    connection->request = NULL;
    if (request && request_init(request, mhd, connection, target)) {
        http->request_count++;
        connection->request = request;
        return request;
    }
    free(request);
    return NULL;
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct door *door = cls;
    struct request *request = *context;
    struct connection *connection = connection_of(mhd);

    *context = NULL;
    if (connection) {
        connection->request = NULL;
        connection->suspended = NULL;
        held_end_stream(door->http, connection);
        /* One that ended otherwise is over; the library may not see to it before something happens
         * to the socket. */
        http_allow(connection, code == MHD_REQUEST_TERMINATED_COMPLETED_OK ? HTTP_IDLE_MS : 0);
    }
    door->http->rounds_in_vain = 0;
    if (request)
        end_request(door->http, request);
}

static enum MHD_Result answer(struct door *door, struct request *request)
{
    struct http *http = door->http;
    struct MHD_Response *response =
        kept_find(&http->kept, &http->routes, &request->call, http->now_ms);
    struct answer ready;
    enum MHD_Result result;

    if (response) {
        metrics_count_http(http->routes.metrics, request->call.match.route, 200);
        http_allow(request->connection, HTTP_ANSWER_MS);
        return request_answer(request, 200, response);
    }
    for (;;) {
        routes_answer(&http->routes, &request->call, &ready);
        if (ready.kind == ANSWER_LISTENS && held_listen(door, request, &ready)) {
            metrics_count_http(http->routes.metrics, request->call.match.route, 200);
            return request_stream(request, held_feed, request->connection->stream);
        }
        if (ready.kind == ANSWER_READY)
            break;
        if (ready.kind == ANSWER_WAITS_FOR_READ ? held_wait_for_read(http, request, ready.wants)
                                                : held_wait_for_end(http, request))
            return MHD_YES;
    }
    metrics_count_http(http->routes.metrics, request->call.match.route, ready.status);
    http_allow(request->connection, HTTP_ANSWER_MS);
    response = request_make_response(&ready);
    if (!response)
        return MHD_NO;
    result = request_answer(request, ready.status, response);
    kept_put(&http->kept, &request->call, ready.status, response);
    return result;
}

/* A web page of somebody else must not reach the agent through its visitor's browser. */
static struct error guard(const struct door *door, const struct connection *connection,
                          const struct call *call)
{
    if (!auth_host_is_ours(call->headers[HEADER_HOST], connection->peer.own, door->what.hosts,
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
        memcpy(call->requester, connection->peer.name, sizeof call->requester);
        return;
    }
    memcpy(call->requester, role_name(call->role), strlen(role_name(call->role)) + 1);
    call->guard = guard(door, connection, call);
}

static enum MHD_Result begin(struct door *door, struct request *request, const char *method,
                             const char *version)
{
    http_allow(request->connection, HTTP_REQUEST_MS);
    request_take_head(request, method, version);
    identify(door, request->connection, &request->call);
    /* What is worth closing the connection for, as the library does after an answer at this point.
     * All else is answered when the body is here: most clients send it before they look. */
    if (request_is_too_much(request))
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
    bool stop;

    pthread_mutex_lock(&http->lock);
    posted = http->posted;
    http->posted = NULL;
    stop = http->stop;
    pthread_mutex_unlock(&http->lock);
    held_take_posted(http, posted);
    held_take_news(http);
    http->stopping = http->stopping || stop;
}

static int64_t next_deadline(const struct http *http)
{
    int64_t deadline_ms = held_deadline_ms(http);

    for (size_t i = 0; i < http->door_count; i++)
        deadline_ms =
            clock_earlier(deadline_ms, connections_deadline_ms(&http->doors[i].connections));
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

static void take_event(struct http *http, const struct epoll_event *event)
{
    void *what = event->data.ptr;
    enum source source = *(enum source *)what;

    if (source == SOURCE_DOOR) {
        ((struct door *)what)->due = true;
    } else if (source == SOURCE_WAKE) {
        uint64_t ignored_count;
        ssize_t ignored = read(http->wake_fd, &ignored_count, sizeof ignored_count);

        (void)ignored; /* what was posted is looked at after each poll */
    } else {
        held_peer_closed(http, what, (event->events & (EPOLLHUP | EPOLLERR)) == 0);
    }
}

/* Without a descriptor left accept() fails, and the library tries again at once. */
static void rest_without_files(struct http *http)
{
    struct pollfd wake = { .fd = http->wake_fd, .events = POLLIN };
    int fd;

    if (http->rounds_in_vain < IN_VAIN_MAX)
        return;
    http->rounds_in_vain = 0;
    fd = dup(http->wake_fd);
    if (fd >= 0)
        (void)close(fd);
    else
        (void)poll(&wake, 1, REST_MS);
}

/* One round: waits until something is to be done, and does it. */
static void run(struct http *http, int64_t deadline_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(http->epoll_fd, events, EVENTS_MAX, poll_ms(http, deadline_ms));

    http->now_ms = clock_now_ms();
    for (int i = 0; i < n; i++)
        take_event(http, &events[i]);
    take_posted(http);
    held_end_waits(http, http->now_ms, false);
    held_wake_streams(http, http->now_ms, http->stopping);
    for (size_t i = 0; i < http->door_count; i++) {
        struct door *door = &http->doors[i];

        sweep(door, http->now_ms);
        if (door->due) {
            door->due = false;
            http->rounds_in_vain++;
            (void)MHD_run(door->daemon);
        }
    }
    rest_without_files(http);
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
        held_end_waits(http, 0, true);
        for (size_t i = 0; i < http->door_count; i++)
            http->doors[i].due = true;
        run(http, deadline_ms);
    } while (http->request_count > 0 && clock_now_ms() < deadline_ms);
    /* The library aborts when it stops with a suspended connection. */
    held_end_waits(http, 0, true);
    held_wake_streams(http, 0, true);
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
    http->now_ms = clock_now_ms();
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

/* How many connections the library takes at a door: some more than may stay, so that one who comes is
 * let in before another is put out for it. All doors full leave descriptors for the rest of the agent,
 * so that accept() never finds none: the library would then try again at once, and again. */
static size_t door_size(void)
{
    struct rlimit limit;
    size_t share;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return HTTP_CONNECTIONS_MAX + SPARE_CONNECTIONS;
    share = limit.rlim_cur < RESERVED_FILES + HTTP_DOORS_MAX * DOOR_MIN
                ? DOOR_MIN
                : (limit.rlim_cur - RESERVED_FILES) / HTTP_DOORS_MAX;
    return share < HTTP_CONNECTIONS_MAX + SPARE_CONNECTIONS
               ? share
               : HTTP_CONNECTIONS_MAX + SPARE_CONNECTIONS;
}

static struct MHD_Daemon *start_daemon(struct door *door, int fd)
{
    const size_t size = door_size(),
                 stay = size * HTTP_CONNECTIONS_MAX / (HTTP_CONNECTIONS_MAX + SPARE_CONNECTIONS);

    connections_init(&door->connections, stay);
    door->held_max = stay * HTTP_LISTENERS_MAX / HTTP_CONNECTIONS_MAX;
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC, 0, NULL, NULL, on_request, door,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)size,
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
    kept_done(&http->kept);
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
    free(http->spare);
    pthread_mutex_destroy(&http->lock);
    free(http);
}
