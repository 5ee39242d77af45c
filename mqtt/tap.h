#pragma once

#include <stdbool.h>

#include "mqtt/intake.h"

/* Puts intake.h between Paho and its socket. Paho 1.3 reads with recv() and SSL_read() and has no hook
 * there, so the program brings these two functions itself (the dynamic linker prefers them to the
 * libraries'): what other callers read is passed on untouched, and Paho's connection is over where the
 * intake finds a fault. One connection at a time. */

/* Before a connection is begun: what was found on the one before is forgotten. */
void tap_begin(bool mqtt_5);
/* Any thread: what was found on this connection. */
enum intake_fault tap_fault(void);
/* The broker's greeting was seen. False once there is a connection: this library reads in some other
 * way, and nothing is looked at. */
bool tap_has_greeted(void);
/* No connection any more. */
void tap_end(void);
