#include "card.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util.h"

static const uint8_t isdr_aid[] = { 0xA0, 0x00, 0x00, 0x05, 0x59, 0x10, 0x10, 0xFF,
                                    0xFF, 0xFF, 0xFF, 0x89, 0x00, 0x00, 0x01, 0x00 };

void card_init(struct card *c, const struct card_scn *scn)
{
    c->scn = scn;
    c->channels[0].open = true;
    c->enable_channel = -1;
    c->enable_target = -1;
    card_load(c);
}

void card_done(struct card *c)
{
    for (int i = 0; i < CARD_CHANNELS; i++)
        buf_done(&c->channels[i].pending);
}

void card_load(struct card *c)
{
    c->enabled = -1;
    for (size_t i = 0; i < c->scn->profile_count; i++)
        if (c->scn->profiles[i].enabled)
            c->enabled = (int)i;
    c->busy_count = c->scn->busy_count;
    memcpy(c->faults, c->scn->faults, sizeof(c->scn->faults));
    c->fault_count = c->scn->fault_count;
    c->enable_target = -1;
}

const struct profile_scn *card_profile(const struct card *c)
{
    return c->enabled >= 0 && (size_t)c->enabled < c->scn->profile_count
               ? &c->scn->profiles[c->enabled]
               : NULL;
}

int card_find_iccid(const struct card_scn *scn, const char *iccid)
{
    for (size_t i = 0; i < scn->profile_count; i++)
        if (!strcasecmp(scn->profiles[i].iccid, iccid))
            return (int)i;
    return -1;
}

int card_find_aid(const struct card *c, const uint8_t *aid)
{
    char text[33];

    hex_encode(aid, 16, text);
    for (size_t i = 0; i < c->scn->profile_count; i++)
        if (!strcasecmp(c->scn->profiles[i].aid, text))
            return (int)i;
    return -1;
}

static void commit(struct card *c)
{
    if (c->enable_target >= 0)
        c->enabled = c->enable_target;
    c->enable_target = -1;
}

static void channel_clear(struct card_channel *ch)
{
    ch->open = false;
    ch->app = APP_NONE;
    buf_clear(&ch->pending);
    ch->store_len = 0;
    ch->store_next = 0;
}

void card_reset(struct card *c)
{
    for (int i = 0; i < CARD_CHANNELS; i++)
        channel_clear(&c->channels[i]);
    c->channels[0].open = true;
    c->enable_channel = -1;
    c->refresh_wanted = false;
    commit(c);
}

void card_enable(struct card *c, int index)
{
    c->enable_target = -1;
    c->enabled = index;
}

bool card_is_busy(const struct card *c)
{
    return now_ms() < c->busy_until_ms;
}

void card_begin_enable(struct card *c, int channel, int target, bool refresh)
{
    c->enable_channel = channel;
    c->enable_target = target;
    c->refresh_wanted = refresh;
    c->busy_until_ms = now_ms() + c->scn->busy_ms;
    if (c->scn->commit == COMMIT_ENABLE)
        commit(c);
    if (c->event && refresh)
        c->event(c->owner, CARD_ENABLED);
}

static void channel_close(struct card *c, int channel)
{
    bool of_enable = channel == c->enable_channel;

    channel_clear(&c->channels[channel]);
    if (!of_enable)
        return;
    c->enable_channel = -1;
    commit(c);
    if (c->event && c->refresh_wanted)
        c->event(c->owner, CARD_ENABLE_CLOSED);
    c->refresh_wanted = false;
}

/* TS 102 221, 10.1.1: 0X and 8X for channels 0 to 3, 4X to 7X and CX to FX for 4 to 19. */
int card_cla_channel(uint8_t cla)
{
    if ((cla & 0x40) != 0)
        return 4 + (cla & 0x0F);
    return (cla & 0x60) == 0 ? cla & 0x03 : -1;
}

