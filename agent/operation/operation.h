#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "agent/base/error.h"
#include "agent/base/id.h"
#include "agent/base/profile.h"

/* An operation: an enable, whoever asked for it, from the door to its end. A plain value; the one
 * that counts is kept by operations.h. Its JSON is the same on every door (REST, "An operation"). */

enum operation_state {
    OPERATION_NONE = 0,
    OPERATION_ACCEPTED,
    OPERATION_RUNNING,
    OPERATION_SUCCEEDED,
    OPERATION_FAILED,
    OPERATION_REJECTED,
    OPERATION_CANCELED,
    OPERATION_EXPIRED,
};

enum operation_channel { CHANNEL_REST = 0, CHANNEL_MQTT, CHANNEL_STEERING, CHANNEL_AGENT };

enum phase {
    PHASE_NONE = 0,
    PHASE_ENABLING,
    PHASE_RESETTING,
    PHASE_REGISTERING,
    PHASE_ATTACHING,
    PHASE_VERIFYING,
    PHASE_CONFIRMING,
    PHASE_COMMITTED,
    PHASE_ROLLING_BACK,
    PHASE_ROLLED_BACK,
};

enum verified {
    VERIFIED_NOTHING = 0,
    VERIFIED_REGISTERED,
    VERIFIED_ATTACHED,
    VERIFIED_REACHABLE,
    VERIFIED_BROKER,
};

enum {
    OPERATION_REASON_MAX = 256,
    OPERATION_REQUESTER_MAX = 128,
    /* More, by many restarts: the oldest of them go. */
    OPERATION_PHASES_MAX = 32,
    OPERATION_TTL_DEFAULT_S = 900,
    OPERATION_TTL_MAX_S = 604800,
    OPERATION_HOLDER_MAX = 64,
};

/* What a door asks for, checked for syntax by the door. */
struct operation_request {
    enum operation_channel channel;
    char requester[OPERATION_REQUESTER_MAX + 1];
    /* The sender's key or id; "" when REST came without a key. */
    char request[ID_SENDER_MAX + 1];
    struct profile_ref target;
    char reason[OPERATION_REASON_MAX + 1];
    /* 0: the default; negative: its time was over when it came. */
    int64_t ttl_s;
    bool has_expect_enabled;
    struct iccid expect_enabled;
    bool force;
    /* 0: none. */
    int64_t confirm_s;
};

struct operation_phase {
    enum phase phase;
    int64_t began_ms; /* CLOCK_BOOTTIME */
    int64_t ms;       /* how long; -1 while it runs */
};

/* What becomes of a refusal or a failure: the error and what belongs to it on the wire. */
struct problem {
    struct error error;
    /* 0: none. */
    int64_t retry_after_s;
    /* The operation that is in the way; "" none. */
    char operation[ID_LEN + 1];
    /* Who holds the lock, and until when (wall clock); "" and 0: nobody. */
    char holder[OPERATION_HOLDER_MAX + 1];
    int64_t until_utc_ms;
    /* Of ERROR_STRANDED: the first reason. */
    enum error_code cause;
};

struct operation {
    char id[ID_LEN + 1];
    struct operation_request request;
    enum operation_state state;
    enum phase phase;
    /* 1 at birth; 0 only where a refusal has none (key-reused). */
    int64_t rev;
    /* Wall clock; 0: not yet. `ends_by`: over at the latest. */
    int64_t created_utc_ms, started_utc_ms, ended_utc_ms, ends_by_utc_ms;
    /* The wall clock could be trusted at birth. */
    bool clock_was_set;
    /* CLOCK_BOOTTIME: ENABLE not sent by then, it ends as expired. */
    int64_t expires_ms;
    /* ENABLE is going out or has gone: too late for cancel and expiry. */
    bool sent;
    /* The word that `confirm_s` waits for has come. */
    bool confirmed;
    /* Those from before a restart stay, so one may be there more than once. */
    size_t phase_count;
    struct operation_phase phases[OPERATION_PHASES_MAX];
    /* The target and the profile in use before, once the card's list has named them. */
    bool has_target, has_from;
    struct profile target;
    struct iccid from;
    bool has_result;
    bool changed;
    bool has_now;
    struct iccid now;
    int64_t blackout_ms; /* -1 unknown */
    enum verified verified;
    /* Of failed, rejected, canceled and expired. */
    struct problem problem;
};

bool operation_has_ended(const struct operation *op);
const char *operation_state_name(enum operation_state state);
/* OPERATION_NONE when `name` is no state. */
enum operation_state operation_state_from_name(const char *name);
const char *operation_channel_name(enum operation_channel channel);
const char *phase_name(enum phase phase);
const char *verified_name(enum verified verified);

/* The contract's JSON object. Gives (cJSON_Delete); NULL: no memory. */
cJSON *operation_to_json(const struct operation *op);
/* `{"code","detail",…}` as in an operation's `error`. Gives; NULL: no memory. */
cJSON *problem_to_json(const struct problem *problem);
