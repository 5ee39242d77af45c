#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim.h"

/* The table of AT commands, and those that need no card. */

/* Comma-separated fields, quotes taken off. Returns how many there were. */
enum { FIELD_SIZE = 128 };

static int split(const char *args, char fields[][FIELD_SIZE], int max)
{
    int n = 0;

    while (n < max) {
        size_t len = 0;
        bool quoted = *args == '"';

        args += quoted;
        while (*args && (quoted ? *args != '"' : *args != ',')) {
            if (len < FIELD_SIZE - 1)
                fields[n][len++] = *args;
            args++;
        }
        fields[n++][len] = 0;
        args += quoted && *args;
        if (*args != ',')
            break;
        args++;
    }
    return n;
}

static int set_small(const char *args, int max, int *ret)
{
    char *end;
    long value = strtol(args, &end, 10);

    if (end == args || *end || value < 0 || value > max)
        return ANS_ERROR;
    *ret = (int)value;
    return ANS_OK;
}

static int at_plain(struct sim *sim, enum at_kind kind, const char *args)
{
    (void)sim;
    (void)args;
    return kind == AT_EXEC ? ANS_OK : ANS_ERROR;
}

static int at_echo_off(struct sim *sim, enum at_kind kind, const char *args)
{
    (void)args;
    sim->modem.echo = false;
    return kind == AT_EXEC ? ANS_OK : ANS_ERROR;
}

static int at_echo_on(struct sim *sim, enum at_kind kind, const char *args)
{
    (void)args;
    sim->modem.echo = true;
    return kind == AT_EXEC ? ANS_OK : ANS_ERROR;
}

static int identity(struct sim *sim, enum at_kind kind, const char *text)
{
    if (kind != AT_EXEC)
        return ANS_ERROR;
    modem_line(sim, "%s", text);
    return ANS_OK;
}

static int at_ati(struct sim *sim, enum at_kind kind, const char *args)
{
    (void)args;
    identity(sim, kind, sim->scn.modem.manufacturer);
    identity(sim, kind, sim->scn.modem.model);
    return identity(sim, kind, sim->scn.modem.revision);
}

static int at_cgmi(struct sim *sim, enum at_kind kind, const char *args)
{
    (void)args;
    return identity(sim, kind, sim->scn.modem.manufacturer);
}

static int at_cgmm(struct sim *sim, enum at_kind kind, const char *args)
{
    (void)args;
    return identity(sim, kind, sim->scn.modem.model);
}

static int at_cgmr(struct sim *sim, enum at_kind kind, const char *args)
{
    (void)args;
    return identity(sim, kind, sim->scn.modem.revision);
}

static int at_cgsn(struct sim *sim, enum at_kind kind, const char *args)
{
    (void)args;
    return identity(sim, kind, sim->scn.modem.imei);
}

static int at_cmee(struct sim *sim, enum at_kind kind, const char *args)
{
    if (kind == AT_SET)
        return set_small(args, 2, &sim->modem.cmee);
    modem_line(sim, "+CMEE: %d", sim->modem.cmee);
    return ANS_OK;
}

static int at_cfun(struct sim *sim, enum at_kind kind, const char *args)
{
    int level;

    if (kind == AT_READ) {
        modem_line(sim, "+CFUN: %d", sim->modem.cfun);
        return ANS_OK;
    }
    if (kind != AT_SET)
        return ANS_ERROR;
    if (!strcmp(args, "1,1") || !strcmp(args, "15") || !strcmp(args, "16")) {
        sim->modem.after.reboot = true;
        return ANS_OK;
    }
    if (set_small(args, 4, &level) != ANS_OK || !modem_set_cfun(sim, level))
        return 3;
    return ANS_OK;
}

/* Quectel, SIMCom, Telit, Sierra, u-blox: each has its own way to start over. */
static int at_reboot(struct sim *sim, enum at_kind kind, const char *args)
{
    (void)args;
    if (kind == AT_READ)
        return ANS_ERROR;
    sim->modem.after.reboot = true;
    return ANS_OK;
}

static int cops_read(struct sim *sim)
{
    const struct modem *m = &sim->modem;

    if (!net_registered(sim))
        modem_line(sim, "+COPS: %d", m->cops_mode);
    else if (m->cops_format == 2)
        modem_line(sim, "+COPS: %d,2,\"%s\",%d", m->cops_mode, sim->net.network->plmn,
                   sim->net.network->act);
    else
        modem_line(sim, "+COPS: %d,%d,\"Net %s\",%d", m->cops_mode, m->cops_format,
                   sim->net.network->plmn, sim->net.network->act);
    return ANS_OK;
}

