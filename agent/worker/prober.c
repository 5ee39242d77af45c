#include "agent/worker/prober.h"

#include <stdlib.h>

#include "agent/base/clock.h"
#include "agent/switch/probe.h"
#include "agent/worker/counters.h"
#include "config/config.h"

enum {
    /* A round trip is over in some 50 ms or takes the whole time-out: looked at less and less often. */
    LOOK_MIN_MS = 20,
    LOOK_MAX_MS = 500,
    /* So much received in one interval is more than what probes bring themselves. */
    TRAFFIC_BYTES = 4096,
};

struct prober {
    const struct config *config;
    struct probe *probe; /* NULL: no targets */
    bool running, failing;
    /* The next round, or the next look at the one that runs. */
    int64_t due_ms, look_ms;
    /* At the last round, to see whether data flows by itself. */
    bool has_seen;
    struct counters seen;
    /* Since the last prober_take(). */
    int asked, lost;
    int64_t rtt_sum_ms;
    /* What was taken last, while that still holds: no round has come since. */
    struct level loss_pct, rtt_ms;
    bool has_taken;
    struct counters taken;
};

struct prober *prober_new(const struct config *config)
{
    struct prober *prober = calloc(1, sizeof *prober);
    struct probe_options options = probe_options_from(config);

    if (!prober)
        return NULL;
    prober->config = config;
    options.all = true;
    if (options.count > 0) {
        prober->probe = probe_new(&options);
        if (!prober->probe) {
            free(prober);
            return NULL;
        }
    }
    return prober;
}

void prober_free(struct prober *prober)
{
    if (!prober)
        return;
    probe_free(prober->probe);
    free(prober);
}

static void forget(struct prober *prober)
{
    prober->asked = prober->lost = 0;
    prober->rtt_sum_ms = 0;
    prober->loss_pct = prober->rtt_ms = (struct level){ 0 };
}

void prober_abandon(struct prober *prober)
{
    if (prober->running)
        probe_abandon(prober->probe);
    prober->running = prober->failing = false;
    prober->has_seen = false;
    prober->due_ms = 0;
    forget(prober);
}

static int64_t interval_ms(const struct prober *prober)
{
    return 1000 * (int64_t)(prober->failing ? prober->config->probe.failing_interval_s
                                            : prober->config->probe.interval_s);
}

/* The interface has received more than probes do since the last round. */
static bool flows(struct prober *prober)
{
    const char *interface = prober->config->probe.interface;
    struct counters now;
    bool result = false;

    if (!interface || !counters_read(interface, &now)) {
        prober->has_seen = false;
        return false;
    }
    if (prober->has_seen)
        result = now.rx_bytes - prober->seen.rx_bytes >= TRAFFIC_BYTES;
    prober->has_seen = true;
    prober->seen = now;
    return result;
}

/* True: that is another answer than the one before. */
static bool conclude(struct prober *prober, bool failing, int64_t now_ms)
{
    bool news = prober->failing != failing;

    prober->running = false;
    prober->failing = failing;
    prober->due_ms = now_ms + interval_ms(prober);
    return news;
}

static void count(struct prober *prober)
{
    const struct probe_result *results = probe_results(prober->probe);

    for (size_t i = 0; i < prober->config->probe.target_count; i++) {
        prober->asked++;
        if (results[i].ok)
            prober->rtt_sum_ms += results[i].rtt_ms;
        else
            prober->lost++;
    }
}

static bool look(struct prober *prober, int64_t now_ms)
{
    enum probe_state state = probe_look(prober->probe, now_ms);

    if (state == PROBE_RUNNING) {
        int64_t pause_ms = 2 * prober->look_ms;

        prober->look_ms = pause_ms > LOOK_MAX_MS ? LOOK_MAX_MS : pause_ms;
        prober->due_ms = now_ms + prober->look_ms;
        return false;
    }
    /* How it was before it changed says nothing of how it is. */
    if (prober->failing != (state == PROBE_FAILED))
        forget(prober);
    count(prober);
    return conclude(prober, state == PROBE_FAILED, now_ms);
}

bool prober_work(struct prober *prober, bool may, int64_t now_ms)
{
    if (!prober->probe)
        return false;
    if (!may) {
        prober_abandon(prober);
        return false;
    }
    if (now_ms < prober->due_ms)
        return false;
    if (prober->running)
        return look(prober, now_ms);
    if (flows(prober)) {
        forget(prober);
        return conclude(prober, false, now_ms);
    }
    prober->running = true;
    prober->look_ms = LOOK_MIN_MS / 2;
    probe_begin(prober->probe, now_ms);
    return look(prober, now_ms);
}

int64_t prober_next_ms(const struct prober *prober, bool may)
{
    return prober->probe && (may || prober->running) ? prober->due_ms : CLOCK_NEVER;
}

static void take_traffic(struct prober *prober, struct quality *ret)
{
    const char *interface = prober->config->probe.interface;
    struct counters now;
    bool has = interface && counters_read(interface, &now);

    /* An interface that was made anew counts from zero. */
    if (has && prober->has_taken && now.rx_bytes >= prober->taken.rx_bytes &&
        now.tx_bytes >= prober->taken.tx_bytes) {
        ret->traffic_known = true;
        ret->rx_bytes = now.rx_bytes - prober->taken.rx_bytes;
        ret->tx_bytes = now.tx_bytes - prober->taken.tx_bytes;
    }
    prober->has_taken = has;
    if (has)
        prober->taken = now;
}

/* To the nearest whole number, half up. */
static struct level share(int64_t part, int64_t of)
{
    const int64_t whole = (2 * part + of) / (2 * of);

    return (struct level){ true, (double)whole };
}

/* What the rounds since the last time say becomes what holds. */
static void sum_up(struct prober *prober)
{
    int asked = prober->asked, ok = asked - prober->lost;

    if (asked == 0)
        return;
    prober->loss_pct = share(100 * (int64_t)prober->lost, asked);
    prober->rtt_ms = (struct level){ 0 };
    if (ok > 0)
        prober->rtt_ms = share(prober->rtt_sum_ms, ok);
    prober->asked = prober->lost = 0;
    prober->rtt_sum_ms = 0;
}

void prober_take(struct prober *prober, struct quality *ret)
{
    struct quality value = { 0 };

    sum_up(prober);
    value.loss_pct = prober->loss_pct;
    value.rtt_ms = prober->rtt_ms;
    take_traffic(prober, &value);
    *ret = value;
}
