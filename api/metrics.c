#include "api/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/base/clock.h"
#include "agent/base/macros.h"
#include "agent/operation/operation.h"
#include "agent/state/snapshot.h"
#include "api/router.h"

enum type { COUNTER, GAUGE, HISTOGRAM };

/* The page in the making, and the metric that is being told. */
struct out {
    FILE *file;
    const struct family *family;
    /* HELP and TYPE are written. */
    bool begun;
};

/* One metric. It has a counter of metrics.h, or `value`, which gives false where it is not known, or
 * `each`, which writes its lines. */
struct family {
    const char *name;
    enum type type;
    const char *help;
    enum metrics_counter counter;
    bool (*value)(const struct metrics_page *page, double *ret);
    void (*each)(const struct metrics_page *page, struct out *out);
};

_Static_assert((int)ROUTE_COUNT <= METRICS_ROUTES, "each route is counted");

/* --- lines --- */

/* Quotes only in a label's value. */
static void write_escaped(FILE *file, const char *text, bool quotes)
{
    for (; *text; text++) {
        if (*text == '\n')
            (void)fputs("\\n", file);
        else if (*text == '\\' || (quotes && *text == '"'))
            (void)fprintf(file, "\\%c", *text);
        else
            (void)fputc(*text, file);
    }
}

static void begin(struct out *out)
{
    static const char *const types[] = { "counter", "gauge", "histogram" };

    if (out->begun)
        return;
    out->begun = true;
    (void)fprintf(out->file, "# HELP %s ", out->family->name);
    write_escaped(out->file, out->family->help, false);
    (void)fprintf(out->file, "\n# TYPE %s %s\n", out->family->name, types[out->family->type]);
}

struct label {
    const char *name, *value;
};

enum { LABELS_MAX = 4 };

/* Up to the first without a name. */
static void write_name(struct out *out, const char *suffix, const struct label *labels)
{
    begin(out);
    (void)fprintf(out->file, "%s%s", out->family->name, suffix);
    for (size_t i = 0; i < LABELS_MAX && labels[i].name; i++) {
        (void)fprintf(out->file, "%s%s=\"", i ? "," : "{", labels[i].name);
        write_escaped(out->file, labels[i].value, true);
        (void)fputc('"', out->file);
    }
    (void)fputs(labels[0].name ? "} " : " ", out->file);
}

#define LABELS(...) ((const struct label[LABELS_MAX]){ __VA_ARGS__ })
#define NO_LABELS ((const struct label[LABELS_MAX]){ { NULL, NULL } })

static void write_value(struct out *out, const struct label *labels, double value)
{
    write_name(out, "", labels);
    /* All digits of a time with milliseconds, and none of what a binary fraction adds. */
    (void)fprintf(out->file, "%.15g\n", value);
}

static void write_count(struct out *out, const char *suffix, const struct label *labels,
                        uint64_t value)
{
    write_name(out, suffix, labels);
    (void)fprintf(out->file, "%" PRIu64 "\n", value);
}

/* `label` may be without a name. */
static void write_histogram(struct out *out, struct label label,
                            const struct metrics_histogram *histogram)
{
    struct label labels[LABELS_MAX] = { label };
    struct label *le = &labels[label.name ? 1 : 0];
    uint64_t count = 0;
    char bound[24];

    *le = (struct label){ "le", bound };
    for (size_t i = 0; i < METRICS_BUCKETS; i++) {
        count += histogram->buckets[i];
        (void)snprintf(bound, sizeof bound, "%g", (double)metrics_bounds_ms[i] / 1000);
        write_count(out, "_bucket", labels, count);
    }
    count += histogram->buckets[METRICS_BUCKETS];
    le->value = "+Inf";
    write_count(out, "_bucket", labels, count);
    *le = (struct label){ NULL, NULL };
    write_name(out, "_sum", labels);
    (void)fprintf(out->file, "%.15g\n", (double)histogram->sum_ms / 1000);
    write_count(out, "_count", labels, count);
}

/* --- operations and switches --- */

static const enum operation_state ends[] = {
    OPERATION_SUCCEEDED, OPERATION_FAILED,  OPERATION_REJECTED,
    OPERATION_CANCELED,  OPERATION_EXPIRED,
};

/* All of them, so that the first of its kind is a rise. */
static void each_operation(const struct metrics_page *page, struct out *out)
{
    for (unsigned channel = 0; channel <= CHANNEL_AGENT; channel++)
        for (size_t i = 0; i < ARRAY_LEN(ends); i++)
            write_count(out, "",
                        LABELS({ "kind", "enable-profile" },
                               { "channel", operation_channel_name(channel) },
                               { "state", operation_state_name(ends[i]) }),
                        page->counted->operations[channel][ends[i]]);
}

