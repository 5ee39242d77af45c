#include "api/problem.h"

#include <stdio.h>

/* Status 0: only ever the end of an operation, and 500 should it come by another way. */
static const struct {
    unsigned status;
    int64_t retry_after_s;
    const char *title;
} rows[ERROR_CODES] = {
    // clang-format off
    [ERROR_NONE] = { 200, 0, "No error" },
    [ERROR_INVALID_REQUEST] = { 400, 0, "The request is not valid" },
    [ERROR_UNAUTHORIZED] = { 401, 0, "A valid token is needed" },
    [ERROR_FORBIDDEN] = { 403, 0, "Not allowed here" },
    [ERROR_NOT_FOUND] = { 404, 0, "Not found" },
    [ERROR_PROFILE_NOT_FOUND] = { 404, 0, "The card has no such profile" },
    [ERROR_METHOD_NOT_ALLOWED] = { 405, 0, "The method is not allowed here" },
    [ERROR_NOT_ACCEPTABLE] = { 406, 0, "There is nothing acceptable to give" },
    [ERROR_PAYLOAD_TOO_LARGE] = { 413, 0, "The body is too large" },
    [ERROR_UNSUPPORTED_MEDIA_TYPE] = { 415, 0, "The body has to be JSON" },
    [ERROR_SWITCH_IN_PROGRESS] = { 409, 0, "Another switch has not ended yet" },
    [ERROR_TOO_LATE] = { 409, 0, "Too late for that" },
    [ERROR_PRECONDITION_FAILED] = { 412, 0, "Something changed meanwhile" },
    [ERROR_KEY_REUSED] = { 422, 0, "The key was used for another request" },
    [ERROR_LOCKED] = { 423, 0, "Switching is locked" },
    [ERROR_COOLDOWN] = { 429, 60, "Too many switches" },
    [ERROR_POLICY_FORBIDS] = { 502, 0, "The card's policy forbids it" },
    [ERROR_CARD] = { 502, 0, "The card refused or answered wrongly" },
    [ERROR_CARD_BUSY] = { 502, 0, "The card is busy" },
    [ERROR_CARD_ABSENT] = { 502, 0, "There is no card" },
    [ERROR_APPLET_ABSENT] = { 502, 0, "The card has no profile management" },
    [ERROR_SIM_LOCKED] = { 502, 0, "The SIM is locked" },
    [ERROR_MODEM_ABSENT] = { 503, 10, "The modem is not there" },
    [ERROR_QUEUE_FULL] = { 503, 5, "Too much waits already" },
    [ERROR_STORAGE_FULL] = { 503, 60, "The disk is full" },
    [ERROR_SHUTTING_DOWN] = { 503, 10, "The agent is stopping" },
    [ERROR_MODEM_TIMEOUT] = { 504, 0, "The modem did not answer in time" },
    [ERROR_EXPIRED] = { 504, 0, "Its time was over" },
    [ERROR_NOT_SWITCHED] = { 0, 0, "The modem has not switched" },
    [ERROR_NOT_REGISTERED] = { 0, 0, "No registration" },
    [ERROR_REGISTRATION_DENIED] = { 0, 0, "Registration was denied" },
    [ERROR_NO_DATA] = { 0, 0, "No data connection" },
    [ERROR_UNREACHABLE] = { 0, 0, "Nothing can be reached" },
    [ERROR_UNCONFIRMED] = { 0, 0, "Nobody confirmed" },
    [ERROR_OVERTAKEN] = { 0, 0, "Someone else switched meanwhile" },
    [ERROR_STRANDED] = { 0, 0, "No profile works" },
    [ERROR_INTERRUPTED] = { 0, 0, "The agent was interrupted" },
    [ERROR_INTERNAL] = { 500, 0, "An internal error" },
}; // clang-format on

unsigned problem_status(enum error_code code)
{
    return rows[code].status ? rows[code].status : 500;
}

const char *problem_title(enum error_code code)
{
    return rows[code].title;
}

struct problem problem_complete(struct problem problem)
{
    if (problem.retry_after_s == 0)
        problem.retry_after_s = rows[problem.error.code].retry_after_s;
    return problem;
}

/* Moves what `from` has behind what `to` has. */
static void move_all(cJSON *to, cJSON *from)
{
    while (from->child) {
        cJSON *item = cJSON_DetachItemViaPointer(from, from->child);

        cJSON_AddItemToObject(to, item->string, item);
    }
}

char *problem_to_text(const struct problem *problem, unsigned status)
{
    enum error_code code = problem->error.code;
    char type[80], *text = NULL;
    cJSON *json = cJSON_CreateObject(), *rest = problem_to_json(problem);

    (void)snprintf(type, sizeof type, "https://lpm-agent.invalid/problems/%s",
                   error_code_name(code));
    if (json && rest && cJSON_AddStringToObject(json, "type", type) &&
        cJSON_AddStringToObject(json, "title", problem_title(code)) &&
        cJSON_AddNumberToObject(json, "status", status)) {
        move_all(json, rest);
        text = cJSON_PrintUnformatted(json);
    }
    cJSON_Delete(json);
    cJSON_Delete(rest);
    return text;
}
