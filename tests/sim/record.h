#pragma once

#include <stdint.h>
#include <stdio.h>

#include "util.h"

/* What the simulator was asked and what it answered: a numbered log, counters, and a trace file. */

struct cJSON;

enum { RECORD_MAX = 20000 };

struct record_entry {
    int64_t n, t_ms;
    char *at;
    /* Empty: the line had no APDU. */
    char *apdu, *data;
    char op[16], final[32], sw[8];
    int channel;
};

struct record {
    struct record_entry *entries;
    int64_t next, start_ms;
    FILE *trace;
    struct {
        char name[24];
        long count;
    } counters[64];
};

void record_init(struct record *r, FILE *trace);
void record_done(struct record *r);
/* Begins an entry; the pointer lives for the next RECORD_MAX - 1 entries. */
struct record_entry *record_line(struct record *r, const char *at);
void record_apdu(struct record_entry *e, const char *op, int channel, const uint8_t *apdu,
                 size_t len, const uint8_t *answer, size_t answer_len);
void record_count(struct record *r, const char *name);
long record_counted(const struct record *r, const char *name);
void record_reset_counters(struct record *r);
struct cJSON *record_counters_json(const struct record *r);
struct cJSON *record_log_json(const struct record *r, int64_t since);
/* `what`: "<" from the agent, ">" to it, "-" something that happened. */
void record_trace(struct record *r, const char *what, const char *text, size_t len);
