#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The serial port: a pseudo-terminal behind a stable link. It can go away and come back under
 * another number, as a USB modem does. */

struct sim;
struct pollfd;

struct pty {
    /* -1: the port is away. */
    int master;
    /* The next one, made before the old one closes so that the number changes. */
    int next_master;
    /* Nobody has the slave open. */
    bool alone;
    char link[512];
    char terminals[512];
    char slave[544];
    char next_slave[544];
};

/* Ends the process when there is no pseudo-terminal or no link. `terminals`: the devpts to make it in;
 * "": the system's. */
void pty_open(struct sim *sim, const char *link, const char *terminals);
void pty_close(struct sim *sim);
/* ms < 0: until pty_return(). */
void pty_vanish(struct sim *sim, int64_t ms);
void pty_return(struct sim *sim);
/* Fills one entry; returns whether it did. */
bool pty_poll(struct sim *sim, struct pollfd *ret);
void pty_ready(struct sim *sim, short events);
/* Bytes taken; all of them when nobody listens. */
size_t pty_write(struct sim *sim, const char *data, size_t len);
