#include "agent/worker/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/id.h"
#include "agent/base/log.h"
#include "agent/card/card.h"
#include "agent/modem/modem.h"
#include "agent/operation/journal.h"
#include "agent/operation/operations.h"
#include "agent/state/broker.h"
#include "agent/state/bus.h"
#include "agent/state/metrics.h"
#include "agent/state/reads.h"
#include "agent/state/snapshot.h"
#include "agent/switch/context.h"
#include "agent/switch/switch.h"
#include "agent/worker/memory.h"
#include "agent/worker/rescue.h"
#include "agent/worker/sampler.h"
#include "agent/worker/view.h"
#include "config/config.h"

enum {
    REOPEN_MIN_MS = 200,
    REOPEN_MAX_MS = 5000,
    /* A card that could not be read is tried again by itself after that, then less often. */
    RETRY_MIN_MS = 2000,
    RETRY_MAX_MS = 60000,
    BUSY_PAUSE_MS = 500,
    BUSY_MS = 25000,
    /* A modem may tell of a SIM change again and again. */
    SIM_GAP_MIN_MS = 2000,
    SIM_GAP_MAX_MS = 30000,
    TAKE_UP_MS = 60000,
    CONTEXT_MS = 30000,
    RESCUE_LOOK_MS = 1000,
    WANTS_CARD = READ_EID | READ_PROFILES,
    WANTS_ALL = WANTS_CARD | READ_CONNECTIVITY,
};

struct worker {
    const struct config *config;
    struct state *state;
    struct reads *reads;
    struct operations *operations;
    struct journal *journal;
    struct broker *broker;
    struct bus *bus;
    struct metrics *metrics;
    struct sampler *sampler;
    int wake_fd;
    atomic_bool stopping, news;
    pthread_t thread;
    bool running;

    /* The worker thread's own: */
    struct modem *modem;
    struct card *card;
    struct view view;
    struct switch_signs signs;
    /* Set-up is through: readers may wait for the card. */
    bool open;
    /* The modem told of a SIM change since it was last looked at. */
    bool sim_sign;
    /* The port was away or the SIM changed: it may be another card, with another EID. */
    bool other_card;
    bool switching;
    /* What is known of the list is from before the switch that runs. */
    bool listed_before_rest;
    /* An operation that the agent's last end interrupted has not been taken up yet. */
    bool interrupted;
    /* The journal could not be read yet. */
    bool unread;
    /* Until when the modem is waited for before that. */
    int64_t take_up_at_ms;
    struct rescue rescue;
    struct memory memory;
    /* No port has been open yet: an earlier process may have left a channel open. */
    bool first_open;
    /* The profile that the modem works with and whose APN was looked after; "": none yet. */
    struct iccid context_of;
    int64_t reopen_at_ms, reopen_pause_ms;
    int64_t retry_at_ms, retry_pause_ms;
    /* Since when the SIM says busy, as it does for seconds after a reset; 0: it does not. */
    int64_t busy_since_ms;
    /* The next time that a SIM sign counts. */
    int64_t sim_at_ms, sim_gap_ms;
    /* Too large for a stack. */
    struct profile_list list;
    struct switch_outcome outcome;
};

static void wake(void *ctx)
{
    struct worker *worker = ctx;
    const uint64_t one = 1;
    ssize_t n = write(worker->wake_fd, &one, sizeof one);

    (void)n; /* A full counter wakes just as well. */
}

/* Something that a running switch may wait for: the proof of its broker, the word of whoever
 * confirms it. */
static void wake_with_news(void *ctx)
{
    struct worker *worker = ctx;

    atomic_store(&worker->news, true);
    wake(worker);
}

static void set_trouble(struct worker *worker, enum modem_state modem, const struct error *trouble)
{
    view_set_trouble(&worker->view, modem, trouble, card_transport_name(worker->card),
                     card_interface_name(worker->card));
}

/* Modem and card count for themselves; others see that only through here. Before those who wait are
 * answered, so that they see what their read cost. */
static void put_traffic(struct worker *worker)
{
    struct traffic traffic = { 0 };

    modem_get_traffic(worker->modem, &traffic);
    card_get_traffic(worker->card, &traffic);
    metrics_set_traffic(worker->metrics, &traffic);
}

/* --- in the middle of any wait --- */

