#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim.h"

/* The AT commands that go to the card, or tell of it. */

/* ANS_OK, or the CME code with which a command that needs the card is refused. */
int modem_sim_refusal(const struct sim *sim)
{
    if (!sim->scn.card.present || sim->modem.sim == SIM_ABSENT)
        return 10;
    if (sim->modem.cfun == 0)
        return 13;
    return sim->modem.sim == SIM_BUSY ? 14 : ANS_OK;
}

/* A hex string in quotes or bare. Returns its bytes, -1 when it is none, or not of `want` digits. */
static int take_hex(const struct sim *sim, const char *text, long want, uint8_t *ret, size_t max)
{
    size_t n = strlen(text);

    if (n >= 2 && text[0] == '"' && text[n - 1] == '"') {
        text++;
        n -= 2;
    }
    if ((size_t)want != n)
        return -1;
    if (sim->scn.modem.upper_hex_only && strpbrk(text, "abcdef"))
        return -1;
    return hex_decode(text, n, ret, max);
}

static void put_hex(struct sim *sim, const char *prefix, const uint8_t *data, size_t len)
{
    const struct modem_scn *scn = &sim->scn.modem;
    char *hex = must_alloc(malloc(2 * len + 1));

    hex_encode(data, len, hex);
    for (size_t i = 0; scn->lower_hex && hex[i]; i++)
        if (hex[i] >= 'A')
            hex[i] = (char)(hex[i] + 32);
    modem_line(sim, "%s%zu,%s%s%s", prefix, 2 * len, scn->quotes ? "\"" : "", hex,
               scn->quotes && scn->closing_quote ? "\"" : "");
    free(hex);
}

/* One APDU to the card, with log and counters. */
static size_t to_card(struct sim *sim, const uint8_t *apdu, size_t len, uint8_t *answer)
{
    size_t n = card_apdu(&sim->card, apdu, len, answer);

    record_count(&sim->record, "apdu");
    record_count(&sim->record, sim->card.op);
    if (sim->card.fault_struck)
        record_count(&sim->record, "faults");
    record_apdu(sim->modem.entry, sim->card.op, sim->card.channel, apdu, len, answer, n);
    return n;
}

/* Some modems fetch what 61XX announces by themselves. */
static size_t fetch_rest(struct sim *sim, int channel, uint8_t *answer, size_t n, size_t max)
{
    while (sim->scn.modem.supports_chained_fetch && n >= 2 && answer[n - 2] == 0x61) {
        uint8_t more[ANSWER_MAX], class = card_cla_for(0x00, channel);
        uint8_t get[5] = { class, 0xC0, 0x00, 0x00, answer[n - 1] };
        size_t m = card_apdu(&sim->card, get, sizeof(get), more);

        if (n - 2 + m > max)
            break;
        memcpy(answer + n - 2, more, m);
        n += m - 2;
    }
    return n;
}

int at_csim(struct sim *sim, enum at_kind kind, const char *args)
{
    uint8_t apdu[APDU_MAX], answer[4096];
    char *end;
    long want = strtol(args, &end, 10);
    int refusal = modem_sim_refusal(sim), len;
    size_t n;

    if (!sim->scn.modem.csim || kind != AT_SET)
        return ANS_ERROR;
    if (refusal != ANS_OK)
        return refusal;
    len = *end == ',' ? take_hex(sim, end + 1, want, apdu, sizeof(apdu)) : -1;
    if (len < 0)
        return 50;
    if (sim->scn.modem.csim_select_fails && len > 1 && apdu[1] == 0xA4 && apdu[0] != 0) {
        uint8_t sw[2] = { 0x68, 0x81 };

        hex_decode(sim->scn.modem.csim_select_sw, strlen(sim->scn.modem.csim_select_sw), sw, 2);
        record_apdu(sim->modem.entry, "select", card_cla_channel(apdu[0]), apdu, (size_t)len, sw,
                    2);
        put_hex(sim, "+CSIM: ", sw, 2);
        return ANS_OK;
    }
    n = to_card(sim, apdu, (size_t)len, answer);
    n = fetch_rest(sim, card_cla_channel(len ? apdu[0] : 0), answer, n, sizeof(answer));
    put_hex(sim, "+CSIM: ", answer, n);
    return ANS_OK;
}

