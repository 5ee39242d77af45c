#include "api/auth.h"
#include "tests/test.h"

#define X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X256 X64 X64 X64 X64

/* `says` NULL: well-formed, with `count` tokens. */
static const struct {
    const char *what, *text, *says;
    size_t count;
} files[] = {
    // clang-format off
    { "one", "operator s3cret\n", NULL, 1 },
    { "no newline at the end", "viewer abc", NULL, 1 },
    { "two, comments, blank lines, DOS line ends", "# who\r\n\r\noperator\ta-b._~+/=\r\n  viewer  c  \r\n", NULL, 2 },
    { "the longest", "viewer " X256, NULL, 1 },
    { "empty", "", "no token" },
    { "comments only", "# operator abc\n", "no token" },
    { "another role", "operator a\nroot b\n", "line 2" },
    { "role in capitals", "Operator a\n", "line 1" },
    { "no token", "\n\nviewer\n", "line 3" },
    { "no token but a blank", "viewer \n", "line 1" },
    { "two words", "viewer a b\n", "line 1" },
    { "a colon", "viewer a:b\n", "line 1" },
    { "a byte over 0x7F", "viewer \xc3\xa9\n", "line 1" },
    { "too long", "viewer " X256 "x\n", "line 1" },
    { "twice", "viewer a\noperator a\n", "line 2" },
}; // clang-format on

static void token_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct auth_tokens tokens = { .count = 77 };
        struct error e = auth_parse_tokens(files[i].text, strlen(files[i].text), &tokens);

        print_message("%s: %s\n", files[i].what, e.message);
        assert_int_equal(e.code, files[i].says ? ERROR_INVALID_REQUEST : ERROR_NONE);
        assert_int_equal(tokens.count, files[i].says ? 77 : files[i].count);
        if (files[i].says)
            assert_non_null(strstr(e.message, files[i].says));
    }
}

static void file_bounds(void **state)
{
    char text[65 * 16] = "";
    struct auth_tokens tokens;

    (void)state;
    for (int i = 0; i < 64; i++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "viewer t%d\n", i);
    assert_ok(auth_parse_tokens(text, strlen(text), &tokens));
    assert_int_equal(tokens.count, 64);
    strcat(text, "viewer more\n");
    assert_code(auth_parse_tokens(text, strlen(text), &tokens), ERROR_INVALID_REQUEST);
    /* A NUL is no part of a token. */
    assert_code(auth_parse_tokens("viewer a\0b", 10, &tokens), ERROR_INVALID_REQUEST);
}

static const struct {
    const char *authorization;
    enum role role;
} rows[] = {
    // clang-format off
    { "Bearer s3cret", ROLE_OPERATOR },
    { "bearer s3cret", ROLE_OPERATOR },
    { "Bearer   s3cret", ROLE_OPERATOR },
    { "Bearer look", ROLE_VIEWER },
    { NULL, ROLE_NONE },
    { "", ROLE_NONE },
    { "s3cret", ROLE_NONE },
    { "Bearer", ROLE_NONE },
    { "Bearer ", ROLE_NONE },
    { "Bearers3cret", ROLE_NONE },
    { "Basic s3cret", ROLE_NONE },
    { "Bearer s3cre", ROLE_NONE },
    { "Bearer s3crett", ROLE_NONE },
    { "Bearer S3CRET", ROLE_NONE },
    { "Bearer s3cret ", ROLE_NONE },
    { "Bearer s3cret, Bearer look", ROLE_NONE },
    { "Bearer " X256 "x", ROLE_NONE },
}; // clang-format on

static void roles(void **state)
{
    static const char file[] = "operator s3cret\nviewer look\n";
    struct auth_tokens tokens;

    (void)state;
    assert_ok(auth_parse_tokens(file, strlen(file), &tokens));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("%s\n", rows[i].authorization ? rows[i].authorization : "none");
        assert_int_equal(auth_role_of(&tokens, rows[i].authorization), rows[i].role);
    }
}

static const struct {
    const char *host, *own;
    bool ok;
} hosts[] = {
    // clang-format off
    { "127.0.0.1", "127.0.0.1", true },
    { "127.0.0.1:8480", "127.0.0.1", true },
    { "localhost", "127.0.0.1", true },
    { "LocalHost:9000", "127.0.0.1", true },
    { "[::1]", "::1", true },
    { "[::1]:8480", "::1", true },
    { "gateway.example", "127.0.0.1", true },
    { "Gateway.Example:443", "127.0.0.1", true },
    { "other.example:8443", "127.0.0.1", true },
    { "other.example", "127.0.0.1", false },
    { "other.example:8444", "127.0.0.1", false },
    { NULL, "127.0.0.1", false },
    { "", "127.0.0.1", false },
    { "", "", false },
    { ":80", "", false },
    { "[]", "", false },
    { "evil.example", "127.0.0.1", false },
    { "127.0.0.1.evil.example", "127.0.0.1", false },
    { "localhost.evil.example", "127.0.0.1", false },
    { "localhost:80@evil.example", "127.0.0.1", false },
    { "localhost:", "127.0.0.1", true },
    { "localhost:8x", "127.0.0.1", false },
    { "[::1", "::1", false },
    { "[::1]x", "::1", false },
    { "[", "::1", false },
    { "::1", "::1", false },
    { "127.0.0.2", "127.0.0.1", false },
    { "gateway.example, evil.example", "127.0.0.1", false },
}; // clang-format on

static void host_guard(void **state)
{
    static char one[] = "gateway.example", two[] = "other.example:8443";
    char *const names[] = { one, two };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        print_message("%s\n", hosts[i].host ? hosts[i].host : "none");
        assert_int_equal(auth_host_is_ours(hosts[i].host, hosts[i].own, names, ARRAY_LEN(names)),
                         hosts[i].ok);
    }
}

static const struct {
    const char *origin, *host;
    bool ok;
} origins[] = {
    // clang-format off
    { NULL, "127.0.0.1:8480", true },
    { "http://127.0.0.1:8480", "127.0.0.1:8480", true },
    { "HTTP://LOCALHOST:8480", "localhost:8480", true },
    { "https://gateway.example", "gateway.example", true },
    { "http://[::1]:8480", "[::1]:8480", true },
    { "null", "127.0.0.1:8480", false },
    { "", "127.0.0.1:8480", false },
    { "http://evil.example", "127.0.0.1:8480", false },
    { "http://127.0.0.1:8481", "127.0.0.1:8480", false },
    { "http://127.0.0.1:8480.evil.example", "127.0.0.1:8480", false },
    { "http://127.0.0.1", "127.0.0.1:8480", false },
    { "file://127.0.0.1:8480", "127.0.0.1:8480", false },
    { "http://", NULL, false },
}; // clang-format on

static void origin_guard(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(origins); i++) {
        print_message("%s\n", origins[i].origin ? origins[i].origin : "none");
        assert_int_equal(auth_origin_is_ours(origins[i].origin, origins[i].host), origins[i].ok);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(token_files), cmocka_unit_test(file_bounds),  cmocka_unit_test(roles),
        cmocka_unit_test(host_guard),  cmocka_unit_test(origin_guard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
