#include "agent/base/profile.h"

struct error profile_ref_from_text(const char *text, size_t len, struct profile_ref *ret)
{
    struct profile_ref ref = { .by_aid = len == AID_TEXT_MAX };
    struct error e =
        ref.by_aid ? aid_from_text(text, len, &ref.aid) : iccid_from_text(text, len, &ref.iccid);

    if (e.code)
        return e;
    *ret = ref;
    return ERROR_OK;
}

static bool is_named_by(const struct profile *row, const struct profile_ref *ref)
{
    if (ref->by_aid)
        return row->has_aid && aid_equal(&row->aid, &ref->aid);
    return row->has_iccid && iccid_equal(&row->iccid, &ref->iccid);
}

const struct profile *profile_find(const struct profile_list *list, const struct profile_ref *ref)
{
    for (size_t i = 0; i < list->count; i++)
        if (is_named_by(&list->rows[i], ref))
            return &list->rows[i];
    return NULL;
}

const struct profile *profile_enabled(const struct profile_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->rows[i].enabled)
            return &list->rows[i];
    return NULL;
}
