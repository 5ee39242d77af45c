#include "ctl/redact.h"
#include "tests/test.h"

static const struct {
    const char *what, *text, *clean;
} rows[] = {
    // clang-format off
    { "nothing", "", "" },
    { "plain", "registered at 26201 LTE, RSRP -95", "registered at 26201 LTE, RSRP -95" },
    { "an ICCID", "iccid=8949001312170061988 x", "iccid=*1988 x" },
    { "one with letters", "\"89860A09091830300220\"", "\"*0220\"" },
    { "one of 18 digits", "894900131217006198", "*6198" },
    { "an EID", "89001039450410141400000000001580", "*1580" },
    { "one behind letters", "x8949001312170061988y", "x*1988y" },
    { "the same mask each time", "8949001312170061988 8949001312170061988", "*1988 *1988" },
    { "others that end alike", "8949001312170061988 8900000000000001988 8949001312170061988",
      "*1988 *1988~2 *1988" },
    { "any case is one", "89860A09091830300220 89860a09091830300220", "*0220 *0220" },
    { "an IMSI", "+CIMI: 262011234567890", "+CIMI: *7890" },
    { "an IMEI", "867698041234567", "*4567" },
    { "an IMEI in groups", "35-209900-176148-1", "*1481" },
    { "an old one", "352099-00-176148-1.", "*1481." },
    { "with blanks", "IMEI 35 209900 176148 1 352099001761481", "IMEI *1481 *1481" },
    { "an IMSI in groups", "262-01-1234567890 262 01 1234567890", "*7890 *7890" },
    { "an ICCID in groups", "8949 0013 1217 0061 988", "*1988" },
    { "stamps in groups stay", "2026-11-26-08-00-00 20261126-080000 1764158400 2026-11-26 08:00:00", "2026-11-26-08-00-00 20261126-080000 1764158400 2026-11-26 08:00:00" },
    { "short groups stay", "1-2-3 12345-6789 99,99,255,255,20,60", "1-2-3 12345-6789 99,99,255,255,20,60" },
    { "as a card has it", "5A0A989400312171001689F8", "*1689F8" },
    { "13 digits are a time", "1764158400000", "1764158400000" },
    { "an EID in groups", "EID 8900-1039-4504-1014-1400-0000-0000-1580, EID_8900-1039-4504-1014-1400-0000-0000-1580.", "EID *1580, EID_*1580." },
    { "behind an escape", "\\n8900-1039-4504-1014-1400-0000-0000-1580 \\t10.0.0.1", "\\n*1580 \\t<ip-1>" },
    { "with other signs", "8900.1039.4504.1014.1400.0000.0000.1580 8900:1039:4504:1014:1400:0000:0000:1580 8900\xe2\x80\x93" "1039\xe2\x80\x93" "45041014\xe2\x80\x93" "14000000\xe2\x80\x93" "00001580", "*1580 <ip-1> *1580" },
    { "with blanks around them", "8900 - 1039 - 4504 - 1014 - 1400 - 0000 - 0000 - 1580", "*1580" },
    { "numbers with a point stay", "1764158400.123456 2026.11.26.08.00.00 -95 -96 -97 -98 -99 -100 -101", "1764158400.123456 2026.11.26.08.00.00 -95 -96 -97 -98 -99 -100 -101" },
    { "a hash of an IMSI", "{\"imsi_hash\":\"0123456789abcdef\"} imsi_hash=fedcba9876543210 \\\"imsi_hash\\\": \\\"0123456789abcdef\\\"", "{\"imsi_hash\":\"<imsi-1>\"} imsi_hash=<imsi-2> \\\"imsi_hash\\\": \\\"<imsi-1>\\\"" },
    { "another hash stays", "etag=a123456789abcdef", "etag=a123456789abcdef" },
    { "an address for mail", "ask Jo.Doe+x@mail.example.org, jo.doe+x@MAIL.example.org. a@b x@1.5", "ask <mail-1>, <mail-1>. a@b x@1.5" },
    { "in JSON, mail", "{\"reason\":\"me@example.org\"}", "{\"reason\":\"<mail-1>\"}" },
    { "a telephone", "call +49 (0)30 123-4567 or +491711234567, +491711234567.", "call <phone-1> or <phone-2>, <phone-2>." },
    { "in JSON, a telephone", "{\"reason\":\"\\n+4917112345678\"}", "{\"reason\":\"\\n<phone-1>\"}" },
    { "a telephone before a time", "+4917112345678 2026-11-26 08:00", "<phone-1> 2026-11-26 08:00" },
    { "no telephones", "+0100 2026-11-26T08:00:00+01:00 +CSQ: 20,99 +5 +12345", "+0100 2026-11-26T08:00:00+01:00 +CSQ: 20,99 +5 +12345" },
    { "a PIN that is told", "PIN 1234, the pin is 4711; PUK 12345678 SIM-PIN (0000) PIN-Code: 0000 PIN1 \"1234\" pin-4711 PIN4711", "PIN ***, the pin is ***; PUK *** SIM-PIN (***) PIN-Code: *** PIN1 \"***\" pin-*** PIN***" },
    { "in JSON, a PIN", "{\"reason\":\"PIN 1234\",\"x\":\"\\npin 4711\"}", "{\"reason\":\"PIN ***\",\"x\":\"\\npin ***\"}" },
    { "no PINs", "pin 3, PIN 2026-11-26 spin 1234 pins 1234 PIN 123456789", "pin 3, PIN 2026-11-26 spin 1234 pins 1234 PIN 123456789" },
    { "an applet's AID stays", "{\"aid\":\"A000000815030040030902231003\"} A0000005591010", "{\"aid\":\"A000000815030040030902231003\"} A0000005591010" },
    { "an AID stays", "\"A0000005591010FFFFFFFF8900001100\"", "\"A0000005591010FFFFFFFF8900001100\"" },
    { "stamps stay", "2026-11-26T08:00:00.120Z", "2026-11-26T08:00:00.120Z" },
    { "a masked one stays", "iccid=*1988", "iccid=*1988" },
    { "IPv4", "10.11.12.13:8883, 10.11.12.13.", "<ip-1>:8883, <ip-1>." },
    { "two of them", "10.0.0.1 10.0.0.2 10.0.0.1", "<ip-1> <ip-2> <ip-1>" },
    { "loopback stays", "127.0.0.1:1883 ::1 0.0.0.0", "127.0.0.1:1883 ::1 0.0.0.0" },
    { "IPv6", "[2001:db8::17]:8883 fe80::1", "[<ip-1>]:8883 <ip-2>" },
    { "IPv6 in decimal", "32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.1", "<ip-1>" },
    { "with zeros", "010.001.002.003 127.000.000.001", "<ip-1> 127.000.000.001" },
    { "no addresses", "1.2.3 01.001.01.001 08:00:00 1.2.3.256", "1.2.3 01.001.01.001 08:00:00 1.2.3.256" },
    { "a password", "password=hunter2 next", "password=*** next" },
    { "in JSON", "{\"password\":\"hun\\\"ter2\",\"x\":1}", "{\"password\":\"***\",\"x\":1}" },
    { "in JSON in JSON", "{\"m\":\"{\\\"token\\\":\\\"abc\\\",\\\"x\\\":1}\"}", "{\"m\":\"{\\\"token\\\":\\\"***\\\",\\\"x\\\":1}\"}" },
    { "with blanks", "Token : 'abc def'", "Token : '***'" },
    { "names that end so", "MQTT_PASSWORD=abc --api-token=x", "MQTT_PASSWORD=*** --api-token=***" },
    { "a PIN", "pin=1234, puk: 12345678", "pin=***, puk: ***" },
    { "no secrets", "password_file=/etc/x spin: 3 +CPIN: READY", "password_file=/etc/x spin: 3 +CPIN: READY" },
    { "with what a shell likes", "password=ab,cd;ef&gh}i next", "password=*** next" },
    { "with a quote", "password=ab\"cd'ef next", "password=*** next" },
    { "behind a tab", "{\"password\":\t\"hunter2\"}", "{\"password\":\t\"***\"}" },
    { "at a line's end", "token=abc\r\nnext", "token=***\r\nnext" },
    { "in a query", "GET /v1/x?token=abc&limit=5 HTTP", "GET /v1/x?token=***&limit=5 HTTP" },
    { "in a text of JSON", "{\"msg\":\"password=ab,c\",\"x\":1}", "{\"msg\":\"password=***\",\"x\":1}" },
    { "with a quote in one", "{\"msg\":\"password=ab\\\"c\",\"x\":1}", "{\"msg\":\"password=***\",\"x\":1}" },
    { "a text that ends before", "[\"--password=\",\"x\"]", "[\"--password=\",\"x\"]" },
    { "a number", "{\"pin\":1234,\"x\":1}", "{\"pin\":\"***\",\"x\":1}" },
    { "several", "{\"token\":[\"abc\",\"d]f\"],\"x\":1}", "{\"token\":\"***\",\"x\":1}" },
    { "over lines", "{\"secret\": {\n\"a\": [\"b\"]\n},\"x\":1}", "{\"secret\": \"***\",\"x\":1}" },
    { "that do not end", "{\"token\":[\"abc\",\"de\nnext", "{\"token\":\"***\"\nnext" },
    { "not in JSON", "token: [abc, def] next", "token: *** next" },
    { "three deep", "\\\"m\\\":\\\"{\\\\\\\"pin\\\\\\\":\\\\\\\"abc\\\\\\\"}\\\"", "\\\"m\\\":\\\"{\\\\\\\"pin\\\\\\\":\\\\\\\"***\\\\\\\"}\\\"" },
    { "a quote in one of those", "\\\"token\\\":\\\"ab\\\\\\\"cd\\\",", "\\\"token\\\":\\\"***\\\"," },
    { "other names", "secret_key=a apiToken=b private-key: c simPin=d clientSecret=e X-Api-Key: f dbpassword=g pin1=h",
      "secret_key=*** apiToken=*** private-key: *** simPin=*** clientSecret=*** X-Api-Key: *** dbpassword=*** pin1=***" },
    { "a name behind an escape", "\\npin=1234 \\token=x", "\\npin=*** \\token=***" },
    { "an identity in a name", "8949001312170061988_password=x token8949001312170061988=y", "*1988_password=*** token*1988=y" },
    { "names of none", "bypass: a compass=b keys=c tokenizer=d key=e", "bypass: a compass=b keys=c tokenizer=d key=e" },
    { "a bearer", "Bearer abc.def x", "Bearer *** x" },
    { "any authorization", "Authorization: Basic dXNlcjpwdw==\nnext", "Authorization: ***\nnext" },
    { "of a digest", "> proxy-authorization: Digest username=\"u\", response=\"r\"", "> proxy-authorization: ***" },
    { "in a command", "[\"-H\", \"Authorization: Basic dXNlcg==\", \"x\"]", "[\"-H\", \"Authorization: ***\", \"x\"]" },
    { "in headers of JSON", "{\"Authorization\":\"Basic dXNlcg==\",\"x\":1}", "{\"Authorization\":\"***\",\"x\":1}" },
    { "a URI's user", "mqtts://user:pw@broker.example:8883/x", "mqtts://***@broker.example:8883/x" },
    { "with a sign in the password", "mqtts://u:p@ss@broker.example", "mqtts://***@broker.example" },
    { "a URI without", "mqtts://broker.example:8883/a@b", "mqtts://broker.example:8883/a@b" },
    { "an AT command", "> AT+CPIN=\"1234\"\nOK", "> AT+CPIN=***\nOK" },
    { "in JSON, the rest stays", "{\"a\":\"AT+CGAUTH=1,1,\\\"u\\\",\\\"p\\\"\",\"b\":1}", "{\"a\":\"AT+CGAUTH=***\",\"b\":1}" },
    { "hidden before", "[\"AT+CPIN=***\", \"ATE0\"]", "[\"AT+CPIN=***\", \"ATE0\"]" },
    { "a question is none", "AT+CPIN? AT+CLCK=?", "AT+CPIN? AT+CLCK=?" },
    { "what the modem answers", "< +CGAUTH: 1,2,\"u\",\"p\"\nOK", "< +CGAUTH:***\nOK" },
    { "by Quectel", "+QICSGP: 1,\"apn\",\"u\",\"p\"", "+QICSGP:***" },
    { "a command behind another", "AT+CFUN=1;+CNMPWD=1,\"p\"", "AT+CFUN=1;+CNMPWD=***" },
    { "in JSON, the answer", "{\"line\":\"+CGAUTH: 1,2,\\\"u\\\",\\\"p\\\"\",\"b\":1}", "{\"line\":\"+CGAUTH:***\",\"b\":1}" },
    { "a state stays", "+CPIN: READY +CLCK: 1", "+CPIN: READY +CLCK: 1" },
    { "in any case", "at+cgauth=1,1,\"u\",\"p\"", "at+cgauth=***" },
}; // clang-format on

