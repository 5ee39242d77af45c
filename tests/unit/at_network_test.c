#include "agent/modem/at_network.h"
#include "tests/test.h"
#include "tests/unit/vectors.h"

static void check_level(const cJSON *row, const char *name, struct level level)
{
    const cJSON *want = cJSON_GetObjectItemCaseSensitive(row, name);

    if (want) {
        assert_true(level.known);
        assert_float_equal(level.value, want->valuedouble, 0.001);
    }
}

static void signals_of_the_vectors(void **state)
{
    cJSON *file = vectors_load("at.json");
    const cJSON *row;

    (void)state;
    cJSON_ArrayForEach (row, vectors_array(file, "cesq")) {
        struct signal_reading signal = { 0 };
        bool nr = cJSON_HasObjectItem(row, "ss_rsrp");

        print_message("%s\n", vectors_text(row, "line"));
        assert_true(at_cesq_parse(vectors_text(row, "line"), &signal));
        check_level(row, "rxlev", signal.rssi_dbm);
        check_level(row, nr ? "ss_rsrp" : "rsrp", signal.rsrp_dbm);
        check_level(row, nr ? "ss_rsrq" : "rsrq", signal.rsrq_db);
        check_level(row, "ss_sinr", signal.sinr_db);
        assert_int_equal(signal.rsrp_dbm.known, nr || cJSON_HasObjectItem(row, "rsrp"));
        assert_int_equal(signal.rssi_dbm.known, cJSON_HasObjectItem(row, "rxlev"));
        check_level(row, "rscp", signal.rscp_dbm);
        check_level(row, "ecno", signal.ecno_db);
        assert_int_equal(signal.sinr_db.known, nr);
        assert_int_equal(signal.rscp_dbm.known, cJSON_HasObjectItem(row, "rscp"));
        assert_int_equal(signal.ecno_db.known, cJSON_HasObjectItem(row, "ecno"));
    }
    cJSON_ArrayForEach (row, vectors_array(file, "csq")) {
        struct signal_reading signal = { 0 };

        assert_true(at_csq_parse(vectors_text(row, "line"), &signal));
        check_level(row, "dbm", signal.rssi_dbm);
        assert_int_equal(signal.rssi_dbm.known, cJSON_HasObjectItem(row, "dbm"));
    }
    cJSON_Delete(file);
}

/* One figure a row at its least, its most and over it, at what stands for unknown, and spoilt. Of the
 * nine the bit error rate alone is read over: nobody asks for it. */
static const struct {
    const char *line;
    /* Which level it is, and its value; NONE: no level at all. */
    enum { NONE, RSSI, RSCP, ECNO, RSRP, RSRQ, SINR } level;
    double value;
} bounds[] = {
    // clang-format off
    { "+CESQ: 0,99,255,255,255,255", RSSI, -111 },
    { "+CESQ: 63,7,255,255,255,255", RSSI, -48 },
    { "+CESQ: 64,99,255,255,255,255", NONE, 0 },
    { "+CESQ: 99,0,255,255,255,255", NONE, 0 },
    { "+CESQ: 99,99,0,255,255,255", RSCP, -121 },
    { "+CESQ: 99,99,96,255,255,255", RSCP, -25 },
    { "+CESQ: 99,99,97,255,255,255", NONE, 0 },
    { "+CESQ: 99,99,255,0,255,255", ECNO, -24.5 },
    { "+CESQ: 99,99,255,49,255,255", ECNO, 0 },
    { "+CESQ: 99,99,255,50,255,255", NONE, 0 },
    { "+CESQ: 99,99,255,255,0,255", RSRQ, -20 },
    { "+CESQ: 99,99,255,255,34,255", RSRQ, -3 },
    { "+CESQ: 99,99,255,255,35,255", NONE, 0 },
    { "+CESQ: 99,99,255,255,255,0", RSRP, -141 },
    { "+CESQ: 99,99,255,255,255,97", RSRP, -44 },
    { "+CESQ: 99,99,255,255,255,98", NONE, 0 },
    { "+CESQ: 99,99,255,255,255,255,0,255,255", RSRQ, -43.5 },
    { "+CESQ: 99,99,255,255,255,255,126,255,255", RSRQ, 19.5 },
    { "+CESQ: 99,99,255,255,255,255,127,255,255", NONE, 0 },
    { "+CESQ: 99,99,255,255,255,255,255,0,255", RSRP, -157 },
    { "+CESQ: 99,99,255,255,255,255,255,126,255", RSRP, -31 },
    { "+CESQ: 99,99,255,255,255,255,255,127,255", NONE, 0 },
    { "+CESQ: 99,99,255,255,255,255,255,255,0", SINR, -23.5 },
    { "+CESQ: 99,99,255,255,255,255,255,255,127", SINR, 40 },
    { "+CESQ: 99,99,255,255,255,255,255,255,128", NONE, 0 },
    { "+CESQ: 99,99,255,255,255,255,255,255,255", NONE, 0 },
    { "+CESQ: 99,99,255,255,255,255,,,", NONE, 0 },
    { "+CESQ: ,,,,,", NONE, 0 },
    { "+CESQ: -1,x,1e1,0x10,2.5,999999999999", NONE, 0 },
    { "+CSQ: 0,99", RSSI, -113 },
    { "+CSQ: 31,7", RSSI, -51 },
    { "+CSQ: 32,99", NONE, 0 },
    { "+CSQ: 99,99", NONE, 0 },
    { "+CSQ: 199,99", NONE, 0 },
    { "+CSQ: -1,99", NONE, 0 },
}; // clang-format on

