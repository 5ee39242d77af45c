#include "api/metrics.h"

#include <ctype.h>

#include "agent/operation/operation.h"
#include "agent/state/snapshot.h"
#include "api/router.h"
#include "tests/test.h"

/* A page with everything at its zero. */
struct place {
    struct metrics_values counted;
    struct snapshot now;
    struct reads_counts reads;
    struct process_facts process;
    struct metrics_page page;
};

static struct place *place_new(void)
{
    struct place *p = calloc(1, sizeof *p);

    assert_non_null(p);
    p->process.open_fds = p->process.max_fds = -1;
    p->page = (struct metrics_page){ .version = "1.2.3",
                                     .counted = &p->counted,
                                     .now = &p->now,
                                     .reads = &p->reads,
                                     .process = &p->process };
    return p;
}

/* Whether `line` is one of the page. */
static bool has_line(const char *text, const char *line)
{
    size_t n = strlen(line);

    for (const char *at = text; (at = strstr(at, line)); at++)
        if ((at == text || at[-1] == '\n') && at[n] == '\n')
            return true;
    return false;
}

static void check_lines(struct place *p, const char *const *lines, size_t count)
{
    char *text = metrics_to_text(&p->page);

    assert_non_null(text);
    for (size_t i = 0; i < count; i++)
        if (!has_line(text, lines[i]))
            fail_msg("'%s' is not in\n%s", lines[i], text);
    free(text);
}

/* No line at all begins with it. */
static void check_absent(struct place *p, const char *name)
{
    char *text = metrics_to_text(&p->page);

    assert_non_null(text);
    if (strstr(text, name))
        fail_msg("'%s' is in\n%s", name, text);
    free(text);
}

static void label_values_are_escaped(void **state)
{
    static const char *const lines[] = { "lpm_build_info{version=\"a\\\\b\\\"c\\nd\"} 1" };
    struct place *p = place_new();

    (void)state;
    p->page.version = "a\\b\"c\nd";
    check_lines(p, lines, ARRAY_LEN(lines));
    free(p);
}

static void histograms_are_cumulative(void **state)
{
    static const char *const lines[] = {
        "# TYPE lpm_switch_phase_duration_seconds histogram",
        "lpm_switch_phase_duration_seconds_bucket{phase=\"registering\",le=\"0.1\"} 2",
        "lpm_switch_phase_duration_seconds_bucket{phase=\"registering\",le=\"0.25\"} 2",
        "lpm_switch_phase_duration_seconds_bucket{phase=\"registering\",le=\"60\"} 2",
        "lpm_switch_phase_duration_seconds_bucket{phase=\"registering\",le=\"120\"} 5",
        "lpm_switch_phase_duration_seconds_bucket{phase=\"registering\",le=\"600\"} 5",
        "lpm_switch_phase_duration_seconds_bucket{phase=\"registering\",le=\"+Inf\"} 6",
        "lpm_switch_phase_duration_seconds_sum{phase=\"registering\"} 1234.567",
        "lpm_switch_phase_duration_seconds_count{phase=\"registering\"} 6",
        "lpm_switch_phase_duration_seconds_count{phase=\"enabling\"} 0",
        "lpm_switch_blackout_seconds_bucket{le=\"+Inf\"} 1",
        "lpm_switch_blackout_seconds_sum 0.05",
        "lpm_switch_blackout_seconds_count 1",
        "lpm_switch_duration_seconds_count{state=\"failed\"} 0",
    };
    struct place *p = place_new();

    (void)state;
    p->counted.phases[PHASE_REGISTERING] =
        (struct metrics_histogram){ .buckets = { 2, [10] = 3, [13] = 1 }, .sum_ms = 1234567 };
    p->counted.blackout = (struct metrics_histogram){ .buckets = { 1 }, .sum_ms = 50 };
    check_lines(p, lines, ARRAY_LEN(lines));
    free(p);
}

