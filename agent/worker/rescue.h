#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/profile.h"
#include "agent/operation/intent.h"

/* What is tried when no profile works: after a switch that ended `stranded`, the profile before and
 * the fallback's in turn, at growing distances, until one registers or somebody asks for a switch; after
 * a start whose journal was lost, the fallback's once. Policy: values in, values out. */

enum { RESCUE_PROFILES = 2, RESCUE_TEXT_MAX = 512 };

struct rescue {
    /* Stranded: these are worth a try. */
    struct intent_profile profiles[RESCUE_PROFILES];
    bool stranded;
    /* Tries so far. */
    unsigned tries;
    /* CLOCK_BOOTTIME of the next; CLOCK_NEVER: none. */
    int64_t next_ms;
    /* The journal was lost: watching whether what is enabled registers, since when (-1: not yet). */
    bool watching;
    int64_t watching_since_ms;
};

/* `text`: what rescue_to_text() gave before a restart, or NULL. `journal_lost`: nothing is known of
 * what ran before. */
struct rescue rescue_begin(const char *text, bool journal_lost, int64_t now_ms);
/* What a restart must not forget; NULL: nothing. Gives (free). */
char *rescue_to_text(const struct rescue *rescue);

/* A switch ended stranded. `chance`: any 32 bits, for the jitter. */
void rescue_strand(struct rescue *rescue, const struct intent_profile *previous,
                   const struct intent_profile *fallback, int64_t now_ms, uint32_t chance);
/* Registered, or somebody has asked for a switch. True: there was something to forget. */
bool rescue_end(struct rescue *rescue);
/* The modem answers and is not registered. */
void rescue_see_unregistered(struct rescue *rescue, int64_t now_ms);
/* When rescue_next() may have something; CLOCK_NEVER. */
int64_t rescue_next_ms(const struct rescue *rescue, int64_t register_ms);
/* Which of the card's profiles is worth a try now; false: none now. The time of the next is set. `list` NULL: it
 * cannot be read; then what is tried may be in use already. */
bool rescue_next(struct rescue *rescue, const struct profile_list *list, int64_t register_ms,
                 int64_t now_ms, uint32_t chance, struct profile_ref *ret);
