#include "agent/modem/network.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <openssl/sha.h>

#include "agent/base/hex.h"
#include "agent/modem/at_fields.h"
#include "agent/modem/at_network.h"
#include "agent/modem/at_sim.h"

enum { PLAIN_MS = 5000, APDU_MS = 10000 };

void network_init(struct network *network, struct chat *chat, const struct quirk *quirk)
{
    *network = (struct network){ .chat = chat, .quirk = quirk };
}

bool network_is_fatal(const struct error *e)
{
    return e->code == ERROR_MODEM_TIMEOUT || e->code == ERROR_MODEM_ABSENT ||
           e->code == ERROR_SHUTTING_DOWN || e->code == ERROR_INTERNAL ||
           e->code == ERROR_SWITCH_IN_PROGRESS;
}

bool network_stops(const struct network *network, const struct error *e)
{
    return network_is_fatal(e) && !(e->code == ERROR_MODEM_TIMEOUT && network->chat->misfit);
}

static struct error only_fatal(const struct network *network, struct error e)
{
    return network_stops(network, &e) ? e : ERROR_OK;
}

/* `command` without its deadline; a pure read. */
static struct error ask(struct network *network, struct chat_command command, int timeout_ms,
                        const struct chat_answer **ret)
{
    if (network->gives_way && network->gives_way(network->way_ctx)) {
        struct error e =
            error_make(ERROR_IN_AGENT, ERROR_SWITCH_IN_PROGRESS, 0, "an operation goes first");

        assert(e.code); /* for the analyser, which does not see into error_make() */
        return e;
    }
    command.deadline_ms = network->chat->ops->now_ms(network->chat->ctx) + timeout_ms;
    command.repeatable = true;
    return chat_run(network->chat, &command, ret);
}

static struct error ask_line(struct network *network, const char *text, const char *prefix,
                             const struct chat_answer **ret)
{
    return ask(network, (struct chat_command){ .text = text, .prefix = prefix, .needs_line = true },
               PLAIN_MS, ret);
}

/* --- registration --- */

static enum chat_match match_registration(const char *line, const char *prefix)
{
    struct at_registration registration;

    if (!at_has_prefix(line, prefix))
        return CHAT_APART;
    if (!at_registration_parse(line, prefix, &registration))
        return CHAT_MISFIT;
    return registration.unsolicited ? CHAT_APART : CHAT_TAKE;
}

static enum chat_match match_c5greg(const char *line)
{
    return match_registration(line, "+C5GREG");
}

static enum chat_match match_cereg(const char *line)
{
    return match_registration(line, "+CEREG");
}

static enum chat_match match_cgreg(const char *line)
{
    return match_registration(line, "+CGREG");
}

static enum chat_match match_creg(const char *line)
{
    return match_registration(line, "+CREG");
}

/* The order decides which one names the technology. */
static const struct {
    const char *text, *prefix;
    enum chat_match (*match)(const char *line);
    unsigned optional;
} domains[] = {
    { "AT+C5GREG?", "+C5GREG", match_c5greg, NETWORK_C5GREG },
    { "AT+CEREG?", "+CEREG", match_cereg, 0 },
    { "AT+CGREG?", "+CGREG", match_cgreg, 0 },
    { "AT+CREG?", "+CREG", match_creg, 0 },
};

/* Which of two states tells more while none is registered. */
static bool tells_more(enum registration a, enum registration b)
{
    static const int weight[] = {
        [REGISTRATION_UNKNOWN] = 0,   [REGISTRATION_IDLE] = 1,   [REGISTRATION_EMERGENCY] = 2,
        [REGISTRATION_SEARCHING] = 3, [REGISTRATION_DENIED] = 4, [REGISTRATION_HOME] = 5,
        [REGISTRATION_ROAMING] = 5,
    };
    return weight[a] > weight[b];
}

static void merge_registration(struct network *network, const struct at_registration *one,
                               struct connectivity *ret)
{
    enum registration state = at_registration_state(one->stat);

