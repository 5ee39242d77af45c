#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "ctl/buffer.h"

/* Takes out of a text what names a card, a subscriber or a place in a network, and what is secret.
 * The same identity gets the same mask within one `struct redact`, so that rows can be matched:
 * "*1988", as in the agent's log; another one with the same end is "*1988~2". */

enum { REDACT_KNOWN_MAX = 512, REDACT_WORD_MAX = 64 };

struct redact {
    size_t count;
    struct redact_known {
        /* As it stood there, in upper case, and what stands for it. */
        char word[REDACT_WORD_MAX + 1];
        char mask[16];
    } known[REDACT_KNOWN_MAX];
    size_t addresses, hashes, mails, phones;
};

/* ICCIDs, EIDs, IMSIs, IMEIs and numbers as long, also in groups, and hashes of IMSIs; IP addresses (loopback
 * ones and 0.0.0.0 stay); mail addresses and telephone numbers;
 * what follows a name like "password", "api_token", "PIN", "Authorization" or "Bearer", a URI's user, an AT
 * command that carries a secret, and its answer. False: `ret` is full, or no memory. */
bool redact_text(struct redact *r, const char *text, struct buffer *ret);

/* The configuration's tree, as it is rendered: arguments of programs, parameters of AT commands and
 * user names become "***". Texts of all kinds still have to go through redact_text(). False: no memory. */
bool redact_config(cJSON *config);
