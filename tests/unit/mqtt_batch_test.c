#include "mqtt/batch.h"
#include "tests/test.h"

#include <limits.h>
#include <math.h>

#include <cjson/cJSON.h>

static const int64_t at_utc_ms = INT64_C(1795464029120); /* 2026-11-23T20:00:29.120Z */

#define AT "{\"at\":\"2026-11-23T20:00:29.120Z\","
#define HOME                                                                                       \
    "\"iccid\":\"8949001312170061988\",\"imsi_hash\":\"0123456789abcdef\","                        \
    "\"registration\":\"home\",\"roaming\":false,\"operator\":\"26201\","                          \
    "\"technology\":\"LTE\",\"attached\":true,"

static struct sample at_home(int i)
{
    return (struct sample){
        .number = 1 + i,
        .reading = {
            .at_ms = 5000 + 60000 * (int64_t)i,
            .at_utc_ms = at_utc_ms + 60000 * (int64_t)i,
            .registration = REGISTRATION_HOME,
            .technology = TECHNOLOGY_LTE,
            .plmn = "26201",
            .signal = { .rsrp_dbm = { true, -97 } },
            .attached_known = true,
            .attached = true,
            .has_iccid = true,
            .iccid = { "8949001312170061988" },
            .imsi_hash = "0123456789abcdef",
        },
    };
}

/* Nothing is known but when. */
static struct sample blank(int i)
{
    const struct sample sample = at_home(i);

    return (struct sample){
        .number = sample.number,
        .reading = { .at_ms = sample.reading.at_ms, .at_utc_ms = sample.reading.at_utc_ms },
    };
}

/* --- the rows of the table: each makes its samples --- */

static size_t the_contract(struct sample *s)
{
    static const double rsrq[] = { -11, -11.5, -11 }, sinr[] = { 15, 14, 15 },
                        rtt[] = { 120, 131, 118 }, rsrp[] = { -97, -98, -97 };
    static const int64_t rx[] = { 1200, 0, 310 }, tx[] = { 900, 0, 200 };

    for (int i = 0; i < 3; i++) {
        s[i] = at_home(i);
        s[i].reading.signal.rsrp_dbm.value = rsrp[i];
        s[i].reading.signal.rsrq_db = (struct level){ true, rsrq[i] };
        s[i].reading.signal.sinr_db = (struct level){ true, sinr[i] };
        s[i].reading.quality = (struct quality){ .loss_pct = { true, 0 },
                                                 .rtt_ms = { true, rtt[i] },
                                                 .traffic_known = true,
                                                 .rx_bytes = rx[i],
                                                 .tx_bytes = tx[i] };
    }
    return 3;
}

static size_t one(struct sample *s)
{
    s[0] = at_home(0);
    return 1;
}

static size_t nothing_known(struct sample *s)
{
    s[0] = blank(0);
    s[1] = blank(1);
    return 2;
}

static size_t known_at_times(struct sample *s)
{
    for (int i = 0; i < 3; i++)
        s[i] = blank(i);
    s[1] = at_home(1);
    s[1].reading.quality.traffic_known = true;
    s[2].reading.signal.sinr_db = (struct level){ true, -3.25 };
    s[2].reading.quality.loss_pct = (struct level){ true, 33.333 };
    return 3;
}

static size_t technologies(struct sample *s)
{
    for (int i = 0; i < 3; i++)
        s[i] = at_home(i);
    s[0].reading.signal = (struct signal_reading){ .rssi_dbm = { true, -0.04 } };
    s[0].reading.technology = TECHNOLOGY_GSM;
    s[1].reading.signal =
        (struct signal_reading){ .rscp_dbm = { true, -80.06 }, .ecno_db = { true, -5.5 } };
    s[1].reading.technology = TECHNOLOGY_3G;
    s[1].reading.registration = REGISTRATION_ROAMING;
    return 3;
}

static size_t states(struct sample *s)
{
    for (int i = 0; i < 3; i++) {
        s[i] = at_home(i);
        s[i].reading.signal = (struct signal_reading){ 0 };
    }
    s[1].reading.registration = REGISTRATION_SEARCHING;
    s[1].reading.technology = TECHNOLOGY_UNKNOWN;
    s[1].reading.plmn[0] = '\0';
    s[1].reading.attached_known = false;
    s[1].reading.imsi_hash[0] = '\0';
    s[1].reading.has_iccid = false;
    memcpy(s[2].reading.iccid.text, "89882110000001234568", 21);
    memcpy(s[2].reading.plmn, "310410", 7);
    s[2].reading.attached = false;
    return 3;
}