static void takes_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        static struct redact r;
        struct buffer clean = { .max = 4096 };

        r = (struct redact){ 0 };
        assert_true(redact_text(&r, rows[i].text, &clean));
        print_message("%s: %s\n", rows[i].what, buffer_text(&clean));
        assert_string_equal(buffer_text(&clean), rows[i].clean);
        buffer_done(&clean);
    }
}

/* More than it can remember: still nothing comes through. */
static void masks_without_end(void **state)
{
    static struct redact r;
    struct buffer clean = { .max = 65536 };

    (void)state;
    for (unsigned i = 0; i < REDACT_KNOWN_MAX + 50; i++) {
        char iccid[32];

        (void)snprintf(iccid, sizeof iccid, "89490013121%08u", i);
        buffer_clear(&clean);
        assert_true(redact_text(&r, iccid, &clean));
        assert_true(clean.len < 16);
        assert_null(strstr(buffer_text(&clean), "8949"));
    }
    buffer_done(&clean);
}

/* Nothing but beginnings: each is looked at for a bounded way, so that this ends soon. */
static void ends_on_beginnings(void **state)
{
    static const char *const pieces[] = { "1a", "\"token\":[\n", "[[", "\\n", "1-", "//",
                                          ":1", "pin=" };
    enum { SIZE = 256 * 1024 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        static struct redact r;
        static char text[SIZE + 1];
        struct buffer clean = { .max = 4 * SIZE };

        for (size_t at = 0; at < SIZE; at++)
            text[at] = pieces[i][at % strlen(pieces[i])];
        r = (struct redact){ 0 };
        assert_true(redact_text(&r, text, &clean));
        assert_true(clean.len > 0);
        buffer_done(&clean);
    }
}

