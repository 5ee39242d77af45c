#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <microhttpd.h>

#include "api/call.h"

/* One HTTP request from its request line to the end of its answer: takes over from libmicrohttpd
 * what the handlers look at. Only the API's thread. */

enum { REQUEST_UPLOAD_MAX = 1024 * 1024 };

struct connection;
struct waiter;

struct request {
    struct MHD_Connection *mhd;
    struct connection *connection; /* http.c's */
    /* As it came: still percent-encoded, with its query. `raw` is the library's text, only good for
     * comparing where it lies. */
    char *target;
    size_t target_len;
    const char *raw;
    /* The handler was called; the answer is given. */
    bool began, answered;
    char *body;
    size_t upload_bytes;
    /* Lists that came in several lines, as one. */
    bool has_joined;
    char *joined[HEADER_COUNT];

    /* While it waits (http.c): */
    struct request *next, *before;
    bool waits;
    struct waiter *waiter;
    int64_t deadline_ms;

    /* --- Not cleared from here on, see request_init(). --- */

    struct call call;
    char short_target[128]; /* for `target`, if it fits */
};

/* False: no memory, and there is nothing to be done. */
bool request_init(struct request *request, struct MHD_Connection *mhd,
                  struct connection *connection, const char *target);
void request_done(struct request *request);

/* The head is here: headers and route are in request->call, with what is wrong with them. */
void request_take_head(struct request *request, const char *method, const char *version);
/* Content-Length announces more than is worth reading: more than a body may have, from a client that
 * sends it only when it is told to (RFC 9110 10.1.1), and from all others REQUEST_UPLOAD_MAX. */
bool request_is_too_much(const struct request *request);
/* A piece of the body. False: far too much, or no memory; the connection is not worth keeping. */
bool request_take_body(struct request *request, const char *piece, size_t len);
/* As the library has it; takes the body. Gives the response (MHD_destroy_response); NULL: no memory. */
struct MHD_Response *request_make_response(struct answer *answer);
/* Hands the answer to the library, which counts as one more user of it. */
enum MHD_Result request_answer(struct request *request, unsigned status,
                               struct MHD_Response *response);
/* Answers 200 with an event stream that `feed` gives piece by piece; keeps `cls`. */
enum MHD_Result request_stream(struct request *request, MHD_ContentReaderCallback feed, void *cls);