static void figures_have_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        struct signal_reading signal = { 0 };
        const struct level *const levels[] = {
            [RSSI] = &signal.rssi_dbm, [RSCP] = &signal.rscp_dbm, [ECNO] = &signal.ecno_db,
            [RSRP] = &signal.rsrp_dbm, [RSRQ] = &signal.rsrq_db,  [SINR] = &signal.sinr_db,
        };

        print_message("%s\n", bounds[i].line);
        assert_true(bounds[i].line[2] == 'E' ? at_cesq_parse(bounds[i].line, &signal)
                                             : at_csq_parse(bounds[i].line, &signal));
        for (int k = RSSI; k <= SINR; k++)
            assert_int_equal(levels[k]->known, k == (int)bounds[i].level);
        if (bounds[i].level != NONE)
            assert_float_equal(levels[bounds[i].level]->value, bounds[i].value, 0.001);
    }
}

static void no_line_of_signals(void **state)
{
    static const char *const lines[] = {
        "+CESQ: 99,99,255,255,20", "+CESQ: ", "+CESQ", "+CSQ: 20,99", "CESQ: 1", ""
    };
    struct signal_reading signal = { .rsrp_dbm = { true, -80 } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        assert_false(at_cesq_parse(lines[i], &signal));
    assert_false(at_csq_parse("+CSQ: 20", &signal));
    assert_false(at_csq_parse("+CESQ: 20,99", &signal));
    assert_true(signal.rsrp_dbm.known && !signal.rssi_dbm.known);
    assert_float_equal(signal.rsrp_dbm.value, -80, 0.001);
}

/* On LTE and NR at once the figures of NR count; where it has none, those of LTE. */
static void nr_comes_before_lte(void **state)
{
    struct signal_reading signal = { 0 };

    (void)state;
    assert_true(at_cesq_parse("+CESQ: 99,99,255,255,20,60,65,70,77", &signal));
    assert_float_equal(signal.rsrq_db.value, -11, 0.001);
    assert_float_equal(signal.rsrp_dbm.value, -87, 0.001);
    assert_float_equal(signal.sinr_db.value, 15, 0.001);
    signal = (struct signal_reading){ 0 };
    assert_true(at_cesq_parse("+CESQ: 99,99,255,255,10,45,255,255,255", &signal));
    assert_float_equal(signal.rsrq_db.value, -15, 0.001);
    assert_float_equal(signal.rsrp_dbm.value, -96, 0.001);
    assert_false(signal.sinr_db.known);
}

static void check_text(const cJSON *row, const char *name, const char *text)
{
    if (vectors_text(row, name))
        assert_string_equal(text, vectors_text(row, name));
}

static void check_number(const cJSON *row, const char *name, int number)
{
    const cJSON *want = cJSON_GetObjectItemCaseSensitive(row, name);

    if (want)
        assert_int_equal(number, want->valueint);
}

static void registrations_of_the_vectors(void **state)
{
    cJSON *file = vectors_load("at.json");
    const cJSON *row;

    (void)state;
    cJSON_ArrayForEach (row, vectors_array(file, "registration")) {
        const char *line = vectors_text(row, "line");
        char prefix[16];
        struct at_registration one;

        print_message("%s\n", line);
        (void)snprintf(prefix, sizeof prefix, "%.*s", (int)strcspn(line, ":"), line);
        assert_true(at_registration_parse(line, prefix, &one));
        assert_int_equal(one.unsolicited, cJSON_HasObjectItem(row, "unsolicited"));
        check_number(row, "stat", one.stat);
        check_number(row, "act", one.act);
        check_number(row, "reject_cause", one.reject_cause);
        check_text(row, "lac", one.area);
        check_text(row, "tac", one.area);
        check_text(row, "ci", one.cell);
    }
    cJSON_Delete(file);
}

static const struct {
    const char *line, *prefix;
    bool ok;
    int stat, act, cause;
} registrations[] = {
    // clang-format off
    { "+CGREG: 2,3,\"1A2B\",\"01A2D003\",2,\"01\",0,11", "+CGREG", true, 3, 2, 11 },
    { "+C5GREG: 2,3,\"00A1B2\",\"000000001\",11,0,,0,15", "+C5GREG", true, 3, 11, 15 },
    { "+CEREG: 3,3,,,,1,15", "+CEREG", true, 3, -1, -1 }, /* the maker's own cause */
    { "+CEREG: 0,99", "+CEREG", true, 99, -1, -1 },
    { "+CEREG: ", "+CEREG", false, 0, 0, 0 },
    { "+CEREG: x,1", "+CEREG", false, 0, 0, 0 },
    { "+CREG: 0,1", "+CEREG", false, 0, 0, 0 },
    { "+CREG 0,1", "+CREG", false, 0, 0, 0 },
}; // clang-format on

static void more_registrations(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(registrations); i++) {
        struct at_registration one = { 0 };

        print_message("%s\n", registrations[i].line);
        assert_int_equal(
            at_registration_parse(registrations[i].line, registrations[i].prefix, &one),
            registrations[i].ok);
        assert_int_equal(one.stat, registrations[i].stat);
        assert_int_equal(one.act, registrations[i].act);
        assert_int_equal(one.reject_cause, registrations[i].cause);
    }
}

