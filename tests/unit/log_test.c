#include "agent/base/log.h"

#include <unistd.h>

#include "agent/base/json.h"
#include "tests/test.h"

static int kept = -1;
static FILE *target;

/* Standard error goes into a file while a line is written. */
static void begin(void)
{
    target = tmpfile();
    assert_non_null(target);
    kept = dup(STDERR_FILENO);
    assert_true(kept >= 0);
    assert_true(dup2(fileno(target), STDERR_FILENO) >= 0);
}

static const char *end(void)
{
    static char text[64 * 1024];
    size_t n;

    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    (void)close(kept);
    rewind(target);
    n = fread(text, 1, sizeof text - 1, target);
    text[n] = '\0';
    (void)fclose(target);
    return text;
}

/* The one line that was written, as an object. */
static cJSON *end_json(void)
{
    const char *text = end();
    cJSON *tree = NULL;

    print_message("%s", text);
    assert_true(strlen(text) > 0 && strchr(text, '\n') == text + strlen(text) - 1);
    assert_ok(json_parse(text, strlen(text), &tree));
    return tree;
}

static const char *string_of(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    return item ? cJSON_GetStringValue(item) : NULL;
}

static void json_has_its_fields(void **state)
{
    struct error e = error_make(ERROR_IN_CARD, ERROR_POLICY_FORBIDS, 0x69E1, "refused");
    cJSON *o;

    (void)state;
    log_set(LOG_LEVEL_INFO, LOG_FORMAT_JSON, false);
    begin();
    log_warning("one thing", LOG_STR("op", "01X"), LOG_NUM("count", -7), LOG_STR("none", NULL),
                LOG_ID("iccid", "8949001312170061988"), LOG_ERR(&e));
    o = end_json();
    assert_string_equal(string_of(o, "level"), "warning");
    assert_string_equal(string_of(o, "message"), "one thing");
    assert_string_equal(string_of(o, "op"), "01X");
    assert_true(cJSON_GetObjectItem(o, "count")->valuedouble == -7);
    assert_null(cJSON_GetObjectItem(o, "none"));
    assert_string_equal(string_of(o, "iccid"), "*1988");
    assert_string_equal(string_of(o, "error"), "policy-forbids");
    assert_string_equal(string_of(o, "detail"), "refused");
    assert_string_equal(string_of(o, "sw"), "69E1");
    assert_int_equal(strlen(string_of(o, "time")), 24);
    cJSON_Delete(o);
}

static void identities_when_asked_for(void **state)
{
    cJSON *o;

    (void)state;
    log_set(LOG_LEVEL_INFO, LOG_FORMAT_JSON, true);
    begin();
    log_info("x", LOG_ID("iccid", "8949001312170061988"));
    o = end_json();
    assert_string_equal(string_of(o, "iccid"), "8949001312170061988");
    cJSON_Delete(o);

    log_set(LOG_LEVEL_INFO, LOG_FORMAT_JSON, false);
    begin();
    log_info("x", LOG_ID("iccid", "1234"));
    o = end_json();
    assert_string_equal(string_of(o, "iccid"), "*");
    cJSON_Delete(o);
}

static const struct {
    const char *value, *cut;
} identities[] = {
    // clang-format off
    { "8949001312170061988", "*1988" },
    { "89001039450410141400000000001580", "*1580" },
    { "898821100000012345", "*2345" },
    { "89882110000001234", "89882110000001234" },
    { "89860A09091830300220", "*0220" },
    { "89860a09091830300220", "*0220" },
    { "for 8949001312170061988, 8949001312170061970!", "for *1988, *1970!" },
    { "esim/v1/gw/cmd/get-eid/8949001312170061988/req", "esim/v1/gw/cmd/get-eid/*1988/req" },
    { "fad8949001312170061988F", "fad*1988F" },
    { "01M85SH3EKZH44T6QVXQ1MTXSQ", "01M85SH3EKZH44T6QVXQ1MTXSQ" },
    { "A0000005591010FFFFFFFF8900001000", "A0000005591010FFFFFFFF8900001000" },
    { "", "" },
}; // clang-format on

static void identities_in_other_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_LEN(identities); i++) {
        bool shown = i % 2;
        struct error e = error_make(ERROR_IN_AGENT, ERROR_CARD, 0, "%s", identities[i / 2].value);
        const char *expected = shown ? identities[i / 2].value : identities[i / 2].cut;
        cJSON *o;

        log_set(LOG_LEVEL_INFO, LOG_FORMAT_JSON, shown);
        begin();
        log_info("x", LOG_STR("requester", identities[i / 2].value), LOG_ERR(&e),
                 LOG_NUM("n", INT64_MAX), LOG_NUM_NOT_0("none", 0), LOG_NUM_NOT_0("some", 1));
        o = end_json();
        assert_string_equal(string_of(o, "requester"), expected);
        assert_string_equal(string_of(o, "detail"), expected);
        assert_null(cJSON_GetObjectItem(o, "none"));
        assert_non_null(cJSON_GetObjectItem(o, "some"));
        cJSON_Delete(o);
    }
}

