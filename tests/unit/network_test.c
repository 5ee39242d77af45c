#include "agent/modem/network.h"
#include "tests/test.h"
#include "tests/unit/scripted_modem.h"

static struct scripted_modem modem;
static struct chat chat;
static struct network network;

static void begin(const struct scripted_step *steps, size_t count, const struct quirk *quirk)
{
    memset(&chat, 0, sizeof chat);
    scripted_init(&modem, steps, count);
    chat_init(&chat, &scripted_ops, &modem);
    chat.out_of_step = false;
    chat.owed = 0;
    network_init(&network, &chat, quirk);
}

#define OK "\r\nOK\r\n"
#define NO "\r\nERROR\r\n"

static const struct {
    const char *what;
    struct scripted_step steps[4];
    size_t count;
    enum registration registration;
    enum technology technology;
    int cause;
} registrations[] = {
    // clang-format off
    { "5G first, and no more asked", { { "AT+C5GREG?", "+C5GREG: 2,1,\"00A1B2\",\"1\",11" OK } }, 1, REGISTRATION_HOME, TECHNOLOGY_NR, -1 },
    { "LTE", { { "AT+C5GREG?", NO }, { "AT+CEREG?", "+CEREG: 2,5,\"1F00\",\"79D903\",7" OK } }, 2, REGISTRATION_ROAMING, TECHNOLOGY_LTE, -1 },
    { "2G by CREG", { { "AT+C5GREG?", NO }, { "AT+CEREG?", "+CEREG: 2,0" OK }, { "AT+CGREG?", "+CGREG: 2,2" OK }, { "AT+CREG?", "+CREG: 2,1,\"1A2B\",\"2\",0" OK } }, 4, REGISTRATION_HOME, TECHNOLOGY_GSM, -1 },
    { "one that names no technology, then one that does", { { "AT+C5GREG?", NO }, { "AT+CEREG?", NO }, { "AT+CGREG?", "+CGREG: 0,1" OK }, { "AT+CREG?", "+CREG: 2,5,\"1\",\"2\",2" OK } }, 4, REGISTRATION_HOME, TECHNOLOGY_3G, -1 },
    { "denied wins over searching", { { "AT+C5GREG?", NO }, { "AT+CEREG?", "+CEREG: 3,3,,,,0,15" OK }, { "AT+CGREG?", "+CGREG: 2,2" OK }, { "AT+CREG?", "+CREG: 2,2" OK } }, 4, REGISTRATION_DENIED, TECHNOLOGY_UNKNOWN, 15 },
    { "SMS only is not registered", { { "AT+C5GREG?", NO }, { "AT+CEREG?", "+CEREG: 2,6,\"1\",\"2\",7" OK }, { "AT+CGREG?", "+CGREG: 2,0" OK }, { "AT+CREG?", "+CREG: 2,0" OK } }, 4, REGISTRATION_SEARCHING, TECHNOLOGY_UNKNOWN, -1 },
    { "all idle", { { "AT+C5GREG?", NO }, { "AT+CEREG?", "+CEREG: 2,0" OK }, { "AT+CGREG?", NO }, { "AT+CREG?", "+CREG: 2,4" OK } }, 4, REGISTRATION_IDLE, TECHNOLOGY_UNKNOWN, -1 },
    { "nobody tells", { { "AT+C5GREG?", NO }, { "AT+CEREG?", NO }, { "AT+CGREG?", NO }, { "AT+CREG?", NO } }, 4, REGISTRATION_UNKNOWN, TECHNOLOGY_UNKNOWN, -1 },
}; // clang-format on

static void registrations_in_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(registrations); i++) {
        struct connectivity c = { 0 };

        print_message("%s\n", registrations[i].what);
        begin(registrations[i].steps, registrations[i].count, quirks_find("", ""));
        assert_ok(network_read_registration(&network, &c));
        assert_int_equal(c.registration, registrations[i].registration);
        assert_int_equal(c.technology, registrations[i].technology);
        assert_int_equal(c.reject_cause, registrations[i].cause);
        scripted_done(&modem);
    }
}

