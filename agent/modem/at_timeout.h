#pragma once

/* How long a modem may take over a command that somebody else wrote. Codec. */

enum {
    AT_TIMEOUT_PLAIN_MS = 5000,
    /* The radio, and the network's answer: a modem may deregister first (27.007 8.2, 7.3, 10.1.9). */
    AT_TIMEOUT_RADIO_MS = 180000,
    AT_TIMEOUT_CONTEXT_MS = 150000,
};

/* The longest that any part of `text` takes ("AT+CMEE=1;+CFUN=1"). */
int at_timeout_ms(const char *text);