/* During a switch the snapshot answers, whatever was asked. */
static void answer_from_snapshot(struct worker *worker)
{
    const struct error none = ERROR_OK;

    for (unsigned want = READ_EID; want <= READ_CONNECTIVITY; want <<= 1)
        if (view_has(&worker->view, want))
            reads_answer(worker->reads, want, &none);
}

static int64_t guest_deadline(void *ctx)
{
    struct worker *worker = ctx;

    return reads_deadline_ms(worker->reads);
}

static bool guest_turn(void *ctx)
{
    struct worker *worker = ctx;
    uint64_t count;
    ssize_t n = read(worker->wake_fd, &count, sizeof count);

    (void)n; /* Not readable: it was the deadline. */
    if (atomic_exchange(&worker->news, false) && worker->switching)
        worker->signs.hint = true;
    reads_expire(worker->reads, clock_now_ms());
    if (!worker->open)
        reads_answer(worker->reads, WANTS_ALL, &worker->view.now.trouble);
    else if (worker->switching)
        answer_from_snapshot(worker);
    put_traffic(worker);
    return !atomic_load(&worker->stopping);
}

static bool one_waits(void *ctx)
{
    return operations_one_waits(((struct worker *)ctx)->operations);
}

static void on_modem_event(void *ctx, enum modem_event event)
{
    struct worker *worker = ctx;

    worker->signs.hint = true;
    if (event == MODEM_EVENT_RESTARTED || event == MODEM_EVENT_GONE)
        worker->signs.restarted = true;
    if (event == MODEM_EVENT_SIM || event == MODEM_EVENT_RESTARTED)
        worker->sim_sign = true;
}

/* --- the modem comes and goes --- */

/* What was learned of one modem's way to the card says nothing of another's. */
static void note_modem(struct worker *worker)
{
    const struct modem_identity *id = modem_identity(worker->modem);
    const struct snapshot *now = &worker->view.now;

    if (strcmp(id->manufacturer, now->manufacturer) != 0 || strcmp(id->model, now->model) != 0 ||
        strcmp(id->revision, now->revision) != 0)
        card_forget_all(worker->card);
    else
        card_forget_channels(worker->card);
    view_take_identity(&worker->view, id);
}

static void open_modem(struct worker *worker)
{
    char left_open[CARD_CHANNELS_MAX + 1];
    struct error e = modem_open(worker->modem);

    if (!modem_is_open(worker->modem)) {
        /* Full jitter is not wanted here: one process, one port. */
        worker->reopen_at_ms = clock_now_ms() + worker->reopen_pause_ms;
        worker->reopen_pause_ms = 2 * worker->reopen_pause_ms > REOPEN_MAX_MS
                                      ? REOPEN_MAX_MS
                                      : 2 * worker->reopen_pause_ms;
        if (e.code != ERROR_SHUTTING_DOWN)
            set_trouble(worker, MODEM_ABSENT, &e);
        return;
    }
    worker->open = true;
    worker->reopen_pause_ms = REOPEN_MIN_MS;
    worker->retry_pause_ms = RETRY_MIN_MS;
    worker->retry_at_ms = 0;
    worker->busy_since_ms = 0;
    sampler_want(worker->sampler);
    worker->sim_sign = false;
    worker->other_card = true;
    note_modem(worker);
    if (worker->first_open && memory_find_channels(&worker->memory, left_open))
        card_adopt(worker->card, left_open);
    worker->first_open = false;
    worker->view.now.has_connectivity = false;
    if (worker->view.now.has_list)
        view_drop_list(&worker->view, "external");
    if (e.code)
        set_trouble(worker, MODEM_READY, &e);
}

static void notice_gone(struct worker *worker)
{
    const struct error gone =
        error_make(ERROR_IN_AGENT, ERROR_MODEM_ABSENT, 0, "the modem's port is gone");

    if (!worker->open)
        return;
    worker->open = false;
    worker->reopen_at_ms = clock_now_ms() + REOPEN_MIN_MS;
    worker->reopen_pause_ms = REOPEN_MIN_MS;
    /* What the network was like says nothing once nobody looks. */
    worker->view.now.has_connectivity = false;
    sampler_interrupt(worker->sampler);
    set_trouble(worker, MODEM_ABSENT, &gone);
}

/* --- reads --- */

