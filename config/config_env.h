#pragma once

#include <cjson/cJSON.h>

#include "config/config.h"

/* Overrides from the environment: LPM_AGENT__SECTION__KEY=value. The rest of the name is the key's
 * path with "__" for each dot and "_" for each hyphen, in any case. */

/* Puts each override where the file would have it, or adds a problem that names the variable. */
void config_env_apply(char *const *environment, cJSON *root, struct config_problems *problems);
/* Says of problems with overridden keys which variable they came from. */
void config_env_name_sources(char *const *environment, const cJSON *root,
                             struct config_problems *problems);
