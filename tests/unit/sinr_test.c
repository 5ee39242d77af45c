#include "agent/modem/sinr.h"

#include "agent/modem/quirks.h"
#include "tests/test.h"

enum { LINES = 4 };

#define UNKNOWN (-1000.0)
#define CPSI_M1                                                                                    \
    "+CPSI: LTE CAT-M1,Online,238-01,0x07D0,12024586,465,EUTRAN-BAND20,6350,5,5,-16,-83,-53,"

/* What modems answer to the command of their row. The lines are those that the source has, but for
 * the bounds and for what no modem should say. */
static const struct {
    const char *source, *manufacturer, *model;
    const char *lines[LINES];
    double db;
} rows[] = {
    // clang-format off
    { "MikroTik's guide to AT+QCSQ", "Quectel", "BG77", { "+QCSQ: \"eMTC\",-62,-87,111,-12" }, 2.2 },
    { "Quectel, BG96 AT Commands Manual: the least", "Quectel", "BG96", { "+QCSQ: \"CAT-NB1\",-62,-87,0,-12" }, -20 },
    { "Quectel, BG96 AT Commands Manual: the most", "Quectel", "BG95-M3", { "+QCSQ: \"CAT-M1\",-62,-87,250,-12" }, 30 },
    { "over it", "Quectel", "BG95-M3", { "+QCSQ: \"CAT-M1\",-62,-87,251,-12" }, UNKNOWN },
    { "below it", "Quectel", "BG95-M3", { "+QCSQ: \"CAT-M1\",-62,-87,-1,-12" }, UNKNOWN },
    { "2G", "Quectel", "BG96", { "+QCSQ: \"GSM\",-63" }, UNKNOWN },
    { "no service", "Quectel", "BG96", { "+QCSQ: \"NOSERVICE\"" }, UNKNOWN },
    { "LTE", "Quectel", "EC25", { "+QCSQ: \"LTE\",-60,-81,160,-10" }, 12 },
    { "3G, where Ec/Io stands there", "Quectel", "EC25", { "+QCSQ: \"WCDMA\",-60,-81,-5" }, UNKNOWN },
    { "255 where nothing is known", "Quectel", "EG25", { "+QCSQ: \"LTE\",-60,-81,255,-10" }, UNKNOWN },

    { "Quectel, RG50xQ&RM5xxQ Series Network Application Note", "Quectel", "RM500Q-GL", { "+QSINR: -3,-7,-1,-2,LTE" }, -3 },
    { "a web interface's captures: SA", "Quectel", "RM520N-GL", { "+QSINR: 25,25,-32768,-32768,NR5G" }, 25 },
    { "a web interface's captures: EN-DC", "Quectel", "RG502Q-EA", { "+QSINR: 11,9,-32768,-32768,LTE", "+QSINR: 23,22,-32768,-32768,NR5G" }, 11 },
    { "EN-DC, the other way round", "Quectel", "RG502Q-EA", { "+QSINR: 23,22,-32768,-32768,NR5G", "+QSINR: 11,9,-32768,-32768,LTE" }, 11 },
    { "EN-DC, LTE not known", "Quectel", "RG502Q-EA", { "+QSINR: -32768,-32768,-32768,-32768,LTE", "+QSINR: 23,22,-32768,-32768,NR5G" }, 23 },
    { "not known", "Quectel", "RM500Q-GL", { "+QSINR: -32768,-32768,-32768,-32768,NR5G" }, UNKNOWN },
    { "LTE's bounds", "Quectel", "RM500Q-GL", { "+QSINR: -20,0,0,0,LTE" }, -20 },
    { "LTE's bounds", "Quectel", "RM500Q-GL", { "+QSINR: 30,0,0,0,LTE" }, 30 },
    { "over LTE's bounds", "Quectel", "RM500Q-GL", { "+QSINR: 31,0,0,0,LTE" }, UNKNOWN },
    { "below LTE's bounds", "Quectel", "RM500Q-GL", { "+QSINR: -21,0,0,0,LTE" }, UNKNOWN },
    { "NR's bounds", "Quectel", "RM500Q-GL", { "+QSINR: -23,0,0,0,NR5G" }, -23 },
    { "NR's bounds", "Quectel", "RM500Q-GL", { "+QSINR: 40,0,0,0,NR5G" }, 40 },
    { "below NR's bounds", "Quectel", "RM500Q-GL", { "+QSINR: -24,0,0,0,NR5G" }, UNKNOWN },
    { "over NR's bounds", "Quectel", "RM500Q-GL", { "+QSINR: 41,0,0,0,NR5G" }, UNKNOWN },
    { "another technology", "Quectel", "RM500Q-GL", { "+QSINR: 5,5,5,5,WCDMA" }, UNKNOWN },

    { "a log of the esp-modem library", "SIMCOM_Ltd", "SIMCOM_SIM7080G", { CPSI_M1 "10" }, 0 },
    { "notes of a trial of CAT-M1", "SIMCOM_Ltd", "SIM7070G", { "+CPSI: LTE CAT-M1,Online,334-03,0x13BD,36786976,484,EUTRAN-BAND4,2225,4,4,-10,-104,-80,19" }, 18 },
    { "NB-IoT, as Zephyr's driver reads it", "SIMCOM_Ltd", "SIM7090G", { "+CPSI: LTE NB-IOT,Online,238-01,0x07D0,12024586,465,EUTRAN-BAND20,6350,0,0,-16,-83,-53,3" }, -14 },
    { "the least", "SIMCOM_Ltd", "SIM7080G", { CPSI_M1 "0" }, -20 },
    { "the most", "SIMCOM_Ltd", "SIM7080G", { CPSI_M1 "25" }, 30 },
    { "over it", "SIMCOM_Ltd", "SIM7080G", { CPSI_M1 "26" }, UNKNOWN },
    { "below it", "SIMCOM_Ltd", "SIM7080G", { CPSI_M1 "-1" }, UNKNOWN },
    { "empty", "SIMCOM_Ltd", "SIM7080G", { CPSI_M1 }, UNKNOWN },
    { "2G", "SIMCOM_Ltd", "SIM7080G", { "+CPSI: GSM,Online,204-04,0x00c9,61828,1002 EGSM 900,-67,0,44-44" }, UNKNOWN },
    { "no service", "SIMCOM_Ltd", "SIM7080G", { "+CPSI: NO SERVICE,Online" }, UNKNOWN },

    { "notes on the EM7455", "Sierra Wireless, Incorporated", "EM7455", { "SINR (dB):     23.8" }, 23.8 },
    { "a program that reads GSTATUS", "Sierra Wireless, Incorporated", "MC7455", { "SINR (dB):     29.0" }, 29 },
    { "weak", "Sierra Wireless, Incorporated", "EM7565", { "SINR (dB):     -2.0" }, -2 },
    { "blanks for a number", "Sierra Wireless, Incorporated", "EM7565", { "SINR (dB):" }, UNKNOWN },
    { "no number", "Sierra Wireless, Incorporated", "EM7565", { "SINR (dB):      ---" }, UNKNOWN },
    { "something behind it", "Sierra Wireless, Incorporated", "EM7565", { "SINR (dB):     1.0   Cell ID: 3" }, UNKNOWN },
    { "over the bounds", "Sierra Wireless, Incorporated", "EM7565", { "SINR (dB):     30.1" }, UNKNOWN },
    { "below the bounds", "Sierra Wireless, Incorporated", "EM7565", { "SINR (dB):     -20.1" }, UNKNOWN },

    { "ModemManager, tests of its XMM plug-in", "Fibocom Wireless Inc.", "L850-GL", { "+XCESQ: 0,99,99,255,255,19,46,32" }, 16 },
    { "ModemManager, tests of its XMM plug-in", "Fibocom Wireless Inc.", "L850-GL", { "+XCESQ: 0,99,99,255,255,19,46,-32" }, -16 },
    { "an L860-GL, with figures behind", "Fibocom Wireless Inc.", "L860-GL", { "+XCESQ: 0,99,99,255,255,19,58,11,255,255,255,255" }, 5.5 },
    { "an XMM7360 without service", "Fibocom Wireless Inc.", "L850-GL", { "+XCESQ: 0,99,99,255,255,255,255,255" }, UNKNOWN },
    { "over the bounds", "Fibocom Wireless Inc.", "L850-GL", { "+XCESQ: 0,99,99,255,255,19,46,101" }, UNKNOWN },
    { "below the bounds", "Fibocom Wireless Inc.", "L850-GL", { "+XCESQ: 0,99,99,255,255,19,46,-101" }, UNKNOWN },

    { "an FM160-CN, registered", "Fibocom Wireless Inc.", "FM160-CN", { "1,4,460,01,4F50,52BF337,672,1E4,103,100,44,63,63,24" }, 22 },
    { "an FM160-CN, camping, with neighbours", "Fibocom Wireless Inc.", "FM160-CN", { "1,4,460,11,4580,8048A97,994,129,105,50,-4,45,45,10", "2,4,,,,,994,F4,,38,38,0", "2,4,,,,,73A,BB,,25,25,8" }, -2 },
    { "an FM350-GL with EN-DC", "Fibocom Wireless Inc.", "FM350-GL", { "1,4,262,1,05D5,0019BF801,1300,358,103,100,13,60,60,22", "1,9,,,FFFFFFF,00FFFFFFF,641760,940,5078,450,19,76,76,84" }, 6.5 },
    { "neighbours alone", "Fibocom Wireless Inc.", "FM350-GL", { "2,4,,,,,A0AE,7C,,,31,12" }, UNKNOWN },
    { "NR, which CESQ tells", "Fibocom Wireless Inc.", "FM350-GL", { "1,9,,,FFFFFFF,00FFFFFFF,641760,940,5078,450,19,76,76,84" }, UNKNOWN },
    { "255", "Fibocom Wireless Inc.", "FM160-CN", { "1,4,460,01,4F50,52BF337,672,1E4,103,100,255,63,63,24" }, UNKNOWN },

    { "a row without a form", "u-blox", "SARA-R410M-02B", { "+QCSQ: \"LTE\",-60,-81,160,-10" }, UNKNOWN },
    { "no line", "Quectel", "RM500Q-GL", { NULL }, UNKNOWN },
    { "another's line", "Quectel", "EC25", { "+QCSQX: \"LTE\",-60,-81,160,-10" }, UNKNOWN },
}; // clang-format on