static void back_off(struct worker *worker)
{
    int64_t pause_ms = worker->retry_pause_ms;

    worker->retry_at_ms =
        clock_now_ms() + pause_ms / 2 + (int64_t)id_random_below((uint32_t)pause_ms / 2 + 1);
    worker->retry_pause_ms = 2 * pause_ms > RETRY_MAX_MS ? RETRY_MAX_MS : 2 * pause_ms;
}

static void take_eid(struct worker *worker, const struct eid *eid)
{
    view_take_eid(&worker->view, eid);
    worker->other_card = false;
}

/* A SIM that starts is waited for, and so are those who read; not for ever. */
static bool waits_for_sim(const struct worker *worker, int64_t now_ms)
{
    return worker->busy_since_ms && now_ms - worker->busy_since_ms < BUSY_MS;
}

static bool keeps_busy(struct worker *worker, const struct error *sim)
{
    int64_t now_ms = clock_now_ms();

    if (sim->code != ERROR_CARD_BUSY) {
        worker->busy_since_ms = 0;
        return false;
    }
    if (worker->busy_since_ms == 0)
        worker->busy_since_ms = now_ms;
    worker->retry_at_ms = now_ms + BUSY_PAUSE_MS;
    return waits_for_sim(worker, now_ms);
}

/* Which profile is in use is remembered over a restart: somebody may switch while the agent is away. */
static void take_list(struct worker *worker, const struct profile_list *list)
{
    const struct profile *enabled = profile_enabled(list);

    view_take_list(&worker->view, list);
    if (enabled && enabled->has_iccid)
        memory_keep_enabled(&worker->memory, &enabled->iccid, worker->view.now.enabled_since_utc_ms,
                            worker->view.now.enabled_by);
}

/* Each part goes into the snapshot, and to those who wait for it, by its own fate. */
static void take_parts(struct worker *worker, unsigned wants, const struct eid *eid,
                       const struct error *eid_error, const struct error *e)
{
    if (wants & READ_EID && !eid_error->code)
        take_eid(worker, eid);
    else if (wants & READ_EID && eid_error->code == ERROR_APPLET_ABSENT)
        view_drop_eid(&worker->view); /* one without an applet came in for it */
    if (wants & READ_PROFILES && !e->code) {
        /* A card that was changed in silence: its EID comes with the next job. */
        if (!(wants & READ_EID) && view_is_other_card(&worker->view, &worker->list))
            worker->other_card = true;
        take_list(worker, &worker->list);
    }
    if (modem_is_open(worker->modem))
        set_trouble(worker, MODEM_READY, e);
    else
        notice_gone(worker);
    view_publish(&worker->view);
    if (wants & READ_EID)
        reads_answer(worker->reads, READ_EID, eid_error);
    reads_answer(worker->reads, e->code ? WANTS_CARD : wants & READ_PROFILES, e);
}

/* One job for all of the card that somebody waits for or that the snapshot lacks. */
static void read_card(struct worker *worker, unsigned wants)
{
    struct eid eid;
    struct error e = modem_check_sim(worker->modem);
    struct error eid_error = e;

    if (keeps_busy(worker, &e))
        return;
    if (!worker->view.now.has_eid || worker->other_card)
        wants |= READ_EID;
    if (!worker->view.now.has_list)
        wants |= READ_PROFILES;
    if (!e.code)
        e = card_read(worker->card, wants & READ_EID ? &eid : NULL,
                      wants & READ_PROFILES ? &worker->list : NULL, &eid_error);
    put_traffic(worker);
    if (e.code == ERROR_SHUTTING_DOWN)
        return;
    if (wants & READ_EID && eid_error.code && !e.code)
        log_warning("EID cannot be read, going on without it", LOG_ERR(&eid_error));
    if (e.code || (wants & READ_EID && eid_error.code))
        back_off(worker);
    else
        worker->retry_pause_ms = RETRY_MIN_MS;
    take_parts(worker, wants, &eid, &eid_error, &e);
}

/* The modem goes on with another profile than at the last look: somebody else has switched. */
static bool moved(const struct connectivity *before, const struct connectivity *after)
{
    return before->has_iccid && after->has_iccid && !iccid_equal(&before->iccid, &after->iccid);
}

/* --- when no profile works --- */

static uint32_t chance(void)
{
    uint32_t value;

    id_random(&value, sizeof value);
    return value;
}

