#include "api/routes.h"

#include <cjson/cJSON.h>

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/operation/intent.h"
#include "agent/operation/journal.h"
#include "agent/operation/operations.h"
#include "agent/operation/proofs.h"
#include "agent/state/broker.h"
#include "agent/state/bus.h"
#include "agent/state/etag.h"
#include "agent/state/snapshot.h"
#include "config/config.h"
#include "tests/test.h"
#include "tests/unit/fake_clock.h"
#include "tests/unit/temp_journal.h"

/* What holds a switch back and what says so before: limits, lock, plan, confirmation, and what earlier
 * switches leave in the rows of the list; with a journal on disk, without a socket in between. */

#define A "89882110000001234568" /* in use, the fallback */
#define B "8949001312170061988"
#define C "89860A09091830300220"
#define LOCK "/v1/locks/switch"
#define ENABLE_B "/v1/profiles/" B "/enable"
#define PLAN_B "/v1/profiles/" B "/plan"

static struct {
    struct temp_journal journal;
    struct bus *bus;
    struct state *state;
    struct routes routes;
    struct config config;
    struct config_profile profile;
    struct snapshot now;
    struct answer answer; /* the last */
} all;

static char label[] = "backup";

static void publish(void)
{
    assert_ok(state_publish(all.state, &all.now));
}

static void add_profile(const char *iccid, bool enabled)
{
    struct profile *row = &all.now.list.rows[all.now.list.count++];

    row->has_iccid = true;
    assert_ok(iccid_from_text(iccid, strlen(iccid), &row->iccid));
    row->enabled = enabled;
    row->fallback = enabled ? FALLBACK_YES : FALLBACK_NO;
    row->class = -1;
}

static void on_event(void *ctx, enum bus_event event, const void *data)
{
    (void)ctx;
    proofs_on_bus(all.routes.proofs, event, data);
}

/* What a start makes anew. */
static void start(void)
{
    all.routes.journal = all.journal.journal;
    all.routes.operations = operations_new(all.bus, all.state, all.routes.journal);
    all.routes.proofs = proofs_new(all.routes.journal, config_label_of, &all.config);
    assert_true(all.routes.operations && all.routes.proofs);
    operations_set_budget(all.routes.operations, 900000);
}

static void stop(void)
{
    proofs_free(all.routes.proofs);
    operations_free(all.routes.operations);
}

static void restart(void)
{
    stop();
    temp_journal_reopen(&all.journal);
    start();
}

static int set_up(void **state)
{
    (void)state;
    log_set(LOG_LEVEL_ERR, LOG_FORMAT_TEXT, false);
    memset(&all, 0, sizeof all);
    temp_journal_init(&all.journal);
    all.bus = bus_new();
    all.state = state_new();
    bus_listen(all.bus, on_event, NULL);
    all.profile.label = label;
    assert_ok(iccid_from_text(B, strlen(B), &all.profile.iccid));
    all.config.profiles = &all.profile;
    all.config.profile_count = 1;
    all.config.switching.rollback = true;
    all.routes.config = &all.config;
    all.routes.state = all.state;
    all.routes.broker = broker_new();
    start();
    all.now.modem = MODEM_READY;
    all.now.has_list = true;
    strcpy(all.now.etag, "\"1-0123456789abcdef\"");
    all.now.list_at_ms = clock_now_ms();
    add_profile(A, true);
    add_profile(B, false);
    add_profile(C, false);
    publish();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(all.answer.body);
    stop();
    temp_journal_done(&all.journal);
    state_free(all.state);
    bus_free(all.bus);
    broker_free(all.routes.broker);
    return 0;
}

static struct call call_of(const char *method, const char *target, const char *body)
{
    struct call call = { .role = ROLE_OPERATOR, .requester = "uid:7", .body = body };

    call.routing = router_match(method, target, &call.match);
    call.body_len = body ? strlen(body) : 0;
    call.headers[HEADER_CONTENT_TYPE] = body ? "application/json" : NULL;
    return call;
}

