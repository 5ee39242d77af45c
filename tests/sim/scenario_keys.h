#pragma once

#include <stddef.h>

/* The keys of a scenario as rows: name, type, place in the struct, range, default, meaning. */

enum key_kind {
    KEY_BOOL,
    KEY_INT,
    /* null: UNKNOWN */
    KEY_INT_OR_NULL,
    /* null: empty */
    KEY_TEXT,
    /* An even number of hex digits. */
    KEY_HEX,
    /* 18 to 20 digits. */
    KEY_ICCID,
    /* int: the index in `choices` */
    KEY_CHOICE,
    /* int: -1 when not given */
    KEY_TRI,
    KEY_OBJECT,
    KEY_ARRAY
};

struct key {
    const char *name;
    enum key_kind kind;
    size_t offset;
    /* KEY_TEXT, KEY_HEX: bytes of the buffer. KEY_ARRAY: bytes of an element. */
    size_t size;
    long min, max;
    /* The default as JSON would have it. */
    const char *preset;
    const char *choices;
    /* KEY_OBJECT, KEY_ARRAY */
    const struct key *keys;
    size_t count_offset;
    const char *help;
};

extern const struct key scenario_keys[];
extern const struct key card_fault_keys[];
extern const struct key modem_fault_keys[];
/* "card.profiles" where the scenario has none. */
extern const char guide_profiles[];
