#include "api/problem.h"
#include "tests/test.h"

static const struct {
    enum error_code code;
    unsigned status;
    int64_t retry_after_s;
} rows[] = {
    // clang-format off
    { ERROR_INVALID_REQUEST, 400 }, { ERROR_UNAUTHORIZED, 401 }, { ERROR_FORBIDDEN, 403 },
    { ERROR_NOT_FOUND, 404 }, { ERROR_PROFILE_NOT_FOUND, 404 }, { ERROR_METHOD_NOT_ALLOWED, 405 },
    { ERROR_NOT_ACCEPTABLE, 406 }, { ERROR_PAYLOAD_TOO_LARGE, 413 },
    { ERROR_UNSUPPORTED_MEDIA_TYPE, 415 }, { ERROR_SWITCH_IN_PROGRESS, 409 }, { ERROR_TOO_LATE, 409 },
    { ERROR_PRECONDITION_FAILED, 412 }, { ERROR_KEY_REUSED, 422 }, { ERROR_LOCKED, 423 },
    { ERROR_COOLDOWN, 429, 60 }, { ERROR_POLICY_FORBIDS, 502 }, { ERROR_CARD, 502 },
    { ERROR_CARD_BUSY, 502 }, { ERROR_CARD_ABSENT, 502 }, { ERROR_APPLET_ABSENT, 502 },
    { ERROR_SIM_LOCKED, 502 }, { ERROR_MODEM_ABSENT, 503, 10 }, { ERROR_QUEUE_FULL, 503, 5 },
    { ERROR_STORAGE_FULL, 503, 60 }, { ERROR_SHUTTING_DOWN, 503, 10 }, { ERROR_MODEM_TIMEOUT, 504 },
    { ERROR_EXPIRED, 504 }, { ERROR_INTERNAL, 500 }, { ERROR_STRANDED, 500 },
}; // clang-format on

static void statuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct problem bare = { .error = { .code = rows[i].code } };

        print_message("%s\n", error_code_name(rows[i].code));
        assert_int_equal(problem_status(rows[i].code), rows[i].status);
        assert_int_equal(problem_complete(bare).retry_after_s, rows[i].retry_after_s);
    }
    for (int code = 1; code < ERROR_CODES; code++) {
        assert_in_range(problem_status((enum error_code)code), 400, 599);
        assert_non_null(problem_title((enum error_code)code));
    }
}

static void bodies(void **state)
{
    static const struct {
        struct problem problem;
        const char *text;
    } texts[] = {
        { { .error = { ERROR_CARD, ERROR_IN_CARD, 0x6A82, "", "SELECT: no such file" } },
          "{\"type\":\"https://lpm-agent.invalid/problems/card-error\",\"title\":\"The card "
          "refused "
          "or answered wrongly\",\"status\":502,\"code\":\"card-error\",\"detail\":\"SELECT: no "
          "such "
          "file\",\"sw\":\"6A82\"}" },
        { { .error = { ERROR_SIM_LOCKED, ERROR_IN_MODEM, 11, "", "PIN" } },
          "{\"type\":\"https://lpm-agent.invalid/problems/sim-locked\",\"title\":\"The SIM is "
          "locked\",\"status\":502,\"code\":\"sim-locked\",\"detail\":\"PIN\",\"at\":\"+CME ERROR: "
          "11\"}" },
        { { .error = { ERROR_INVALID_REQUEST, .field = "ttl_s", .message = "bad \"x\"" } },
          "{\"type\":\"https://lpm-agent.invalid/problems/invalid-request\",\"title\":\"The "
          "request "
          "is not valid\",\"status\":400,\"code\":\"invalid-request\",\"detail\":\"bad "
          "\\\"x\\\"\",\"field\":\"ttl_s\"}" },
        { { .error = { ERROR_COOLDOWN, .message = "wait" }, 7, "01JD" },
          "{\"type\":\"https://lpm-agent.invalid/problems/cooldown\",\"title\":\"Too many "
          "switches\",\"status\":429,\"code\":\"cooldown\",\"detail\":\"wait\",\"retry_after_s\":7,"
          "\"operation\":\"01JD\"}" },
        { { .error = { ERROR_LOCKED, .message = "a holds it" },
            .holder = "a",
            .until_utc_ms = INT64_C(1795464089120) },
          "{\"type\":\"https://lpm-agent.invalid/problems/locked\",\"title\":\"Switching is "
          "locked\",\"status\":423,\"code\":\"locked\",\"detail\":\"a holds "
          "it\",\"holder\":\"a\",\"until\":\"2026-11-23T20:01:29.120Z\"}" },
        { { .error = { ERROR_STORAGE_FULL, ERROR_IN_STORAGE, 13, "", "full" } },
          "{\"type\":\"https://lpm-agent.invalid/problems/storage-full\",\"title\":\"The disk is "
          "full\",\"status\":503,\"code\":\"storage-full\",\"detail\":\"full\","
          "\"retry_after_s\":60}" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const struct problem problem = problem_complete(texts[i].problem);
        char *text = problem_to_text(&problem, problem_status(problem.error.code));

        assert_string_equal(text, texts[i].text);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(statuses), cmocka_unit_test(bodies) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