/* Asks as an operator and looks at the answer: `has` is part of its body, NULL: there is none. */
static void expect(const char *method, const char *target, const char *body, unsigned status,
                   const char *has)
{
    struct call call = call_of(method, target, body);

    free(all.answer.body);
    routes_answer(&all.routes, &call, &all.answer);
    print_message("%s %s: %u %s\n", method, target, all.answer.status,
                  all.answer.body ? all.answer.body : "no body");
    assert_int_equal(all.answer.kind, ANSWER_READY);
    assert_int_equal(all.answer.status, status);
    assert_int_equal(all.answer.is_problem, status >= 400);
    if (has)
        assert_non_null(strstr(all.answer.body, has));
    else
        assert_null(all.answer.body);
}

/* The last answer says it too. */
static void says(const char *has)
{
    assert_non_null(strstr(all.answer.body, has));
}

static void is_silent_on(const char *has)
{
    assert_null(strstr(all.answer.body, has));
}

static const char *header_of(const char *name)
{
    for (size_t i = 0; i < all.answer.header_count; i++)
        if (strcmp(all.answer.headers[i].name, name) == 0)
            return all.answer.headers[i].value;
    return "";
}

/* The id of the operation in the last answer. */
static void take_id(char ret[ID_LEN + 1])
{
    cJSON *json = cJSON_Parse(all.answer.body);
    const char *id = cJSON_GetStringValue(cJSON_GetObjectItem(json, "id"));

    assert_non_null(id);
    assert_int_equal(strlen(id), ID_LEN);
    memcpy(ret, id, ID_LEN + 1);
    cJSON_Delete(json);
}

/* Asks for a switch to `iccid` and plays the worker until ENABLE is out. */
static void begin_switch(const char *iccid, const char *body, char ret_id[ID_LEN + 1])
{
    const struct intent intent = { .leg = LEG_TARGET, .phase = PHASE_ENABLING };
    const struct profile *target = NULL;
    char path[80];

    for (size_t i = 0; i < all.now.list.count; i++)
        if (strcmp(all.now.list.rows[i].iccid.text, iccid) == 0)
            target = &all.now.list.rows[i];
    assert_non_null(target);
    (void)snprintf(path, sizeof path, "/v1/profiles/%s/enable", iccid);
    expect("POST", path, body, 202, "\"accepted\"");
    take_id(ret_id);
    assert_true(operations_start(all.routes.operations, ret_id));
    operations_set_target(all.routes.operations, ret_id, target, &all.now.list.rows[0].iccid);
    assert_ok(operations_commit_to_send(all.routes.operations, ret_id, &intent));
}

/* A whole one that takes `ms`. */
static void run_switch(const char *iccid, const char *body, int64_t ms, enum error_code code)
{
    struct operation_end end = { .has_result = true,
                                 .changed = true,
                                 .verified = VERIFIED_ATTACHED };
    char id[ID_LEN + 1];

    begin_switch(iccid, body, id);
    fake_clock_pass(ms);
    if (code)
        end.error = error_make(ERROR_IN_AGENT, code, 0, "no luck");
    operations_end(all.routes.operations, id, &end);
    all.now.list_at_ms = clock_now_ms();
    publish();
}

/* --- what needs no switch --- */

