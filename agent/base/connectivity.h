#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/iccid.h"

/* One reading of the network: plain values. What the modem did not tell is unknown, never zero. */

enum registration {
    REGISTRATION_UNKNOWN = 0,
    REGISTRATION_IDLE,
    REGISTRATION_SEARCHING,
    REGISTRATION_DENIED,
    REGISTRATION_EMERGENCY,
    REGISTRATION_HOME,
    REGISTRATION_ROAMING,
};

enum technology {
    TECHNOLOGY_UNKNOWN = 0,
    TECHNOLOGY_GSM,
    TECHNOLOGY_EC_GSM,
    TECHNOLOGY_3G,
    TECHNOLOGY_NB_IOT,
    TECHNOLOGY_LTE_M,
    TECHNOLOGY_LTE,
    TECHNOLOGY_LTE_NR,
    TECHNOLOGY_NR,
};

/* A level in dBm or dB; `known` false: the modem does not tell. */
struct level {
    bool known;
    double value;
};

/* Whichever of the technologies' figures the modem gives (27.007 8.69). */
struct signal_reading {
    /* RSSI (CSQ) or RXLEV, dBm: 2G and 3G; RSCP dBm and EC/NO dB: 3G. */
    struct level rssi_dbm, rscp_dbm, ecno_db;
    /* LTE, or NR (SS-RSRP, SS-RSRQ, SS-SINR) where the modem is on NR. */
    struct level rsrp_dbm, rsrq_db, sinr_db;
};

/* How well data flows, by probes and counters. */
struct quality {
    /* Of the connections that were tried last, how many in a hundred failed; how long the others took. */
    struct level loss_pct, rtt_ms;
    /* What went over the interface since the reading before. */
    bool traffic_known;
    int64_t rx_bytes, tx_bytes;
};

enum { CONNECTIVITY_ADDRESSES = 4, CONNECTIVITY_ADDRESS_MAX = 45, CONNECTIVITY_PLMN_MAX = 6 };

struct connectivity {
    int64_t at_ms;     /* CLOCK_BOOTTIME */
    int64_t at_utc_ms; /* wall clock */
    enum registration registration;
    /* 3GPP TS 24.301 cause of a denial; -1 unknown. */
    int reject_cause;
    enum technology technology;
    /* MCC+MNC; "" unknown. */
    char plmn[CONNECTIVITY_PLMN_MAX + 1];
    struct signal_reading signal;
    struct quality quality;
    bool attached_known, attached;
    /* Text as of inet_ntop(); none is 0.0.0.0 or ::. */
    size_t address_count;
    char addresses[CONNECTIVITY_ADDRESSES][CONNECTIVITY_ADDRESS_MAX + 1];
    /* The ICCID that the modem works with. */
    bool has_iccid;
    struct iccid iccid;
    /* A hash of the IMSI, 16 hex digits; "" unknown. The IMSI itself is never kept. */
    char imsi_hash[17];
};

bool connectivity_is_registered(const struct connectivity *c);
/* Attached, with an address. */
bool connectivity_has_data(const struct connectivity *c);
/* "home", "roaming", "searching", "denied", "idle", "emergency", "unknown". */
const char *registration_name(enum registration r);
/* "GSM", "EC-GSM", "3G", "NB-IoT", "LTE-M", "LTE", "LTE-NR", "NR", "unknown". */
const char *technology_name(enum technology t);
