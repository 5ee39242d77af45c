#pragma once

/* How a command ended, as the exit status (lpmctl.1, "EXIT STATUS"). */
enum outcome {
    OUTCOME_OK = 0,
    /* The switch did not succeed; doctor found trouble. */
    OUTCOME_FAILED = 1,
    OUTCOME_USAGE = 2,
    /* No agent at the socket, or it went away. */
    OUTCOME_UNREACHABLE = 3,
    /* The agent said no, and why. */
    OUTCOME_REFUSED = 4,
    OUTCOME_TIMEOUT = 5,
    /* Here: no memory, a file that cannot be written, an answer that is none of lpm-agent's. */
    OUTCOME_LOCAL = 6,
    OUTCOME_INTERRUPTED = 130,
};
