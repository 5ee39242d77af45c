#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "util.h"

/* The control socket: one JSON object a line in, one JSON line out. */

struct sim;
struct cJSON;
struct pollfd;

enum { MAX_CLIENTS = 16 };

struct control_client {
    int fd;
    struct buf in, out;
    /* "wait": what for, and until when; NULL: not waiting. */
    struct cJSON *until;
};

struct control {
    int fd;
    char path[256];
    struct control_client clients[MAX_CLIENTS];
};

void control_init(struct sim *sim);
/* Ends the process when the socket cannot be made. */
void control_open(struct sim *sim, const char *path);
void control_close(struct sim *sim);
size_t control_poll(struct sim *sim, struct pollfd *fds, size_t max);
void control_ready(struct sim *sim, const struct pollfd *fds, size_t count);
/* Answers those whose wait has come true. */
void control_check_waits(struct sim *sim);
void control_help(FILE *out);
