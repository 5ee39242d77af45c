#pragma once

#include <stdbool.h>

#include "agent/base/error.h"

/* The MQTT door: the link to the broker, commands in, statuses, twin, telemetry and presence out. */

struct broker;
struct bus;
struct config;
struct journal;
struct metrics;
struct operations;
struct samples;
struct state;
struct reads;
struct mqtt;

struct mqtt_parts {
    const struct config *config;
    struct state *state;
    struct operations *operations;
    struct bus *bus;
    struct reads *reads;
    struct journal *journal;
    struct broker *broker;
    struct samples *samples;
    struct metrics *metrics; /* may be NULL */
};

/* Keeps all of them; listens on the bus and is the scribe of the operations (so before the first
 * thread, and nothing may change an operation once it is freed). NULL: no memory. Not called when
 * mqtt.uri is null. */
struct mqtt *mqtt_new(const struct mqtt_parts *parts);
MUST_CHECK struct error mqtt_start(struct mqtt *mqtt);
/* Takes over what a reload may change (telemetry.publish_s). Any thread. */
void mqtt_reload(struct mqtt *mqtt, const struct config *config);
/* After the worker has stopped: sends what is left and the goodbye, as far as that goes in 4 s. False: the
 * library hangs (a name look-up), the object must not be freed and the process is left by _exit. */
bool mqtt_stop(struct mqtt *mqtt);
void mqtt_free(struct mqtt *mqtt);
