#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/modem/sinr.h"

/* What single makes of modems want differently. A quirk is data: a row here, never an `if` in the
 * middle of the code. Only what public documentation says; an empty field: nothing known. */

enum { QUIRK_COMMANDS_MAX = 4, QUIRK_ICCID_MAX = 4, QUIRK_MODELS_MAX = 4 };

struct quirk {
    /* A pattern within CGMI, "" fits all, and patterns within CGMM, one of which has to fit, none fits
     * all; any case. */
    const char *manufacturer;
    const char *models[QUIRK_MODELS_MAX];
    /* After the agent's own set-up; refusals are fine. */
    const char *init[QUIRK_COMMANDS_MAX];
    /* Which commands read the ICCID in use, in this order. */
    const char *iccid[QUIRK_ICCID_MAX];
    struct sinr_source sinr;
    /* How unsolicited lines that tell of a SIM change begin. */
    const char *sim_lines[QUIRK_COMMANDS_MAX];
    const char *after_switch[QUIRK_COMMANDS_MAX];
    /* Restarts the whole modem. */
    const char *reset;
    /* The port is still there after AT+CFUN=0. */
    bool survives_cfun0;
    /* AcT 8 (EC-GSM) is used for LTE-M. */
    bool act8_is_lte_m;
    /* How long to leave the modem alone after a final line. */
    int peace_ms;
};

/* Never NULL: the last row fits every modem. */
const struct quirk *quirks_find(const char *manufacturer, const char *model);

/* How likely a USB modem's port is the one for AT commands: 0 it is, more is less; -1: no modem
 * known here. `interface` -1: not known. */
int quirks_usb_rank(int vendor, int product, int interface);
