#include "sim.h"

/* How strong the signal is: by the standard, and by the makers' own commands, which alone tell the
 * SINR of LTE. Each maker's are there where modem.manufacturer (and modem.model) begins as its do. */

/* A level in steps of 27.007, `unknown` when there is none. */
static int steps(int value, double offset, double scale, int max, int unknown)
{
    double n = (value + offset) * scale;

    if (value == UNKNOWN)
        return unknown;
    return n < 0 ? 0 : n > max ? max : (int)n;
}

int at_cesq(struct sim *sim, enum at_kind kind, const char *args)
{
    const struct network_scn *w = net_registered(sim) ? sim->net.network : NULL;
    int act = w ? w->act : -1;
    bool gsm = act == 0 || act == 1 || act == 3 || act == 8,
         lte = act == 7 || act == 9 || act == 10;

    (void)args;
    if (!sim->scn.modem.cesq || kind != AT_EXEC)
        return ANS_ERROR;
    if (act >= 11)
        modem_line(sim, "+CESQ: 99,99,255,255,255,255,%d,%d,%d", steps(w->rsrq, 43.5, 2, 126, 255),
                   steps(w->rsrp, 157, 1, 126, 255), steps(w->sinr, 23.5, 2, 127, 255));
    else if (lte)
        modem_line(sim, "+CESQ: 99,99,255,255,%d,%d", steps(w->rsrq, 20, 2, 34, 255),
                   steps(w->rsrp, 141, 1, 97, 255));
    else if (gsm)
        modem_line(sim, "+CESQ: %d,0,255,255,255,255", steps(w->rssi, 111, 1, 63, 99));
    else if (w)
        modem_line(sim, "+CESQ: 99,99,%d,255,255,255", steps(w->rssi, 121, 1, 96, 255));
    else
        modem_line(sim, "+CESQ: 99,99,255,255,255,255");
    return ANS_OK;
}

int at_csq(struct sim *sim, enum at_kind kind, const char *args)
{
    const struct network_scn *w = net_registered(sim) ? sim->net.network : NULL;

    (void)args;
    if (!sim->scn.modem.csq || kind != AT_EXEC)
        return ANS_ERROR;
    modem_line(sim, "+CSQ: %d,99", w ? steps(w->rssi, 113, 0.5, 31, 99) : 99);
    return ANS_OK;
}

static bool is_made_by(const struct sim *sim, const char *maker, const char *model)
{
    return text_has_prefix(sim->scn.modem.manufacturer, maker) &&
           text_has_prefix(sim->scn.modem.model, model);
}

/* The cell of LTE, LTE-M or NB-IoT; NULL: none. */
static const struct network_scn *lte_cell(const struct sim *sim)
{
    const struct network_scn *w = net_registered(sim) ? sim->net.network : NULL;

    return w && (w->act == 7 || w->act == 9 || w->act == 10) ? w : NULL;
}

/* Steps of 0.2 dB from -20. */
int at_qcsq(struct sim *sim, enum at_kind kind, const char *args)
{
    const struct network_scn *w = net_registered(sim) ? sim->net.network : NULL;

    (void)args;
    if (kind != AT_EXEC || !is_made_by(sim, "Quectel", ""))
        return ANS_ERROR;
    if (!w)
        modem_line(sim, "+QCSQ: \"NOSERVICE\"");
    else if (!lte_cell(sim))
        modem_line(sim, "+QCSQ: \"GSM\",%d", w->rssi);
    else
        modem_line(sim, "+QCSQ: \"LTE\",%d,%d,%d,%d", w->rssi, w->rsrp,
                   steps(w->sinr, 20, 5, 250, 255), w->rsrq);
    return ANS_OK;
}

/* The four receivers, in dB; no line without service. */
int at_qsinr(struct sim *sim, enum at_kind kind, const char *args)
{
    const struct network_scn *w = net_registered(sim) ? sim->net.network : NULL;
    bool nr = w && (w->act == 11 || w->act == 12);

    (void)args;
    if (kind != AT_EXEC || !is_made_by(sim, "Quectel", "R"))
        return ANS_ERROR;
    if (nr || lte_cell(sim))
        modem_line(sim, "+QSINR: %d,-32768,-32768,-32768,%s", w->sinr == UNKNOWN ? -32768 : w->sinr,
                   nr ? "NR5G" : "LTE");
    return ANS_OK;
}

