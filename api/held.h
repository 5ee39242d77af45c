#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "api/request.h"

/* The connections that are in our own hands: of requests that wait for a read or for an operation's end,
 * and of listeners to events. Meanwhile the library knows them as suspended. Only the API's thread. */

struct connection;
struct door;
struct http;
struct waiter;

/* True: the request waits until the read is through. False: call.read_error says why not. */
bool held_wait_for_read(struct http *http, struct request *request, unsigned wants);
/* True: it waits until the end is there. False: there is nothing to wait for, or no room to wait. */
bool held_wait_for_end(struct http *http, struct request *request);
/* The request stops waiting, whatever for. */
void held_forget(struct http *http, struct request *request);

/* Makes the connection a listener's, whose stream held_feed() gives. False: `ret` says why not. */
bool held_listen(struct door *door, struct request *request, struct answer *ret);
/* The library asks for more, as the peer has taken what it had; `stream` is the connection's. */
ssize_t held_feed(void *stream, uint64_t position, char *buffer, size_t cap);
/* It listens no more, if it did. */
void held_end_stream(struct http *http, struct connection *connection);

/* What came of reads; takes the list. */
void held_take_posted(struct http *http, struct waiter *posted);
/* What has happened meanwhile goes to those who listen, and ends those who wait for it. */
void held_take_news(struct http *http);
/* The peer of one who is held has closed. `may_read`: maybe only what it sends (RFC 9112 9.6): its read goes
 * on, which cannot take long; of an operation it hears at once how far that is. */
void held_peer_closed(struct http *http, struct connection *connection, bool may_read);
/* Answers those whose time is over; with `all` everyone. */
void held_end_waits(struct http *http, int64_t now_ms, bool all);
/* Wakes those who have something to send; with `ends` all, who end when that is done. */
void held_wake_streams(struct http *http, int64_t now_ms, bool ends);
/* When to look again at the latest; CLOCK_NEVER: nobody is held. */
int64_t held_deadline_ms(const struct http *http);
