#include "agent/card/card.h"
#include "tests/test.h"
#include "tests/unit/card_script.h"

#define APPLET "A000000815030040030902231003"
#define AID_NEW "A0000005591010FFFFFFFF8900001000"
#define ROW_OLD(on)                                                                                \
    "E3254F10A0000005591010FFFFFFFF89000011009F7001" on "5301015A0A98211380007175100017"
#define ROW_NEW(on) "E3254F10" AID_NEW "9F7001" on "5301005A0A989400312171001689F8"
#define BEFORE ROW_OLD("3F") ROW_NEW("1F") "9000"
#define AFTER ROW_OLD("1F") ROW_NEW("3F") "9000"
#define ES_LIST_OF(old, new)                                                                       \
    "BF2D4AA048"                                                                                   \
    "E3225A0A982113800071751000174F10A0000005591010FFFFFFFF89000011009F7001" old                   \
    "E3225A0A989400312171001689F84F10" AID_NEW "9F7001" new "9000"
#define ES_BEFORE ES_LIST_OF("01", "00")
#define ES_AFTER ES_LIST_OF("00", "01")

#define OPEN                                                                                       \
    {                                                                                              \
        "0070000001", "019000"                                                                     \
    }
#define OPENED                                                                                     \
    OPEN,                                                                                          \
    {                                                                                              \
        "01A404000E" APPLET, "9000"                                                                \
    }
#define CLOSE                                                                                      \
    {                                                                                              \
        "0070800100", "9000"                                                                       \
    }
#define LISTED                                                                                     \
    OPENED,                                                                                        \
    {                                                                                              \
        "81180000FF", BEFORE                                                                       \
    }
#define ENABLE "8101000010" AID_NEW
#define ES_LIST "81E291000CBF2D095C075A4F9F70909192"
#define ES_LISTED                                                                                  \
    OPENED,                                                                                        \
    {                                                                                              \
        ES_LIST, ES_BEFORE                                                                         \
    }
#define BY_ICCID "81E2910014BF3111A00C5A0A989400312171001689F88101FF"
#define BY_AID "81E291001ABF3117A0124F10" AID_NEW "8101FF"
#define NO_FLAG "81E2910014BF3111A00C5A0A989400312171001689F8810100"
#define RESULT(n) "BF31038001" n "9000"
/* CGLA. */
#define G_LISTED                                                                                   \
    { "@open", "1" },                                                                              \
    {                                                                                              \
        "@81180000FF", BEFORE                                                                      \
    }

enum { STEPS_MAX = 40 };

