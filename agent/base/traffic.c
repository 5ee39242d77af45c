#include "agent/base/traffic.h"

#include <stddef.h>
#include <string.h>

#include "agent/base/macros.h"

static const char *const commands[TRAFFIC_COMMANDS] = {
    [TRAFFIC_OTHER] = "other",     [TRAFFIC_CSIM] = "CSIM",       [TRAFFIC_CCHO] = "CCHO",
    [TRAFFIC_CGLA] = "CGLA",       [TRAFFIC_CCHC] = "CCHC",       [TRAFFIC_CRSM] = "CRSM",
    [TRAFFIC_CPIN] = "CPIN",       [TRAFFIC_CCID] = "CCID",       [TRAFFIC_CIMI] = "CIMI",
    [TRAFFIC_CFUN] = "CFUN",       [TRAFFIC_COPS] = "COPS",       [TRAFFIC_CREG] = "CREG",
    [TRAFFIC_CSQ] = "CSQ",         [TRAFFIC_CESQ] = "CESQ",       [TRAFFIC_CGATT] = "CGATT",
    [TRAFFIC_CGDCONT] = "CGDCONT", [TRAFFIC_CGPADDR] = "CGPADDR",
};

/* The same by another name. */
static const struct {
    const char *name;
    enum traffic_command command;
} others[] = {
    { "QCCID", TRAFFIC_CCID }, { "ICCID", TRAFFIC_CCID },     { "CICCID", TRAFFIC_CCID },
    { "CGREG", TRAFFIC_CREG }, { "CEREG", TRAFFIC_CREG },     { "C5GREG", TRAFFIC_CREG },
    { "XCESQ", TRAFFIC_CESQ }, { "CGAUTH", TRAFFIC_CGDCONT },
};

static const char *const results[TRAFFIC_RESULTS] = {
    [TRAFFIC_OK] = "ok",     [TRAFFIC_ERROR] = "error",           [TRAFFIC_CME] = "cme",
    [TRAFFIC_CMS] = "cms",   [TRAFFIC_NO_CARRIER] = "no-carrier", [TRAFFIC_ABORTED] = "aborted",
    [TRAFFIC_BUSY] = "busy", [TRAFFIC_TIMEOUT] = "timeout",       [TRAFFIC_MISFIT] = "misfit",
    [TRAFFIC_GONE] = "gone",
};

static const char *const answers[TRAFFIC_ANSWERS] = {
    [TRAFFIC_ANSWER_NONE] = "none",
    [TRAFFIC_ANSWER_OTHER] = "other",
    [TRAFFIC_ANSWER_DONE] = "done",
    [TRAFFIC_ANSWER_MORE] = "more",
    [TRAFFIC_ANSWER_WRONG_LE] = "wrong-le",
    [TRAFFIC_ANSWER_BUSY] = "busy",
    [TRAFFIC_ANSWER_CHANNEL_GONE] = "channel-gone",
    [TRAFFIC_ANSWER_NO_CHANNEL] = "no-channel",
    [TRAFFIC_ANSWER_ABSENT] = "absent",
    [TRAFFIC_ANSWER_NO_PROFILE] = "no-profile",
    [TRAFFIC_ANSWER_POLICY] = "policy",
    [TRAFFIC_ANSWER_CONDITIONS] = "conditions",
    [TRAFFIC_ANSWER_WRONG_LENGTH] = "wrong-length",
    [TRAFFIC_ANSWER_NOT_UNDERSTOOD] = "not-understood",
    [TRAFFIC_ANSWER_CHECKED] = "checked",
    [TRAFFIC_ANSWER_FAILED] = "failed",
};

static const char *const resets[TRAFFIC_RESETS] = {
    [TRAFFIC_RESET_CFUN] = "cfun",
    [TRAFFIC_RESET_VENDOR] = "vendor",
    [TRAFFIC_RESET_COMMAND] = "command",
    [TRAFFIC_RESET_EXEC] = "exec",
};

enum traffic_command traffic_command_of(const char *name)
{
    if (strncmp(name, "AT", 2) != 0)
        return TRAFFIC_OTHER;
    name += 2;
    name += strspn(name, "+#^!$%*");
    for (size_t i = TRAFFIC_OTHER + 1; i < TRAFFIC_COMMANDS; i++)
        if (strcmp(name, commands[i]) == 0)
            return (enum traffic_command)i;
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (strcmp(name, others[i].name) == 0)
            return others[i].command;
    return TRAFFIC_OTHER;
}

const char *traffic_command_name(enum traffic_command command)
{
    return commands[command];
}

const char *traffic_result_name(enum traffic_result result)
{
    return results[result];
}

const char *traffic_answer_name(enum traffic_answer answer)
{
    return answers[answer];
}

const char *traffic_reset_name(enum traffic_reset reset)
{
    return resets[reset];
}
