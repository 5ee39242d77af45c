#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/aid.h"
#include "agent/base/iccid.h"

/* What a card says of its profiles. Plain values, in the card's order. */

enum { PROFILES_MAX = 64, PROFILE_NAME_MAX = 64 };

enum fallback { FALLBACK_UNKNOWN = 0, FALLBACK_NO, FALLBACK_YES };

struct profile {
    /* A profile has both or, on odd cards, one of them; never none. */
    bool has_iccid, has_aid;
    struct iccid iccid;
    struct aid aid;
    bool enabled;
    /* Tag 53; ES10c does not tell. */
    enum fallback fallback;
    /* ES10c only; printable UTF-8, "" when not known. */
    char nickname[PROFILE_NAME_MAX + 1];
    char provider[PROFILE_NAME_MAX + 1];
    char name[PROFILE_NAME_MAX + 1];
    /* Tag 95: 0 test, 1 provisioning, 2 operational; -1 when not known. */
    int class;
};

struct profile_list {
    size_t count;
    struct profile rows[PROFILES_MAX];
};

/* A profile named by a request: by ICCID, or by ISD-P AID. */
struct profile_ref {
    bool by_aid;
    struct iccid iccid;
    struct aid aid;
};

/* 32 hex digits are an AID, everything else has to be an ICCID. ERROR_INVALID_REQUEST. */
MUST_CHECK struct error profile_ref_from_text(const char *text, size_t len,
                                              struct profile_ref *ret);
/* The row that `ref` names; NULL when there is none. */
const struct profile *profile_find(const struct profile_list *list, const struct profile_ref *ref);
/* The row in use; NULL when none is. */
const struct profile *profile_enabled(const struct profile_list *list);