static void states_and_technologies(void **state)
{
    static const enum registration states[] = {
        REGISTRATION_IDLE,      REGISTRATION_HOME,      REGISTRATION_SEARCHING,
        REGISTRATION_DENIED,    REGISTRATION_UNKNOWN,   REGISTRATION_ROAMING,
        REGISTRATION_SEARCHING, REGISTRATION_SEARCHING, REGISTRATION_EMERGENCY,
        REGISTRATION_HOME,      REGISTRATION_ROAMING,   REGISTRATION_UNKNOWN,
    };
    static const enum technology technologies[] = {
        TECHNOLOGY_GSM, TECHNOLOGY_GSM, TECHNOLOGY_3G,  TECHNOLOGY_GSM,    TECHNOLOGY_3G,
        TECHNOLOGY_3G,  TECHNOLOGY_3G,  TECHNOLOGY_LTE, TECHNOLOGY_EC_GSM, TECHNOLOGY_NB_IOT,
        TECHNOLOGY_LTE, TECHNOLOGY_NR,  TECHNOLOGY_NR,  TECHNOLOGY_LTE_NR, TECHNOLOGY_UNKNOWN,
    };

    (void)state;
    for (int i = 0; i < (int)ARRAY_LEN(states); i++)
        assert_int_equal(at_registration_state(i), states[i]);
    for (int i = 0; i < (int)ARRAY_LEN(technologies); i++)
        assert_int_equal(at_technology(i, false), technologies[i]);
    assert_int_equal(at_technology(8, true), TECHNOLOGY_LTE_M);
    assert_int_equal(at_technology(-1, true), TECHNOLOGY_UNKNOWN);
}

