#pragma once

#include "agent/base/error.h"

enum { CONFIG_IDENTITY_LEN = 16 };

/* A name for this machine that tells nothing of its machine-id: 16 hex digits of a salted hash of
 * what stands in `machine_id_path`. ERROR_NOT_FOUND: there is no machine-id. */
MUST_CHECK struct error config_identity(const char *machine_id_path,
                                        char ret[CONFIG_IDENTITY_LEN + 1]);
