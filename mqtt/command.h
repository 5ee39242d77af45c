#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/operation/lock.h"
#include "agent/operation/operation.h"
#include "config/config.h"

/* What a command's payload asks for. Pure: the clock and the rules are given. Payloads are strict
 * JSON, an empty one is {}; errors are those of REST and name the field. */

enum { COMMAND_PAYLOAD_MAX = 4096 };

struct command_message {
    const char *payload;
    size_t len;
    bool retained;
    /* MQTT 5's remaining Message Expiry Interval, seconds; -1: none. */
    int64_t expiry_s;
};

struct command_rules {
    /* mqtt.commands, mqtt.force */
    unsigned commands;
    bool force;
    /* An enable has to bring confirm_s: nothing else would prove that the device is not lost. */
    bool needs_confirm;
    bool clock_is_set;
    int64_t now_utc_ms;
};

/* What can be said before the payload is looked at: retained (ERROR_INVALID_REQUEST), not allowed
 * (ERROR_FORBIDDEN), too long (ERROR_PAYLOAD_TOO_LARGE). */
MUST_CHECK struct error command_check(const struct command_rules *rules,
                                      enum config_command command,
                                      const struct command_message *message);

/* enable-profile; `id` is the sender's. The request lives for the message's expiry, else ttl_s,
 * else until expires_at when the clock is set; ttl_s -1: that is over already. */
MUST_CHECK struct error command_to_request(const struct command_rules *rules,
                                           const struct command_message *message, const char *id,
                                           struct operation_request *ret);

/* A read's {"refresh":true}. */
MUST_CHECK struct error command_to_refresh(const struct command_message *message,
                                           bool *ret_refresh);

/* plan-profile: which, and a read's refresh. */
MUST_CHECK struct error command_to_plan(const struct command_message *message,
                                        struct profile_ref *ret_target, bool *ret_refresh);

/* lock-switch, as of lock_request_from_json(). */
MUST_CHECK struct error command_to_lock(const struct command_message *message,
                                        struct operation_lock_request *ret);

/* unlock-switch: who lets go, or by force whoever holds it. */
struct command_unlock {
    bool force;
    char holder[OPERATION_HOLDER_MAX + 1]; /* "" only with force */
};
MUST_CHECK struct error command_to_unlock(const struct command_rules *rules,
                                          const struct command_message *message,
                                          struct command_unlock *ret);

/* A payload that has to be {} or nothing (cancel, confirm). */
MUST_CHECK struct error command_is_empty(const struct command_message *message);
