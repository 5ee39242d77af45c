#include "net.h"

#include <string.h>
#include <strings.h>

#include "sim.h"

static const int stat_of[] = { STAT_HOME,      STAT_ROAMING, STAT_DENIED,
                               STAT_SEARCHING, STAT_IDLE,    STAT_EMERGENCY };

static void set_stat(struct sim *sim, int stat)
{
    if (sim->net.stat == stat)
        return;
    sim->net.stat = stat;
    modem_tell_registration(sim);
}

static void set_data(struct sim *sim, bool attached, bool context)
{
    sim->net.attached = attached;
    sim->net.context = context;
    bearer_service_changed(sim);
    control_check_waits(sim);
}

static const struct network_scn *find_network(const struct sim *sim)
{
    int i = card_find_iccid(&sim->scn.card, sim->modem.iccid);

    return i >= 0 ? &sim->scn.card.profiles[i].network : NULL;
}

/* A network accepts, or any comes in question, in COPS mode 1 only the chosen one. */
static bool network_is_chosen(const struct sim *sim)
{
    return sim->modem.cops_mode != 1 || !sim->modem.cops_plmn[0] ||
           !strcmp(sim->modem.cops_plmn, sim->net.network->plmn);
}

static bool apn_fits(const struct sim *sim)
{
    const char *wanted = sim->net.network->apn;

    return !*wanted || !strcasecmp(wanted, modem_apn(sim));
}

static bool auth_fits(const struct sim *sim)
{
    const struct network_scn *network = sim->net.network;
    const struct context *c = &sim->modem.contexts[1];

    return !*network->auth_user || (c->auth && !strcmp(c->user, network->auth_user) &&
                                    !strcmp(c->password, network->auth_password));
}

/* What the network says to context 1 at an attach. */
static bool gets_address(const struct sim *sim)
{
    return sim->net.network->address[0] && apn_fits(sim) && auth_fits(sim);
}

bool net_registered(const struct sim *sim)
{
    return sim->net.stat == STAT_HOME || sim->net.stat == STAT_ROAMING;
}

bool net_has_data(const struct sim *sim)
{
    return net_registered(sim) && sim->net.attached && sim->net.context;
}

static void attach_timer(struct sim *sim, int arg)
{
    (void)arg;
    if (net_registered(sim) && sim->net.network->attach && sim->modem.attach_wanted)
        set_data(sim, true, gets_address(sim));
}

static void register_timer(struct sim *sim, int arg)
{
    (void)arg;
    if (!sim->net.network)
        return;
    if (!network_is_chosen(sim))
        return;
    set_stat(sim, stat_of[sim->net.network->registration]);
    if (net_registered(sim))
        timer_set(attach_timer, 0, sim->net.network->attach_delay_ms);
    control_check_waits(sim);
}

static void stop_timers(void)
{
    timer_cancel(register_timer, 0);
    timer_cancel(attach_timer, 0);
}

void net_stop(struct sim *sim)
{
    stop_timers();
    set_data(sim, false, false);
    set_stat(sim, STAT_IDLE);
}

void net_start(struct sim *sim)
{
    struct net *net = &sim->net;

    net_stop(sim);
    net->network = find_network(sim);
    if (!net->network || !modem_can_register(sim) || net->network->sim_lock)
        return;
    net->seen = *net->network;
    if (net->network->registration == REG_IDLE)
        return;
    set_stat(sim, STAT_SEARCHING);
    timer_set(register_timer, 0, net->network->delay_ms);
}

static bool wishes_differ(const struct network_scn *a, const struct network_scn *b)
{
    return strcmp(a->apn, b->apn) != 0 || strcmp(a->auth_user, b->auth_user) != 0 ||
           strcmp(a->auth_password, b->auth_password) != 0 || !*a->address != !*b->address;
}

/* Something about the network in use changed while we are on it: lose or find service the way a
 * device would see it, without starting the card over. */
void net_review(struct sim *sim)
{
    struct net *net = &sim->net;
    struct network_scn before = net->seen;
    bool had = net->network != NULL;

    net->network = find_network(sim);
    if (!net->network || !had || !modem_can_register(sim)) {
        net_start(sim);
        return;
    }
    if (!memcmp(&before, net->network, sizeof(before)))
        return;
    net->seen = *net->network;
    if (before.registration != net->network->registration ||
        before.sim_lock != net->network->sim_lock || strcmp(before.plmn, net->network->plmn) != 0) {
        net_start(sim);
        return;
    }
    if (before.attach && !net->network->attach) {
        timer_cancel(attach_timer, 0);
        set_data(sim, false, false);
    } else if (!before.attach && net->network->attach && net_registered(sim)) {
        timer_set(attach_timer, 0, net->network->attach_delay_ms);
    } else if (wishes_differ(&before, net->network) && net->attached) {
        set_data(sim, true, gets_address(sim));
    }
}

bool net_attach(struct sim *sim)
{
    sim->modem.attach_wanted = true;
    if (!net_registered(sim) || !sim->net.network->attach)
        return false;
    timer_cancel(attach_timer, 0);
    if (!sim->net.attached)
        set_data(sim, true, gets_address(sim));
    return true;
}

void net_detach(struct sim *sim)
{
    sim->modem.attach_wanted = false;
    timer_cancel(attach_timer, 0);
    set_data(sim, false, false);
}

bool net_activate(struct sim *sim, bool up)
{
    if (!sim->net.attached)
        return !up;
    set_data(sim, true, up && gets_address(sim));
    return !up || sim->net.context;
}
