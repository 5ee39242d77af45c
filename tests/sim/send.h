#pragma once

/* The other end of the control socket: what `lpm-sim --send` does. */

/* Sends one command to the simulator at `path` and prints its answer. Returns the exit status: 0 the
 * answer's "ok" is true, 1 it is not or there is none, 2 `text` is no JSON object. */
int send_command(const char *path, const char *text);