static int64_t register_ms(const struct worker *worker)
{
    return 1000 * (int64_t)worker->config->switching.register_s;
}

static const char stranded_key[] = "stranded";

/* A restart goes on trying. Where the disk does not take it, this process does. */
static void keep_rescue(struct worker *worker)
{
    char *text = rescue_to_text(&worker->rescue);
    struct error e = journal_put_value(worker->journal, stranded_key, text);

    free(text);
    if (e.code)
        log_warning("stranded state could not be written, going on", LOG_ERR(&e));
}

static void show_rescue(struct worker *worker)
{
    if (worker->view.now.stranded == worker->rescue.stranded)
        return;
    worker->view.now.stranded = worker->rescue.stranded;
    view_publish(&worker->view);
    bus_publish(worker->bus, BUS_HEALTH, NULL);
}

static void end_rescue(struct worker *worker)
{
    bool kept = worker->rescue.stranded;

    if (rescue_end(&worker->rescue) && kept)
        keep_rescue(worker);
    show_rescue(worker);
}

static void look_after_rescue(struct worker *worker, const struct connectivity *reading)
{
    if (connectivity_is_registered(reading))
        end_rescue(worker);
    else
        rescue_see_unregistered(&worker->rescue, clock_now_ms());
}

/* The modem works with another profile than before, and no switch of ours made it so: that profile has
 * its APN all the same. At the start only one that the configuration has an APN for: what else stands
 * there may have been set by hand. */
static void look_after_context(struct worker *worker, const struct connectivity *reading)
{
    const struct context_tools tools = { .config = worker->config,
                                         .journal = worker->journal,
                                         .modem = worker->modem };
    const struct iccid before = worker->context_of;
    const struct config_profile *row;
    struct error e;
    bool changed;

    /* One that waits for its confirmation may go back yet, to the APN that was there before. */
    if (worker->switching || !reading->has_iccid || iccid_equal(&reading->iccid, &before))
        return;
    worker->context_of = reading->iccid;
    row = config_profile_find(worker->config, &reading->iccid);
    if (!before.text[0] && !(row && row->apn))
        return;
    e = context_apply(&tools, &reading->iccid, before.text[0] ? &before : NULL, false,
                      clock_now_ms() + CONTEXT_MS, &changed);
    if (e.code && e.code != ERROR_SHUTTING_DOWN)
        log_warning("APN could not be set, going on with the one that is there", LOG_ERR(&e));
    else if (changed)
        log_info("APN was set", LOG_ID("iccid", reading->iccid.text));
    if (changed)
        sampler_want(worker->sampler);
}

static void read_connectivity(struct worker *worker)
{
    struct connectivity reading = { 0 };
    struct error e = modem_read_connectivity(worker->modem, &reading);

    put_traffic(worker);
    /* An operation goes first: it is still due. */
    if (e.code == ERROR_SWITCH_IN_PROGRESS)
        return;
    sampler_tried(worker->sampler, clock_now_ms());
    if (!e.code) {
        sampler_put(worker->sampler, &reading);
        if (worker->view.now.has_connectivity && moved(&worker->view.now.connectivity, &reading) &&
            worker->view.now.has_list)
            view_drop_list(&worker->view, "external");
        worker->view.now.has_connectivity = true;
        worker->view.now.connectivity = reading;
        look_after_rescue(worker, &reading);
        look_after_context(worker, &reading);
        view_publish(&worker->view);
        bus_publish(worker->bus, BUS_CONNECTIVITY, NULL);
    } else if (!modem_is_open(worker->modem)) {
        notice_gone(worker);
    }
    if (e.code != ERROR_SHUTTING_DOWN)
        reads_answer(worker->reads, READ_CONNECTIVITY, &e);
}

/* The list is not read while the modem is locked against the profile in use, which is no reason to stay on
 * it. */
static int64_t rescue_at_ms(const struct worker *worker)
{
    const struct snapshot *now = &worker->view.now;

    if (!now->has_list && !(worker->rescue.stranded && now->trouble.code == ERROR_SIM_LOCKED))
        return CLOCK_NEVER;
    return rescue_next_ms(&worker->rescue, register_ms(worker));
}

