#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/state/bus.h"
#include "agent/state/snapshot.h"

/* What the agent tells unasked: its presence, the retained documents (info, twin) and the events but
 * `switch`. A listener of the bus notes that something changed; the thread of the link renders what is
 * new and puts it in the outbox, each document only when its text is another than the one told last.
 * Events are on disk, too, until the broker has them. */

struct config;
struct operations;
struct post;
struct proofs;
struct tell;

/* Keeps all of them; `base` is P, `proofs` the link's thread's. NULL: no memory. */
struct tell *tell_new(const struct config *config, const char *base, struct state *state,
                      struct operations *operations, struct post *post, struct proofs *proofs);
void tell_free(struct tell *tell);

/* As a listener of the bus: any thread, only posts. */
void tell_on_bus(struct tell *tell, enum bus_event event, const void *data);

/* --- the link's thread --- */

/* Puts what has changed in the outbox. */
void tell_work(struct tell *tell);
/* True once after it was put that a switch is about to run. */
bool tell_take_switching(struct tell *tell);
/* When tell_work() has to be called though nothing happens; CLOCK_NEVER. */
int64_t tell_next_ms(const struct tell *tell);
/* The broker has forgotten us, and maybe the retained documents, too: all are told again. */
void tell_forget(struct tell *tell);
/* The link is up: the presence is told. */
void tell_online(struct tell *tell, int64_t session);
/* The link is down: presence is the will's. */
void tell_offline(struct tell *tell);
/* The goodbye, with its reason. */
void tell_goodbye(struct tell *tell, const char *reason);
