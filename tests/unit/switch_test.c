#include "agent/switch/switch.h"

#include "tests/unit/switch_row.h"

/* From the door to the end, without a restart (switch_resume_test.c). */

// clang-format off
#define OPENS_AGAIN AT(ENABLE, 0, .gone = true), AT(ENABLE, 9000, ON_B, SEARCHES)
#define UNCLEAR_BUSY { UNCLEAR_BY(ERROR_CARD_BUSY) }
#define UNCLEAR_BUSY_TAKEN { UNCLEAR_BY(ERROR_CARD_BUSY), .takes = true }

static const struct row rows[] = {
    { "as it should be", { .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES" },
    { "registered is enough", { .verify = CONFIG_VERIFY_REGISTERED, .changes = { AT(ENABLE, 500, STARTS), AT(ENABLE, 2000, ON_B, HOME) } },
      END_WELL, 0, 'B', VERIFIED_REGISTERED, "JES" },
    { "seen by the IMSI alone", { .changes = { AT(ENABLE, 100, ON_B, HOME, .data = true) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES" },
    { "seen by registration alone", { .changes = { AT(ENABLE, 100, SEARCHES), AT(ENABLE, 3000, .on = 'B', HOME, .data = true) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES" },
    { "seen by a PIN that was not asked for before", { .changes = { AT(ENABLE, 100, .sim = ERROR_SIM_LOCKED, HOME), AT(ENABLE, 3000, .on = 'B', HOME, .data = true) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES" },
    { "the card's ICCID without a start-over proves nothing", { .reset = CONFIG_RESET_CFUN, .changes = { AT(ENABLE, 100, .on = 'B', HOME, .data = true), AT(CYCLE, 100, ON_B, HOME, .data = true) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JECS" },
    { "was not registered before: not registered proves nothing", { .stays = true, DEAD_BEFORE, .changes = { AT(ENABLE, 100, .on = 'B', SEARCHES) } },
      END_STAYS, ERROR_NOT_SWITCHED, 'B', VERIFIED_NOTHING, "JE" },
    { "was not registered before: the modem tells that it starts over", { DEAD_BEFORE, .changes = { AT(ENABLE, 100, .on = 'B', SEARCHES, .tells = true), AT(ENABLE, 2000, .on = 'B', HOME, .data = true) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES" },
    { "was not registered before: the cycle that settled counts", { .jobs = { UNCLEAR_OPEN_TAKEN }, DEAD_BEFORE, .changes = { AT(CYCLE, 0, ON_B, SEARCHES), AT(CYCLE, 2000, ON_B, HOME, .data = true) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JECLS" },
    { "no ICCID command: another IMSI proves it", { .uncached = true, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES" },
    { "no ICCID by any command: another IMSI has to do", { .tells_no_iccid = true, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES" },
    { "no ICCID by any command, the same IMSI", { .stays = true, .tells_no_iccid = true, .changes = { AT(ENABLE, 100, STARTS), AT(ENABLE, 2000, HOME, .data = true) } },
      END_STAYS, ERROR_NOT_SWITCHED, '?', VERIFIED_NOTHING, "JE" },
    { "no ICCID command: the card's word does not, nor does a cycle", { .stays = true, .uncached = true, .reset = CONFIG_RESET_CFUN, .changes = { AT(ENABLE, 100, .on = 'B', HOME, .data = true), AT(CYCLE, 0, .on = 'B', SEARCHES), AT(CYCLE, 2000, .on = 'B', HOME, .data = true) } },
      END_STAYS, ERROR_NOT_SWITCHED, '?', VERIFIED_NOTHING, "JEC" },
    { "none was in use", { .none_before = true, DEAD_BEFORE, .changes = { AT(ENABLE, 100, ON_B, SEARCHES, .tells = true), AT(ENABLE, 2000, ON_B, HOME, .data = true) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES" },
    { "the SIM is busy before ENABLE", { .jobs = { BEFORE(ERROR_CARD_BUSY), BEFORE(ERROR_CARD_BUSY), YES }, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JJJES" },
    { "the SIM is busy at ENABLE, and did not get it", { .in_vain = 1, .jobs = { UNCLEAR_BUSY, YES }, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JELJES" },
    { "the SIM is busy at ENABLE, starts anew, and the target does not register: back to what worked", { .in_vain = 1, .jobs = { UNCLEAR_BUSY, YES }, .changes = { AT(ENABLE, 500, STARTS), AT(ENABLE, 2000, ON_B, SEARCHES), BACK_WELL } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JELJESHJAS" },
    { "the SIM is busy at ENABLE, and got it", { .jobs = { UNCLEAR_BUSY_TAKEN }, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JELS" },
    { "unclear, and locked against the new one", { .stays = true, .jobs = { UNCLEAR_TAKEN }, .changes = { AT(ENABLE, 0, LOCKED) } },
      END_STAYS, ERROR_SIM_LOCKED, 'B', VERIFIED_NOTHING, "JEL" },
    { "the card's yes, but its channel is lost: the ladder cycles", { .reset = CONFIG_RESET_CFUN, .jobs = { { .set = true, .sent = CARD_ENABLED, .open_channels = true } }, .changes = { AT(CYCLE, 100, STARTS), AT(CYCLE, 3000, ON_B, HOME, .data = true) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JECS" },

    { "in use already", { .target = A },
      END_WELL, 0, 'A', VERIFIED_REGISTERED, "J" },
    { "in use already, without service", { .target = A, DEAD_BEFORE },
      END_WELL, 0, 'A', VERIFIED_NOTHING, "J" },
    { "not on the card", { .target = C }, END_SAME, ERROR_PROFILE_NOT_FOUND, .trace = "J" },
    { "expected another", { .expect = B }, END_SAME, ERROR_PRECONDITION_FAILED, .trace = "J" },
    { "expected another, in use already", { .target = A, .expect = B }, END_SAME, ERROR_PRECONDITION_FAILED, .trace = "J" },
    { "expected", { .expect = A, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES" },
    { "canceled right before", { .cancel = true }, END_CANCELED, 0, .trace = "J" },
    { "canceled, and in use already", { .cancel = true, .target = A }, END_CANCELED, 0, .trace = "J" },
    { "expired right before", { .expire = true }, END_EXPIRED, ERROR_EXPIRED, .trace = "J" },
    { "refused by POL1", { .jobs = { NO(ERROR_POLICY_FORBIDS, 0x69E1) } },
      END_SAME, ERROR_POLICY_FORBIDS, 'A', .trace = "JE" },
    { "the intent cannot be written", { .full_at = "J" }, END_SAME, ERROR_STORAGE_FULL, .trace = "J" },
    { "the disk is full from ENABLE on", { .full_at = "JE", .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES" },

    { "no answer, not enabled", { .jobs = { UNCLEAR } }, END_SAME, ERROR_MODEM_TIMEOUT, 'A', .trace = "JEL" },
    { "no answer, enabled", { .jobs = { UNCLEAR_TAKEN }, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JELS" },
    { "no answer, channel open, not enabled", { .jobs = { UNCLEAR_OPEN } },
      END_SAME, ERROR_MODEM_TIMEOUT, 'A', .trace = "JECL" },
    { "no answer, channel open, enabled", { .jobs = { UNCLEAR_OPEN_TAKEN }, .changes = { AT(CYCLE, 100, STARTS), AT(CYCLE, 3000, ON_B, HOME, .data = true) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JECLS" },
    { "channel open, the cycle is refused at first: no list is believed before", { .jobs = { UNCLEAR_OPEN_TAKEN }, .cycles_fail = 3, .changes = { AT(CYCLE, 100, ON_B, HOME, .data = true) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JECCCCLS" },
    { "settling waits for the card", { .jobs = { UNCLEAR_TAKEN }, .reads_fail = 4, .changes = { AT(ENABLE, 1, ON_B, HOME, .data = true) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JELLLLLS" },
    { "port gone with the answer, and back", { .jobs = { UNCLEAR_OPEN_TAKEN }, .changes = { OPENS_AGAIN, AT(CYCLE, 3000, ON_B, HOME, .data = true) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JEOCLS" },
    { "port gone with the answer, for good", { .stays = true, .jobs = { UNCLEAR_OPEN_TAKEN }, .changes = { AT(ENABLE, 0, .gone = true) } },
      END_STAYS, ERROR_MODEM_ABSENT, 0, VERIFIED_NOTHING, "JE" },

    { "the first job fails before ENABLE, the second works", { .jobs = { BEFORE(ERROR_MODEM_TIMEOUT), YES }, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JJES" },
    { "both fail before ENABLE", { .jobs = { BEFORE(ERROR_MODEM_TIMEOUT), BEFORE(ERROR_MODEM_ABSENT), YES } }, END_SAME, ERROR_MODEM_ABSENT, .trace = "JJ" },
    { "what the card said is not asked twice", { .jobs = { BEFORE(ERROR_APPLET_ABSENT), YES } }, END_SAME, ERROR_APPLET_ABSENT, .trace = "J" },
    { "not sent after the decision: never again", { .jobs = { { .set = true, .sent = CARD_NOT_SENT, .code = ERROR_MODEM_TIMEOUT }, YES } }, END_SAME, ERROR_MODEM_TIMEOUT, .now = 'A', .trace = "J" },
    { "no reason given for what was not sent: no success", { .jobs = { { .set = true, .sent = CARD_NOT_SENT }, YES } }, END_SAME, ERROR_INTERNAL, .now = 'A', .trace = "J" },
    { "no answer is not tried again", { .jobs = { UNCLEAR, YES } }, END_SAME, ERROR_MODEM_TIMEOUT, 'A', .trace = "JEL" },

    { "no answer, and none is in use then: back", { .jobs = { { UNCLEAR_BY(ERROR_MODEM_TIMEOUT), .blanks = true } }, .changes = { BACK_WELL } }, END_BACK, ERROR_MODEM_TIMEOUT, 'A', VERIFIED_REGISTERED, "JELJAS" },
    { "busy, and taken late, by a dead network: back", { .expect = A, .jobs = { { UNCLEAR_BY(ERROR_CARD_BUSY) } }, .changes = { AT(ENABLE, 500, STARTS, .card = 'B'), AT(ENABLE, 2500, ON_B, SEARCHES), BACK_WELL } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JELJSHJAS" },
    { "never noticed, no ladder", { .stays = true }, END_STAYS, ERROR_NOT_SWITCHED, 'A', VERIFIED_NOTHING, "JE" },
    { "never noticed, radio cycle", { .stays = true, .reset = CONFIG_RESET_CFUN }, END_STAYS, ERROR_NOT_SWITCHED, 'A', VERIFIED_NOTHING, "JEC" },
    { "never noticed, the whole ladder", { .stays = true, .reset = CONFIG_RESET_VENDOR }, END_STAYS, ERROR_NOT_SWITCHED, 'A', VERIFIED_NOTHING, "JECR" },
    { "never noticed, one reset in the last hour", { .stays = true, .resets_before = 1, .reset = CONFIG_RESET_VENDOR }, END_STAYS, ERROR_NOT_SWITCHED, 'A', VERIFIED_NOTHING, "JECR" },
    { "never noticed, two resets in the last hour", { .stays = true, .resets_before = 2, .reset = CONFIG_RESET_VENDOR }, END_STAYS, ERROR_NOT_SWITCHED, 'A', VERIFIED_NOTHING, "JEC" },
    { "one reset in the last hour, one more: none on the way back", { .resets_before = 1, .reset = CONFIG_RESET_VENDOR, .changes = { AT(BACK, 100, STARTS) } },
      END_STRANDED, ERROR_NOT_SWITCHED, 'a', .trace = "JECRJAC" },
    { "noticed after the cycle", { .reset = CONFIG_RESET_CFUN, .cycle_takes_ms = 8000, .changes = { AT(CYCLE, 0, STARTS), AT(CYCLE, 3000, ON_B, HOME, .data = true) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JECS" },
    { "a cycle that takes its time", { .reset = CONFIG_RESET_CFUN, .cycle_takes_ms = 29000, .changes = { AT(CYCLE, 0, STARTS), AT(CYCLE, 3000, ON_B, HOME, .data = true) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JECS" },
    { "the cycle is refused, the reset works", { .reset = CONFIG_RESET_VENDOR, .cycles_fail = 1, .changes = { AT(RESET, 100, .gone = true), AT(RESET, 20000, ON_B, HOME, .data = true) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JECROS" },
    { "no reset is known", { .stays = true, .reset = CONFIG_RESET_VENDOR, .resets_fail = true }, END_STAYS, ERROR_NOT_SWITCHED, 'A', VERIFIED_NOTHING, "JECR" },
    { "port gone after ENABLE, for good", { .stays = true, .reset = CONFIG_RESET_CFUN, .changes = { AT(ENABLE, 700, .gone = true) } },
      END_STAYS, ERROR_NOT_SWITCHED, '?', VERIFIED_NOTHING, "JE" },

    { "network-locked", { .stays = true, .changes = { AT(ENABLE, 100, STARTS), AT(ENABLE, 2000, LOCKED) } },
      END_STAYS, ERROR_SIM_LOCKED, 'B', VERIFIED_NOTHING, "JE" },
    { "locked before, and the new one works", { .reset = CONFIG_RESET_CFUN, .has_before = true, .before = { LOCKED }, .changes = { AT(CYCLE, 0, STARTS), AT(CYCLE, 1000, ON_B, HOME, .data = true) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JECS" },
    { "denied", { .stays = true, .changes = { AT(ENABLE, 100, STARTS), AT(ENABLE, 1000, ON_B, .registration = REGISTRATION_DENIED) } },
      END_STAYS, ERROR_REGISTRATION_DENIED, 'B', VERIFIED_NOTHING, "JESH" },
    { "never registered", { .stays = true, .changes = { NO_SERVICE } },
      END_STAYS, ERROR_NOT_REGISTERED, 'B', VERIFIED_NOTHING, "JESH" },
    { "registered by help, help refused", { .helps_fail = true, .changes = { NO_SERVICE, AT(HELP, 1000, ON_B, HOME, .data = true) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JESH" },
    { "no data", { .stays = true, .changes = { AT(ENABLE, 100, STARTS), AT(ENABLE, 1000, ON_B, HOME) } },
      END_STAYS, ERROR_NO_DATA, 'B', VERIFIED_NOTHING, "JESH" },

    { "port gone while resetting", { .changes = { GOES_WELL }, .gone_in = PHASE_RESETTING, .gone_ms = 6000 },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JEOS" },
    { "port gone while registering", { .changes = { GOES_WELL }, .gone_in = PHASE_REGISTERING, .gone_ms = 6000 },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JESO" },
    { "port gone while attaching", { .changes = { GOES_WELL }, .gone_in = PHASE_ATTACHING, .gone_ms = 6000 },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JESO" },
    { "port gone while verifying", { .changes = { GOES_WELL }, .gone_in = PHASE_VERIFYING, .gone_ms = 6000 },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES" },
    { "port gone before ENABLE", { .changes = { GOES_WELL }, .gone_in = PHASE_ENABLING, .gone_ms = 6000 },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JOJES" },
    { "port gone before ENABLE, for good", { .gone_in = PHASE_ENABLING, .gone_ms = 600000 }, END_SAME, ERROR_MODEM_ABSENT, .trace = "J" },
    { "port gone while registering, for good", { .stays = true, .changes = { GOES_WELL }, .gone_in = PHASE_REGISTERING, .gone_ms = 9000000 },
      END_STAYS, ERROR_NOT_REGISTERED, 'B', VERIFIED_NOTHING, "JES" },
    { "port gone while attaching, for good", { .stays = true, .changes = { GOES_WELL }, .gone_in = PHASE_ATTACHING, .gone_ms = 9000000 },
      END_STAYS, ERROR_NO_DATA, 'B', VERIFIED_NOTHING, "JES" },

    /* Turning back, where the one before had what the new one lacks. */
    { "never registered: back", { .changes = { NO_SERVICE, BACK_WELL } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JESHJAS" },
    { "denied: back", { .changes = { AT(ENABLE, 100, STARTS), AT(ENABLE, 1000, ON_B, .registration = REGISTRATION_DENIED), BACK_WELL } },
      END_BACK, ERROR_REGISTRATION_DENIED, 'A', VERIFIED_REGISTERED, "JESHJAS" },
    { "no data: back", { .changes = { AT(ENABLE, 100, STARTS), AT(ENABLE, 1000, ON_B, HOME), BACK_WELL } },
      END_BACK, ERROR_NO_DATA, 'A', VERIFIED_REGISTERED, "JESHJAS" },
    { "network-locked: back at once", { .changes = { AT(ENABLE, 100, STARTS), AT(ENABLE, 2000, LOCKED), BACK_WELL } },
      END_BACK, ERROR_SIM_LOCKED, 'A', VERIFIED_REGISTERED, "JEJAS" },
    { "unclear, and locked against the new one: back", { .jobs = { UNCLEAR_TAKEN }, .changes = { AT(ENABLE, 0, LOCKED), BACK_WELL } },
      END_BACK, ERROR_SIM_LOCKED, 'A', VERIFIED_REGISTERED, "JELJAS" },
    { "never noticed: undone without a trace", { .reset = CONFIG_RESET_CFUN },
      END_BACK, ERROR_NOT_SWITCHED, 'A', VERIFIED_REGISTERED, "JECJAS" },
    { "never noticed, with the whole ladder for each", { .reset = CONFIG_RESET_VENDOR, .changes = { AT(RESET, 0, STARTS), AT(BACK, 20000, HOME) } },
      END_BACK, ERROR_NOT_SWITCHED, 'A', VERIFIED_REGISTERED, "JECRJACS" },
    { "no ICCID by any command: back by the IMSI", { .tells_no_iccid = true, .changes = { NO_SERVICE, BACK_WELL } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JESHJAS" },
    { "help on the way back", { .changes = { NO_SERVICE, BACK_IN_VAIN, AT(BACK, 30000, HOME) } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JESHJASH" },
    { "somebody has gone back already", { .reset = CONFIG_RESET_CFUN, .changes = { AT(ENABLE, 100, STARTS), AT(ENABLE, 1000, LOCKED, .card = 'A'), AT(ENABLE, 9000, HOME, .data = true) } },
      END_BACK, ERROR_SIM_LOCKED, 'A', VERIFIED_REGISTERED, "JEJS" },
    { "port gone while registering, for a minute of the way back", { .changes = { GOES_WELL, BACK_WELL }, .gone_in = PHASE_REGISTERING, .gone_ms = 360000 },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JESOJAS" },
    { "port gone as it turns back, for a minute", { .changes = { NO_SERVICE, BACK_WELL }, .gone_in = PHASE_ROLLING_BACK, .gone_ms = 60000 },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JESHOJAS" },
    { "port gone in the middle of the way back, for 40 s", { .reset = CONFIG_RESET_CFUN, .changes = { NO_SERVICE, AT(BACK, 300, .gone = true), AT(BACK, 40000, SEARCHES), AT(BACK, 45000, HOME) } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JESHJAOS" },
    { "port gone in the middle of the way back, for a minute: the reset's time", { .reset = CONFIG_RESET_VENDOR, .changes = { NO_SERVICE, AT(BACK, 300, .gone = true), AT(BACK, 60000, SEARCHES), AT(BACK, 65000, HOME) } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JESHJAROS" },
    { "port gone in the middle of the way back, for longer than the ladder", { .reset = CONFIG_RESET_CFUN, .changes = { NO_SERVICE, AT(BACK, 300, .gone = true), AT(BACK, 60000, SEARCHES), AT(BACK, 65000, HOME) } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JESHJAOS" },
    { "port gone in the middle of the way back, for good", { .reset = CONFIG_RESET_CFUN, .changes = { NO_SERVICE, AT(BACK, 300, .gone = true) } },
      END_STRANDED, ERROR_NOT_REGISTERED, 'a', VERIFIED_NOTHING, "JESHJA" },
    { "the card is busy on the way back", { .jobs = { YES, BEFORE(ERROR_CARD_BUSY), BEFORE(ERROR_MODEM_TIMEOUT), YES }, .changes = { NO_SERVICE, BACK_WELL } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JESHJJJAS" },
    { "no answer on the way back, taken", { .jobs = { YES, UNCLEAR_TAKEN }, .changes = { NO_SERVICE, BACK_WELL } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JESHJALS" },
    { "no answer on the way back, not taken: once more", { .jobs = { YES, UNCLEAR, YES }, .changes = { NO_SERVICE, BACK_WELL } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JESHJALJAS" },
    { "no answer on the way back, channel open", { .jobs = { YES, UNCLEAR_OPEN_TAKEN }, .changes = { NO_SERVICE, AT(CYCLE, 100, STARTS), AT(CYCLE, 3000, HOME) } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JESHJACLS" },
    { "refused at first on the way back", { .jobs = { YES, NO(ERROR_CARD, 0x6A80), YES }, .changes = { NO_SERVICE, BACK_WELL } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JESHJAJAS" },

    /* Neither works, and the fallback. */
    { "nothing comes up", { .changes = { NO_SERVICE, BACK_IN_VAIN } },
      END_STRANDED, ERROR_NOT_REGISTERED, 'A', VERIFIED_NOTHING, "JESHJASH" },
    { "policy refuses the way back", { .jobs = { YES, NO(ERROR_POLICY_FORBIDS, 0x69E1) }, .changes = { NO_SERVICE } },
      END_STRANDED, ERROR_NOT_REGISTERED, 'B', VERIFIED_NOTHING, "JESHJA" },
    { "the card never takes the way back", { .jobs = { YES, UNCLEAR, UNCLEAR, UNCLEAR, YES }, .changes = { NO_SERVICE } },
      END_STRANDED, ERROR_NOT_REGISTERED, 'B', VERIFIED_NOTHING, "JESHJALJALJAL" },
    { "no answer on the way back, and the port is gone for good: nobody knows", { .jobs = { YES, UNCLEAR }, .changes = { NO_SERVICE, AT(BACK, 0, .gone = true) } },
      END_STRANDED, ERROR_NOT_REGISTERED, 0, VERIFIED_NOTHING, "JESHJA" },
    { "no answer on the way back, taken, and the port is gone for good: nobody knows", { .jobs = { YES, UNCLEAR_OPEN_TAKEN }, .changes = { NO_SERVICE, AT(BACK, 0, .gone = true) } },
      END_STRANDED, ERROR_NOT_REGISTERED, 0, VERIFIED_NOTHING, "JESHJA" },
    { "no answer on the way back, and no list after it: nobody knows", { .reads_fail = 1000, .jobs = { YES, UNCLEAR }, .changes = { NO_SERVICE } },
      END_STRANDED, ERROR_NOT_REGISTERED, 0, VERIFIED_NOTHING, "JESHJALLLLLLLLLLLLLLLLLLL" },
    { "no answer on the way back, not taken, and the port is gone for good then", { .jobs = { YES, UNCLEAR }, .changes = { NO_SERVICE, AT(BACK, 500, .gone = true) } },
      END_STRANDED, ERROR_NOT_REGISTERED, 'B', VERIFIED_NOTHING, "JESHJAL" },
    { "no answer on the way to the fallback, and the port is gone for good: nobody knows", { .has_c = true, .mark = 'C', .jobs = { YES, YES, UNCLEAR }, .changes = { NO_SERVICE, BACK_IN_VAIN, AT(FALLBACK, 0, .gone = true) } },
      END_STRANDED, ERROR_NOT_REGISTERED, 0, VERIFIED_NOTHING, "JESHJASHJF" },
    { "the port is gone for good before the way back: nothing went out", { .changes = { NO_SERVICE, AT(ENABLE, 200000, ON_B, SEARCHES, .gone = true) } },
      END_STRANDED, ERROR_NOT_REGISTERED, 'B', VERIFIED_NOTHING, "JESH" },
    { "the one before has gone from the card", { .deleted = 'A', .changes = { NO_SERVICE } },
      END_STRANDED, ERROR_NOT_REGISTERED, 'B', VERIFIED_NOTHING, "JESHJ" },
    { "port gone with the answer, for good: stranded", { .jobs = { UNCLEAR_OPEN_TAKEN }, .changes = { AT(ENABLE, 0, .gone = true) } },
      END_STRANDED, ERROR_MODEM_ABSENT, 0, VERIFIED_NOTHING, "JE" },
    { "port gone after ENABLE, for good: stranded", { .reset = CONFIG_RESET_CFUN, .changes = { AT(ENABLE, 700, .gone = true) } },
      END_STRANDED, ERROR_NOT_SWITCHED, 0, VERIFIED_NOTHING, "JE" },
    { "policy refuses the way back: to the fallback", { .has_c = true, .mark = 'C', .jobs = { YES, NO(ERROR_POLICY_FORBIDS, 0x69E1) }, .changes = { NO_SERVICE, FALLBACK_WELL } },
      END_BACK, ERROR_NOT_REGISTERED, 'C', VERIFIED_REGISTERED, "JESHJAJFS" },
    { "the one before does not come up: to the fallback", { .has_c = true, .mark = 'C', .changes = { NO_SERVICE, BACK_IN_VAIN, FALLBACK_WELL } },
      END_BACK, ERROR_NOT_REGISTERED, 'C', VERIFIED_REGISTERED, "JESHJASHJFS" },
    { "the one before was dead: to the fallback at once", { .has_c = true, .mark = 'C', DEAD_BEFORE, .changes = { AT(ENABLE, 100, ON_B, SEARCHES), FALLBACK_WELL } },
      END_BACK, ERROR_NOT_REGISTERED, 'C', VERIFIED_REGISTERED, "JESHJFS" },
    { "not even the fallback", { .has_c = true, .mark = 'C', .changes = { NO_SERVICE, BACK_IN_VAIN, AT(FALLBACK, 500, STARTS), AT(FALLBACK, 2000, ON_C, SEARCHES) } },
      END_STRANDED, ERROR_NOT_REGISTERED, 'C', VERIFIED_NOTHING, "JESHJASHJFSH" },
    { "the fallback was the one before", { .mark = 'A', .changes = { NO_SERVICE, BACK_IN_VAIN } },
      END_STRANDED, ERROR_NOT_REGISTERED, 'A', VERIFIED_NOTHING, "JESHJASH" },
    { "the fallback is the target, which had registered: once more", { .mark = 'B', .changes = { AT(ENABLE, 100, STARTS), AT(ENABLE, 1000, ON_B, HOME), BACK_IN_VAIN, AT(FALLBACK, 500, STARTS), AT(FALLBACK, 2000, ON_B, HOME) } },
      END_BACK, ERROR_NO_DATA, 'B', VERIFIED_REGISTERED, "JESHJASHJFS" },
    { "the fallback is the target, which had not", { .mark = 'B', .changes = { NO_SERVICE, BACK_IN_VAIN } },
      END_STRANDED, ERROR_NOT_REGISTERED, 'A', VERIFIED_NOTHING, "JESHJASH" },
    { "the one before was dead, no fallback: stranded", { DEAD_BEFORE, .changes = { AT(ENABLE, 100, ON_B, SEARCHES) } },
      END_STRANDED, ERROR_NOT_REGISTERED, 'B', VERIFIED_NOTHING, "JESH" },
    { "none was in use, and it does not register: stranded", { .none_before = true, DEAD_BEFORE, .changes = { AT(ENABLE, 100, ON_B, SEARCHES, .tells = true) } },
      END_STRANDED, ERROR_NOT_REGISTERED, 'B', VERIFIED_NOTHING, "JESH" },
    { "the one before had no data either: stays", { .has_before = true, .before = { HOME }, .changes = { AT(ENABLE, 100, ON_B, HOME) } },
      END_STAYS, ERROR_NO_DATA, 'B', VERIFIED_NOTHING, "JESH" },
    { "the one before had no data either, no registration here: back", { .has_before = true, .before = { HOME }, .changes = { NO_SERVICE, BACK_WELL } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JESHJAS" },
    { "the agent's own try does not go back", { .channel = CHANNEL_AGENT, .changes = { NO_SERVICE } },
      END_STAYS, ERROR_NOT_REGISTERED, 'B', VERIFIED_NOTHING, "JESH" },

    /* Somebody else. */
    { "overtaken before it has noticed", { .changes = { AT(ENABLE, 500, ON_C, HOME, .card = 'C') } },
      END_OVERTAKEN, ERROR_OVERTAKEN, 'C', VERIFIED_NOTHING, "JE" },
    { "overtaken by the card's own way to the fallback, before it has noticed", { .has_c = true, .mark = 'C', .changes = { AT(ENABLE, 500, ON_C, HOME, .card = 'C') } },
      END_OVERTAKEN, ERROR_OVERTAKEN, 'C', VERIFIED_NOTHING, "JE" },
    { "overtaken while it registers", { .changes = { AT(ENABLE, 500, STARTS), AT(ENABLE, 2000, ON_B, SEARCHES), AT(ENABLE, 4000, ON_C, HOME, .data = true) } },
      END_OVERTAKEN, ERROR_OVERTAKEN, 'C', VERIFIED_NOTHING, "JES" },
    { "overtaken back to the one before", { .changes = { AT(ENABLE, 500, STARTS), AT(ENABLE, 2000, ON_B, SEARCHES), AT(ENABLE, 4000, HOME, .data = true) } },
      END_OVERTAKEN, ERROR_OVERTAKEN, 'A', VERIFIED_NOTHING, "JES" },
    { "overtaken while it attaches", { .changes = { AT(ENABLE, 500, STARTS), AT(ENABLE, 2000, ON_B, HOME), AT(ENABLE, 14000, ON_C, HOME, .data = true) } },
      END_OVERTAKEN, ERROR_OVERTAKEN, 'C', VERIFIED_NOTHING, "JES" },
    { "overtaken while it proves itself", { .verify = CONFIG_VERIFY_BROKER, .uri = true, .broker_ago_ms = 1000, .changes = { GOES_WELL, AT(VERIFYING, 20000, ON_C, HOME, .data = true) } },
      END_OVERTAKEN, ERROR_OVERTAKEN, 'C', VERIFIED_NOTHING, "JES" },
    { "overtaken while it waits for the word", { .confirm_s = 600, .changes = { GOES_WELL, AT(CONFIRMING, 20000, ON_C, HOME, .data = true) } },
      END_OVERTAKEN, ERROR_OVERTAKEN, 'C', VERIFIED_NOTHING, "JES" },
    { "overtaken on the way back, says the card", { .changes = { AT(ENABLE, 100, STARTS), AT(ENABLE, 1000, LOCKED, .card = 'C') } },
      END_OVERTAKEN, ERROR_OVERTAKEN, 'C', VERIFIED_NOTHING, "JEJ" },
    { "overtaken on the way back, says the card, and the modem has not noticed", { .changes = { AT(ENABLE, 100, STARTS), AT(ENABLE, 1000, ON_B, SEARCHES), AT(ENABLE, 200000, ON_B, SEARCHES, .card = 'C') } },
      END_OVERTAKEN, ERROR_OVERTAKEN, 'C', VERIFIED_NOTHING, "JESHJ" },
    { "overtaken on the way back, says the modem", { .changes = { NO_SERVICE, AT(BACK, 500, STARTS), AT(BACK, 2000, SEARCHES), AT(BACK, 9000, ON_C, HOME) } },
      END_OVERTAKEN, ERROR_OVERTAKEN, 'C', VERIFIED_NOTHING, "JESHJAS" },
    { "overtaken at an unclear ENABLE, says the card", { .jobs = { UNCLEAR }, .changes = { AT(ENABLE, 0, ON_C, HOME, .card = 'C') } },
      END_OVERTAKEN, ERROR_OVERTAKEN, 'C', VERIFIED_NOTHING, "JEL" },

    /* The proof. */
    { "auto by MQTT: the broker", { .channel = CHANNEL_MQTT, .uri = true, .changes = { GOES_WELL }, .words = { SAYS(VERIFYING, ACCEPTS, 9000, 100) } },
      END_WELL, 0, 'B', VERIFIED_BROKER, "JES" },
    { "auto by MQTT, no broker of ours: attached", { .channel = CHANNEL_MQTT, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES" },
    { "by MQTT over another link, and nothing would prove it", { .channel = CHANNEL_MQTT, .uri = true, .link_is_other = true, .changes = { GOES_WELL } },
      END_SAME, ERROR_INVALID_REQUEST, .trace = "J" },
    { "auto by REST, a broker 14 min ago: the broker", { .uri = true, .broker_ago_ms = 840000, .broker_lost = true, .changes = { GOES_WELL }, .words = { SAYS(VERIFYING, ACCEPTS, 9000, 100) } },
      END_WELL, 0, 'B', VERIFIED_BROKER, "JES" },
    { "auto by REST, a link of 16 min: the broker", { .uri = true, .broker_ago_ms = 960000, .words = { SAYS(VERIFYING, ACCEPTS, 9000, 100) }, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_BROKER, "JES" },
    { "auto by REST, a broker 16 min ago: attached", { .uri = true, .broker_ago_ms = 960000, .broker_lost = true, .words = { SAYS(VERIFYING, ACCEPTS, 9000, 100) }, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES" },
    { "auto by REST, never a broker: attached", { .uri = true, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES" },
    { "auto by REST, a broker 14 min ago in the boot before: the broker", { .uri = true, .uptime_ms = 60000, .remembered_ago_ms = 840000, .changes = { GOES_WELL }, .words = { SAYS(VERIFYING, ACCEPTS, 9000, 100) } },
      END_WELL, 0, 'B', VERIFIED_BROKER, "JES" },
    { "auto by REST, a broker 16 min ago in the boot before: attached", { .uri = true, .uptime_ms = 60000, .remembered_ago_ms = 960000, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES" },
    { "a connection from before proves nothing", { .channel = CHANNEL_MQTT, .uri = true, .broker_ago_ms = 1000, .words = { SAYS(VERIFYING, ACCEPTS, 1000, 20000) }, .changes = { GOES_WELL, BACK_WELL } },
      END_BACK, ERROR_UNREACHABLE, 'A', VERIFIED_REGISTERED, "JESJAS" },
    { "a connection begun while it registered proves it", { .channel = CHANNEL_MQTT, .uri = true, .words = { SAYS(ENABLE, ACCEPTS, 4500, 100) }, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_BROKER, "JES" },
    { "a broker that refuses is reached", { .channel = CHANNEL_MQTT, .uri = true, .broker_ago_ms = 1000, .words = { SAYS(VERIFYING, REFUSES, 1000, 100) }, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_REACHABLE, "JES" },
    { "no broker, and there was one: back", { .channel = CHANNEL_MQTT, .uri = true, .broker_ago_ms = 1000, .changes = { GOES_WELL, BACK_WELL } },
      END_BACK, ERROR_UNREACHABLE, 'A', VERIFIED_REGISTERED, "JESJAS" },
    { "no broker, and there was none: kept", { .uri = true, .verify = CONFIG_VERIFY_BROKER, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES" },
    { "no broker in this process so far, but the command came by it: back", { .channel = CHANNEL_MQTT, .uri = true, .changes = { GOES_WELL, BACK_WELL } },
      END_BACK, ERROR_UNREACHABLE, 'A', VERIFIED_REGISTERED, "JESJAS" },
    { "no broker, and the link was lost before the switch: kept", { .channel = CHANNEL_MQTT, .uri = true, .broker_ago_ms = 1000, .broker_lost = true, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES" },
    { "no broker, and there was one without data: kept", { .channel = CHANNEL_MQTT, .uri = true, .broker_ago_ms = 1000, .has_before = true, .before = { HOME }, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES" },
    { "no broker, and there was one, no roll-back", { .stays = true, .channel = CHANNEL_MQTT, .uri = true, .broker_ago_ms = 1000, .changes = { GOES_WELL } },
      END_STAYS, ERROR_UNREACHABLE, 'B', VERIFIED_NOTHING, "JES" },
    { "verify attached: the broker is not asked", { .verify = CONFIG_VERIFY_ATTACHED, .channel = CHANNEL_MQTT, .uri = true, .broker_ago_ms = 1000, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES" },
    { "verify reachable without targets: attached", { .verify = CONFIG_VERIFY_REACHABLE, .uri = true, .broker_ago_ms = 1000, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES" },
    { "verify broker over another link: attached", { .verify = CONFIG_VERIFY_BROKER, .uri = true, .link_is_other = true, .broker_ago_ms = 1000, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES" },
    { "verify broker, never one before", { .verify = CONFIG_VERIFY_BROKER, .uri = true, .changes = { GOES_WELL }, .words = { SAYS(VERIFYING, ACCEPTS, 200000, 100) } },
      END_WELL, 0, 'B', VERIFIED_BROKER, "JES" },
    { "verify registered: no data is waited for", { .verify = CONFIG_VERIFY_REGISTERED, .channel = CHANNEL_MQTT, .uri = true, .broker_ago_ms = 1000, .changes = { AT(ENABLE, 500, STARTS), AT(ENABLE, 2000, ON_B, HOME) } },
      END_WELL, 0, 'B', VERIFIED_REGISTERED, "JES" },

    /* The word. */
    { "confirmed", { .confirm_s = 600, .changes = { GOES_WELL }, .words = { SAYS(CONFIRMING, CONFIRM, 599000, 0) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES" },
    { "the word right behind the last look: it counts", { .confirm_s = 60, .word_behind_look = true, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES" },
    { "the word right behind the last look, no roll-back: it counts", { .stays = true, .confirm_s = 60, .word_behind_look = true, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES" },
    { "the word while the card is read at the end of its time: it counts", { .stays = true, .confirm_s = 60, .rest_ms = 7000, .changes = { GOES_WELL }, .words = { SAYS(CONFIRMING, CONFIRM, 61000, 0) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JES" },
    { "the word behind the end of its time: too late", { .stays = true, .confirm_s = 60, .rest_ms = 1000, .changes = { GOES_WELL }, .words = { SAYS(CONFIRMING, CONFIRM, 60500, 0) } },
      END_STAYS, ERROR_UNCONFIRMED, 'B', VERIFIED_NOTHING, "JES" },
    { "the word on the way back: too late", { .confirm_s = 60, .changes = { GOES_WELL, BACK_WELL }, .words = { SAYS(CONFIRMING, CONFIRM, 61000, 0) } },
      END_BACK, ERROR_UNCONFIRMED, 'A', VERIFIED_REGISTERED, "JESJAS" },
    { "the word, and another profile behind the last look", { .confirm_s = 60, .word_behind_look = true, .changes = { GOES_WELL, AT(CONFIRMING, 60000, ON_C, HOME, .data = true) } },
      END_OVERTAKEN, ERROR_OVERTAKEN, 'C', VERIFIED_NOTHING, "JES" },
    { "nobody confirms: back", { .confirm_s = 600, .changes = { GOES_WELL, BACK_WELL } },
      END_BACK, ERROR_UNCONFIRMED, 'A', VERIFIED_REGISTERED, "JESJAS" },
    { "nobody confirms, and the one before was dead: stays", { .confirm_s = 600, DEAD_BEFORE, .has_c = true, .mark = 'C', .changes = { AT(ENABLE, 100, ON_B, HOME, .data = true) } },
      END_STAYS, ERROR_UNCONFIRMED, 'B', VERIFIED_NOTHING, "JES" },
    { "nobody confirms, no roll-back", { .stays = true, .confirm_s = 600, .changes = { GOES_WELL } },
      END_STAYS, ERROR_UNCONFIRMED, 'B', VERIFIED_NOTHING, "JES" },

    /* Other programs, and the context. */
    { "programs: before and after", { .hooks = true, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JbESa" },
    { "programs: before fails, nothing is sent", { .hooks = true, .fails = 'b' },
      END_SAME, ERROR_INTERRUPTED, .trace = "Jb" },
    { "programs: after fails, going on", { .hooks = true, .fails = 'a', .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JbESa" },
    { "programs: not needed for what is in use already", { .hooks = true, .target = A },
      END_WELL, 0, 'A', VERIFIED_REGISTERED, "J" },
    { "programs: before, and ENABLE is refused", { .hooks = true, .jobs = { NO(ERROR_POLICY_FORBIDS, 0x69E1) } },
      END_SAME, ERROR_POLICY_FORBIDS, 'A', .trace = "JbEr" },
    { "programs: before, and the intent cannot be written", { .hooks = true, .full_at = "Jb" },
      END_SAME, ERROR_STORAGE_FULL, .trace = "Jbr" },
    { "programs: before, and canceled meanwhile", { .hooks = true, .cancel = true },
      END_CANCELED, 0, .trace = "Jbr" },
    { "programs: before is run once, though the SIM is busy", { .hooks = true, .in_vain = 1, .jobs = { UNCLEAR_BUSY, YES }, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JbELJESa" },
    { "programs: rolled back", { .hooks = true, .changes = { NO_SERVICE, BACK_WELL } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JbESHJASr" },
    { "programs: rolled back fails, going on", { .hooks = true, .fails = 'r', .changes = { NO_SERVICE, BACK_WELL } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JbESHJASr" },
    { "programs: after, and unconfirmed", { .hooks = true, .confirm_s = 600, .changes = { GOES_WELL, BACK_WELL } },
      END_BACK, ERROR_UNCONFIRMED, 'A', VERIFIED_REGISTERED, "JbESaJASr" },
    { "an APN and a command", { .apn = true, .changes = { GOES_WELL } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JESIXN" },
    { "a command that takes minutes takes none of the network's", { .apn = true, .init_ms = 170000, .changes = { NO_SERVICE, AT(ENABLE, 460000, ON_B, HOME, .data = true) } },
      END_WELL, 0, 'B', VERIFIED_ATTACHED, "JESIXNH" },
    { "an APN and a command, given back", { .apn = true, .changes = { NO_SERVICE, BACK_WELL } },
      END_BACK, ERROR_NOT_REGISTERED, 'A', VERIFIED_REGISTERED, "JESIXNHJASXN" },
    { "an APN and a command, and the fallback", { .apn = true, .has_c = true, .mark = 'C', .changes = { NO_SERVICE, BACK_IN_VAIN, FALLBACK_WELL } },
      END_BACK, ERROR_NOT_REGISTERED, 'C', VERIFIED_REGISTERED, "JESIXNHJASXNHJFS" },

    /* The agent stops. */
    { "stopped before ENABLE", { .stop_before_enable = true }, END_OPEN, .trace = "J" },
    { "stopped while enabling", { .stop_in = PHASE_ENABLING }, END_OPEN, .trace = "" },
    { "stopped by the program before ENABLE", { .hooks = true, .stop_at = "Jb" }, END_OPEN, .trace = "Jb" },
    { "stopped while it settles", { .jobs = { UNCLEAR }, .stop_in_settle = true }, END_OPEN, .trace = "JEL" },
    { "stopped while resetting", { .changes = { GOES_WELL }, .stop_in = PHASE_RESETTING }, END_OPEN, .trace = "JE" },
    { "stopped while registering", { .changes = { GOES_WELL }, .stop_in = PHASE_REGISTERING }, END_OPEN, .trace = "JE" },
    { "stopped while attaching", { .changes = { GOES_WELL }, .stop_in = PHASE_ATTACHING }, END_OPEN, .trace = "JES" },
    { "stopped while verifying", { .uri = true, .channel = CHANNEL_MQTT, .changes = { GOES_WELL }, .stop_in = PHASE_VERIFYING }, END_OPEN, .trace = "JES" },
    { "stopped while it waits for the word", { .confirm_s = 600, .changes = { GOES_WELL }, .stop_in = PHASE_CONFIRMING }, END_OPEN, .trace = "JES" },
    { "stopped with the port gone", { .changes = { AT(ENABLE, 0, .gone = true) }, .stop_in = PHASE_RESETTING }, END_OPEN, .trace = "JE" },
    { "stopped as it turns back", { .changes = { NO_SERVICE }, .stop_in = PHASE_ROLLING_BACK }, END_OPEN, .trace = "JESH" },
    { "stopped on the way back", { .changes = { NO_SERVICE, BACK_WELL }, .stop_at = "JESHJA", .stop_ms = 1000 }, END_OPEN, .trace = "JESHJA" },
    { "stopped on the way to the fallback", { .has_c = true, .mark = 'C', .changes = { NO_SERVICE, BACK_IN_VAIN, FALLBACK_WELL }, .stop_at = "JESHJASHJF", .stop_ms = 1000 }, END_OPEN, .trace = "JESHJASHJF" },
};
// clang-format on

static void switches_end_as_they_should(void **state)
{
    (void)state;
    row_check_all(rows, ARRAY_LEN(rows));
}

/* What a reader of the operation sees of a good one. */
static void phases_and_blackout_are_measured(void **state)
{
    static const struct script script = { .changes = { GOES_WELL } };
    static struct world_end end;

    (void)state;
    world_run(&script, &end);
    assert_int_equal(end.op.phase, PHASE_COMMITTED);
    assert_int_equal(end.op.phase_count, 5);
    for (size_t i = 0; i < end.op.phase_count; i++) {
        assert_int_equal(end.op.phases[i].phase, PHASE_ENABLING + i);
        assert_true(end.op.phases[i].ms >= 0);
    }
    assert_in_range(end.op.phases[1].ms, 2000, 2100);
    assert_int_equal(end.op.rev, 7); /* accepted, running, four phases, the end */
    assert_int_equal(end.counted, 1);
}

/* From the last moment on the old profile to the first address, on whichever profile that is. */
static void blackouts(void **state)
{
    static const struct {
        const char *what;
        struct script script;
        int64_t min_ms, max_ms;
    } cases[] = {
        // clang-format off
        { "from the restart on", { .changes = { GOES_WELL } }, 4500, 5100 },
        { "the old network serves until the modem has noticed", { .reset = CONFIG_RESET_CFUN, .changes = { AT(CYCLE, 0, STARTS), AT(CYCLE, 3000, ON_B, HOME, .data = true) } }, 3000, 4100 },
        { "a roll-back: until the one before has data again", { .changes = { NO_SERVICE, BACK_WELL } }, 304000, 306500 },
        { "a roll-back: data comes a little later", { .changes = { NO_SERVICE, BACK_IN_VAIN, AT(BACK, 4000, HOME), AT(BACK, 12000, HOME, .data = true) } }, 312000, 314500 },
        { "a roll-back: data comes too late", { .changes = { NO_SERVICE, BACK_IN_VAIN, AT(BACK, 4000, HOME), AT(BACK, 17000, HOME, .data = true) } }, -1, -1 },
        { "data on the new one ends it, whatever comes", { .confirm_s = 600, .changes = { GOES_WELL, BACK_WELL } }, 4500, 5100 },
        { "never noticed: none", { .reset = CONFIG_RESET_CFUN }, 0, 1100 },
        { "no data before: not known", { .has_before = true, .before = { HOME }, .changes = { GOES_WELL } }, -1, -1 },
        { "no data after: not known", { .changes = { NO_SERVICE, BACK_IN_VAIN } }, -1, -1 },
        { "refused: none", { .jobs = { NO(ERROR_POLICY_FORBIDS, 0x69E1) } }, 0, 0 },
        { "not taken, says the card: none", { .jobs = { UNCLEAR } }, 0, 0 },
        { "not taken, and our own cycle broke it off: not known", { .jobs = { UNCLEAR_OPEN }, .changes = { AT(CYCLE, 0, SEARCHES), AT(CYCLE, 3000, HOME, .data = true) } }, -1, -1 },
        { "not taken, and the port was away: not known", { .jobs = { UNCLEAR }, .changes = { AT(ENABLE, 0, .gone = true), AT(ENABLE, 9000, HOME, .data = true) } }, -1, -1 },
        { "not taken, and the modem started over: not known", { .jobs = { UNCLEAR }, .changes = { AT(ENABLE, 0, HOME, .tells = true, .data = true) } }, -1, -1 },
    }; // clang-format on
    static struct world_end end;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        world_run(&cases[i].script, &end);
        print_message("%s: %d ms\n", cases[i].what, (int)end.op.blackout_ms);
        assert_true(end.op.blackout_ms >= cases[i].min_ms);
        assert_true(end.op.blackout_ms <= cases[i].max_ms);
    }
}

/* Every leg that goes to the card counts in the history, whoever asked for it. */
static void every_leg_counts(void **state)
{
    static const struct {
        const char *what;
        struct script script;
        int counted;
    } cases[] = {
        // clang-format off
        { "nothing sent", { .target = A }, 0 },
        { "there", { .changes = { GOES_WELL } }, 1 },
        { "there and back", { .changes = { NO_SERVICE, BACK_WELL } }, 2 },
        { "there, back, and to the fallback", { .has_c = true, .mark = 'C', .changes = { NO_SERVICE, BACK_IN_VAIN, FALLBACK_WELL } }, 3 },
    }; // clang-format on
    static struct world_end end;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%s\n", cases[i].what);
        world_run(&cases[i].script, &end);
        assert_int_equal(end.counted, cases[i].counted);
    }
}

/* Unsolicited lines bring the next look forward, but not more than ten times a second. */
static void a_storm_of_signs_does_not_spin(void **state)
{
    static const struct script script = { .storm = true, .changes = { NO_SERVICE, BACK_WELL } };
    static struct world_end end;

    (void)state;
    world_run(&script, &end);
    assert_int_equal(end.op.problem.error.code, ERROR_NOT_REGISTERED);
    assert_int_equal(end.op.phase, PHASE_ROLLED_BACK);
    assert_true(world_seen.looks <= end.took_ms / 100 + 20);
}

/* A CFUN that is refused all the time: no list is believed, and it ends. */
static void a_channel_that_cannot_be_closed_is_no_proof(void **state)
{
    static const struct script script = { .stays = true,
                                          .jobs = { UNCLEAR_OPEN_TAKEN },
                                          .cycles_fail = 1000 };
    static struct world_end end;

    (void)state;
    world_run(&script, &end);
    assert_int_equal(end.op.state, OPERATION_FAILED);
    assert_false(end.op.has_result);
    assert_true(end.outcome.list_dropped);
    assert_null(strchr(world_seen.trace, 'L'));
    assert_true(strlen(world_seen.trace) < 60);
}

/* On the way to the fallback it is A's APN that stands there, and B's is not taken for it. */
static void what_is_kept_of_the_target_stays(void **state)
{
    static const struct script script = {
        .has_c = true,
        .mark = 'C',
        .other_apns = true,
        .first_apn = "d.net",
        .changes = { NO_SERVICE, BACK_IN_VAIN, FALLBACK_WELL },
    };
    static struct world_end end;

    (void)state;
    world_run(&script, &end);
    print_message("%s, %s\n", world_seen.trace, world_seen.kept);
    assert_string_equal(world_seen.apn, "c.net");
    assert_non_null(strstr(world_seen.kept, "\"d.net\""));
}

/* Each leg waits for what the owner has the modem told; of the profiles the slowest counts. */
static void the_budget_has_room_for_the_owners_commands(void **state)
{
    static char quick[] = "AT+CSQ", slow[] = "AT+CGACT=1,1", slowest[] = "AT+COPS=0";
    static char *of_modem[] = { quick }, *of_a[] = { slow, quick }, *of_b[] = { slowest };
    static struct config_profile profiles[] = { { .init = { 2, of_a } }, { .init = { 1, of_b } } };
    struct config config = { .switching.rollback = true };
    int64_t without_ms = switch_budget_ms(&config);

    (void)state;
    config.modem.init = (struct config_strings){ 1, of_modem };
    config.profiles = profiles;
    config.profile_count = ARRAY_LEN(profiles);
    assert_int_equal(switch_budget_ms(&config) - without_ms, 3 * (5000 + 180000));
    config.profile_count = 1;
    assert_int_equal(switch_budget_ms(&config) - without_ms, 3 * (5000 + 150000 + 5000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_budget_has_room_for_the_owners_commands),
        cmocka_unit_test(what_is_kept_of_the_target_stays),
        cmocka_unit_test(switches_end_as_they_should),
        cmocka_unit_test(phases_and_blackout_are_measured),
        cmocka_unit_test(blackouts),
        cmocka_unit_test(every_leg_counts),
        cmocka_unit_test(a_storm_of_signs_does_not_spin),
        cmocka_unit_test(a_channel_that_cannot_be_closed_is_no_proof),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
