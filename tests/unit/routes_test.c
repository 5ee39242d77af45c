#include "api/routes.h"

#include <cjson/cJSON.h>

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/operation/intent.h"
#include "agent/operation/operations.h"
#include "agent/operation/proofs.h"
#include "agent/state/broker.h"
#include "agent/state/bus.h"
#include "agent/state/etag.h"
#include "agent/state/reads.h"
#include "agent/state/samples.h"
#include "agent/state/snapshot.h"
#include "config/config.h"
#include "tests/test.h"
#include "tests/unit/fake_clock.h"
#include "tests/unit/temp_journal.h"

/* What each call answers, without a socket in between. */

#define A "89882110000001234568" /* in use */
#define B "8949001312170061988"
#define OTHER "89860A09091830300220"
#define TAG "\"1-0123456789abcdef\""

static struct {
    struct temp_journal temp;
    struct bus *bus;
    struct state *state;
    struct routes routes;
    struct config config;
    struct config_profile profile;
    struct snapshot now;
} all;

static char home[] = "home", device[] = "gw-1";

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
    row->class = -1;
}

/* 2026-11-23T20:01:29Z */
static const struct connectivity sampled = { .at_utc_ms = INT64_C(1795464089000) };

static int set_up(void **state)
{
    (void)state;
    log_set(LOG_LEVEL_ERR, LOG_FORMAT_TEXT, false);
    memset(&all, 0, sizeof all);
    all.bus = bus_new();
    all.state = state_new();
    all.profile.label = home;
    assert_ok(iccid_from_text(A, strlen(A), &all.profile.iccid));
    all.config.profiles = &all.profile;
    all.config.profile_count = 1;
    all.config.device_id = device;
    all.routes.config = &all.config;
    all.routes.state = all.state;
    all.routes.broker = broker_new();
    temp_journal_init(&all.temp);
    all.routes.journal = all.temp.journal;
    all.routes.operations = operations_new(all.bus, all.state, all.temp.journal);
    all.routes.samples = samples_new();
    samples_add(all.routes.samples, &sampled);
    all.routes.proofs = proofs_new(all.routes.journal, config_label_of, &all.config);
    all.now.modem = MODEM_READY;
    all.now.has_eid = all.now.has_list = all.now.has_connectivity = true;
    strcpy(all.now.eid.text, "89001039450410141400000000001580");
    strcpy(all.now.etag, TAG);
    all.now.eid_at_ms = clock_now_ms() - 5999;
    all.now.list_at_ms = all.now.connectivity.at_ms = clock_now_ms() - 2000;
    add_profile(A, true);
    add_profile(B, false);
    publish();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    proofs_free(all.routes.proofs);
    samples_free(all.routes.samples);
    broker_free(all.routes.broker);
    operations_free(all.routes.operations);
    temp_journal_done(&all.temp);
    state_free(all.state);
    bus_free(all.bus);
    return 0;
}

static struct call call_of(const char *method, const char *target)
{
    struct call call = { .role = ROLE_OPERATOR, .requester = "uid:7" };

    call.routing = router_match(method, target, &call.match);
    return call;
}

static struct answer ask(struct call *call)
{
    struct answer answer;

    routes_answer(&all.routes, call, &answer);
    return answer;
}

static const char *header_of(const struct answer *answer, const char *name)
{
    for (size_t i = 0; i < answer->header_count; i++)
        if (strcmp(answer->headers[i].name, name) == 0)
            return answer->headers[i].value;
    return "";
}

/* Checks a ready answer and frees it; `has` is part of its body, NULL: there is no body. */
static void expect(struct answer answer, unsigned status, const char *has)
{
    print_message("%u %s\n", answer.status, answer.body ? answer.body : "no body");
    assert_int_equal(answer.kind, ANSWER_READY);
    assert_int_equal(answer.status, status);
    assert_int_equal(answer.is_problem, status >= 400);
    if (has)
        assert_non_null(strstr(answer.body, has));
    else
        assert_null(answer.body);
    free(answer.body);
}

static void expect_read(struct answer answer, unsigned wants)
{
    assert_int_equal(answer.kind, ANSWER_WAITS_FOR_READ);
    assert_int_equal(answer.wants, wants);
}

static void end_read(struct call *call, enum error_code code)
{
    call->rounds++;
    call->read_error = (struct error){ .code = code };
}

/* --- all calls --- */

