#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/error.h"

/* TLS to the broker: whether our files fit, and why a handshake failed, in words. Paho says neither
 * ("TCP/TLS connect failure"), and does not show its connection, so OpenSSL is asked: it tells of
 * every connection of this process, of which Paho's is the only one. With it goes what Paho cannot be
 * asked for: at least TLS 1.2. */

struct config;

enum { TLS_WHY_MAX = 159 };

/* mqtt.ca_file, mqtt.cert_file and mqtt.key_file can be read, are what they should be, and the key
 * is the certificate's. The message names the key of the configuration. */
MUST_CHECK struct error tls_check_files(const struct config *config);

/* What was noted is forgotten; the next handshakes are with the host of `uri`. */
void tls_begin(const char *uri);
/* Paho's ssl_error_cb. */
int tls_on_error(const char *text, size_t len, void *ctx);
/* What was wrong since tls_begin(). False: nothing was. Any thread. */
bool tls_why(char ret[TLS_WHY_MAX + 1]);
/* Since then a handshake has been finished, as far as we are concerned: a broker of TLS 1.3 looks at
 * our certificate after that. */
bool tls_is_through(void);
