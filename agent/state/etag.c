#include "agent/state/etag.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* FNV-1a, 64 bits: a change detector, not a protection. */
static uint64_t hash(uint64_t so_far, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        so_far = (so_far ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001B3);
    return so_far;
}

static uint64_t hash_text(uint64_t so_far, const char *text)
{
    return hash(so_far, text, strlen(text) + 1);
}

void etag_of_list(const struct profile_list *list, uint64_t generation,
                  char ret[SNAPSHOT_ETAG_MAX + 1])
{
    uint64_t h = UINT64_C(0xCBF29CE484222325);

    for (size_t i = 0; i < list->count; i++) {
        const struct profile *row = &list->rows[i];
        const uint8_t flags[] = { row->has_iccid, row->has_aid, row->enabled,
                                  (uint8_t)row->fallback, (uint8_t)row->class };

        h = hash(h, flags, sizeof flags);
        if (row->has_iccid)
            h = hash_text(h, row->iccid.text);
        if (row->has_aid)
            h = hash(h, row->aid.bytes, row->aid.len);
        h = hash_text(h, row->nickname);
        h = hash_text(h, row->provider);
        h = hash_text(h, row->name);
    }
    (void)snprintf(ret, SNAPSHOT_ETAG_MAX + 1, "\"%" PRIx64 "-%016" PRIx64 "\"", generation, h);
}

/* Takes one entity tag and what separates it from the next. False: it does not parse. */
static bool take_tag(const char **at, const char **ret_tag, size_t *ret_len, bool *ret_weak)
{
    bool weak = strncmp(*at, "W/", 2) == 0;
    const char *tag = weak ? *at + 2 : *at;
    const char *close = *tag == '"' ? strchr(tag + 1, '"') : NULL;

    if (!close)
        return false;
    *at = close + 1 + strspn(close + 1, " \t");
    if (**at && **at != ',')
        return false;
    *at += strspn(*at, ", \t");
    *ret_tag = tag;
    *ret_len = (size_t)(close - tag) + 1;
    *ret_weak = weak;
    return true;
}

bool etag_fits(const char *header, const char *etag, enum etag_comparison comparison)
{
    const char *at = header + strspn(header, " \t");
    bool fits = false;

    if (at[0] == '*' && at[1 + strspn(at + 1, " \t")] == '\0')
        return true;
    /* A list may have empty members, also in front (RFC 9110 5.6.1). */
    at += strspn(at, ", \t");
    while (*at) {
        const char *tag;
        size_t len;
        bool weak;

        if (!take_tag(&at, &tag, &len, &weak))
            return false;
        if (!(weak && comparison == ETAG_STRONG) && len == strlen(etag) &&
            memcmp(tag, etag, len) == 0)
            fits = true;
    }
    return fits;
}