static void what_is_refused_is_asked_once(void **state)
{
    static const struct scripted_step steps[] = {
        { "AT+C5GREG?", "\r\n+CME ERROR: 4\r\n" },
        { "AT+CEREG?", "+CEREG: 2,1,\"1\",\"2\",7" OK },
        { "AT+CEREG?", "+CEREG: 2,1,\"1\",\"2\",7" OK },
        { "AT+CESQ", NO },
        { "AT+CSQ", "+CSQ: 20,99" OK },
        { "AT+CSQ", "+CSQ: 21,99" OK },
    };
    struct connectivity c = { 0 };

    (void)state;
    begin(steps, ARRAY_LEN(steps), quirks_find("", ""));
    assert_ok(network_read_registration(&network, &c));
    assert_ok(network_read_registration(&network, &c));
    assert_ok(network_read_signal(&network, &c));
    assert_true(c.signal.rssi_dbm.known);
    assert_float_equal(c.signal.rssi_dbm.value, -73, 0.01);
    assert_ok(network_read_signal(&network, &c));
    assert_float_equal(c.signal.rssi_dbm.value, -71, 0.01);
    scripted_done(&modem);
}

static void busy_is_no_refusal(void **state)
{
    static const struct scripted_step steps[] = {
        { "AT+CESQ", "\r\n+CME ERROR: 14\r\n" },        { "AT+CSQ", "+CSQ: 20,99" OK },
        { "AT+CESQ", "\r\n+CME ERROR: 50\r\n" },        { "AT+CSQ", "+CSQ: 21,99" OK },
        { "AT+CESQ", "\r\n+CME ERROR: 100\r\n" },       { "AT+CSQ", "\r\n+CME ERROR: 100\r\n" },
        { "AT+CESQ", "+CESQ: 99,99,255,255,20,60" OK },
    };
    struct connectivity c = { 0 };

    (void)state;
    begin(steps, ARRAY_LEN(steps), quirks_find("", ""));
    assert_ok(network_read_signal(&network, &c));
    assert_float_equal(c.signal.rssi_dbm.value, -73, 0.01);
    assert_ok(network_read_signal(&network, &c));
    assert_float_equal(c.signal.rssi_dbm.value, -71, 0.01);
    assert_ok(network_read_signal(&network, &c));
    assert_false(c.signal.rssi_dbm.known);
    assert_false(c.signal.rsrp_dbm.known);
    assert_ok(network_read_signal(&network, &c));
    assert_true(c.signal.rsrp_dbm.known);
    scripted_done(&modem);
}

static void cesq_that_knows_nothing(void **state)
{
    static const struct scripted_step steps[] = {
        { "AT+CESQ", "+CESQ: 99,99,255,255,255,255" OK },
        { "AT+CSQ", "+CSQ: 20,99" OK },
        { "AT+CESQ", "+CESQ: 99,99,255,255,20,60" OK },
    };
    struct connectivity c = { 0 };

    (void)state;
    begin(steps, ARRAY_LEN(steps), quirks_find("", ""));
    assert_ok(network_read_signal(&network, &c));
    assert_float_equal(c.signal.rssi_dbm.value, -73, 0.01);
    assert_ok(network_read_signal(&network, &c));
    assert_false(c.signal.rssi_dbm.known);
    assert_true(c.signal.rsrp_dbm.known);
    scripted_done(&modem);
}

static bool waits_after_one(void *ctx)
{
    return ++*(int *)ctx > 1;
}

static void gives_way_between_two_commands(void **state)
{
    static const struct scripted_step steps[] = {
        { "AT+C5GREG?", "+C5GREG: 0,0" OK },
    };
    struct connectivity c = { .registration = REGISTRATION_HOME };
    int asked = 0;

    (void)state;
    begin(steps, ARRAY_LEN(steps), quirks_find("", ""));
    network.gives_way = waits_after_one;
    network.way_ctx = &asked;
    struct error e = network_read_registration(&network, &c);
    assert_int_equal(e.code, ERROR_SWITCH_IN_PROGRESS);
    assert_true(network_is_fatal(&e));
    assert_int_equal(c.registration, REGISTRATION_HOME);
    scripted_done(&modem);
}

