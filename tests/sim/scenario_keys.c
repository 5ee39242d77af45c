#include "scenario_keys.h"

#include "scenario.h"

// clang-format off
#define B(s, n, d, h) { #n, KEY_BOOL, offsetof(struct s, n), 0, 0, 1, d, 0, 0, 0, h }
#define T(s, n, d, h) { #n, KEY_TEXT, offsetof(struct s, n), sizeof(((struct s *)0)->n), 0, 0, d, 0, 0, 0, h }
#define H(s, n, d, h) { #n, KEY_HEX, offsetof(struct s, n), sizeof(((struct s *)0)->n), 0, 0, d, 0, 0, 0, h }
#define I(s, n, lo, hi, d, h) { #n, KEY_INT, offsetof(struct s, n), 0, lo, hi, d, 0, 0, 0, h }
#define DB(s, n, d, h) { #n, KEY_INT_OR_NULL, offsetof(struct s, n), 0, -200, 100, d, 0, 0, 0, h }
#define MS(s, n, d, h) { #n, KEY_INT, offsetof(struct s, n), 0, 0, 86400000, d, 0, 0, 0, h }
#define C(s, n, c, d, h) { #n, KEY_CHOICE, offsetof(struct s, n), 0, 0, 0, d, c, 0, 0, h }
#define O(s, n, k, h) { #n, KEY_OBJECT, offsetof(struct s, n), 0, 0, 0, 0, 0, k, 0, h }
#define TRI(s, n, h) { #n, KEY_TRI, offsetof(struct s, n), 0, 0, 1, 0, 0, 0, 0, h }
#define END { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

static const struct key network_keys[] = {
    C(network_scn, registration, "home|roaming|denied|searching|idle|emergency", "home", "what comes of the search"),
    MS(network_scn, delay_ms, "300", "time of searching before it"),
    I(network_scn, reject_cause, 0, 255, "15", "EMM cause of a denial, shown where CEREG=3 or 5 asks"),
    T(network_scn, plmn, "26201", "MCC and MNC"),
    I(network_scn, act, 0, 13, "7", "access technology of 27.007: 0 GSM, 2 3G, 7 LTE, 9 NB-IoT, 11 NR"),
    DB(network_scn, rsrp, "-95", "dBm; null: not known"),
    DB(network_scn, rsrq, "-10", "dB; null: not known"),
    DB(network_scn, rssi, "-67", "dBm; null: not known"),
    DB(network_scn, sinr, "12", "dB; null: not known"),
    B(network_scn, attach, "true", "whether data service is granted"),
    MS(network_scn, attach_delay_ms, "100", "from registration to attached with an address"),
    T(network_scn, address, "10.11.12.13", "the address that the context gets; empty: none, attached as it is"),
    T(network_scn, apn, "", "the APN it wants in context 1; null: any. With another one there is no address"),
    T(network_scn, auth_user, "", "the user that it wants by CGAUTH, PAP or CHAP; empty: any or none. With another one there is no address"),
    T(network_scn, auth_password, "", "and the password"),
    B(network_scn, sim_lock, "false", "the modem is locked against this profile: +CPIN: PH-NET PIN, +CME ERROR: 5"),
    I(network_scn, sim_lock_cme, -1, 48, "-1", "with sim_lock: +CPIN? answers +CME ERROR with this instead, 40 to 48; -1: it does not"),
    END
};

static const struct key profile_keys[] = {
    { "iccid", KEY_ICCID, offsetof(struct profile_scn, iccid), sizeof(((struct profile_scn *)0)->iccid), 0, 0, 0, 0, 0, 0, "18 to 20 digits; needed" },
    H(profile_scn, aid, 0, "ISD-P AID, 32 hex digits; needed"),
    B(profile_scn, enabled, "false", "enabled when the simulator starts"),
    B(profile_scn, fallback, "false", "carries the fallback attribute"),
    T(profile_scn, nickname, "", "tag 90"),
    T(profile_scn, provider, "", "tag 91"),
    T(profile_scn, name, "", "tag 92"),
    { "class", KEY_INT, offsetof(struct profile_scn, profile_class), 0, 0, 2, "2", 0, 0, 0, "tag 95: 0 test, 1 provisioning, 2 operational" },
    B(profile_scn, pol1, "false", "POL1 forbids to disable this profile: ENABLE of another answers 69E1"),
    T(profile_scn, imsi, "", "IMSI; empty: made from the PLMN and the ICCID"),
    O(profile_scn, network, network_keys, "what the network does with this profile"),
    END
};

