#pragma once

#include <stdbool.h>

#include "mqtt/link.h"

/* Commands in: each message under P/cmd is answered on its status topic and, once it ends, on the
 * Response Topic that came with it.
 *
 * An enable is admitted, and the lock on switching taken, inside the message call-back, before its
 * PUBACK: what is acknowledged is kept. That is safe although Paho holds its mutex there: operations.h
 * takes the locks of the operations, the state and the bus's listeners, and whoever holds one of them
 * never calls Paho nor waits for the thread that does (listeners only post). A read, also one for a
 * plan, takes a place in a bounded table;
 * the thread of the link answers it from the snapshot, after the worker when that has to read. */

struct commands;
struct config;
struct mqtt_parts;
struct operation;
struct post;
struct proofs;

/* Keeps the parts (not their struct), `post` and `proofs`, which is the link's thread's; `base` is P.
 * NULL: no memory. */
struct commands *commands_new(const struct mqtt_parts *parts, const char *base, struct post *post,
                              struct proofs *proofs);
/* No read may be waiting any more. */
void commands_free(struct commands *commands);

/* `probe.targets` is as in `config` (borrowed) from now on. Any thread. */
void commands_reload(struct commands *commands, const struct config *config);

/* On Paho's thread. */
void commands_take(struct commands *commands, const struct link_message *message);
/* An operation changed: its end goes to whoever left a Response Topic. As a listener of the bus: any
 * thread. */
void commands_tell(struct commands *commands, const struct operation *op);
/* Answers the reads that can be answered. The link's thread. */
void commands_answer(struct commands *commands);
/* Messages whose topic was not of our shape. */
int64_t commands_aliens(struct commands *commands);