static size_t fractions_of_a_second(struct sample *s)
{
    static const int64_t ms[] = { 0, 400, 900, 2499, 2500, 9000 };

    for (size_t i = 0; i < ARRAY_LEN(ms); i++) {
        s[i] = blank(0);
        s[i].reading.at_ms += ms[i];
    }
    return ARRAY_LEN(ms);
}

/* More than fit, all the same: what is left stays spread. */
static size_t all_the_same(struct sample *s)
{
    the_contract(s);
    for (int i = 3; i < BATCH_ROWS; i++) {
        s[i] = s[1];
        s[i].reading.at_ms = at_home(i).reading.at_ms;
        s[i].reading.signal = s[0].reading.signal;
    }
    for (int i = 0; i < BATCH_ROWS; i++) {
        s[i].reading.signal = s[0].reading.signal;
        s[i].reading.quality.rx_bytes = 1000 + i;
        s[i].reading.quality.tx_bytes = i;
    }
    return BATCH_ROWS;
}

/* Short rows: a level that drops once, one that is not told once, all that is lost once. */
static size_t the_telling_ones(struct sample *s)
{
    for (int i = 0; i < BATCH_ROWS; i++) {
        s[i] = at_home(i);
        s[i].reading.quality.loss_pct.known = true;
    }
    s[7].reading.signal.rsrp_dbm.value = -120;
    s[16].reading.signal.rsrp_dbm.known = false;
    s[25].reading.quality.loss_pct.value = 100;
    return BATCH_ROWS;
}

/* Wherever the levels move, the network that was lost stays. */
static size_t a_changed_state(struct sample *s)
{
    all_the_same(s);
    for (int i = 0; i < BATCH_ROWS; i++)
        s[i].reading.signal.rsrp_dbm.value -= 20 * (i % 2);
    s[20].reading.registration = REGISTRATION_SEARCHING;
    return BATCH_ROWS;
}

/* The longest that two rows can be: what is left are the states and the levels of most worth. */
static size_t too_long(struct sample *s)
{
    const struct level far = { true, -1234.5 };

    for (int i = 0; i < 2; i++) {
        s[i] = at_home(i * 10080);
        s[i].reading.signal = (struct signal_reading){ far, far, far, far, far, far };
        s[i].reading.quality = (struct quality){ .loss_pct = { true, 100 },
                                                 .rtt_ms = { true, 3600000 },
                                                 .traffic_known = true,
                                                 .rx_bytes = INT64_C(9007199254740991),
                                                 .tx_bytes = INT64_C(9007199254740991) };
        memcpy(s[i].reading.plmn, i ? "310410" : "310411", 7);
        memcpy(s[i].reading.iccid.text, i ? "89882110000001234568" : "89882110000001234560", 21);
        s[i].reading.imsi_hash[0] = (char)('0' + i);
    }
    s[0].reading.registration = REGISTRATION_EMERGENCY;
    s[1].reading.registration = REGISTRATION_ROAMING;
    s[0].reading.technology = TECHNOLOGY_EC_GSM;
    s[1].reading.technology = TECHNOLOGY_LTE_NR;
    s[1].reading.attached = false;
    return 2;
}

