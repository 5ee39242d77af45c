#pragma once

#include <stdbool.h>

/* Why the broker, or the library, said no: the codes of MQTT 5 (from 0x80), those of a CONNACK of
 * 3.1.1 (1 to 5), the library's own (below 0). Pure. */

enum reason_verdict {
    /* REASON_TROUBLE: a try later may succeed. */
    REASON_TROUBLE = 0,
    /* REASON_OLDER: the broker speaks only 3.1.1. */
    REASON_OLDER,
    /* REASON_REFUSED: who we are or what we may is refused; waiting does not cure it. */
    REASON_REFUSED,
    /* REASON_UNFIT: a certificate or a file that somebody has to mend; then the next try succeeds. */
    REASON_UNFIT,
};

/* From here on a code of MQTT 5 is a refusal. */
enum { REASON_FAILURE = 0x80, REASON_QUOTA_EXCEEDED = 0x97 };

/* Never NULL. */
const char *reason_text(int code);
enum reason_verdict reason_verdict(int code);
/* A connect that failed with it had an answer from a broker. */
bool reason_is_answer(int code);