static const struct {
    const char *what, *method, *target, *body;
    enum role role;
    unsigned status;
    const char *has;
} rows[] = {
    // clang-format off
    { "plan", "GET", PLAN_B, NULL, ROLE_VIEWER, 200, "{\"iccid\":\"" B "\",\"label\":\"backup\",\"changes\":true,\"from\":\"" A "\",\"would\":\"accepted\",\"obstacles\":[],\"rollback\":{\"enabled\":true,\"to\":[\"" A "\"]},\"verify\":\"auto\",\"at_most_s\":900,\"history\":{\"count\":0,\"failed\":0}}" },
    { "plan of what is in use", "GET", "/v1/profiles/" A "/plan", NULL, ROLE_VIEWER, 200, "\"changes\":false,\"from\":\"" A "\",\"would\":\"done\"" },
    { "plan of nothing", "GET", "/v1/profiles/8900000000000000000/plan", NULL, ROLE_VIEWER, 404, "\"profile-not-found\"" },
    { "plan without a name", "GET", "/v1/profiles/x/plan", NULL, ROLE_VIEWER, 400, "\"field\":\"ref\"" },
    { "plan for nobody", "GET", PLAN_B, NULL, ROLE_NONE, 401, "\"unauthorized\"" },
    { "plan, posted", "POST", PLAN_B, NULL, ROLE_OPERATOR, 405, "\"method-not-allowed\"" },
    { "confirm nothing", "POST", "/v1/operations/01JD/confirm", NULL, ROLE_OPERATOR, 404, "\"not-found\"" },
    { "confirm with a body", "POST", "/v1/operations/01JD/confirm", "{\"a\":1}", ROLE_OPERATOR, 400, "\"field\":\"a\"" },
    { "viewer confirms", "POST", "/v1/operations/01JD/confirm", NULL, ROLE_VIEWER, 403, "\"forbidden\"" },
    { "no lock", "GET", LOCK, NULL, ROLE_VIEWER, 404, "\"not-found\"" },
    { "no lock for nobody", "GET", LOCK, NULL, ROLE_NONE, 401, "\"unauthorized\"" },
    { "viewer locks", "PUT", LOCK, "{\"holder\":\"a\",\"ttl_s\":60}", ROLE_VIEWER, 403, "\"forbidden\"" },
    { "viewer unlocks", "DELETE", LOCK "?force=true", NULL, ROLE_VIEWER, 403, "\"forbidden\"" },
    { "lock", "PUT", LOCK, "{\"holder\":\"a\",\"ttl_s\":60}", ROLE_OPERATOR, 200, "\"holder\":\"a\"" },
    { "lock without a body", "PUT", LOCK, NULL, ROLE_OPERATOR, 400, "\"field\":\"holder\"" },
    { "lock without a holder", "PUT", LOCK, "{\"ttl_s\":60}", ROLE_OPERATOR, 400, "\"field\":\"holder\"" },
    { "lock without a time", "PUT", LOCK, "{\"holder\":\"a\"}", ROLE_OPERATOR, 400, "\"field\":\"ttl_s\"" },
    { "lock for too long", "PUT", LOCK, "{\"holder\":\"a\",\"ttl_s\":86401}", ROLE_OPERATOR, 400, "\"field\":\"ttl_s\"" },
    { "lock with more", "PUT", LOCK, "{\"holder\":\"a\",\"ttl_s\":60,\"until\":1}", ROLE_OPERATOR, 400, "\"field\":\"until\"" },
    { "lock, posted", "POST", LOCK, "{\"holder\":\"a\",\"ttl_s\":60}", ROLE_OPERATOR, 405, "GET, HEAD, PUT, DELETE" },
    { "unlock what is not", "DELETE", LOCK "?holder=a", NULL, ROLE_OPERATOR, 204, NULL },
    { "unlock what is not by force", "DELETE", LOCK "?force=true", NULL, ROLE_OPERATOR, 204, NULL },
    { "unlock for nobody", "DELETE", LOCK, NULL, ROLE_OPERATOR, 400, "\"field\":\"holder\"" },
    { "unlock for an empty name", "DELETE", LOCK "?holder=", NULL, ROLE_OPERATOR, 400, "\"field\":\"holder\"" },
    { "unlock without force", "DELETE", LOCK "?force=false", NULL, ROLE_OPERATOR, 400, "\"field\":\"holder\"" },
    { "unlock with some force", "DELETE", LOCK "?force=1&holder=a", NULL, ROLE_OPERATOR, 400, "\"field\":\"force\"" },
    { "unlock with a body", "DELETE", LOCK "?holder=a", "{\"a\":1}", ROLE_OPERATOR, 400, "\"field\":\"a\"" },
    { "what it can", "GET", "/v1/info", NULL, ROLE_VIEWER, 200, "\"plan\",\"confirm\",\"lock\",\"force\"" },
    { "confirm_s", "POST", ENABLE_B, "{\"confirm_s\":60}", ROLE_OPERATOR, 202, "\"confirm_s\":60" },
    { "confirm_s too short", "POST", ENABLE_B, "{\"confirm_s\":59}", ROLE_OPERATOR, 400, "\"field\":\"confirm_s\"" },
    { "force", "POST", ENABLE_B, "{\"force\":true}", ROLE_OPERATOR, 202, "\"force\":true" },
}; // clang-format on

