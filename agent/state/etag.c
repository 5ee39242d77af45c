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

static const uint64_t hash_begin = UINT64_C(0xCBF29CE484222325);

void etag_of_list(const struct profile_list *list, uint64_t generation,
                  char ret[SNAPSHOT_ETAG_MAX + 1])
{
    uint64_t h = hash_begin;

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

enum { REFINED_DIGITS = 8 };

void etag_refine(const char *etag, const char *text, char ret[ETAG_REFINED_MAX + 1])
{
    size_t len = strlen(etag);

    (void)snprintf(ret, ETAG_REFINED_MAX + 1, "%.*s.%08" PRIx32 "\"", (int)(len > 0 ? len - 1 : 0),
                   etag, (uint32_t)hash_text(hash_begin, text));
}

/* `tag` is what etag_refine() made of `etag`, for some text. */
static bool refines(const char *tag, size_t tag_len, const char *etag)
{
    size_t len = strlen(etag);

    return len > 2 && tag_len == len + 1 + REFINED_DIGITS && memcmp(tag, etag, len - 1) == 0 &&
           tag[len - 1] == '.' && strspn(tag + len, "0123456789abcdef") == REFINED_DIGITS;
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
        if (weak && comparison == ETAG_STRONG)
            continue;
        if ((len == strlen(etag) && memcmp(tag, etag, len) == 0) ||
            (comparison == ETAG_STRONG && refines(tag, len, etag)))
            fits = true;
    }
    return fits;
}
