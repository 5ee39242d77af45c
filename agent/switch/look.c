#include "agent/switch/look.h"

#include <string.h>

#include "agent/base/clock.h"
#include "agent/modem/modem.h"
#include "agent/state/broker.h"
#include "config/config.h"

enum {
    /* A CONNACK within that time before the switch: the profile before had the broker. */
    BROKER_FRESH_MS = 15 * 60 * 1000,
    PROBE_PAUSE_MS = 2000,
};

/* --- before ENABLE --- */

static bool link_counts(const struct config *config)
{
    return config->mqtt.uri && config->mqtt.link == CONFIG_LINK_MODEM;
}

static bool is_fresh(int64_t at_ms)
{
    return at_ms > 0 && clock_now_ms() - at_ms < BROKER_FRESH_MS;
}

static bool is_remembered(const struct broker_facts *facts)
{
    return facts->remembers && clock_now_ms() - facts->remembered_at_ms < BROKER_FRESH_MS;
}

/* A CONNACK lately, whatever it said, also of before a restart. */
static bool had_connack_lately(const struct run *run)
{
    struct broker_facts facts = broker_facts(run->tools->broker);

    return link_counts(run->tools->config) &&
           (facts.online || is_fresh(facts.accepted_at_ms) || is_fresh(facts.refused_at_ms) ||
            is_remembered(&facts));
}

/* A link that this process has lost is what the profile before lacks, too. One that it has not had yet,
 * after a restart, says nothing: a command that came by it does, or a CONNACK from shortly before. */
static bool has_broker(const struct run *run)
{
    struct broker_facts facts = broker_facts(run->tools->broker);

    if (!link_counts(run->tools->config) || facts.online || facts.was_online)
        return link_counts(run->tools->config) && facts.online;
    return run->op->request.channel == CHANNEL_MQTT || is_remembered(&facts);
}

/* A broker that refuses is reached all the same. */
static bool is_refused_by_broker(const struct run *run)
{
    struct broker_facts facts = broker_facts(run->tools->broker);

    return link_counts(run->tools->config) && is_fresh(facts.refused_at_ms) &&
           facts.refused_at_ms > facts.accepted_at_ms;
}

/* Whatever the profile before reaches now; a broker that was reached says it, too. */
static bool had_reach(struct run *run, bool data, bool broker)
{
    enum probe_state state = PROBE_RUNNING;
    int64_t deadline_ms;

    if (broker || !run->probe || !data)
        return broker;
    deadline_ms = clock_now_ms() + RUN_PROBE_MS;
    probe_begin(run->probe, clock_now_ms());
    while (clock_now_ms() < deadline_ms &&
           (state = probe_look(run->probe, clock_now_ms())) == PROBE_RUNNING)
        if (!run_pause_until(run, clock_now_ms() + RUN_SIGN_GAP_MS))
            break;
    return state == PROBE_REACHED;
}

void look_before(struct run *run)
{
    struct modem *modem = run->tools->modem;
    struct intent *intent = &run->saga.intent;
    struct connectivity before = { 0 };
    struct error e = modem_read_imsi_hash(modem, intent->imsi_before);
    bool data;

    if (e.code)
        intent->imsi_before[0] = '\0';
    e = modem_check_sim(modem);
    intent->was_ready = !e.code;
    e = modem_read_registration(modem, &before);
    intent->was_registered = !e.code && connectivity_is_registered(&before);
    /* What the profile before had, the first look says; a restart comes after it. */
    if (intent->leg != LEG_TARGET || run->resumed)
        return;
    e = modem_read_data(modem, &before);
    data = !e.code && intent->was_registered && connectivity_has_data(&before);
    /* An ENABLE that did not reach the card is sent again, while the modem may be starting: what the
     * profile had when the switch began stays so. */
    if (!intent->imsi_previous[0])
        memcpy(intent->imsi_previous, intent->imsi_before, sizeof intent->imsi_previous);
    intent->had_card = intent->had_card || intent->was_ready;
    intent->had_registration = intent->had_registration || intent->was_registered;
    intent->had_data = intent->had_data || data;
    intent->had_broker = intent->had_broker || (data && has_broker(run));
    intent->had_reach =
        intent->had_reach ||
        had_reach(run, data, intent->had_broker || (data && is_refused_by_broker(run)));
}

