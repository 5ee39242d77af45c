#include "ctl/redact.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

/* Lines that have to come out without `word`, whatever stands in the lines around them. */
static const struct {
    const char *line, *word;
} planted[] = {
    { "iccid 89490013121700619880", "1312170" },
    { "imsi=262011234567890", "1234567" },
    { "AT+CPIN=\"4711\"", "4711" },
    { "password=hunter2two", "hunter2two" },
    { "{\"api_token\":\"hunter2two\"}", "hunter2two" },
    { "Authorization: Bearer hunter2two", "hunter2two" },
    { "mqtts://user-9:hunter2two@broker.example", "hunter2two" },
    { "from 10.21.32.43", "10.21.32.43" },
};

static void check(const char *before, const char *line, const char *word, const char *after)
{
    static struct redact r;
    size_t len = strlen(before) + strlen(line) + strlen(after) + 3;
    char *text = malloc(len);
    /* A mask is longer than what it stands for by less than that. */
    struct buffer out = { .max = 16 * len };

    assert(text);
    memset(&r, 0, sizeof r);
    (void)snprintf(text, len, "%s\n%s\n%s", before, line, after);
    assert(redact_text(&r, text, &out));
    assert(!strstr(buffer_text(&out), word));
    buffer_done(&out);
    free(text);
}

/* The first byte says where the planted line goes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *before, *after;
    size_t cut;

    if (size == 0)
        return 0;
    cut = 1 + (size - 1) * data[0] / 255;
    before = strndup((const char *)data + 1, cut - 1);
    after = strndup((const char *)data + cut, size - cut);
    assert(before && after);
    for (size_t i = 0; i < ARRAY_LEN(planted); i++)
        /* What the input has of it is no secret. */
        if (!strstr(before, planted[i].word) && !strstr(after, planted[i].word))
            check(before, planted[i].line, planted[i].word, after);
    free(before);
    free(after);
    return 0;
}