static const struct {
    const char *what, *method, *target;
    enum header header; /* with `value` */
    const char *value;
    const char *body;
    enum role role;
    unsigned status;
    const char *has;
} rows[] = {
    // clang-format off
    { "alive", "GET", "/healthz", .role = ROLE_NONE, .status = 200, .has = "{\"status\":\"ok\"}" },
    { "ready", "GET", "/readyz", .role = ROLE_NONE, .status = 200, .has = "{\"status\":\"ready\"}" },
    { "nobody", "GET", "/v1/eid", .role = ROLE_NONE, .status = 401, .has = "\"unauthorized\"" },
    { "nobody, nothing there", "GET", "/v1/x", .role = ROLE_NONE, .status = 401, .has = "\"unauthorized\"" },
    { "EID", "GET", "/v1/eid", .role = ROLE_VIEWER, .status = 200, .has = "\"eid\":\"89001039450410141400000000001580\"" },
    { "list", "GET", "/v1/profiles", .role = ROLE_VIEWER, .status = 200, .has = "{\"profiles\":[{\"iccid\":\"" A "\",\"enabled\":true,\"label\":\"home\"}," },
    { "by ICCID", "GET", "/v1/profiles/" B, .role = ROLE_VIEWER, .status = 200, .has = "{\"iccid\":\"" B "\"" },
    { "padded ICCID", "GET", "/v1/profiles/" B "F", .role = ROLE_VIEWER, .status = 200, .has = B },
    { "another ICCID", "GET", "/v1/profiles/" OTHER, .role = ROLE_VIEWER, .status = 404, .has = "\"profile-not-found\"" },
    { "another AID", "GET", "/v1/profiles/A0000005591010FFFFFFFF8900001000", .role = ROLE_VIEWER, .status = 404, .has = "\"profile-not-found\"" },
    { "no ref", "GET", "/v1/profiles/home", .role = ROLE_VIEWER, .status = 400, .has = "\"field\":\"ref\"" },
    { "reading", "GET", "/v1/connectivity", .role = ROLE_VIEWER, .status = 200, .has = "\"signal\":{}" },
    { "samples", "GET", "/v1/connectivity?since=2026-11-23T20:01:29Z", .role = ROLE_VIEWER, .status = 200, .has = "\"samples\":[{\"at\":\"2026-11-23T20:01:29.000Z\"" },
    { "samples since later", "GET", "/v1/connectivity?since=2026-11-23T20:01:29.001Z", .role = ROLE_VIEWER, .status = 200, .has = "\"samples\":[]" },
    { "samples since no time", "GET", "/v1/connectivity?since=yesterday", .role = ROLE_VIEWER, .status = 400, .has = "\"field\":\"since\"" },
    { "steering", "GET", "/v1/steering", .role = ROLE_VIEWER, .status = 200, .has = "{\"mode\":\"off\"}" },
    { "info", "GET", "/v1/info", .role = ROLE_VIEWER, .status = 200, .has = "\"device_id\":\"gw-1\"" },
    { "no operations", "GET", "/v1/operations", .role = ROLE_VIEWER, .status = 200, .has = "{\"operations\":[]}" },
    { "a state", "GET", "/v1/operations?state=failed&limit=100", .role = ROLE_VIEWER, .status = 200, .has = "[]" },
    { "no state", "GET", "/v1/operations?state=none", .role = ROLE_VIEWER, .status = 400, .has = "\"field\":\"state\"" },
    { "limit 0", "GET", "/v1/operations?limit=0", .role = ROLE_VIEWER, .status = 400, .has = "\"field\":\"limit\"" },
    { "limit 101", "GET", "/v1/operations?limit=101", .role = ROLE_VIEWER, .status = 400, .has = "\"field\":\"limit\"" },
    { "limit +1", "GET", "/v1/operations?limit=+1", .role = ROLE_VIEWER, .status = 400, .has = "\"field\":\"limit\"" },
    { "limit empty", "GET", "/v1/operations?limit=", .role = ROLE_VIEWER, .status = 400, .has = "\"field\":\"limit\"" },
    { "before no id", "GET", "/v1/operations?before=x", .role = ROLE_VIEWER, .status = 400, .has = "\"field\":\"before\"" },
    { "unknown parameter", "GET", "/v1/profiles?page=2", .role = ROLE_VIEWER, .status = 400, .has = "\"field\":\"page\"" },
    { "no such operation", "GET", "/v1/operations/01JD", .role = ROLE_VIEWER, .status = 404, .has = "\"not-found\"" },
    { "cancel what is not", "POST", "/v1/operations/01JD/cancel", .role = ROLE_OPERATOR, .status = 404, .has = "\"not-found\"" },
    { "cancel with a body", "POST", "/v1/operations/01JD/cancel", HEADER_CONTENT_TYPE, "application/json", "{\"a\":1}", ROLE_OPERATOR, 400, "\"field\":\"a\"" },
    { "viewer enables", "POST", "/v1/profiles/" B "/enable", .role = ROLE_VIEWER, .status = 403, .has = "\"forbidden\"" },
    { "viewer cancels", "POST", "/v1/operations/01JD/cancel", .role = ROLE_VIEWER, .status = 403, .has = "\"forbidden\"" },
    { "viewer, wrong method", "POST", "/v1/eid", .role = ROLE_VIEWER, .status = 405, .has = "\"method-not-allowed\"" },
    { "not acceptable", "GET", "/v1/eid", HEADER_ACCEPT, "text/html", NULL, ROLE_VIEWER, 406, "\"not-acceptable\"" },
    { "fits", "GET", "/v1/profiles", HEADER_IF_NONE_MATCH, "*", NULL, ROLE_VIEWER, 304, NULL },
    { "the card's list alone", "GET", "/v1/profiles", HEADER_IF_NONE_MATCH, TAG, NULL, ROLE_VIEWER, 200, B },
    { "fits anything", "GET", "/v1/profiles", HEADER_IF_NONE_MATCH, "*", NULL, ROLE_VIEWER, 304, NULL },
    { "does not fit", "GET", "/v1/profiles", HEADER_IF_NONE_MATCH, "\"x\"", NULL, ROLE_VIEWER, 200, A },
    { "enable", "POST", "/v1/profiles/" B "/enable", .role = ROLE_OPERATOR, .status = 202, .has = "\"requester\":\"uid:7\"" },
    { "enable with a body", "POST", "/v1/profiles/" B "/enable", HEADER_CONTENT_TYPE, "application/json", "{\"reason\":\"r\"}", ROLE_OPERATOR, 202, "\"reason\":\"r\"" },
    { "already enabled", "POST", "/v1/profiles/" A "/enable", .role = ROLE_OPERATOR, .status = 200, .has = "\"changed\":false" },
    { "no ref to enable", "POST", "/v1/profiles/x/enable", .role = ROLE_OPERATOR, .status = 400, .has = "\"field\":\"ref\"" },
    { "no media type", "POST", "/v1/profiles/" B "/enable", .body = "{}", .role = ROLE_OPERATOR, .status = 415, .has = "\"unsupported-media-type\"" },
    { "a form", "POST", "/v1/profiles/" B "/enable", HEADER_CONTENT_TYPE, "application/x-www-form-urlencoded", "ttl_s=1", ROLE_OPERATOR, 415, "\"unsupported-media-type\"" },
    { "unknown field", "POST", "/v1/profiles/" B "/enable", HEADER_CONTENT_TYPE, "application/json", "{\"ttl\":1}", ROLE_OPERATOR, 400, "\"field\":\"ttl\"" },
    { "a word that comes too soon", "POST", "/v1/profiles/" B "/enable", HEADER_CONTENT_TYPE, "application/json", "{\"confirm_s\":59}", ROLE_OPERATOR, 400, "\"field\":\"confirm_s\"" },
    { "no JSON", "POST", "/v1/profiles/" B "/enable", HEADER_CONTENT_TYPE, "application/json", "enable it", ROLE_OPERATOR, 400, "\"invalid-request\"" },
    { "expects another", "POST", "/v1/profiles/" B "/enable", HEADER_CONTENT_TYPE, "application/json", "{\"expect_enabled\":\"" B "\"}", ROLE_OPERATOR, 412, "\"precondition-failed\"" },
    { "key too long or odd", "POST", "/v1/profiles/" B "/enable", HEADER_IDEMPOTENCY_KEY, "a b", NULL, ROLE_OPERATOR, 400, "\"field\":\"Idempotency-Key\"" },
    { "empty key", "POST", "/v1/profiles/" B "/enable", HEADER_IDEMPOTENCY_KEY, "", NULL, ROLE_OPERATOR, 400, "\"field\":\"Idempotency-Key\"" },
    { "key", "POST", "/v1/profiles/" B "/enable", HEADER_IDEMPOTENCY_KEY, "k1", NULL, ROLE_OPERATOR, 202, "\"request\":\"k1\"" },
    { "tag fits", "POST", "/v1/profiles/" B "/enable", HEADER_IF_MATCH, "\"1-0123456789abcdef.00000000\"", NULL, ROLE_OPERATOR, 202, "\"accepted\"" },
    { "weak tag", "POST", "/v1/profiles/" B "/enable", HEADER_IF_MATCH, "W/" TAG, NULL, ROLE_OPERATOR, 412, "\"precondition-failed\"" },
    { "old tag", "POST", "/v1/profiles/" B "/enable", HEADER_IF_MATCH, "\"0-1\"", NULL, ROLE_OPERATOR, 412, "\"precondition-failed\"" },
    { "old tag, no such profile", "POST", "/v1/profiles/" OTHER "/enable", HEADER_IF_MATCH, "\"0-1\"", NULL, ROLE_OPERATOR, 412, "\"precondition-failed\"" },
    { "malformed wait", "POST", "/v1/profiles/" B "/enable", HEADER_PREFER, "wait=soon", NULL, ROLE_OPERATOR, 202, "\"accepted\"" },
}; // clang-format on

