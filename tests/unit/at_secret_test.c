#include "agent/base/at_secret.h"

#include <string.h>

#include "tests/test.h"

/* `shown`: what is in front of the secret; NULL: there is none. */
static const struct {
    const char *line, *shown;
} rows[] = {
    // clang-format off
    { "", NULL },
    { "AT+CSQ", NULL },
    { "AT+CPIN=\"1234\"", "AT+CPIN=" },
    { "AT+CPIN=1234,5678", "AT+CPIN=" },
    { "AT+CPIN2=1234", "AT+CPIN2=" },
    { "AT+CPIN = 1234", "AT+CPIN =" },
    { "AT+CPIN?", NULL },
    { "+CPIN: READY", NULL },
    { "+CPIN: SIM PIN", NULL },
    { "AT+CLCK=\"SC\",1,\"1234\"", "AT+CLCK=" },
    { "AT+CLCK=?", NULL },
    { "AT+CLCK=?;+CPIN=1234", "AT+CLCK=?;+CPIN=" },
    { "AT+CPIN=?12", "AT+CPIN=" },
    { "+CLCK: 1", NULL },
    { "AT+CPWD=\"SC\",\"0000\",\"1234\"", "AT+CPWD=" },
    { "AT+QCPIN=1234", "AT+QCPIN=" },
    { "AT+CNMPWD=1,\"pw\"", "AT+CNMPWD=" },
    { "at+cgauth=1,1,\"u\",\"p\"", "at+cgauth=" },
    { "+CGAUTH: 1,2,\"u\",\"p\"", "+CGAUTH:" },
    { "+CGAUTH:1,2,u,p", "+CGAUTH:" },
    { "AT+CGAUTH?", NULL },
    { "T+CGAUTH=1,2,\"u\",\"p\"", "T+CGAUTH=" },
    { "CGAUTH=1,2,\"u\",\"p\"", "CGAUTH=" },
    { "AT+CGDCONT=1,\"IP\",\"x\";+CGAUTH=1,1,\"u\",\"p\"", "AT+CGDCONT=1,\"IP\",\"x\";+CGAUTH=" },
    { "+QICSGP: 1,\"apn\",\"u\",\"p\"", "+QICSGP:" },
    { "AT+QICSGP=1,1,\"apn\",\"u\",\"p\",1", "AT+QICSGP=" },
    { "+UAUTHREQ: 1,1,\"u\",\"p\"", "+UAUTHREQ:" },
    { "AT+UPSD=0,3,\"p\"", "AT+UPSD=" },
    { "AT#PDPAUTH=1,2,\"u\",\"p\"", "AT#PDPAUTH=" },
    { "#PDPAUTH: 1,2,\"u\"", "#PDPAUTH:" },
    { "AT#PASSW=\"p\"", "AT#PASSW=" },
    { "AT+WPPP=2,1,\"u\",\"p\"", "AT+WPPP=" },
    { "AT^AUTHDATA=1,2,\"\",\"p\",\"u\"", "AT^AUTHDATA=" },
    { "^AUTHDATA: 1,2,\"\",\"p\",\"u\"", "^AUTHDATA:" },
    { "AT^SGAUTH=1,2,p,u", "AT^SGAUTH=" },
    { "AT^NDISDUP=1,1,\"apn\",\"u\",\"p\",2", "AT^NDISDUP=" },
    { "AT$QCPDPP=1,1,\"p\",\"u\"", "AT$QCPDPP=" },
    { "AT+QCPDPP=1,1,\"p\",\"u\"", "AT+QCPDPP=" },
    { "AT+CSTT=\"apn\",\"u\",\"p\"", "AT+CSTT=" },
    { "AT+CNCFG=0,1,\"apn\",\"u\",\"p\",1", "AT+CNCFG=" },
    { "AT+MGAUTH=1,1,\"u\",\"p\"", "AT+MGAUTH=" },
    { "+MGAUTH: 1,1,\"u\",\"p\"", "+MGAUTH:" },
    { "AT+MGAUTH?", NULL },
    { "AT+XGAUTH=1,1,\"u\",\"p\"", "AT+XGAUTH=" },
    { "+XGAUTH: 1,1,\"u\",\"p\"", "+XGAUTH:" },
    { "AT+CGAUTHX=1", NULL },
    { "AT+CPINR=\"SIM PIN\"", NULL },
    { "+CPINR: SIM PIN,3,3", NULL },
}; // clang-format on

static void finds_where_it_begins(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *found = at_secret_find(rows[i].line);

        print_message("%s\n", rows[i].line);
        if (!rows[i].shown) {
            assert_null(found);
            continue;
        }
        assert_non_null(found);
        assert_int_equal(found - rows[i].line, strlen(rows[i].shown));
    }
}

static void looks_at_the_front_alone(void **state)
{
    static const char line[] = "+CGAUTH: 1";

    (void)state;
    assert_ptr_equal(at_secret_at(line), line + 8);
    assert_ptr_equal(at_secret_at(line + 1), line + 8);
    assert_null(at_secret_at("AT+CGAUTH=1"));
    assert_null(at_secret_at(""));
    assert_null(at_secret_at("+"));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(finds_where_it_begins),
                                        cmocka_unit_test(looks_at_the_front_alone) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
