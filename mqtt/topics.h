#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/id.h"
#include "config/config.h"

/* The names of the topics under the device's base P = <prefix>/<device id>: made and taken apart.
 * No ICCID and no EID is ever in one. */

enum { TOPICS_MAX = 512 };

enum topics_verb {
    /* TOPICS_ALIEN: not of our shape; nobody is answered. */
    TOPICS_ALIEN = 0,
    /* TOPICS_OURS: a status of our own that came back. */
    TOPICS_OURS,
    TOPICS_REQUEST,
    TOPICS_CANCEL,
    TOPICS_CONFIRM,
};

/* What a topic under P/cmd asks for. */
struct topics_command {
    enum topics_verb verb;
    enum config_command command;
    char id[ID_SENDER_MAX + 1];
};

/* P. False: longer than TOPICS_MAX leaves room for what comes behind it, or a wildcard in it. */
bool topics_base(const char *prefix, const char *device_id, char ret[TOPICS_MAX]);

/* The topic need not end in a NUL and may hold anything. */
struct topics_command topics_parse(const char *base, const char *topic, size_t len);

/* "P/<rest>", as of "status/health"; `base` comes from topics_base(). */
void topics_of(const char *base, const char *rest, char ret[TOPICS_MAX]);
/* P/cmd/<command>/<id>/status. */
void topics_status(const char *base, enum config_command command, const char *id,
                   char ret[TOPICS_MAX]);

/* A Response Topic that we answer to: not empty, printable UTF-8, no wildcard, no '$' in front, not
 * under P/cmd, shorter than TOPICS_MAX. */
bool topics_may_respond(const char *base, const char *topic, size_t len);