/* True: an operation of the agent's own waits now, or it had to be looked whether one is needed. */
static bool try_rescue(struct worker *worker)
{
    struct operation_request request = { .channel = CHANNEL_AGENT };
    const struct snapshot *now = &worker->view.now;
    bool stranded = worker->rescue.stranded, watching = worker->rescue.watching;
    struct operation op;
    struct problem problem;
    bool found;

    if (rescue_at_ms(worker) > clock_now_ms())
        return false;
    /* The one in use may have come back since the last look. */
    if (clock_now_ms() - sampler_tried_ms(worker->sampler) > RESCUE_LOOK_MS) {
        read_connectivity(worker);
        return true;
    }
    found = rescue_next(&worker->rescue, now->has_list ? &now->list : NULL, register_ms(worker),
                        clock_now_ms(), chance(), &request.target);
    if (stranded)
        keep_rescue(worker);
    if (!found)
        return false;
    (void)snprintf(request.reason, sizeof request.reason, "%s",
                   stranded ? "stranded" : "journal-lost");
    if (operations_admit(worker->operations, &request, NULL, &op, &problem) == ADMISSION_ACCEPTED)
        return true;
    log_warning("profile that may work could not be tried, trying later", LOG_ERR(&problem.error));
    /* The one try after a lost journal is still to be made. */
    worker->rescue.watching = watching;
    worker->rescue.watching_since_ms = clock_now_ms();
    return false;
}

/* --- a switch --- */

static void take_outcome(struct worker *worker, const struct switch_outcome *outcome)
{
    if (outcome->list_dropped) {
        /* What was read of the network belongs to the profile before. */
        worker->view.now.has_connectivity = false;
        view_drop_list(&worker->view, outcome->overtaken ? "external" : "operation");
    } else if (outcome->has_list) {
        take_list(worker, &outcome->list);
    } else {
        view_publish(&worker->view);
    }
    if (modem_is_open(worker->modem))
        view_take_identity(&worker->view, modem_identity(worker->modem));
    worker->open = worker->open || modem_is_open(worker->modem);
}

static void note_rescue(struct worker *worker, const struct operation *op,
                        const struct switch_outcome *outcome)
{
    if (outcome->stranded) {
        rescue_strand(&worker->rescue, &outcome->previous, &outcome->fallback, clock_now_ms(),
                      chance());
        keep_rescue(worker);
        show_rescue(worker);
    } else if (outcome->list_dropped &&
               (op->request.channel != CHANNEL_AGENT || !outcome->end.error.code)) {
        /* What changed nothing on the card is no reason to give up. */
        end_rescue(worker);
    }
}

/* What happened to the journal's file is told by who owns no door. */
static void tell_of_journal(struct worker *worker)
{
    struct journal_news news;
    bool is_new = false;

    while (journal_take_news(worker->journal, &news)) {
        const struct bus_journal told = { .what = news.what, .detail = news.detail };

        log_warning("something happened to the journal, going on", LOG_STR("what", news.what),
                    LOG_STR("detail", news.detail[0] ? news.detail : NULL));
        bus_publish(worker->bus, BUS_JOURNAL, &told);
        is_new = is_new || strcmp(news.what, "set-aside") == 0;
    }
    if (!is_new)
        return;
    /* It starts from nothing, and this process does not. */
    operations_write_anew(worker->operations);
    if (worker->rescue.stranded)
        keep_rescue(worker);
}

/* A switch that waits for its confirmation: what everyone reads is brought up to date. */
static void read_at_rest(void *ctx)
{
    struct worker *worker = ctx;
    int64_t now_ms = clock_now_ms();

    tell_of_journal(worker);
    (void)operations_tick(worker->operations); /* it may rest for hours */
    put_traffic(worker);
    if (!modem_is_open(worker->modem))
        return;
    worker->open = true;
    if (worker->listed_before_rest) {
        worker->listed_before_rest = false;
        worker->view.now.has_connectivity = false;
        worker->retry_at_ms = 0;
        sampler_want(worker->sampler);
        view_drop_list(&worker->view, "operation");
    }
    if (!worker->view.now.has_list && worker->retry_at_ms <= now_ms)
        read_card(worker, READ_PROFILES);
    else if (sampler_is_due(worker->sampler, now_ms))
        read_connectivity(worker);
}