static void operators_and_addresses(void **state)
{
    cJSON *file = vectors_load("at.json");
    struct at_operator operator;
    const cJSON *row;

    (void)state;
    cJSON_ArrayForEach (row, vectors_array(file, "cops")) {
        print_message("%s\n", vectors_text(row, "line"));
        assert_true(at_cops_parse(vectors_text(row, "line"), &operator));
        assert_string_equal(operator.plmn,
                            vectors_text(row, "plmn") ? vectors_text(row, "plmn") : "");
        check_number(row, "act", operator.act);
    }
    assert_true(at_cops_parse("+COPS: 0,0,\"Some Name\",7", &operator));
    assert_string_equal(operator.plmn, "");
    assert_false(at_cops_parse("+COPS: ", &operator));
    cJSON_ArrayForEach (row, vectors_array(file, "cgpaddr")) {
        struct connectivity c = { 0 };
        const cJSON *want = cJSON_GetObjectItemCaseSensitive(row, "addresses");
        size_t count = (size_t)cJSON_GetArraySize(want);

        print_message("%s\n", vectors_text(row, "line"));
        assert_true(at_cgpaddr_parse(vectors_text(row, "line"), &c));
        assert_int_equal(c.address_count, count);
        for (size_t i = 0; i < count; i++)
            assert_string_equal(c.addresses[i],
                                cJSON_GetStringValue(cJSON_GetArrayItem(want, (int)i)));
    }
    cJSON_Delete(file);
}

static const struct {
    const char *line;
    size_t count;
    const char *first;
} addresses[] = {
    // clang-format off
    { "+CGPADDR: 1", 0, NULL },
    { "+CGPADDR: 1,\"\"", 0, NULL },
    { "+CGPADDR: 1,\"0.0.0.0\",\"0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0\"", 0, NULL },
    { "+CGPADDR: 1,\"::\"", 0, NULL },
    { "+CGPADDR: 1,\"2001:DB8::1\"", 1, "2001:db8::1" },
    { "+CGPADDR: 1,256.1.1.1", 0, NULL },
    { "+CGPADDR: 1,1.2.3", 0, NULL },
    { "+CGPADDR: 1,1.2.3.4.", 0, NULL },
    { "+CGPADDR: 1,1.2.3.4.5", 0, NULL },
    { "+CGPADDR: 1,0001.2.3.4", 0, NULL },
    { "+CGPADDR: 1,10.1.1.1,10.1.1.2,10.1.1.3,10.1.1.4,10.1.1.5", 4, "10.1.1.1" },
    { "+CGPADDR: 1,1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17", 0, NULL },
}; // clang-format on

static void odd_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        struct connectivity c = { 0 };

        print_message("%s\n", addresses[i].line);
        assert_true(at_cgpaddr_parse(addresses[i].line, &c));
        assert_int_equal(c.address_count, addresses[i].count);
        if (addresses[i].first)
            assert_string_equal(c.addresses[0], addresses[i].first);
    }
}

static void plain_values(void **state)
{
    bool attached = false;
    int level = 0;

    (void)state;
    assert_true(at_cgatt_parse("+CGATT: 1", &attached));
    assert_true(attached);
    assert_true(at_cgatt_parse("+CGATT:0", &attached));
    assert_false(attached);
    assert_false(at_cgatt_parse("+CGATT: 2", &attached));
    assert_true(at_cfun_parse("+CFUN: 4,0", &level));
    assert_int_equal(level, 4);
    assert_false(at_cfun_parse("+CFUN: ", &level));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signals_of_the_vectors),
        cmocka_unit_test(figures_have_bounds),
        cmocka_unit_test(no_line_of_signals),
        cmocka_unit_test(nr_comes_before_lte),
        cmocka_unit_test(registrations_of_the_vectors),
        cmocka_unit_test(more_registrations),
        cmocka_unit_test(states_and_technologies),
        cmocka_unit_test(operators_and_addresses),
        cmocka_unit_test(odd_addresses),
        cmocka_unit_test(plain_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
