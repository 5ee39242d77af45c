#pragma once

#include <stddef.h>

#include <cjson/cJSON.h>

#include "ctl/commands.h"

/* The agent's documents as people read them. Pure but for what they print. */

enum { SHOW_LINE_MAX = 511 };

enum outcome show_eid(struct context *ctl, const cJSON *document);
enum outcome show_profiles(struct context *ctl, const cJSON *document);
enum outcome show_info(struct context *ctl, const cJSON *document);
/* One reading under each other, or a row for each of `samples`. */
enum outcome show_connectivity(struct context *ctl, const cJSON *document);
enum outcome show_operations(struct context *ctl, const cJSON *document);
enum outcome show_operation(struct context *ctl, const cJSON *document);
enum outcome show_plan(struct context *ctl, const cJSON *document);
enum outcome show_lock(struct context *ctl, const cJSON *document);

/* One line of each, for watch. */
void show_network_line(const cJSON *connectivity, char ret[SHOW_LINE_MAX + 1]);
void show_operation_line(const cJSON *operation, char ret[SHOW_LINE_MAX + 1]);
void show_profiles_line(const cJSON *event, char ret[SHOW_LINE_MAX + 1]);
void show_health_line(const cJSON *health, char ret[SHOW_LINE_MAX + 1]);

/* How the switch ended, and what to do where it failed. OUTCOME_FAILED: it did not succeed. */
enum outcome show_end(struct context *ctl, const cJSON *operation);