static void table(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct call call = call_of(rows[i].method, rows[i].target, rows[i].body);
        struct answer answer;

        if (i > 0) {
            (void)tear_down(state);
            (void)set_up(state);
        }
        call.role = rows[i].role;
        routes_answer(&all.routes, &call, &answer);
        print_message("%s: %u %s\n", rows[i].what, answer.status, answer.body ? answer.body : "");
        assert_int_equal(answer.status, rows[i].status);
        if (rows[i].has)
            assert_non_null(strstr(answer.body, rows[i].has));
        else
            assert_null(answer.body);
        free(answer.body);
    }
}

static void plan_waits_for_the_list(void **state)
{
    struct call call = call_of("GET", PLAN_B, NULL);
    struct answer answer;

    (void)state;
    all.now.has_list = false;
    publish();
    routes_answer(&all.routes, &call, &answer);
    assert_int_equal(answer.kind, ANSWER_WAITS_FOR_READ);
}

/* --- the lock --- */

static void lock(void **state)
{
    (void)state;
    expect("PUT", LOCK, "{\"holder\":\"a b\",\"ttl_s\":60,\"reason\":\"antenna\"}", 200,
           "\"holder\":\"a b\"");
    says("\"reason\":\"antenna\"");
    says("\"until\":\"2026-");
    expect("GET", LOCK, NULL, 200, "\"ttl_s\":60");
    fake_clock_pass(10000);
    expect("GET", LOCK, NULL, 200, "\"ttl_s\":50");
    expect("PUT", LOCK, "{\"holder\":\"b\",\"ttl_s\":60}", 423, "\"code\":\"locked\"");
    says("\"holder\":\"a b\"");
    says("\"until\":\"2026-");
    says("antenna");
    expect("DELETE", LOCK "?holder=b", NULL, 423, "\"holder\":\"a b\"");
    expect("PUT", LOCK, "{\"holder\":\"a b\",\"ttl_s\":600}", 200, "\"ttl_s\":600");
    expect("DELETE", LOCK "?holder=a%20b", NULL, 204, NULL);
    expect("GET", LOCK, NULL, 404, "\"not-found\"");
    expect("PUT", LOCK, "{\"holder\":\"b\",\"ttl_s\":60}", 200, "\"holder\":\"b\"");
    expect("DELETE", LOCK "?force=true&holder=a", NULL, 204, NULL);
    expect("GET", LOCK, NULL, 404, "\"not-found\"");
}

static void lock_holds_off(void **state)
{
    (void)state;
    expect("PUT", LOCK, "{\"holder\":\"a\",\"ttl_s\":60,\"reason\":\"antenna\"}", 200, "");
    expect("POST", ENABLE_B, NULL, 423, "\"holder\":\"a\"");
    says("\"until\":\"2026-");
    says("antenna");
    assert_string_equal(header_of("Retry-After"), "");
    expect("POST", "/v1/profiles/" A "/enable", NULL, 200, "\"changed\":false");
    expect("GET", PLAN_B, NULL, 200, "\"would\":\"refused\",\"obstacles\":[{\"code\":\"locked\"");
    says("\"forcible\":true");
    expect("POST", ENABLE_B, "{\"force\":true}", 202, "\"force\":true");
}

