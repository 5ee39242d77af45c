#include "agent/card/profile_row.h"

#include <string.h>

#include "agent/base/macros.h"
#include "agent/base/utf8.h"
#include "agent/card/tlv.h"

static struct error take_iccid(struct cursor value, const struct profile_row_form *form,
                               struct profile *row)
{
    (void)form;
    row->has_iccid = true;
    return iccid_from_card(value.at, value.left, &row->iccid);
}

static struct error take_aid(struct cursor value, const struct profile_row_form *form,
                             struct profile *row)
{
    (void)form;
    row->has_aid = true;
    return aid_from_card(value.at, value.left, &row->aid);
}

/* A state that we do not know is never guessed: enabling rests on it. */
static struct error take_state(struct cursor value, const struct profile_row_form *form,
                               struct profile *row)
{
    uint8_t state;

    if (value.left != 1 || !cursor_take_u8(&value, &state))
        return error_make(ERROR_IN_CARD, ERROR_CARD, 0, "a profile's state in %zu bytes",
                          value.left);
    if (state != form->enabled && state != form->disabled)
        return error_make(ERROR_IN_CARD, ERROR_CARD, 0, "a profile's state %02X is not known",
                          state);
    row->enabled = state == form->enabled;
    return ERROR_OK;
}

static struct error take_fallback(struct cursor value, const struct profile_row_form *form,
                                  struct profile *row)
{
    uint8_t flag;

    if (form->fallback && value.left == 1 && cursor_take_u8(&value, &flag) && flag <= 1)
        row->fallback = flag ? FALLBACK_YES : FALLBACK_NO;
    return ERROR_OK;
}

/* What is no printable UTF-8 becomes '?': a name is for people, and no reason to lose the list. */
static void take_name(struct cursor value, char ret[PROFILE_NAME_MAX + 1])
{
    const char *text = (const char *)value.at;
    size_t out = 0;

    for (size_t i = 0; i < value.left;) {
        size_t n = utf8_take(text + i, value.left - i, NULL);
        bool ok = n > 0 && utf8_is_printable(text + i, n);

        if (out + (ok ? n : 1) > PROFILE_NAME_MAX)
            break;
        if (ok)
            memcpy(ret + out, text + i, n);
        else
            ret[out] = '?';
        out += ok ? n : 1;
        i += n > 0 ? n : 1;
    }
    ret[out] = '\0';
}

static struct error take_nickname(struct cursor value, const struct profile_row_form *form,
                                  struct profile *row)
{
    if (form->names)
        take_name(value, row->nickname);
    return ERROR_OK;
}

static struct error take_provider(struct cursor value, const struct profile_row_form *form,
                                  struct profile *row)
{
    if (form->names)
        take_name(value, row->provider);
    return ERROR_OK;
}

static struct error take_profile_name(struct cursor value, const struct profile_row_form *form,
                                      struct profile *row)
{
    if (form->names)
        take_name(value, row->name);
    return ERROR_OK;
}

static struct error take_class(struct cursor value, const struct profile_row_form *form,
                               struct profile *row)
{
    uint8_t class;

    if (form->names && value.left == 1 && cursor_take_u8(&value, &class) && class <= 2)
        row->class = class;
    return ERROR_OK;
}

enum { TAG_STATE = 0x9F70 };

static const struct {
    uint32_t tag;
    struct error (*take)(struct cursor value, const struct profile_row_form *form,
                         struct profile *row);
} tags[] = {
    // clang-format off
    { 0x5A, take_iccid },
    { 0x4F, take_aid },
    { TAG_STATE, take_state },
    { 0x53, take_fallback },
    { 0x90, take_nickname },
    { 0x91, take_provider },
    { 0x92, take_profile_name },
    { 0x95, take_class },
}; // clang-format on

static struct error take_tags(struct cursor value, const struct profile_row_form *form,
                              struct profile *row)
{
    bool seen[ARRAY_LEN(tags)] = { false };
    bool has_state = false;
    struct tlv tlv;

    while (value.left > 0) {
        if (!tlv_take(&value, &tlv))
            return error_make(ERROR_IN_CARD, ERROR_CARD, 0, "a profile's data is malformed");
        for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
            struct error e;

            if (tags[i].tag != tlv.tag)
                continue;
            if (seen[i])
                return error_make(ERROR_IN_CARD, ERROR_CARD, 0, "a profile has tag %X twice",
                                  (unsigned)tlv.tag);
            seen[i] = true;
            has_state = has_state || tlv.tag == TAG_STATE;
            e = tags[i].take(tlv.value, form, row);
            if (e.code)
                return e;
        }
    }
    if (!has_state)
        return error_make(ERROR_IN_CARD, ERROR_CARD, 0, "a profile has no state");
    return ERROR_OK;
}

struct error profile_row_add(struct cursor value, const struct profile_row_form *form,
                             struct profile_list *list)
{
    struct profile row = { .class = -1 };
    struct error e;

    if (list->count == PROFILES_MAX)
        return error_make(ERROR_IN_CARD, ERROR_CARD, 0, "the card lists more than %d profiles",
                          PROFILES_MAX);
    e = take_tags(value, form, &row);
    if (e.code)
        return e;
    if (!row.has_iccid && !row.has_aid)
        return error_make(ERROR_IN_CARD, ERROR_CARD, 0, "a profile has neither ICCID nor AID");
    list->rows[list->count++] = row;
    return ERROR_OK;
}