const struct key card_fault_keys[] = {
    T(fault, match, 0, "hex prefix of the APDU (channel bits of the CLA do not count), or open, select, eid, list, enable, close, get-response, other; needed"),
    I(fault, nth, 0, 1000000, "1", "strikes from the nth match on; 0: from the first, for ever unless count says"),
    I(fault, count, -1, 1000000, "-1", "how many times; -1: once (with nth 0: for ever); 0: for ever"),
    H(fault, sw, "6F00", "the status word instead"),
    H(fault, data, "", "data before the status word"),
    TRI(fault, take_effect, "the command is carried out all the same (default false)"),
    END
};

const struct key modem_fault_keys[] = {
    T(fault, match, 0, "prefix of the AT line, no case: AT+CSIM, AT+CSIM=42; needed"),
    I(fault, nth, 0, 1000000, "1", "strikes from the nth match on; 0: from the first, for ever unless count says"),
    I(fault, count, -1, 1000000, "-1", "how many times; -1: once (with nth 0: for ever); 0: for ever"),
    C(fault, action, "silent|late|cme|error|text|vanish|truncate|garbage", "silent", "no answer at all; the answer after delay_ms; +CME ERROR: code; ERROR; text (no final line is added); the port goes away for delay_ms; half an answer; noise"),
    MS(fault, delay_ms, "1000", "for late and vanish"),
    I(fault, code, 0, 1000, "100", "for cme"),
    T(fault, text, "", "for text; \\n separates lines"),
    TRI(fault, execute, "whether the command takes effect (default: with late, truncate and garbage it does)"),
    END
};

static const struct key card_keys[] = {
    H(card_scn, eid, "89001039450410141400000000001580", "32 digits"),
    B(card_scn, present, "true", "a card is in the slot"),
    B(card_scn, lpm, "true", "the LPM applet is on it"),
    B(card_scn, lpm_commands, "true", "the applet understands LPM's 16, 18 and 01; else 6D00"),
    B(card_scn, es10c_commands, "true", "the applet understands ES10c in STORE DATA; else 6D00"),
    B(card_scn, isdr, "false", "an ISD-R (A0000005591010FFFFFFFF8900000100) with ES10c is there"),
    H(card_scn, aid, "A000000815030040030902231003", "AID of the LPM applet"),
    { "profiles", KEY_ARRAY, offsetof(struct card_scn, profiles), sizeof(struct profile_scn), 0, MAX_PROFILES, "the guide's three", 0, profile_keys, offsetof(struct card_scn, profile_count), "what is on the card, in its order" },
    I(card_scn, channels_max, 0, 19, "3", "logical channels beside 0"),
    C(card_scn, commit, "enable|close", "enable", "when the card really changes: at ENABLE, or when ENABLE's channel closes; a list before that shows the old state"),
    H(card_scn, enable_sw, "9000", "status word of a good ENABLE: 9000, 910B, …"),
    I(card_scn, enable_es10_result, -1, 255, "0", "result of a good ES10c EnableProfile; another than 0 takes no effect; -1: BF310000, as the guide prints it, with effect"),
    I(card_scn, chaining, 0, 256, "0", "bytes in one answer over which 61XX is used; 0: what Le allows"),
    C(card_scn, chaining_style, "data|empty", "data", "the first answer of a chain carries data with its 61XX, or 61XX alone"),
    B(card_scn, es10c_direct, "false", "STORE DATA answers with its data; else by 61XX"),
    B(card_scn, wrong_le, "false", "an LPM list with Le FF gets 6CXX"),
    C(card_scn, manage_channel_le, "any|00|01", "any", "the Le that MANAGE CHANNEL wants; another gets 6700"),
    C(card_scn, get_response_cla, "0|8|any", "0", "class of GET RESPONSE; another gets 6E00"),
    C(card_scn, store_data_needs_le, "no|6700|empty", "no", "STORE DATA without Le gets 6700, or an empty 9000 (and is not carried out)"),
    B(card_scn, enable_needs_no_refresh_flag, "false", "ES10c EnableProfile with the refresh flag gets result 127"),
    B(card_scn, enable_only_by_aid, "false", "ES10c EnableProfile by ICCID gets result 127"),
    C(card_scn, select_fci, "none|61|data", "none", "SELECT answers 9000, 61XX, or an FCI and 9000"),
    MS(card_scn, busy_ms, "0", "for that long after an ENABLE, EID, list and ENABLE get 9300"),
    I(card_scn, busy_count, 0, 1000000, "0", "that many ENABLEs get 9300 first"),
    I(card_scn, icon_bytes, 0, 2048, "0", "size of an icon (tag 94) that a list without tag list brings with each profile"),
    { "faults", KEY_ARRAY, offsetof(struct card_scn, faults), sizeof(struct fault), 0, MAX_FAULTS, "[]", 0, card_fault_keys, offsetof(struct card_scn, fault_count), "the first fault that matches and strikes counts" },
    END
};

