#pragma once

#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <microhttpd.h>

#include "api/connections.h"
#include "api/events.h"
#include "api/http.h"
#include "api/kept.h"
#include "api/listener.h"
#include "api/request.h"

/* What the HTTP service is made of: shared by http.c, which runs it, and held.c. */

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
    struct connections connections;
    /* Those who wait and those who listen, which nobody else can put out: together less than the door
     * takes. */
    size_t waiter_count, stream_count, held_max;
};

struct connection {
    enum source source;
    struct connections_link link;
    struct door *door;
    int fd;
    /* Who is at the other end of a socket; our own end of TCP. */
    union {
        char name[OPERATION_REQUESTER_MAX + 1];
        char own[INET6_ADDRSTRLEN];
    } peer;
    /* The one that is under way: the library does not tell of the end of each that it told of. */
    struct request *request;
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
    int64_t now_ms; /* of this round */
    struct kept kept;
    struct request *waiting;
    struct events *events;
    struct stream *streams;
    size_t request_count;
    /* How often in a row the library was run and nobody came, asked or went. */
    unsigned rounds_in_vain;
    struct request *spare; /* for the next one; mostly there is one at a time */
};

/* Moves the deadline of the connection, which is in the library's hands. */
void http_allow(struct connection *connection, int64_t ms);