uint8_t card_cla_for(uint8_t cla, int channel)
{
    uint8_t high = cla & 0x80;

    return (uint8_t)(channel < 4 ? high | channel : high | 0x40 | (channel - 4));
}

static bool cla_has_secure_messaging(uint8_t cla)
{
    return cla & 0x40 ? (cla & 0x20) != 0 : (cla & 0x0C) != 0;
}

static bool apdu_parse(const uint8_t *apdu, size_t len, struct card_command *ret)
{
    struct card_command cmd = { 0 };

    if (len < 4)
        return false;
    cmd.cla = apdu[0];
    cmd.ins = apdu[1];
    cmd.p1 = apdu[2];
    cmd.p2 = apdu[3];
    cmd.channel = card_cla_channel(apdu[0]);
    if (len == 5) {
        cmd.has_le = true;
        cmd.le = apdu[4] ? apdu[4] : 256;
    } else if (len > 5) {
        cmd.lc = apdu[4];
        cmd.data = apdu + 5;
        if (!cmd.lc || (len != 5 + cmd.lc && len != 6 + cmd.lc))
            return false;
        cmd.has_le = len == 6 + cmd.lc;
        cmd.le = cmd.has_le && apdu[5 + cmd.lc] ? apdu[5 + cmd.lc] : 256;
    }
    *ret = cmd;
    return true;
}

static const char *op_name(const uint8_t *apdu, size_t len)
{
    if (len < 4)
        return "other";
    switch (apdu[1]) {
    case 0x70:
        return apdu[2] & 0x80 ? "close" : "open";
    case 0xA4:
        return "select";
    case 0x16:
        return "eid";
    case 0x18:
        return "list";
    case 0x01:
        return "enable";
    case 0xC0:
        return "get-response";
    case 0xE2:
        return len > 5 ? card_es10_op(apdu + 5, len - 5) : "other";
    default:
        return "other";
    }
}

static bool fault_matches(const struct fault *f, const char *op, const uint8_t *apdu, size_t len)
{
    uint8_t copy[APDU_MAX + 1];
    char text[2 * (APDU_MAX + 1) + 1];

    if (!strcmp(f->match, op))
        return true;
    if (len == 0 || len > sizeof(copy))
        return false;
    memcpy(copy, apdu, len);
    copy[0] &= 0x80;
    hex_encode(copy, len, text);
    if (!strncasecmp(text, f->match, strlen(f->match)))
        return true;
    hex_encode(apdu, len, text);
    return !strncasecmp(text, f->match, strlen(f->match));
}

static struct fault *fault_for(struct card *c, const char *op, const uint8_t *apdu, size_t len)
{
    struct fault *struck = NULL;

    for (size_t i = 0; i < c->fault_count; i++)
        if (fault_matches(&c->faults[i], op, apdu, len) && fault_strikes(&c->faults[i]) && !struck)
            struck = &c->faults[i];
    return struck;
}

/* How many bytes one answer may carry. */
static size_t answer_limit(const struct card *c, size_t le)
{
    size_t limit = c->scn->chaining ? (size_t)c->scn->chaining : 256;

    return le < limit ? le : limit;
}

void card_chain(struct card *c, int channel, struct card_answer *a)
{
    struct buf *pending = &c->channels[channel].pending;
    size_t limit = answer_limit(c, 256), n;

    buf_clear(pending);
    buf_add(pending, a->data.data, a->data.len);
    buf_clear(&a->data);
    n = pending->len < limit ? pending->len : limit;
    a->sw = 0x6100 | (n & 0xFF);
}

