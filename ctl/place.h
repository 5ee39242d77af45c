#pragma once

#include "ctl/options.h"

/* Where the agent is. */

extern const char place_default_config[];
extern const char place_default_socket[];

const char *place_config(const struct options *options);
/* --socket, else $LPM_SOCKET, else api.socket (or api.view_socket where that is null) of the configuration:
 * $LPM_AGENT__API__SOCKET, else the file where it can be read; else the default. Gives (free); NULL: no memory. */
char *place_socket(const struct options *options);