static void the_vendors_sinr(void **state)
{
    static const struct scripted_step steps[] = {
        { "AT+CESQ", "+CESQ: 99,99,255,255,20,60" OK },
        { "AT+QCSQ", "+QCSQ: \"LTE\",-60,-81,160,-10" OK },
        { "AT+CESQ", "+CESQ: 99,99,30,20,255,255" OK },
        { "AT+QCSQ", "+QCSQ: \"WCDMA\",-60,-81,-5" OK },
        { "AT+CESQ", "+CESQ: 99,99,255,255,20,60" OK },
        { "AT+QCSQ", "+QCSQ: \"LTE\",-60,-81,255,-10" OK },
    };
    struct connectivity c = { 0 };

    (void)state;
    begin(steps, ARRAY_LEN(steps), quirks_find("Quectel", "EC25"));
    assert_ok(network_read_signal(&network, &c));
    assert_true(c.signal.sinr_db.known);
    assert_float_equal(c.signal.sinr_db.value, 12, 0.01);
    assert_ok(network_read_signal(&network, &c));
    assert_false(c.signal.sinr_db.known);
    assert_float_equal(c.signal.rscp_dbm.value, -91, 0.01);
    assert_float_equal(c.signal.ecno_db.value, -14.5, 0.01);
    assert_ok(network_read_signal(&network, &c));
    assert_false(c.signal.sinr_db.known);
    scripted_done(&modem);
}

#define CESQ_LTE                                                                                   \
    {                                                                                              \
        "AT+CESQ", "+CESQ: 99,99,255,255,20,60" OK                                                 \
    }

/* A page of labels, of which one line counts; without it the SINR is unknown, and the dialogue is not
 * out of step. As the EM7455 has it. */
static void the_sinr_on_a_page(void **state)
{
    static const struct scripted_step steps[] = {
        CESQ_LTE,
        { "AT!GSTATUS?", "!GSTATUS: \r\nCurrent Time:  22016\t\tTemperature: 40\r\n"
                         "System mode:   LTE        \tPS state:    Attached     \r\n\r\n"
                         "PCC RxM RSSI:  -45\t\tRSRP (dBm):  -81\r\n"
                         "RSRQ (dB):     -14.0\t\tCell ID:     0A14666A (169106666)\r\n"
                         "SINR (dB):     23.8\r\n" OK },
        { "AT+CESQ", "+CESQ: 99,99,30,20,255,255" OK },
        { "AT!GSTATUS?", "!GSTATUS: \r\nSystem mode:   WCDMA     \tPS state:    Attached\r\n" OK },
        CESQ_LTE,
        { "AT!GSTATUS?", NO },
        CESQ_LTE,
    };
    struct connectivity c = { 0 };

    (void)state;
    begin(steps, ARRAY_LEN(steps), quirks_find("Sierra Wireless, Incorporated", "EM7455"));
    assert_ok(network_read_signal(&network, &c));
    assert_float_equal(c.signal.sinr_db.value, 23.8, 0.01);
    for (int i = 0; i < 3; i++) {
        assert_ok(network_read_signal(&network, &c));
        assert_false(c.signal.sinr_db.known);
    }
    assert_int_equal(chat.counters.mismatched, 0);
    scripted_done(&modem);
}

/* Lines without a prefix; what comes meanwhile is none of them. */
static void the_sinr_in_bare_lines(void **state)
{
    static const struct scripted_step steps[] = {
        CESQ_LTE,
        { "AT+GTCCINFO?", "+GTCCINFO:\r\nLTE service cell:\r\n+CSQ: 1,4\r\n"
                          "1,4,460,11,4580,8048A97,994,129,105,50,-4,45,45,10\r\n"
                          "LTE neighbor cell:\r\n2,4,,,,,994,F4,,38,38,0\r\n" OK },
        CESQ_LTE,
        { "AT+GTCCINFO?", "+GTCCINFO:\r\n" OK },
    };
    struct connectivity c = { 0 };

    (void)state;
    begin(steps, ARRAY_LEN(steps), quirks_find("Fibocom Wireless Inc.", "FM160-CN"));
    assert_ok(network_read_signal(&network, &c));
    assert_float_equal(c.signal.sinr_db.value, -2, 0.01);
    assert_string_equal(modem.unsolicited[2], "+CSQ: 1,4");
    assert_ok(network_read_signal(&network, &c));
    assert_false(c.signal.sinr_db.known);
    assert_int_equal(chat.counters.mismatched, 0);
    scripted_done(&modem);
}

