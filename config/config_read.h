#pragma once

#include <cjson/cJSON.h>

#include "config/config.h"

/* From the tree of a file to the struct: defaults first, then what the file says, and a problem for
 * each value that is wrong and each name that is no key's. */

void config_read(const cJSON *root, struct config *config, struct config_problems *problems);
