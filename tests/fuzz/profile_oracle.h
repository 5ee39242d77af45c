#pragma once

#include <assert.h>
#include <string.h>

#include "agent/base/profile.h"
#include "agent/base/utf8.h"

/* What is true of every list that a decoder gives. */

static inline void profile_oracle_check_row(const struct profile *row)
{
    assert(row->has_iccid || row->has_aid);
    if (row->has_iccid) {
        size_t n = strlen(row->iccid.text);

        assert(n >= ICCID_TEXT_MIN && n <= ICCID_TEXT_MAX);
        assert(strspn(row->iccid.text, "0123456789ABCDE") == n);
    }
    if (row->has_aid)
        assert(row->aid.len >= AID_MIN && row->aid.len <= AID_MAX);
    assert(row->class >= -1 && row->class <= 2);
    assert(utf8_is_printable(row->nickname, strlen(row->nickname)));
    assert(utf8_is_printable(row->provider, strlen(row->provider)));
    assert(utf8_is_printable(row->name, strlen(row->name)));
}

static inline void profile_oracle_check(const struct profile_list *list)
{
    assert(list->count <= PROFILES_MAX);
    for (size_t i = 0; i < list->count; i++)
        profile_oracle_check_row(&list->rows[i]);
}
