#include "agent/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "agent/base/clock.h"
#include "agent/base/iccid.h"
#include "agent/base/utf8.h"

/* A line fits PIPE_BUF, so a pipe's reader sees it whole too; the message fits it however much of
 * it has to be escaped. */
enum {
    LINE_MAX_BYTES = 4000,
    MESSAGE_MAX = 512,
    VALUE_MAX = 1024,
    FIELDS_MAX = 32,
    IDENTITY_SHOWN = 4,
    IDENTITY_MIN = ICCID_TEXT_MIN,
};

static atomic_int wanted = LOG_LEVEL_INFO;
static atomic_int chosen = LOG_FORMAT_AUTO;
static atomic_bool show_identities;

static const char *level_name(enum log_level level)
{
    static const char *const names[] = {
        [LOG_LEVEL_ERR] = "err",
        [LOG_LEVEL_WARNING] = "warning",
        [LOG_LEVEL_INFO] = "info",
        [LOG_LEVEL_DEBUG] = "debug",
    };
    return names[level];
}

/* As of syslog(3), which the journal counts by. */
static int level_priority(enum log_level level)
{
    static const int priorities[] = {
        [LOG_LEVEL_ERR] = 3,
        [LOG_LEVEL_WARNING] = 4,
        [LOG_LEVEL_INFO] = 6,
        [LOG_LEVEL_DEBUG] = 7,
    };
    return priorities[level];
}

/* Text that grows up to its end; what does not fit any more is cut off. */
struct line {
    size_t len;
    bool full;
    char text[LINE_MAX_BYTES + 1];
};

static void PRINTF_LIKE(2, 3) line_add(struct line *l, const char *format, ...)
{
    size_t room = sizeof l->text - l->len;
    va_list values;
    int n;

    va_start(values, format);
    n = vsnprintf(l->text + l->len, room, format, values);
    va_end(values);
    if (n < 0 || (size_t)n >= room)
        l->full = true;
    else
        l->len += (size_t)n;
    l->text[l->len] = '\0';
}

/* Takes back what was added since `len` if not all of it fitted. */
static void line_keep_whole(struct line *l, size_t len)
{
    if (!l->full)
        return;
    l->len = len;
    l->text[len] = '\0';
}

/* One named value as text, whatever it came from. */
struct field {
    const char *key;
    bool is_number;
    char text[VALUE_MAX + 1];
};

