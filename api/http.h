#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/error.h"
#include "api/auth.h"
#include "api/routes.h"

/* The HTTP service: one thread that owns every door, every connection and every request. Doors are
 * libmicrohttpd daemons without threads of their own; their epoll descriptors lie in the thread's,
 * together with one eventfd through which others post. A request that waits is suspended, and only
 * this thread resumes it. No lock is held while the library is called. */

struct http;
struct news;
struct reads;

enum {
    HTTP_DOORS_MAX = 3,
    /* Of each door, less where the system gives few descriptors. When one more comes, the one that has
     * been quiet the longest is ended, whatever it is in the middle of; those who wait and those who
     * listen stay. */
    HTTP_CONNECTIONS_MAX = 256,
    HTTP_REQUEST_MS = 10000,  /* from accept to the end of the head; then again for the body */
    HTTP_ANSWER_MS = 30000,   /* to take the answer */
    HTTP_IDLE_MS = 60000,     /* between two requests of a connection, to the line of the next */
    HTTP_LISTENERS_MAX = 100, /* of each door; and as many who wait */
    HTTP_STOP_MS = 1500,
};

struct http_door {
    /* For logs. */
    const char *name;
    /* Of everyone who comes in by it; with `tokens` of those who send one. */
    enum role role;
    /* Host and Origin are looked at; the host names that are ours besides the address. */
    bool is_tcp;
    char *const *hosts;
    size_t host_count;
    /* NULL: none are asked for. */
    const struct auth_tokens *tokens;
};

/* Keeps all. NULL: no memory, or no descriptors. */
struct http *http_new(const struct routes *routes, struct reads *reads, struct news *news);
/* Before http_start(). Takes `fd`, which listens. Keeps what `door` points to. */
MUST_CHECK struct error http_add_door(struct http *http, const struct http_door *door, int fd);
MUST_CHECK struct error http_start(struct http *http);
/* Who waits gets what there is; at most HTTP_STOP_MS. All posted reads have to be answered. */
void http_stop(struct http *http);
void http_free(struct http *http);

/* Something was posted to `news`. Any thread; never waits. */
void http_wake(struct http *http);