    if (tells_more(state, ret->registration)) {
        ret->registration = state;
        ret->reject_cause = state == REGISTRATION_DENIED ? one->reject_cause : -1;
    }
    if ((state == REGISTRATION_HOME || state == REGISTRATION_ROAMING) &&
        ret->technology == TECHNOLOGY_UNKNOWN)
        ret->technology = at_technology(one->act, network->quirk->act8_is_lte_m);
}

static struct error ask_domain(struct network *network, size_t i, struct connectivity *ret)
{
    const struct chat_answer *answer = NULL;
    struct at_registration one;
    struct error e =
        ask(network,
            (struct chat_command){
                .text = domains[i].text, .match = domains[i].match, .needs_line = true },
            PLAIN_MS, &answer);

    if (at_is_refusal(&e))
        network->refused |= domains[i].optional;
    if (e.code)
        return only_fatal(network, e);
    if (at_registration_parse(answer->lines[0], domains[i].prefix, &one))
        merge_registration(network, &one, ret);
    return ERROR_OK;
}

struct error network_read_registration(struct network *network, struct connectivity *ret)
{
    struct connectivity value = { .reject_cause = -1 };

    for (size_t i = 0; i < ARRAY_LEN(domains); i++) {
        if (network->refused & domains[i].optional)
            continue;
        struct error e = ask_domain(network, i, &value);
        if (e.code)
            return e;
        if (connectivity_is_registered(&value) && value.technology != TECHNOLOGY_UNKNOWN)
            break;
    }
    ret->registration = value.registration;
    ret->technology = value.technology;
    ret->reject_cause = value.reject_cause;
    return ERROR_OK;
}

struct error network_read_operator(struct network *network, struct connectivity *ret)
{
    const struct chat_answer *answer = NULL;
    struct at_operator operator;
    struct error e = ask_line(network, "AT+COPS?", "+COPS", &answer);

    if (network_stops(network, &e))
        return e;
    ret->plmn[0] = '\0';
    if (e.code || !at_cops_parse(answer->lines[0], &operator))
        return ERROR_OK;
    memcpy(ret->plmn, operator.plmn, sizeof ret->plmn);
    if (ret->technology == TECHNOLOGY_UNKNOWN && connectivity_is_registered(ret))
        ret->technology = at_technology(operator.act, network->quirk->act8_is_lte_m);
    return ERROR_OK;
}

/* --- signal --- */

/* Lines without a prefix: whatever else comes meanwhile begins with a letter or a sign. */
static enum chat_match match_bare_fields(const char *line)
{
    return line[0] >= '0' && line[0] <= '9' ? CHAT_TAKE : CHAT_APART;
}

/* An answer without such a line is fine: many modems leave it out on 2G and 3G, and without service. */
static struct error read_sinr(struct network *network, struct signal_reading *ret)
{
    const struct sinr_source *source = &network->quirk->sinr;
    const struct chat_answer *answer = NULL;

    if (!source->command || ret->sinr_db.known || network->refused & NETWORK_SINR)
        return ERROR_OK;
    struct error e =
        ask(network,
            (struct chat_command){ .text = source->command,
                                   .prefix = source->prefix,
                                   .match = source->prefix ? NULL : match_bare_fields },
            PLAIN_MS, &answer);
    if (at_is_refusal(&e))
        network->refused |= NETWORK_SINR;
    if (e.code)
        return only_fatal(network, e);
    ret->sinr_db.known = sinr_parse(source, answer->lines, answer->count, &ret->sinr_db.value);
    return ERROR_OK;
}

static bool tells_any(const struct signal_reading *signal)
{
    return signal->rssi_dbm.known || signal->rscp_dbm.known || signal->ecno_db.known ||
           signal->rsrp_dbm.known || signal->rsrq_db.known || signal->sinr_db.known;
}

