#include "agent/base/at_secret.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "agent/base/macros.h"

/* Without the sign: makers differ in it, and an echo may have lost it. */
static const struct {
    const char *name;
    /* Its answer has the secret, too; else it tells a state ("+CPIN: READY"). */
    bool answered;
} commands[] = {
    { "CPIN", false },    { "CPIN2", false },   { "QCPIN", false },  { "CPWD", false },
    { "CLCK", false },    { "CNMPWD", false },  { "CGAUTH", true },  { "QICSGP", true },
    { "UAUTHREQ", true }, { "UPSD", true },     { "PDPAUTH", true }, { "USERID", true },
    { "PASSW", true },    { "AUTHDATA", true }, { "QCPDPP", true },  { "WPPP", true },
    { "SGAUTH", true },   { "MGAUTH", true },   { "XGAUTH", true },  { "NDISDUP", true },
    { "CSTT", true },     { "CNCFG", true },
};

static bool is_question(const char *behind)
{
    behind += strspn(behind, " ");
    return behind[0] == '?' && (behind[1] == '\0' || strchr(" \t\r\n;\"'\\", behind[1]));
}

const char *at_secret_at(const char *text)
{
    if (*text && strchr("+#^$", *text))
        text++;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        size_t n = strlen(commands[i].name);
        const char *at = text + n;

        if (strncasecmp(text, commands[i].name, n) != 0)
            continue;
        at += strspn(at, " ");
        if (*at != '=' && (*at != ':' || !commands[i].answered))
            continue;
        return is_question(at + 1) ? NULL : at + 1;
    }
    return NULL;
}

const char *at_secret_find(const char *line)
{
    for (; *line; line++) {
        const char *secret = at_secret_at(line);

        if (secret)
            return secret;
    }
    return NULL;
}
