#pragma once

#include "config/config_keys.h"

/* What the kinds share: reaching a key's field, and refusing a value. */

void *config_field(const struct config_key *key, void *base);
const void *config_const_field(const struct config_key *key, const void *base);
/* "expected …, not …"; quotes the value unless it may hold a secret. */
void config_refuse(const struct config_key *key, const char *path, const cJSON *value,
                   const char *expected, struct config_problems *problems);
void config_refuse_memory(const char *path, struct config_problems *problems);
