#include "agent/modem/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/base/at_secret.h"
#include "agent/base/clock.h"
#include "agent/base/ring_file.h"

struct trace {
    struct ring_file *file;
};

/* An ICCID has 18 digits at least, an IMSI 14; anything shorter names nobody. */
enum { IDENTITY_MIN = 14, IDENTITY_SHOWN = 4 };

static void hide(char *from, size_t len)
{
    if (len > IDENTITY_SHOWN)
        memset(from, 'x', len - IDENTITY_SHOWN);
}

/* In an APDU an ICCID (5A 0A) may have letters among its digits. */
static void hide_tagged(char *text)
{
    enum { TAG = 4, DIGITS = 20 };

    for (char *at = text; *at; at++) {
        if (strncasecmp(at, "5A0A", TAG) != 0)
            continue;
        size_t len = strspn(at + TAG, "0123456789ABCDEFabcdef");
        hide(at + TAG, len < DIGITS ? len : DIGITS);
    }
}

void trace_redact(const char *line, char *ret, size_t size)
{
    (void)snprintf(ret, size, "%s", line);
    const char *secret = at_secret_find(ret);
    if (secret)
        ret[secret - ret] = '\0';
    hide_tagged(ret);
    for (char *at = ret; *at;) {
        size_t len = strspn(at, "0123456789");
        if (len >= IDENTITY_MIN)
            hide(at, len);
        at += len ? len : 1;
    }
}

struct trace *trace_new(const char *path)
{
    struct trace *trace = calloc(1, sizeof *trace);

    if (!trace)
        return NULL;
    trace->file = ring_file_open(path, TRACE_SIZE_MAX);
    if (!trace->file) {
        free(trace);
        return NULL;
    }
    return trace;
}

void trace_free(struct trace *trace)
{
    if (!trace)
        return;
    ring_file_close(trace->file);
    free(trace);
}

void trace_write(struct trace *trace, bool sent, const char *line)
{
    char redacted[TRACE_LINE_MAX];
    char stamp[CLOCK_TEXT_LEN + 1];
    char text[TRACE_LINE_MAX + CLOCK_TEXT_LEN + 8];

    trace_redact(line, redacted, sizeof redacted);
    clock_to_text(clock_utc_ms(), stamp);
    int n = snprintf(text, sizeof text, "%s %c %s\n", stamp, sent ? '>' : '<', redacted);
    (void)ring_file_append(trace->file, text, (size_t)n);
}
