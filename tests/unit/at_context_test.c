#include "agent/modem/at_context.h"
#include "tests/test.h"

/* Of context 1. `type` NULL: not its line. */
static const struct {
    const char *what, *line, *type, *apn;
} definitions[] = {
    // clang-format off
    { "plain", "+CGDCONT: 1,\"IPV4V6\",\"iot.example\",\"0.0.0.0\",0,0", "IPV4V6", "iot.example" },
    { "a comma in quotes", "+CGDCONT: 1,\"IP\",\"iot.example, really\",\"\",0,0", "IP", "iot.example, really" },
    { "without quotes", "+CGDCONT: 1,IP,iot.example,,0,0", "IP", "iot.example" },
    { "odd blanks", "+CGDCONT:1 , \"IP\" ,  \"iot.example\"  ,\"\"", "IP", "iot.example" },
    { "no APN", "+CGDCONT: 1,\"IP\",\"\",\"0.0.0.0\"", "IP", "" },
    { "ends behind the type", "+CGDCONT: 1,\"IPV6\"", "IPV6", "" },
    { "ends behind the number", "+CGDCONT: 1", "", "" },
    { "number in quotes", "+CGDCONT: \"1\",\"IP\",\"iot\"", "IP", "iot" },
    { "no closing quote", "+CGDCONT: 1,\"IP\",\"iot", "IP", "iot" },
    { "the longest type", "+CGDCONT: 1,\"Unstructured\",\"iot\"", "Unstructured", "iot" },
    { "what the network appended", "+CGDCONT: 1,\"IP\",\"iot.MNC001.MCC262.GPRS\",\"10.1.2.3\",0,0,0,0", "IP", "iot.MNC001.MCC262.GPRS" },
    { "another context", "+CGDCONT: 2,\"IP\",\"iot\"", NULL, NULL },
    { "one that begins alike", "+CGDCONT: 11,\"IP\",\"iot\"", NULL, NULL },
    { "no number", "+CGDCONT: ,\"IP\",\"iot\"", NULL, NULL },
    { "test form", "+CGDCONT: (1-8),\"IP\",,,(0,1),(0,1)", NULL, NULL },
    { "another command", "+CGCONTRDP: 1,5,\"iot\"", NULL, NULL },
    { "type too long", "+CGDCONT: 1,\"UnstructuredX\",\"iot\"", NULL, NULL },
    { "empty", "", NULL, NULL },
}; // clang-format on

static void definitions_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(definitions); i++) {
        struct modem_context context = { .cid = 1, .pdp_type = "before", .apn = "as before" };
        bool ok = definitions[i].type != NULL;

        print_message("%s\n", definitions[i].what);
        assert_int_equal(at_cgdcont_parse(definitions[i].line, &context), ok);
        assert_string_equal(context.pdp_type, ok ? definitions[i].type : "before");
        assert_string_equal(context.apn, ok ? definitions[i].apn : "as before");
    }
}

static void an_apn_has_a_length(void **state)
{
    (void)state;
    for (size_t len = 0; len <= MODEM_CONTEXT_APN_MAX + 1; len++) {
        struct modem_context context = { .cid = 7 };
        char apn[MODEM_CONTEXT_APN_MAX + 2] = "";
        char line[200], text[AT_CONTEXT_TEXT_MAX + 1];

        memset(apn, 'a', len);
        (void)snprintf(line, sizeof line, "+CGDCONT: 7,\"IP\",\"%s\"", apn);
        assert_int_equal(at_cgdcont_parse(line, &context), len <= MODEM_CONTEXT_APN_MAX);
        if (len > MODEM_CONTEXT_APN_MAX)
            continue;
        assert_string_equal(context.apn, apn);
        assert_ok(at_cgdcont_build(&context, text));
        assert_string_equal(text + strlen("AT+CGDCONT="), line + strlen("+CGDCONT: "));
    }
}

/* Of context 1, in place of PAP with a user "u". */
static const struct {
    const char *what, *line;
    bool ok, known;
    enum modem_auth auth;
    const char *username, *password;
} auths[] = {
    // clang-format off
    { "PAP", "+CGAUTH: 1,1,\"user\",\"pass,word\"", true, true, MODEM_AUTH_PAP, "user", "pass,word" },
    { "CHAP without quotes", "+CGAUTH:1 ,2, user ,password", true, true, MODEM_AUTH_CHAP, "user", "password" },
    { "none", "+CGAUTH: 1,0", true, true, MODEM_AUTH_NONE, "", "" },
    { "none, with empty fields", "+CGAUTH: 1,0,\"\",\"\"", true, true, MODEM_AUTH_NONE, "", "" },
    { "none, with old values", "+CGAUTH: 1,0,\"user\",\"password\"", true, true, MODEM_AUTH_NONE, "", "" },
    { "ends behind the number", "+CGAUTH: 1", true, true, MODEM_AUTH_NONE, "", "" },
    { "the password is not told", "+CGAUTH: 1,1,\"user\"", true, true, MODEM_AUTH_PAP, "user", "" },
    { "another protocol", "+CGAUTH: 1,3,\"user\",\"password\"", true, false, MODEM_AUTH_NONE, "", "" },
    { "no protocol", "+CGAUTH: 1,,\"user\",\"password\"", true, false, MODEM_AUTH_NONE, "", "" },
    { "another context", "+CGAUTH: 2,2,\"user\",\"password\"", false, true, MODEM_AUTH_PAP, "u", "" },
    { "another command", "+CGDCONT: 1,\"IP\",\"iot\"", false, true, MODEM_AUTH_PAP, "u", "" },
}; // clang-format on

