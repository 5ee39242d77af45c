#include "agent/modem/quirks.h"

#include <string.h>
#include <strings.h>

#include "agent/base/macros.h"

/* "AT+CFUN=1,1" restarts the modem by 27.007 8.2. */
static const char standard_reset[] = "AT+CFUN=1,1";

/* The first row that fits counts: models before their maker, the default last. */
static const struct quirk rows[] = {
    /* BG95, BG96, BG77: AcT 8 is eMTC; no WCDMA, so every line of QCSQ with a fourth field has the
     * SINR there, in fifths of a dB from -20 on (Quectel, BG96 AT Commands Manual, AT+QCSQ). */
    { .manufacturer = "Quectel",
      .models = { "BG" },
      .iccid = { "AT+QCCID" },
      .sinr = { .command = "AT+QCSQ",
                .prefix = "+QCSQ",
                .forms = { { .at = 3, .max = 250, .first = -20, .step = 0.2 } } },
      .sim_lines = { "+QUSIM: 1" },
      .reset = standard_reset,
      .survives_cfun0 = true,
      .act8_is_lte_m = true },
    { .manufacturer = "Quectel",
      .models = { "EC", "EG", "EP", "EM" }, /* EC25, EG25-G, EG912Y-EU, EP06-E, EM12-G */
      .iccid = { "AT+QCCID", "AT+CCID" },
      .sinr = { .command = "AT+QCSQ",
                .prefix = "+QCSQ",
                .forms = { { .words = { { 0, "LTE" } },
                             .at = 3,
                             .max = 250,
                             .first = -20,
                             .step = 0.2 } } },
      .sim_lines = { "+QUSIM: 1" },
      .reset = standard_reset,
      .survives_cfun0 = true },
    /* RG50xQ, RM5xxQ: dB, of the first receiver, the technology behind the four; with EN-DC there
     * are both lines, and CESQ's figures are LTE's. -32768 is unknown (Quectel, RG50xQ&RM5xxQ Series
     * Network Application Note, AT+QSINR). */
    { .manufacturer = "Quectel",
      .models = { "RG5", "RM5" },
      .iccid = { "AT+QCCID", "AT+CCID" },
      .sinr = { .command = "AT+QSINR",
                .prefix = "+QSINR",
                .forms = { { .words = { { 4, "LTE" } }, .min = -20, .max = 30, .step = 1 },
                           { .words = { { 4, "NR5G" } }, .min = -23, .max = 40, .step = 1 } } },
      .sim_lines = { "+QUSIM: 1" },
      .reset = standard_reset },
    { .manufacturer = "Quectel",
      .iccid = { "AT+QCCID", "AT+CCID" },
      .sim_lines = { "+QUSIM: 1" },
      .reset = standard_reset },
    /* 16: silent reset of the modem and the SIM (u-blox AT Commands Manual, AT+CFUN). */
    { .manufacturer = "u-blox",
      .iccid = { "AT+CCID" },
      .sim_lines = { "+UUSIMSTAT" },
      .reset = "AT+CFUN=16" },
    { .manufacturer = "Telit",
      .init = { "AT#QSS=1" },
      .iccid = { "AT#CCID", "AT+CCID" },
      .sim_lines = { "#QSS" },
      .reset = "AT#REBOOT" },
    /* "SIMCOM_SIM7600E-H", "SIM7670G-MNGV", "A7670E-FASE": "+ICCID: …" answers AT+CICCID. The
     * SIM70xx have other commands. */
    { .manufacturer = "SIMCOM",
      .models = { "SIM75", "SIM76", "A76" },
      .iccid = { "AT+CICCID", "AT+CCID" },
      .reset = "AT+CRESET" },
    /* RSSNR, from 0 to 25: SINR = 2 * RSSNR - 20 (Zephyr's driver of the SIM7080). What the SIM7600
     * and the SIM8200 call RSSNR is not agreed on, so they have none. */
    { .manufacturer = "SIMCOM",
      .models = { "SIM7070", "SIM7080", "SIM7090" },
      .iccid = { "AT+CCID" },
      .sinr = { .command = "AT+CPSI?",
                .prefix = "+CPSI",
                .forms = { { .words = { { 0, "LTE CAT-M1" } },
                             .at = 13,
                             .max = 25,
                             .first = -20,
                             .step = 2 },
                           { .words = { { 0, "LTE NB-IOT" } },
                             .at = 13,
                             .max = 25,
                             .first = -20,
                             .step = 2 } } },
      .reset = standard_reset },
    { .manufacturer = "SIMCOM", .iccid = { "AT+CCID" }, .reset = standard_reset },
    /* A page of labels and values, one of them in LTE "SINR (dB):     23.8". */
    { .manufacturer = "Sierra",
      .iccid = { "AT+ICCID", "AT+CCID" },
      .sinr = { .command = "AT!GSTATUS?",
                .prefix = "SINR (dB)",
                .forms = { { .min = -20, .max = 30, .step = 1 } } },
      .reset = "AT!RESET" },
    /* Intel's XMM: RSSNR in halves of a dB behind what CESQ has, 255 is unknown (ModemManager's XMM
     * plug-in, AT+XCESQ). */
    { .manufacturer = "Fibocom",
      .models = { "L850", "L860" },
      .iccid = { "AT+CCID", "AT+ICCID" },
      .sinr = { .command = "AT+XCESQ?",
                .prefix = "+XCESQ",
                .forms = { { .at = 7, .min = -100, .max = 100, .step = 0.5 } } },
      .reset = standard_reset },
    /* FM150, FM160, FM350: of the serving cell (1) in LTE (4) the RSSNR in halves of a dB, 255 is
     * unknown; neighbours (2) have other fields there (Fibocom, FM160 AT manual, 9.1.15). */
    { .manufacturer = "Fibocom",
      .models = { "FM1", "FM3" },
      .iccid = { "AT+CCID", "AT+ICCID" },
      .sinr = { .command = "AT+GTCCINFO?",
                .forms = { { .words = { { 0, "1" }, { 1, "4" } },
                             .at = 10,
                             .min = -100,
                             .max = 100,
                             .step = 0.5 } } },
      .reset = standard_reset },
    { .manufacturer = "Fibocom", .iccid = { "AT+CCID", "AT+ICCID" }, .reset = standard_reset },
    { .manufacturer = "",
      .iccid = { "AT+CCID", "AT+QCCID", "AT+ICCID" },
      .sim_lines = { "+QUSIM: 1", "+UUSIMSTAT", "#QSS" },
      .reset = standard_reset },
};

