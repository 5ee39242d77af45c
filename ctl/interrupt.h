#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Ctrl-C and SIGTERM as something to wait for, for what has to be tidied up or told at its end. A
 * second one ends the process at once. */

/* Before the first wait; once. */
void interrupt_catch(void);
/* Readable from the first signal on; -1 before interrupt_catch(). */
int interrupt_fd(void);
bool interrupt_came(void);
/* Waits so long; false: it was interrupted. */
bool interrupt_nap(int64_t ms);