static void lock_survives_and_ends(void **state)
{
    (void)state;
    expect("PUT", LOCK, "{\"holder\":\"a\",\"ttl_s\":60}", 200, "");
    restart();
    expect("GET", LOCK, NULL, 200, "\"holder\":\"a\"");
    fake_clock_pass(60000);
    expect("GET", LOCK, NULL, 404, "\"not-found\"");
    expect("POST", ENABLE_B, NULL, 202, "\"accepted\"");
}

/* --- limits --- */

static void limits(void **state)
{
    const struct operations_limits at_most = { .min_interval_ms = 60000 };

    (void)state;
    operations_set_limits(all.routes.operations, &at_most);
    run_switch(B, NULL, 10000, ERROR_NONE);
    expect("POST", "/v1/profiles/" C "/enable", NULL, 429, "\"code\":\"cooldown\"");
    says("\"retry_after_s\":50");
    assert_string_equal(header_of("Retry-After"), "50");
    expect("GET", "/v1/profiles/" C "/plan", NULL, 200, "\"would\":\"refused\"");
    says("\"code\":\"cooldown\"");
    says("\"retry_after_s\":50,\"forcible\":true");
    expect("POST", "/v1/profiles/" C "/enable", "{\"force\":true}", 202, "\"force\":true");
    expect("GET", "/v1/operations?limit=1", NULL, 200, "\"force\":true");
}

static void limits_end(void **state)
{
    const struct operations_limits at_most = { .min_interval_ms = 60000 };

    (void)state;
    operations_set_limits(all.routes.operations, &at_most);
    run_switch(B, NULL, 10000, ERROR_NONE);
    fake_clock_pass(50000);
    all.now.list_at_ms = clock_now_ms();
    publish();
    expect("GET", "/v1/profiles/" C "/plan", NULL, 200, "\"would\":\"accepted\"");
    expect("POST", "/v1/profiles/" C "/enable", NULL, 202, "\"accepted\"");
}

/* --- the word that confirms --- */

static void confirm(void **state)
{
    const struct intent intent = { .leg = LEG_TARGET, .phase = PHASE_CONFIRMING };
    char id[ID_LEN + 1], path[80];

    (void)state;
    begin_switch(B, "{\"confirm_s\":60}", id);
    (void)snprintf(path, sizeof path, "/v1/operations/%s/confirm", id);
    expect("POST", path, NULL, 409, "\"code\":\"too-late\"");
    says(id);
    operations_enter(all.routes.operations, id, PHASE_CONFIRMING, &intent, false);
    expect("POST", path, "{}", 200, "\"phase\":\"confirming\"");
    says(id);
    assert_true(operations_is_confirmed(all.routes.operations, id));
    expect("POST", path, NULL, 200, id);
    operations_end(all.routes.operations, id, &(struct operation_end){ .has_result = true });
    expect("POST", path, NULL, 200, "\"succeeded\"");
}

static void confirm_comes_too_late(void **state)
{
    struct operation_end end = { .error = { .code = ERROR_UNCONFIRMED }, .rolled_back = true };
    char id[ID_LEN + 1], path[80];

    (void)state;
    begin_switch(B, "{\"confirm_s\":60}", id);
    operations_end(all.routes.operations, id, &end);
    (void)snprintf(path, sizeof path, "/v1/operations/%s/confirm", id);
    expect("POST", path, NULL, 409, "\"code\":\"too-late\"");
    says("\"operation\":\"");
    says(id);
}

/* --- what earlier switches say --- */

