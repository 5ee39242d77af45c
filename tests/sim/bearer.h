#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util.h"

/* The bearer: TCP relays that work only while the profile in use has data service. A connection
 * belongs to the profile over which it was made and carries nothing over another. */

struct sim;
struct pollfd;
struct bearer_chunk;

enum { MAX_RELAYS = 8, MAX_CONNECTIONS = 128 };

struct bearer_side {
    int fd;
    bool eof;
    /* What came from the other side, and when it may go out. */
    struct bearer_chunk *first, *last;
};

struct bearer_connection {
    bool used, connecting;
    /* Carries nothing any more, in silence. */
    bool dead;
    char iccid[24];
    /* 0: the device, 1: the target. */
    struct bearer_side side[2];
};

struct bearer {
    struct {
        int fd, target_port;
        char target[64];
    } relays[MAX_RELAYS];
    size_t relay_count;
    struct bearer_connection connections[MAX_CONNECTIONS];
};

/* "LISTEN:PORT=TARGET:PORT", IPv4. Ends the process when it cannot be. */
void bearer_add(struct sim *sim, const char *spec);
void bearer_close(struct sim *sim);
/* Adds entries to poll on. Returns how many. */
size_t bearer_poll(struct sim *sim, struct pollfd *fds, size_t max);
/* Looks at all of them; returns ms until it has something to do, -1: nothing. */
void bearer_ready(struct sim *sim, const struct pollfd *fds, size_t count);
int bearer_wait(const struct sim *sim);
/* Registration, attachment or the profile in use changed. */
void bearer_service_changed(struct sim *sim);
/* The port went away, and with bearer.vanish every connection with it. */
void bearer_port_gone(struct sim *sim);
size_t bearer_count(const struct sim *sim);
