#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/state/broker.h"
#include "agent/state/metrics.h"
#include "agent/state/reads.h"
#include "api/process.h"

/* What is counted and what is known now, as a page of Prometheus' text format 0.0.4. Pure. Labels come
 * from fixed tables: no ICCID, EID or IMSI is in it, nor any text of a peer. What is not known has no
 * line. */

struct snapshot;

struct metrics_page {
    const char *version;
    int64_t now_ms; /* CLOCK_BOOTTIME */
    int64_t started_utc_ms;
    const struct metrics_values *counted;
    const struct snapshot *now;
    const struct reads_counts *reads;
    const struct process_facts *process;
    /* A broker is configured. */
    bool has_broker;
    struct broker_facts broker;
    /* An operation waits to begin; somebody holds the lock on switching. */
    bool operation_waits, locked;
    /* Readings of the network since the start. */
    int64_t samples;
};

/* Gives (free); NULL: no memory. */
char *metrics_to_text(const struct metrics_page *page);