static void counters_have_their_labels(void **state)
{
    static const char *const lines[] = {
        "lpm_operations_total{kind=\"enable-profile\",channel=\"mqtt\",state=\"rejected\"} 7",
        "lpm_operations_total{kind=\"enable-profile\",channel=\"rest\",state=\"succeeded\"} 0",
        "lpm_operation_errors_total{kind=\"enable-profile\",channel=\"mqtt\",state=\"rejected\","
        "code=\"locked\"} 6",
        "lpm_at_commands_total{command=\"CSIM\",result=\"ok\"} 18446744073709551615",
        "lpm_at_commands_total{command=\"CSIM\",result=\"timeout\"} 0",
        "lpm_at_commands_total{command=\"CFUN\",result=\"no-carrier\"} 1",
        "lpm_apdu_exchanges_total{answer=\"wrong-le\"} 4",
        "lpm_modem_resets_total{rung=\"vendor\"} 2",
        "lpm_modem_lost_total 3",
        "lpm_reads_total{outcome=\"ok\"} 11",
        "lpm_reads_total{outcome=\"modem-timeout\"} 12",
        "lpm_readers_waiting 2",
        "lpm_http_requests_total{route=\"/v1/eid\",method=\"GET\",status=\"2xx\"} 5",
        "lpm_http_requests_total{route=\"/v1/eid\",method=\"GET\",status=\"5xx\"} 0",
        "lpm_http_requests_total{route=\"unmatched\",method=\"\",status=\"4xx\"} 1",
        "lpm_switch_rollbacks_total 9",
        "lpm_journal_events_total{event=\"storage-full\"} 1",
        "lpm_journal_writable 0",
        "lpm_samples_total 33",
        "lpm_operations_waiting 1",
        "lpm_switch_locked 1",
    };
    struct place *p = place_new();

    (void)state;
    p->counted.operations[CHANNEL_MQTT][OPERATION_REJECTED] = 7;
    p->counted.errors[CHANNEL_MQTT][OPERATION_REJECTED][ERROR_LOCKED] = 6;
    p->counted.traffic.commands[TRAFFIC_CSIM][TRAFFIC_OK] = UINT64_MAX;
    p->counted.traffic.commands[TRAFFIC_CFUN][TRAFFIC_NO_CARRIER] = 1;
    p->counted.traffic.answers[TRAFFIC_ANSWER_WRONG_LE] = 4;
    p->counted.traffic.resets[TRAFFIC_RESET_VENDOR] = 2;
    p->counted.traffic.went = 3;
    p->reads =
        (struct reads_counts){ .waiting = 2, .answered = { 11, [ERROR_MODEM_TIMEOUT] = 12 } };
    p->counted.http[ROUTE_EID][1] = 5;
    p->counted.http[ROUTE_NONE][3] = 1;
    p->counted.counters[METRICS_ROLLBACKS] = 9;
    p->counted.counters[METRICS_JOURNAL_FULL] = 1;
    p->counted.journal_fails = true;
    p->page.samples = 33;
    p->page.operation_waits = p->page.locked = true;
    check_lines(p, lines, ARRAY_LEN(lines));
    free(p);
}

/* Never as zero, which would be a very good signal. */
static void what_is_not_known_is_absent(void **state)
{
    static const char *const names[] = {
        "lpm_signal_",           "lpm_quality_",
        "lpm_data_attached",     "lpm_profiles",
        "lpm_profile_",          "lpm_mqtt_",
        "lpm_outbox_",           "lpm_connectivity_",
        "process_resident",      "lpm_operation_errors_total",
        "lpm_at_commands_total", "lpm_http_requests",
    };
    static const char *const lines[] = {
        "lpm_ready 0",
        "lpm_modem_up 0",
        "lpm_registration_state{state=\"unknown\"} 1",
        "lpm_registration_state{state=\"home\"} 0",
        "lpm_radio_technology{technology=\"unknown\"} 1",
    };
    struct place *p = place_new();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        check_absent(p, names[i]);
    check_lines(p, lines, ARRAY_LEN(lines));
    /* Read, and the modem told nothing. */
    p->now.has_connectivity = true;
    check_absent(p, "lpm_signal_");
    check_absent(p, "lpm_data_attached");
    /* Read while the clock was not set. */
    p->now.connectivity.at_utc_ms = 44225;
    check_absent(p, "lpm_connectivity_");
    free(p);
}