static void plan_names_the_running_one(void **state)
{
    char id[ID_LEN + 1];

    (void)state;
    expect("POST", ENABLE_B, NULL, 202, "\"accepted\"");
    take_id(id);
    expect("GET", "/v1/profiles/" C "/plan", NULL, 200, "\"switch-in-progress\"");
    says(id);
    assert_true(operations_start(all.routes.operations, id));
    expect("GET", "/v1/profiles/" C "/plan", NULL, 200, "\"switch-in-progress\"");
    says(id);
    is_silent_on("\"forcible\"");
}

static void history(void **state)
{
    char etag[ETAG_REFINED_MAX + 1];

    (void)state;
    expect("GET", "/v1/profiles", NULL, 200, B);
    is_silent_on("proven_at");
    is_silent_on("last_error");
    strcpy(etag, header_of("ETag"));
    run_switch(B, NULL, 20000, ERROR_NONE);
    expect("GET", PLAN_B, NULL, 200, "\"history\":{\"count\":1,\"failed\":0,\"median_ms\":20000");
    says("\"p95_ms\":20000,\"proven_at\":\"2026-11-23T20:");
    is_silent_on("last_error");
    expect("GET", "/v1/profiles/" B, NULL, 200, "\"proven_at\":\"2026-11-23T20:");
    is_silent_on("last_error");
    expect("GET", "/v1/profiles/" C, NULL, 200, C);
    is_silent_on("proven_at");
    run_switch(B, NULL, 30000, ERROR_NO_DATA);
    expect("GET", "/v1/profiles", NULL, 200, "\"last_error\":\"no-data\"");
    says("\"proven_at\":\"2026-11-23T20:");
    /* The card's list is the same in this snapshot, the text is not. */
    assert_string_not_equal(header_of("ETag"), etag);
    assert_memory_equal(header_of("ETag"), etag, strlen("\"1-0123456789abcdef."));
    expect("GET", PLAN_B, NULL, 200, "\"history\":{\"count\":2,\"failed\":1,\"median_ms\":20000");
    says("\"last_error\":\"no-data\"");
    restart();
    expect("GET", "/v1/profiles/" B, NULL, 200, "\"last_error\":\"no-data\"");
}

/* The journal is not asked again before something has ended. */
static void history_is_kept(void **state)
{
    const struct journal_result result = { .to = all.now.list.rows[1].iccid,
                                           .ms = 1,
                                           .code = ERROR_NO_DATA,
                                           .at_utc_ms = clock_utc_ms() };
    const struct journal_change change = { .result = &result };

    (void)state;
    expect("GET", "/v1/profiles", NULL, 200, B);
    assert_ok(journal_write(all.routes.journal, &change));
    expect("GET", "/v1/profiles", NULL, 200, B);
    is_silent_on("last_error");
    proofs_on_bus(all.routes.proofs, BUS_LIST, NULL);
    expect("GET", "/v1/profiles", NULL, 200, "\"last_error\":\"no-data\"");
}

/* More than one card's profiles, one card after the other. */
static void history_of_many(void **state)
{
    struct render_facts found;
    struct iccid iccid;

    (void)state;
    run_switch(B, NULL, 20000, ERROR_NONE);
    for (int i = 0; i < 2 * PROFILES_MAX; i++) {
        char text[32];

        (void)snprintf(text, sizeof text, "8988211000000%06d", i);
        assert_ok(iccid_from_text(text, strlen(text), &iccid));
        found = proofs_find(all.routes.proofs, &iccid);
        assert_int_equal(found.proven_utc_ms, 0);
    }
    found = proofs_find(all.routes.proofs, &all.now.list.rows[1].iccid);
    assert_true(found.proven_utc_ms > 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(table),
        TEST(plan_waits_for_the_list),
        TEST(lock),
        TEST(lock_holds_off),
        TEST(lock_survives_and_ends),
        TEST(limits),
        TEST(limits_end),
        TEST(confirm),
        TEST(confirm_comes_too_late),
        TEST(plan_names_the_running_one),
        TEST(history),
        TEST(history_is_kept),
        TEST(history_of_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