/* `intent`: of one that was interrupted; NULL: none. */
static void run_switch(struct worker *worker, const struct operation *op,
                       const struct intent *intent)
{
    sampler_take_reload(worker->sampler);
    const struct switch_tools tools = { .config = worker->config,
                                        .live = sampler_config(worker->sampler),
                                        .modem = worker->modem,
                                        .card = worker->card,
                                        .operations = worker->operations,
                                        .journal = worker->journal,
                                        .broker = worker->broker,
                                        .bus = worker->bus,
                                        .signs = &worker->signs,
                                        .at_rest = read_at_rest,
                                        .ctx = worker };
    struct switch_outcome *outcome = &worker->outcome;

    worker->switching = worker->view.now.switching = worker->listed_before_rest = true;
    sampler_interrupt(worker->sampler);
    view_publish(&worker->view);
    answer_from_snapshot(worker);
    switch_run(&tools, op, intent, outcome);
    put_traffic(worker);
    worker->switching = worker->view.now.switching = false;
    worker->sim_sign = false;
    take_outcome(worker, outcome);
    sampler_want(worker->sampler);
    if (outcome->interrupted)
        return;
    if (outcome->end.has_now)
        worker->context_of = outcome->end.now;
    /* Before the end: one that is cut off in between is taken up once more, and nobody would go on
     * trying for one that is over. */
    note_rescue(worker, op, outcome);
    if (!outcome->ended_already)
        operations_end(worker->operations, op->id, &outcome->end);
}

/* What the agent's last end interrupted comes before everything else. A modem that takes its time to
 * come uses up none of the switch's; one that does not come is the switch's to judge. */
static void take_up_interrupted(struct worker *worker)
{
    struct intent intent;
    struct operation op;
    bool has_intent;

    if (!modem_is_open(worker->modem) && clock_now_ms() < worker->take_up_at_ms)
        return;
    worker->interrupted = false;
    if (!operations_interrupted(worker->operations, &op, &has_intent, &intent))
        return;
    if (!has_intent && op.sent) {
        intent = switch_guess_intent(&op);
        has_intent = true;
    }
    run_switch(worker, &op, has_intent ? &intent : NULL);
}

/* What the journal remembers of before. */
static void remember(struct worker *worker)
{
    char *text = journal_get_value(worker->journal, stranded_key);
    int64_t connack_ms;

    worker->unread = journal_is_unread(worker->journal);
    if (!worker->rescue.stranded)
        worker->rescue = rescue_begin(text, journal_began_empty(worker->journal), clock_now_ms());
    show_rescue(worker);
    worker->interrupted = true;
    worker->take_up_at_ms = clock_now_ms() + TAKE_UP_MS;
    free(text);
    memory_init(&worker->memory, worker->journal);
    view_remember(&worker->view, worker->memory.enabled.text, worker->memory.since_utc_ms,
                  worker->memory.by);
    if (memory_find_connack(&worker->memory, &connack_ms))
        broker_remember(worker->broker, connack_ms);
}

/* --- the thread --- */

/* What the modem told by itself, outside of a switch. */
static void take_signs(struct worker *worker, int64_t now_ms)
{
    if (worker->signs.hint)
        sampler_hint(worker->sampler);
    worker->signs = (struct switch_signs){ 0 };
    if (!worker->sim_sign || worker->sim_at_ms > now_ms)
        return;
    worker->sim_sign = false;
    worker->sim_gap_ms = now_ms - worker->sim_at_ms < worker->sim_gap_ms
                             ? clock_earlier(2 * worker->sim_gap_ms, SIM_GAP_MAX_MS)
                             : SIM_GAP_MIN_MS;
    worker->sim_at_ms = now_ms + worker->sim_gap_ms;
    worker->other_card = true;
    card_forget_channels(worker->card);
    view_drop_list(&worker->view, "external");
    bus_publish(worker->bus, BUS_SIM, NULL);
    worker->retry_at_ms = 0;
    sampler_want(worker->sampler);
}

