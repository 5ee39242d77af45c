#include "agent/card/card.h"
#include "tests/test.h"
#include "tests/unit/card_script.h"

#define APPLET "A000000815030040030902231003"
#define EID "4C1089001039450410141400000000001580"
#define ROW_1 "E3254F10A0000005591010FFFFFFFF89000011009F70013F5301015A0A98211380007175100017"
#define ROW_2 "E3254F10A0000005591010FFFFFFFF89000010009F70011F5301005A0A989400312171001689F8"
#define ROWS ROW_1 ROW_2
#define ES_EID "BF3E125A1089001039450410141400000000001580"
#define ES_LIST                                                                                    \
    "BF2D4AA048"                                                                                   \
    "E3225A0A982113800071751000174F10A0000005591010FFFFFFFF89000011009F700101"                     \
    "E3225A0A989400312171001689F84F10A0000005591010FFFFFFFF89000010009F700100"

#define OPEN                                                                                       \
    {                                                                                              \
        "0070000001", "019000"                                                                     \
    }
#define SELECT                                                                                     \
    {                                                                                              \
        "01A404000E" APPLET, "9000"                                                                \
    }
#define GET_EID                                                                                    \
    {                                                                                              \
        "8116000012", EID "9000"                                                                   \
    }
#define LIST                                                                                       \
    {                                                                                              \
        "81180000FF", ROWS "9000"                                                                  \
    }
#define CLOSE                                                                                      \
    {                                                                                              \
        "0070800100", "9000"                                                                       \
    }

#define ES_GET_EID "81E2910006BF3E035C015A"
#define ES_GET_LIST "81E291000CBF2D095C075A4F9F70909192"
#define ES_GET_SHORT "81E2910009BF2D065C045A4F9F70"
#define OPENED OPEN, SELECT

enum { STEPS_MAX = 40 };

/* One job a character of `jobs`: e EID, l list, b both; before it, c: channels forgotten, f: all
 * forgotten. The last one ends with `code` and `detail`, those before with success. */