static void table(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct call call = call_of(rows[i].method, rows[i].target);

        print_message("%s: ", rows[i].what);
        if (i > 0) {
            (void)tear_down(state);
            (void)set_up(state);
        }
        call.role = rows[i].role;
        call.body = rows[i].body;
        call.body_len = rows[i].body ? strlen(rows[i].body) : 0;
        if (rows[i].value)
            call.headers[rows[i].header] = rows[i].value;
        expect(ask(&call), rows[i].status, rows[i].has);
    }
}

static void too_large(void **state)
{
    struct call call = call_of("POST", "/v1/profiles/" B "/enable");

    (void)state;
    call.body_len = 16 * 1024 + 1;
    expect(ask(&call), 413, "\"payload-too-large\"");
    call.role = ROLE_VIEWER;
    expect(ask(&call), 403, "\"forbidden\"");
}

/* A request that takes another's place has nothing of it. */
static void a_new_call(void **state)
{
    struct call call;

    (void)state;
    memset(&call, 0xA5, sizeof call);
    call_init(&call);
    assert_int_equal(call.role, ROLE_NONE);
    assert_true(!call.requester[0] && !call.is_head && !call.body && call.body_len == 0);
    assert_true(call.rounds == 0 && !call.operation[0] && call.wait_s == 0);
    for (size_t i = 0; i < HEADER_COUNT; i++)
        assert_null(call.headers[i]);
    assert_true(!call.guard.code && !call.head.code && !call.routing.code && !call.read_error.code);
}