static const struct key modem_keys[] = {
    T(modem_scn, manufacturer, "SIMULATED", "+CGMI; with Quectel, SIMCOM, Sierra or Fibocom that maker's own read-out of the signal is there"),
    T(modem_scn, model, "LPM-SIM", "+CGMM"),
    T(modem_scn, revision, "1.0", "+CGMR"),
    T(modem_scn, imei, "004999010640000", "+CGSN"),
    B(modem_scn, csim, "true", "AT+CSIM is there"),
    B(modem_scn, csim_select_fails, "false", "SELECT by CSIM on a channel that opened well fails"),
    H(modem_scn, csim_select_sw, "6881", "with which status word"),
    B(modem_scn, cgla, "true", "AT+CCHO and AT+CGLA are there"),
    B(modem_scn, cchc, "true", "AT+CCHC is there"),
    C(modem_scn, ccho_style, "prefix|bare|handle", "prefix", "+CCHO: 1; 1; +CCHO: 000000000385a7cf (the CLA must then have channel bits 0)"),
    B(modem_scn, cgla_bare, "false", "CGLA answers without +CGLA:"),
    C(modem_scn, cgla_channel_bits, "any|zero", "any", "zero: CGLA refuses a CLA with channel bits by 6881"),
    I(modem_scn, ccho_full_cme, -1, 1000, "100", "CCHO without a free channel; -1: ERROR"),
    I(modem_scn, ccho_absent_cme, -1, 1000, "22", "CCHO when SELECT fails; -1: ERROR"),
    B(modem_scn, quotes, "true", "hex answers in quotes"),
    B(modem_scn, closing_quote, "true", "with the closing one"),
    B(modem_scn, lower_hex, "false", "hex answers in lower case"),
    B(modem_scn, upper_hex_only, "false", "lower-case hex is refused (ERROR)"),
    B(modem_scn, echo, "false", "echo is on at the start"),
    B(modem_scn, echo_after_reset, "true", "echo is on after a reboot"),
    B(modem_scn, supports_chained_fetch, "false", "the modem fetches the data of 61XX by itself"),
    B(modem_scn, test_forms, "true", "AT+…=? answers OK; else ERROR"),
    MS(modem_scn, latency_ms, "0", "of each command"),
    MS(modem_scn, apdu_latency_ms, "0", "more, of each command that goes to the card"),
    MS(modem_scn, byte_delay_ms, "0", "between the bytes of output"),
    I(modem_scn, baud, 0, 4000000, "0", "output at this speed (10 bits a byte); 0: at once"),
    B(modem_scn, bytewise, "false", "each byte of output in a write of its own"),
    B(modem_scn, ok_first, "false", "OK comes before the data"),
    MS(modem_scn, peace_ms, "0", "a command within that time after a final line is dropped"),
    I(modem_scn, answers_previous_over, 0, 8192, "0", "a longer line gets the previous command's answer; 0: off"),
    C(modem_scn, refresh, "close|enable|ignored", "close", "when the modem re-reads the card: ENABLE's channel closes, ENABLE itself, never"),
    MS(modem_scn, refresh_ms, "300", "how long the SIM is busy then"),
    MS(modem_scn, refresh_delay_ms, "0", "from the answer to the REFRESH"),
    MS(modem_scn, vanish_on_refresh_ms, "0", "the port goes away that long at a REFRESH; 0: it stays"),
    MS(modem_scn, vanish_on_cfun_ms, "0", "the port goes away that long at AT+CFUN=0; 0: it stays"),
    MS(modem_scn, reboot_ms, "1000", "how long the port is away at a reboot; 0: it stays"),
    B(modem_scn, cfun_refresh, "true", "AT+CFUN=0 or 4, then 1, re-reads the card"),
    B(modem_scn, reboot_refresh, "true", "a reboot re-reads the card; false: it goes on with what it had read, whatever is done"),
    MS(modem_scn, cpin_busy_ms, "0", "+CME ERROR: 14 for that long after a reboot or a CFUN cycle"),
    C(modem_scn, ccid_command, "ccid|qccid|iccid|none", "ccid", "which of +CCID, +QCCID, +ICCID is there"),
    C(modem_scn, ccid_style, "prefix|bare|quoted|padF", "prefix", "+CCID: 89…; 89…; +CCID: \"89…\"; +CCID: 89…F up to 20 digits"),
    B(modem_scn, cesq, "true", "AT+CESQ is there"),
    B(modem_scn, csq, "true", "AT+CSQ is there"),
    B(modem_scn, c5greg, "false", "AT+C5GREG is there"),
    B(modem_scn, cereg, "true", "AT+CEREG is there"),
    B(modem_scn, cgreg, "true", "AT+CGREG is there"),
    B(modem_scn, creg, "true", "AT+CREG is there"),
    B(modem_scn, crsm, "true", "AT+CRSM is there"),
    T(modem_scn, cpin, "READY", "what +CPIN says: READY, SIM PIN, SIM PUK, …"),
    I(modem_scn, cfun, 0, 4, "1", "functionality at the start"),
    I(modem_scn, cops_mode, 0, 4, "0", "+COPS mode at the start; 1: only the first profile's network will do"),
    I(modem_scn, cme, 0, 2, "0", "+CMEE at the start and after a reboot"),
    MS(modem_scn, urc_storm_ms, "0", "an unsolicited line each so many ms, and between the lines of answers; 0: none"),
    B(modem_scn, garbage, "false", "noise and overlong lines between answers"),
    T(modem_scn, sim_change_urc, "", "an unsolicited line at each change of the card, as +QUSIM: 1"),
    T(modem_scn, apn, "", "APN of context 1 at the start"),
    T(modem_scn, pdp_type, "IPV4V6", "type of context 1 at the start"),
    { "faults", KEY_ARRAY, offsetof(struct modem_scn, faults), sizeof(struct fault), 0, MAX_FAULTS, "[]", 0, modem_fault_keys, offsetof(struct modem_scn, fault_count), "the first fault that matches and strikes counts" },
    END
};