static const struct row {
    const char *what, *ways;
    enum card_interface interface;
    const char *jobs;
    struct card_step steps[STEPS_MAX];
    enum error_code code;
    int detail;
    const char *way, *spoken;
    /* From the first to the last command. */
    int64_t took_ms;
} rows[] = {
    // clang-format off
    /* The plain way. */
    { "both, cold", "csim cgla", CARD_AUTO, "b", { OPENED, GET_EID, LIST, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "the EID alone", "csim", CARD_LPM, "e", { OPENED, GET_EID, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "two lists", "csim", CARD_AUTO, "ll", { OPENED, LIST, CLOSE, OPENED, LIST, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "both by CGLA", "cgla", CARD_LPM, "b", { { "@open", "1" }, { "@8116000012", EID "9000" }, { "@81180000FF", ROWS "9000" }, { "@close", "" } }, 0, 0, "cgla", "lpm", 0 },
    { "a handle that is no channel", "cgla", CARD_LPM, "e", { { "@open", "0" }, { "@8016000012", EID "9000" }, { "@close", "" } }, 0, 0, "cgla", "lpm", 0 },
    { "both by ES10c", "csim", CARD_ES10C, "b", { OPENED, { ES_GET_EID, "6115" }, { "01C0000015", ES_EID "9000" }, { ES_GET_LIST, "614D" }, { "01C000004D", ES_LIST "9000" }, CLOSE }, 0, 0, "csim", "es10c", 0 },
    { "channel 5", "csim", CARD_LPM, "e", { { "0070000001", "059000" }, { "41A404000E" APPLET, "9000" }, { "C116000012", EID "9000" }, { "0070800500", "9000" } }, 0, 0, "csim", "lpm", 0 },

    /* Status words that are no failure. */
    { "91XX: a proactive command waits", "csim", CARD_LPM, "e", { { "0070000001", "01910B" }, { "01A404000E" APPLET, "910B" }, { "8116000012", EID "910B" }, { "0070800100", "910B" } }, 0, 0, "csim", "lpm", 0 },
    { "92XX", "csim", CARD_LPM, "e", { OPENED, { "8116000012", EID "9201" }, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "an FCI that waits is left", "csim", CARD_LPM, "b", { OPEN, { "01A404000E" APPLET, "6120" }, GET_EID, LIST, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "an FCI that came", "csim", CARD_LPM, "e", { OPEN, { "01A404000E" APPLET, "6F009000" }, GET_EID, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "61XX: GET RESPONSE", "csim", CARD_LPM, "l", { OPENED, { "81180000FF", "614E" }, { "01C000004E", ROWS "9000" }, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "6100: 256 bytes", "csim", CARD_LPM, "l", { OPENED, { "81180000FF", "6100" }, { "01C0000000", ROWS "9000" }, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "a list in pieces", "csim", CARD_LPM, "l", { OPENED, { "81180000FF", ROW_1 "6110" }, { "01C0000010", "E3254F10A0000005591010FFFFFFFF89" "6117" }, { "01C0000017", "000010009F70011F5301005A0A989400312171001689F8" "9000" }, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "GET RESPONSE in the other class, learnt", "csim", CARD_LPM, "ll", { OPENED, { "81180000FF", "614E" }, { "01C000004E", "6E00" }, { "81C000004E", ROWS "9000" }, CLOSE, OPENED, { "81180000FF", "614E" }, { "81C000004E", ROWS "9000" }, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "GET RESPONSE with another Le", "csim", CARD_LPM, "l", { OPENED, { "81180000FF", "6150" }, { "01C0000050", "6C4E" }, { "01C000004E", ROWS "9000" }, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "6CXX: again with XX", "csim", CARD_LPM, "l", { OPENED, { "81180000FF", "6C4E" }, { "811800004E", ROWS "9000" }, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "6C00: again with 256", "csim", CARD_LPM, "l", { OPENED, { "81180000FF", "6C00" }, { "8118000000", ROWS "9000" }, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "6CXX for ever", "csim", CARD_LPM, "l", { OPENED, { "81180000FF", "6C10" }, { "8118000010", "6C11" }, CLOSE }, ERROR_CARD, 0x6C11, "", "lpm", 0 },
    { "6700 to a Le of FF", "csim", CARD_LPM, "l", { OPENED, { "81180000FF", "6700" }, { "8118000000", ROWS "9000" }, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "a Le of FF that was short", "csim", CARD_LPM, "l", { OPENED, { "81180000FF", "9000", .fill = 255 }, { "8118000000", ROWS "9000" }, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "an answer without end", "csim", CARD_LPM, "l", { OPENED, { "81180000FF", "6100", .fill = 255 }, { "01C0000000", "6100", .times = 64, .fill = 255 }, CLOSE }, ERROR_CARD, 0x6100, "", "lpm", 0 },
    { "61XX that brings nothing", "csim", CARD_LPM, "l", { OPENED, { "81180000FF", "6110" }, { "01C0000010", "6110" }, CLOSE }, ERROR_CARD, 0x6110, "", "lpm", 0 },

    /* Busy. */
    { "9300, then an answer", "csim", CARD_LPM, "e", { OPENED, { "8116000012", "9300", .times = 3 }, GET_EID, CLOSE }, 0, 0, "csim", "lpm", 1400 },
    { "9300 for 10 s", "csim", CARD_LPM, "e", { OPENED, { "8116000012", "9300", .times = 9 }, CLOSE }, ERROR_CARD_BUSY, 0x9300, "", "lpm", 10000 },
    { "9300 everywhere", "csim", CARD_LPM, "e", { { "0070000001", "9300" }, OPEN, { "01A404000E" APPLET, "9300" }, SELECT, { "8116000012", "6112" }, { "01C0000012", "9300" }, { "01C0000012", EID "9000" }, { "0070800100", "9300" }, CLOSE }, 0, 0, "csim", "lpm", 3000 },
    { "SIM busy, then an answer", "csim", CARD_LPM, "e", { { "0070000001", "!14", .times = 2 }, OPENED, { "8116000012", "!13" }, { "8116000012", "!0" }, { "8116000012", "!100" }, GET_EID, CLOSE }, 0, 0, "csim", "lpm", 5000 },
    { "SIM busy for 10 s", "csim", CARD_LPM, "e", { { "0070000001", "!14", .times = 9 } }, ERROR_CARD_BUSY, 14, "", "lpm", 10000 },
    { "SIM busy to CCHO for 10 s", "cgla", CARD_LPM, "e", { { "@open", "!14", .times = 9 } }, ERROR_CARD_BUSY, 14, "", "lpm", 10000 },
    { "SIM busy while closing", "cgla", CARD_LPM, "e", { { "@open", "1" }, { "@8116000012", EID "9000" }, { "@close", "!14" }, { "@close", "" } }, 0, 0, "cgla", "lpm", 200 },

    /* The channel. */
    { "6881: reopened once", "csim", CARD_LPM, "b", { OPENED, GET_EID, { "81180000FF", "6881" }, OPENED, LIST, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "6881 twice", "csim", CARD_LPM, "l", { OPENED, { "81180000FF", "6881" }, OPENED, { "81180000FF", "6881" }, CLOSE }, ERROR_CARD, 0x6881, "", "lpm", 0 },
    { "6881 in GET RESPONSE", "csim", CARD_LPM, "l", { OPENED, { "81180000FF", "614E" }, { "01C000004E", "6881" }, OPENED, LIST, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "6881 by CGLA, late", "cgla", CARD_LPM, "b", { { "@open", "1" }, { "@8116000012", EID "9000" }, { "@81180000FF", "6881" }, { "@close", "!ERROR" }, { "@open", "1" }, { "@81180000FF", ROWS "9000" }, { "@close", "" } }, 0, 0, "cgla", "lpm", 0 },
    { "Le of MANAGE CHANNEL the other way, learnt", "csim", CARD_LPM, "ee", { { "0070000001", "6700" }, { "0070000000", "019000" }, SELECT, GET_EID, { "0070800101", "9000" }, { "0070000000", "019000" }, SELECT, GET_EID, { "0070800101", "9000" } }, 0, 0, "csim", "lpm", 0 },
    { "Le of closing the other way", "csim", CARD_LPM, "e", { OPENED, GET_EID, { "0070800100", "6C01" }, { "0070800101", "9000" } }, 0, 0, "csim", "lpm", 0 },
    { "both Les refused", "csim", CARD_LPM, "e", { { "0070000001", "6B00" }, { "0070000000", "6700" } }, ERROR_CARD, 0x6B00, "", "lpm", 0 },
    { "no free channel with the other Le", "csim", CARD_LPM, "e", { { "0070000001", "6700" }, { "0070000000", "6A81" }, { "0070800101", "9000" }, { "0070800201", "9000" }, { "0070800301", "9000" }, { "0070000000", "019000" }, SELECT, GET_EID, { "0070800101", "9000" } }, 0, 0, "csim", "lpm", 0 },
    { "6A81: 1 to 3 closed", "csim", CARD_LPM, "e", { { "0070000001", "6A81" }, CLOSE, { "0070800200", "6881" }, { "0070800300", "6200" }, OPENED, GET_EID, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "6A81 for good", "csim", CARD_LPM, "e", { { "0070000001", "6A81" }, CLOSE, { "0070800200", "9000" }, { "0070800300", "9000" }, { "0070000001", "6A81" } }, ERROR_CARD_BUSY, 0x6A81, "", "lpm", 0 },
    { "6A81: our own first", "csim", CARD_LPM, "ee", { OPENED, GET_EID, { "0070800100", "!timeout" }, { "0070000001", "6A81" }, CLOSE, OPENED, GET_EID, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "6A81: our own, then 1 to 3", "csim", CARD_LPM, "ee", { OPENED, GET_EID, { "0070800100", "6F00" }, { "0070000001", "6A81" }, CLOSE, { "0070000001", "6A81" }, CLOSE, { "0070800200", "9000" }, { "0070800300", "9000" }, OPENED, GET_EID, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "6A81 after a reset: nothing is ours", "csim", CARD_LPM, "ece", { OPENED, GET_EID, { "0070800100", "!timeout" }, { "0070000001", "6A81" }, CLOSE, { "0070800200", "9000" }, { "0070800300", "9000" }, OPENED, GET_EID, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "left open by a process that was killed", "csim", CARD_LPM, "aee", { CLOSE, OPENED, GET_EID, CLOSE, OPENED, GET_EID, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "left open, and it does not close now", "csim", CARD_LPM, "ae", { { "0070800100", "6F00" }, { "0070000001", "6A81" }, CLOSE, OPENED, GET_EID, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "left open, and reset since", "csim", CARD_LPM, "ace", { OPENED, GET_EID, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "a session left open, and the other way comes first", "csim cgla", CARD_LPM, "ge", { { "@close", "" }, OPENED, GET_EID, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "nothing left open", "csim", CARD_LPM, "?e", { OPENED, GET_EID, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "channel 0", "csim", CARD_LPM, "e", { { "0070000001", "009000" } }, ERROR_CARD, 0, "", "lpm", 0 },
    { "channel 20", "csim", CARD_LPM, "e", { { "0070000001", "149000" } }, ERROR_CARD, 0, "", "lpm", 0 },
    { "no channel in the answer", "csim", CARD_LPM, "e", { { "0070000001", "9000" } }, ERROR_CARD, 0, "", "lpm", 0 },
    { "no logical channels at all", "csim", CARD_LPM, "e", { { "0070000001", "6881", .times = 2 } }, ERROR_CARD, 0x6881, "", "lpm", 0 },

    /* SELECT. */
    { "no applet", "csim", CARD_AUTO, "b", { OPEN, { "01A404000E" APPLET, "6A82" }, CLOSE }, ERROR_APPLET_ABSENT, 0x6A82, "", "", 0 },
    { "no applet by both ways", "csim cgla", CARD_AUTO, "b", { OPEN, { "01A404000E" APPLET, "6A82" }, CLOSE, { "@open", "!ERROR" }, { "@close", "" }, { "@open", "!ERROR" } }, ERROR_APPLET_ABSENT, 0x6A82, "", "", 0 },
    { "no applet by CGLA", "csim cgla", CARD_AUTO, "b", { { "0070000001", "!ERROR" }, { "@open", "!22" } }, ERROR_APPLET_ABSENT, 22, "", "", 0 },
    { "not found by CGLA, found by CSIM", "cgla csim", CARD_AUTO, "e", { { "@open", "!22" }, OPENED, GET_EID, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "SELECT fails", "csim", CARD_AUTO, "b", { OPEN, { "01A404000E" APPLET, "6999" }, CLOSE }, ERROR_CARD, 0x6999, "", "", 0 },
    { "the FCI is wanted, learnt", "csim", CARD_LPM, "ee", { OPEN, { "01A404000E" APPLET, "6120" }, { "8116000012", "6985" }, { "01A404000E" APPLET, "6120" }, { "01C0000020", "6F009000" }, GET_EID, CLOSE, OPEN, { "01A404000E" APPLET, "6120" }, { "01C0000020", "6F009000" }, GET_EID, CLOSE }, 0, 0, "csim", "lpm", 0 },

    /* The other way. */
    { "CSIM is not known", "csim cgla", CARD_LPM, "ee", { { "0070000001", "!4" }, { "@open", "1" }, { "@8116000012", EID "9000" }, { "@close", "" }, { "@open", "1" }, { "@8116000012", EID "9000" }, { "@close", "" } }, 0, 0, "cgla", "lpm", 0 },
    { "CSIM gets ERROR", "csim cgla", CARD_LPM, "e", { { "0070000001", "!ERROR" }, { "@open", "1" }, { "@8116000012", EID "9000" }, { "@close", "" } }, 0, 0, "cgla", "lpm", 0 },
    { "CSIM opens, SELECT fails", "csim cgla", CARD_LPM, "e", { OPEN, { "01A404000E" APPLET, "6881" }, CLOSE, { "@open", "2" }, { "@8216000012", EID "9000" }, { "@close", "" } }, 0, 0, "cgla", "lpm", 0 },
    { "CSIM opens, SELECT is refused", "csim cgla", CARD_LPM, "e", { OPEN, { "01A404000E" APPLET, "!3" }, CLOSE, { "@open", "2" }, { "@8216000012", EID "9000" }, { "@close", "" } }, 0, 0, "cgla", "lpm", 0 },
    { "CCHO is not known", "cgla csim", CARD_LPM, "e", { { "@open", "!3" }, OPENED, GET_EID, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "CCHO works, CGLA does not", "cgla csim", CARD_LPM, "e", { { "@open", "1" }, { "@8116000012", "!4" }, { "@close", "" }, OPENED, GET_EID, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "neither is known", "csim cgla", CARD_LPM, "e", { { "0070000001", "!4" }, { "@open", "!3" } }, ERROR_CARD, 4, "", "lpm", 0 },
    { "the way that worked fails later", "csim cgla", CARD_LPM, "ee", { OPENED, GET_EID, CLOSE, { "0070000001", "!3" }, { "@open", "1" }, { "@8116000012", EID "9000" }, { "@close", "" } }, 0, 0, "cgla", "lpm", 0 },
    { "all forgotten: in order again", "csim cgla", CARD_AUTO, "efe", { { "0070000001", "!3" }, { "@open", "1" }, { "@8116000012", EID "9000" }, { "@close", "" }, OPENED, GET_EID, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "CCHO with 100: ours closed, once more", "cgla", CARD_LPM, "e", { { "@open", "!100" }, { "@close", "" }, { "@open", "1" }, { "@8116000012", EID "9000" }, { "@close", "" } }, 0, 0, "cgla", "lpm", 0 },
    { "CCHO with 100 twice: the other way", "cgla csim", CARD_LPM, "e", { { "@open", "!100" }, { "@close", "" }, { "@open", "!100" }, OPENED, GET_EID, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "CCHO with 100 for good: waited", "cgla csim", CARD_LPM, "e", { { "@open", "!100" }, { "@close", "" }, { "@open", "!100" }, { "0070000001", "!4" }, { "@clear", "" }, { "@open", "!100" }, { "@close", "" }, { "@open", "!100" }, { "@open", "1" }, { "@8116000012", EID "9000" }, { "@close", "" } }, 0, 0, "cgla", "lpm", 200 },
    { "sessions of a program that was killed", "csim cgla", CARD_LPM, "ee", { { "0070000001", "!ERROR" }, { "@open", "!ERROR" }, { "@close", "" }, { "@open", "!ERROR" }, { "@clear", "" }, { "@open", "1" }, { "@8116000012", EID "9000" }, { "@close", "" }, { "@open", "1" }, { "@8116000012", EID "9000" }, { "@close", "" } }, 0, 0, "cgla", "lpm", 0 },
    { "sessions that do not go", "cgla", CARD_LPM, "e", { { "@open", "!ERROR" }, { "@close", "" }, { "@open", "!ERROR" }, { "@clear", "" }, { "@open", "!ERROR" }, { "@close", "" }, { "@open", "!ERROR" } }, ERROR_CARD, ERROR_FINAL_ERROR, "", "lpm", 0 },
    { "sessions that cannot be cleared", "cgla", CARD_LPM, "e", { { "@open", "!ERROR" }, { "@close", "" }, { "@open", "!ERROR" }, { "@clear", "!timeout" } }, ERROR_CARD, ERROR_FINAL_ERROR, "", "lpm", 0 },

    /* The channel in the CLA, by CGLA. */
    { "the modem sets the channel, learnt", "cgla", CARD_LPM, "be", { { "@open", "1" }, { "@8116000012", "6881" }, { "@8016000012", EID "9000" }, { "@80180000FF", ROWS "9000" }, { "@close", "" }, { "@open", "1" }, { "@8016000012", EID "9000" }, { "@close", "" } }, 0, 0, "cgla", "lpm", 0 },
    { "6E00 says the same", "cgla", CARD_LPM, "e", { { "@open", "1" }, { "@8116000012", "6E00" }, { "@8016000012", EID "9000" }, { "@close", "" } }, 0, 0, "cgla", "lpm", 0 },
    { "6E00 that means ES10c", "cgla", CARD_AUTO, "e", { { "@open", "1" }, { "@8116000012", "6E00" }, { "@8016000012", "6E00" }, { "@close", "" }, { "@open", "1" }, { "@8116000012", "6E00" }, { "@8016000012", "6E00" }, { "@81E2910006BF3E035C015A", ES_EID "9000" }, { "@close", "" } }, 0, 0, "cgla", "es10c", 0 },
    { "6881 that is what it says: the basic channel teaches nothing", "cgla", CARD_LPM, "el", { { "@open", "1" }, { "@8116000012", "6881" }, { "@8016000012", "6D00" }, { "@close", "!ERROR" }, { "@open", "1" }, { "@8116000012", EID "9000" }, { "@close", "" }, { "@open", "1" }, { "@81180000FF", ROWS "9000" }, { "@close", "" } }, 0, 0, "cgla", "lpm", 0 },
    { "the basic channel answers something", "cgla", CARD_LPM, "el", { { "@open", "1" }, { "@8116000012", "6881" }, { "@8016000012", "00009000" }, { "@close", "" }, { "@open", "1" }, { "@8116000012", EID "9000" }, { "@close", "" }, { "@open", "1" }, { "@81180000FF", ROWS "9000" }, { "@close", "" } }, 0, 0, "cgla", "lpm", 0 },
    { "the basic channel answers 6985", "cgla", CARD_LPM, "e", { { "@open", "1" }, { "@8116000012", "6881" }, { "@8016000012", "6985" }, { "@close", "" }, { "@open", "1" }, { "@8116000012", EID "9000" }, { "@close", "" } }, 0, 0, "cgla", "lpm", 0 },
    { "the modem sets the channel, in pieces", "cgla", CARD_LPM, "ll", { { "@open", "1" }, { "@81180000FF", "6881" }, { "@80180000FF", "614E" }, { "@00C000004E", ROWS "9000" }, { "@close", "" }, { "@open", "1" }, { "@80180000FF", ROWS "9000" }, { "@close", "" } }, 0, 0, "cgla", "lpm", 0 },
    { "the modem sets the channel, and the card speaks ES10c", "cgla", CARD_AUTO, "ee", { { "@open", "1" }, { "@8116000012", "6881" }, { "@8016000012", "6D00" }, { "@close", "" }, { "@open", "1" }, { "@8116000012", "6881" }, { "@8016000012", "6D00" }, { "@81E2910006BF3E035C015A", "6881" }, { "@80E2910006BF3E035C015A", ES_EID "9000" }, { "@close", "" }, { "@open", "1" }, { "@80E2910006BF3E035C015A", ES_EID "9000" }, { "@close", "" } }, 0, 0, "cgla", "es10c", 0 },
    { "the modem sets the channel, forgotten", "cgla", CARD_LPM, "efe", { { "@open", "1" }, { "@8116000012", "6881" }, { "@8016000012", EID "9000" }, { "@close", "" }, { "@open", "1" }, { "@8116000012", EID "9000" }, { "@close", "" } }, 0, 0, "cgla", "lpm", 0 },

    /* The interface. */
    { "LPM is not understood", "csim", CARD_AUTO, "bl", { OPENED, { "8116000012", "6D00" }, SELECT, { "8116000012", "6D00" }, { ES_GET_EID, ES_EID "9000" }, { ES_GET_LIST, ES_LIST "9000" }, CLOSE, OPENED, { ES_GET_LIST, ES_LIST "9000" }, CLOSE }, 0, 0, "csim", "es10c", 0 },
    { "reselecting was enough", "csim", CARD_AUTO, "b", { OPENED, { "8116000012", "6E00" }, SELECT, GET_EID, LIST, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "ES10c no more, LPM again", "csim", CARD_AUTO, "ee", { OPENED, { "8116000012", "6D00" }, SELECT, { "8116000012", "6D00" }, { ES_GET_EID, ES_EID "9000" }, CLOSE, OPENED, { ES_GET_EID, "6D00" }, SELECT, { ES_GET_EID, "6D00" }, GET_EID, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "reselected at most once a job", "csim", CARD_AUTO, "b", { OPENED, { "8116000012", "6E00" }, SELECT, GET_EID, { "81180000FF", "6E00" }, { ES_GET_LIST, ES_LIST "9000" }, CLOSE }, 0, 0, "csim", "es10c", 0 },
    { "LPM as configured", "csim", CARD_LPM, "e", { OPENED, { "8116000012", "6D00" }, SELECT, { "8116000012", "6D00" }, CLOSE }, ERROR_CARD, 0x6D00, "", "lpm", 0 },
    { "neither is understood", "csim", CARD_AUTO, "e", { OPENED, { "8116000012", "6D00" }, SELECT, { "8116000012", "6D00" }, { ES_GET_EID, "6E00" }, CLOSE }, ERROR_CARD, 0x6E00, "", "", 0 },
    { "reselecting fails", "csim", CARD_AUTO, "e", { OPENED, { "8116000012", "6D00" }, { "01A404000E" APPLET, "6F00" }, CLOSE }, ERROR_CARD, 0x6F00, "", "", 0 },

    /* ES10c. */
    { "STORE DATA wants a Le, learnt", "csim", CARD_ES10C, "ee", { OPENED, { ES_GET_EID, "6700" }, { ES_GET_EID "00", ES_EID "9000" }, CLOSE, OPENED, { ES_GET_EID "00", ES_EID "9000" }, CLOSE }, 0, 0, "csim", "es10c", 0 },
    { "an empty 9000", "csim", CARD_ES10C, "e", { OPENED, { ES_GET_EID, "9000" }, { ES_GET_EID "00", "6115" }, { "01C0000015", ES_EID "9000" }, CLOSE }, 0, 0, "csim", "es10c", 0 },
    { "an empty 9000 twice", "csim", CARD_ES10C, "e", { OPENED, { ES_GET_EID, "9000" }, { ES_GET_EID "00", "9000" }, CLOSE }, ERROR_CARD, 0, "", "es10c", 0 },
    { "names are not known, learnt", "csim", CARD_ES10C, "ll", { OPENED, { ES_GET_LIST, "BF2D03810101" "9000" }, { ES_GET_SHORT, ES_LIST "9000" }, CLOSE, OPENED, { ES_GET_SHORT, ES_LIST "9000" }, CLOSE }, 0, 0, "csim", "es10c", 0 },
    { "6A80 to names", "csim", CARD_ES10C, "l", { OPENED, { ES_GET_LIST, "6A80" }, { ES_GET_SHORT, ES_LIST "9000" }, CLOSE }, 0, 0, "csim", "es10c", 0 },
    { "the card's own error", "csim", CARD_ES10C, "l", { OPENED, { ES_GET_LIST, "BF2D0381017F" "9000" }, { ES_GET_SHORT, "BF2D0381017F" "9000" }, CLOSE }, ERROR_CARD, 0, "", "es10c", 0 },

    /* Failures close what was opened. */
    { "6982", "csim", CARD_LPM, "b", { OPENED, GET_EID, { "81180000FF", "6982" }, CLOSE }, ERROR_CARD, 0x6982, "csim", "lpm", 0 },
    { "6882", "csim", CARD_LPM, "e", { OPENED, { "8116000012", "6882" }, CLOSE }, ERROR_CARD, 0x6882, "", "lpm", 0 },
    { "6F00", "csim", CARD_LPM, "e", { OPENED, { "8116000012", "6F00" }, CLOSE }, ERROR_CARD, 0x6F00, "", "lpm", 0 },
    { "9404", "csim", CARD_LPM, "e", { OPENED, { "8116000012", "9404" }, CLOSE }, ERROR_CARD, 0x9404, "", "lpm", 0 },
    { "the EID said again for the list", "csim", CARD_LPM, "b", { OPENED, GET_EID, { "81180000FF", EID "9000" }, LIST, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "a bare 9000 for the list", "csim", CARD_LPM, "b", { OPENED, GET_EID, { "81180000FF", "9000" }, LIST, CLOSE }, 0, 0, "csim", "lpm", 0 },
    { "a malformed list, twice", "csim", CARD_LPM, "l", { OPENED, { "81180000FF", "E380" "9000" }, { "81180000FF", "E380" "9000" }, CLOSE }, ERROR_CARD, 0, "", "lpm", 0 },
    { "a list for an EID", "csim", CARD_LPM, "e", { OPENED, { "8116000012", ROWS "9000" }, CLOSE }, ERROR_CARD, 0, "", "lpm", 0 },
    { "no answer to EID", "csim", CARD_LPM, "b", { OPENED, { "8116000012", "!timeout" }, CLOSE }, ERROR_MODEM_TIMEOUT, ERROR_FINAL_NONE, "", "lpm", 0 },
    { "no answer to SELECT", "csim cgla", CARD_LPM, "b", { OPEN, { "01A404000E" APPLET, "!timeout" }, CLOSE }, ERROR_MODEM_TIMEOUT, ERROR_FINAL_NONE, "", "lpm", 0 },
    { "no answer to opening", "csim cgla", CARD_LPM, "b", { { "0070000001", "!timeout" } }, ERROR_MODEM_TIMEOUT, ERROR_FINAL_NONE, "", "lpm", 0 },
    { "no answer by CGLA", "cgla", CARD_LPM, "b", { { "@open", "1" }, { "@8116000012", "!timeout" }, { "@close", "" } }, ERROR_MODEM_TIMEOUT, ERROR_FINAL_NONE, "", "lpm", 0 },
    { "the port goes", "csim", CARD_LPM, "b", { OPENED, { "8116000012", "!absent" } }, ERROR_MODEM_ABSENT, ERROR_FINAL_NONE, "", "lpm", 0 },
    { "the agent stops", "csim", CARD_LPM, "b", { OPENED, { "8116000012", "!stop" }, { "0070800100", "!stop" } }, ERROR_SHUTTING_DOWN, 0, "", "lpm", 0 },
    { "no card", "csim cgla", CARD_LPM, "b", { { "0070000001", "!10" } }, ERROR_CARD_ABSENT, 10, "", "lpm", 0 },
    { "a PIN is wanted", "csim cgla", CARD_LPM, "b", { { "0070000001", "!11" } }, ERROR_SIM_LOCKED, 11, "", "lpm", 0 },
    { "neither way takes a command", "cgla csim", CARD_LPM, "e", { { "@open", "1" }, { "@8116000012", "!4" }, { "@close", "" }, OPENED, { "8116000012", "!3" }, CLOSE }, ERROR_CARD, 3, "", "lpm", 0 },
    { "no answer without the channel in the CLA", "cgla", CARD_LPM, "e", { { "@open", "1" }, { "@8116000012", "6881" }, { "@8016000012", "!timeout" }, { "@close", "" } }, ERROR_MODEM_TIMEOUT, ERROR_FINAL_NONE, "", "lpm", 0 },
    { "no answer to the other Le", "csim", CARD_LPM, "e", { { "0070000001", "6700" }, { "0070000000", "!timeout" } }, ERROR_MODEM_TIMEOUT, ERROR_FINAL_NONE, "", "lpm", 0 },
    { "no answer while clearing up", "csim", CARD_LPM, "e", { { "0070000001", "6A81" }, { "0070800100", "!timeout" } }, ERROR_MODEM_TIMEOUT, ERROR_FINAL_NONE, "", "lpm", 0 },
    { "9300 to SELECT for 10 s", "csim", CARD_LPM, "e", { OPEN, { "01A404000E" APPLET, "9300", .times = 9 }, CLOSE }, ERROR_CARD_BUSY, 0x9300, "", "lpm", 10000 },
    { "SIM busy while closing for 10 s", "cgla", CARD_LPM, "e", { { "@open", "1" }, { "@8116000012", EID "9000" }, { "@close", "!14", .times = 9 } }, 0, 0, "cgla", "lpm", 10000 },
    { "SELECT after a CLA of no known meaning", "csim cgla", CARD_LPM, "e", { OPEN, { "01A404000E" APPLET, "6E00" }, CLOSE, { "@open", "1" }, { "@8116000012", EID "9000" }, { "@close", "" } }, 0, 0, "cgla", "lpm", 0 },
    { "closing fails, the answer stands", "csim", CARD_LPM, "e", { OPENED, GET_EID, { "0070800100", "!timeout" } }, 0, 0, "csim", "lpm", 0 },
}; // clang-format on

static void check_outputs(const struct eid *eid, const struct profile_list *list, char job)
{
    if (job != 'l')
        assert_string_equal(eid->text, "89001039450410141400000000001580");
    if (job == 'e')
        return;
    assert_int_equal(list->count, 2);
    assert_string_equal(list->rows[0].iccid.text, "89123108001757010071");
    assert_true(list->rows[0].enabled);
    assert_string_equal(list->rows[1].iccid.text, "8949001312170061988");
    assert_false(list->rows[1].enabled);
}

static void run_job(struct card *card, const struct row *row, char job, bool last)
{
    static const struct profile_list untouched = { .count = 99 };
    static struct profile_list list;
    struct eid eid = { "as before" };
    struct error e;

    list = untouched;
    e = card_read(card, job == 'l' ? NULL : &eid, job == 'e' ? NULL : &list, NULL);
    if (last && e.code != row->code)
        fail_msg("'%s' (%s)", error_code_name(e.code), e.message);
    if (!last)
        assert_ok(e);
    if (!e.code) {
        check_outputs(&eid, &list, job);
        return;
    }
    assert_int_equal(e.detail, row->detail);
    assert_string_equal(eid.text, "as before");
    assert_memory_equal(&list, &untouched, sizeof list);
}

static void run_row(const struct row *row)
{
    struct card_script script = { 0 };
    struct card *card = card_script_begin(&script, row->ways, row->interface);

    card_script_play(&script, row->steps);
    for (const char *job = row->jobs; *job; job++) {
        if (*job == 'c')
            card_forget_channels(card);
        else if (*job == 'f')
            card_forget_all(card);
        else if (*job == 'a')
            card_adopt(card, "csim:2"); /* channel 1 */
        else if (*job == 'g')
            card_adopt(card, "cgla:1");
        else if (*job == '?')
            card_adopt(card, "csim:");
        else
            run_job(card, row, *job, !job[1]);
    }
    card_script_end(&script);
    assert_string_equal(card_transport_name(card), row->way);
    assert_string_equal(card_interface_name(card), row->spoken);
    assert_int_equal(script.now_ms - script.began_ms, row->took_ms);
    card_free(card);
}

/* Whoever keeps what is open is told of each change, and of nothing else. */
static void note_channels(void *ctx, const char *open)
{
    strcat(strcat((char *)ctx, open[0] ? open : "-"), " ");
}

static void tells_what_is_open(void **state)
{
    static const struct card_step steps[] = { OPENED, GET_EID, CLOSE, { NULL } };
    char told[100] = "";
    struct card_script script = { .on_channels = note_channels, .on_channels_ctx = told };
    struct card *card = card_script_begin(&script, "csim", CARD_LPM);
    struct eid eid;

    (void)state;
    card_script_play(&script, steps);
    assert_ok(card_read(card, &eid, NULL, NULL));
    assert_string_equal(told, "csim:2 - ");
    card_script_end(&script);
    card_free(card);
}

static void reads(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("%s\n", rows[i].what);
        run_row(&rows[i]);
    }
}

static void commands_are_few(void **state)
{
    static const struct card_step both[] = { OPENED, GET_EID, LIST, CLOSE, { NULL } };
    static const struct card_step list[] = { OPENED, LIST, CLOSE, { NULL } };
    struct card_script script = { 0 };
    struct card *card = card_script_begin(&script, "csim cgla", CARD_AUTO);
    struct eid eid;
    struct profile_list profiles;

    (void)state;
    card_script_play(&script, both);
    assert_ok(card_read(card, &eid, &profiles, NULL));
    assert_true(script.commands <= 6);
    card_script_play(&script, list);
    assert_ok(card_read(card, NULL, &profiles, NULL));
    assert_int_equal(script.commands, 4);
    card_free(card);
}

/* A list of seven profiles is longer than 256 bytes. */
static void a_long_list(void **state)
{
    static const struct card_step steps[] = {
        OPENED,
        { "81180000FF", ROW_1 ROW_2 ROW_2 "61C3" },
        { "01C00000C3", ROW_2 ROW_2 ROW_2 ROW_2 ROW_2 "9000" },
        CLOSE,
        { NULL },
    };
    struct card_script script = { 0 };
    struct card *card = card_script_begin(&script, "csim", CARD_AUTO);
    struct profile_list list;
    struct traffic traffic = { 0 };

    (void)state;
    card_script_play(&script, steps);
    assert_ok(card_read(card, NULL, &list, NULL));
    assert_int_equal(list.count, 8);
    card_script_end(&script);
    /* They are counted by what the card said, and outlive what is learnt of it. */
    card_forget_all(card);
    card_get_traffic(card, &traffic);
    assert_int_equal(traffic.answers[TRAFFIC_ANSWER_MORE], 1);
    assert_int_equal(traffic.answers[TRAFFIC_ANSWER_DONE], 4);
    assert_int_equal(traffic.answers[TRAFFIC_ANSWER_NONE], 0);
    card_free(card);
}

/* The same by a modem that sends GET RESPONSE itself. */
static void a_long_list_at_once(void **state)
{
    static const struct card_step steps[] = {
        OPENED,
        { "81180000FF", ROW_1 ROW_2 ROW_2 ROW_2 ROW_2 ROW_2 ROW_2 ROW_2 "9000" },
        CLOSE,
        { NULL },
    };
    struct card_script script = { 0 };
    struct card *card = card_script_begin(&script, "csim", CARD_AUTO);
    struct profile_list list;

    (void)state;
    card_script_play(&script, steps);
    assert_ok(card_read(card, NULL, &list, NULL));
    assert_int_equal(list.count, 8);
    card_script_end(&script);
    card_free(card);
}

static void a_pause_that_is_broken_off(void **state)
{
    static const struct card_step steps[] = {
        OPENED, { "8116000012", "9300", .times = 2 }, CLOSE, { NULL }
    };
    struct card_script script = { .stop_at_pause = 2 };
    struct card *card = card_script_begin(&script, "csim", CARD_AUTO);
    struct eid eid;

    (void)state;
    card_script_play(&script, steps);
    assert_code(card_read(card, &eid, NULL, NULL), ERROR_SHUTTING_DOWN);
    card_script_end(&script);
    card_free(card);
}

/* What the card says of the EID costs no list, and the other way round. */
static void one_part_alone_fails(void **state)
{
    static const struct {
        const char *ways;
        bool eid, list;
        struct card_step steps[12];
        enum error_code code, eid_code;
    } parts[] = {
        // clang-format off
        { "csim", true, true, { OPENED, GET_EID, LIST, CLOSE }, 0, 0 },
        { "csim", true, true, { OPENED, { "8116000012", "6985" }, LIST, CLOSE }, 0, ERROR_CARD },
        { "csim", true, true, { OPENED, { "8116000012", ROWS "9000" }, LIST, CLOSE }, 0, ERROR_CARD },
        { "csim", true, true, { OPENED, { "8116000012", "6985" }, { "81180000FF", "6881" }, OPENED, LIST, CLOSE }, 0, ERROR_CARD },
        { "csim", true, false, { OPENED, { "8116000012", "6A88" }, CLOSE }, 0, ERROR_CARD },
        { "csim", true, true, { OPENED, GET_EID, { "81180000FF", "6982" }, CLOSE }, ERROR_CARD, 0 },
        { "csim", true, true, { OPENED, GET_EID, { "81180000FF", "!timeout" }, CLOSE }, ERROR_MODEM_TIMEOUT, 0 },
        { "csim", true, true, { OPENED, { "8116000012", "6985" }, { "81180000FF", "6982" }, CLOSE }, ERROR_CARD, ERROR_CARD },
        { "csim", true, true, { OPENED, { "8116000012", "!timeout" }, CLOSE }, ERROR_MODEM_TIMEOUT, ERROR_MODEM_TIMEOUT },
        { "csim", true, true, { OPEN, { "01A404000E" APPLET, "6A82" }, CLOSE }, ERROR_APPLET_ABSENT, ERROR_APPLET_ABSENT },
        { "csim", true, true, { OPENED, { "8116000012", "9300", .times = 9 }, CLOSE }, ERROR_CARD_BUSY, ERROR_CARD_BUSY },
        { "csim", false, true, { OPENED, LIST, CLOSE }, 0, 0 },
    }; // clang-format on

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        struct card_script script = { 0 };
        struct card *card = card_script_begin(&script, parts[i].ways, CARD_LPM);
        struct profile_list list = { .count = 99 };
        struct eid eid = { "as before" };
        struct error eid_error = { .code = ERROR_INTERNAL };

        print_message("part %zu\n", i);
        card_script_play(&script, parts[i].steps);
        assert_code(
            card_read(card, parts[i].eid ? &eid : NULL, parts[i].list ? &list : NULL, &eid_error),
            parts[i].code);
        assert_code(eid_error, parts[i].eid_code);
        assert_int_equal(strcmp(eid.text, "as before") == 0, !parts[i].eid || parts[i].eid_code);
        assert_int_equal(list.count, parts[i].list && !parts[i].code ? 2 : 99);
        card_script_end(&script);
        card_free(card);
    }
}

static void nothing_is_known_at_first(void **state)
{
    struct card_script script = { 0 };
    struct card *card = card_script_begin(&script, "csim cgla", CARD_AUTO);

    (void)state;
    assert_string_equal(card_transport_name(card), "");
    assert_string_equal(card_interface_name(card), "");
    card_free(card);
    card_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads),
        cmocka_unit_test(tells_what_is_open),
        cmocka_unit_test(commands_are_few),
        cmocka_unit_test(a_long_list),
        cmocka_unit_test(a_long_list_at_once),
        cmocka_unit_test(a_pause_that_is_broken_off),
        cmocka_unit_test(one_part_alone_fails),
        cmocka_unit_test(nothing_is_known_at_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
