#pragma once

#include <cjson/cJSON.h>

#include "agent/base/profile.h"

/* `row`'s "profiles" are the list's rows; members that the vector does not have are not known. */
void profile_vectors_check(const cJSON *row, const struct profile_list *list);