/* Something to do with an open modem; false: nothing now, `*ret_until_ms` says when at the latest. */
static bool work(struct worker *worker, int64_t *ret_until_ms)
{
    int64_t now_ms = clock_now_ms();
    struct operation op;
    int64_t expiry_ms, sample_ms;
    unsigned wanted;
    bool card_wanted;

    if (operations_next(worker->operations, &op, &expiry_ms)) {
        if (operations_start(worker->operations, op.id))
            run_switch(worker, &op, NULL);
        return true;
    }
    if (try_rescue(worker))
        return true;
    take_signs(worker, now_ms);
    wanted = reads_wanted(worker->reads);
    card_wanted = wanted & WANTS_CARD || !worker->view.now.has_eid || !worker->view.now.has_list ||
                  worker->other_card;
    if ((wanted & WANTS_CARD && !waits_for_sim(worker, now_ms)) ||
        (card_wanted && worker->retry_at_ms <= now_ms)) {
        read_card(worker, wanted & WANTS_CARD);
        return true;
    }
    sample_ms = sampler_work(
        worker->sampler, worker->view.now.has_connectivity ? &worker->view.now.connectivity : NULL,
        now_ms);
    if (wanted & READ_CONNECTIVITY || sampler_is_due(worker->sampler, now_ms)) {
        read_connectivity(worker);
        return true;
    }
    *ret_until_ms = clock_earlier(sample_ms, reads_deadline_ms(worker->reads));
    *ret_until_ms = clock_earlier(*ret_until_ms, rescue_at_ms(worker));
    if (card_wanted)
        *ret_until_ms = clock_earlier(*ret_until_ms, worker->retry_at_ms);
    if (worker->sim_sign)
        *ret_until_ms = clock_earlier(*ret_until_ms, worker->sim_at_ms);
    return false;
}

/* Without a modem operations wait until their time is over. */
static int64_t wait_for_modem(struct worker *worker)
{
    struct operation op;
    int64_t expiry_ms;

    (void)operations_next(worker->operations, &op, &expiry_ms);
    return clock_earlier(worker->reopen_at_ms, expiry_ms);
}

static void *thread_main(void *ctx)
{
    struct worker *worker = ctx;

    (void)prctl(PR_SET_NAME, "lpm-worker");
    while (!atomic_load(&worker->stopping)) {
        int64_t until_ms = CLOCK_NEVER;
        /* Looked at first: operations have to know what is in it before it is taken up. */
        bool readable = !journal_is_unread(worker->journal);
        int64_t tick_ms = operations_tick(worker->operations);
        struct broker_facts facts;

        tell_of_journal(worker);
        put_traffic(worker);
        facts = broker_facts(worker->broker);
        memory_keep_connack(&worker->memory, &facts);
        /* It could not be read before: what it says of before comes now. */
        if (worker->unread && !readable && !journal_is_unread(worker->journal))
            continue; /* by whomever: operations look once more */
        if (worker->unread && readable)
            remember(worker);
        if (worker->interrupted)
            take_up_interrupted(worker);
        if (!modem_is_open(worker->modem)) {
            notice_gone(worker);
            if (worker->reopen_at_ms <= clock_now_ms())
                open_modem(worker);
            until_ms = wait_for_modem(worker);
            if (modem_is_open(worker->modem))
                continue;
        } else if (work(worker, &until_ms)) {
            continue;
        }
        if (!modem_idle(worker->modem, clock_earlier(until_ms, tick_ms)))
            break;
    }
    return NULL;
}

/* --- wiring --- */

static enum card_interface interface_of(enum config_interface interface)
{
    return interface == CONFIG_INTERFACE_LPM     ? CARD_LPM
           : interface == CONFIG_INTERFACE_ES10C ? CARD_ES10C
                                                 : CARD_AUTO;
}

static int64_t card_now_ms(void *ctx)
{
    (void)ctx;
    return clock_now_ms();
}

static bool card_pause(void *ctx, int64_t until_ms)
{
    struct worker *worker = ctx;

    while (clock_now_ms() < until_ms)
        if (!modem_idle(worker->modem, until_ms))
            return false;
    return true;
}

static struct modem *make_modem(struct worker *worker)
{
    static const enum modem_reset_kind resets[] = {
        [CONFIG_RESET_NONE] = MODEM_RESET_NONE,     [CONFIG_RESET_CFUN] = MODEM_RESET_CFUN,
        [CONFIG_RESET_VENDOR] = MODEM_RESET_VENDOR, [CONFIG_RESET_COMMAND] = MODEM_RESET_COMMAND,
        [CONFIG_RESET_EXEC] = MODEM_RESET_EXEC,
    };
    const struct config *config = worker->config;
    const struct modem_options options = {
        .port = config->modem.port,
        .baud = config->modem.baud,
        .init = (const char *const *)config->modem.init.items,
        .init_count = config->modem.init.count,
        .reset = resets[config->modem.reset],
        .reset_command = config->modem.reset_command,
        .reset_exec = config->modem.reset_exec,
        .trace = config->log.at_trace,
        .guest = { .fd = worker->wake_fd,
                   .deadline_ms = guest_deadline,
                   .turn = guest_turn,
                   .ctx = worker },
        .gives_way = one_waits,
        .way_ctx = worker,
        .on_event = on_modem_event,
        .event_ctx = worker,
    };

