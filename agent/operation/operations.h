#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/operation/limits.h"
#include "agent/operation/lock.h"
#include "agent/operation/operation.h"

/* All operations: who may begin one, which runs, how each ended. Every change raises `rev`, is
 * written to the journal in one transaction with the messages that tell of it, and is then told on the
 * bus, after the lock is let go; so is a request that comes again. The journal keeps all of them; the
 * one that waits or runs is also in memory, and goes on there when the disk does not take it. Any
 * thread. */

struct bus;
struct intent;
struct journal;
struct letters;
struct snapshot;
struct state;
struct operations;

enum {
    /* A list that was read so lately says for certain what is not on the card. A profile may be
     * downloaded without the agent's doing, so one that is older is looked at once more. */
    OPERATIONS_LIST_FRESH_MS = 30000,
};

/* Keeps all; takes up what the journal says was waiting or running. NULL: no memory. */
struct operations *operations_new(struct bus *bus, struct state *state, struct journal *journal);
/* The longest that a switch may take, for `ends_by`. Before the first thread. */
void operations_set_budget(struct operations *ops, int64_t budget_ms);
int64_t operations_budget_ms(const struct operations *ops);
void operations_free(struct operations *ops);
/* `wake` (called without a lock on the admitting thread) tells the worker that an operation waits,
 * that the one which runs was confirmed, or that there is a lock to tick for. */
void operations_set_wake(struct operations *ops, void (*wake)(void *ctx), void *ctx);

/* Who writes the messages that tell of an operation. */
struct operations_scribe {
    /* Adds the messages that tell of `op` as it is now; `again`: it was asked for once more and is as
     * it was. Called under the operations' lock, before the transaction: pure but for its own leaf
     * locks, and calls nothing of ours. */
    void (*write)(void *ctx, const struct operation *op, bool again, struct letters *ret);
    /* They are on disk (those with a number) and may go out. Takes the letters. No lock held. */
    void (*post)(void *ctx, struct letters *letters);
    void *ctx;
};
/* Copies. Before the first thread; without one nothing is written. */
void operations_set_scribe(struct operations *ops, const struct operations_scribe *scribe);

/* Any thread, at any time. Without it there are none. */
void operations_set_limits(struct operations *ops, const struct operations_limits *limits);