/* Data for a command with an Le: whole, or the first part and 61XX, or 6CXX. */
static void answer_data(struct card *c, const struct card_command *cmd, struct card_answer *a)
{
    size_t limit = answer_limit(c, cmd->le);
    struct buf *pending = &c->channels[cmd->channel].pending;
    size_t rest;

    a->sw = 0x9000;
    if (a->data.len <= limit)
        return;
    if (cmd->le < 0xFF && a->data.len > cmd->le && cmd->ins != 0xC0) {
        a->sw = 0x6C00 | (a->data.len > 255 ? 0 : a->data.len);
        buf_clear(&a->data);
        return;
    }
    if (c->scn->chaining_style == CHAIN_EMPTY && cmd->ins != 0xC0) {
        card_chain(c, cmd->channel, a);
        return;
    }
    buf_clear(pending);
    buf_add(pending, a->data.data + limit, a->data.len - limit);
    a->data.len = limit;
    rest = answer_limit(c, pending->len);
    a->sw = 0x6100 | (rest & 0xFF);
}

static void do_open(struct card *c, const struct card_command *cmd, struct card_answer *a)
{
    bool wrong_le = (c->scn->manage_channel_le == CHANNEL_LE_00 && cmd->le != 256) ||
                    (c->scn->manage_channel_le == CHANNEL_LE_01 && cmd->le != 1);
    uint8_t number;

    if (cmd->p1 || cmd->p2) {
        a->sw = 0x6A86;
    } else if (!cmd->has_le || cmd->lc || wrong_le) {
        a->sw = 0x6700;
    } else {
        a->sw = 0x6A81;
        for (number = 1; number <= c->scn->channels_max; number++)
            if (!c->channels[number].open)
                break;
        if (number > c->scn->channels_max)
            return;
        channel_clear(&c->channels[number]);
        c->channels[number].open = true;
        buf_add(&a->data, &number, 1);
        a->sw = 0x9000;
    }
}

static void do_close(struct card *c, const struct card_command *cmd, struct card_answer *a)
{
    int number = cmd->p2 ? cmd->p2 : cmd->channel;

    c->channel = number;
    if (cmd->lc || number == 0) {
        a->sw = 0x6A86;
    } else if (number >= CARD_CHANNELS || !c->channels[number].open) {
        a->sw = 0x6881;
    } else {
        channel_close(c, number);
        a->sw = 0x9000;
    }
}

static void do_manage_channel(struct card *c, const struct card_command *cmd, struct card_answer *a)
{
    if (cmd->p1 == 0x80)
        do_close(c, cmd, a);
    else
        do_open(c, cmd, a);
}

static void fci(const struct card_command *cmd, struct card_answer *a)
{
    uint8_t head[] = { 0x6F, (uint8_t)(cmd->lc + 4), 0x84, (uint8_t)cmd->lc };
    uint8_t tail[] = { 0xA5, 0x00 };

    buf_add(&a->data, head, sizeof(head));
    buf_add(&a->data, cmd->data, cmd->lc);
    buf_add(&a->data, tail, sizeof(tail));
}

static enum card_app app_of(const struct card *c, const struct card_command *cmd)
{
    uint8_t lpm[16];
    int n = hex_decode(c->scn->aid, strlen(c->scn->aid), lpm, sizeof(lpm));

    if (c->scn->lpm && n > 0 && cmd->lc == (size_t)n && !memcmp(cmd->data, lpm, (size_t)n))
        return APP_LPM;
    if (c->scn->isdr && cmd->lc == sizeof(isdr_aid) && !memcmp(cmd->data, isdr_aid, cmd->lc))
        return APP_ISDR;
    return APP_NONE;
}

static void do_select(struct card *c, const struct card_command *cmd, struct card_answer *a)
{
    enum card_app app;

    if (cmd->p1 != 0x04 || !cmd->lc) {
        a->sw = 0x6A86;
        return;
    }
    app = app_of(c, cmd);
    if (app == APP_NONE) {
        a->sw = 0x6A82;
        return;
    }
    c->channels[cmd->channel].app = app;
    c->channels[cmd->channel].store_len = 0;
    c->channels[cmd->channel].store_next = 0;
    a->sw = 0x9000;
    if (c->scn->select_fci == FCI_NONE || (cmd->p2 & 0x0C) == 0x0C)
        return;
    fci(cmd, a);
    if (c->scn->select_fci == FCI_61)
        card_chain(c, cmd->channel, a);
}