    return modem_new(&options);
}

static void on_channels(void *ctx, const char *open)
{
    memory_keep_channels(&((struct worker *)ctx)->memory, open);
}

static struct card *make_card(struct worker *worker)
{
    struct card_options options = {
        .aid = worker->config->card.aid,
        .interface = interface_of(worker->config->card.interface),
        .now_ms = card_now_ms,
        .pause = card_pause,
        .on_channels = on_channels,
        .ctx = worker,
    };

    if (worker->config->modem.transport != CONFIG_TRANSPORT_CGLA)
        options.transports[options.transport_count++] = modem_csim(worker->modem);
    if (worker->config->modem.transport != CONFIG_TRANSPORT_CSIM)
        options.transports[options.transport_count++] = modem_cgla(worker->modem);
    return card_new(&options);
}

static void set_limits(struct worker *worker, const struct config *config)
{
    const struct operations_limits limits = {
        .min_interval_ms = 1000 * (int64_t)config->switching.min_interval_s,
        .max_per_hour = config->switching.max_per_hour,
        .max_per_day = config->switching.max_per_day,
    };

    operations_set_limits(worker->operations, &limits);
}

static void take_parts_of_agent(struct worker *worker, const struct worker_parts *parts)
{
    worker->config = parts->config;
    worker->state = parts->state;
    worker->reads = parts->reads;
    worker->operations = parts->operations;
    worker->journal = parts->journal;
    worker->broker = parts->broker;
    worker->bus = parts->bus;
    worker->metrics = parts->metrics;
}

struct worker *worker_new(const struct worker_parts *parts)
{
    struct worker *worker = calloc(1, sizeof *worker);

    if (!worker)
        return NULL;
    take_parts_of_agent(worker, parts);
    worker->reopen_pause_ms = REOPEN_MIN_MS;
    worker->retry_pause_ms = RETRY_MIN_MS;
    worker->first_open = true;
    view_init(&worker->view, parts->state, parts->bus);
    worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    worker->sampler = sampler_new(parts->config, parts->samples);
    if (worker->wake_fd >= 0 && worker->sampler)
        worker->modem = make_modem(worker);
    if (worker->modem)
        worker->card = make_card(worker);
    if (!worker->card) {
        worker_free(worker);
        return NULL;
    }
    remember(worker);
    set_limits(worker, parts->config);
    operations_set_wake(parts->operations, wake_with_news, worker);
    operations_set_budget(parts->operations, switch_budget_ms(parts->config));
    reads_set_wake(parts->reads, wake, worker);
    broker_set_wake(parts->broker, wake_with_news, worker);
    return worker;
}

struct error worker_start(struct worker *worker)
{
    int failed = pthread_create(&worker->thread, NULL, thread_main, worker);

    if (failed)
        return error_make(ERROR_IN_SYSTEM, ERROR_INTERNAL, failed, "no thread for the worker: %s",
                          strerror(failed));
    worker->running = true;
    return ERROR_OK;
}

void worker_reload(struct worker *worker, struct config *config)
{
    set_limits(worker, config);
    sampler_reload(worker->sampler, config);
    wake(worker);
}

void worker_stop(struct worker *worker)
{
    operations_close_doors(worker->operations);
    atomic_store(&worker->stopping, true);
    wake(worker);
    if (worker->running)
        pthread_join(worker->thread, NULL);
    worker->running = false;
    operations_finish(worker->operations);
    reads_close(worker->reads);
    modem_close(worker->modem);
}

void worker_free(struct worker *worker)
{
    if (!worker)
        return;
    sampler_free(worker->sampler);
    card_free(worker->card);
    modem_free(worker->modem);
    if (worker->wake_fd >= 0)
        close(worker->wake_fd);
    free(worker);
}
