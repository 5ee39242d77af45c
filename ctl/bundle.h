#pragma once

#include "ctl/commands.h"

/* What support needs, in one .tar.gz of mode 0600: answers of the agent, the doctor's report, the
 * configuration and the end of the log; identities, addresses and secrets taken out (redact.h). What could
 * not be had is named in its manifest. */

/* `path` NULL: a name of its own in the working folder. */
enum outcome bundle_make(struct context *ctl, const char *path);