static void says_when_it_is_full(void **state)
{
    static struct redact r;
    struct buffer clean = { .max = 10 };

    (void)state;
    assert_false(redact_text(&r, "12345678901", &clean));
    buffer_done(&clean);
}

static void hides_in_the_configuration(void **state)
{
    static const char text[] =
        "{\"modem\":{\"init\":[\"ATE0\",\"AT+QICSGP=1,1,\\\"apn\\\",\\\"u\\\",\\\"p\\\"\"],"
        "\"reset\":\"AT+X=1\"},\"switch\":{\"hooks\":{\"before\":{\"exec\":[\"/bin/"
        "dial\",\"--key\",\"k\"]}}},"
        "\"mqtt\":{\"username\":\"u\",\"password_file\":\"/f\"},"
        "\"profiles\":{\"8949001312170061988\":{\"username\":\"u\",\"init\":[\"AT+Y=2\"],\"apn\":"
        "\"a\"}}}";
    static const char hidden[] =
        "{\"modem\":{\"init\":[\"ATE0\",\"AT+QICSGP=***\"],\"reset\":\"AT+X=***\"},"
        "\"switch\":{\"hooks\":{\"before\":{\"exec\":[\"/bin/dial\",\"***\",\"***\"]}}},"
        "\"mqtt\":{\"username\":\"***\",\"password_file\":\"/f\"},"
        "\"profiles\":{\"8949001312170061988\":{\"username\":\"***\",\"init\":[\"AT+Y=***\"],"
        "\"apn\":\"a\"}}}";
    cJSON *json = cJSON_Parse(text);
    char *printed;

    (void)state;
    assert_true(redact_config(json));
    printed = cJSON_PrintUnformatted(json);
    assert_string_equal(printed, hidden);
    cJSON_free(printed);
    cJSON_Delete(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_out),
        cmocka_unit_test(masks_without_end),
        cmocka_unit_test(ends_on_beginnings),
        cmocka_unit_test(says_when_it_is_full),
        cmocka_unit_test(hides_in_the_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
