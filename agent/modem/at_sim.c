#include "agent/modem/at_sim.h"

#include <string.h>
#include <strings.h>

#include "agent/base/hex.h"
#include "agent/modem/at_fields.h"

static bool answer_from_hex(const char *hex, size_t len, struct transport_answer *ret)
{
    uint8_t bytes[TRANSPORT_ANSWER_MAX];
    size_t n = 0;

    if (!hex_to_bytes(hex, len, bytes, sizeof bytes, &n) || n < 2)
        return false;
    ret->len = n - 2;
    memcpy(ret->data, bytes, n - 2);
    ret->sw = (uint16_t)(bytes[n - 2] << 8 | bytes[n - 1]);
    return true;
}

static bool apdu_parse(const char *line, const char *prefix, struct transport_answer *ret)
{
    struct at_fields fields;

    if (!at_fields_split_bare(line, prefix, &fields) || fields.count != 2)
        return false;
    int characters = at_fields_number(&fields, 0, 2 * TRANSPORT_ANSWER_MAX);
    if (characters < 0 || (size_t)characters != fields.items[1].len)
        return false;
    return answer_from_hex(fields.items[1].at, fields.items[1].len, ret);
}

bool at_csim_parse(const char *line, struct transport_answer *ret)
{
    return apdu_parse(line, "+CSIM", ret);
}

bool at_cgla_parse(const char *line, struct transport_answer *ret)
{
    return apdu_parse(line, "+CGLA", ret);
}

bool at_ccho_parse(const char *line, char ret[AT_SESSION_MAX + 1])
{
    struct at_fields fields;

    if (!at_fields_split_bare(line, "+CCHO", &fields) || fields.count != 1)
        return false;
    const struct at_field *field = &fields.items[0];
    if (field->len == 0 || field->len > AT_SESSION_MAX)
        return false;
    for (size_t i = 0; i < field->len; i++)
        if (!strchr("0123456789abcdefABCDEF", field->at[i]))
            return false;
    return at_fields_text(&fields, 0, ret, AT_SESSION_MAX + 1);
}

unsigned at_session_channel(const char *session)
{
    struct at_fields fields;

    if (strlen(session) > 2 || !at_fields_split(session, NULL, &fields))
        return 0;
    int number = at_fields_number(&fields, 0, 19);
    return number > 0 ? (unsigned)number : 0;
}

bool at_crsm_parse(const char *line, struct transport_answer *ret)
{
    struct at_fields fields;
    size_t n = 0;

    if (!at_fields_split(line, "+CRSM", &fields) || fields.count < 2)
        return false;
    int sw1 = at_fields_number(&fields, 0, 255);
    int sw2 = at_fields_number(&fields, 1, 255);
    if (sw1 < 0 || sw2 < 0)
        return false;
    if (fields.count > 2 &&
        !hex_to_bytes(fields.items[2].at, fields.items[2].len, ret->data, sizeof ret->data - 2, &n))
        return false;
    ret->len = n;
    ret->sw = (uint16_t)(sw1 << 8 | sw2);
    return true;
}

bool at_iccid_parse(const char *line, struct iccid *ret)
{
    const char *colon = strchr(line, ':');
    struct at_fields fields;

    if (colon && line[0] != '+' && line[0] != '#' && strncasecmp(line, "ICCID", 5) != 0)
        return false;
    if (!at_fields_split(colon ? colon + 1 : line, NULL, &fields))
        return false;
    /* A few modems put a number of their own before it, or the EID behind it (Sierra HL78xx). */
    for (size_t i = 0; i < fields.count; i++) {
        struct error e = iccid_from_text(fields.items[i].at, fields.items[i].len, ret);
        if (e.code == ERROR_NONE)
            return true;
    }
    return false;
}

bool at_cpin_parse(const char *line, enum at_pin *ret)
{
    static const struct {
        const char *text;
        enum at_pin pin;
    } rows[] = {
        { "READY", AT_PIN_READY },         { "SIM PIN2", AT_PIN_READY },
        { "SIM PUK2", AT_PIN_READY },      { "NOT READY", AT_PIN_WAIT },
        { "NOT INSERTED", AT_PIN_ABSENT }, { "SIM NOT INSERTED", AT_PIN_ABSENT },
        { "SIM REMOVED", AT_PIN_ABSENT },  { "SIM BUSY", AT_PIN_WAIT },
        { "SIM failure", AT_PIN_WAIT },
    };
    char text[48];
    struct at_fields fields;

    if (!at_fields_split(line, "+CPIN", &fields) ||
        !at_fields_text(&fields, 0, text, sizeof text) || text[0] == '\0')
        return false;
    *ret = AT_PIN_LOCKED;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcasecmp(text, rows[i].text) == 0)
            *ret = rows[i].pin;
    return true;
}

bool at_imsi_parse(const char *line, char ret[AT_IMSI_MAX + 1])
{
    struct at_fields fields;

    if (!at_fields_split_bare(line, "+CIMI", &fields) || fields.count != 1)
        return false;
    const struct at_field *field = &fields.items[0];
    if (field->len < 6 || field->len > AT_IMSI_MAX)
        return false;
    for (size_t i = 0; i < field->len; i++)
        if (field->at[i] < '0' || field->at[i] > '9')
            return false;
    return at_fields_text(&fields, 0, ret, AT_IMSI_MAX + 1);
}
