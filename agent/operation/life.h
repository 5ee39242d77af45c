#pragma once

#include <stdint.h>

#include "agent/operation/operation.h"

/* What an operation's value goes through between the door and its end. Each is a change: `rev` rises by
 * one, and the phases have their times. */

struct operation_end;

/* accepted -> running, in `enabling`; over at the latest `budget_ms` from now. */
void life_start(struct operation *op, int64_t budget_ms);
void life_enter(struct operation *op, enum phase phase);
/* Of a switch. */
void life_end(struct operation *op, const struct operation_end *end);
/* `error` NULL: none. */
void life_finish(struct operation *op, enum operation_state state, const struct error *error);
void life_expire(struct operation *op);

/* How long it has been running, as far as its phases tell. */
int64_t life_ran_ms(const struct operation *op);