static const struct {
    const char *what;
    size_t (*make)(struct sample *ret);
    int64_t taken;
    bool clock_is_set;
    const char *text;
} texts[] = {
    // clang-format off
    { "as the contract has it", the_contract, 30, true,
      AT "\"samples\":30," HOME "\"offset_s\":[0,60,120],\"rsrp_dbm\":[-97,-98,-97],"
      "\"rsrq_db\":[-11,-11.5,-11],\"sinr_db\":[15,14,15],\"loss_pct\":[0,0,0],\"rtt_ms\":[120,131,118],"
      "\"rx_bytes\":[1200,0,310],\"tx_bytes\":[900,0,200]}" },
    { "one row", one, 1, true, AT "\"samples\":1," HOME "\"offset_s\":[0],\"rsrp_dbm\":[-97]}" },
    { "the clock is not set", one, 1, false, AT "\"clock_set\":false,\"samples\":1," HOME "\"offset_s\":[0],\"rsrp_dbm\":[-97]}" },
    { "nothing is known", nothing_known, 2, true, AT "\"samples\":2,\"offset_s\":[0,60]}" },
    { "known at times", known_at_times, 3, true,
      AT "\"samples\":3,\"iccid\":[null,\"8949001312170061988\",null],\"imsi_hash\":[null,\"0123456789abcdef\",null],"
      "\"registration\":[null,\"home\",null],\"roaming\":[null,false,null],\"operator\":[null,\"26201\",null],"
      "\"technology\":[null,\"LTE\",null],\"attached\":[null,true,null],\"offset_s\":[0,60,120],"
      "\"rsrp_dbm\":[null,-97,null],\"sinr_db\":[null,null,-3.3],\"loss_pct\":[null,null,33],"
      "\"rx_bytes\":[null,0,null],\"tx_bytes\":[null,0,null]}" },
    { "three technologies, one abroad", technologies, 3, true,
      AT "\"samples\":3,\"iccid\":\"8949001312170061988\",\"imsi_hash\":\"0123456789abcdef\","
      "\"registration\":[\"home\",\"roaming\",\"home\"],\"roaming\":[false,true,false],\"operator\":\"26201\","
      "\"technology\":[\"GSM\",\"3G\",\"LTE\"],\"attached\":true,\"offset_s\":[0,60,120],\"rssi_dbm\":[0,null,null],"
      "\"rscp_dbm\":[null,-80.1,null],\"ecno_db\":[null,-5.5,null],\"rsrp_dbm\":[null,null,-97]}" },
    { "all of the state changes", states, 3, true,
      AT "\"samples\":3,\"iccid\":[\"8949001312170061988\",null,\"89882110000001234568\"],"
      "\"imsi_hash\":[\"0123456789abcdef\",null,\"0123456789abcdef\"],\"registration\":[\"home\",\"searching\",\"home\"],"
      "\"roaming\":[false,null,false],\"operator\":[\"26201\",null,\"310410\"],\"technology\":[\"LTE\",null,\"LTE\"],"
      "\"attached\":[true,null,false],\"offset_s\":[0,60,120]}" },
    { "offsets rise", fractions_of_a_second, 6, true, AT "\"samples\":6,\"offset_s\":[0,1,2,3,4,9]}" },
    { "all the same", all_the_same, 32, true,
      AT "\"samples\":32," HOME "\"offset_s\":[0,480,960,1200,1440,1860],\"rsrp_dbm\":[-97,-97,-97,-97,-97,-97],"
      "\"rsrq_db\":[-11,-11,-11,-11,-11,-11],\"sinr_db\":[15,15,15,15,15,15],\"loss_pct\":[0,0,0,0,0,0],"
      "\"rtt_ms\":[120,131,131,131,131,131],\"rx_bytes\":[1000,8036,8100,4074,4090,7196],\"tx_bytes\":[0,36,100,74,90,196]}" },
    { "those that tell something", the_telling_ones, 32, true,
      AT "\"samples\":32," HOME "\"offset_s\":[0,420,480,960,1020,1500,1560,1860],\"rsrp_dbm\":[-97,-120,-97,null,-97,-97,"
      "-97,-97],\"loss_pct\":[0,0,0,0,0,100,0,0]}" },
    { "a state that changed", a_changed_state, 32, true,
      AT "\"samples\":32,\"iccid\":\"8949001312170061988\",\"imsi_hash\":\"0123456789abcdef\","
      "\"registration\":[\"home\",\"searching\",\"home\",\"home\"],\"roaming\":[false,null,false,false],"
      "\"operator\":\"26201\",\"technology\":\"LTE\",\"attached\":true,\"offset_s\":[0,1200,1260,1860],"
      "\"rsrp_dbm\":[-97,-97,-117,-117],\"rsrq_db\":[-11,-11,-11,-11],\"sinr_db\":[15,15,15,15],\"loss_pct\":[0,0,0,0],"
      "\"rtt_ms\":[120,131,131,131],\"rx_bytes\":[1000,20210,1021,10265],\"tx_bytes\":[0,210,21,265]}" },
    { "too long for two rows", too_long, 604800, false,
      AT "\"clock_set\":false,\"samples\":604800,\"iccid\":[\"89882110000001234560\",\"89882110000001234568\"],"
      "\"imsi_hash\":[\"0123456789abcdef\",\"1123456789abcdef\"],\"registration\":[\"emergency\",\"roaming\"],"
      "\"roaming\":[null,true],\"operator\":[\"310411\",\"310410\"],\"technology\":[\"EC-GSM\",\"LTE-NR\"],"
      "\"attached\":[true,false],\"offset_s\":[0,604800],\"rssi_dbm\":[-1234.5,-1234.5],\"rscp_dbm\":[-1234.5,-1234.5],"
      "\"rsrp_dbm\":[-1234.5,-1234.5],\"rsrq_db\":[-1234.5,-1234.5],\"loss_pct\":[100,100]}" },
}; // clang-format on