/* The session's text for a channel that CCHO opened. */
static void put_session(struct sim *sim, int channel)
{
    struct modem *m = &sim->modem;
    unsigned slot = m->handle_next % MAX_HANDLES;

    switch (sim->scn.modem.ccho_style) {
    case CCHO_BARE:
        modem_line(sim, "%d", channel);
        break;
    case CCHO_HANDLE:
        m->handles[slot] = channel;
        modem_line(sim, "+CCHO: %016x", m->handle_next++);
        break;
    default:
        modem_line(sim, "+CCHO: %d", channel);
        break;
    }
}

/* -1: no such session. Advances *args behind it. */
static int take_session(struct sim *sim, const char **args)
{
    size_t n = strcspn(*args, ",");
    char text[32], *end;
    unsigned long value;

    snprintf(text, sizeof(text), "%.*s", (int)(n < 31 ? n : 31), *args);
    *args += n + ((*args)[n] == ',');
    if (sim->scn.modem.ccho_style == CCHO_HANDLE) {
        value = strtoul(text, &end, 16);
        return n == 16 && !*end ? sim->modem.handles[value % MAX_HANDLES] : -1;
    }
    value = strtoul(text, &end, 10);
    return n && !*end && value < CARD_CHANNELS ? (int)value : -1;
}

static int cme_or_error(int code)
{
    return code < 0 ? ANS_ERROR : code;
}

static void close_channel(struct sim *sim, int channel, uint8_t *ret_sw)
{
    uint8_t apdu[5] = { 0x00, 0x70, 0x80, (uint8_t)channel, 0x00 }, answer[ANSWER_MAX];

    to_card(sim, apdu, sizeof(apdu), answer);
    memcpy(ret_sw, answer, 2);
}

int at_ccho(struct sim *sim, enum at_kind kind, const char *args)
{
    uint8_t le = sim->scn.card.manage_channel_le == CHANNEL_LE_00 ? 0 : 1;
    uint8_t open[5] = { 0x00, 0x70, 0x00, 0x00, le };
    uint8_t select[5 + 16] = { 0x00, 0xA4, 0x04, 0x00 }, answer[ANSWER_MAX];
    size_t digits = strlen(args), n;
    int refusal = modem_sim_refusal(sim), channel, len;

    if (!sim->scn.modem.cgla || kind != AT_SET)
        return ANS_ERROR;
    if (refusal != ANS_OK)
        return refusal;
    if (digits >= 2 && args[0] == '"')
        digits -= 2;
    len = take_hex(sim, args, (long)digits, select + 5, 16);
    if (len <= 0)
        return 50;
    n = to_card(sim, open, sizeof(open), answer);
    if (n < 3 || answer[n - 2] != 0x90)
        return cme_or_error(sim->scn.modem.ccho_full_cme);
    channel = answer[0];
    select[0] = card_cla_for(0x00, channel);
    select[4] = (uint8_t)len;
    n = to_card(sim, select, 5 + (size_t)len, answer);
    if (answer[n - 2] != 0x90 && answer[n - 2] != 0x61) {
        uint8_t closed[2];

        close_channel(sim, channel, closed);
        return cme_or_error(sim->scn.modem.ccho_absent_cme);
    }
    put_session(sim, channel);
    return ANS_OK;
}

/* Whether the class byte may go with this session. */
static bool cla_fits(const struct sim *sim, uint8_t cla)
{
    bool zero_wanted =
        sim->scn.modem.ccho_style == CCHO_HANDLE || sim->scn.modem.cgla_channel_bits == BITS_ZERO;

    return !zero_wanted || card_cla_channel(cla) == 0;
}

int at_cgla(struct sim *sim, enum at_kind kind, const char *args)
{
    static const uint8_t wrong_class[2] = { 0x68, 0x81 };
    const char *prefix = sim->scn.modem.cgla_bare ? "" : "+CGLA: ";
    uint8_t apdu[APDU_MAX], answer[4096];
    int refusal = modem_sim_refusal(sim), channel, len;
    char *end;
    long want;
    size_t n;

    if (!sim->scn.modem.cgla || kind != AT_SET)
        return ANS_ERROR;
    if (refusal != ANS_OK)
        return refusal;
    channel = take_session(sim, &args);
    want = strtol(args, &end, 10);
    len = *end == ',' ? take_hex(sim, end + 1, want, apdu, sizeof(apdu)) : -1;
    if (channel <= 0 || len < 4)
        return 50;
    if (!cla_fits(sim, apdu[0])) {
        record_apdu(sim->modem.entry, "other", channel, apdu, (size_t)len, wrong_class, 2);
        put_hex(sim, prefix, wrong_class, 2);
        return ANS_OK;
    }
    apdu[0] = (uint8_t)(card_cla_for(apdu[0], channel) | (apdu[0] & 0x40 ? 0 : apdu[0] & 0x0C));
    n = to_card(sim, apdu, (size_t)len, answer);
    n = fetch_rest(sim, channel, answer, n, sizeof(answer));
    put_hex(sim, prefix, answer, n);
    return ANS_OK;
}