/* On NR CESQ has it, and the maker's command is not sent. */
static void no_vendors_sinr_where_cesq_has_it(void **state)
{
    static const struct scripted_step steps[] = {
        { "AT+CESQ", "+CESQ: 99,99,255,255,255,255,65,70,77" OK },
        CESQ_LTE,
        { "AT+QSINR", "+QSINR: -3,-7,-1,-2,LTE" OK },
    };
    struct connectivity c = { 0 };

    (void)state;
    begin(steps, ARRAY_LEN(steps), quirks_find("Quectel", "RM500Q-GL"));
    assert_ok(network_read_signal(&network, &c));
    assert_float_equal(c.signal.sinr_db.value, 15, 0.01);
    assert_ok(network_read_signal(&network, &c));
    assert_float_equal(c.signal.sinr_db.value, -3, 0.01);
    scripted_done(&modem);
}

static void operator_and_data(void **state)
{
    static const struct scripted_step steps[] = {
        { "AT+COPS?", "+COPS: 0,2,\"26201\",7" OK },
        { "AT+CGATT?", "+CGATT: 1" OK },
        { "AT+CGPADDR", "+CGPADDR: 1,\"10.11.12.13\"\r\n+CGPADDR: 2,\"0.0.0.0\"" OK },
        { "AT+CGATT?", "+CGATT: 0" OK },
        { "AT+CGATT?", "+CGATT: 1" OK },
        { "AT+CGPADDR", NO },
        { "AT+CGPADDR=1", "+CGPADDR: 1,10.1.2.3" OK },
    };
    struct connectivity c = { .registration = REGISTRATION_HOME };

    (void)state;
    begin(steps, ARRAY_LEN(steps), quirks_find("", ""));
    assert_ok(network_read_operator(&network, &c));
    assert_string_equal(c.plmn, "26201");
    assert_int_equal(c.technology, TECHNOLOGY_LTE);
    assert_ok(network_read_data(&network, &c));
    assert_true(connectivity_has_data(&c));
    assert_int_equal(c.address_count, 1);
    assert_ok(network_read_data(&network, &c));
    assert_false(connectivity_has_data(&c));
    assert_int_equal(c.address_count, 0);
    assert_ok(network_read_data(&network, &c));
    assert_string_equal(c.addresses[0], "10.1.2.3");
    scripted_done(&modem);
}

/* `first`: what AT+CGPADDR gets; `then`: the same for the first context alone, NULL: it is not sent. */
static const struct {
    const char *what, *first, *then, *address;
} addresses[] = {
    // clang-format off
    { "told at once", "+CGPADDR: 1,\"10.1.2.3\"" OK, NULL, "10.1.2.3" },
    { "told that there is none", "+CGPADDR: 1" OK, NULL, NULL },
    { "refused", NO, "+CGPADDR: 1,10.1.2.3" OK, "10.1.2.3" },
    { "incorrect parameters", "\r\n+CME ERROR: 50\r\n", "+CGPADDR: 1,10.1.2.3" OK, "10.1.2.3" },
    { "unknown", "\r\n+CME ERROR: 100\r\n", "+CGPADDR: 1,10.1.2.3" OK, "10.1.2.3" },
    { "OK alone", OK, "+CGPADDR: 1,10.1.2.3" OK, "10.1.2.3" },
    { "OK alone, and no such context", OK, "\r\n+CME ERROR: 50\r\n", NULL },
    { "OK alone, twice", OK, OK, NULL },
    { "both refused", NO, NO, NULL },
}; // clang-format on