static int at_cops(struct sim *sim, enum at_kind kind, const char *args)
{
    struct modem *m = &sim->modem;
    char f[4][FIELD_SIZE] = { "" };
    int n;

    if (modem_sim_locked(sim))
        return 5;
    if (kind == AT_READ)
        return cops_read(sim);
    if (kind != AT_SET)
        return ANS_ERROR;
    n = split(args, f, 4);
    switch (atoi(f[0])) {
    case 3:
        return n == 2 ? set_small(f[1], 2, &m->cops_format) : ANS_ERROR;
    case 0:
        m->cops_mode = 0;
        if (!net_registered(sim))
            net_start(sim);
        return ANS_OK;
    case 2:
        m->cops_mode = 2;
        net_stop(sim);
        return ANS_OK;
    case 1:
    case 4:
        if (n < 3)
            return ANS_ERROR;
        m->cops_mode = f[0][0] - '0';
        text_copy(m->cops_plmn, sizeof(m->cops_plmn), f[2]);
        net_start(sim);
        return ANS_OK;
    default:
        return 50;
    }
}

/* +CREG and its kin: <n>,<stat> and more where n asks for it. */
static int registration(struct sim *sim, enum at_kind kind, const char *args, const char *name,
                        bool there, int *n, int stat)
{
    if (!there)
        return ANS_ERROR;
    if (kind == AT_SET)
        return set_small(args, 5, n);
    if (kind != AT_READ)
        return ANS_ERROR;
    if (*n >= 2 && net_registered(sim) && (stat == STAT_HOME || stat == STAT_ROAMING))
        modem_line(sim, "%s: %d,%d,\"1A2B\",\"01A2D003\",%d", name, *n, stat,
                   sim->net.network->act);
    else if ((*n == 3 || *n == 5) && stat == STAT_DENIED)
        modem_line(sim, "%s: %d,%d,,,,0,%d", name, *n, stat, sim->net.network->reject_cause);
    else
        modem_line(sim, "%s: %d,%d", name, *n, stat);
    return ANS_OK;
}

/* Where a registration on this technology shows: EPS, 5GS, or only circuit and GPRS. */
static int eps_stat(const struct sim *sim)
{
    int act = net_registered(sim) ? sim->net.network->act : 7;

    return act == 7 || act == 9 || act == 10 || act == 13 ? sim->net.stat : STAT_IDLE;
}

static int nr_stat(const struct sim *sim)
{
    int act = net_registered(sim) ? sim->net.network->act : 11;

    return act == 11 || act == 12 ? sim->net.stat : STAT_IDLE;
}

static int at_creg(struct sim *sim, enum at_kind kind, const char *args)
{
    return registration(sim, kind, args, "+CREG", sim->scn.modem.creg, &sim->modem.creg_n,
                        sim->net.stat);
}

static int at_cgreg(struct sim *sim, enum at_kind kind, const char *args)
{
    return registration(sim, kind, args, "+CGREG", sim->scn.modem.cgreg, &sim->modem.cgreg_n,
                        sim->net.stat);
}

static int at_cereg(struct sim *sim, enum at_kind kind, const char *args)
{
    return registration(sim, kind, args, "+CEREG", sim->scn.modem.cereg, &sim->modem.cereg_n,
                        eps_stat(sim));
}

static int at_c5greg(struct sim *sim, enum at_kind kind, const char *args)
{
    return registration(sim, kind, args, "+C5GREG", sim->scn.modem.c5greg, &sim->modem.c5greg_n,
                        nr_stat(sim));
}

static int at_cgatt(struct sim *sim, enum at_kind kind, const char *args)
{
    if (kind == AT_READ) {
        modem_line(sim, "+CGATT: %d", sim->net.attached);
        return ANS_OK;
    }
    if (kind != AT_SET || (strcmp(args, "0") != 0 && strcmp(args, "1") != 0))
        return ANS_ERROR;
    if (args[0] == '0') {
        net_detach(sim);
        return ANS_OK;
    }
    if (net_attach(sim))
        return ANS_OK;
    return net_registered(sim) ? 107 : 30;
}

static struct context *context_of(struct sim *sim, const char *cid)
{
    int n = atoi(cid);

    return n >= 1 && n <= MAX_CONTEXTS ? &sim->modem.contexts[n] : NULL;
}

