#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/transport.h"
#include "agent/modem/chat.h"

/* What both transports need to know of a command APDU, and how they take an answer. */

/* Asking twice does no harm: SELECT, and LPM's reading commands. Never an ENABLE, a GET RESPONSE
 * (the first one takes the data) or STORE DATA. */
bool transport_is_pure_read(const uint8_t *apdu, size_t len);
/* MANAGE CHANNEL that closes (102 221 11.1.17). */
bool transport_is_close(const uint8_t *apdu, size_t len);
/* The first line that `parse` takes. */
MUST_CHECK struct error transport_take_answer(const struct chat_answer *answer,
                                              bool (*parse)(const char *line,
                                                            struct transport_answer *ret),
                                              struct transport_answer *ret);
