#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "ctl/buffer.h"

/* The part of redact.h that knows a secret by what stands before it: a name, a header, an AT command, the user
 * of a URI. Where it is not clear how far it reaches, more is hidden rather than less. */

/* "***" */
extern const char redact_hidden[4];

/* Whether a place is within a text in double quotes, as those of its line before it say. */
struct redact_quotes {
    bool open;
    /* Backslashes right before the place. */
    size_t slashes;
};

void redact_quotes_pass(struct redact_quotes *quotes, const char *from, size_t len);

/* Writes what begins at `at`, somewhere in `text`, with its secret hidden; how much of the text that was is in
 * *ret_len, 0: there is none. `quotes`: as they are at `at`. False: no room. */
bool redact_secret(const char *text, const char *at, const struct redact_quotes *quotes,
                   struct buffer *ret, size_t *ret_len);