static int at_cgdcont(struct sim *sim, enum at_kind kind, const char *args)
{
    char f[3][FIELD_SIZE] = { "" };
    struct context *c;
    int n;

    if (kind == AT_READ) {
        for (int i = 1; i <= MAX_CONTEXTS; i++)
            if ((c = &sim->modem.contexts[i])->set)
                modem_line(sim, "+CGDCONT: %d,\"%s\",\"%s\",\"%s\",0,0", i, c->type, c->apn,
                           i == 1 && sim->net.context ? sim->net.network->address : "0.0.0.0");
        return ANS_OK;
    }
    n = kind == AT_SET ? split(args, f, 3) : 0;
    c = context_of(sim, f[0]);
    if (n < 1 || !c)
        return ANS_ERROR;
    c->set = n >= 2;
    text_copy(c->type, sizeof(c->type), n >= 2 ? f[1] : "");
    text_copy(c->apn, sizeof(c->apn), n >= 3 ? f[2] : "");
    return ANS_OK;
}

static int at_cgauth(struct sim *sim, enum at_kind kind, const char *args)
{
    char f[4][FIELD_SIZE] = { "" };
    struct context *c;
    int n;

    if (kind == AT_READ) {
        for (int i = 1; i <= MAX_CONTEXTS; i++)
            if ((c = &sim->modem.contexts[i])->auth)
                modem_line(sim, "+CGAUTH: %d,%d,\"%s\",\"%s\"", i, c->auth, c->user, c->password);
        return ANS_OK;
    }
    n = kind == AT_SET ? split(args, f, 4) : 0;
    c = context_of(sim, f[0]);
    if (n < 1 || !c)
        return ANS_ERROR;
    c->auth = n >= 2 ? atoi(f[1]) : 0;
    text_copy(c->user, sizeof(c->user), n >= 3 ? f[2] : "");
    text_copy(c->password, sizeof(c->password), n >= 4 ? f[3] : "");
    return ANS_OK;
}

static int at_cgact(struct sim *sim, enum at_kind kind, const char *args)
{
    char f[2][FIELD_SIZE] = { "" };

    if (kind == AT_READ) {
        for (int i = 1; i <= MAX_CONTEXTS; i++)
            if (sim->modem.contexts[i].set)
                modem_line(sim, "+CGACT: %d,%d", i, i == 1 && sim->net.context);
        return ANS_OK;
    }
    if (kind != AT_SET || split(args, f, 2) < 1)
        return ANS_ERROR;
    if (f[1][0] && strcmp(f[1], "1") != 0)
        return ANS_OK;
    return net_activate(sim, f[0][0] == '1') ? ANS_OK : 148;
}

static int at_cgpaddr(struct sim *sim, enum at_kind kind, const char *args)
{
    if (kind == AT_READ || (kind == AT_SET && strcmp(args, "1") != 0))
        return ANS_ERROR;
    modem_line(sim, "+CGPADDR: 1,\"%s\"",
               net_has_data(sim) ? sim->net.network->address : "0.0.0.0");
    return ANS_OK;
}

const struct at_command at_commands[] = {
    { "", at_plain, false },
    { "E0", at_echo_off, false },
    { "E1", at_echo_on, false },
    { "I", at_ati, false },
    { "Z", at_plain, false },
    { "+CMEE", at_cmee, false },
    { "+CFUN", at_cfun, false },
    { "+CGMI", at_cgmi, false },
    { "+CGMM", at_cgmm, false },
    { "+CGMR", at_cgmr, false },
    { "+CGSN", at_cgsn, false },
    { "+COPS", at_cops, false },
    { "+CREG", at_creg, false },
    { "+CGREG", at_cgreg, false },
    { "+CEREG", at_cereg, false },
    { "+C5GREG", at_c5greg, false },
    { "+CESQ", at_cesq, false },
    { "+CSQ", at_csq, false },
    { "+QCSQ", at_qcsq, false },
    { "+QSINR", at_qsinr, false },
    { "+CPSI", at_cpsi, false },
    { "!GSTATUS", at_gstatus, false },
    { "+XCESQ", at_xcesq, false },
    { "+GTCCINFO", at_gtccinfo, false },
    { "+CGATT", at_cgatt, false },
    { "+CGDCONT", at_cgdcont, false },
    { "+CGAUTH", at_cgauth, false },
    { "+CGACT", at_cgact, false },
    { "+CGPADDR", at_cgpaddr, false },
    { "+CPIN", at_cpin, true },
    { "+CIMI", at_cimi, true },
    { "+CCID", at_ccid, true },
    { "+QCCID", at_ccid, true },
    { "+ICCID", at_ccid, true },
    { "+CRSM", at_crsm, true },
    { "+CSIM", at_csim, true },
    { "+CCHO", at_ccho, true },
    { "+CGLA", at_cgla, true },
    { "+CCHC", at_cchc, true },
    { "+QPOWD", at_reboot, false },
    { "+CRESET", at_reboot, false },
    { "#REBOOT", at_reboot, false },
    { "!RESET", at_reboot, false },
    { "+CPWROFF", at_reboot, false },
    { 0 },
};
