#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/id.h"

/* A message that tells of a change, from the moment that it is written (in one transaction with the
 * change) until the broker has it. Who sends it writes it; the journal only keeps it. */

struct letter {
    /* The sender's own number for what kind it is; kept, not looked at. */
    int class;
    char *topic, *payload; /* owned */
    /* The operation that it tells of and its rev; "" none. */
    char operation[ID_LEN + 1];
    int64_t rev;
    /* It goes to disk; others live as long as the process. */
    bool kept;
    /* The journal's number; 0: not on disk. */
    int64_t number;
    /* How long it was on disk when it was read from there; 0 where that is not known. */
    int64_t waited_ms;
};

enum { LETTERS_MAX = 4 };

struct letters {
    size_t count;
    struct letter items[LETTERS_MAX];
};

/* A letter of `class`; both texts are taken, also where one is NULL (no memory: then nothing is
 * added) or there is no room. NULL: nothing was added. */
struct letter *letters_add(struct letters *letters, int class, char *topic, char *payload);
/* Copies of those that are `kept`, without a number. One for which there is no memory is left out. */
void letters_copy_kept(const struct letters *from, struct letters *ret);
/* Frees the texts of all; it is empty then. */
void letters_done(struct letters *letters);
