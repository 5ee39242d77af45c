#include "record.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

void record_init(struct record *r, FILE *trace)
{
    r->entries = must_alloc(calloc(RECORD_MAX, sizeof(*r->entries)));
    r->next = 1;
    r->start_ms = now_ms();
    r->trace = trace;
    record_reset_counters(r);
}

static void entry_done(struct record_entry *e)
{
    free(e->at);
    free(e->apdu);
    free(e->data);
    memset(e, 0, sizeof(*e));
}

void record_done(struct record *r)
{
    for (int i = 0; r->entries && i < RECORD_MAX; i++)
        entry_done(&r->entries[i]);
    free(r->entries);
    if (r->trace)
        fclose(r->trace);
}

struct record_entry *record_line(struct record *r, const char *at)
{
    struct record_entry *e = &r->entries[r->next % RECORD_MAX];

    entry_done(e);
    e->n = r->next++;
    e->t_ms = now_ms() - r->start_ms;
    e->at = must_alloc(strdup(at));
    e->channel = -1;
    return e;
}

static char *hex_text(const uint8_t *data, size_t len)
{
    char *text = must_alloc(malloc(2 * len + 1));

    hex_encode(data, len, text);
    return text;
}

void record_apdu(struct record_entry *e, const char *op, int channel, const uint8_t *apdu,
                 size_t len, const uint8_t *answer, size_t answer_len)
{
    free(e->apdu);
    free(e->data);
    e->apdu = hex_text(apdu, len);
    e->data = hex_text(answer, answer_len >= 2 ? answer_len - 2 : 0);
    e->sw[0] = 0;
    if (answer_len >= 2)
        hex_encode(answer + answer_len - 2, 2, e->sw);
    text_copy(e->op, sizeof(e->op), op);
    e->channel = channel;
}

void record_count(struct record *r, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(r->counters); i++) {
        if (!r->counters[i].name[0])
            text_copy(r->counters[i].name, sizeof(r->counters[i].name), name);
        if (!strcmp(r->counters[i].name, name)) {
            r->counters[i].count++;
            return;
        }
    }
}

long record_counted(const struct record *r, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(r->counters); i++)
        if (!strcmp(r->counters[i].name, name))
            return r->counters[i].count;
    return 0;
}

void record_reset_counters(struct record *r)
{
    static const char *const known[] = { "at",      "apdu",     "open",         "select",
                                         "eid",     "list",     "enable",       "close",
                                         "other",   "overlaps", "get-response", "after-late",
                                         "dropped", "refresh",  "reboot",       "vanish",
                                         "faults",  "switch",   "connections",  "refused" };

    memset(r->counters, 0, sizeof(r->counters));
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        text_copy(r->counters[i].name, sizeof(r->counters[i].name), known[i]);
}

cJSON *record_counters_json(const struct record *r)
{
    cJSON *json = cJSON_CreateObject();

    for (size_t i = 0; i < ARRAY_LEN(r->counters) && r->counters[i].name[0]; i++)
        cJSON_AddNumberToObject(json, r->counters[i].name, (double)r->counters[i].count);
    return json;
}

static cJSON *entry_json(const struct record_entry *e)
{
    cJSON *json = cJSON_CreateObject();

    cJSON_AddNumberToObject(json, "n", (double)e->n);
    cJSON_AddNumberToObject(json, "t_ms", (double)e->t_ms);
    cJSON_AddStringToObject(json, "at", e->at);
    if (e->apdu) {
        cJSON_AddStringToObject(json, "apdu", e->apdu);
        cJSON_AddStringToObject(json, "op", e->op);
        cJSON_AddNumberToObject(json, "channel", e->channel);
        cJSON_AddStringToObject(json, "data", e->data);
        cJSON_AddStringToObject(json, "sw", e->sw);
    }
    cJSON_AddStringToObject(json, "final", e->final);
    return json;
}

cJSON *record_log_json(const struct record *r, int64_t since)
{
    int64_t oldest = r->next > RECORD_MAX ? r->next - RECORD_MAX : 1;
    cJSON *json = cJSON_CreateArray();

    for (int64_t n = since + 1 > oldest ? since + 1 : oldest; n < r->next; n++)
        cJSON_AddItemToArray(json, entry_json(&r->entries[n % RECORD_MAX]));
    return json;
}

void record_trace(struct record *r, const char *what, const char *text, size_t len)
{
    int64_t t = now_ms() - r->start_ms;

    if (!r->trace)
        return;
    fprintf(r->trace, "%6lld.%03d %s ", (long long)(t / 1000), (int)(t % 1000), what);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (isprint(c) && c != '\\')
            fputc(c, r->trace);
        else
            fprintf(r->trace, c == '\r' ? "\\r" : c == '\n' ? "\\n" : "\\x%02x", c);
    }
    fputc('\n', r->trace);
    fflush(r->trace);
}