static enum verified best_without_broker(const struct run *run)
{
    return run->probe ? VERIFIED_REACHABLE : VERIFIED_ATTACHED;
}

enum verified look_wanted(const struct run *run)
{
    const struct config *config = run->tools->config;

    switch (config->switching.verify) {
    case CONFIG_VERIFY_REGISTERED:
        return VERIFIED_REGISTERED;
    case CONFIG_VERIFY_ATTACHED:
        return VERIFIED_ATTACHED;
    case CONFIG_VERIFY_REACHABLE:
        return best_without_broker(run);
    case CONFIG_VERIFY_BROKER:
        return link_counts(config) ? VERIFIED_BROKER : best_without_broker(run);
    case CONFIG_VERIFY_AUTO:
    default:
        return link_counts(config) && (run->op->request.channel == CHANNEL_MQTT ||
                                       run->saga.intent.had_broker || had_connack_lately(run))
                   ? VERIFIED_BROKER
                   : best_without_broker(run);
    }
}

void look_note_end_of_data(struct run *run)
{
    if (!run->resumed)
        run->saga.intent.data_ended_ms = run->saga.intent.had_data ? clock_now_ms() : 0;
}

/* --- after it --- */

static void look_at_sim(struct run *run, struct saga_seen *ret)
{
    ret->sim = modem_check_sim(run->tools->modem);
    if (ret->sim.code == ERROR_CARD_BUSY || ret->sim.code == ERROR_CARD_ABSENT ||
        (ret->sim.code == ERROR_SIM_LOCKED && run->saga.intent.was_ready))
        run->restarted = true;
}

/* The modem's IMSI now beside an earlier one; where either is not known nothing can be said. */
enum imsi { IMSI_NOT_KNOWN = 0, IMSI_SAME, IMSI_OTHER };

static enum imsi compare_imsi(const struct run *run, const char *earlier)
{
    char imsi[17];

    if (!earlier[0] || modem_read_imsi_hash(run->tools->modem, imsi).code)
        return IMSI_NOT_KNOWN;
    return strcmp(imsi, earlier) == 0 ? IMSI_SAME : IMSI_OTHER;
}

static bool has_other_imsi(const struct run *run)
{
    return compare_imsi(run, run->saga.intent.imsi_before) == IMSI_OTHER;
}

/* On the way back, and the modem was never seen with the target: it works with the profile before, as
 * long as its IMSI is the one of then. */
static bool never_left(const struct run *run)
{
    const struct intent *intent = &run->saga.intent;

    return intent->leg == LEG_PREVIOUS && !intent->arrived &&
           compare_imsi(run, intent->imsi_previous) == IMSI_SAME;
}

/* Which profile the modem works with. One that has no command for it lets the card be read (CRSM),
 * and the card has switched: then the IMSI has to be another one, too. */
static void look_at_card_in_use(struct run *run, struct saga_seen *ret)
{
    const struct intent_profile *profile = run_profile(run);
    struct iccid now;
    bool cached, matches;
    struct error e = modem_read_iccid(run->tools->modem, &now, &cached);

    run->has_now = false;
    /* A modem that tells no ICCID in any way: after the card's yes, another IMSI has to do. */
    if (e.code == ERROR_CARD && profile->has_iccid && has_other_imsi(run))
        run->restarted = run->has_now = ret->on_profile = true;
    else if (e.code == ERROR_CARD && profile->has_iccid && never_left(run))
        run->has_now = ret->on_profile = true;
    if (e.code && run->has_now)
        run->now = profile->iccid;
    if (e.code)
        return;
    matches = profile->has_iccid && iccid_equal(&now, &profile->iccid);
    if (matches && (!cached || !run->restarted) && has_other_imsi(run))
        run->restarted = ret->on_profile = true;
    if (matches && (cached || !run->saga.intent.imsi_before[0] || never_left(run)))
        ret->on_profile = true;
    ret->elsewhere = !matches;
    ret->foreign = cached && !matches && !run_is_our_iccid(run, &now);
    run->has_now = cached || ret->on_profile;
    run->now = now;
    /* Of a modem that reads the card for that each time, our own cycle proves nothing. */
    if (ret->on_profile && cached && run->cycled && !run->restarted)
        run->restarted = compare_imsi(run, run->saga.intent.imsi_before) != IMSI_SAME;
}

