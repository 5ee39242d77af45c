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
      .sinr = { .command = "AT+QCSQ", .prefix = "+QCSQ", .value_at = 3, .first = -20, .step = 0.2 },
      .sim_lines = { "+QUSIM: 1" },
      .reset = standard_reset,
      .survives_cfun0 = true,
      .act8_is_lte_m = true },
    { .manufacturer = "Quectel",
      .models = { "EC", "EG", "EP", "EM" }, /* EC25, EG25-G, EG912Y-EU, EP06-E, EM12-G */
      .iccid = { "AT+QCCID", "AT+CCID" },
      .sinr = { .command = "AT+QCSQ",
                .prefix = "+QCSQ",
                .word = "LTE",
                .value_at = 3,
                .first = -20,
                .step = 0.2 },
      .sim_lines = { "+QUSIM: 1" },
      .reset = standard_reset,
      .survives_cfun0 = true },
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
    { .manufacturer = "SIMCOM", .iccid = { "AT+CCID" }, .reset = standard_reset },
    { .manufacturer = "Sierra", .iccid = { "AT+ICCID", "AT+CCID" }, .reset = "AT!RESET" },
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