static void do_get_response(struct card *c, const struct card_command *cmd, struct card_answer *a)
{
    struct buf *pending = &c->channels[cmd->channel].pending;

    if (!cmd->has_le || cmd->lc) {
        a->sw = 0x6700;
    } else if (!pending->len) {
        a->sw = 0x6985;
    } else if (cmd->le < 256 && cmd->le > pending->len) {
        a->sw = 0x6C00 | (unsigned)pending->len;
    } else {
        size_t n = answer_limit(c, cmd->le);

        n = n < pending->len ? n : pending->len;
        buf_add(&a->data, pending->data, n);
        buf_drop(pending, n);
        a->sw = pending->len ? 0x6100 | (answer_limit(c, pending->len) & 0xFF) : 0x9000;
    }
}

static void do_lpm_eid(struct card *c, const struct card_command *cmd, struct card_answer *a)
{
    uint8_t eid[18] = { 0x4C, 0x10 };

    if (!cmd->has_le || cmd->lc) {
        a->sw = 0x6700;
        return;
    }
    hex_decode(c->scn->eid, 32, eid + 2, 16);
    buf_add(&a->data, eid, sizeof(eid));
    answer_data(c, cmd, a);
}

static void lpm_row(const struct card *c, size_t i, struct buf *to)
{
    const struct profile_scn *p = &c->scn->profiles[i];
    uint8_t row[39] = { 0xE3, 0x25, 0x4F, 0x10 };

    hex_decode(p->aid, 32, row + 4, 16);
    memcpy(row + 20, (uint8_t[]){ 0x9F, 0x70, 0x01, (int)i == c->enabled ? 0x3F : 0x1F }, 4);
    memcpy(row + 24, (uint8_t[]){ 0x53, 0x01, p->fallback, 0x5A, 0x0A }, 5);
    iccid_encode(p->iccid, row + 29);
    buf_add(to, row, sizeof(row));
}

static void do_lpm_list(struct card *c, const struct card_command *cmd, struct card_answer *a)
{
    if (!cmd->has_le || cmd->lc) {
        a->sw = 0x6700;
        return;
    }
    for (size_t i = 0; i < c->scn->profile_count; i++)
        lpm_row(c, i, &a->data);
    if (c->scn->wrong_le && cmd->le == 0xFF && a->data.len != 0xFF) {
        a->sw = 0x6C00 | (a->data.len > 255 ? 0 : (unsigned)a->data.len);
        buf_clear(&a->data);
        return;
    }
    answer_data(c, cmd, a);
}

static void do_lpm_enable(struct card *c, const struct card_command *cmd, struct card_answer *a)
{
    const struct profile_scn *now = card_profile(c);
    uint8_t sw[2] = { 0x90, 0x00 };
    int target;

    if (cmd->lc != 16) {
        a->sw = 0x6700;
        return;
    }
    target = card_find_aid(c, cmd->data);
    if (target < 0) {
        a->sw = 0x6A88;
    } else if (target == c->enabled) {
        a->sw = 0x6985;
    } else if (now && now->pol1) {
        a->sw = 0x69E1;
    } else {
        card_begin_enable(c, cmd->channel, target, true);
        hex_decode(c->scn->enable_sw, strlen(c->scn->enable_sw), sw, 2);
        a->sw = (unsigned)sw[0] << 8 | sw[1];
    }
}

static void do_lpm(struct card *c, const struct card_command *cmd, struct card_answer *a)
{
    static void (*const handlers[])(struct card *, const struct card_command *,
                                    struct card_answer *) = { do_lpm_enable, do_lpm_eid,
                                                              do_lpm_list };
    int which = cmd->ins == 0x01 ? 0 : cmd->ins == 0x16 ? 1 : 2;

    if (c->channels[cmd->channel].app != APP_LPM || !c->scn->lpm_commands) {
        a->sw = 0x6D00;
        return;
    }
    if (card_is_busy(c) || (which == 0 && c->busy_count > 0)) {
        c->busy_count -= which == 0 && c->busy_count > 0;
        a->sw = 0x9300;
        return;
    }
    handlers[which](c, cmd, a);
}