static void look_at_network(struct run *run, bool data_too, struct saga_seen *ret)
{
    struct modem *modem = run->tools->modem;
    struct intent *intent = &run->saga.intent;
    struct connectivity now = { 0 };
    struct error e = modem_read_registration(modem, &now);
    bool registered;

    if (e.code)
        return;
    registered = connectivity_is_registered(&now);
    ret->registration = now.registration;
    /* A radio that we switched off has to leave the network: that is a sign only where there is no
     * IMSI to tell. */
    if (intent->was_registered && !registered && !(run->cycled && intent->imsi_before[0]))
        run->restarted = true;
    /* The old profile carries data until the modem leaves it, which it may never do. */
    if (!intent->left_previous && intent->phase == PHASE_RESETTING && !run->restarted &&
        registered && intent->data_ended_ms)
        intent->data_ended_ms = clock_now_ms();
    if (!data_too || !registered)
        return;
    e = modem_read_data(modem, &now);
    ret->data = !e.code && connectivity_has_data(&now);
}

/* Only what was begun since the modem works with the profile went over it. */
static void look_at_broker(const struct run *run, struct saga_seen *ret)
{
    struct broker_facts facts = broker_facts(run->tools->broker);

    if (!link_counts(run->tools->config))
        return;
    ret->broker_accepted = facts.accepted_at_ms > 0 && facts.accepted_begun_ms >= run->arrived_ms;
    ret->broker_refused = facts.refused_at_ms > 0 && facts.refused_begun_ms >= run->arrived_ms;
}

static void look_at_targets(struct run *run, struct saga_seen *ret)
{
    enum probe_state state;

    if (!run->probe || run->saga.intent.proof >= VERIFIED_REACHABLE)
        return;
    if (!run->probing) {
        if (clock_now_ms() < run->probe_again_ms)
            return;
        probe_begin(run->probe, clock_now_ms());
        run->probing = true;
    }
    state = probe_look(run->probe, clock_now_ms());
    if (state == PROBE_RUNNING)
        return;

    run->probing = false;
    run->probe_again_ms = clock_now_ms() + PROBE_PAUSE_MS;
    ret->reached = state == PROBE_REACHED;
}

static bool wants_data(const struct intent *intent)
{
    return intent->phase == PHASE_ATTACHING ||
           (intent->phase == PHASE_REGISTERING && intent->leg != LEG_TARGET);
}

static void note_data(struct intent *intent)
{
    if (intent->blackout_ms < 0 && intent->data_ended_ms)
        intent->blackout_ms = clock_now_ms() - intent->data_ended_ms;
}

static void look_at_modem(struct run *run, enum phase phase, struct saga_seen *ret)
{
    look_at_sim(run, ret);
    if (!ret->sim.code)
        look_at_card_in_use(run, ret);
    /* While resetting, registration tells only whether the modem has left the old network; later
     * on, what follows from it is looked for. */
    if (phase == PHASE_RESETTING ? !run->restarted
                                 : phase == PHASE_REGISTERING || phase == PHASE_ATTACHING)
        look_at_network(run, wants_data(&run->saga.intent), ret);
}

struct saga_seen look_now(struct run *run)
{
    enum phase phase = run->saga.intent.phase;
    struct saga_seen seen = { .sim = ERROR_OK,
                              .enabled = run->enabled,
                              .enable_error = run->enable_error };

    if (phase == PHASE_ENABLING)
        return seen;
    /* What the modem worked with before it went or started over is not what it works with now. */
    if (phase == PHASE_RESETTING)
        run->has_now = false;
    if (modem_is_open(run->tools->modem))
        look_at_modem(run, phase, &seen);
    if (phase == PHASE_VERIFYING) {
        look_at_broker(run, &seen);
        look_at_targets(run, &seen);
    }
    if (phase == PHASE_CONFIRMING)
        seen.confirmed = operations_is_confirmed(run->tools->operations, run->op->id);
    run->restarted = run->restarted || run->tools->signs->restarted;
    seen.modem_open = modem_is_open(run->tools->modem);
    seen.restarted = run->restarted;
    if (seen.data)
        note_data(&run->saga.intent);
    return seen;
}
