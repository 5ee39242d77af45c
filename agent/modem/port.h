#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/base/error.h"

/* The modem's port: a real serial port (set up by libserialport) or a pseudo-terminal (termios),
 * behind one face. Never blocks: poll `fd`. The port is ours alone: flock(), and TIOCEXCL on real
 * ports (on a pseudo-terminal it would outlive a killed owner). */

enum { PORT_PATH_MAX = 255, PORT_CANDIDATES_MAX = 8 };

struct port {
    int fd; /* -1: closed */
    /* The device behind the link. */
    char device[PORT_PATH_MAX + 1];
};

/* A closed port; before anything else. */
void port_init(struct port *port);
/* Resolves `path` anew. ERROR_MODEM_ABSENT: not there, no character device, held by another
 * process (named where it can be known), not a terminal. `port` is then closed. */
MUST_CHECK struct error port_open(struct port *port, const char *path, int baud);
/* What has not gone out is dropped. */
void port_close(struct port *port);

/* Bytes; 0: none there, or no room now; -1: hung up. */
ssize_t port_read(struct port *port, void *ret, size_t cap);
ssize_t port_write(struct port *port, const void *bytes, size_t len);

/* The serial ports of USB modems that the quirk table knows, the likeliest first; at most
 * PORT_CANDIDATES_MAX, `ret` as paths. */
size_t port_find(char ret[PORT_CANDIDATES_MAX][PORT_PATH_MAX + 1]);

/* Which other process has `device` open: its name and number, as text. False: none that can be
 * seen. */
bool port_holder(const char *device, char *ret, size_t size);
