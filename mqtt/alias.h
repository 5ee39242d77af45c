#pragma once

#include <stdbool.h>

#include "mqtt/topics.h"

/* Topic aliases (MQTT 5, 3.3.2.3.4): a number in place of a topic that the broker has heard before.
 * They are of one connection, and first come, first served: topics that come again and again are
 * few. Pure. */

enum { ALIAS_MAX = 16 };

struct alias_row {
    char topic[TOPICS_MAX];
    bool known;
};

struct alias_table {
    unsigned max, count;
    struct alias_row rows[ALIAS_MAX];
};

/* A connection has begun whose broker takes aliases up to `max`; 0: none. */
void alias_begin(struct alias_table *table, unsigned max);
/* The topic's, from 1; a new one where there is room. 0: none. `*ret_known`: the alias alone will
 * do, else topic and alias have to be sent. */
unsigned alias_of(struct alias_table *table, const char *topic, bool *ret_known);
/* The broker has taken a message that carried topic and alias: from now on it knows it. Only then,
 * since a broker that refuses the message may have forgotten the alias with it. */
void alias_learned(struct alias_table *table, unsigned alias);
