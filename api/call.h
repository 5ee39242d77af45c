#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "agent/base/error.h"
#include "agent/base/id.h"
#include "agent/operation/operation.h"
#include "api/auth.h"
#include "api/headers.h"
#include "api/router.h"

/* One request as the handlers see it, and what becomes of it: an answer, or something to wait for,
 * after which they are asked again. Nothing of HTTP's machinery is in here. */

enum { CALL_ROUNDS_MAX = 3, ANSWER_HEADERS_MAX = 8, ANSWER_VALUE_MAX = 239 };

struct call {
    enum role role;
    char requester[OPERATION_REQUESTER_MAX + 1];
    /* HEAD: the answer's head, and no body. */
    bool is_head;
    /* NULL: not sent. They live as long as the call. */
    const char *headers[HEADER_COUNT];
    const char *body;
    size_t body_len;

    /* How often it has waited for a read. */
    unsigned rounds;
    /* The operation whose end it waited for, and for how long; "" none. */
    char operation[ID_LEN + 1];
    int64_t wait_s;

    /* --- Not cleared from here on: long, and mostly nothing is said. See call_init(). --- */

    /* A foreign Host or Origin. */
    struct error guard;
    /* A broken request line, headers that contradict each other. */
    struct error head;
    /* Of the target and the method. */
    struct error routing;
    /* What came of the last read. */
    struct error read_error;
    struct route_match match;
};

/* All is zero up to `guard`; of the errors only the code is, and `match` is router_match()'s to set. */
void call_init(struct call *call);

enum answer_kind {
    /* ANSWER_READY: everything below is set. */
    ANSWER_READY = 0,
    /* ANSWER_WAITS_FOR_READ: for `wants`, an enum read_want set. */
    ANSWER_WAITS_FOR_READ,
    /* ANSWER_WAITS_FOR_END: of call->operation, for call->wait_s. */
    ANSWER_WAITS_FOR_END,
    /* ANSWER_LISTENS: to the events, from call->headers[HEADER_LAST_EVENT_ID] on. */
    ANSWER_LISTENS,
};

struct answer {
    enum answer_kind kind;
    unsigned wants;
    unsigned status;
    bool is_problem;
    /* Owned (free); NULL: no body, or `bytes`. */
    char *body;
    /* A body that lasts as long as the program; NULL: none. */
    const unsigned char *bytes;
    size_t len;
    /* Of the body; NULL: application/json. */
    const char *media;
    size_t header_count;
    struct {
        const char *name;
        char value[ANSWER_VALUE_MAX + 1];
    } headers[ANSWER_HEADERS_MAX];
};

/* Cut at ANSWER_VALUE_MAX; more than ANSWER_HEADERS_MAX is a broken invariant. */
void answer_add_header(struct answer *answer, const char *name, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* Takes `json`; NULL, or one that cannot be printed: no memory, which it then says. */
void answer_json(struct answer *answer, unsigned status, cJSON *json);
/* A text; takes `text`. NULL: no memory, which it then says. Keeps `media`. */
void answer_text(struct answer *answer, unsigned status, const char *media, char *text);
/* A body that lasts as long as the program. Keeps both. */
void answer_static(struct answer *answer, unsigned status, const char *media,
                   const unsigned char *bytes, size_t len);
/* Makes `answer` the problem's, with its status and headers. */
void answer_problem(struct answer *answer, const struct problem *problem);
/* The same with another status than the code's own. */
void answer_problem_as(struct answer *answer, const struct problem *problem, unsigned status);
void answer_error(struct answer *answer, struct error e);
