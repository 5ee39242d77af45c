#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "agent/base/error.h"
#include "agent/operation/operation.h"

/* The lock on switching: while somebody holds it, neither steering nor MQTT switches, and REST only
 * with `force`. A plain value and its texts; operations.h keeps the one that counts. */

enum { LOCK_TTL_MAX_S = 86400 };

/* Made by lock_request_from_json(). */
struct operation_lock_request {
    char holder[OPERATION_HOLDER_MAX + 1];
    char reason[OPERATION_REASON_MAX + 1];
    int64_t ttl_s;
};

struct operation_lock {
    char holder[OPERATION_HOLDER_MAX + 1];
    /* "" none. */
    char reason[OPERATION_REASON_MAX + 1];
    /* Its end, on the journal's own clock and, for people, on the wall clock as it was set then, or as it
     * is set now where operations.h gave it. */
    int64_t ends_ms, until_utc_ms;
    /* Until then, when operations.h gave it; not kept. */
    int64_t left_ms;
};

/* 1 to OPERATION_HOLDER_MAX of printable ASCII, which a query can also carry. */
bool lock_is_holder(const char *text);
/* What a door is asked for, `{"holder","ttl_s","reason"}`: all but the reason has to be there, and
 * nothing else. ERROR_INVALID_REQUEST names the field; *ret is then as before. */
MUST_CHECK struct error lock_request_from_json(const cJSON *json,
                                               struct operation_lock_request *ret);

/* Sets `left_ms` and, where the wall clock was set since, `until_utc_ms`. False: it is over. */
bool lock_is_held(struct operation_lock *lock, int64_t journal_now_ms, int64_t utc_now_ms);
/* `{"holder","reason","until","ttl_s"}`; `ttl_s` is what is left, a begun second counts. Gives
 * (cJSON_Delete); NULL: no memory. */
cJSON *lock_to_json(const struct operation_lock *lock);
/* ERROR_LOCKED: who, why and until when. */
struct problem lock_refusal(const struct operation_lock *lock);

/* As the journal keeps it. Gives (free); NULL: no memory. */
char *lock_to_text(const struct operation_lock *lock);
/* ERROR_INTERNAL: not what lock_to_text() wrote; *ret is as before. */
MUST_CHECK struct error lock_from_text(const char *text, struct operation_lock *ret);
