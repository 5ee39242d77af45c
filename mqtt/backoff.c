#include "mqtt/backoff.h"

/* Beyond, every minimum has reached every maximum, and the shift would overflow. */
enum { TRIES_MAX = 24 };

/* Evenly in [0, ceiling]. */
static int64_t part_of(int64_t ceiling, uint32_t chance)
{
    return (int64_t)(((uint64_t)ceiling + 1) * chance >> 32);
}

struct backoff backoff_make(int64_t min_ms, int64_t max_ms)
{
    return (struct backoff){ .min_ms = min_ms, .max_ms = max_ms < min_ms ? min_ms : max_ms };
}

int64_t backoff_ceiling_ms(const struct backoff *b)
{
    int64_t ceiling = b->min_ms;

    for (unsigned i = 0; i < b->tries && ceiling < b->max_ms; i++)
        ceiling *= 2;
    return ceiling < b->max_ms ? ceiling : b->max_ms;
}

int64_t backoff_next_ms(struct backoff *b, uint32_t chance)
{
    int64_t wait = part_of(backoff_ceiling_ms(b), chance);

    if (b->tries < TRIES_MAX)
        b->tries++;
    return wait;
}

int64_t backoff_longest_ms(struct backoff *b, uint32_t chance)
{
    if (b->tries < TRIES_MAX)
        b->tries++;
    return b->max_ms - part_of(b->max_ms / 2, chance);
}

int64_t backoff_hurried_ms(bool refused, uint32_t chance)
{
    int64_t longest = refused ? BACKOFF_HURRIED_REFUSED_MS : BACKOFF_HURRIED_MS;

    return longest - part_of(longest / 2, chance);
}

void backoff_ended(struct backoff *b, int64_t held_ms)
{
    if (held_ms >= BACKOFF_HELD_MS)
        b->tries = 0;
}
