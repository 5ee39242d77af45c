#pragma once

#include <stdbool.h>

#include "agent/base/error.h"
#include "agent/modem/modem_context.h"

/* PDP contexts and their authentication, as lines and commands (27.007 10.1.1, 10.1.31). Codec. */

enum { AT_CONTEXT_TEXT_MAX = 300 };

/* "+CGDCONT: 1,"IPV4V6","apn",…" into `ret->pdp_type` and `ret->apn`. False, and `ret` as before:
 * no such line, another context than `ret->cid`, or a field too long. */
bool at_cgdcont_parse(const char *line, struct modem_context *ret);
/* "+CGAUTH: 1,1,"user","password"", the fields behind the first one or not, into the rest of `ret`;
 * a protocol other than PAP and CHAP, or a field too long, is not known. False: no such line, or
 * another context; `ret` is then as before. */
bool at_cgauth_parse(const char *line, struct modem_context *ret);

/* `AT+CGDCONT=1,"IP","apn"`; `AT+CGDCONT=1` where the type is "". ERROR_INVALID_REQUEST: a quote, a
 * backslash or anything outside printable ASCII; `ret` is then as before. */
MUST_CHECK struct error at_cgdcont_build(const struct modem_context *context,
                                         char ret[AT_CONTEXT_TEXT_MAX + 1]);
/* `AT+CGAUTH=1,2,"user","password"`, or `AT+CGAUTH=1,0`. Errors: as above, never with the values. */
MUST_CHECK struct error at_cgauth_build(const struct modem_context *context,
                                        char ret[AT_CONTEXT_TEXT_MAX + 1]);