static const struct key bearer_keys[] = {
    MS(bearer_scn, delay_ms, "0", "each way"),
    I(bearer_scn, loss_pct, 0, 100, "0", "of the pieces are held up by stall_ms, as a lost packet would be"),
    MS(bearer_scn, stall_ms, "1000", "how long"),
    { "switch", KEY_CHOICE, offsetof(struct bearer_scn, on_switch), 0, 0, 0, "close", "close|silent", 0, 0, "connections of a profile that is no longer in use: reset, or nothing comes through any more" },
    B(bearer_scn, vanish, "true", "the data connection goes away with the port, as a modem's does that is unplugged; what was open ends as \"switch\" says"),
    C(bearer_scn, refuse, "reset|hang", "reset", "connections without service: reset, or left hanging" ),
    END
};

const struct key scenario_keys[] = {
    T(scenario, about, "", "a sentence about it"),
    O(scenario, card, card_keys, "the card and what is on it"),
    O(scenario, modem, modem_keys, "the modem and its ways"),
    O(scenario, bearer, bearer_keys, "the relay of --bearer"),
    END
};
// clang-format on

const char guide_profiles[] =
    "[{\"iccid\":\"89123108001757010071\",\"aid\":\"A0000005591010FFFFFFFF8900001100\","
    "\"enabled\":true,\"fallback\":true},"
    "{\"iccid\":\"8949001312170061988\",\"aid\":\"A0000005591010FFFFFFFF8900001000\"},"
    "{\"iccid\":\"89123108001757010072\",\"aid\":\"A0000005591010FFFFFFFF8900001200\"}]";