static void exact_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct sample samples[BATCH_ROWS];
        size_t count = texts[i].make(samples);
        char *text = batch_to_text(samples, count, texts[i].taken, texts[i].clock_is_set);

        print_message("%s: %zu bytes\n%s\n", texts[i].what, strlen(text), text);
        assert_string_equal(text, texts[i].text);
        free(text);
    }
}

/* --- what is true of any batch --- */

static const char *const measures[] = { "rssi_dbm", "rscp_dbm", "ecno_db", "rsrp_dbm", "rsrq_db",
                                        "sinr_db",  "loss_pct", "rtt_ms",  "rx_bytes", "tx_bytes" };
static const char *const traits[] = { "iccid",    "imsi_hash",  "registration", "roaming",
                                      "operator", "technology", "attached" };

/* An array as long as offset_s with something known in it; where it is absent, NULL. */
static const cJSON *check_column(const cJSON *json, const char *name, int rows)
{
    const cJSON *column = cJSON_GetObjectItemCaseSensitive(json, name), *item;
    int known = 0;

    if (!cJSON_IsArray(column))
        return NULL;
    assert_int_equal(cJSON_GetArraySize(column), rows);
    cJSON_ArrayForEach (item, column)
        known += !cJSON_IsNull(item);
    assert_true(known > 0);
    return column;
}

static int check_offsets(const cJSON *json, const struct sample *s, size_t count)
{
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(json, "offset_s"), *item;
    int64_t before = -1, span_ms = s[count - 1].reading.at_ms - s[0].reading.at_ms;

    assert_true(cJSON_IsArray(offsets));
    cJSON_ArrayForEach (item, offsets) {
        assert_true(cJSON_IsNumber(item) &&
                    item->valuedouble == (double)(int64_t)item->valuedouble);
        assert_true((int64_t)item->valuedouble > before);
        before = (int64_t)item->valuedouble;
    }
    /* The first and the last are there. */
    assert_int_equal(cJSON_GetArrayItem(offsets, 0)->valuedouble, 0);
    assert_true(before >= span_ms / 1000 && before <= span_ms / 1000 + (int64_t)count);
    return cJSON_GetArraySize(offsets);
}

/* No byte is lost with the rows that are left out. */
static void check_traffic(const cJSON *json, const struct sample *s, size_t count)
{
    const cJSON *column = cJSON_GetObjectItemCaseSensitive(json, "rx_bytes"), *item;
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        if (s[i].reading.quality.traffic_known)
            sum += (double)s[i].reading.quality.rx_bytes;
    if (!column)
        return;
    cJSON_ArrayForEach (item, column)
        sum -= item->valuedouble;
    assert_true(fabs(sum) < 1);
}

/* How many rows it has. */
static int check(const struct sample *s, size_t count, int64_t taken, bool clock_is_set)
{
    char *text = batch_to_text(s, count, taken, clock_is_set), *again;
    const cJSON *item;
    cJSON *json;
    int rows;

    assert_non_null(text);
    assert_true(strlen(text) <= BATCH_MAX);
    json = cJSON_ParseWithOpts(text, NULL, true);
    assert_non_null(json);
    again = cJSON_PrintUnformatted(json); /* compact, and every key once */
    assert_string_equal(text, again);
    assert_int_equal(cJSON_GetObjectItemCaseSensitive(json, "samples")->valuedouble, taken);
    assert_int_equal(cJSON_HasObjectItem(json, "clock_set"), !clock_is_set);
    rows = check_offsets(json, s, count);
    assert_true(rows >= (count > 1 ? 2 : 1) && rows <= (int)count);
    for (size_t i = 0; i < ARRAY_LEN(measures); i++) {
        item = cJSON_GetObjectItemCaseSensitive(json, measures[i]);
        assert_true(!item || item == check_column(json, measures[i], rows));
    }
    for (size_t i = 0; i < ARRAY_LEN(traits); i++)
        (void)check_column(json, traits[i], rows);
    check_traffic(json, s, count);
    cJSON_Delete(json);
    free(text);
    free(again);
    return rows;
}