enum admission {
    /* ADMISSION_REFUSED: `problem` says why. MQTT: also kept as an operation that ended
     * `rejected`, except key-reused, shutting-down and storage-full, which leave nothing and have
     * rev 0. */
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
 * lock, in progress, not on the card, limits, disk. `force` passes lock and limits, steering's does not;
 * CHANNEL_AGENT is not held back by them. What is let in is on disk when this returns, but for what is
 * done at once and came without a key: that holds no promise. `if_match` is the header's text or NULL
 * (not MQTT).
 * `*ret` is the operation (not for ADMISSION_REFUSED from REST); `*ret_problem` the refusal. */
enum admission operations_admit(struct operations *ops, const struct operation_request *request,
                                const char *if_match, struct operation *ret,
                                struct problem *ret_problem);

/* One waits or runs. */
bool operations_is_busy(struct operations *ops);
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

/* The word that a switch with `confirm_s` waits for; said twice is said once, as long as the switch is
 * kept by it. ERROR_NOT_FOUND; ERROR_TOO_LATE: it does not wait for one (now, or any more). */
MUST_CHECK struct error operations_confirm(struct operations *ops, const char *id,
                                           struct operation *ret);

/* How long until the limits let a switch through; 0: now. */
int64_t operations_cooldown_ms(struct operations *ops);

/* False from now on for every door: `shutting-down`. */
void operations_close_doors(struct operations *ops);

/* Takes the lock on switching, or renews it for the same holder; *ret is the lock. ERROR_LOCKED:
 * another has it, and *ret is that one; ERROR_STORAGE_FULL. */
MUST_CHECK struct error operations_lock(struct operations *ops,
                                        const struct operation_lock_request *request,
                                        struct operation_lock *ret);
/* `holder` may be NULL with `force`, which lets go whoever has it. ERROR_NOT_FOUND: nobody has;
 * ERROR_LOCKED: another has it; ERROR_STORAGE_FULL. */
MUST_CHECK struct error operations_unlock(struct operations *ops, const char *holder, bool force);
/* False: nobody has it. */
bool operations_get_lock(struct operations *ops, struct operation_lock *ret);

/* --- the worker's side --- */

/* What the journal says was running when the agent ended; `*ret_intent` is set when
 * `*ret_has_intent`: ENABLE may have gone out. False: nothing was. */
bool operations_interrupted(struct operations *ops, struct operation *ret, bool *ret_has_intent,
                            struct intent *ret_intent);
/* The oldest that waits; it is still `accepted`. Operations whose time is over are ended as expired
 * on the way. False: none. `*ret_next_expiry_ms`: when the next one expires (CLOCK_NEVER: none). */
bool operations_next(struct operations *ops, struct operation *ret, int64_t *ret_next_expiry_ms);
/* One waits. Any thread, at any time. */
bool operations_one_waits(struct operations *ops);
/* accepted -> running, in `enabling`. False: it has ended meanwhile (canceled, expired). */
bool operations_start(struct operations *ops, const char *id);
/* Right before ENABLE: the intent is written, one switch is counted, and past this point there is no
 * cancel. After a restart once more, where ENABLE is sent again: then it does not expire.
 * ERROR_TOO_LATE: canceled or expired, and ended. ERROR_STORAGE_FULL: it cannot be written, so
 * ENABLE must not go out. */
MUST_CHECK struct error operations_commit_to_send(struct operations *ops, const char *id,
                                                  const struct intent *intent);
/* What the card's list says of it; `from` NULL: no profile was in use. Written with the next change. */
void operations_set_target(struct operations *ops, const char *id, const struct profile *target,
                           const struct iccid *from);
/* A change of phase, or of what the intent says; `phase` may be the one that it is in: then only the
 * intent is written, and nothing is told. `intent` NULL: as it was. `counts`: one more ENABLE goes
 * out. */
void operations_enter(struct operations *ops, const char *id, enum phase phase,
                      const struct intent *intent, bool counts);
/* How far it is, without a change: survives a kill. */
void operations_save(struct operations *ops, const char *id, const struct intent *intent);
/* The end by the clock, from the next change of phase on: one `rev` says one thing only. */
void operations_set_ends_by(struct operations *ops, const char *id, int64_t ends_by_utc_ms);
bool operations_is_confirmed(struct operations *ops, const char *id);
/* The switch is about to go on without the word. False: none came, and from now on it is too late for
 * one. True: one has come, and whoever said it was told that it counts; a profile that turns out not to work
 * after that, as one that a restart has to prove anew, is left all the same. */
bool operations_stop_waiting(struct operations *ops, const char *id);

struct operation_end {
    /* code ERROR_NONE: succeeded. */
    struct error error;
    /* Of ERROR_STRANDED: the first reason. */
    enum error_code cause;
    /* It ends in `rolled-back`. */
    bool rolled_back;
    bool has_result;
    bool changed;
    bool has_now;
    struct iccid now;
    int64_t blackout_ms;
    enum verified verified;
};
void operations_end(struct operations *ops, const char *id, const struct operation_end *end);

/* Writes what the disk did not take, and tells of a lock that has come to its end; gives when to call
 * it again (CLOCK_NEVER: there is nothing to wait for). */
int64_t operations_tick(struct operations *ops);
/* The journal's file was set aside, and another one is in its place: what goes on, and the lock, are written
 * into that. Where the disk does not take it, the operation comes with operations_tick(); a lock is held until a
 * restart. */
void operations_write_anew(struct operations *ops);
/* The same for the last time. */
void operations_finish(struct operations *ops);