static const struct {
    const char *what, *ways;
    enum card_interface interface;
    struct card_step steps[STEPS_MAX];
    enum card_sent sent;
    enum error_code code;
    int detail;
    bool channels_closed;
    int64_t took_ms;
} rows[] = {
    // clang-format off
    /* The card says yes. */
    { "9000", "csim", CARD_AUTO, { LISTED, { ENABLE, "9000" }, CLOSE }, CARD_ENABLED, 0, 0, true, 0 },
    { "91XX", "csim", CARD_AUTO, { LISTED, { ENABLE, "9110" }, { "0070800100", "9110" } }, CARD_ENABLED, 0, 0, true, 0 },
    { "92XX", "csim", CARD_AUTO, { LISTED, { ENABLE, "9200" }, CLOSE }, CARD_ENABLED, 0, 0, true, 0 },
    { "by CGLA", "cgla", CARD_AUTO, { G_LISTED, { "@" ENABLE, "9000" }, { "@close", "" } }, CARD_ENABLED, 0, 0, true, 0 },
    { "61XX, then 9000", "csim", CARD_AUTO, { LISTED, { ENABLE, "6102" }, { "01C0000002", "00009000" }, CLOSE }, CARD_ENABLED, 0, 0, true, 0 },
    { "6CXX first", "csim", CARD_AUTO, { LISTED, { ENABLE, "6C02" }, { ENABLE "02", "9000" }, CLOSE }, CARD_ENABLED, 0, 0, true, 0 },
    { "ENABLE resets the card: the channel is gone", "csim", CARD_AUTO, { LISTED, { ENABLE, "9000" }, { "0070800100", "6881" } }, CARD_ENABLED, 0, 0, true, 0 },
    { "ENABLE resets the card: SIM busy is not waited for", "csim", CARD_AUTO, { LISTED, { ENABLE, "9000" }, { "0070800100", "!14" } }, CARD_ENABLED, 0, 0, true, 0 },
    { "the same by CGLA", "cgla", CARD_AUTO, { G_LISTED, { "@" ENABLE, "9000" }, { "@close", "!14" } }, CARD_ENABLED, 0, 0, true, 0 },
    { "ENABLE resets the card: 100 proves nothing", "csim", CARD_AUTO, { LISTED, { ENABLE, "9000" }, { "0070800100", "!100" } }, CARD_ENABLED, 0, 0, false, 0 },
    { "ENABLE resets the card: 100, and it is seen", "csim", CARD_AUTO, { LISTED, { ENABLE, "9000" }, { "0070800100", "*!100" } }, CARD_ENABLED, 0, 0, true, 0 },
    { "ENABLE resets the card: ERROR, and it was seen", "csim", CARD_AUTO, { LISTED, { ENABLE, "*9000" }, { "0070800100", "!ERROR" } }, CARD_ENABLED, 0, 0, true, 0 },
    { "ENABLE resets the card: ERROR alone", "csim", CARD_AUTO, { LISTED, { ENABLE, "9000" }, { "0070800100", "!ERROR" } }, CARD_ENABLED, 0, 0, false, 0 },
    { "a reset before ENABLE says nothing of after", "csim", CARD_AUTO, { OPENED, { "81180000FF", "*" BEFORE }, { ENABLE, "9000" }, { "0070800100", "!timeout" } }, CARD_ENABLED, 0, 0, false, 0 },
    { "closing is not answered", "csim", CARD_AUTO, { LISTED, { ENABLE, "9000" }, { "0070800100", "!timeout" } }, CARD_ENABLED, 0, 0, false, 0 },
    { "a channel lost on the other way is none of it", "csim cgla", CARD_AUTO, { OPEN, { "01A404000E" APPLET, "6881" }, { "0070800100", "!timeout" }, G_LISTED, { "@" ENABLE, "9000" }, { "@close", "" } }, CARD_ENABLED, 0, 0, true, 0 },
    { "ENABLE resets the card: the port goes", "csim", CARD_AUTO, { LISTED, { ENABLE, "9000" }, { "0070800100", "!absent" } }, CARD_ENABLED, 0, 0, false, 0 },
    { "closing waits for the card", "csim", CARD_AUTO, { LISTED, { ENABLE, "9000" }, { "0070800100", "9300" }, CLOSE }, CARD_ENABLED, 0, 0, true, 200 },

    /* The card says no. */
    { "69E1", "csim", CARD_AUTO, { LISTED, { ENABLE, "69E1" }, CLOSE }, CARD_REFUSED, ERROR_POLICY_FORBIDS, 0x69E1, true, 0 },
    { "6882", "csim", CARD_AUTO, { LISTED, { ENABLE, "6882" }, CLOSE }, CARD_REFUSED, ERROR_CARD, 0x6882, true, 0 },
    { "6A86", "csim", CARD_AUTO, { LISTED, { ENABLE, "6A86" }, CLOSE }, CARD_REFUSED, ERROR_CARD, 0x6A86, true, 0 },
    { "6B00", "csim", CARD_AUTO, { LISTED, { ENABLE, "6B00" }, CLOSE }, CARD_REFUSED, ERROR_CARD, 0x6B00, true, 0 },
    { "6700", "csim", CARD_AUTO, { LISTED, { ENABLE, "6700" }, CLOSE }, CARD_REFUSED, ERROR_CARD, 0x6700, true, 0 },
    { "9300, then yes", "csim", CARD_AUTO, { LISTED, { ENABLE, "9300", .times = 3 }, { ENABLE, "9000" }, CLOSE }, CARD_ENABLED, 0, 0, true, 1400 },
    { "9300 for 10 s", "csim", CARD_AUTO, { LISTED, { ENABLE, "9300", .times = 9 }, CLOSE }, CARD_REFUSED, ERROR_CARD_BUSY, 0x9300, true, 10000 },
    { "9300 for 10 s, and closing waits too", "csim", CARD_AUTO, { LISTED, { ENABLE, "9300", .times = 9 }, { "0070800100", "9300" }, CLOSE }, CARD_REFUSED, ERROR_CARD_BUSY, 0x9300, true, 10200 },
    { "9300 before counts apart", "csim", CARD_AUTO, { OPENED, { "81180000FF", "9300", .times = 8 }, { "81180000FF", BEFORE }, { ENABLE, "9300", .times = 8 }, { ENABLE, "9000" }, CLOSE }, CARD_ENABLED, 0, 0, true, 20000 },

    /* Nothing is known: it is not said again. */
    { "6F00", "csim", CARD_AUTO, { LISTED, { ENABLE, "6F00" }, CLOSE }, CARD_UNCLEAR, ERROR_CARD, 0x6F00, true, 0 },
    { "6400", "csim", CARD_AUTO, { LISTED, { ENABLE, "6400" }, CLOSE }, CARD_UNCLEAR, ERROR_CARD, 0x6400, true, 0 },
    { "6581", "csim", CARD_AUTO, { LISTED, { ENABLE, "6581" }, CLOSE }, CARD_UNCLEAR, ERROR_CARD, 0x6581, true, 0 },
    { "6985", "csim", CARD_AUTO, { LISTED, { ENABLE, "6985" }, CLOSE }, CARD_UNCLEAR, ERROR_CARD, 0x6985, true, 0 },
    { "6A88", "csim", CARD_AUTO, { LISTED, { ENABLE, "6A88" }, CLOSE }, CARD_UNCLEAR, ERROR_PROFILE_NOT_FOUND, 0x6A88, true, 0 },
    { "6A80", "csim", CARD_AUTO, { LISTED, { ENABLE, "6A80" }, CLOSE }, CARD_UNCLEAR, ERROR_PROFILE_NOT_FOUND, 0x6A80, true, 0 },
    { "a warning", "csim", CARD_AUTO, { LISTED, { ENABLE, "6300" }, CLOSE }, CARD_UNCLEAR, ERROR_CARD, 0x6300, true, 0 },
    { "a status of no meaning", "csim", CARD_AUTO, { LISTED, { ENABLE, "9404" }, CLOSE }, CARD_UNCLEAR, ERROR_CARD, 0x9404, true, 0 },
    { "9000 with the list's answer once more", "csim", CARD_AUTO, { LISTED, { ENABLE, BEFORE }, CLOSE }, CARD_UNCLEAR, ERROR_CARD, 0x9000, true, 0 },
    { "the same by CGLA", "cgla", CARD_AUTO, { G_LISTED, { "@" ENABLE, BEFORE }, { "@close", "" } }, CARD_UNCLEAR, ERROR_CARD, 0x9000, true, 0 },
    { "91XX with data", "csim", CARD_AUTO, { LISTED, { ENABLE, "009110" }, CLOSE }, CARD_UNCLEAR, ERROR_CARD, 0x9110, true, 0 },
    { "no answer", "csim", CARD_AUTO, { LISTED, { ENABLE, "!timeout" }, CLOSE }, CARD_UNCLEAR, ERROR_MODEM_TIMEOUT, ERROR_FINAL_NONE, true, 0 },
    { "no answer, not to closing either", "csim", CARD_AUTO, { LISTED, { ENABLE, "!timeout" }, { "0070800100", "!timeout" } }, CARD_UNCLEAR, ERROR_MODEM_TIMEOUT, ERROR_FINAL_NONE, false, 0 },
    { "no answer, then the channel is gone", "csim", CARD_AUTO, { LISTED, { ENABLE, "!timeout" }, { "0070800100", "6881" } }, CARD_UNCLEAR, ERROR_MODEM_TIMEOUT, ERROR_FINAL_NONE, true, 0 },
    { "no answer, closing refused", "csim", CARD_AUTO, { LISTED, { ENABLE, "!timeout" }, { "0070800100", "6F00" } }, CARD_UNCLEAR, ERROR_MODEM_TIMEOUT, ERROR_FINAL_NONE, false, 0 },
    { "no answer by CGLA", "cgla", CARD_AUTO, { G_LISTED, { "@" ENABLE, "!timeout" }, { "@close", "!timeout" } }, CARD_UNCLEAR, ERROR_MODEM_TIMEOUT, ERROR_FINAL_NONE, false, 0 },
    { "the port goes", "csim", CARD_AUTO, { LISTED, { ENABLE, "!absent" } }, CARD_UNCLEAR, ERROR_MODEM_ABSENT, ERROR_FINAL_NONE, false, 0 },
    { "the agent stops", "csim", CARD_AUTO, { LISTED, { ENABLE, "!stop" }, CLOSE }, CARD_NOT_SENT, ERROR_SHUTTING_DOWN, 0, true, 0 },
    { "the agent stops after 9300", "csim", CARD_AUTO, { LISTED, { ENABLE, "9300" }, { ENABLE, "!stop" }, CLOSE }, CARD_REFUSED, ERROR_SHUTTING_DOWN, 0, true, 200 },
    { "the agent stops after 61XX", "csim", CARD_AUTO, { LISTED, { ENABLE, "6102" }, { "01C0000002", "!stop" }, CLOSE }, CARD_UNCLEAR, ERROR_SHUTTING_DOWN, 0, true, 0 },
    { "the agent stops before ES10c's ENABLE", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, "!stop" }, CLOSE }, CARD_NOT_SENT, ERROR_SHUTTING_DOWN, 0, true, 0 },
    { "the agent stops before the other Le", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, "6700" }, { BY_ICCID "00", "!stop" }, CLOSE }, CARD_REFUSED, ERROR_SHUTTING_DOWN, 0, true, 0 },
    { "the agent stops after result 5", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, RESULT("05") }, { BY_ICCID, "!stop" }, CLOSE }, CARD_REFUSED, ERROR_SHUTTING_DOWN, 0, true, 200 },
    { "the agent stops before the next form, after a no", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, "6A86" }, CLOSE, ES_LISTED, { BY_AID, "!stop" }, CLOSE }, CARD_REFUSED, ERROR_SHUTTING_DOWN, 0, true, 0 },
    { "the agent stops before the next form, after a doubt", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, RESULT("7F") }, CLOSE, ES_LISTED, { BY_AID, "!stop" }, CLOSE }, CARD_UNCLEAR, ERROR_SHUTTING_DOWN, 0, true, 0 },
    { "the agent stops after 6D00", "csim", CARD_LPM, { LISTED, { ENABLE, "6D00" }, { "01A404000E" APPLET, "9000" }, { ENABLE, "!stop" }, CLOSE }, CARD_REFUSED, ERROR_SHUTTING_DOWN, 0, true, 0 },
    { "SIM busy: the modem may have passed it on", "csim", CARD_AUTO, { LISTED, { ENABLE, "!14" }, { "0070800100", "!14" } }, CARD_UNCLEAR, ERROR_CARD_BUSY, 14, false, 0 },
    { "SIM busy, and the reset is seen", "csim", CARD_AUTO, { LISTED, { ENABLE, "!14" }, { "0070800100", "*!14" } }, CARD_UNCLEAR, ERROR_CARD_BUSY, 14, true, 0 },
    { "no answer, and the port goes after a reset", "csim", CARD_AUTO, { LISTED, { ENABLE, "*!absent" } }, CARD_UNCLEAR, ERROR_MODEM_ABSENT, ERROR_FINAL_NONE, true, 0 },
    { "6881 by CGLA is not tried without the channel", "cgla", CARD_AUTO, { G_LISTED, { "@" ENABLE, "6881" }, { "@close", "" }, G_LISTED, { "@" ENABLE, "6881" }, { "@close", "" } }, CARD_UNCLEAR, ERROR_CARD, 0x6881, true, 0 },
    { "the modem sets the channel, also ENABLE's", "cgla", CARD_AUTO, { { "@open", "1" }, { "@81180000FF", "6881" }, { "@80180000FF", BEFORE }, { "@8001000010" AID_NEW, "9000" }, { "@close", "" } }, CARD_ENABLED, 0, 0, true, 0 },
    { "NO CARRIER may be a data call's", "csim cgla", CARD_AUTO, { LISTED, { ENABLE, "!NO CARRIER" }, CLOSE }, CARD_UNCLEAR, ERROR_CARD, ERROR_FINAL_NO_CARRIER, true, 0 },
    { "ERROR", "csim cgla", CARD_AUTO, { LISTED, { ENABLE, "!ERROR" }, CLOSE }, CARD_UNCLEAR, ERROR_CARD, ERROR_FINAL_ERROR, true, 0 },
    { "61XX, then the channel is gone", "csim", CARD_AUTO, { LISTED, { ENABLE, "6102" }, { "01C0000002", "6881" }, { "0070800100", "6881" } }, CARD_UNCLEAR, ERROR_CARD, 0x6881, true, 0 },
    { "61XX, then 69E1", "csim", CARD_AUTO, { LISTED, { ENABLE, "6102" }, { "01C0000002", "69E1" }, CLOSE }, CARD_UNCLEAR, ERROR_POLICY_FORBIDS, 0x69E1, true, 0 },
    { "61XX, then no answer", "csim", CARD_AUTO, { LISTED, { ENABLE, "6102" }, { "01C0000002", "!timeout" }, CLOSE }, CARD_UNCLEAR, ERROR_MODEM_TIMEOUT, ERROR_FINAL_NONE, true, 0 },

    /* Not executed for sure, and nothing seen of it: again. */
    { "6881: reopened, listed, again", "csim", CARD_AUTO, { LISTED, { ENABLE, "6881" }, LISTED, { ENABLE, "9000" }, CLOSE }, CARD_ENABLED, 0, 0, true, 0 },
    { "6881: the list says enabled", "csim", CARD_AUTO, { LISTED, { ENABLE, "6881" }, OPENED, { "81180000FF", AFTER }, CLOSE }, CARD_ENABLED, 0, 0, true, 0 },
    { "6881: the list has it no more", "csim", CARD_AUTO, { LISTED, { ENABLE, "6881" }, OPENED, { "81180000FF", ROW_OLD("3F") "9000" }, CLOSE }, CARD_UNCLEAR, ERROR_CARD, 0x6881, true, 0 },
    { "6881 twice", "csim", CARD_AUTO, { LISTED, { ENABLE, "6881" }, LISTED, { ENABLE, "6881" } }, CARD_UNCLEAR, ERROR_CARD, 0x6881, true, 0 },
    { "6881, then it cannot be listed", "csim", CARD_AUTO, { LISTED, { ENABLE, "6881" }, { "0070000001", "!timeout" } }, CARD_UNCLEAR, ERROR_CARD, 0x6881, true, 0 },
    { "6881 by CGLA", "cgla", CARD_AUTO, { G_LISTED, { "@" ENABLE, "6881" }, { "@close", "" }, G_LISTED, { "@" ENABLE, "9000" }, { "@close", "" } }, CARD_ENABLED, 0, 0, true, 0 },
    { "6D00: selected, again", "csim", CARD_LPM, { LISTED, { ENABLE, "6D00" }, { "01A404000E" APPLET, "9000" }, { ENABLE, "9000" }, CLOSE }, CARD_ENABLED, 0, 0, true, 0 },
    { "6D00, and selecting fails", "csim", CARD_AUTO, { LISTED, { ENABLE, "6D00" }, { "01A404000E" APPLET, "6F00" }, CLOSE }, CARD_REFUSED, ERROR_CARD, 0x6D00, true, 0 },
    { "6D00 as configured", "csim", CARD_LPM, { LISTED, { ENABLE, "6D00" }, { "01A404000E" APPLET, "9000" }, { ENABLE, "6D00" }, CLOSE }, CARD_REFUSED, ERROR_CARD, 0x6D00, true, 0 },
    { "6D00: by the other interface", "csim", CARD_AUTO, { LISTED, { ENABLE, "6D00" }, { "01A404000E" APPLET, "9000" }, { ENABLE, "6D00" }, { BY_ICCID, RESULT("00") }, CLOSE }, CARD_ENABLED, 0, 0, true, 0 },
    { "6E00 by both", "csim", CARD_AUTO, { LISTED, { ENABLE, "6E00" }, { "01A404000E" APPLET, "9000" }, { ENABLE, "6E00" }, { BY_ICCID, "6E00" }, CLOSE }, CARD_REFUSED, ERROR_CARD, 0x6E00, true, 0 },

    /* ES10c. */
    { "result 0", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, "6106" }, { "01C0000006", RESULT("00") }, CLOSE }, CARD_ENABLED, 0, 0, true, 0 },
    { "result 0 at once, with 91XX", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, "BF31038001009110" }, CLOSE }, CARD_ENABLED, 0, 0, true, 0 },
    { "as the guide prints it", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, "BF3100009000" }, CLOSE }, CARD_ENABLED, 0, 0, true, 0 },
    { "result 1", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, RESULT("01") }, CLOSE }, CARD_REFUSED, ERROR_PROFILE_NOT_FOUND, 0, true, 0 },
    { "result 2", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, RESULT("02") }, CLOSE }, CARD_UNCLEAR, ERROR_CARD, 0, true, 0 },
    { "result 3", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, RESULT("03") }, CLOSE }, CARD_REFUSED, ERROR_POLICY_FORBIDS, 0, true, 0 },
    { "result 4", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, RESULT("04") }, CLOSE }, CARD_REFUSED, ERROR_CARD, 0, true, 0 },
    { "result 6, which is new", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, RESULT("06") }, CLOSE }, CARD_UNCLEAR, ERROR_CARD, 0, true, 0 },
    { "result 5, then 0", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, RESULT("05"), .times = 2 }, { BY_ICCID, RESULT("00") }, CLOSE }, CARD_ENABLED, 0, 0, true, 600 },
    { "result 5 for 10 s", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, RESULT("05"), .times = 9 }, CLOSE }, CARD_REFUSED, ERROR_CARD_BUSY, 0, true, 10000 },
    { "result 5 and 9300 in turn", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, RESULT("05") }, { BY_ICCID, "9300" }, { BY_ICCID, RESULT("00") }, CLOSE }, CARD_ENABLED, 0, 0, true, 600 },
    { "69E1 by ES10c", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, "69E1" }, CLOSE }, CARD_REFUSED, ERROR_POLICY_FORBIDS, 0x69E1, true, 0 },
    { "6882 by ES10c", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, "6882" }, CLOSE }, CARD_REFUSED, ERROR_CARD, 0x6882, true, 0 },
    { "6F00 by ES10c", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, "6F00" }, CLOSE }, CARD_UNCLEAR, ERROR_CARD, 0x6F00, true, 0 },
    { "an empty 9000 is not said again", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, "9000" }, CLOSE }, CARD_UNCLEAR, ERROR_CARD, 0, true, 0 },
    { "another command's answer", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, "BF2D02A0009000" }, CLOSE }, CARD_UNCLEAR, ERROR_CARD, 0, true, 0 },
    { "6700: with an Le", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, "6700" }, { BY_ICCID "00", RESULT("00") }, CLOSE }, CARD_ENABLED, 0, 0, true, 0 },
    { "6700 to GET RESPONSE is not said again", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, "6106" }, { "01C0000006", "6700" }, CLOSE }, CARD_UNCLEAR, ERROR_CARD, 0x6700, true, 0 },
    { "the result does not come", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, "6106" }, { "01C0000006", "!timeout" }, { "0070800100", "!timeout" } }, CARD_UNCLEAR, ERROR_MODEM_TIMEOUT, ERROR_FINAL_NONE, false, 0 },

    /* ES10c in other forms: each after a list on a new channel. */
    { "127: by AID", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, RESULT("7F") }, CLOSE, ES_LISTED, { BY_AID, RESULT("00") }, CLOSE }, CARD_ENABLED, 0, 0, true, 0 },
    { "127: it was enabled all the same", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, RESULT("7F") }, CLOSE, OPENED, { ES_LIST, ES_AFTER }, CLOSE }, CARD_ENABLED, 0, 0, true, 0 },
    { "127, then 127: without the flag", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, RESULT("7F") }, CLOSE, ES_LISTED, { BY_AID, RESULT("7F") }, CLOSE, ES_LISTED, { NO_FLAG, RESULT("00") }, CLOSE }, CARD_ENABLED, 0, 0, true, 0 },
    { "127 in every form", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, RESULT("7F") }, CLOSE, ES_LISTED, { BY_AID, RESULT("7F") }, CLOSE, ES_LISTED, { NO_FLAG, RESULT("7F") }, CLOSE }, CARD_UNCLEAR, ERROR_CARD, 0, true, 0 },
    { "6A88: by AID", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, "6A88" }, CLOSE, ES_LISTED, { BY_AID, RESULT("00") }, CLOSE }, CARD_ENABLED, 0, 0, true, 0 },
    { "6A88 in every form", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, "6A88" }, CLOSE, ES_LISTED, { BY_AID, "6A88" }, CLOSE, ES_LISTED, { NO_FLAG, "6A88" }, CLOSE }, CARD_UNCLEAR, ERROR_PROFILE_NOT_FOUND, 0x6A88, true, 0 },
    { "6985: it was enabled", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, "6985" }, CLOSE, OPENED, { ES_LIST, ES_AFTER }, CLOSE }, CARD_ENABLED, 0, 0, true, 0 },
    { "127, by AID: 69E1", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, RESULT("7F") }, CLOSE, ES_LISTED, { BY_AID, "69E1" }, CLOSE }, CARD_REFUSED, ERROR_POLICY_FORBIDS, 0x69E1, true, 0 },
    { "127, and the channel does not close", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, RESULT("7F") }, { "0070800100", "!timeout" } }, CARD_UNCLEAR, ERROR_CARD, 0, false, 0 },
    { "127, and it cannot be listed", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, RESULT("7F") }, CLOSE, OPENED, { ES_LIST, "6F00" }, CLOSE }, CARD_UNCLEAR, ERROR_CARD, 0, true, 0 },
    { "127, and the card is gone", "csim", CARD_ES10C, { ES_LISTED, { BY_ICCID, RESULT("7F") }, CLOSE, { "0070000001", "!10" } }, CARD_UNCLEAR, ERROR_CARD, 0, true, 0 },

    /* ENABLE does not go out. */
    { "no channel", "csim", CARD_AUTO, { { "0070000001", "6F00" } }, CARD_NOT_SENT, ERROR_CARD, 0x6F00, true, 0 },
    { "no applet", "csim", CARD_AUTO, { OPEN, { "01A404000E" APPLET, "6A82" }, CLOSE }, CARD_NOT_SENT, ERROR_APPLET_ABSENT, 0x6A82, true, 0 },
    { "no list", "csim", CARD_AUTO, { OPENED, { "81180000FF", "6F00" }, CLOSE }, CARD_NOT_SENT, ERROR_CARD, 0x6F00, true, 0 },
    { "no answer to the list", "csim", CARD_AUTO, { OPENED, { "81180000FF", "!timeout" }, { "0070800100", "!timeout" } }, CARD_NOT_SENT, ERROR_MODEM_TIMEOUT, ERROR_FINAL_NONE, false, 0 },
    { "already enabled: the caller declines", "csim", CARD_AUTO, { OPENED, { "81180000FF", AFTER }, CLOSE }, CARD_NOT_SENT, 0, 0, true, 0 },
    { "not in the list: the caller declines", "csim", CARD_AUTO, { OPENED, { "81180000FF", ROW_OLD("3F") "9000" }, CLOSE }, CARD_NOT_SENT, 0, 0, true, 0 },
    { "no AID to enable by", "csim", CARD_LPM, { OPENED, { "81180000FF", "E3105A0A989400312171001689F89F70011F" "9000" }, CLOSE }, CARD_NOT_SENT, ERROR_CARD, 0, true, 0 },
    { "no AID: by ES10c", "csim", CARD_AUTO, { OPENED, { "81180000FF", "E3105A0A989400312171001689F89F70011F" "9000" }, { BY_ICCID, RESULT("00") }, CLOSE }, CARD_ENABLED, 0, 0, true, 0 },
    { "no ICCID: by AID", "csim", CARD_ES10C, { OPENED, { ES_LIST, "BF2D1AA018E3164F10" AID_NEW "9F7001009000" }, { BY_AID, RESULT("00") }, CLOSE }, CARD_ENABLED, 0, 0, true, 0 },
}; // clang-format on