static void every_count(void **state)
{
    struct sample samples[BATCH_ROWS];

    (void)state;
    for (size_t count = 1; count <= BATCH_ROWS; count++) {
        for (size_t i = 0; i < count; i++)
            samples[i] = blank((int)i);
        /* Nothing happens. */
        assert_int_equal(check(samples, count, (int64_t)count, true), count <= 16 ? count : 6);
        all_the_same(samples);
        assert_int_equal(check(samples, count, (int64_t)count, false), count < 6 ? count : 6);
        /* One restless level. */
        for (size_t i = 0; i < count; i++) {
            samples[i] = at_home((int)i);
            samples[i].reading.signal.rsrp_dbm.value -= (double)(6 * (i % 2));
        }
        assert_true(check(samples, count, 1000, count % 2) >= (int)(count < 26 ? count : 26));
    }
}

/* --- any samples --- */

static uint32_t any_state = 1;

static uint32_t any(uint32_t below)
{
    any_state = any_state * 1664525u + 1013904223u;
    return (any_state >> 8) % below;
}

static struct level any_level(uint32_t odds)
{
    static const double odd[] = { 0, -0.0, 1e300, -1e-9, 99.95, -1234567.891, INT_MIN };

    if (any(odds) == 0)
        return (struct level){ 0 };
    return (struct level){ true, any(50) ? -(double)any(1400) / 10 : odd[any(ARRAY_LEN(odd))] };
}

static void any_text(char *ret, size_t len, const char *of)
{
    for (size_t i = 0; i < len; i++)
        ret[i] = of[any((uint32_t)strlen(of))];
    ret[len] = '\0';
}

/* `restless`: how likely the state moves between two rows. */
static struct sample any_sample(const struct sample *before, uint32_t restless, uint32_t odds)
{
    struct sample s = *before;
    struct connectivity *c = &s.reading;

    s.number += 1 + any(3);
    c->at_ms += any(20) ? 1000 * (int64_t)any(100000) : any(1500);
    if (any(100) < restless) {
        c->registration = (enum registration)any(REGISTRATION_ROAMING + 1);
        c->technology = (enum technology)any(TECHNOLOGY_NR + 1);
        c->attached_known = any(2);
        c->attached = any(2);
        c->has_iccid = any(4);
        any_text(c->iccid.text, 18 + any(3), "0123456789ABCDE");
        any_text(c->imsi_hash, any(4) ? 16 : 0, "0123456789abcdef");
        any_text(c->plmn, any(4) ? 5 + any(2) : 0, "0123456789");
    }
    c->signal = (struct signal_reading){ any_level(odds), any_level(odds), any_level(odds),
                                         any_level(odds), any_level(odds), any_level(odds) };
    c->quality = (struct quality){ .loss_pct = { any(odds), any(101) },
                                   .rtt_ms = { any(odds), any(60000) },
                                   .traffic_known = any(odds),
                                   .rx_bytes = any(4) ? any(9000) : INT64_C(4500000000000),
                                   .tx_bytes = any(1u << 24) };
    return s;
}

static void any_batch(void **state)
{
    static const uint32_t restless[] = { 0, 3, 30, 100 }, odds[] = { 1, 2, 20, 1u << 20 };

    (void)state;
    for (int round = 0; round < 1500; round++) {
        struct sample samples[BATCH_ROWS] = { any_sample(&(struct sample){ 0 }, 100, 2) };
        size_t count = 1 + any(BATCH_ROWS);
        uint32_t moves = restless[any(4)], known = odds[any(4)];

        any_state += (uint32_t)round;
        samples[0].reading.at_utc_ms = at_utc_ms;
        for (size_t i = 1; i < count; i++)
            samples[i] = any_sample(&samples[i - 1], moves, known);
        (void)check(samples, count, any(604800), any(2));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_texts),
        cmocka_unit_test(every_count),
        cmocka_unit_test(any_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
