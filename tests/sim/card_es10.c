#include <string.h>

#include "card.h"

/* The subset of ES10c (SGP.22, 5.7.15, 5.7.16, 5.7.20) that the applet and an ISD-R know. */

struct tlv {
    unsigned tag;
    const uint8_t *value;
    size_t len;
};

/* Advances *at behind the element; false when it is not whole. */
static bool tlv_next(const uint8_t **at, const uint8_t *end, struct tlv *ret)
{
    const uint8_t *p = *at;
    size_t len;

    if (end - p < 2)
        return false;
    ret->tag = *p++;
    if ((ret->tag & 0x1F) == 0x1F)
        ret->tag = ret->tag << 8 | *p++;
    if (p == end)
        return false;
    len = *p++;
    if (len == 0x81 && p < end)
        len = *p++;
    else if (len >= 0x80)
        return false;
    if ((size_t)(end - p) < len)
        return false;
    ret->value = p;
    ret->len = len;
    *at = p + len;
    return true;
}

static bool tlv_find(const struct tlv *in, unsigned tag, struct tlv *ret)
{
    const uint8_t *at = in->value, *end = in->value + in->len;

    while (tlv_next(&at, end, ret))
        if (ret->tag == tag)
            return true;
    return false;
}

static void put_tlv(struct buf *to, unsigned tag, const void *value, size_t len)
{
    uint8_t head[6];
    size_t n = 0;

    if (tag > 0xFF)
        head[n++] = (uint8_t)(tag >> 8);
    head[n++] = (uint8_t)tag;
    if (len > 0xFF) {
        head[n++] = 0x82;
        head[n++] = (uint8_t)(len >> 8);
    } else if (len > 0x7F) {
        head[n++] = 0x81;
    }
    head[n++] = (uint8_t)len;
    buf_add(to, head, n);
    buf_add(to, value, len);
}

const char *card_es10_op(const uint8_t *data, size_t len)
{
    if (len < 2 || data[0] != 0xBF)
        return "other";
    return data[1] == 0x3E   ? "eid"
           : data[1] == 0x2D ? "list"
           : data[1] == 0x31 ? "enable"
                             : "other";
}

static void es10_eid(struct card *c, struct card_answer *a)
{
    struct buf inner = { 0 };
    uint8_t eid[16];

    hex_decode(c->scn->eid, 32, eid, sizeof(eid));
    put_tlv(&inner, 0x5A, eid, sizeof(eid));
    put_tlv(&a->data, 0xBF3E, inner.data, inner.len);
    buf_done(&inner);
}

/* Whether the request's tag list has the tag; no list: the usual ones. */
static bool wanted(const struct tlv *request, unsigned tag)
{
    struct tlv list;

    if (!tlv_find(request, 0x5C, &list))
        return true;
    for (size_t i = 0; i < list.len; i++) {
        unsigned t = list.value[i];

        if ((t & 0x1F) == 0x1F && i + 1 < list.len)
            t = t << 8 | list.value[++i];
        if (t == tag)
            return true;
    }
    return false;
}

static void put_text(struct buf *to, const struct tlv *request, unsigned tag, const char *text)
{
    if (*text && wanted(request, tag))
        put_tlv(to, tag, text, strlen(text));
}

static void es10_row(const struct card *c, size_t i, const struct tlv *request, struct buf *to)
{
    const struct profile_scn *p = &c->scn->profiles[i];
    uint8_t iccid[10], aid[16], state = (int)i == c->enabled, class = (uint8_t)p->profile_class;
    struct buf row = { 0 };
    struct tlv list;

    iccid_encode(p->iccid, iccid);
    hex_decode(p->aid, 32, aid, sizeof(aid));
    if (wanted(request, 0x5A))
        put_tlv(&row, 0x5A, iccid, sizeof(iccid));
    if (wanted(request, 0x4F))
        put_tlv(&row, 0x4F, aid, sizeof(aid));
    if (wanted(request, 0x9F70))
        put_tlv(&row, 0x9F70, &state, 1);
    put_text(&row, request, 0x90, p->nickname);
    put_text(&row, request, 0x91, p->provider);
    put_text(&row, request, 0x92, p->name);
    if (wanted(request, 0x95))
        put_tlv(&row, 0x95, &class, 1);
    if (c->scn->icon_bytes && !tlv_find(request, 0x5C, &list)) {
        uint8_t icon[2048] = { 0x89, 'P', 'N', 'G' };

        put_tlv(&row, 0x94, icon, (size_t)c->scn->icon_bytes);
    }
    put_tlv(to, 0xE3, row.data, row.len);
    buf_done(&row);
}

