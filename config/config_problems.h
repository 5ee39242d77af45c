#pragma once

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "agent/base/macros.h"
#include "config/config.h"

/* What is wrong with a configuration, gathered while it is read. At most CONFIG_PROBLEMS_MAX rows;
 * the last one says that there are more. */

enum { CONFIG_PROBLEMS_MAX = 100 };

/* False: no memory. */
bool config_problems_init(struct config_problems *problems);
/* Control characters become '?'. What does not fit is cut. */
void config_problems_add(struct config_problems *problems, const char *path, const char *format,
                         ...) PRINTF_LIKE(3, 4);
/* Says of the rows about `path`, and about what is below it, where the value came from. */
void config_problems_name_source(struct config_problems *problems, const char *path,
                                 const char *source);