/* Each is refused for the first thing that is wrong, and who may not come in learns nothing else. */
static void order_of_refusals(void **state)
{
    struct call call = call_of("POST", "/v1/profiles/" B "/enable?x=1");

    (void)state;
    call.role = ROLE_NONE;
    call.guard = error_make(ERROR_IN_AGENT, ERROR_FORBIDDEN, 0, "Host");
    call.head = error_field("Transfer-Encoding", "twice");
    call.headers[HEADER_ACCEPT] = "text/html";
    expect(ask(&call), 403, "Host");
    call.guard = ERROR_OK;
    expect(ask(&call), 401, "\"unauthorized\"");
    call.role = ROLE_VIEWER;
    expect(ask(&call), 403, "a viewer only looks");
    call.role = ROLE_OPERATOR;
    expect(ask(&call), 400, "\"field\":\"Transfer-Encoding\"");
    call.head = ERROR_OK;
    expect(ask(&call), 400, "\"field\":\"x\"");
    call.routing = ERROR_OK;
    expect(ask(&call), 406, "\"not-acceptable\"");
}

static void headers(void **state)
{
    struct call call = call_of("GET", "/v1/profiles");
    struct answer answer = ask(&call);
    char tag[ETAG_REFINED_MAX + 1];

    (void)state;
    (void)snprintf(tag, sizeof tag, "%s", header_of(&answer, "ETag"));
    assert_memory_equal(tag, TAG, strlen(TAG) - 1);
    assert_string_equal(header_of(&answer, "Age"), "2");
    assert_string_equal(header_of(&answer, "Cache-Control"), "no-cache");
    expect(answer, 200, A);
    call.headers[HEADER_IF_NONE_MATCH] = tag;
    answer = ask(&call);
    assert_string_equal(header_of(&answer, "ETag"), tag);
    expect(answer, 304, NULL);
    call = call_of("GET", "/v1/eid");
    answer = ask(&call);
    assert_string_equal(header_of(&answer, "Age"), "5");
    expect(answer, 200, "eid");
    call = call_of("PUT", "/v1/eid");
    answer = ask(&call);
    assert_string_equal(header_of(&answer, "Allow"), "GET, HEAD");
    expect(answer, 405, "");
    call = call_of("GET", "/v1/eid");
    call.role = ROLE_NONE;
    answer = ask(&call);
    assert_string_equal(header_of(&answer, "WWW-Authenticate"), "Bearer");
    expect(answer, 401, "");
}