struct fields {
    size_t count;
    struct field rows[FIELDS_MAX];
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* An ICCID may have A to E among its digits. */
static bool is_identity_char(char c)
{
    return is_digit(c) || (c >= 'A' && c <= 'E') || (c >= 'a' && c <= 'e');
}

/* A peer may put an ICCID or EID anywhere: into an id, a topic, a name. What is as long as one is
 * cut to its end wherever it stands. */
static void cut_identities(char *text)
{
    const char *from = text;
    char *to = text;

    while (*from) {
        size_t n = 0;

        while (is_digit(*from) && is_identity_char(from[n]))
            n++;
        if (n >= IDENTITY_MIN) {
            *to++ = '*';
            from += n - IDENTITY_SHOWN;
            n = IDENTITY_SHOWN;
        }
        memmove(to, from, n ? n : 1);
        to += n ? n : 1;
        from += n ? n : 1;
    }
    *to = '\0';
}

static void PRINTF_LIKE(4, 5)
    fields_add(struct fields *f, const char *key, bool is_number, const char *format, ...)
{
    va_list values;

    if (f->count == FIELDS_MAX)
        return;
    f->rows[f->count].key = key;
    f->rows[f->count].is_number = is_number;
    va_start(values, format);
    (void)vsnprintf(f->rows[f->count].text, VALUE_MAX + 1, format, values);
    va_end(values);
    if (!is_number && !atomic_load(&show_identities))
        cut_identities(f->rows[f->count].text);
    f->count++;
}

static void add_identity(struct fields *f, const char *key, const char *digits)
{
    size_t n = strlen(digits);

    if (atomic_load(&show_identities))
        fields_add(f, key, false, "%s", digits);
    else
        fields_add(f, key, false, "*%s", n > IDENTITY_SHOWN ? digits + n - IDENTITY_SHOWN : "");
}

static void add_error(struct fields *f, const struct error *e)
{
    char final[ERROR_FINAL_MAX + 1];

    fields_add(f, "error", false, "%s", error_code_name(e->code));
    fields_add(f, "detail", false, "%s", e->message);
    if (e->field[0])
        fields_add(f, "field", false, "%s", e->field);
    error_final_text(e, final);
    if (final[0])
        fields_add(f, "at", false, "%s", final);
    else if (e->domain == ERROR_IN_CARD && e->detail)
        fields_add(f, "sw", false, "%04X", (unsigned)e->detail & 0xFFFF);
    else if (e->domain == ERROR_IN_SYSTEM)
        fields_add(f, "errno", true, "%d", e->detail);
    else if (e->domain == ERROR_IN_STORAGE)
        fields_add(f, "sqlite", true, "%d", e->detail);
}

static void add_value(struct fields *f, const struct log_value *v)
{
    switch (v->kind) {
    case LOG_TEXT:
        if (v->text)
            fields_add(f, v->key, false, "%s", v->text);
        break;
    case LOG_NUMBER:
        fields_add(f, v->key, true, "%" PRId64, v->number);
        break;
    case LOG_NUMBER_NOT_0:
        if (v->number)
            fields_add(f, v->key, true, "%" PRId64, v->number);
        break;
    case LOG_IDENTITY:
        if (v->text)
            add_identity(f, v->key, v->text);
        break;
    case LOG_ERROR:
        if (v->error)
            add_error(f, v->error);
        break;
    case LOG_NOTHING:
        break;
    }
}

/* A character that could steer a terminal, or none at all. */
static bool is_unsafe(size_t len, uint32_t c)
{
    return len == 0 || c < 0x20 || (c >= 0x7F && c < 0xA0);
}

/* In quotes. What is no UTF-8 becomes \xNN, or U+FFFD in JSON, which has no such thing (RFC 8259). */
static void add_escaped(struct line *l, const char *text, bool json)
{
    line_add(l, "\"");
    for (size_t len = strlen(text), i = 0; i < len;) {
        uint32_t c = 0;
        size_t n = utf8_take(text + i, len - i, &c);

        if (c == '"' || c == '\\')
            line_add(l, "\\%c", (char)c);
        else if (n == 0 && json)
            line_add(l, "\\ufffd");
        else if (n == 0)
            line_add(l, "\\x%02x", (unsigned char)text[i]);
        else if (is_unsafe(n, c))
            line_add(l, "\\u%04x", (unsigned)c);
        else
            line_add(l, "%.*s", (int)n, text + i);
        i += n ? n : 1;
    }
    line_add(l, "\"");
}

static bool is_plain(const char *text)
{
    for (const char *at = text; *at; at++)
        if (*at <= ' ' || *at > '~' || strchr("\"\\=", *at))
            return false;
    return text[0] != '\0';
}

static void add_message(struct line *l, const char *text, const struct fields *f)
{
    line_add(l, "%s", text);
    for (size_t i = 0; i < f->count; i++) {
        size_t before = l->len;

        line_add(l, " %s=", f->rows[i].key);
        if (is_plain(f->rows[i].text))
            line_add(l, "%s", f->rows[i].text);
        else
            add_escaped(l, f->rows[i].text, false);
        line_keep_whole(l, before);
    }
}

static void add_json(struct line *l, enum log_level level, const char *text, const struct fields *f)
{
    char time[CLOCK_TEXT_LEN + 1];

    clock_to_text(clock_utc_ms(), time);
    line_add(l, "{\"time\":\"%s\",%s\"level\":\"%s\",\"message\":", time,
             clock_is_set() ? "" : "\"clock_set\":false,", level_name(level));
    add_escaped(l, text, true);
    for (size_t i = 0; i < f->count; i++) {
        size_t before = l->len;

        line_add(l, ",\"%s\":", f->rows[i].key);
        if (f->rows[i].is_number)
            line_add(l, "%s", f->rows[i].text);
        else
            add_escaped(l, f->rows[i].text, true);
        line_keep_whole(l, before);
    }
}

/* With its end, for which room was kept. */
static void write_whole(struct line *l, const char *end)
{
    struct iovec parts[2];
    char tail[4];
    size_t n = strlen(end);

    memcpy(tail, end, n + 1);
    parts[0] = (struct iovec){ .iov_base = l->text, .iov_len = l->len };
    parts[1] = (struct iovec){ .iov_base = tail, .iov_len = n };
    while (writev(STDERR_FILENO, parts, 2) < 0 && errno == EINTR)
        ;
    /* Nobody is left to tell that the log is gone. */
}

static void write_text(enum log_level level, const char *text, const struct fields *f)
{
    struct line l = { 0 };
    char time[CLOCK_TEXT_LEN + 1];

    clock_to_text(clock_utc_ms(), time);
    line_add(&l, "%s%s %-7s ", time, clock_is_set() ? "" : "?", level_name(level));
    add_message(&l, text, f);
    write_whole(&l, "\n");
}

static void write_json(enum log_level level, const char *text, const struct fields *f)
{
    struct line l = { 0 };

    add_json(&l, level, text, f);
    write_whole(&l, "}\n");
}

/* The journal's names are A-Z 0-9 _; ours get a prefix, so that they never meet its own. */
static void add_journal_field(struct line *l, const struct field *field)
{
    line_add(l, "LPM_");
    for (const char *at = field->key; *at; at++)
        line_add(l, "%c", *at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at);
    line_add(l, "=%s", field->text);
}

static void write_journal(enum log_level level, const char *text, const struct fields *f)
{
    struct line message = { 0 };
    struct line rest = { 0 };
    struct iovec parts[FIELDS_MAX + 2];
    char priority[16];
    size_t count = 0;
    int n = snprintf(priority, sizeof priority, "PRIORITY=%d", level_priority(level));

    line_add(&message, "MESSAGE=");
    add_message(&message, text, f);
    parts[count++] = (struct iovec){ .iov_base = message.text, .iov_len = message.len };
    parts[count++] = (struct iovec){ .iov_base = priority, .iov_len = (size_t)n };
    for (size_t i = 0; i < f->count; i++) {
        size_t before = rest.len;

        add_journal_field(&rest, &f->rows[i]);
        line_keep_whole(&rest, before);
        if (rest.len > before)
            parts[count++] =
                (struct iovec){ .iov_base = rest.text + before, .iov_len = rest.len - before };
    }
    if (sd_journal_sendv(parts, (int)count) < 0)
        write_text(level, text, f);
}

/* systemd names the journal's stream as device:inode (systemd.exec(5)); standard error may have
 * been turned elsewhere since. */
static bool is_stderr_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    char ours[64];

