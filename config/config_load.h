#pragma once

#include "config/config.h"

/* config_load() with the machine's own file as a parameter. */
bool config_load_on(const char *path, char *const *environment, const char *machine_id_path,
                    struct config **ret, struct config_problems *ret_problems);