static void addresses_of_all_or_of_the_first_context(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        const struct scripted_step steps[] = {
            { "AT+CGATT?", "+CGATT: 1" OK },
            { "AT+CGPADDR", addresses[i].first },
            { "AT+CGPADDR=1", addresses[i].then },
        };
        struct connectivity c = { 0 };

        print_message("%s\n", addresses[i].what);
        begin(steps, addresses[i].then ? 3 : 2, quirks_find("", ""));
        assert_ok(network_read_data(&network, &c));
        assert_int_equal(c.address_count, addresses[i].address != NULL);
        if (addresses[i].address)
            assert_string_equal(c.addresses[0], addresses[i].address);
        scripted_done(&modem);
    }
}

#define EF_ICCID "+CRSM: 144,0,\"98211380007175100017\"" OK

static void the_iccid_in_use(void **state)
{
    static const struct scripted_step steps[] = {
        /* While the card is away a refusal tells nothing of the command. */
        { "AT+CCID", NO },
        { "AT+QCCID", NO },
        { "AT+ICCID", NO },
        { "AT+CRSM=176,12258,0,0,10", "\r\n+CME ERROR: 13\r\n" },
        { "AT+CCID", NO },
        { "AT+QCCID", "+QCCID: 89123108001757010071" OK },
        { "AT+CCID", "\r\n+CME ERROR: 14\r\n" },
    };
    static const struct scripted_step none[] = {
        { "AT+CCID", NO },
        { "AT+QCCID", NO },
        { "AT+ICCID", NO },
        { "AT+CRSM=176,12258,0,0,10", EF_ICCID },
        { "AT+CCID", NO },
        { "AT+QCCID", NO },
        { "AT+ICCID", NO },
        { "AT+CRSM=176,12258,0,0,10", EF_ICCID },
        { "AT+CCID", NO },
        { "AT+QCCID", NO },
        { "AT+ICCID", NO },
        { "AT+CRSM=176,12258,0,0,10", EF_ICCID },
        { "AT+CRSM=176,12258,0,0,10", EF_ICCID },
        { "AT+CRSM=176,12258,0,0,10", "+CRSM: 148,4" OK },
    };
    /* An answer without an ICCID is no answer, and is not asked for again for ever. */
    static const struct scripted_step odd[] = {
        { "AT+CCID", "+CCID: none" OK },
        { "AT+CCID", "+CCID: none" OK },
        { "AT+QCCID", "+QCCID: 89123108001757010071" OK },
    };
    static const struct scripted_step all_odd[] = {
        { "AT+CCID", OK },
        { "AT+CCID", OK },
        { "AT+QCCID", NO },
        { "AT+ICCID", NO },
        { "AT+CRSM=176,12258,0,0,10", EF_ICCID },
        { "AT+CCID", OK },
        { "AT+CCID", OK },
        { "AT+QCCID", NO },
        { "AT+ICCID", NO },
        { "AT+CRSM=176,12258,0,0,10", EF_ICCID },
        { "AT+CCID", OK },
        { "AT+CCID", OK },
        { "AT+QCCID", NO },
        { "AT+ICCID", NO },
        { "AT+CRSM=176,12258,0,0,10", EF_ICCID },
        { "AT+CRSM=176,12258,0,0,10", EF_ICCID },
    };
    static const struct scripted_step dead[] = { { "AT+CCID", NULL } };
    struct iccid iccid = { "" };
    bool cached = false;

    (void)state;
    begin(steps, ARRAY_LEN(steps), quirks_find("", ""));
    assert_code(network_read_iccid(&network, &iccid, &cached), ERROR_CARD_BUSY);
    assert_ok(network_read_iccid(&network, &iccid, &cached));
    assert_true(cached);
    assert_string_equal(iccid.text, "89123108001757010071");
    assert_code(network_read_iccid(&network, &iccid, &cached), ERROR_CARD_BUSY);
    scripted_done(&modem);

    begin(none, ARRAY_LEN(none), quirks_find("", ""));
    for (int i = 0; i < 4; i++) {
        assert_ok(network_read_iccid(&network, &iccid, &cached));
        assert_false(cached);
    }
    struct error e = network_read_iccid(&network, &iccid, &cached);
    assert_int_equal(e.domain, ERROR_IN_CARD);
    assert_int_equal(e.detail, 0x9404);
    scripted_done(&modem);

    begin(odd, ARRAY_LEN(odd), quirks_find("", ""));
    assert_ok(network_read_iccid(&network, &iccid, &cached));
    assert_true(cached);
    scripted_done(&modem);

    begin(all_odd, ARRAY_LEN(all_odd), quirks_find("", ""));
    for (int i = 0; i < 4; i++) {
        assert_ok(network_read_iccid(&network, &iccid, &cached));
        assert_false(cached);
    }
    scripted_done(&modem);

    begin(dead, ARRAY_LEN(dead), quirks_find("", ""));
    assert_code(network_read_iccid(&network, &iccid, &cached), ERROR_MODEM_TIMEOUT);
    scripted_done(&modem);
}