/* Steps of 2 dB from -20. */
int at_cpsi(struct sim *sim, enum at_kind kind, const char *args)
{
    const struct network_scn *w = lte_cell(sim);

    (void)args;
    if (kind != AT_READ || !is_made_by(sim, "SIMCOM", ""))
        return ANS_ERROR;
    if (w)
        modem_line(sim,
                   "+CPSI: LTE "
                   "CAT-M1,Online,%.3s-%s,0x1F00,7985411,257,EUTRAN-BAND20,6350,5,5,%d,%d,%d,%d",
                   w->plmn, w->plmn + 3, w->rsrq, w->rsrp, w->rssi,
                   steps(w->sinr, 20, 0.5, 25, 255));
    else
        modem_line(sim, "+CPSI: NO SERVICE,Online");
    return ANS_OK;
}

/* A page of labels and values; that of the SINR is there with LTE alone. */
int at_gstatus(struct sim *sim, enum at_kind kind, const char *args)
{
    const struct network_scn *w = lte_cell(sim);

    (void)args;
    if (kind != AT_READ || !is_made_by(sim, "Sierra", ""))
        return ANS_ERROR;
    modem_line(sim, "!GSTATUS: ");
    modem_line(sim, "Current Time:  22016\t\tTemperature: 40");
    modem_line(sim, "System mode:   %s\tPS state:    %s", w ? "LTE        " : "NO SERVICE ",
               sim->net.attached ? "Attached     " : "Not attached ");
    if (!w)
        return ANS_OK;
    modem_line(sim, "PCC RxM RSSI:  %d\t\tRSRP (dBm):  %d", w->rssi, w->rsrp);
    modem_line(sim, "RSRQ (dB):     %d.0\t\tCell ID:     0079D903 (7985411)", w->rsrq);
    if (w->sinr != UNKNOWN)
        modem_line(sim, "SINR (dB):     %d.0", w->sinr);
    return ANS_OK;
}

/* Halves of a dB. */
static int halves(int value)
{
    return value == UNKNOWN ? 255 : 2 * value;
}

/* Intel's: CESQ with the SINR behind it. */
int at_xcesq(struct sim *sim, enum at_kind kind, const char *args)
{
    const struct network_scn *w = lte_cell(sim);

    (void)args;
    if (kind != AT_READ || !is_made_by(sim, "Fibocom", "L8"))
        return ANS_ERROR;
    if (w)
        modem_line(sim, "+XCESQ: 0,99,99,255,255,%d,%d,%d", steps(w->rsrq, 20, 2, 34, 255),
                   steps(w->rsrp, 141, 1, 97, 255), halves(w->sinr));
    else
        modem_line(sim, "+XCESQ: 0,99,99,255,255,255,255,255");
    return ANS_OK;
}

/* Headings, and lines without a prefix: the serving cell (1) and a neighbour (2). */
int at_gtccinfo(struct sim *sim, enum at_kind kind, const char *args)
{
    const struct network_scn *w = lte_cell(sim);

    (void)args;
    if (kind != AT_READ || !is_made_by(sim, "Fibocom", "FM"))
        return ANS_ERROR;
    modem_line(sim, "+GTCCINFO:");
    if (!w)
        return ANS_OK;
    modem_line(sim, "LTE service cell:");
    modem_line(sim, "1,4,%.3s,%s,1F00,79D903,672,1E4,103,100,%d,%d,%d,%d", w->plmn, w->plmn + 3,
               halves(w->sinr), steps(w->rsrp, 141, 1, 97, 255), steps(w->rsrp, 141, 1, 97, 255),
               steps(w->rsrq, 20, 2, 34, 255));
    modem_line(sim, "LTE neighbor cell:");
    modem_line(sim, "2,4,,,,,994,F4,,38,38,0");
    return ANS_OK;
}
