#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The scenario: everything that can be chosen about the card, the networks and the modem. JSON in,
 * a plain struct out; strict, so that a misspelt key is an error that names its path. The names,
 * defaults and meanings of the keys are the tables in scenario_keys.c, which also print the help. */

struct cJSON;

enum { MAX_PROFILES = 64, MAX_FAULTS = 64, UNKNOWN = -9999 };

enum registration { REG_HOME, REG_ROAMING, REG_DENIED, REG_SEARCHING, REG_IDLE, REG_EMERGENCY };
enum commit { COMMIT_ENABLE, COMMIT_CLOSE };
enum fci { FCI_NONE, FCI_61, FCI_DATA };
enum needs_le { LE_NOT_NEEDED, LE_OR_6700, LE_OR_EMPTY };
enum channel_le { CHANNEL_LE_ANY, CHANNEL_LE_00, CHANNEL_LE_01 };
enum response_cla { RESPONSE_CLA_0, RESPONSE_CLA_8, RESPONSE_CLA_ANY };
enum chaining_style { CHAIN_DATA, CHAIN_EMPTY };
enum refresh { REFRESH_CLOSE, REFRESH_ENABLE, REFRESH_IGNORED };
enum ccho_style { CCHO_PREFIX, CCHO_BARE, CCHO_HANDLE };
enum channel_bits { BITS_ANY, BITS_ZERO };
enum ccid_command { CCID_CCID, CCID_QCCID, CCID_ICCID, CCID_NONE };
enum ccid_style { CCID_PREFIX, CCID_BARE, CCID_QUOTED, CCID_PADF };
enum at_action {
    ACT_SILENT,
    ACT_LATE,
    ACT_CME,
    ACT_ERROR,
    ACT_TEXT,
    ACT_VANISH,
    ACT_TRUNCATE,
    ACT_GARBAGE
};
enum bearer_switch { SWITCH_CLOSE, SWITCH_SILENT };
enum bearer_refuse { REFUSE_RESET, REFUSE_HANG };

struct network_scn {
    int registration, delay_ms, reject_cause, act;
    char plmn[8];
    /* dBm and dB; UNKNOWN: the modem does not know. */
    int rsrp, rsrq, rssi, sinr;
    bool attach;
    int attach_delay_ms;
    char address[64];
    /* Empty: any will do. */
    char apn[64];
    char auth_user[64], auth_password[64];
    bool sim_lock;
    int sim_lock_cme;
};

struct profile_scn {
    char iccid[24], aid[36];
    bool enabled, fallback;
    char nickname[65], provider[65], name[65];
    int profile_class;
    bool pol1;
    char imsi[20];
    struct network_scn network;
};

/* A fault of the card or of the modem: which command, which time, what instead. */
struct fault {
    char match[128];
    int nth, count;
    /* card */
    char sw[8];
    char data[1040];
    int take_effect;
    /* modem */
    int action, delay_ms, code;
    char text[1040];
    int execute;
    /* How often it matched so far. */
    int seen;
};

struct card_scn {
    char eid[36], aid[36];
    bool present, lpm, lpm_commands, es10c_commands, isdr;
    struct profile_scn profiles[MAX_PROFILES];
    size_t profile_count;
    int channels_max, commit, enable_es10_result, chaining, chaining_style;
    char enable_sw[8];
    bool es10c_direct, wrong_le, enable_needs_no_refresh_flag, enable_only_by_aid;
    int manage_channel_le, get_response_cla, store_data_needs_le, select_fci;
    int busy_ms, busy_count, icon_bytes;
    struct fault faults[MAX_FAULTS];
    size_t fault_count;
};

struct modem_scn {
    char manufacturer[65], model[65], revision[65], imei[20];
    bool csim, csim_select_fails, cgla, cchc, cgla_bare, quotes, closing_quote;
    char csim_select_sw[8];
    int ccho_style, cgla_channel_bits, ccho_full_cme, ccho_absent_cme;
    bool lower_hex, upper_hex_only, echo, echo_after_reset, bytewise, ok_first, test_forms;
    bool supports_chained_fetch;
    int latency_ms, apdu_latency_ms, byte_delay_ms, baud, peace_ms, answers_previous_over;
    int refresh, refresh_ms, refresh_delay_ms, vanish_on_refresh_ms, vanish_on_cfun_ms;
    int reboot_ms, cpin_busy_ms;
    bool cfun_refresh, reboot_refresh;
    int ccid_command, ccid_style;
    bool cesq, csq, c5greg, cereg, cgreg, creg, crsm;
    char cpin[24];
    int cfun, cops_mode, cme, urc_storm_ms;
    bool garbage;
    char sim_change_urc[128], apn[64], pdp_type[16];
    struct fault faults[MAX_FAULTS];
    size_t fault_count;
};

struct bearer_scn {
    int delay_ms, loss_pct, stall_ms, on_switch, refuse;
    bool vanish;
};

struct scenario {
    char about[512];
    struct card_scn card;
    struct modem_scn modem;
    struct bearer_scn bearer;
};

/* Longest error text. */
enum { SCENARIO_ERROR = 256 };

/* The tree that the struct is decoded from; `text` NULL: the guide's card. Fails with NULL and the
 * error's text. */
struct cJSON *scenario_parse(const char *text, char *error);
/* Takes `value`. The tree is changed only when the whole of it is valid afterwards. */
bool scenario_set(struct cJSON **tree, const char *path, struct cJSON *value, char *error);
bool scenario_decode(const struct cJSON *tree, struct scenario *ret, char *error);
/* One fault, as the control socket sends it. */
bool scenario_fault(const struct cJSON *json, bool of_card, struct fault *ret, char *error);
/* Whether the fault strikes at this match of it; counts the match. */
bool fault_strikes(struct fault *f);
void scenario_help(FILE *out);
