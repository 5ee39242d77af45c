#include "api/call.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/problem.h"

void call_init(struct call *call)
{
    memset(call, 0, offsetof(struct call, guard));
    call->guard.code = call->head.code = ERROR_NONE;
    call->routing.code = call->read_error.code = ERROR_NONE;
}

void answer_add_header(struct answer *answer, const char *name, const char *format, ...)
{
    va_list values;

    assert(answer->header_count < ANSWER_HEADERS_MAX);
    answer->headers[answer->header_count].name = name;
    va_start(values, format);
    (void)vsnprintf(answer->headers[answer->header_count].value, ANSWER_VALUE_MAX + 1, format,
                    values);
    va_end(values);
    answer->header_count++;
}

void answer_text(struct answer *ret, unsigned status, const char *media, char *text)
{
    if (text) {
        ret->status = status;
        ret->body = text;
        ret->media = media;
        return;
    }
    answer_error(ret, error_make(ERROR_IN_SYSTEM, ERROR_INTERNAL, 0, "no memory for the answer"));
}

void answer_json(struct answer *ret, unsigned status, cJSON *json)
{
    char *text = json ? cJSON_PrintUnformatted(json) : NULL;

    cJSON_Delete(json);
    answer_text(ret, status, "application/json", text);
}

void answer_static(struct answer *ret, unsigned status, const char *media,
                   const unsigned char *bytes, size_t len)
{
    ret->status = status;
    ret->bytes = bytes;
    ret->len = len;
    ret->media = media;
}

void answer_problem_as(struct answer *answer, const struct problem *problem, unsigned status)
{
    const struct problem complete = problem_complete(*problem);

    free(answer->body);
    *answer = (struct answer){ .is_problem = true, .status = status };
    answer->body = problem_to_text(&complete, answer->status);
    answer_add_header(answer, "Cache-Control", "no-store");
    if (complete.retry_after_s > 0)
        answer_add_header(answer, "Retry-After", "%" PRId64, complete.retry_after_s);
    if (complete.error.code == ERROR_UNAUTHORIZED)
        answer_add_header(answer, "WWW-Authenticate", "Bearer");
}

void answer_problem(struct answer *answer, const struct problem *problem)
{
    answer_problem_as(answer, problem, problem_status(problem->error.code));
}

void answer_error(struct answer *answer, struct error e)
{
    const struct problem problem = { .error = e };

    answer_problem(answer, &problem);
}