static void the_imsi_stays_here(void **state)
{
    static const struct scripted_step steps[] = { { "AT+CIMI", "262011234567890" OK },
                                                  { "AT+CIMI", "262011234567891" OK },
                                                  { "AT+CIMI", "\r\n+CME ERROR: 10\r\n" } };
    char one[NETWORK_HASH_LEN + 1];
    char other[NETWORK_HASH_LEN + 1];

    (void)state;
    begin(steps, ARRAY_LEN(steps), quirks_find("", ""));
    assert_ok(network_read_imsi_hash(&network, one));
    assert_ok(network_read_imsi_hash(&network, other));
    assert_int_equal(strlen(one), NETWORK_HASH_LEN);
    assert_string_not_equal(one, other);
    network_hash_imsi("262011234567890", other);
    assert_string_equal(one, other);
    assert_code(network_read_imsi_hash(&network, other), ERROR_CARD_ABSENT);
    scripted_done(&modem);
}

static void an_answer_that_never_fits_is_unknown(void **state)
{
    static const struct scripted_step steps[] = {
        { "AT+CESQ", OK }, { "AT+CESQ", OK },   { "AT+CSQ", OK },
        { "AT+CSQ", OK },  { "AT+CESQ", NULL },
    };
    struct connectivity c = { 0 };

    (void)state;
    begin(steps, ARRAY_LEN(steps), quirks_find("", ""));
    assert_ok(network_read_signal(&network, &c));
    assert_code(network_read_signal(&network, &c), ERROR_MODEM_TIMEOUT);
    scripted_done(&modem);
}

