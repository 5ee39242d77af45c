#pragma once

/* AT commands that carry a PIN, a password or a user's name, in themselves or in their answers: what trace,
 * configuration and bundle hide of a line. Of 27.007, and of makers whose commands a configuration may hold. */

/* Where the secret of such a command begins that stands at the front of `text`, with or without the sign before
 * its name: behind its '=', or the ':' of an answer. It ends with the line. NULL: there is none, so also of
 * questions ("?" and "=?") and of answers that only tell a state. */
const char *at_secret_at(const char *text);
/* The same of the first one anywhere in `line`: a line may hold several commands. */
const char *at_secret_find(const char *line);