static void each_error(const struct metrics_page *page, struct out *out)
{
    for (unsigned channel = 0; channel <= CHANNEL_AGENT; channel++)
        for (size_t i = 0; i < ARRAY_LEN(ends); i++)
            for (unsigned code = 1; code < ERROR_CODES; code++)
                if (page->counted->errors[channel][ends[i]][code])
                    write_count(out, "",
                                LABELS({ "kind", "enable-profile" },
                                       { "channel", operation_channel_name(channel) },
                                       { "state", operation_state_name(ends[i]) },
                                       { "code", error_code_name(code) }),
                                page->counted->errors[channel][ends[i]][code]);
}

static void each_phase(const struct metrics_page *page, struct out *out)
{
    static const enum phase phases[] = {
        PHASE_ENABLING,  PHASE_RESETTING,  PHASE_REGISTERING,  PHASE_ATTACHING,
        PHASE_VERIFYING, PHASE_CONFIRMING, PHASE_ROLLING_BACK,
    };

    for (size_t i = 0; i < ARRAY_LEN(phases); i++)
        write_histogram(out, (struct label){ "phase", phase_name(phases[i]) },
                        &page->counted->phases[phases[i]]);
}

static void each_switch(const struct metrics_page *page, struct out *out)
{
    static const enum operation_state states[] = { OPERATION_SUCCEEDED, OPERATION_FAILED };

    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        write_histogram(out, (struct label){ "state", operation_state_name(states[i]) },
                        &page->counted->switches[states[i]]);
}

static void each_blackout(const struct metrics_page *page, struct out *out)
{
    write_histogram(out, (struct label){ NULL, NULL }, &page->counted->blackout);
}

static bool switching(const struct metrics_page *page, double *ret)
{
    *ret = page->now->switching;
    return true;
}

static bool operation_waits(const struct metrics_page *page, double *ret)
{
    *ret = page->operation_waits;
    return true;
}

static bool locked(const struct metrics_page *page, double *ret)
{
    *ret = page->locked;
    return true;
}

static bool stranded(const struct metrics_page *page, double *ret)
{
    *ret = page->now->stranded;
    return true;
}

/* --- the modem and the network --- */

static bool ready(const struct metrics_page *page, double *ret)
{
    *ret = page->now->modem == MODEM_READY && !page->now->trouble.code;
    return true;
}

static bool modem_up(const struct metrics_page *page, double *ret)
{
    *ret = page->now->modem == MODEM_READY;
    return true;
}

static bool profiles(const struct metrics_page *page, double *ret)
{
    *ret = (double)page->now->list.count;
    return page->now->has_list;
}

static bool enabled_since(const struct metrics_page *page, double *ret)
{
    *ret = (double)page->now->enabled_since_utc_ms / 1000;
    return page->now->enabled_since_utc_ms > 0;
}

/* One of them is 1. */
static void each_registration(const struct metrics_page *page, struct out *out)
{
    enum registration now =
        page->now->has_connectivity ? page->now->connectivity.registration : REGISTRATION_UNKNOWN;

    for (unsigned r = REGISTRATION_UNKNOWN; r <= REGISTRATION_ROAMING; r++)
        write_count(out, "", LABELS({ "state", registration_name(r) }), r == now);
}

static void each_technology(const struct metrics_page *page, struct out *out)
{
    enum technology now =
        page->now->has_connectivity ? page->now->connectivity.technology : TECHNOLOGY_UNKNOWN;

    for (unsigned t = TECHNOLOGY_UNKNOWN; t <= TECHNOLOGY_NR; t++)
        write_count(out, "", LABELS({ "technology", technology_name(t) }), t == now);
}

static bool level(const struct metrics_page *page, const struct level *value, double *ret)
{
    *ret = value->value;
    return page->now->has_connectivity && value->known;
}

static bool rssi(const struct metrics_page *page, double *ret)
{
    return level(page, &page->now->connectivity.signal.rssi_dbm, ret);
}

static bool rscp(const struct metrics_page *page, double *ret)
{
    return level(page, &page->now->connectivity.signal.rscp_dbm, ret);
}

static bool ecno(const struct metrics_page *page, double *ret)
{
    return level(page, &page->now->connectivity.signal.ecno_db, ret);
}