static void what_is_known_is_in_base_units(void **state)
{
    static const char *const lines[] = {
        "lpm_ready 1",
        "lpm_modem_up 1",
        "lpm_profiles 3",
        "lpm_profile_enabled_since_timestamp_seconds 1764000000.123",
        "lpm_registration_state{state=\"unknown\"} 0",
        "lpm_registration_state{state=\"home\"} 1",
        "lpm_radio_technology{technology=\"LTE\"} 1",
        "lpm_radio_technology{technology=\"unknown\"} 0",
        "lpm_signal_rsrp_dbm -98",
        "lpm_signal_sinr_db 0",
        "lpm_signal_rsrq_db -10.5",
        "lpm_quality_loss_ratio 0.25",
        "lpm_quality_rtt_seconds 0.0425",
        "lpm_data_attached 0",
        "lpm_connectivity_read_timestamp_seconds 1764000001",
        "lpm_mqtt_connected 1",
        "lpm_outbox_rows 4",
        "lpm_outbox_oldest_age_seconds 1.5",
        "process_resident_memory_bytes 12345678",
        "process_open_fds 17",
        "process_start_time_seconds 1764000000.5",
    };
    struct place *p = place_new();

    (void)state;
    p->now = (struct snapshot){
        .modem = MODEM_READY,
        .has_list = true,
        .list.count = 3,
        .enabled_since_utc_ms = INT64_C(1764000000123),
        .has_connectivity = true,
        .connectivity = { .at_utc_ms = INT64_C(1764000001000),
                          .registration = REGISTRATION_HOME,
                          .technology = TECHNOLOGY_LTE,
                          .signal = { .rsrp_dbm = { true, -98 },
                                      .rsrq_db = { true, -10.5 },
                                      .sinr_db = { true, 0 } },
                          .quality = { .loss_pct = { true, 25 }, .rtt_ms = { true, 42.5 } },
                          .attached_known = true },
    };
    p->page.has_broker = p->page.broker.online = true;
    p->page.now_ms = 10000;
    p->page.started_utc_ms = INT64_C(1764000000500);
    p->counted.outbox = (struct metrics_outbox){ .rows = 4, .oldest_ms = 8500 };
    p->process = (struct process_facts){
        .known = true, .resident_bytes = 12345678, .open_fds = 17, .max_fds = -1
    };
    check_lines(p, lines, ARRAY_LEN(lines));
    check_absent(p, "lpm_signal_rssi_dbm");
    check_absent(p, "process_max_fds");
    p->now.trouble = error_make(ERROR_IN_AGENT, ERROR_APPLET_ABSENT, 0, "none");
    check_lines(p, (const char *const[]){ "lpm_ready 0", "lpm_modem_up 1" }, 2);
    free(p);
}

static void check_name(const char *line, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_true(islower((unsigned char)line[i]) || line[i] == '_');
    assert_true(strncmp(line, "lpm_", 4) == 0 || strncmp(line, "process_", 8) == 0);
}

/* Each metric begins with HELP and TYPE, its name has its type's ending, and no name comes twice. */
static void each_metric_has_its_head(void **state)
{
    struct place *p = place_new();
    char *text, *line, *rest = NULL, *seen = calloc(1, 64 * 1024), name[96] = "";
    char expected[128];

    (void)state;
    p->page.has_broker = true;
    text = metrics_to_text(&p->page);
    assert_non_null(text);
    assert_non_null(seen);
    assert_int_equal(text[strlen(text) - 1], '\n');
    for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "# HELP ", 7) == 0) {
            (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(line + 7, " "), line + 7);
            (void)snprintf(expected, sizeof expected, "|%s|", name);
            assert_null(strstr(seen, expected));
            strcat(seen, expected);
            check_name(name, strlen(name));
            line = strtok_r(NULL, "\n", &rest);
            assert_non_null(line);
            (void)snprintf(expected, sizeof expected, "# TYPE %s ", name);
            assert_int_equal(strncmp(line, expected, strlen(expected)), 0);
            assert_int_equal(strcmp(line + strlen(expected), "counter") == 0,
                             strlen(name) > 6 && strcmp(name + strlen(name) - 6, "_total") == 0);
        } else {
            assert_int_equal(strncmp(line, name, strlen(name)), 0);
        }
    }
    free(seen);
    free(text);
    free(p);
}

/* The snapshot holds them; the page must not. */
static void no_identity_is_in_it(void **state)
{
    static const char eid[] = "89001039450410141400000000001580";
    static const char iccid[] = "8949001312170061988";
    struct place *p = place_new();

    (void)state;
    p->now.has_eid = p->now.has_list = p->now.has_connectivity = true;
    p->now.list.count = 1;
    p->now.list.rows[0].has_iccid = p->now.list.rows[0].enabled = true;
    strcpy(p->now.eid.text, eid);
    strcpy(p->now.list.rows[0].iccid.text, iccid);
    strcpy(p->now.list.rows[0].name, "aName");
    p->now.connectivity.has_iccid = true;
    strcpy(p->now.connectivity.iccid.text, iccid);
    strcpy(p->now.connectivity.imsi_hash, "0123456789abcdef");
    strcpy(p->now.connectivity.plmn, "26201");
    strcpy(p->now.manufacturer, "aMaker");
    check_absent(p, eid);
    check_absent(p, iccid);
    check_absent(p, "0123456789abcdef");
    check_absent(p, "26201");
    check_absent(p, "aName");
    check_absent(p, "aMaker");
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(label_values_are_escaped),
        cmocka_unit_test(histograms_are_cumulative),
        cmocka_unit_test(counters_have_their_labels),
        cmocka_unit_test(what_is_not_known_is_absent),
        cmocka_unit_test(what_is_known_is_in_base_units),
        cmocka_unit_test(each_metric_has_its_head),
        cmocka_unit_test(no_identity_is_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