static bool contains(const char *text, const char *pattern)
{
    size_t n = strlen(pattern);

    for (; strlen(text) >= n; text++)
        if (strncasecmp(text, pattern, n) == 0)
            return true;
    return false;
}

static bool fits_model(const struct quirk *quirk, const char *model)
{
    bool fits = !quirk->models[0];

    for (size_t i = 0; i < QUIRK_MODELS_MAX && quirk->models[i] && !fits; i++)
        fits = contains(model, quirk->models[i]);
    return fits;
}

const struct quirk *quirks_find(const char *manufacturer, const char *model)
{
    size_t i = 0;

    while (i < ARRAY_LEN(rows) - 1 &&
           !(contains(manufacturer, rows[i].manufacturer) && fits_model(&rows[i], model)))
        i++;
    return &rows[i];
}

/* Which interface of a maker's USB modems is the one for AT commands; -1: it depends. */
static const struct {
    int vendor, product_min, product_max;
    int interface;
} usb[] = {
    { 0x2C7C, 0x0000, 0xFFFF, 2 },  /* Quectel: diagnosis, GNSS, AT, modem */
    { 0x1E0E, 0x9001, 0x9001, 2 },  /* SIMCom SIM7600: diagnosis, NMEA, AT, modem, audio */
    { 0x1546, 0x1000, 0xFFFF, -1 }, /* u-blox; below are GNSS receivers */
    { 0x1BC7, 0x0000, 0xFFFF, -1 }, /* Telit */
    { 0x1199, 0x9000, 0xFFFF, 3 },  /* Sierra MC/EM74xx: diagnosis 0, NMEA 2, AT 3 */
    { 0x2CB7, 0x0000, 0xFFFF, -1 }, /* Fibocom */
};

int quirks_usb_rank(int vendor, int product, int interface)
{
    for (size_t i = 0; i < ARRAY_LEN(usb); i++) {
        if (usb[i].vendor != vendor || product < usb[i].product_min || product > usb[i].product_max)
            continue;
        if (usb[i].interface < 0 || interface < 0)
            return 1;
        return usb[i].interface == interface ? 0 : 2;
    }
    return -1;
}