static bool rsrp(const struct metrics_page *page, double *ret)
{
    return level(page, &page->now->connectivity.signal.rsrp_dbm, ret);
}

static bool rsrq(const struct metrics_page *page, double *ret)
{
    return level(page, &page->now->connectivity.signal.rsrq_db, ret);
}

static bool sinr(const struct metrics_page *page, double *ret)
{
    return level(page, &page->now->connectivity.signal.sinr_db, ret);
}

static bool loss(const struct metrics_page *page, double *ret)
{
    if (!level(page, &page->now->connectivity.quality.loss_pct, ret))
        return false;
    *ret /= 100;
    return true;
}

static bool rtt(const struct metrics_page *page, double *ret)
{
    if (!level(page, &page->now->connectivity.quality.rtt_ms, ret))
        return false;
    *ret /= 1000;
    return true;
}

static bool attached(const struct metrics_page *page, double *ret)
{
    *ret = page->now->connectivity.attached;
    return page->now->has_connectivity && page->now->connectivity.attached_known;
}

/* As it was dated; nothing while the clock was not set. */
static bool read_at(const struct metrics_page *page, double *ret)
{
    *ret = (double)page->now->connectivity.at_utc_ms / 1000;
    return page->now->has_connectivity && clock_was_set(page->now->connectivity.at_utc_ms);
}

static bool samples(const struct metrics_page *page, double *ret)
{
    *ret = (double)page->samples;
    return true;
}

static bool came(const struct metrics_page *page, double *ret)
{
    *ret = (double)page->counted->traffic.came;
    return true;
}

static bool went(const struct metrics_page *page, double *ret)
{
    *ret = (double)page->counted->traffic.went;
    return true;
}

static bool resyncs(const struct metrics_page *page, double *ret)
{
    *ret = (double)page->counted->traffic.resyncs;
    return true;
}

static void each_reset(const struct metrics_page *page, struct out *out)
{
    for (unsigned i = 0; i < TRAFFIC_RESETS; i++)
        write_count(out, "", LABELS({ "rung", traffic_reset_name(i) }),
                    page->counted->traffic.resets[i]);
}

/* Seldom seen, and of no use as a zero. */
static bool is_rare(enum traffic_result result)
{
    return result != TRAFFIC_OK && result != TRAFFIC_ERROR && result != TRAFFIC_CME &&
           result != TRAFFIC_TIMEOUT;
}

/* Of a command that was sent at all. */
static void each_command(const struct metrics_page *page, struct out *out)
{
    for (unsigned command = 0; command < TRAFFIC_COMMANDS; command++) {
        const uint64_t *results = page->counted->traffic.commands[command];
        uint64_t sum = 0;

        for (unsigned i = 0; i < TRAFFIC_RESULTS; i++)
            sum += results[i];
        for (unsigned i = 0; sum && i < TRAFFIC_RESULTS; i++)
            if (results[i] || !is_rare(i))
                write_count(out, "",
                            LABELS({ "command", traffic_command_name(command) },
                                   { "result", traffic_result_name(i) }),
                            results[i]);
    }
}

static void each_answer(const struct metrics_page *page, struct out *out)
{
    for (unsigned i = 0; i < TRAFFIC_ANSWERS; i++)
        write_count(out, "", LABELS({ "answer", traffic_answer_name(i) }),
                    page->counted->traffic.answers[i]);
}

/* --- who reads, and who is told --- */

static bool waiting_readers(const struct metrics_page *page, double *ret)
{
    *ret = (double)page->reads->waiting;
    return true;
}

static void each_read(const struct metrics_page *page, struct out *out)
{
    for (unsigned code = 0; code < ERROR_CODES; code++)
        if (code == ERROR_NONE || page->reads->answered[code])
            write_count(out, "", LABELS({ "outcome", code ? error_code_name(code) : "ok" }),
                        page->reads->answered[code]);
}

/* Of a route that was called at all, every class but 1xx. */
static void each_request(const struct metrics_page *page, struct out *out)
{
    static const char *const statuses[METRICS_STATUSES] = { "1xx", "2xx", "3xx", "4xx", "5xx" };

    for (unsigned route = 0; route < METRICS_ROUTES; route++) {
        const char *path, *method = router_name((enum route)route, &path);
        const uint64_t *counts = page->counted->http[route];
        uint64_t sum = 0;

        for (unsigned i = 0; method && i < METRICS_STATUSES; i++)
            sum += counts[i];
        for (unsigned i = 1; sum && i < METRICS_STATUSES; i++)
            write_count(out, "",
                        LABELS({ "route", path }, { "method", method }, { "status", statuses[i] }),
                        counts[i]);
    }
}

