#include "agent/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const names[ERROR_CODES] = {
    [ERROR_NONE] = "",
    [ERROR_INVALID_REQUEST] = "invalid-request",
    [ERROR_UNAUTHORIZED] = "unauthorized",
    [ERROR_FORBIDDEN] = "forbidden",
    [ERROR_NOT_FOUND] = "not-found",
    [ERROR_PROFILE_NOT_FOUND] = "profile-not-found",
    [ERROR_METHOD_NOT_ALLOWED] = "method-not-allowed",
    [ERROR_NOT_ACCEPTABLE] = "not-acceptable",
    [ERROR_PAYLOAD_TOO_LARGE] = "payload-too-large",
    [ERROR_UNSUPPORTED_MEDIA_TYPE] = "unsupported-media-type",
    [ERROR_SWITCH_IN_PROGRESS] = "switch-in-progress",
    [ERROR_TOO_LATE] = "too-late",
    [ERROR_PRECONDITION_FAILED] = "precondition-failed",
    [ERROR_KEY_REUSED] = "key-reused",
    [ERROR_LOCKED] = "locked",
    [ERROR_COOLDOWN] = "cooldown",
    [ERROR_POLICY_FORBIDS] = "policy-forbids",
    [ERROR_CARD] = "card-error",
    [ERROR_CARD_BUSY] = "card-busy",
    [ERROR_CARD_ABSENT] = "card-absent",
    [ERROR_APPLET_ABSENT] = "applet-absent",
    [ERROR_SIM_LOCKED] = "sim-locked",
    [ERROR_MODEM_ABSENT] = "modem-absent",
    [ERROR_QUEUE_FULL] = "queue-full",
    [ERROR_STORAGE_FULL] = "storage-full",
    [ERROR_SHUTTING_DOWN] = "shutting-down",
    [ERROR_MODEM_TIMEOUT] = "modem-timeout",
    [ERROR_EXPIRED] = "expired",
    [ERROR_NOT_SWITCHED] = "not-switched",
    [ERROR_NOT_REGISTERED] = "not-registered",
    [ERROR_REGISTRATION_DENIED] = "registration-denied",
    [ERROR_NO_DATA] = "no-data",
    [ERROR_UNREACHABLE] = "unreachable",
    [ERROR_UNCONFIRMED] = "unconfirmed",
    [ERROR_OVERTAKEN] = "overtaken",
    [ERROR_STRANDED] = "stranded",
    [ERROR_INTERRUPTED] = "interrupted",
    [ERROR_INTERNAL] = "internal",
};

/* What a peer sent may be quoted in a message, and messages go to terminals and logs. */
static void make_printable(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F)
            *text = '?';
}

/* A cut must not leave half a UTF-8 character. */
static void mend_cut(char *text)
{
    size_t n = strlen(text);
    size_t tail = 0;

    while (tail < n && tail < 3 && ((unsigned char)text[n - 1 - tail] & 0xC0) == 0x80)
        tail++;
    if (tail >= n)
        return;
    unsigned char lead = (unsigned char)text[n - 1 - tail];
    size_t want = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
    if (want > tail)
        text[n - 1 - tail] = '\0';
}

static void PRINTF_LIKE(2, 0)
    write_message(char ret[ERROR_MESSAGE_MAX + 1], const char *format, va_list values)
{
    int n = vsnprintf(ret, ERROR_MESSAGE_MAX + 1, format, values);

    if (n > ERROR_MESSAGE_MAX)
        mend_cut(ret);
    make_printable(ret);
}

struct error error_make(enum error_domain domain, enum error_code code, int detail,
                        const char *format, ...)
{
    struct error e = { .code = code, .domain = domain, .detail = detail };
    va_list values;

    va_start(values, format);
    write_message(e.message, format, values);
    va_end(values);
    return e;
}

struct error error_field(const char *field, const char *format, ...)
{
    struct error e = { .code = ERROR_INVALID_REQUEST };
    va_list values;

    (void)snprintf(e.field, sizeof e.field, "%s", field);
    mend_cut(e.field);
    make_printable(e.field);
    va_start(values, format);
    write_message(e.message, format, values);
    va_end(values);
    return e;
}

struct error error_within(struct error e, const char *format, ...)
{
    char context[ERROR_MESSAGE_MAX + 1];
    char whole[2 * ERROR_MESSAGE_MAX + 3];
    va_list values;

    va_start(values, format);
    write_message(context, format, values);
    va_end(values);
    (void)snprintf(whole, sizeof whole, "%s: %s", context, e.message);
    if (strlen(whole) > ERROR_MESSAGE_MAX) {
        whole[ERROR_MESSAGE_MAX] = '\0';
        mend_cut(whole);
    }
    memcpy(e.message, whole, strlen(whole) + 1);
    return e;
}

const char *error_code_name(enum error_code code)
{
    return code < ERROR_CODES ? names[code] : names[ERROR_INTERNAL];
}

bool error_code_from_name(const char *name, enum error_code *ret)
{
    for (size_t i = 1; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i], name) == 0) {
            *ret = (enum error_code)i;
            return true;
        }
    return false;
}

void error_final_text(const struct error *e, char ret[ERROR_FINAL_MAX + 1])
{
    const char *word = "";

    ret[0] = '\0';
    if (e->domain != ERROR_IN_MODEM)
        return;
    if (e->detail >= 0) {
        (void)snprintf(ret, ERROR_FINAL_MAX + 1, "+CME ERROR: %d", e->detail);
        return;
    }
    if (e->detail <= ERROR_FINAL_CMS) {
        (void)snprintf(ret, ERROR_FINAL_MAX + 1, "+CMS ERROR: %d", ERROR_FINAL_CMS - e->detail);
        return;
    }
    switch (e->detail) {
    case ERROR_FINAL_ERROR:
        word = "ERROR";
        break;
    case ERROR_FINAL_NO_CARRIER:
        word = "NO CARRIER";
        break;
    case ERROR_FINAL_ABORTED:
        word = "ABORTED";
        break;
    case ERROR_FINAL_BUSY:
        word = "BUSY";
        break;
    default:
        break;
    }
    (void)snprintf(ret, ERROR_FINAL_MAX + 1, "%s", word);
}
