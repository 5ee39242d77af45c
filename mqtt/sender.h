#pragma once

#include <stdint.h>

#include "mqtt/aside.h"
#include "mqtt/link.h"

/* Hands what waits in the outbox to the link, within what the broker takes, and takes its answers:
 * what is delivered, what goes again, what the broker will not have and who is told of that. Of the
 * link's thread. */

struct bus;
struct post;
struct telemetry;

struct sender {
    const char *base;
    struct link *link;
    struct post *post;
    struct telemetry *telemetry;
    struct bus *bus;
    struct link_limits limits;
    int64_t progress_ms; /* the last send into silence, or the last ack */
    int64_t doubt_ms;    /* when a failed send is taken for a lost link */
    struct aside aside;
};

/* Keeps all of them; `base` is P. */
void sender_init(struct sender *sender, const char *base, struct link *link, struct post *post,
                 struct telemetry *telemetry, struct bus *bus);
/* A connection has begun. */
void sender_begin(struct sender *sender, const struct link_limits *limits);
/* As much of what waits as goes now. */
void sender_send(struct sender *sender);
void sender_take_ack(struct sender *sender, const struct link_ack *ack);
/* When silence, or a send that failed, is taken for a dead link. */
int64_t sender_deadline_ms(const struct sender *sender);
