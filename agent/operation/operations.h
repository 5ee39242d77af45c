#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/operation/operation.h"

/* All operations: who may begin one, which runs, how each ended. Every change raises `rev` and is
 * told on the bus, after the lock is let go; so is a request that comes again. Kept in memory,
 * OPERATIONS_KEPT of them; of more, those go first whose going is least missed: what never ran
 * before what ran, and of that first what nobody can ask for again. The journal takes this module's
 * place as the keeper without changing its face. Any thread. */

struct bus;
struct snapshot;
struct state;
struct operations;

enum {
    OPERATIONS_KEPT = 1000,
    /* A list that was read so lately says for certain what is not on the card. A profile may be
     * downloaded without the agent's doing, so one that is older is looked at once more. */
    OPERATIONS_LIST_FRESH_MS = 30000,
};

/* Keeps both. NULL: no memory. */
struct operations *operations_new(struct bus *bus, struct state *state);
/* The longest that a switch may take, for `ends_by`. Before the first thread. */
void operations_set_budget(struct operations *ops, int64_t budget_ms);
void operations_free(struct operations *ops);
/* `wake` (called without a lock on the admitting thread) tells the worker that an operation waits. */
void operations_set_wake(struct operations *ops, void (*wake)(void *ctx), void *ctx);

enum admission {
    /* ADMISSION_REFUSED: `problem` says why. MQTT: also kept as an operation that ended
     * `rejected`, except key-reused and shutting-down, which leave nothing and have rev 0. */
    ADMISSION_REFUSED = 0,
    /* ADMISSION_ACCEPTED: new, and it will run. */
    ADMISSION_ACCEPTED,
    /* ADMISSION_DONE: new, and it has ended at once (already enabled). */
    ADMISSION_DONE,
    /* ADMISSION_REPEATED: the same request came before; the operation as it is now. */
    ADMISSION_REPEATED,
};

/* The snapshot has a list that is young enough to refuse a profile which is not in it. */
bool operations_list_is_fresh(const struct snapshot *now);

/* Decides at the door, in the contract's order: key, If-Match and expect_enabled, already enabled,
 * lock, in progress, not on the card, limits, disk. `if_match` is the header's text or NULL (not MQTT).
 * `*ret` is the operation (not for ADMISSION_REFUSED from REST); `*ret_problem` the refusal. */
enum admission operations_admit(struct operations *ops, const struct operation_request *request,
                                const char *if_match, struct operation *ret,
                                struct problem *ret_problem);

/* By the agent's own id. False: not known. */
bool operations_find(struct operations *ops, const char *id, struct operation *ret);
/* By door and the sender's id. False: not known. */
bool operations_find_request(struct operations *ops, enum operation_channel channel,
                             const char *request, struct operation *ret);

/* Newest first, at most `cap` into `ret`, only of `state` (OPERATION_NONE: any), only older than
 * the id `before` (NULL: from the newest). The number written. */
size_t operations_list(struct operations *ops, enum operation_state state, const char *before,
                       size_t cap, struct operation *ret);

/* Ends an operation whose ENABLE has not gone out; one that was canceled before stays so.
 * ERROR_NOT_FOUND; ERROR_TOO_LATE. */
MUST_CHECK struct error operations_cancel(struct operations *ops, const char *id,
                                          struct operation *ret);

/* False from now on for every door: `shutting-down`. */
void operations_close_doors(struct operations *ops);

/* --- the worker's side --- */

/* The oldest that waits; it is still `accepted`. Operations whose time is over are ended as expired
 * on the way. False: none. `*ret_next_expiry_ms`: when the next one expires (CLOCK_NEVER: none). */
bool operations_next(struct operations *ops, struct operation *ret, int64_t *ret_next_expiry_ms);
/* accepted -> running, in `enabling`. False: it has ended meanwhile (canceled, expired). */
bool operations_start(struct operations *ops, const char *id);
/* Right before ENABLE: past this point there is no cancel. False: canceled or expired, and ended. */
bool operations_commit_to_send(struct operations *ops, const char *id);
/* What the card's list says of it; `from` NULL: no profile was in use. */
void operations_set_target(struct operations *ops, const char *id, const struct profile *target,
                           const struct iccid *from);
void operations_enter(struct operations *ops, const char *id, enum phase phase);

struct operation_end {
    /* code ERROR_NONE: succeeded. */
    struct error error;
    bool has_result;
    bool changed;
    bool has_now;
    struct iccid now;
    int64_t blackout_ms;
    enum verified verified;
};
void operations_end(struct operations *ops, const char *id, const struct operation_end *end);
