#include "agent/modem/at_timeout.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "agent/base/macros.h"

/* The first row that fits counts. */
static const struct {
    const char *begin;
    int timeout_ms;
} rows[] = {
    { "+COPS=3", AT_TIMEOUT_PLAIN_MS }, /* the form of the operator's name alone */
    { "+COPS=", AT_TIMEOUT_RADIO_MS },  { "+CFUN=", AT_TIMEOUT_RADIO_MS },
    { "+CGATT=", AT_TIMEOUT_RADIO_MS }, { "+CGACT=", AT_TIMEOUT_CONTEXT_MS },
};

static int timeout_at(const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strncasecmp(text, rows[i].begin, strlen(rows[i].begin)) == 0)
            return rows[i].timeout_ms;
    return AT_TIMEOUT_PLAIN_MS;
}

int at_timeout_ms(const char *text)
{
    int longest_ms = AT_TIMEOUT_PLAIN_MS;

    for (; *text; text++) {
        int timeout_ms = timeout_at(text);
        if (timeout_ms > longest_ms)
            longest_ms = timeout_ms;
    }
    return longest_ms;
}
