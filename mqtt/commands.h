#pragma once

#include <stdbool.h>

#include "mqtt/link.h"

/* Commands in: each message under P/cmd is answered on its status topic and, once it ends, on the
 * Response Topic that came with it.
 *
 * An enable is admitted inside the message call-back, before its PUBACK: what is acknowledged is
 * kept. That is safe although Paho holds its mutex there: operations_admit() takes the locks of the
 * operations, the state and the bus's listeners, and whoever holds one of them never calls Paho nor
 * waits for the thread that does (listeners only post). A read takes a place in a bounded table;
 * the thread of the link answers it from the snapshot, after the worker when that has to read. */

struct config;
struct commands;
struct operation;
struct operations;
struct post;
struct reads;
struct state;

/* Keeps all of them; `base` is P. NULL: no memory. */
struct commands *commands_new(const struct config *config, const char *base, struct state *state,
                              struct operations *operations, struct reads *reads,
                              struct post *post);
/* No read may be waiting any more. */
void commands_free(struct commands *commands);

/* On Paho's thread. */
void commands_take(struct commands *commands, const struct link_message *message);
/* An operation changed: its end goes to whoever left a Response Topic. As a listener of the bus: any
 * thread. */
void commands_tell(struct commands *commands, const struct operation *op);
/* Answers the reads that can be answered. The link's thread. */
void commands_answer(struct commands *commands);
/* Messages whose topic was not of our shape. */
int64_t commands_aliens(struct commands *commands);