static const struct {
    const char *value, *text;
} escaped[] = {
    // clang-format off
    { "plain", "text key=plain\n" },
    { "", "text key=\"\"\n" },
    { "two words", "text key=\"two words\"\n" },
    { "a=b", "text key=\"a=b\"\n" },
    { "a\"b\\", "text key=\"a\\\"b\\\\\"\n" },
    { "a\nb\x1b[31m", "text key=\"a\\u000ab\\u001b[31m\"\n" },
    { "\xC2\x9B""31m", "text key=\"\\u009b31m\"\n" },
    { "\xC3\xA4", "text key=\"\xC3\xA4\"\n" },
    { "\xE4x", "text key=\"\\xe4x\"\n" },
}; // clang-format on

static void text_of_a_peer_is_escaped(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(escaped); i++) {
        const char *line;
        cJSON *o;

        log_set(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, false);
        begin();
        log_info("text", LOG_STR("key", escaped[i].value));
        line = end();
        print_message("%s", line);
        assert_non_null(strstr(line, " info    text"));
        assert_string_equal(strstr(line, "text"), escaped[i].text);

        log_set(LOG_LEVEL_INFO, LOG_FORMAT_JSON, false);
        begin();
        log_info("text", LOG_STR("key", escaped[i].value));
        o = end_json();
        assert_non_null(string_of(o, "key"));
        if (strcmp(escaped[i].value, "\xE4x") != 0)
            assert_string_equal(string_of(o, "key"), escaped[i].value);
        cJSON_Delete(o);
    }
}

static void what_does_not_fit_is_left_out(void **state)
{
    char huge[20000];
    char message[3000];
    cJSON *o;

    (void)state;
    memset(huge, '\x01', sizeof huge);
    huge[sizeof huge - 1] = '\0';
    memset(message, '"', sizeof message);
    message[sizeof message - 1] = '\0';
    log_set(LOG_LEVEL_INFO, LOG_FORMAT_JSON, false);
    begin();
    log_info(message, LOG_NUM("n", 1), LOG_STR("huge", huge));
    o = end_json();
    assert_non_null(cJSON_GetObjectItem(o, "n"));
    assert_null(cJSON_GetObjectItem(o, "huge"));
    cJSON_Delete(o);

    memset(huge, 'x', sizeof huge);
    huge[sizeof huge - 1] = '\0';
    begin();
    log_info("x", LOG_STR("huge", huge), LOG_NUM("n", 1));
    o = end_json();
    assert_int_equal(strlen(string_of(o, "huge")), 1024);
    assert_non_null(cJSON_GetObjectItem(o, "n"));
    cJSON_Delete(o);
}

static void levels(void **state)
{
    (void)state;
    for (int set = LOG_LEVEL_ERR; set <= LOG_LEVEL_DEBUG; set++) {
        log_set((enum log_level)set, LOG_FORMAT_TEXT, false);
        for (int level = LOG_LEVEL_ERR; level <= LOG_LEVEL_DEBUG; level++) {
            begin();
            log_at((enum log_level)level, "x");
            assert_int_equal(strlen(end()) > 0, level <= set);
        }
    }
}

static void each_domain_has_its_detail(void **state)
{
    static const struct {
        struct error error;
        const char *tail;
    } errors[] = {
        // clang-format off
        { { .code = ERROR_CARD, .domain = ERROR_IN_MODEM, .detail = 14, .message = "m" }, "at=\"+CME ERROR: 14\"\n" },
        { { .code = ERROR_CARD, .domain = ERROR_IN_MODEM, .detail = ERROR_FINAL_NONE, .message = "m" }, "detail=m\n" },
        { { .code = ERROR_INTERNAL, .domain = ERROR_IN_SYSTEM, .detail = 5, .message = "m" }, "errno=5\n" },
        { { .code = ERROR_INTERNAL, .domain = ERROR_IN_STORAGE, .detail = 13, .message = "m" }, "sqlite=13\n" },
        { { .code = ERROR_CARD, .domain = ERROR_IN_CARD, .detail = 0, .message = "m" }, "detail=m\n" },
        { { .code = ERROR_INVALID_REQUEST, .field = "f", .message = "m" }, "field=f\n" },
    }; // clang-format on

    (void)state;
    log_set(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, false);
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        const char *line;

        begin();
        log_err("x", LOG_ERR(&errors[i].error));
        line = end();
        print_message("%s", line);
        assert_string_equal(line + strlen(line) - strlen(errors[i].tail), errors[i].tail);
    }
}

/* Standard error is a file here: neither a terminal nor the journal. */
static void automatic_is_json(void **state)
{
    cJSON *o;

    (void)state;
    (void)setenv("JOURNAL_STREAM", "1:2", 1);
    begin();
    log_set(LOG_LEVEL_INFO, LOG_FORMAT_AUTO, false);
    log_info("x");
    o = end_json();
    assert_string_equal(string_of(o, "message"), "x");
    cJSON_Delete(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_has_its_fields),
        cmocka_unit_test(identities_when_asked_for),
        cmocka_unit_test(identities_in_other_text),
        cmocka_unit_test(text_of_a_peer_is_escaped),
        cmocka_unit_test(what_does_not_fit_is_left_out),
        cmocka_unit_test(levels),
        cmocka_unit_test(automatic_is_json),
        cmocka_unit_test(each_domain_has_its_detail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
