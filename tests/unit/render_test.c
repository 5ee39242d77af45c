#include "agent/state/render.h"
#include "tests/test.h"

static void assert_json(cJSON *json, const char *expected)
{
    char *text = cJSON_PrintUnformatted(json);

    assert_string_equal(text, expected);
    free(text);
    cJSON_Delete(json);
}

static void eid(void **state)
{
    const struct eid good = { "89001039450410141400000000001580" };
    const struct eid bad = { "89001039450410141400000000001581" };

    (void)state;
    assert_json(render_eid(&good), "{\"eid\":\"89001039450410141400000000001580\",\"valid\":true,"
                                   "\"profile_code\":\"041\"}");
    assert_json(render_eid(&bad), "{\"eid\":\"89001039450410141400000000001581\",\"valid\":false,"
                                  "\"profile_code\":\"041\"}");
}

static struct render_facts find(void *ctx, const struct iccid *iccid)
{
    struct render_facts facts = { 0 };

    if (strcmp(iccid->text, "89882110000001234568") != 0)
        return facts;
    facts.label = ctx;
    facts.proven_utc_ms = INT64_C(1795464089120);
    facts.last_error = ERROR_NO_DATA;
    return facts;
}

static const struct {
    const char *what;
    struct profile profile;
    const char *json;
} profiles[] = {
    // clang-format off
    { "all that there is",
      { .has_iccid = true, .has_aid = true, .iccid = { "89882110000001234568" },
        .aid = { 5, { 0xA0, 0, 0, 5, 0x59 } }, .enabled = true, .fallback = FALLBACK_YES,
        .nickname = "n", .provider = "p \"q\"", .name = "m" },
      "{\"iccid\":\"89882110000001234568\",\"aid\":\"A000000559\",\"enabled\":true,\"fallback\":true,"
      "\"label\":\"home\",\"name\":\"m\",\"provider\":\"p \\\"q\\\"\",\"nickname\":\"n\","
      "\"proven_at\":\"2026-11-23T20:01:29.120Z\",\"last_error\":\"no-data\"}" },
    { "no label, no fallback", { .has_iccid = true, .iccid = { "8949001312170061988" }, .fallback = FALLBACK_NO },
      "{\"iccid\":\"8949001312170061988\",\"enabled\":false,\"fallback\":false}" },
    { "a wrong check digit", { .has_iccid = true, .iccid = { "89860A09091830300220" } },
      "{\"iccid\":\"89860A09091830300220\",\"enabled\":false,\"warnings\":[\"luhn\"]}" },
    { "an AID only", { .has_aid = true, .aid = { 5, { 0xA0, 0, 0, 5, 0x59 } } },
      "{\"aid\":\"A000000559\",\"enabled\":false}" },
}; // clang-format on

static void rows(void **state)
{
    struct profile_list list = { .count = 2 };
    char home[] = "home";

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(profiles); i++) {
        print_message("%s\n", profiles[i].what);
        assert_json(render_profile(&profiles[i].profile, find, home), profiles[i].json);
    }
    list.rows[0] = profiles[3].profile;
    list.rows[1] = profiles[1].profile;
    assert_json(render_profiles(&list, NULL, NULL),
                "[{\"aid\":\"A000000559\",\"enabled\":false},{\"iccid\":\"8949001312170061988\","
                "\"enabled\":false,\"fallback\":false}]");
    list.count = 0;
    assert_json(render_profiles(&list, NULL, NULL), "[]");
}