/* --- reads --- */

static void nothing_known(void **state)
{
    static const struct {
        const char *target;
        unsigned wants;
    } reads[] = {
        { "/v1/eid", READ_EID },
        { "/v1/profiles", READ_PROFILES },
        { "/v1/profiles/" A, READ_PROFILES },
        { "/v1/connectivity", READ_CONNECTIVITY },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(reads); i++) {
        struct call call = call_of("GET", reads[i].target);
        struct answer answer;

        all.now.has_eid = all.now.has_list = all.now.has_connectivity = false;
        publish();
        expect_read(ask(&call), reads[i].wants);
        end_read(&call, ERROR_MODEM_ABSENT);
        answer = ask(&call);
        assert_string_equal(header_of(&answer, "Retry-After"), "10");
        expect(answer, 503, "\"modem-absent\"");
        end_read(&call, ERROR_NONE);
        all.now.has_eid = all.now.has_list = all.now.has_connectivity = true;
        publish();
        expect(ask(&call), 200, "");
    }
}

static void dropped_each_time(void **state)
{
    struct call call = call_of("GET", "/v1/profiles");

    (void)state;
    all.now.has_list = false;
    publish();
    for (int i = 0; i < CALL_ROUNDS_MAX; i++) {
        expect_read(ask(&call), READ_PROFILES);
        end_read(&call, ERROR_NONE);
    }
    expect(ask(&call), 504, "\"modem-timeout\"");
}

static void fresh(void **state)
{
    struct call call = call_of("GET", "/v1/eid");

    (void)state;
    call.headers[HEADER_CACHE_CONTROL] = "no-cache";
    expect_read(ask(&call), READ_EID);
    end_read(&call, ERROR_MODEM_TIMEOUT);
    expect(ask(&call), 504, "\"modem-timeout\"");
    end_read(&call, ERROR_NONE);
    expect(ask(&call), 200, "\"eid\"");
    /* During a switch the snapshot answers. */
    all.now.switching = true;
    publish();
    call = call_of("GET", "/v1/eid");
    call.headers[HEADER_CACHE_CONTROL] = "no-cache";
    expect(ask(&call), 200, "\"eid\"");
    /* Without the modem it does so too, unless it is asked for fresh news. */
    all.now.switching = false;
    all.now.modem = MODEM_ABSENT;
    all.now.trouble = (struct error){ ERROR_SIM_LOCKED, ERROR_IN_MODEM, 11, "", "PIN" };
    publish();
    call = call_of("GET", "/v1/eid");
    expect(ask(&call), 200, "\"eid\"");
    call = call_of("GET", "/readyz");
    expect(ask(&call), 503, "\"status\":503,\"code\":\"sim-locked\"");
}

/* --- enable --- */

static void unknown_profile(void **state)
{
    struct call call = call_of("POST", "/v1/profiles/" OTHER "/enable");

    (void)state;
    expect(ask(&call), 404, "\"profile-not-found\"");
    /* A list that is older is read once more. */
    all.now.list_at_ms = clock_now_ms() - OPERATIONS_LIST_FRESH_MS;
    publish();
    expect_read(ask(&call), READ_PROFILES);
    end_read(&call, ERROR_NONE);
    expect(ask(&call), 404, "\"profile-not-found\"");
    end_read(&call, ERROR_CARD_BUSY);
    expect(ask(&call), 502, "\"card-busy\"");
    /* It has come meanwhile. */
    end_read(&call, ERROR_NONE);
    add_profile(OTHER, false);
    publish();
    expect(ask(&call), 202, "\"accepted\"");
}

static void unknown_list(void **state)
{
    struct call call = call_of("POST", "/v1/profiles/" B "/enable");

    (void)state;
    all.now.has_list = false;
    publish();
    expect_read(ask(&call), READ_PROFILES);
    /* A tag of before is too old at once. */
    call.headers[HEADER_IF_MATCH] = TAG;
    expect(ask(&call), 412, "\"precondition-failed\"");
    call.headers[HEADER_IF_MATCH] = NULL;
    /* A syntax error comes before the read. */
    call.headers[HEADER_IDEMPOTENCY_KEY] = "?";
    expect(ask(&call), 400, "\"invalid-request\"");
    call.headers[HEADER_IDEMPOTENCY_KEY] = NULL;
    end_read(&call, ERROR_MODEM_ABSENT);
    expect(ask(&call), 503, "\"modem-absent\"");
    /* Dropped again after the read: the worker looks. */
    end_read(&call, ERROR_NONE);
    expect(ask(&call), 202, "\"accepted\"");
}