static void quirks_by_maker_and_model(void **state)
{
    static const struct {
        const char *manufacturer, *model, *iccid, *sim_line;
        bool lte_m;
    } rows[] = {
        { "Quectel", "BG96", "AT+QCCID", "+QUSIM: 1", true },
        { "QUECTEL", "EC25", "AT+QCCID", "+QUSIM: 1", false },
        { "Quectel", "RM500Q-GL", "AT+QCCID", "+QUSIM: 1", false },
        { "u-blox", "SARA-R410M", "AT+CCID", "+UUSIMSTAT", false },
        { "Telit", "LE910C1", "AT#CCID", "#QSS", false },
        { "SIMCOM INCORPORATED", "SIM7600E", "AT+CICCID", NULL, false },
        { "Sierra Wireless, Incorporated", "EM7565", "AT+ICCID", NULL, false },
        { "Fibocom Wireless Inc.", "L610", "AT+CCID", NULL, false },
        { "", "", "AT+CCID", "+QUSIM: 1", false },
        { "Somebody", "Something", "AT+CCID", "+QUSIM: 1", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct quirk *quirk = quirks_find(rows[i].manufacturer, rows[i].model);
        print_message("%s %s\n", rows[i].manufacturer, rows[i].model);
        assert_string_equal(quirk->iccid[0], rows[i].iccid);
        assert_int_equal(quirk->act8_is_lte_m, rows[i].lte_m);
        if (rows[i].sim_line)
            assert_string_equal(quirk->sim_lines[0], rows[i].sim_line);
        else
            assert_null(quirk->sim_lines[0]);
        assert_non_null(quirk->reset);
    }
    assert_int_equal(quirks_usb_rank(0x2C7C, 0x0125, 2), 0);
    assert_int_equal(quirks_usb_rank(0x2C7C, 0x0125, -1), 1);
    assert_int_equal(quirks_usb_rank(0x2C7C, 0x0125, 0), 2);
    assert_int_equal(quirks_usb_rank(0x1546, 0x01A8, 0), -1); /* a GNSS receiver */
    assert_int_equal(quirks_usb_rank(0x0403, 0x6001, 0), -1);
}

/* As the makers' modems name themselves; the row is known by its reset and its first ICCID command. */
static void makes_of_modems(void **state)
{
    static const struct {
        const char *manufacturer, *model, *reset, *iccid;
        bool survives_cfun0;
    } makes[] = {
        { "Quectel", "EC25", "AT+CFUN=1,1", "AT+QCCID", true },
        { "Quectel", "EG25", "AT+CFUN=1,1", "AT+QCCID", true },
        { "Quectel", "EG06-E", "AT+CFUN=1,1", "AT+QCCID", true },
        { "Quectel", "BG95-M3", "AT+CFUN=1,1", "AT+QCCID", true },
        { "QUECTEL", "RM500Q-AE", "AT+CFUN=1,1", "AT+QCCID", false },
        { "u-blox", "SARA-R410M-02B", "AT+CFUN=16", "AT+CCID", false },
        { "Telit", "ME910C1-E1", "AT#REBOOT", "AT#CCID", false },
        { "Telit Cinterion", "LE910C4-EU", "AT#REBOOT", "AT#CCID", false },
        { "SIMCOM INCORPORATED", "SIMCOM_SIM7600E-H", "AT+CRESET", "AT+CICCID", false },
        { "SIMCOM INCORPORATED", "SIM7670G-MNGV", "AT+CRESET", "AT+CICCID", false },
        { "SIMCOM INCORPORATED", "A7670E-FASE", "AT+CRESET", "AT+CICCID", false },
        { "SIMCOM INCORPORATED", "SIMCOM_SIM7080G", "AT+CFUN=1,1", "AT+CCID", false },
        { "Sierra Wireless, Incorporated", "WP7607", "AT!RESET", "AT+ICCID", false },
        { "Sierra Wireless, Incorporated", "EM7565", "AT!RESET", "AT+ICCID", false },
        { "Fibocom Wireless Inc.", "L850-GL", "AT+CFUN=1,1", "AT+CCID", false },
        { "", "", "AT+CFUN=1,1", "AT+CCID", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(makes); i++) {
        const struct quirk *quirk = quirks_find(makes[i].manufacturer, makes[i].model);

        print_message("%s %s\n", makes[i].manufacturer, makes[i].model);
        assert_string_equal(quirk->reset, makes[i].reset);
        assert_string_equal(quirk->iccid[0], makes[i].iccid);
        assert_int_equal(quirk->survives_cfun0, makes[i].survives_cfun0);
    }
    assert_true(quirks_find("Quectel", "BG95-M3")->act8_is_lte_m);
    assert_false(quirks_find("Quectel", "EG25")->act8_is_lte_m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registrations_in_order),
        cmocka_unit_test(what_is_refused_is_asked_once),
        cmocka_unit_test(busy_is_no_refusal),
        cmocka_unit_test(cesq_that_knows_nothing),
        cmocka_unit_test(gives_way_between_two_commands),
        cmocka_unit_test(the_vendors_sinr),
        cmocka_unit_test(the_sinr_on_a_page),
        cmocka_unit_test(the_sinr_in_bare_lines),
        cmocka_unit_test(no_vendors_sinr_where_cesq_has_it),
        cmocka_unit_test(operator_and_data),
        cmocka_unit_test(addresses_of_all_or_of_the_first_context),
        cmocka_unit_test(the_iccid_in_use),
        cmocka_unit_test(the_imsi_stays_here),
        cmocka_unit_test(an_answer_that_never_fits_is_unknown),
        cmocka_unit_test(quirks_by_maker_and_model),
        cmocka_unit_test(makes_of_modems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
