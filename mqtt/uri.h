#pragma once

#include <stdbool.h>

#include "agent/base/error.h"

/* The address of the broker. */

struct config;

/* mqtt.uri is one that can be used: its scheme, a host, no user information, and plain text only to
 * loopback or with mqtt.insecure, and TLS not to an IPv6 address. */
MUST_CHECK struct error uri_check(const struct config *config);
bool uri_is_tls(const struct config *config);
