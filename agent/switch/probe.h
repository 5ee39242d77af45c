#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/error.h"
#include "config/config.h"

/* Whether anything is reached over the modem's data connection: a TCP connection to each of a few
 * addresses, and so many of them have to be accepted. Never waits; the owner looks now and then.
 * Session. */

struct probe_options {
    /* IP addresses and ports. Kept, and so is `interface`. */
    const struct config_target *targets;
    size_t count;
    int need;
    /* Connections go out there only; NULL: as the routes say. */
    const char *interface;
    int64_t timeout_ms;
    /* Goes on until it is known of all of them, not only until enough are reached. */
    bool all;
};

enum probe_state { PROBE_RUNNING = 0, PROBE_REACHED, PROBE_FAILED };

/* Neither: it was not yet known when the others had decided. */
struct probe_result {
    bool ok, failed;
    /* Of the handshake; -1 where not ok. */
    int64_t rtt_ms;
};

struct probe;

/* As `probe` of the configuration says. */
struct probe_options probe_options_from(const struct config *config);

/* NULL: no memory. Failed until begun. */
struct probe *probe_new(const struct probe_options *options);
void probe_free(struct probe *probe);
/* Ends what is running. */
void probe_begin(struct probe *probe, int64_t now_ms);
/* Ends what is running: it has failed, and nothing is known of what it had not reached. */
void probe_abandon(struct probe *probe);
/* Decided as soon as it can be, and at the time-out at the latest; no socket is open then. */
enum probe_state probe_look(struct probe *probe, int64_t now_ms);
/* One a target, of the last time that it was begun. */
const struct probe_result *probe_results(const struct probe *probe);
/* ERROR_UNREACHABLE with what the first target that failed ran into; ERROR_NONE unless PROBE_FAILED. */
struct error probe_error(const struct probe *probe);
