#include "agent/switch/run.h"

#include "agent/base/clock.h"
#include "agent/modem/modem.h"

enum { SAVE_MS = 2000 };

struct error run_stopping(void)
{
    return error_make(ERROR_IN_AGENT, ERROR_SHUTTING_DOWN, 0, "the agent is stopping");
}

bool run_pause_until(const struct run *run, int64_t until_ms)
{
    while (clock_now_ms() < until_ms)
        if (!modem_idle(run->tools->modem, until_ms))
            return false;
    return true;
}

bool run_wait_for_sign(const struct run *run, int64_t until_ms)
{
    if (!run_pause_until(run, clock_now_ms() + RUN_SIGN_GAP_MS))
        return false;
    while (clock_now_ms() < until_ms && !run->tools->signs->hint)
        if (!modem_idle(run->tools->modem, until_ms))
            return false;
    run->tools->signs->hint = false;
    return true;
}

bool run_open_again(const struct run *run, int64_t deadline_ms, struct error *ret_last)
{
    struct modem *modem = run->tools->modem;
    int64_t pause_ms = RUN_REOPEN_MIN_MS;

    *ret_last = ERROR_OK;
    while (!modem_is_open(modem)) {
        *ret_last = modem_open(modem);
        if (modem_is_open(modem))
            break;
        if (ret_last->code == ERROR_SHUTTING_DOWN || clock_now_ms() >= deadline_ms)
            return false;
        if (!run_pause_until(run, clock_now_ms() + pause_ms)) {
            *ret_last = run_stopping();
            return false;
        }
        pause_ms = 2 * pause_ms > RUN_REOPEN_MAX_MS ? RUN_REOPEN_MAX_MS : 2 * pause_ms;
    }
    return true;
}

void run_enter(struct run *run, enum phase phase, bool counts)
{
    struct intent intent = saga_intent(&run->saga, clock_now_ms());

    operations_enter(run->tools->operations, run->op->id, phase, &intent, counts);
    run->saved_ms = clock_now_ms();
}

void run_save(struct run *run)
{
    struct intent intent;

    if (clock_now_ms() - run->saved_ms < SAVE_MS)
        return;
    intent = saga_intent(&run->saga, clock_now_ms());
    operations_save(run->tools->operations, run->op->id, &intent);
    run->saved_ms = clock_now_ms();
}

/* --- profiles --- */

const struct intent_profile *run_profile(const struct run *run)
{
    return &run->saga.intent.profiles[run->saga.intent.leg];
}

struct intent_profile run_profile_of(const struct profile *row)
{
    return (struct intent_profile){ .known = true,
                                    .has_iccid = row->has_iccid,
                                    .has_aid = row->has_aid,
                                    .iccid = row->iccid,
                                    .aid = row->aid };
}

struct profile_ref run_ref_of(const struct intent_profile *profile)
{
    return (struct profile_ref){ .by_aid = profile->has_aid,
                                 .aid = profile->aid,
                                 .iccid = profile->iccid };
}

bool run_is_profile(const struct intent_profile *profile, const struct profile *row)
{
    if (!profile->known)
        return false;
    return profile->has_aid && row->has_aid
               ? aid_equal(&profile->aid, &row->aid)
               : profile->has_iccid && row->has_iccid && iccid_equal(&profile->iccid, &row->iccid);
}

/* The fallback's only once it was tried: the card's own mechanism may go there, too. */
static bool is_in_play(const struct intent *intent, enum leg leg)
{
    return intent->profiles[leg].known && (leg != LEG_FALLBACK || intent->tried[leg]);
}

bool run_is_ours(const struct run *run, const struct profile *row)
{
    for (enum leg leg = LEG_TARGET; leg < LEGS; leg++)
        if (is_in_play(&run->saga.intent, leg) &&
            run_is_profile(&run->saga.intent.profiles[leg], row))
            return true;
    return false;
}

bool run_is_our_iccid(const struct run *run, const struct iccid *iccid)
{
    const struct intent *intent = &run->saga.intent;
    bool unknown = false;

    for (enum leg leg = LEG_TARGET; leg < LEGS; leg++) {
        const struct intent_profile *profile = &intent->profiles[leg];

        if (!is_in_play(intent, leg))
            continue;
        if (profile->has_iccid && iccid_equal(&profile->iccid, iccid))
            return true;
        unknown = unknown || !profile->has_iccid;
    }
    /* A profile whose ICCID the card did not tell may be this one; so may the one that was in use
     * where the card said that none was. */
    return unknown || !intent->profiles[LEG_PREVIOUS].known;
}
