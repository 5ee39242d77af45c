#include "agent/modem/modem_context.h"

#include <string.h>
#include <strings.h>

#include "agent/base/clock.h"
#include "agent/modem/at_context.h"
#include "agent/modem/modem_inside.h"

/* The APN without the operator identifier that a network may append (23.003 9.1.2). */
static size_t own_length(const char *apn)
{
    static const char form[] = ".mnc000.mcc000.gprs";
    size_t len = strlen(apn), tail = sizeof form - 1;

    if (len <= tail)
        return len;
    for (size_t i = 0; i < tail; i++) {
        char c = apn[len - tail + i];
        bool digit = c >= '0' && c <= '9';
        if (form[i] == '0' ? !digit : strncasecmp(&c, &form[i], 1) != 0)
            return len;
    }
    return len - tail;
}

static bool same_apn(const char *a, const char *b)
{
    size_t len = own_length(a);

    return len == own_length(b) && strncasecmp(a, b, len) == 0;
}

static bool is_defined(const struct modem_context *context)
{
    return context->pdp_type[0] != '\0';
}

static bool definition_differs(const struct modem_context *now, const struct modem_context *want)
{
    if (!is_defined(now) || !is_defined(want))
        return is_defined(now) != is_defined(want);
    return strcasecmp(now->pdp_type, want->pdp_type) != 0 || !same_apn(now->apn, want->apn);
}

/* What a modem does not tell of is left alone, unless a profile wants it. */
static bool auth_differs(const struct modem_context *now, const struct modem_context *want)
{
    if (!now->auth_known)
        return want->auth != MODEM_AUTH_NONE;
    if (now->auth != want->auth)
        return true;
    return want->auth != MODEM_AUTH_NONE && (strcmp(now->username, want->username) != 0 ||
                                             strcmp(now->password, want->password) != 0);
}

bool modem_context_differs(const struct modem_context *now, const struct modem_context *want)
{
    return definition_differs(now, want) || auth_differs(now, want);
}

static struct error ask(struct modem *modem, const char *text, const char *prefix,
                        const struct chat_answer **ret)
{
    struct chat_command command = { .text = text,
                                    .prefix = prefix,
                                    .repeatable = true,
                                    .deadline_ms = clock_now_ms() + MODEM_PLAIN_MS };

    return chat_run(&modem->chat, &command, ret);
}

/* Of OK without a line for this context: it has no authentication. */
static struct error read_auth(struct modem *modem, struct modem_context *ret)
{
    const struct chat_answer *answer = NULL;
    struct error e = ask(modem, "AT+CGAUTH?", "+CGAUTH", &answer);

    if (e.code)
        return network_is_fatal(&e) ? e : ERROR_OK;
    ret->auth_known = true;
    for (size_t i = 0; i < answer->count; i++)
        (void)at_cgauth_parse(answer->lines[i], ret); /* another context's changes nothing */
    return ERROR_OK;
}

struct error modem_read_context(struct modem *modem, int cid, struct modem_context *ret)
{
    struct modem_context value = { .cid = cid };
    const struct chat_answer *answer = NULL;
    struct error e = modem_restore_settings(modem);

    if (!e.code)
        e = ask(modem, "AT+CGDCONT?", "+CGDCONT", &answer);
    if (e.code)
        return e;
    for (size_t i = 0; i < answer->count; i++)
        (void)at_cgdcont_parse(answer->lines[i], &value); /* as above */
    e = read_auth(modem, &value);
    if (!e.code)
        *ret = value;
    return e;
}

struct error modem_write_context(struct modem *modem, const struct modem_context *now,
                                 const struct modem_context *want)
{
    char definition[AT_CONTEXT_TEXT_MAX + 1], auth[AT_CONTEXT_TEXT_MAX + 1];
    struct error e = at_cgdcont_build(want, definition);

    if (!e.code)
        e = at_cgauth_build(want, auth);
    if (!e.code)
        e = modem_restore_settings(modem);
    /* Authentication belongs to a context that is defined: behind its definition, before its end. */
    if (!e.code && is_defined(want) && definition_differs(now, want))
        e = modem_run(modem, definition, MODEM_PLAIN_MS);
    if (!e.code && auth_differs(now, want))
        e = modem_run(modem, auth, MODEM_PLAIN_MS);
    if (!e.code && !is_defined(want) && is_defined(now))
        e = modem_run(modem, definition, MODEM_PLAIN_MS);
    return e;
}
