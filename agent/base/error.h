#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/macros.h"

/* The one error type, from the card's status word up to the answer on the wire. It is made once, at
 * the place that knows, and carried up unchanged; it owns nothing, so it is copied by assignment
 * and crosses threads. `code` is the contract's (REST, "Errors"): its name goes to REST and MQTT. */

enum error_code {
    ERROR_NONE = 0,
    ERROR_INVALID_REQUEST,
    ERROR_UNAUTHORIZED,
    ERROR_FORBIDDEN,
    ERROR_NOT_FOUND,
    ERROR_PROFILE_NOT_FOUND,
    ERROR_METHOD_NOT_ALLOWED,
    ERROR_NOT_ACCEPTABLE,
    ERROR_PAYLOAD_TOO_LARGE,
    ERROR_UNSUPPORTED_MEDIA_TYPE,
    ERROR_SWITCH_IN_PROGRESS,
    ERROR_TOO_LATE,
    ERROR_PRECONDITION_FAILED,
    ERROR_KEY_REUSED,
    ERROR_LOCKED,
    ERROR_COOLDOWN,
    ERROR_POLICY_FORBIDS,
    ERROR_CARD,
    ERROR_CARD_BUSY,
    ERROR_CARD_ABSENT,
    ERROR_APPLET_ABSENT,
    ERROR_SIM_LOCKED,
    ERROR_MODEM_ABSENT,
    ERROR_QUEUE_FULL,
    ERROR_STORAGE_FULL,
    ERROR_SHUTTING_DOWN,
    ERROR_MODEM_TIMEOUT,
    ERROR_EXPIRED,
    ERROR_NOT_SWITCHED,
    ERROR_NOT_REGISTERED,
    ERROR_REGISTRATION_DENIED,
    ERROR_NO_DATA,
    ERROR_UNREACHABLE,
    ERROR_UNCONFIRMED,
    ERROR_OVERTAKEN,
    ERROR_STRANDED,
    ERROR_INTERRUPTED,
    ERROR_INTERNAL,
    ERROR_CODES
};

/* Who noticed, and with it what `detail` means. */
enum error_domain {
    /* ERROR_IN_AGENT: our own code; detail 0. */
    ERROR_IN_AGENT = 0,
    /* ERROR_IN_SYSTEM: a system call; detail is errno. */
    ERROR_IN_SYSTEM,
    /* ERROR_IN_CARD: the card; detail is SW1SW2 (0x6A82), or 0 where there was none. */
    ERROR_IN_CARD,
    /* ERROR_IN_MODEM: the modem's final line; detail is the CME number (>= 0) or an error_final. */
    ERROR_IN_MODEM,
    /* ERROR_IN_STORAGE: detail is SQLite's extended result code. */
    ERROR_IN_STORAGE,
};

/* Final lines without a CME number, as `detail` of ERROR_IN_MODEM. */
enum error_final {
    ERROR_FINAL_ERROR = -1,
    ERROR_FINAL_NO_CARRIER = -2,
    ERROR_FINAL_ABORTED = -3,
    ERROR_FINAL_BUSY = -4,
    /* No final line came in time. */
    ERROR_FINAL_NONE = -5,
    /* +CMS ERROR: n is ERROR_FINAL_CMS - n. */
    ERROR_FINAL_CMS = -1000,
};

enum { ERROR_FIELD_MAX = 63, ERROR_MESSAGE_MAX = 159, ERROR_FINAL_MAX = 31 };

struct error {
    enum error_code code;
    enum error_domain domain;
    int detail;
    /* The request's or file's field that is wrong, as a path ("args.ttl_s"); "" when it is none. */
    char field[ERROR_FIELD_MAX + 1];
    /* One line for a person, printable UTF-8. */
    char message[ERROR_MESSAGE_MAX + 1];
};

#define ERROR_OK ((struct error){ .code = ERROR_NONE })

/* `format` is cut at ERROR_MESSAGE_MAX; control characters become '?'. */
MUST_CHECK struct error error_make(enum error_domain domain, enum error_code code, int detail,
                                   const char *format, ...) PRINTF_LIKE(4, 5);

/* ERROR_INVALID_REQUEST that names the field. */
MUST_CHECK struct error error_field(const char *field, const char *format, ...) PRINTF_LIKE(2, 3);

/* `e` with "context: " before its message; code, domain and detail stay. */
MUST_CHECK struct error error_within(struct error e, const char *format, ...) PRINTF_LIKE(2, 3);

/* The contract's name ("profile-not-found"); "" for ERROR_NONE. */
const char *error_code_name(enum error_code code);

/* False when `name` is no code of ours. */
bool error_code_from_name(const char *name, enum error_code *ret);

/* The final line that ERROR_IN_MODEM came from ("+CME ERROR: 14", "ERROR"); "" for other domains
 * and where no final line came. */
void error_final_text(const struct error *e, char ret[ERROR_FINAL_MAX + 1]);
