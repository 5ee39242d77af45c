#pragma once

#include <cjson/cJSON.h>

#include "config/config.h"

/* What no single key can tell: keys that contradict each other, and files that cannot be read. */

void config_check(const struct config *config, const cJSON *root, struct config_problems *problems);
