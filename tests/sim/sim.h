#pragma once

#include "bearer.h"
#include "card.h"
#include "control.h"
#include "modem.h"
#include "net.h"
#include "pty.h"
#include "record.h"
#include "scenario.h"
#include "timers.h"

/* All of it together: one process, one thread, one poll loop. */

struct cJSON;

struct sim {
    struct cJSON *tree;
    struct scenario scn;
    struct record record;
    struct card card;
    struct modem modem;
    struct net net;
    struct pty pty;
    struct bearer bearer;
    struct control control;
    bool quit;
};

/* Sets a key of the scenario live; takes `value`. */
bool sim_set(struct sim *sim, const char *path, struct cJSON *value, char *error);
