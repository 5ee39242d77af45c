#include "agent/switch/switch.h"

#include "tests/unit/switch_row.h"

/* Over a restart: the agent stops, or is cut off, at some point of a switch, and the next one goes
 * on from what is on disk. */

// clang-format off
/* How it ends, and what is there then. */
#define STOPPED_IN(phase_) .stop_in = PHASE_##phase_, .again = true
#define STOPPED_AT(trace_, ms) .stop_at = (trace_), .stop_ms = (ms), .again = true
#define CUT_AT(trace_, ms) .cut = true, STOPPED_AT(trace_, ms)
#define AGAIN_WELL AT(AGAIN, 3000, STARTS), AT(AGAIN, 6000, ON_B, SEARCHES), AT(AGAIN, 8000, ON_B, HOME, .data = true)
#define WITH_C .has_c = true, .mark = 'C'

static const struct row rows[] = {
    /* Before ENABLE nothing is known of it but that it ran. */
    { "before ENABLE: begun anew", { .stop_before_enable = true, .again = true, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "J|JOJES" },
    { "before ENABLE, and its time is over", { .stop_before_enable = true, .again = true, .down_ms = 901000 },
      END_EXPIRED, ERROR_EXPIRED, .trace = "J|JOJ" },
    { "before ENABLE, and in use meanwhile", { .stop_before_enable = true, .again = true, .changes = { AT(AGAIN, 0, ON_B, HOME, .card = 'B') } },
      END_WELL, 0, 'B', VERIFIED_REGISTERED, "J|JOJ" },

    /* ENABLE has gone out, and its answer is not on disk. */
    { "enabling, cut off, taken", { CUT_AT("JE", 0), .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JE|OCLSV" },
    { "enabling, cut off, taken when the channel closes", { CUT_AT("JE", 0), .jobs = { UNCLEAR_OPEN_TAKEN }, .changes = { AT(CYCLE, 100, STARTS), AT(CYCLE, 3000, ON_B, HOME, .data = true) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JE|OCLSV" },
    { "enabling, stopped while it settles, taken", { .stop_in_settle = true, .again = true, .jobs = { UNCLEAR_TAKEN }, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JEL|OCLSV" },
    { "enabling, not taken: once more", { CUT_AT("JE", 0), .in_vain = 1, .jobs = { UNCLEAR }, .changes = { AGAIN_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JE|OCLJESV" },
    { "enabling, not taken, none was in use: once more", { CUT_AT("JE", 0), .none_before = true, DEAD_BEFORE, .in_vain = 1, .jobs = { UNCLEAR }, .changes = { AGAIN_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JE|OCLJESV" },
    { "enabling, not taken, and its time is over", { CUT_AT("JE", 0), .down_ms = 901000, .jobs = { UNCLEAR } },
      END_SAME, ERROR_INTERRUPTED, 'A', .trace = "JE|OCL" },
    { "enabling, taken, and its time is over: it goes on", { CUT_AT("JE", 0), .down_ms = 901000, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JE|OCLSV" },
    { "enabling, once more, and refused", { CUT_AT("JE", 0), .in_vain = 1, .jobs = { UNCLEAR, NO(ERROR_POLICY_FORBIDS, 0x69E1) } },
      END_SAME, ERROR_POLICY_FORBIDS, 'A', .trace = "JE|OCLJE" },
    { "enabling, once more in vain: back to what worked before the restart", { CUT_AT("JE", 0), .in_vain = 1, .jobs = { UNCLEAR }, .changes = { AT(AGAIN, 0, SEARCHES), AT(AGAIN, 3000, STARTS), AT(AGAIN, 6000, ON_B, SEARCHES), BACK_WELL } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JE|OCLJESVHJASV" },
    { "enabling, once more, for a broker that was there before the restart", { CUT_AT("JE", 0), .uri = true, .broker_ago_ms = 1000, .in_vain = 1, .jobs = { UNCLEAR }, .changes = { AGAIN_WELL }, .words = { SAYS(AGAIN, ACCEPTS, 30000, 100) } },
      END_WELL, 0, 'B', VERIFIED_BROKER, "JE|OCLJESV" },
    { "enabling, and none is in use: back", { CUT_AT("JE", 0), .jobs = { { UNCLEAR_BY(ERROR_MODEM_TIMEOUT), .blanks = true } }, .changes = { BACK_WELL } },
      END_BACK, ERROR_INTERRUPTED, 'A', VERIFIED_REGISTERED, "JE|OCLJASV" },
    { "enabling, and another profile meanwhile", { CUT_AT("JE", 0), .changes = { AT(AGAIN, 0, ON_C, HOME, .card = 'C') } },
      END_OVERTAKEN, ERROR_OVERTAKEN, 'C', .trace = "JE|OCL" },
    { "enabling, and the modem is away", { CUT_AT("JE", 0), .changes = { AT(AGAIN, 0, .gone = true), AT(AGAIN, 60000, ON_B, HOME, .data = true) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JE|OCLSV" },
    { "enabling, and the modem is away for good", { CUT_AT("JE", 0), .changes = { AT(AGAIN, 0, .gone = true) } },
      END_STRANDED, ERROR_MODEM_ABSENT, 0, .trace = "JE|" },
    { "enabling, and the card is busy for a while", { CUT_AT("JE", 0), .reads_fail = 3, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JE|OCLLLLSV" },

    /* The phases of the target. */
    { "resetting", { STOPPED_IN(RESETTING), .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JE|OLSV" },
    { "resetting, cut off", { .cut = true, STOPPED_IN(RESETTING), .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JE|OLSV" },
    { "resetting, started over before, by the same IMSI", { STOPPED_AT("JE", 2000), .changes = { AT(ENABLE, 500, STARTS), AT(ENABLE, 4000, .on = 'B', HOME, .data = true) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JE|OLSV" },
    { "resetting, noticed by the cycle", { STOPPED_IN(RESETTING), .reset = CONFIG_RESET_CFUN, .changes = { AT(CYCLE, 0, STARTS), AT(CYCLE, 3000, ON_B, HOME, .data = true) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JE|OLCSV" },
    { "resetting, never noticed: back", { STOPPED_IN(RESETTING), .reset = CONFIG_RESET_CFUN },
      END_BACK, ERROR_NOT_SWITCHED, 'A', VERIFIED_REGISTERED, "JE|OLCJASV" },
    { "resetting, and somebody has switched back", { STOPPED_IN(RESETTING), .changes = { AT(AGAIN, 0, HOME, .card = 'A') } },
      END_OVERTAKEN, ERROR_OVERTAKEN, 'A', .trace = "JE|OL" },
    { "resetting, and the modem is away", { STOPPED_IN(RESETTING), .changes = { AT(AGAIN, 0, .gone = true), AT(AGAIN, 90000, ON_B, HOME, .data = true) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JE|OLSV" },
    { "registering", { STOPPED_IN(REGISTERING), .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JE|OLSV" },
    { "registering, in vain: back", { STOPPED_IN(REGISTERING), .changes = { NO_SERVICE, BACK_WELL } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JE|OLSVHJASV" },
    { "registering, in vain, no roll-back", { STOPPED_IN(REGISTERING), .stays = true, .changes = { NO_SERVICE } },
      END_STAYS, ERROR_NOT_REGISTERED, 'B', .trace = "JE|OLSVH" },
    { "registering, and another profile meanwhile", { STOPPED_IN(REGISTERING), .changes = { GOES_WELL, AT(AGAIN, 0, ON_C, HOME, .card = 'C') } },
      END_OVERTAKEN, ERROR_OVERTAKEN, 'C', .trace = "JE|OL" },
    { "registering, and the modem is away for good", { STOPPED_IN(REGISTERING), .changes = { GOES_WELL, AT(AGAIN, 0, .gone = true) } },
      END_STRANDED, ERROR_MODEM_ABSENT, 0, .trace = "JE|" },
    { "attaching", { STOPPED_IN(ATTACHING), .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES|OLSV" },
    { "attaching, cut off", { .cut = true, STOPPED_IN(ATTACHING), .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES|OLSV" },
    { "attaching, in vain: back", { STOPPED_IN(ATTACHING), .changes = { AT(ENABLE, 100, STARTS), AT(ENABLE, 1000, ON_B, HOME), BACK_WELL } },
      END_BACK, ERROR_NO_DATA, 'A', VERIFIED_REGISTERED, "JES|OLSVHJASV" },
    { "verifying", { STOPPED_IN(VERIFYING), .channel = CHANNEL_MQTT, .uri = true, .changes = { GOES_WELL }, .words = { SAYS(AGAIN, ACCEPTS, 20000, 100) } },
      END_WELL, 0, 'B', VERIFIED_BROKER, "JES|OLSV" },
    { "verifying, no broker, and there was one: back", { STOPPED_IN(VERIFYING), .channel = CHANNEL_MQTT, .uri = true, .broker_ago_ms = 1000, .changes = { GOES_WELL, BACK_WELL } },
      END_BACK, ERROR_UNREACHABLE, 'A', VERIFIED_REGISTERED, "JES|OLSVJASV" },
    { "verifying, no broker, and there was none: kept", { STOPPED_IN(VERIFYING), .uri = true, .verify = CONFIG_VERIFY_BROKER, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES|OLSV" },
    { "confirming, confirmed", { STOPPED_IN(CONFIRMING), .confirm_s = 600, .changes = { GOES_WELL }, .words = { SAYS(AGAIN, CONFIRM, 20000, 0) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES|OL" },
    { "confirming, confirmed right before", { CUT_AT("JES", 6000), .confirm_s = 600, .changes = { GOES_WELL }, .words = { SAYS(CONFIRMING, CONFIRM, 1000, 0) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES|OL" },
    { "confirming, nobody does: back", { STOPPED_IN(CONFIRMING), .confirm_s = 600, .changes = { GOES_WELL, BACK_WELL } },
      END_BACK, ERROR_UNCONFIRMED, 'A', VERIFIED_REGISTERED, "JES|OLJASV" },
    { "confirming, confirmed right before, and the modem is away for good", { CUT_AT("JES", 6000), .confirm_s = 600, .changes = { GOES_WELL, AT(AGAIN, 0, .gone = true) }, .words = { SAYS(CONFIRMING, CONFIRM, 1000, 0) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES|" },
    { "confirming, confirmed while the card is waited for, and the modem is away for good", { STOPPED_IN(CONFIRMING), .confirm_s = 600, .changes = { GOES_WELL, AT(AGAIN, 0, .gone = true) }, .words = { SAYS(AGAIN, CONFIRM, 20000, 0) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES|" },
    { "confirming, the modem is away for long, confirmed then", { STOPPED_IN(CONFIRMING), .confirm_s = 600, .changes = { GOES_WELL, AT(AGAIN, 0, .gone = true), AT(AGAIN, 150000, ON_B, HOME, .data = true) }, .words = { SAYS(AGAIN, CONFIRM, 200000, 0) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES|O" },
    { "confirming, the modem is away for long and comes with another profile", { STOPPED_IN(CONFIRMING), .confirm_s = 600, .changes = { GOES_WELL, AT(AGAIN, 0, .gone = true), AT(AGAIN, 150000, HOME, .card = 'A') } },
      END_OVERTAKEN, ERROR_OVERTAKEN, 'A', .trace = "JES|O" },
    { "confirming, nobody does, and the modem is away for good", { STOPPED_IN(CONFIRMING), .confirm_s = 600, .changes = { GOES_WELL, AT(AGAIN, 0, .gone = true) } },
      END_STRANDED, ERROR_UNCONFIRMED, 0, .trace = "JES|" },
    { "confirming, and none is in use: back", { STOPPED_IN(CONFIRMING), .confirm_s = 600, .changes = { GOES_WELL, AT(AGAIN, 0, SEARCHES, .card = '-'), BACK_WELL } },
      END_BACK, ERROR_INTERRUPTED, 'A', VERIFIED_REGISTERED, "JES|OLJASV" },
    { "confirming, and somebody has switched back", { STOPPED_IN(CONFIRMING), .confirm_s = 600, .changes = { GOES_WELL, AT(AGAIN, 0, HOME, .card = 'A') } },
      END_OVERTAKEN, ERROR_OVERTAKEN, 'A', .trace = "JES|OL" },

    /* The way back. */
    { "turning back, before its ENABLE", { STOPPED_IN(ROLLING_BACK), .changes = { NO_SERVICE, BACK_WELL } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JESH|OCLJASV" },
    { "turning back, cut off before its ENABLE", { .cut = true, STOPPED_IN(ROLLING_BACK), .changes = { NO_SERVICE, BACK_WELL } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JESH|OCLJASV" },
    { "turning back, cut off with its ENABLE, taken", { CUT_AT("JESHJA", 0), .changes = { NO_SERVICE, BACK_WELL } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JESHJA|OCLSV" },
    { "turning back, cut off with its ENABLE, taken, and only the card tells", { .uncached = true, .reset = CONFIG_RESET_CFUN, CUT_AT("JESHJA", 0), .changes = { NO_SERVICE, BACK_WELL, AT(CYCLE, 0, SEARCHES), AT(CYCLE, 5000, HOME, .data = true) } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JESHJA|OCLSV" },
    { "turning back, cut off with its ENABLE, not taken", { CUT_AT("JESHJA", 0), .jobs = { YES, UNCLEAR }, .changes = { NO_SERVICE, AT(AGAIN, 3000, STARTS), AT(AGAIN, 6000, HOME) } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JESHJA|OCLJASV" },
    { "turning back, and its time is over", { CUT_AT("JESHJA", 0), .down_ms = 901000, .jobs = { YES, UNCLEAR }, .changes = { NO_SERVICE, AT(AGAIN, 3000, STARTS), AT(AGAIN, 6000, HOME) } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JESHJA|OCLJASV" },
    { "turning back, resetting", { STOPPED_AT("JESHJA", 1000), .changes = { NO_SERVICE, BACK_WELL } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JESHJA|OLSV" },
    { "turning back from a switch that was never noticed", { STOPPED_AT("JECJA", 1000), .reset = CONFIG_RESET_CFUN },
      END_BACK, ERROR_NOT_SWITCHED, 'A', VERIFIED_REGISTERED, "JECJA|OLSV" },
    { "turning back, registering", { STOPPED_AT("JESHJAS", 9000), .changes = { NO_SERVICE, BACK_IN_VAIN, AT(AGAIN, 3000, HOME) } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JESHJAS|OLSV" },
    { "turning back, registering in vain", { STOPPED_AT("JESHJAS", 9000), .changes = { NO_SERVICE, BACK_IN_VAIN } },
      END_STRANDED, ERROR_NOT_REGISTERED, 'A', .trace = "JESHJAS|OLSVH" },
    { "turning back, registering in vain: to the fallback", { WITH_C, STOPPED_AT("JESHJAS", 9000), .changes = { NO_SERVICE, BACK_IN_VAIN, FALLBACK_WELL } },
      END_BACK, ERROR_NOT_REGISTERED, 'C', VERIFIED_REGISTERED, "JESHJAS|OLSVHJFSV" },
    { "turning back, registering in vain: to the target, which had registered", { .mark = 'B', STOPPED_AT("JESHJAS", 9000), .changes = { AT(ENABLE, 100, STARTS), AT(ENABLE, 1000, ON_B, HOME), BACK_IN_VAIN, AT(FALLBACK, 500, STARTS), AT(FALLBACK, 2000, ON_B, HOME) } },
      END_BACK, ERROR_NO_DATA, 'B', VERIFIED_REGISTERED, "JESHJAS|OLSVHJFSV" },
    { "turning back, and another profile meanwhile", { CUT_AT("JESHJA", 0), .changes = { NO_SERVICE, AT(AGAIN, 0, ON_C, HOME, .card = 'C') } },
      END_OVERTAKEN, ERROR_OVERTAKEN, 'C', .trace = "JESHJA|OCL" },
    { "turning back, and the target again meanwhile: back all the same", { STOPPED_AT("JESHJA", 1000), .changes = { NO_SERVICE, AT(AGAIN, 0, ON_B, SEARCHES, .card = 'B'), AT(AGAIN, 3000, STARTS), AT(AGAIN, 6000, HOME) } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JESHJA|OLJASV" },
    { "turning back, and the modem is away", { .reset = CONFIG_RESET_CFUN, CUT_AT("JESHJA", 0), .changes = { NO_SERVICE, AT(AGAIN, 0, .gone = true), AT(AGAIN, 200000, HOME) } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JESHJA|OJCSV" },
    { "turning back, and the modem is away for good", { CUT_AT("JESHJA", 0), .changes = { NO_SERVICE, AT(AGAIN, 0, .gone = true) } },
      END_STRANDED, ERROR_NOT_REGISTERED, 0, .trace = "JESHJA|" },
    { "to the fallback, cut off with its ENABLE, taken", { WITH_C, CUT_AT("JESHJASHJF", 0), .changes = { NO_SERVICE, BACK_IN_VAIN, FALLBACK_WELL } },
      END_BACK, ERROR_NOT_REGISTERED, 'C', VERIFIED_REGISTERED, "JESHJASHJF|OCLSV" },
    { "to the fallback, cut off with its ENABLE, not taken", { WITH_C, CUT_AT("JESHJASHJF", 0), .jobs = { YES, YES, UNCLEAR }, .changes = { NO_SERVICE, BACK_IN_VAIN, AT(AGAIN, 3000, STARTS), AT(AGAIN, 6000, ON_C, HOME) } },
      END_BACK, ERROR_NOT_REGISTERED, 'C', VERIFIED_REGISTERED, "JESHJASHJF|OCLJFSV" },
    { "to the fallback, resetting", { WITH_C, STOPPED_AT("JESHJASHJF", 1000), .changes = { NO_SERVICE, BACK_IN_VAIN, FALLBACK_WELL } },
      END_BACK, ERROR_NOT_REGISTERED, 'C', VERIFIED_REGISTERED, "JESHJASHJF|OLSV" },
    { "to the fallback, registering in vain", { WITH_C, STOPPED_AT("JESHJASHJFS", 9000), .changes = { NO_SERVICE, BACK_IN_VAIN, AT(FALLBACK, 500, STARTS), AT(FALLBACK, 2000, ON_C, SEARCHES) } },
      END_STRANDED, ERROR_NOT_REGISTERED, 'C', .trace = "JESHJASHJFS|OLSVH" },

    /* What is on disk of it cannot be read. */
    { "intent lost: enabling, taken", { .intent_lost = true, CUT_AT("JE", 0), .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JE|OCLSV" },
    { "intent lost: enabling, not taken: once more", { .intent_lost = true, CUT_AT("JE", 0), .in_vain = 1, .jobs = { UNCLEAR }, .changes = { AGAIN_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JE|OCLJESV" },
    { "intent lost: turning back, before its ENABLE", { .intent_lost = true, STOPPED_IN(ROLLING_BACK), .changes = { NO_SERVICE, BACK_WELL } },
      END_BACK, ERROR_INTERRUPTED, 'A', VERIFIED_REGISTERED, "JESH|OCLJASV" },
    { "intent lost: turning back, taken: the target is not enabled once more", { .intent_lost = true, CUT_AT("JESHJA", 0), .changes = { NO_SERVICE, BACK_WELL } },
      END_BACK, ERROR_INTERRUPTED, 'A', VERIFIED_REGISTERED, "JESHJA|OCLSV" },
    { "intent lost: turning back, not taken: once more", { .intent_lost = true, CUT_AT("JESHJA", 0), .jobs = { YES, UNCLEAR }, .changes = { NO_SERVICE, AT(AGAIN, 3000, STARTS), AT(AGAIN, 6000, HOME) } },
      END_BACK, ERROR_INTERRUPTED, 'A', VERIFIED_REGISTERED, "JESHJA|OCLJASV" },
    { "intent lost: turning back, in vain", { .intent_lost = true, CUT_AT("JESHJA", 0), .changes = { NO_SERVICE, BACK_IN_VAIN } },
      END_STRANDED, ERROR_INTERRUPTED, 'A', .trace = "JESHJA|OCLSVH" },
    { "intent lost: turning back, and the profile of the fallback is in use", { .intent_lost = true, WITH_C, CUT_AT("JESHJASHJF", 0), .changes = { NO_SERVICE, BACK_IN_VAIN, FALLBACK_WELL } },
      END_OVERTAKEN, ERROR_OVERTAKEN, 'C', .trace = "JESHJASHJF|OCL" },

    /* Programs are told again where their answer is not on disk. */
    { "programs: cut off in before", { .hooks = true, CUT_AT("Jb", 0), .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "Jb|JOJbESa" },
    { "programs: cut off with ENABLE", { .hooks = true, CUT_AT("JbE", 0), .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JbE|OCLSVa" },
    { "programs: not taken, once more", { .hooks = true, CUT_AT("JbE", 0), .in_vain = 1, .jobs = { UNCLEAR }, .changes = { AGAIN_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JbE|OCLJESVa" },
    { "programs: not taken, and its time is over", { .hooks = true, CUT_AT("JbE", 0), .down_ms = 901000, .jobs = { UNCLEAR } },
      END_SAME, ERROR_INTERRUPTED, 'A', .trace = "JbE|OCLr" },
    { "programs: cut off in after", { .hooks = true, CUT_AT("JbESa", 0), .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JbESa|OLSVa" },
    { "programs: after is over while it proves itself", { .hooks = true, STOPPED_AT("JbESa", 3000), .channel = CHANNEL_MQTT, .uri = true, .changes = { GOES_WELL }, .words = { SAYS(AGAIN, ACCEPTS, 20000, 100) } },
      END_WELL, 0, 'B', VERIFIED_BROKER, "JbESa|OLSV" },
    { "programs: after is over while it waits for the word", { .hooks = true, .cut = true, STOPPED_IN(CONFIRMING), .confirm_s = 600, .changes = { GOES_WELL }, .words = { SAYS(AGAIN, CONFIRM, 20000, 0) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JbESa|OL" },
    { "programs: cut off in rolled_back", { .hooks = true, CUT_AT("JbESHJASr", 0), .changes = { NO_SERVICE, BACK_WELL } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JbESHJASr|OLSVr" },

    { "the APN was written: not twice, and given back", { .apn = true, CUT_AT("JESIX", 0), .changes = { NO_SERVICE, BACK_WELL } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JESIX|OLSVIHJASVXN" },
};
// clang-format on

static void switches_go_on(void **state)
{
    (void)state;
    row_check_all(rows, ARRAY_LEN(rows));
}

/* The clock that deadlines hang on begins anew, and the outcome is the same. */
static void switches_go_on_after_a_reboot(void **state)
{
    static struct row row;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        row = rows[i];
        row.script.reboot = true;
        row_check_all(&row, 1);
    }
}

/* Deadlines count while the agent runs; a reboot gives the phase its time again. */
static void phases_go_on_with_what_is_left(void **state)
{
    static const struct {
        const char *what;
        struct script script;
        int64_t took_ms;
    } cases[] = {
        // clang-format off
        { "registering", { .stays = true, STOPPED_AT("JES", 100000), .changes = { NO_SERVICE } }, 200000 },
        { "registering, cut off", { .stays = true, .cut = true, STOPPED_AT("JES", 100000), .changes = { NO_SERVICE } }, 200000 },
        { "registering, a day later", { .stays = true, STOPPED_AT("JES", 100000), .down_ms = 86400000, .changes = { NO_SERVICE } }, 200000 },
        { "registering, rebooted", { .stays = true, .reboot = true, STOPPED_AT("JES", 100000), .changes = { NO_SERVICE } }, 300000 },
        { "attaching", { .stays = true, STOPPED_AT("JES", 31000), .changes = { AT(ENABLE, 100, STARTS), AT(ENABLE, 1000, ON_B, HOME) } }, 89000 },
        { "the word", { .stays = true, .confirm_s = 600, STOPPED_AT("JES", 203000), .changes = { GOES_WELL } }, 400000 },
        { "the word, cut off", { .stays = true, .confirm_s = 600, .cut = true, STOPPED_AT("JES", 203000), .changes = { GOES_WELL } }, 400000 },
        { "the word, rebooted", { .stays = true, .confirm_s = 600, .reboot = true, STOPPED_AT("JES", 203000), .changes = { GOES_WELL } }, 600000 },
        { "on the way back", { STOPPED_AT("JESHJAS", 100000), .changes = { NO_SERVICE, BACK_IN_VAIN } }, 200000 },
    }; // clang-format on
    static struct world_end end;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        world_run(&cases[i].script, &end);
        print_message("%s: %s, %d s\n", cases[i].what, error_code_name(end.op.problem.error.code),
                      (int)(end.took_ms / 1000));
        assert_in_range(end.took_ms, cases[i].took_ms - 7500, cases[i].took_ms + 12500);
    }
}

/* A start that is stopped while it still asks the card neither uses up time nor gives any. */
static void asking_the_card_takes_nothing_of_the_phase(void **state)
{
    static const struct {
        const char *what;
        struct script script;
        enum phase phase;
        int64_t used_ms;
        bool again;
    } cases[] = {
        // clang-format off
        { "registering", { STOPPED_AT("JES", 100000), .stop_again_in_settle = true, .changes = { NO_SERVICE } }, PHASE_REGISTERING, 100000, false },
        { "registering, rebooted", { .reboot = true, STOPPED_AT("JES", 100000), .stop_again_in_settle = true, .changes = { NO_SERVICE } }, PHASE_REGISTERING, 0, true },
        { "the word", { .confirm_s = 600, STOPPED_AT("JES", 203000), .stop_again_in_settle = true, .changes = { GOES_WELL } }, PHASE_CONFIRMING, 200000, false },
    }; // clang-format on
    static struct world_end end;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        world_run(&cases[i].script, &end);
        print_message("%s: %s, %d ms\n", cases[i].what, phase_name(end.intent.phase),
                      (int)end.intent.used_ms);
        assert_true(end.outcome.interrupted && end.has_intent);
        assert_int_equal(end.intent.phase, cases[i].phase);
        assert_true(end.intent.used_ms >= cases[i].used_ms - 3000 &&
                    end.intent.used_ms <= cases[i].used_ms + 3000);
        assert_int_equal(end.intent.again, cases[i].again);
    }
}

/* The moment when data ended is known within one boot; what was measured before stays. */
static void blackouts(void **state)
{
    static const struct {
        const char *what;
        struct script script;
        int64_t min_ms, max_ms;
    } cases[] = {
        // clang-format off
        { "restarted", { STOPPED_IN(REGISTERING), .changes = { GOES_WELL } }, 6500, 7500 },
        { "rebooted", { .reboot = true, STOPPED_IN(REGISTERING), .changes = { GOES_WELL } }, -1, -1 },
        { "rebooted once data flowed", { .reboot = true, STOPPED_IN(VERIFYING), .changes = { GOES_WELL } }, 4500, 5100 },
    }; // clang-format on
    static struct world_end end;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        world_run(&cases[i].script, &end);
        print_message("%s: %d ms\n", cases[i].what, (int)end.op.blackout_ms);
        assert_int_equal(end.op.state, OPERATION_SUCCEEDED);
        assert_true(end.op.blackout_ms >= cases[i].min_ms);
        assert_true(end.op.blackout_ms <= cases[i].max_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(switches_go_on),
        cmocka_unit_test(switches_go_on_after_a_reboot),
        cmocka_unit_test(phases_go_on_with_what_is_left),
        cmocka_unit_test(asking_the_card_takes_nothing_of_the_phase),
        cmocka_unit_test(blackouts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