    if (!stream || fstat(STDERR_FILENO, &st) < 0)
        return false;
    (void)snprintf(ours, sizeof ours, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return strcmp(stream, ours) == 0;
}

/* sd_journal_sendv() says that all is well when nobody takes its lines, so look before. */
static bool has_journal(void)
{
    return access("/run/systemd/journal/socket", W_OK) == 0;
}

static enum log_format format_of(enum log_format format)
{
    bool wants_journal =
        format == LOG_FORMAT_JOURNAL || (format == LOG_FORMAT_AUTO && is_stderr_journal());

    if (wants_journal && has_journal())
        return LOG_FORMAT_JOURNAL;
    if (format == LOG_FORMAT_TEXT || format == LOG_FORMAT_JSON)
        return format;
    return isatty(STDERR_FILENO) ? LOG_FORMAT_TEXT : LOG_FORMAT_JSON;
}

void log_set(enum log_level level, enum log_format format, bool identities)
{
    atomic_store(&wanted, level);
    atomic_store(&chosen, format_of(format));
    atomic_store(&show_identities, identities);
}

bool log_wants(enum log_level level)
{
    return (int)level <= atomic_load(&wanted);
}

void log_write(enum log_level level, const char *text, const struct log_value *values)
{
    struct fields f;
    char message[MESSAGE_MAX + 1];
    enum log_format format = (enum log_format)atomic_load(&chosen);
    int saved = errno;

    (void)snprintf(message, sizeof message, "%s", text);
    f.count = 0;
    for (const struct log_value *v = values + 1; v->kind != LOG_NOTHING; v++)
        add_value(&f, v);
    if (format == LOG_FORMAT_AUTO) /* nobody called log_set() */
        format = format_of(format);
    switch (format) {
    case LOG_FORMAT_JOURNAL:
        write_journal(level, message, &f);
        break;
    case LOG_FORMAT_TEXT:
        write_text(level, message, &f);
        break;
    case LOG_FORMAT_AUTO:
    case LOG_FORMAT_JSON:
        write_json(level, message, &f);
        break;
    }
    errno = saved;
}