static void authentication_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(auths); i++) {
        struct modem_context context = {
            .cid = 1, .auth = MODEM_AUTH_PAP, .auth_known = true, .username = "u"
        };

        print_message("%s\n", auths[i].what);
        assert_int_equal(at_cgauth_parse(auths[i].line, &context), auths[i].ok);
        assert_int_equal(context.auth_known, auths[i].known);
        assert_int_equal(context.auth, auths[i].auth);
        assert_string_equal(context.username, auths[i].username);
        assert_string_equal(context.password, auths[i].password);
    }
}

/* NULL: refused. */
static const struct {
    struct modem_context context;
    const char *definition, *auth;
} commands[] = {
    // clang-format off
    { { .cid = 1, .pdp_type = "IPV4V6", .apn = "iot.example" }, "AT+CGDCONT=1,\"IPV4V6\",\"iot.example\"", "AT+CGAUTH=1,0" },
    { { .cid = 3, .pdp_type = "IP" }, "AT+CGDCONT=3,\"IP\",\"\"", "AT+CGAUTH=3,0" },
    { { .cid = 255 }, "AT+CGDCONT=255", "AT+CGAUTH=255,0" },
    { { .cid = 1, .apn = "no\"thing", .username = "not \"used" }, "AT+CGDCONT=1", "AT+CGAUTH=1,0" },
    { { .cid = 1, .auth = MODEM_AUTH_PAP, .username = "user", .password = "pass word,;" }, "AT+CGDCONT=1", "AT+CGAUTH=1,1,\"user\",\"pass word,;\"" },
    { { .cid = 1, .auth = MODEM_AUTH_CHAP }, "AT+CGDCONT=1", "AT+CGAUTH=1,2,\"\",\"\"" },
    { { .cid = 1, .pdp_type = "IP", .apn = "a\"b" }, NULL, "AT+CGAUTH=1,0" },
    { { .cid = 1, .pdp_type = "IP", .apn = "a\rb" }, NULL, "AT+CGAUTH=1,0" },
    { { .cid = 1, .pdp_type = "I\"P", .apn = "ab" }, NULL, "AT+CGAUTH=1,0" },
    { { .cid = 1, .pdp_type = "IP", .apn = "\xC3\xA9" }, NULL, "AT+CGAUTH=1,0" },
    { { .cid = 1, .auth = MODEM_AUTH_PAP, .username = "us\"er", .password = "p" }, "AT+CGDCONT=1", NULL },
    { { .cid = 1, .auth = MODEM_AUTH_PAP, .username = "user", .password = "secret\n" }, "AT+CGDCONT=1", NULL },
    { { .cid = 1, .auth = MODEM_AUTH_CHAP, .username = "user", .password = "secret\\" }, "AT+CGDCONT=1", NULL },
    { { .cid = 1, .auth = MODEM_AUTH_CHAP, .username = "user", .password = "secret\x7F" }, "AT+CGDCONT=1", NULL },
}; // clang-format on

static void check(struct error e, const char *text, const char *want)
{
    print_message("%s %s\n", text, e.message);
    assert_string_equal(text, want ? want : "as before");
    assert_int_equal(e.code, want ? ERROR_NONE : ERROR_INVALID_REQUEST);
    assert_null(strstr(e.message, "secret"));
}

static void commands_are_built(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        char text[AT_CONTEXT_TEXT_MAX + 1] = "as before";

        struct error e = at_cgdcont_build(&commands[i].context, text);
        check(e, text, commands[i].definition);
        (void)snprintf(text, sizeof text, "as before");
        e = at_cgauth_build(&commands[i].context, text);
        check(e, text, commands[i].auth);
    }
}

static void the_longest_commands_fit(void **state)
{
    struct modem_context context = { .cid = 255, .auth = MODEM_AUTH_CHAP };
    struct modem_context back = { .cid = 255 };
    char text[AT_CONTEXT_TEXT_MAX + 1];
    char line[AT_CONTEXT_TEXT_MAX + 1];

    (void)state;
    memset(context.pdp_type, 'T', sizeof context.pdp_type - 1);
    memset(context.apn, 'a', sizeof context.apn - 1);
    memset(context.username, 'u', sizeof context.username - 1);
    memset(context.password, '~', sizeof context.password - 1);
    assert_ok(at_cgdcont_build(&context, text));
    (void)snprintf(line, sizeof line, "+CGDCONT: %s", strchr(text, '=') + 1);
    assert_true(at_cgdcont_parse(line, &back));
    assert_ok(at_cgauth_build(&context, text));
    (void)snprintf(line, sizeof line, "+CGAUTH: %s", strchr(text, '=') + 1);
    assert_true(at_cgauth_parse(line, &back));
    assert_true(back.auth_known);
    back.auth_known = false;
    assert_memory_equal(&back, &context, sizeof back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(definitions_are_read),     cmocka_unit_test(an_apn_has_a_length),
        cmocka_unit_test(authentication_is_read),   cmocka_unit_test(commands_are_built),
        cmocka_unit_test(the_longest_commands_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