/* `*ret_wants_csq`: the modem has no CESQ, or tells nothing by it, as some do. */
static struct error read_cesq(struct network *network, struct signal_reading *ret,
                              bool *ret_wants_csq)
{
    const struct chat_answer *answer = NULL;
    struct error e = ask_line(network, "AT+CESQ", "+CESQ", &answer);

    if (at_is_refusal(&e))
        network->refused |= NETWORK_CESQ;
    *ret_wants_csq = true;
    if (e.code)
        return only_fatal(network, e);
    (void)at_cesq_parse(answer->lines[0], ret); /* what it does not tell is unknown */
    *ret_wants_csq = !tells_any(ret);
    return ERROR_OK;
}

static struct error read_csq(struct network *network, struct signal_reading *ret)
{
    const struct chat_answer *answer = NULL;
    struct error e = ask_line(network, "AT+CSQ", "+CSQ", &answer);

    if (e.code)
        return only_fatal(network, e);
    (void)at_csq_parse(answer->lines[0], ret); /* as above */
    return ERROR_OK;
}

struct error network_read_signal(struct network *network, struct connectivity *ret)
{
    struct signal_reading value = { 0 };
    bool wants_csq = true;
    struct error e = ERROR_OK;

    if (!(network->refused & NETWORK_CESQ))
        e = read_cesq(network, &value, &wants_csq);
    if (!e.code && wants_csq)
        e = read_csq(network, &value);
    if (!e.code)
        e = read_sinr(network, &value);
    if (e.code)
        return e;
    ret->signal = value;
    return ERROR_OK;
}

/* --- data --- */

/* Some want to know of which context, and say so in one way or another, or tell of none. */
static struct error read_addresses(struct network *network, struct connectivity *ret)
{
    static const char *const texts[] = { "AT+CGPADDR", "AT+CGPADDR=1" };
    const struct chat_answer *answer = NULL;
    struct error e = ERROR_OK;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        e = ask(network, (struct chat_command){ .text = texts[i], .prefix = "+CGPADDR" }, PLAIN_MS,
                &answer);
        if (network_stops(network, &e) || (!e.code && answer->count > 0))
            break;
    }
    if (e.code)
        return only_fatal(network, e);
    for (size_t i = 0; i < answer->count; i++)
        (void)at_cgpaddr_parse(answer->lines[i], ret); /* a line that tells none adds none */
    return ERROR_OK;
}

struct error network_read_data(struct network *network, struct connectivity *ret)
{
    const struct chat_answer *answer = NULL;
    struct connectivity value = { 0 };
    struct error e = ask_line(network, "AT+CGATT?", "+CGATT", &answer);

    if (network_stops(network, &e))
        return e;
    value.attached_known = !e.code && at_cgatt_parse(answer->lines[0], &value.attached);
    /* Not attached: no address, and nothing to ask for. */
    if (!value.attached_known || value.attached) {
        e = read_addresses(network, &value);
        if (e.code)
            return e;
    }
    ret->attached_known = value.attached_known;
    ret->attached = value.attached;
    ret->address_count = value.address_count;
    memcpy(ret->addresses, value.addresses, sizeof ret->addresses);
    return ERROR_OK;
}

/* --- the card in use --- */

static enum chat_match match_iccid(const char *line)
{
    struct iccid iccid;

    return at_iccid_parse(line, &iccid) ? CHAT_TAKE : CHAT_APART;
}

static enum chat_match match_imsi(const char *line)
{
    char imsi[AT_IMSI_MAX + 1];

    return at_imsi_parse(line, imsi) ? CHAT_TAKE : CHAT_APART;
}

/* EF_ICCID as the card has it now, which the modem may not have noticed. */
static struct error read_ef_iccid(struct network *network, struct iccid *ret)
{
    const struct chat_answer *answer = NULL;
    struct transport_answer data;
    struct error e =
        ask(network,
            (struct chat_command){
                .text = "AT+CRSM=176,12258,0,0,10", .prefix = "+CRSM", .needs_line = true },
            APDU_MS, &answer);

