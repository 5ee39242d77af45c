#pragma once

#include "agent/base/error.h"

/* The REST doors: two unix sockets and a TCP address, served by one thread. */

struct broker;
struct bus;
struct config;
struct journal;
struct operations;
struct state;
struct reads;
struct samples;
struct api;

struct api_parts {
    const struct config *config;
    struct state *state;
    struct operations *operations;
    struct journal *journal;
    struct broker *broker;
    struct bus *bus;
    struct reads *reads;
    struct samples *samples;
};

/* Keeps all of them; listens on the bus (so before the first thread). NULL: no memory. */
struct api *api_new(const struct api_parts *parts);
/* Opens the doors and begins to serve. An error names the door. */
MUST_CHECK struct error api_start(struct api *api);
/* After the worker has stopped and all readers are answered: ends what is open (waiters get what there
 * is), closes the doors, removes the sockets. At most 2 s. */
void api_stop(struct api *api);
void api_free(struct api *api);