static void the_makers_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct sinr_source *source = &quirks_find(rows[i].manufacturer, rows[i].model)->sinr;
        size_t count = 0;
        double db = UNKNOWN;

        while (count < LINES && rows[i].lines[count])
            count++;
        print_message("%s %s: %s\n", rows[i].manufacturer, rows[i].model, rows[i].source);
        assert_int_equal(sinr_parse(source, rows[i].lines, count, &db), rows[i].db != UNKNOWN);
        assert_float_equal(db, rows[i].db, 0.001);
    }
}

/* Whatever stands in a field, in whatever order: a SINR that can be, or none. */
static void noise_is_no_sinr(void **state)
{
    static const char *const words[] = { "LTE",    "NR5G", "LTE CAT-M1", "1",     "4",  "255",
                                         "-32768", "99",   "12.5",       "-7",    "\"", "",
                                         "1e9",    "251",  "999999999",  "-1000", "nan" };
    uint32_t seed = 1;
    size_t known = 0;

    (void)state;
    for (size_t round = 0; round < 50000; round++) {
        const struct sinr_source *source = &quirks_find(rows[round % ARRAY_LEN(rows)].manufacturer,
                                                        rows[round % ARRAY_LEN(rows)].model)
                                                ->sinr;
        char line[512];
        const char *lines[] = { line };
        double db = UNKNOWN;
        size_t n = source->prefix ? (size_t)snprintf(line, sizeof line, "%s: ", source->prefix) : 0;

        for (size_t k = 0; k < 1 + round % 30; k++) {
            seed = seed * 1664525u + 1013904223u;
            n += (size_t)snprintf(line + n, sizeof line - n, "%s%s", k ? "," : "",
                                  words[(seed >> 16) % ARRAY_LEN(words)]);
        }
        bool tells = sinr_parse(source, lines, 1, &db);
        known += tells;
        assert_true(tells ? db >= -50 && db <= 50 : db == UNKNOWN);
    }
    assert_true(known > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_makers_lines),
        cmocka_unit_test(noise_is_no_sinr),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