static bool connections(const struct metrics_page *page, double *ret)
{
    *ret = (double)page->counted->open[METRICS_CONNECTIONS];
    return true;
}

static bool listeners(const struct metrics_page *page, double *ret)
{
    *ret = (double)page->counted->open[METRICS_LISTENERS];
    return true;
}

static bool broker_counter(const struct metrics_page *page, enum metrics_counter counter,
                           double *ret)
{
    *ret = (double)page->counted->counters[counter];
    return page->has_broker;
}

static bool connected(const struct metrics_page *page, double *ret)
{
    *ret = page->broker.online;
    return page->has_broker;
}

static bool attempts(const struct metrics_page *page, double *ret)
{
    return broker_counter(page, METRICS_MQTT_ATTEMPTS, ret);
}

static bool connects(const struct metrics_page *page, double *ret)
{
    return broker_counter(page, METRICS_MQTT_CONNECTS, ret);
}

static bool refusals(const struct metrics_page *page, double *ret)
{
    return broker_counter(page, METRICS_MQTT_REFUSALS, ret);
}

static bool losses(const struct metrics_page *page, double *ret)
{
    return broker_counter(page, METRICS_MQTT_LOSSES, ret);
}

static bool received(const struct metrics_page *page, double *ret)
{
    return broker_counter(page, METRICS_MQTT_RECEIVED, ret);
}

static bool sent(const struct metrics_page *page, double *ret)
{
    return broker_counter(page, METRICS_MQTT_SENT, ret);
}

static void each_fault(const struct metrics_page *page, struct out *out)
{
    static const struct {
        const char *reason;
        enum metrics_counter counter;
    } rows[] = {
        { "too-large", METRICS_INTAKE_TOO_LARGE },
        { "unexpected", METRICS_INTAKE_UNEXPECTED },
        { "malformed", METRICS_INTAKE_MALFORMED },
        { "no-memory", METRICS_INTAKE_NO_MEMORY },
    };

    for (size_t i = 0; page->has_broker && i < ARRAY_LEN(rows); i++)
        write_count(out, "", LABELS({ "reason", rows[i].reason }),
                    page->counted->counters[rows[i].counter]);
}

static bool outbox_rows(const struct metrics_page *page, double *ret)
{
    *ret = (double)page->counted->outbox.rows;
    return page->has_broker;
}

static bool outbox_bytes(const struct metrics_page *page, double *ret)
{
    *ret = (double)page->counted->outbox.bytes;
    return page->has_broker;
}

static bool outbox_in_flight(const struct metrics_page *page, double *ret)
{
    *ret = (double)page->counted->outbox.in_flight;
    return page->has_broker;
}

/* 0: nothing waits. */
static bool outbox_age(const struct metrics_page *page, double *ret)
{
    int64_t oldest_ms = page->counted->outbox.oldest_ms;

    *ret = oldest_ms && page->now_ms > oldest_ms ? (double)(page->now_ms - oldest_ms) / 1000 : 0;
    return page->has_broker;
}

static bool dropped(const struct metrics_page *page, double *ret)
{
    *ret = (double)page->counted->outbox.dropped;
    return page->has_broker;
}

static bool set_aside(const struct metrics_page *page, double *ret)
{
    *ret = (double)page->counted->outbox.set_aside;
    return page->has_broker;
}

static bool journal_writable(const struct metrics_page *page, double *ret)
{
    *ret = !page->counted->journal_fails;
    return true;
}