/* Enables the second profile of the list, by whatever it has, unless it is enabled. */
static const struct profile *decide(void *ctx, const struct profile_list *list)
{
    static const char iccid[] = "8949001312170061988", aid[] = AID_NEW;
    struct profile_ref ref;
    const struct profile *row;

    ++*(unsigned *)ctx;
    assert_ok(profile_ref_from_text(iccid, strlen(iccid), &ref));
    row = profile_find(list, &ref);
    if (!row) {
        assert_ok(profile_ref_from_text(aid, strlen(aid), &ref));
        row = profile_find(list, &ref);
    }
    return row && !row->enabled ? row : NULL;
}

static void every_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct card_script script = { 0 };
        struct card *card = card_script_begin(&script, rows[i].ways, rows[i].interface);
        struct card_enable result = { .sent = 99 };
        unsigned decided = 0;

        print_message("%s\n", rows[i].what);
        card_script_play(&script, rows[i].steps);
        card_enable(card, decide, &decided, &result);
        card_script_end(&script);
        print_message("    %d %s %s\n", result.sent, error_code_name(result.error.code),
                      result.error.message);
        assert_int_equal(result.sent, rows[i].sent);
        assert_int_equal(result.error.code, rows[i].code);
        assert_int_equal(result.error.detail, rows[i].detail);
        assert_int_equal(result.channels_closed, rows[i].channels_closed);
        assert_int_equal(decided, result.sent == CARD_NOT_SENT && result.error.code &&
                                          result.error.code != ERROR_SHUTTING_DOWN &&
                                          strcmp(rows[i].what, "no AID to enable by") != 0
                                      ? 0
                                      : 1);
        assert_int_equal(script.now_ms - script.began_ms, rows[i].took_ms);
        card_free(card);
    }
}