    if (e.code)
        return e;
    if (!at_crsm_parse(answer->lines[0], &data))
        return error_make(ERROR_IN_MODEM, ERROR_CARD, ERROR_FINAL_ERROR,
                          "the answer to AT+CRSM cannot be read");
    if ((data.sw & 0xFF00) != 0x9000 && (data.sw & 0xFF00) != 0x9100)
        return error_make(ERROR_IN_CARD, ERROR_CARD, data.sw, "EF_ICCID cannot be read: %04X",
                          (unsigned)data.sw);
    return iccid_from_card(data.data, data.len, ret);
}

static struct error ask_iccid(struct network *network, const char *text, struct iccid *ret)
{
    const struct chat_answer *answer = NULL;
    struct error e = ask(
        network, (struct chat_command){ .text = text, .match = match_iccid, .needs_line = true },
        PLAIN_MS, &answer);

    if (e.code)
        return e;
    return at_iccid_parse(answer->lines[0], ret)
               ? ERROR_OK
               : error_make(ERROR_IN_AGENT, ERROR_INTERNAL, 0, "an ICCID got lost");
}

/* Another command may tell what this one does not: a refusal, 100, unknown, which is what some say to
 * a command that they do not have, and an answer that has no ICCID in it. */
static bool tells_no_iccid(const struct network *network, const struct error *e)
{
    return at_is_refusal(e) || (e->domain == ERROR_IN_MODEM && e->detail == 100) ||
           (network_is_fatal(e) && !network_stops(network, e));
}

struct error network_read_iccid(struct network *network, struct iccid *ret, bool *ret_cached)
{
    bool asked[QUIRK_ICCID_MAX] = { false };
    struct error e;

    for (size_t i = 0; i < QUIRK_ICCID_MAX && network->quirk->iccid[i]; i++) {
        if (network->iccid_refused[i] >= NETWORK_ICCID_REFUSALS)
            continue;
        e = ask_iccid(network, network->quirk->iccid[i], ret);
        if (!e.code) {
            network->iccid_refused[i] = -1000; /* it exists: a refusal is the card's state */
            *ret_cached = true;
            return e;
        }
        if (!tells_no_iccid(network, &e))
            return e;
        asked[i] = true;
    }
    e = read_ef_iccid(network, ret);
    if (e.code)
        return e;
    for (size_t i = 0; i < QUIRK_ICCID_MAX; i++)
        network->iccid_refused[i] += asked[i];
    *ret_cached = false;
    return ERROR_OK;
}

void network_hash_imsi(const char *imsi, char ret[NETWORK_HASH_LEN + 1])
{
    /* Keeps equal IMSIs equal and tables of plain hashes useless; it is no secret. */
    static const char salt[] = "lpm-agent imsi 1:";
    unsigned char digest[SHA256_DIGEST_LENGTH];
    char text[sizeof salt + AT_IMSI_MAX + 1];

    int n = snprintf(text, sizeof text, "%s%s", salt, imsi);
    (void)SHA256((const unsigned char *)text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1,
                 digest);
    hex_from_bytes(digest, NETWORK_HASH_LEN / 2, ret);
}

struct error network_read_imsi_hash(struct network *network, char ret[NETWORK_HASH_LEN + 1])
{
    const struct chat_answer *answer = NULL;
    char imsi[AT_IMSI_MAX + 1];
    struct error e =
        ask(network,
            (struct chat_command){ .text = "AT+CIMI", .match = match_imsi, .needs_line = true },
            PLAIN_MS, &answer);

    if (e.code)
        return e;
    if (!at_imsi_parse(answer->lines[0], imsi))
        return error_make(ERROR_IN_AGENT, ERROR_INTERNAL, 0, "an IMSI got lost");
    network_hash_imsi(imsi, ret);
    return ERROR_OK;
}
