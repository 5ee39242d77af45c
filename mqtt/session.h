#pragma once

#include <stdint.h>

/* The number of the presence: one more for each connection that was made, across restarts, so that
 * a reader can tell an old will from a new session. Kept in a file; where that cannot be, in
 * memory. */

enum { SESSION_PATH_MAX = 4095 };

struct session {
    char path[SESSION_PATH_MAX + 1];
    int64_t number;
};

/* Reads <state_dir>/mqtt-session; a missing or damaged file is 0. */
void session_load(struct session *session, const char *state_dir);
/* One more, on disk as a whole or not at all. 0, or the errno for which it is in memory only. */
int session_advance(struct session *session);
