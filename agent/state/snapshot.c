#include "agent/state/snapshot.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* The value comes first: a reader's pointer is the holder's. */
struct held {
    struct snapshot value;
    atomic_uint users;
};

struct state {
    pthread_mutex_t lock;
    struct held *now; /* under lock; counts as one user */
    atomic_uint version;
};

static struct held *hold(const struct snapshot *value)
{
    struct held *held = calloc(1, sizeof *held);

    if (!held)
        return NULL;
    if (value)
        held->value = *value;
    atomic_init(&held->users, 1);
    return held;
}

static void let_go(struct held *held)
{
    if (held && atomic_fetch_sub(&held->users, 1) == 1)
        free(held);
}

struct state *state_new(void)
{
    struct state *state = calloc(1, sizeof *state);

    if (!state)
        return NULL;
    state->now = hold(NULL);
    if (!state->now) {
        free(state);
        return NULL;
    }
    state->now->value.trouble =
        error_make(ERROR_IN_AGENT, ERROR_MODEM_ABSENT, 0, "the modem is not set up yet");
    pthread_mutex_init(&state->lock, NULL);
    atomic_init(&state->version, 0);
    return state;
}

void state_free(struct state *state)
{
    if (!state)
        return;
    let_go(state->now);
    pthread_mutex_destroy(&state->lock);
    free(state);
}

const struct snapshot *state_take(struct state *state)
{
    struct held *held;

    pthread_mutex_lock(&state->lock);
    held = state->now;
    atomic_fetch_add(&held->users, 1);
    pthread_mutex_unlock(&state->lock);
    return &held->value;
}

unsigned state_version(struct state *state)
{
    return atomic_load(&state->version);
}

void snapshot_release(const struct snapshot *snapshot)
{
    union {
        const struct snapshot *as_read;
        struct held *as_held;
    } same = { .as_read = snapshot };

    let_go(same.as_held);
}

struct error state_publish(struct state *state, const struct snapshot *next)
{
    struct held *held = hold(next);
    struct held *before;

    if (!held)
        return error_make(ERROR_IN_SYSTEM, ERROR_INTERNAL, 0, "no memory for a snapshot");
    pthread_mutex_lock(&state->lock);
    before = state->now;
    state->now = held;
    pthread_mutex_unlock(&state->lock);
    /* Behind it: what is made of the one before is never taken for one of this. */
    atomic_fetch_add(&state->version, 1);
    let_go(before);
    return ERROR_OK;
}
