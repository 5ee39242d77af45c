#pragma once

#include <stdbool.h>

#include "scenario.h"

/* The networks: what becomes of the modem's search with the profile that it works with, over
 * time. */

struct sim;

enum {
    STAT_IDLE,
    STAT_HOME,
    STAT_SEARCHING,
    STAT_DENIED,
    STAT_UNKNOWN,
    STAT_ROAMING,
    STAT_EMERGENCY = 8
};

struct net {
    int stat;
    bool attached;
    /* Context 1 has an address. */
    bool context;
    /* What the network did with the profile when it was last asked. */
    struct network_scn seen;
    /* The profile's network, NULL without one. Valid until the scenario changes. */
    const struct network_scn *network;
};

/* Searches anew with the modem's profile, when its radio is on and the card can be read. */
void net_start(struct sim *sim);
/* Radio off or card gone. */
void net_stop(struct sim *sim);
/* The scenario changed. */
void net_review(struct sim *sim);
bool net_registered(const struct sim *sim);
/* CGATT=1: false when it is refused. */
bool net_attach(struct sim *sim);
void net_detach(struct sim *sim);
/* CGACT: whether the context is up afterwards. */
bool net_activate(struct sim *sim, bool up);
/* Whether data flows: registered, attached, with an address. */
bool net_has_data(const struct sim *sim);