/* The class each instruction wants: 0 interindustry, 0x80 proprietary, -1 unknown instruction. */
static int wanted_class(const struct card *c, const struct card_command *cmd)
{
    switch (cmd->ins) {
    case 0x70:
    case 0xA4:
        return 0;
    case 0xC0:
        return c->scn->get_response_cla == RESPONSE_CLA_ANY ? cmd->cla & 0x80
               : c->scn->get_response_cla == RESPONSE_CLA_8 ? 0x80
                                                            : 0;
    case 0x01:
    case 0x16:
    case 0x18:
    case 0xE2:
        return 0x80;
    default:
        return -1;
    }
}

static void execute(struct card *c, const struct card_command *cmd, struct card_answer *a)
{
    switch (cmd->ins) {
    case 0x70:
        do_manage_channel(c, cmd, a);
        break;
    case 0xA4:
        do_select(c, cmd, a);
        break;
    case 0xC0:
        do_get_response(c, cmd, a);
        break;
    case 0xE2:
        card_es10_store(c, cmd, a);
        break;
    default:
        do_lpm(c, cmd, a);
        break;
    }
}

/* Checks what every command has to get right, in the order a card does. */
static unsigned refusal(const struct card *c, const struct card_command *cmd)
{
    int class_wanted = wanted_class(c, cmd);

    if (cmd->channel < 0)
        return 0x6E00;
    if (cla_has_secure_messaging(cmd->cla))
        return 0x6882;
    if (cmd->cla & 0x10 && !(cmd->cla & 0x40))
        return 0x6884;
    if (!c->channels[cmd->channel].open)
        return 0x6881;
    if (class_wanted < 0)
        return 0x6D00;
    if ((cmd->cla & 0x80) != class_wanted)
        return 0x6E00;
    return 0;
}

static void run(struct card *c, const uint8_t *apdu, size_t len, struct card_answer *a)
{
    struct card_command cmd;

    if (!apdu_parse(apdu, len, &cmd)) {
        a->sw = 0x6700;
        return;
    }
    a->sw = refusal(c, &cmd);
    if (a->sw)
        return;
    if (cmd.ins != 0xC0)
        buf_clear(&c->channels[cmd.channel].pending);
    execute(c, &cmd, a);
}

size_t card_apdu(struct card *c, const uint8_t *apdu, size_t len, uint8_t *answer)
{
    struct card_answer a = { .sw = 0x6F00 };
    struct fault *f;
    size_t n;

    c->op = op_name(apdu, len);
    c->channel = len ? card_cla_channel(apdu[0]) : -1;
    f = fault_for(c, c->op, apdu, len);
    c->fault_struck = f != NULL;
    if (!f || f->take_effect == 1)
        run(c, apdu, len, &a);
    if (f) {
        uint8_t data[520], sw[2] = { 0x6F, 0x00 };
        int data_len = hex_decode(f->data, strlen(f->data), data, sizeof(data));

        buf_clear(&a.data);
        buf_add(&a.data, data, data_len > 0 ? (size_t)data_len : 0);
        hex_decode(f->sw, strlen(f->sw), sw, 2);
        a.sw = (unsigned)sw[0] << 8 | sw[1];
    }
    n = a.data.len < ANSWER_MAX - 2 ? a.data.len : ANSWER_MAX - 2;
    if (n)
        memcpy(answer, a.data.data, n);
    answer[n] = (uint8_t)(a.sw >> 8);
    answer[n + 1] = (uint8_t)a.sw;
    buf_done(&a.data);
    return n + 2;
}