static const struct {
    const char *what;
    struct connectivity c;
    const char *json;
} readings[] = {
    // clang-format off
    { "nothing known", { .at_utc_ms = INT64_C(1795464089120) },
      "{\"at\":\"2026-11-23T20:01:29.120Z\",\"signal\":{},\"data\":{},\"quality\":{}}" },
    { "searching", { .registration = REGISTRATION_SEARCHING, .attached_known = true },
      "{\"at\":\"1970-01-01T00:00:00.000Z\",\"clock_set\":false,\"registration\":\"searching\",\"signal\":{},"
      "\"data\":{\"attached\":false},\"quality\":{}}" },
    { "LTE, roaming, with data",
      { .registration = REGISTRATION_ROAMING, .technology = TECHNOLOGY_LTE, .plmn = "26201",
        .signal = { .rsrp_dbm = { true, -97 }, .rsrq_db = { true, -10.5 }, .sinr_db = { true, 0 } },
        .attached_known = true, .attached = true, .address_count = 2, .addresses = { "10.0.0.1", "2001:db8::1" },
        .has_iccid = true, .iccid = { "8949001312170061988" } },
      "{\"at\":\"1970-01-01T00:00:00.000Z\",\"clock_set\":false,\"registration\":\"roaming\",\"roaming\":true,"
      "\"operator\":\"26201\",\"technology\":\"LTE\",\"signal\":{\"rsrp_dbm\":-97,\"rsrq_db\":-10.5,"
      "\"sinr_db\":0},\"data\":{\"attached\":true,\"addresses\":[\"10.0.0.1\",\"2001:db8::1\"]},"
      "\"quality\":{},\"iccid\":\"8949001312170061988\"}" },
    { "denied, with its cause", { .registration = REGISTRATION_DENIED, .reject_cause = 15, .imsi_hash = "0123456789abcdef" },
      "{\"at\":\"1970-01-01T00:00:00.000Z\",\"clock_set\":false,\"registration\":\"denied\",\"reject_cause\":15,\"signal\":{},"
      "\"data\":{},\"quality\":{},\"imsi_hash\":\"0123456789abcdef\"}" },
    { "denied, nobody says why", { .registration = REGISTRATION_DENIED, .reject_cause = -1 },
      "{\"at\":\"1970-01-01T00:00:00.000Z\",\"clock_set\":false,\"registration\":\"denied\",\"signal\":{},\"data\":{},\"quality\":{}}" },
    { "quality", { .quality = { { true, 50 }, { true, 112 }, true, INT64_C(5000000000), 0 } },
      "{\"at\":\"1970-01-01T00:00:00.000Z\",\"clock_set\":false,\"signal\":{},\"data\":{},\"quality\":{\"loss_pct\":50,\"rtt_ms\":112,"
      "\"rx_bytes\":5000000000,\"tx_bytes\":0}}" },
    { "3G at home",
      { .registration = REGISTRATION_HOME, .technology = TECHNOLOGY_3G,
        .signal = { .rssi_dbm = { true, -71 }, .rscp_dbm = { true, -80 }, .ecno_db = { true, -6 } } },
      "{\"at\":\"1970-01-01T00:00:00.000Z\",\"clock_set\":false,\"registration\":\"home\",\"roaming\":false,"
      "\"technology\":\"3G\",\"signal\":{\"rssi_dbm\":-71,\"rscp_dbm\":-80,\"ecno_db\":-6},"
      "\"data\":{},\"quality\":{}}" },
}; // clang-format on

static void connectivity(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(readings); i++) {
        print_message("%s\n", readings[i].what);
        assert_json(render_connectivity(&readings[i].c), readings[i].json);
    }
}

static void info(void **state)
{
    const struct snapshot absent = {
        .trouble = { ERROR_MODEM_ABSENT, .message = "no port" },
    };
    const struct snapshot ready = { .modem = MODEM_READY,
                                    .manufacturer = "Quectel",
                                    .model = "EG25",
                                    .revision = "R1",
                                    .port = "/dev/ttyUSB2",
                                    .transport = "csim",
                                    .interface = "lpm",
                                    .has_list = true,
                                    .list = { .count = 3 } };

    (void)state;
    assert_json(render_info(&absent, NULL),
                "{\"agent\":{\"version\":\"" LPM_VERSION "\"},\"modem\":{\"state\":\"absent\","
                "\"trouble\":{\"code\":\"modem-absent\",\"detail\":\"no port\"}},\"card\":{}}");
    assert_json(render_info(&ready, "gw-1"),
                "{\"agent\":{\"version\":\"" LPM_VERSION "\",\"device_id\":\"gw-1\"},\"modem\":{"
                "\"state\":\"ready\",\"manufacturer\":\"Quectel\",\"model\":\"EG25\",\"revision\":"
                "\"R1\",\"port\":\"/dev/ttyUSB2\",\"transport\":\"csim\"},\"card\":{\"interface\":"
                "\"lpm\",\"profiles\":3}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eid),
        cmocka_unit_test(rows),
        cmocka_unit_test(connectivity),
        cmocka_unit_test(info),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
