#include "agent/operation/names.h"

const char *names_state(unsigned value)
{
    return operation_state_name((enum operation_state)value);
}

const char *names_channel(unsigned value)
{
    return operation_channel_name((enum operation_channel)value);
}

const char *names_phase(unsigned value)
{
    return phase_name((enum phase)value);
}

const char *names_verified(unsigned value)
{
    return verified_name((enum verified)value);
}

const char *names_error_code(unsigned value)
{
    return error_code_name((enum error_code)value);
}

const char *names_error_domain(unsigned value)
{
    static const char *const names[] = {
        [ERROR_IN_AGENT] = "agent", [ERROR_IN_SYSTEM] = "system",   [ERROR_IN_CARD] = "card",
        [ERROR_IN_MODEM] = "modem", [ERROR_IN_STORAGE] = "storage",
    };

    return names[value];
}