static void es10_list(struct card *c, const struct tlv *request, struct card_answer *a)
{
    struct buf rows = { 0 }, inner = { 0 };

    for (size_t i = 0; i < c->scn->profile_count; i++)
        es10_row(c, i, request, &rows);
    put_tlv(&inner, 0xA0, rows.data, rows.len);
    put_tlv(&a->data, 0xBF2D, inner.data, inner.len);
    buf_done(&rows);
    buf_done(&inner);
}

/* Finds the profile an EnableProfile names; -1: none. */
static int es10_target(struct card *c, const struct tlv *request, bool *ret_by_aid)
{
    struct tlv choice, id;

    *ret_by_aid = false;
    if (!tlv_find(request, 0xA0, &choice))
        return -1;
    if (tlv_find(&choice, 0x4F, &id) && id.len == 16) {
        *ret_by_aid = true;
        return card_find_aid(c, id.value);
    }
    if (tlv_find(&choice, 0x5A, &id) && id.len == 10) {
        for (size_t i = 0; i < c->scn->profile_count; i++) {
            uint8_t iccid[10];

            iccid_encode(c->scn->profiles[i].iccid, iccid);
            if (!memcmp(iccid, id.value, 10))
                return (int)i;
        }
    }
    return -1;
}

static int es10_enable_result(struct card *c, const struct tlv *request, int channel)
{
    const struct profile_scn *now = card_profile(c);
    struct tlv flag;
    bool by_aid, refresh = tlv_find(request, 0x81, &flag) && flag.len == 1 && flag.value[0];
    int target = es10_target(c, request, &by_aid);

    if ((c->scn->enable_only_by_aid && !by_aid) ||
        (c->scn->enable_needs_no_refresh_flag && refresh))
        return 127;
    if (target < 0)
        return 1;
    if (target == c->enabled)
        return 2;
    if (now && now->pol1)
        return 3;
    if (c->scn->enable_es10_result > 0)
        return c->scn->enable_es10_result;
    card_begin_enable(c, channel, target, refresh);
    return 0;
}

static void es10_enable(struct card *c, const struct tlv *request, int channel,
                        struct card_answer *a)
{
    struct buf inner = { 0 };
    uint8_t result;

    if (c->busy_count > 0) {
        c->busy_count--;
        result = 5;
    } else {
        result = (uint8_t)es10_enable_result(c, request, channel);
    }
    if (!result && c->scn->enable_es10_result == -1) {
        buf_add(&a->data, (uint8_t[]){ 0xBF, 0x31, 0x00, 0x00 }, 4);
        return;
    }
    put_tlv(&inner, 0x80, &result, 1);
    put_tlv(&a->data, 0xBF31, inner.data, inner.len);
    buf_done(&inner);
}

static void request_run(struct card *c, int channel, struct card_answer *a)
{
    struct card_channel *ch = &c->channels[channel];
    const uint8_t *at = ch->store;
    struct tlv request;

    a->sw = 0x9000;
    if (!tlv_next(&at, ch->store + ch->store_len, &request)) {
        a->sw = 0x6A80;
    } else if (card_is_busy(c)) {
        a->sw = 0x9300;
    } else if (request.tag == 0xBF3E) {
        es10_eid(c, a);
    } else if (request.tag == 0xBF2D) {
        es10_list(c, &request, a);
    } else if (request.tag == 0xBF31) {
        es10_enable(c, &request, channel, a);
    } else {
        a->sw = 0x6A88;
    }
}

static bool understands(const struct card *c, int channel)
{
    enum card_app app = c->channels[channel].app;

    return app == APP_ISDR || (app == APP_LPM && c->scn->es10c_commands);
}

void card_es10_store(struct card *c, const struct card_command *cmd, struct card_answer *a)
{
    struct card_channel *ch = &c->channels[cmd->channel];

    if (!understands(c, cmd->channel)) {
        a->sw = 0x6D00;
    } else if (!cmd->lc) {
        a->sw = 0x6700;
    } else if (!cmd->has_le && c->scn->store_data_needs_le != LE_NOT_NEEDED) {
        a->sw = c->scn->store_data_needs_le == LE_OR_6700 ? 0x6700 : 0x9000;
    } else if ((cmd->p1 != 0x91 && cmd->p1 != 0x11) || cmd->p2 != ch->store_next) {
        a->sw = 0x6A86;
        ch->store_len = 0;
        ch->store_next = 0;
    } else if (ch->store_len + cmd->lc > STORE_MAX) {
        a->sw = 0x6A84;
    } else {
        memcpy(ch->store + ch->store_len, cmd->data, cmd->lc);
        ch->store_len += cmd->lc;
        ch->store_next++;
        a->sw = 0x9000;
        if (cmd->p1 != 0x91)
            return;
        request_run(c, cmd->channel, a);
        ch->store_len = 0;
        ch->store_next = 0;
        if (a->data.len && (!c->scn->es10c_direct || a->data.len > 256))
            card_chain(c, cmd->channel, a);
    }
}
