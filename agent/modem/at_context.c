#include "agent/modem/at_context.h"

#include <stdio.h>

#include "agent/modem/at_fields.h"

static bool is_of(const struct at_fields *fields, int cid)
{
    return cid >= 0 && at_fields_number(fields, 0, 255) == cid;
}

bool at_cgdcont_parse(const char *line, struct modem_context *ret)
{
    struct modem_context value = *ret;
    struct at_fields fields;

    if (!at_fields_split(line, "+CGDCONT", &fields) || !is_of(&fields, ret->cid) ||
        !at_fields_text(&fields, 1, value.pdp_type, sizeof value.pdp_type) ||
        !at_fields_text(&fields, 2, value.apn, sizeof value.apn))
        return false;
    *ret = value;
    return true;
}

bool at_cgauth_parse(const char *line, struct modem_context *ret)
{
    struct modem_context value = *ret;
    struct at_fields fields;

    if (!at_fields_split(line, "+CGAUTH", &fields) || !is_of(&fields, ret->cid))
        return false;
    /* A line that ends behind the context's number tells of one without authentication. */
    int auth = fields.count > 1 ? at_fields_number(&fields, 1, MODEM_AUTH_CHAP) : MODEM_AUTH_NONE;
    value.auth_known = auth >= 0 &&
                       at_fields_text(&fields, 2, value.username, sizeof value.username) &&
                       at_fields_text(&fields, 3, value.password, sizeof value.password);
    value.auth = value.auth_known ? (enum modem_auth)auth : MODEM_AUTH_NONE;
    if (value.auth == MODEM_AUTH_NONE)
        value.username[0] = value.password[0] = '\0';
    *ret = value;
    return true;
}

/* What may stand between quotes in a command line; a backslash is an escape to some modems. */
static struct error check_text(const char *text, const char *what)
{
    for (const char *at = text; *at; at++)
        if (*at < ' ' || *at > '~' || *at == '"' || *at == '\\')
            return error_make(ERROR_IN_AGENT, ERROR_INVALID_REQUEST, 0,
                              "the %s has a character that AT commands cannot carry", what);
    return ERROR_OK;
}

struct error at_cgdcont_build(const struct modem_context *context,
                              char ret[AT_CONTEXT_TEXT_MAX + 1])
{
    if (context->pdp_type[0] == '\0') {
        (void)snprintf(ret, AT_CONTEXT_TEXT_MAX + 1, "AT+CGDCONT=%d", context->cid);
        return ERROR_OK;
    }
    struct error e = check_text(context->pdp_type, "PDP type");
    if (!e.code)
        e = check_text(context->apn, "APN");
    if (!e.code)
        (void)snprintf(ret, AT_CONTEXT_TEXT_MAX + 1, "AT+CGDCONT=%d,\"%s\",\"%s\"", context->cid,
                       context->pdp_type, context->apn);
    return e;
}

struct error at_cgauth_build(const struct modem_context *context, char ret[AT_CONTEXT_TEXT_MAX + 1])
{
    if (context->auth == MODEM_AUTH_NONE) {
        (void)snprintf(ret, AT_CONTEXT_TEXT_MAX + 1, "AT+CGAUTH=%d,0", context->cid);
        return ERROR_OK;
    }
    struct error e = check_text(context->username, "user name");
    if (!e.code)
        e = check_text(context->password, "password");
    if (!e.code)
        (void)snprintf(ret, AT_CONTEXT_TEXT_MAX + 1, "AT+CGAUTH=%d,%d,\"%s\",\"%s\"", context->cid,
                       (int)context->auth, context->username, context->password);
    return e;
}