int at_cchc(struct sim *sim, enum at_kind kind, const char *args)
{
    int refusal = modem_sim_refusal(sim), channel;
    uint8_t sw[2];

    if (!sim->scn.modem.cgla || !sim->scn.modem.cchc || kind != AT_SET)
        return ANS_ERROR;
    if (refusal != ANS_OK)
        return refusal;
    channel = take_session(sim, &args);
    if (channel <= 0)
        return 50;
    close_channel(sim, channel, sw);
    return sw[0] == 0x90 ? ANS_OK : 100;
}

/* READ BINARY of EF_ICCID is all there is: the card's truth, not the modem's memory. */
int at_crsm(struct sim *sim, enum at_kind kind, const char *args)
{
    const struct profile_scn *p = card_profile(&sim->card);
    const struct modem_scn *scn = &sim->scn.modem;
    int refusal = modem_sim_refusal(sim);
    uint8_t iccid[10];
    char hex[21];

    if (!scn->crsm || kind != AT_SET)
        return ANS_ERROR;
    if (refusal != ANS_OK)
        return refusal;
    if (strncmp(args, "176,12258", 9) != 0) {
        modem_line(sim, "+CRSM: 148,4");
        return ANS_OK;
    }
    iccid_encode(p ? p->iccid : "", iccid);
    hex_encode(iccid, sizeof(iccid), hex);
    modem_line(sim, scn->quotes ? "+CRSM: 144,0,\"%s\"" : "+CRSM: 144,0,%s", hex);
    return ANS_OK;
}

int at_ccid(struct sim *sim, enum at_kind kind, const char *args)
{
    static const char *const names[] = { "CCID", "QCCID", "ICCID" };
    const struct modem_scn *scn = &sim->scn.modem;
    const char *iccid = sim->modem.iccid;
    int refusal = modem_sim_refusal(sim);
    const char *name;

    (void)args;
    if (scn->ccid_command == CCID_NONE || kind == AT_SET)
        return ANS_ERROR;
    name = names[scn->ccid_command];
    if (!text_has_prefix(sim->modem.command + 3, name))
        return ANS_ERROR;
    if (refusal != ANS_OK)
        return refusal;
    if (!*iccid)
        return 13;
    if (scn->ccid_style == CCID_BARE)
        modem_line(sim, "%s", iccid);
    else if (scn->ccid_style == CCID_QUOTED)
        modem_line(sim, "+%s: \"%s\"", name, iccid);
    else if (scn->ccid_style == CCID_PADF)
        modem_line(sim, "+%s: %s%.*s", name, iccid, (int)(20 - strlen(iccid)), "FF");
    else
        modem_line(sim, "+%s: %s", name, iccid);
    return ANS_OK;
}

int at_cimi(struct sim *sim, enum at_kind kind, const char *args)
{
    int refusal = modem_sim_refusal(sim);
    const char *cpin = sim->scn.modem.cpin;

    (void)args;
    if (kind != AT_EXEC)
        return ANS_ERROR;
    if (refusal != ANS_OK)
        return refusal;
    if (modem_sim_locked(sim))
        return modem_sim_lock_cme(sim) >= 0 ? modem_sim_lock_cme(sim) : 5;
    if (strcmp(cpin, "READY") != 0)
        return strstr(cpin, "PUK") ? 12 : 11;
    if (!sim->modem.imsi[0])
        return 13;
    modem_line(sim, "%s", sim->modem.imsi);
    return ANS_OK;
}

int at_cpin(struct sim *sim, enum at_kind kind, const char *args)
{
    int refusal = modem_sim_refusal(sim);

    (void)args;
    if (kind != AT_READ)
        return ANS_ERROR;
    if (refusal != ANS_OK)
        return refusal;
    if (modem_sim_lock_cme(sim) >= 0)
        return modem_sim_lock_cme(sim);
    modem_line(sim, "+CPIN: %s", modem_sim_locked(sim) ? "PH-NET PIN" : sim->scn.modem.cpin);
    return ANS_OK;
}