/* Whether the profile is there matters no more once another is in the way. */
static void unknown_list_and_another_waits(void **state)
{
    struct call first = call_of("POST", "/v1/profiles/" B "/enable"),
                call = call_of("POST", "/v1/profiles/" OTHER "/enable");

    (void)state;
    expect(ask(&first), 202, "\"accepted\"");
    all.now.has_list = false;
    publish();
    expect(ask(&call), 409, "\"switch-in-progress\"");
}

static void keys(void **state)
{
    struct call call = call_of("POST", "/v1/profiles/" B "/enable");

    (void)state;
    call.headers[HEADER_IDEMPOTENCY_KEY] = "k1";
    expect(ask(&call), 202, "\"accepted\"");
    expect(ask(&call), 202, "\"accepted\"");
    /* Also while the list is gone. */
    all.now.has_list = false;
    publish();
    expect(ask(&call), 202, "\"accepted\"");
    call = call_of("POST", "/v1/profiles/" A "/enable");
    call.headers[HEADER_IDEMPOTENCY_KEY] = "k1";
    expect(ask(&call), 422, "\"key-reused\"");
    call.headers[HEADER_IDEMPOTENCY_KEY] = "k2";
    all.now.has_list = true;
    publish();
    expect(ask(&call), 409, "\"switch-in-progress\"");
}

static void waits(void **state)
{
    struct call call = call_of("POST", "/v1/profiles/" B "/enable");
    struct operation_end end = { .has_result = true, .changed = true };
    struct answer answer;

    (void)state;
    call.headers[HEADER_PREFER] = "wait=20";
    answer = ask(&call);
    assert_int_equal(answer.kind, ANSWER_WAITS_FOR_END);
    assert_int_equal(call.wait_s, 20);
    /* Its time is over first. */
    answer = ask(&call);
    assert_string_equal(header_of(&answer, "Preference-Applied"), "wait=20");
    assert_memory_equal(header_of(&answer, "Location"), "/v1/operations/", 15);
    assert_string_equal(header_of(&answer, "Location") + 15, call.operation);
    expect(answer, 202, "\"accepted\"");
    assert_true(operations_start(all.routes.operations, call.operation));
    operations_end(all.routes.operations, call.operation, &end);
    expect(ask(&call), 200, "\"succeeded\"");
}

static void cancel(void **state)
{
    struct call enable = call_of("POST", "/v1/profiles/" B "/enable"), call;
    char path[80];

    (void)state;
    enable.headers[HEADER_PREFER] = "wait=20";
    (void)ask(&enable);
    (void)snprintf(path, sizeof path, "/v1/operations/%s/cancel", enable.operation);
    call = call_of("POST", path);
    expect(ask(&call), 200, "\"canceled\"");
    expect(ask(&call), 200, "\"canceled\"");
    expect(ask(&enable), 200, "\"canceled\"");
    enable = call_of("POST", "/v1/profiles/" B "/enable");
    enable.headers[HEADER_PREFER] = "wait=20";
    (void)ask(&enable);
    assert_true(operations_start(all.routes.operations, enable.operation));
    assert_ok(operations_commit_to_send(all.routes.operations, enable.operation,
                                        &(struct intent){ .phase = PHASE_ENABLING }));
    (void)snprintf(path, sizeof path, "/v1/operations/%s/cancel", enable.operation);
    call = call_of("POST", path);
    expect(ask(&call), 409, enable.operation);
    call = call_of("GET", "/v1/operations?state=canceled");
    expect(ask(&call), 200, "\"canceled\"");
    call = call_of("GET", "/v1/operations?limit=1");
    expect(ask(&call), 200, "\"running\"");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(table),        TEST(too_large),
        TEST(headers),      TEST(nothing_known),
        TEST(fresh),        TEST(unknown_profile),
        TEST(unknown_list), TEST(dropped_each_time),
        TEST(keys),         TEST(waits),
        TEST(cancel),       TEST(order_of_refusals),
        TEST(a_new_call),   TEST(unknown_list_and_another_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