static void each_journal(const struct metrics_page *page, struct out *out)
{
    static const struct {
        const char *event;
        enum metrics_counter counter;
    } rows[] = {
        { "set-aside", METRICS_JOURNAL_SET_ASIDE },
        { "storage-full", METRICS_JOURNAL_FULL },
        { "recovered", METRICS_JOURNAL_RECOVERED },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        write_count(out, "", LABELS({ "event", rows[i].event }),
                    page->counted->counters[rows[i].counter]);
}

/* --- the process --- */

static void each_build(const struct metrics_page *page, struct out *out)
{
    write_count(out, "", LABELS({ "version", page->version }), 1);
}

static bool cpu(const struct metrics_page *page, double *ret)
{
    *ret = page->process->cpu_s;
    return page->process->known;
}

static bool started(const struct metrics_page *page, double *ret)
{
    *ret = (double)page->started_utc_ms / 1000;
    return clock_was_set(page->started_utc_ms);
}

static bool resident(const struct metrics_page *page, double *ret)
{
    *ret = (double)page->process->resident_bytes;
    return page->process->known;
}

static bool virtual_memory(const struct metrics_page *page, double *ret)
{
    *ret = (double)page->process->virtual_bytes;
    return page->process->known;
}

static bool threads(const struct metrics_page *page, double *ret)
{
    *ret = page->process->threads;
    return page->process->known;
}

static bool open_fds(const struct metrics_page *page, double *ret)
{
    *ret = (double)page->process->open_fds;
    return page->process->open_fds >= 0;
}

static bool max_fds(const struct metrics_page *page, double *ret)
{
    *ret = (double)page->process->max_fds;
    return page->process->max_fds >= 0;
}

/* --- all --- */

static const struct family families[] = {
    // clang-format off
    { "lpm_build_info", GAUGE, "The version that runs.", .each = each_build },
    { "lpm_ready", GAUGE, "Whether reads and switches can be served: the modem answers and the applet is there.", .value = ready },
    { "lpm_modem_up", GAUGE, "Whether the modem is set up and answers.", .value = modem_up },
    { "lpm_modem_opened_total", COUNTER, "How often the modem was set up.", .value = came },
    { "lpm_modem_lost_total", COUNTER, "How often the modem's port went away, in a reset too.", .value = went },
    { "lpm_modem_resets_total", COUNTER, "Resets of the modem that were tried, by rung of the ladder.", .each = each_reset },
    { "lpm_at_commands_total", COUNTER, "AT commands by how they ended.", .each = each_command },
    { "lpm_at_resyncs_total", COUNTER, "How often the dialogue with the modem had to find its step again.", .value = resyncs },
    { "lpm_apdu_exchanges_total", COUNTER, "APDUs by what the card's status word said; none: no answer came through the modem.", .each = each_answer },

    { "lpm_operations_total", COUNTER, "Operations that have ended or were refused at the door.", .each = each_operation },
    { "lpm_operation_errors_total", COUNTER, "Operations that have ended or were refused, by the error behind it.", .each = each_error },
    { "lpm_operations_waiting", GAUGE, "Operations that wait to begin.", .value = operation_waits },
    { "lpm_switching", GAUGE, "Whether a switch runs.", .value = switching },
    { "lpm_stranded", GAUGE, "Whether no profile works, so that one after the other is tried.", .value = stranded },
    { "lpm_switch_locked", GAUGE, "Whether somebody holds the lock on switching.", .value = locked },
    { "lpm_switch_duration_seconds", HISTOGRAM, "How long switches took from their start to their end, roll-back included.", .each = each_switch },
    { "lpm_switch_phase_duration_seconds", HISTOGRAM, "How long the phases of switches took.", .each = each_phase },
    { "lpm_switch_blackout_seconds", HISTOGRAM, "How long a switch was without data.", .each = each_blackout },
    { "lpm_switch_rollbacks_total", COUNTER, "Switches that ended back on a profile from before.", .counter = METRICS_ROLLBACKS },
    { "lpm_switch_stranded_total", COUNTER, "Switches that ended with no profile that works.", .counter = METRICS_STRANDED },

    { "lpm_profiles", GAUGE, "Profiles on the card.", .value = profiles },
    { "lpm_profile_enabled_since_timestamp_seconds", GAUGE, "Since when the profile in use is in use.", .value = enabled_since },
    { "lpm_registration_state", GAUGE, "Whether this is the state of registration.", .each = each_registration },
    { "lpm_radio_technology", GAUGE, "Whether this is the technology that the modem uses.", .each = each_technology },
    { "lpm_data_attached", GAUGE, "Whether the modem is attached for data.", .value = attached },
    { "lpm_signal_rssi_dbm", GAUGE, "RSSI or RXLEV (2G, 3G).", .value = rssi },
    { "lpm_signal_rscp_dbm", GAUGE, "RSCP (3G).", .value = rscp },
    { "lpm_signal_ecno_db", GAUGE, "Ec/No (3G).", .value = ecno },
    { "lpm_signal_rsrp_dbm", GAUGE, "RSRP (LTE), SS-RSRP (NR).", .value = rsrp },
    { "lpm_signal_rsrq_db", GAUGE, "RSRQ (LTE), SS-RSRQ (NR).", .value = rsrq },
    { "lpm_signal_sinr_db", GAUGE, "SINR (LTE), SS-SINR (NR).", .value = sinr },
    { "lpm_quality_loss_ratio", GAUGE, "Of the last probes' connections, the part that failed.", .value = loss },
    { "lpm_quality_rtt_seconds", GAUGE, "How long the last probes' connections took.", .value = rtt },
    { "lpm_connectivity_read_timestamp_seconds", GAUGE, "When the network was read last.", .value = read_at },
    { "lpm_samples_total", COUNTER, "Readings of the network that were taken.", .value = samples },

    { "lpm_readers_waiting", GAUGE, "Readers who wait for the modem.", .value = waiting_readers },
    { "lpm_reads_total", COUNTER, "Readers who waited for the modem, by how that ended.", .each = each_read },
    { "lpm_http_requests_total", COUNTER, "HTTP requests that were answered.", .each = each_request },
    { "lpm_http_connections", GAUGE, "Connections to all doors.", .value = connections },
    { "lpm_event_listeners", GAUGE, "Connections that listen to GET /v1/events.", .value = listeners },

    { "lpm_mqtt_connected", GAUGE, "Whether the broker has accepted the connection that stands.", .value = connected },
    { "lpm_mqtt_attempts_total", COUNTER, "Connections to the broker that were begun.", .value = attempts },
    { "lpm_mqtt_connects_total", COUNTER, "Connections that the broker accepted.", .value = connects },
    { "lpm_mqtt_refusals_total", COUNTER, "Connections that the broker refused.", .value = refusals },
    { "lpm_mqtt_losses_total", COUNTER, "Accepted connections that ended, for whatever reason.", .value = losses },
    { "lpm_mqtt_messages_received_total", COUNTER, "Messages from the broker.", .value = received },
    { "lpm_mqtt_messages_sent_total", COUNTER, "Messages that the broker acknowledged.", .value = sent },
    { "lpm_mqtt_intake_refused_total", COUNTER, "Connections that were ended for what the broker sent.", .each = each_fault },
    { "lpm_outbox_rows", GAUGE, "Messages that wait for the broker, in memory.", .value = outbox_rows },
    { "lpm_outbox_bytes", GAUGE, "What they take of mqtt.outbox_max_kib.", .value = outbox_bytes },
    { "lpm_outbox_in_flight", GAUGE, "Of them, those that were sent and are not acknowledged.", .value = outbox_in_flight },
    { "lpm_outbox_oldest_age_seconds", GAUGE, "How long the oldest has waited, also over restarts; 0: none waits.", .value = outbox_age },
    { "lpm_outbox_dropped_total", COUNTER, "Messages that were dropped since the outbox was full.", .value = dropped },
    { "lpm_outbox_set_aside_total", COUNTER, "Messages that the broker would not have.", .value = set_aside },
    { "lpm_journal_writable", GAUGE, "Whether the last write to the journal went through.", .value = journal_writable },
    { "lpm_journal_events_total", COUNTER, "What happened to the journal's file.", .each = each_journal },

    { "process_cpu_seconds_total", COUNTER, "Total user and system CPU time spent in seconds.", .value = cpu },
    { "process_start_time_seconds", GAUGE, "Start time of the process since unix epoch in seconds.", .value = started },
    { "process_resident_memory_bytes", GAUGE, "Resident memory size in bytes.", .value = resident },
    { "process_virtual_memory_bytes", GAUGE, "Virtual memory size in bytes.", .value = virtual_memory },
    { "process_threads", GAUGE, "Number of OS threads in the process.", .value = threads },
    { "process_open_fds", GAUGE, "Number of open file descriptors.", .value = open_fds },
    { "process_max_fds", GAUGE, "Maximum number of open file descriptors.", .value = max_fds },
}; // clang-format on

static void write_family(const struct metrics_page *page, struct out *out)
{
    const struct family *family = out->family;
    double value = 0;

    if (family->each)
        family->each(page, out);
    else if (!family->value)
        write_count(out, "", NO_LABELS, page->counted->counters[family->counter]);
    else if (family->value(page, &value))
        write_value(out, NO_LABELS, value);
}

char *metrics_to_text(const struct metrics_page *page)
{
    char *text = NULL;
    size_t len = 0;
    struct out out = { .file = open_memstream(&text, &len) };
    bool failed;

    if (!out.file)
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        out.family = &families[i];
        out.begun = false;
        write_family(page, &out);
    }
    failed = ferror(out.file);
    if (fclose(out.file) == 0 && !failed)
        return text;
    free(text);
    return NULL;
}
