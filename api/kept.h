#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <microhttpd.h>

#include "api/call.h"

/* The answers to what is read most, the EID and the list of profiles, kept as the library has them: each
 * until the snapshot, what is known of the profiles, or the second of its Age is another. Only the
 * API's thread. */

struct routes;

enum { KEPT_EID = 0, KEPT_PROFILES, KEPT_COUNT };

/* All zero: nothing is kept. */
struct kept {
    struct kept_answer {
        /* The versions of what it was made of. */
        unsigned snapshot, proofs;
        /* 0: nothing was looked for here. */
        int64_t until_ms;
        /* Owned; NULL: not made yet. */
        struct MHD_Response *response;
    } answers[KEPT_COUNT];
};

void kept_done(struct kept *kept);
/* The answer, status 200; good until the next call of this module. NULL: there is none; what
 * routes_answer() then says goes to kept_put(). */
struct MHD_Response *kept_find(struct kept *kept, const struct routes *routes,
                               const struct call *call, int64_t now_ms);
/* `response`, which it takes, is what the call was answered after it was not found. */
void kept_put(struct kept *kept, const struct call *call, unsigned status,
              struct MHD_Response *response);
