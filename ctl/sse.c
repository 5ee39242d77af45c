#include "ctl/sse.h"

#include <string.h>

static const char byte_order_mark[] = "\xEF\xBB\xBF";

enum { MARK_LEN = 3, RETRY_MAX_MS = 3600 * 1000 };

void sse_init(struct sse *sse, void (*tell)(const struct sse_event *event, void *ctx), void *ctx)
{
    *sse = (struct sse){
        .tell = tell,
        .ctx = ctx,
        .line = { .max = SSE_LINE_MAX },
        .data = { .max = SSE_LINE_MAX },
        .retry_ms = -1,
    };
}

void sse_done(struct sse *sse)
{
    buffer_done(&sse->line);
    buffer_done(&sse->data);
}

static void forget_block(struct sse *sse)
{
    buffer_clear(&sse->data);
    sse->has_data = false;
    sse->name[0] = '\0';
}

void sse_restart(struct sse *sse)
{
    forget_block(sse);
    buffer_clear(&sse->line);
    memcpy(sse->id, sse->last_id, sizeof sse->id);
    sse->after_cr = false;
    sse->broken = false;
    sse->mark = 0;
}

/* An empty line: the block is over. */
static void end_block(struct sse *sse)
{
    memcpy(sse->last_id, sse->id, sizeof sse->last_id);
    if (sse->has_data)
        sse->tell(
            &(struct sse_event){
                .name = sse->name[0] ? sse->name : "message",
                .id = sse->last_id,
                .data = buffer_text(&sse->data),
            },
            sse->ctx);
    forget_block(sse);
}

static bool take_data(struct sse *sse, const char *value, size_t len)
{
    if (sse->has_data && !buffer_add(&sse->data, "\n", 1))
        return false;
    sse->has_data = true;
    return buffer_add(&sse->data, value, len);
}

/* One that holds a NUL, or is too long to be one of the agent's, counts as not said. */
static void take_text(char *to, size_t max, const char *value, size_t len)
{
    if (len > max || memchr(value, '\0', len))
        return;
    memcpy(to, value, len);
    to[len] = '\0';
}

static void take_retry(struct sse *sse, const char *value, size_t len)
{
    int64_t ms = 0;

    for (size_t i = 0; i < len; i++) {
        if (value[i] < '0' || value[i] > '9')
            return;
        ms = ms > RETRY_MAX_MS ? ms : ms * 10 + (value[i] - '0');
    }
    if (len > 0)
        sse->retry_ms = ms > RETRY_MAX_MS ? RETRY_MAX_MS : ms;
}

static bool is_field(const char *line, size_t len, const char *name)
{
    return len == strlen(name) && memcmp(line, name, len) == 0;
}

static bool end_line(struct sse *sse)
{
    const char *line = buffer_text(&sse->line);
    size_t len = sse->line.len;
    const char *colon = len ? memchr(line, ':', len) : NULL;
    size_t name_len = colon ? (size_t)(colon - line) : len;
    const char *value = colon ? colon + 1 : line + len;
    size_t value_len;

    if (len == 0) {
        end_block(sse);
        return true;
    }
    value_len = len - (size_t)(value - line);
    if (value_len > 0 && value[0] == ' ') {
        value++;
        value_len--;
    }
    if (is_field(line, name_len, "data"))
        return take_data(sse, value, value_len);
    if (is_field(line, name_len, "event"))
        take_text(sse->name, SSE_NAME_MAX, value, value_len);
    else if (is_field(line, name_len, "id"))
        take_text(sse->id, SSE_ID_MAX, value, value_len);
    else if (is_field(line, name_len, "retry"))
        take_retry(sse, value, value_len);
    return true; /* what begins with a colon is a comment, all else is not ours */
}

static bool finish_line(struct sse *sse)
{
    bool taken = end_line(sse);

    buffer_clear(&sse->line);
    return taken;
}

/* A byte order mark at the very front is none of the first line; what only began like one is. */
static bool take_front(struct sse *sse, char c, bool *ret_eaten)
{
    *ret_eaten = false;
    if (sse->mark >= MARK_LEN)
        return true;
    if (c == byte_order_mark[sse->mark]) {
        sse->mark++;
        *ret_eaten = true;
        return true;
    }
    unsigned had = sse->mark;

    sse->mark = MARK_LEN;
    return buffer_add(&sse->line, byte_order_mark, had);
}

static bool take_char(struct sse *sse, char c)
{
    bool eaten;
    bool after_cr = sse->after_cr;

    if (!take_front(sse, c, &eaten))
        return false;
    if (eaten)
        return true;
    sse->after_cr = c == '\r';
    if (c == '\n' && after_cr)
        return true;
    if (c == '\n' || c == '\r')
        return finish_line(sse);
    return buffer_add(&sse->line, &c, 1);
}

bool sse_take(struct sse *sse, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len && !sse->broken; i++)
        sse->broken = !take_char(sse, bytes[i]);
    return !sse->broken;
}
