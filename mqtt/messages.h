#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/operation/operation.h"
#include "agent/state/render.h"
#include "agent/state/snapshot.h"
#include "config/config.h"

/* What the agent says over MQTT, as JSON text. Pure: time and ids are given. Each gives its text
 * (free); NULL: no memory. Moments are UTC milliseconds; messages of an agent whose clock is not
 * set say "clock_set":false. */

struct messages_health {
    int64_t session;
    int64_t since_utc_ms;
    bool clock_is_set;
    /* 0: no switch is about to run. */
    int64_t switching_until_utc_ms;
};

/* {"online":true,"session","agent","since"} */
char *messages_online(const struct messages_health *health);
/* {"online":false,"session","reason"}; `at_utc_ms` 0: not known, as in a will. */
char *messages_offline(int64_t session, const char *reason, int64_t at_utc_ms, bool clock_is_set);

/* What this device is, and what each command that `commands` allows takes. */
char *messages_info(const struct snapshot *snapshot, const char *device_id, unsigned commands,
                    bool force);
/* EID, profiles, which is enabled, since when and by what. */
char *messages_esim(const struct snapshot *snapshot, render_find find, void *ctx);
/* The last reading; {} when there is none. */
char *messages_connectivity(const struct snapshot *snapshot);
/* {"operations":[…]}, newest first. */
char *messages_operations(const struct operation *ops, size_t count);

/* An operation, as its status. */
char *messages_operation(const struct operation *op);
/* The same with `at`, as event `switch`. */
char *messages_switch(const struct operation *op);

/* What a command asked for, from the snapshot: {"id","kind","state":"succeeded","result"}. */
char *messages_result(enum config_command command, const char *id, const struct snapshot *snapshot,
                      render_find find, void *ctx);
/* The same with any result; takes it, NULL is the memory that was out when it was made. */
char *messages_answer(enum config_command command, const char *id, cJSON *result);
/* {"id","kind","state","error"}; `state` is "rejected" (not begun) or "failed". */
char *messages_error(const char *kind, const char *id, const char *state,
                     const struct problem *problem);

/* An event: {"id","at"} and, where not NULL, "by", "state", "what", "detail" and the trouble as
 * "error". */
struct messages_event {
    const char *id;
    int64_t at_utc_ms;
    bool clock_is_set;
    const char *by, *state, *what, *detail;
    const struct error *error;
};
char *messages_event(const struct messages_event *event);