static void play(struct card *card, struct card_script *script, const struct card_step *steps)
{
    struct card_enable result;
    unsigned decided = 0;

    card_script_play(script, steps);
    card_enable(card, decide, &decided, &result);
    card_script_end(script);
    assert_int_equal(result.sent, CARD_ENABLED);
}

static void commands_are_few(void **state)
{
    static const struct card_step lpm[] = { LISTED, { ENABLE, "9000" }, CLOSE, { NULL } };
    static const struct card_step es10c[] = { OPENED,
                                              { ES_LIST, "614D" },
                                              { "01C000004D", ES_BEFORE },
                                              { BY_ICCID, "6106" },
                                              { "01C0000006", RESULT("00") },
                                              CLOSE,
                                              { NULL } };
    struct card_script script = { 0 };
    struct card *card = card_script_begin(&script, "csim", CARD_AUTO);

    (void)state;
    play(card, &script, lpm);
    assert_true(script.commands <= 8);
    card_free(card);
    card = card_script_begin(&script, "csim", CARD_ES10C);
    play(card, &script, es10c);
    assert_true(script.commands <= 8);
    card_free(card);
}

/* A card that knows one form only is asked in it from then on. */
static void the_form_is_learnt(void **state)
{
    static const struct card_step first[] = { ES_LISTED, { BY_ICCID, RESULT("7F") }, CLOSE,
                                              ES_LISTED, { BY_AID, RESULT("00") },   CLOSE,
                                              { NULL } };
    static const struct card_step second[] = {
        ES_LISTED, { BY_AID, RESULT("00") }, CLOSE, { NULL }
    };
    struct card_script script = { 0 };
    struct card *card = card_script_begin(&script, "csim", CARD_ES10C);

    (void)state;
    play(card, &script, first);
    play(card, &script, second);
    card_free(card);
}

/* STORE DATA's Le is known from the list: ENABLE does not have to find out. */
static void the_le_is_learnt(void **state)
{
    static const struct card_step steps[] = { OPENED,
                                              { ES_LIST, "9000" },
                                              { ES_LIST "00", ES_BEFORE },
                                              { BY_ICCID "00", RESULT("00") },
                                              CLOSE,
                                              { NULL } };
    struct card_script script = { 0 };
    struct card *card = card_script_begin(&script, "csim", CARD_ES10C);

    (void)state;
    play(card, &script, steps);
    card_free(card);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer),
        cmocka_unit_test(commands_are_few),
        cmocka_unit_test(the_form_is_learnt),
        cmocka_unit_test(the_le_is_learnt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
