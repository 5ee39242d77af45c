#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "agent/base/macros.h"
#include "ctl/client.h"
#include "ctl/commands.h"
#include "ctl/shape.h"

/* A question to the agent, answered or explained: whatever is no answer is told on standard error,
 * with what to do about it. */

/* Of a command that begins now: --timeout, or what a read may take at the agent and a little. */
int64_t ask_deadline(const struct options *options);

/* OUTCOME_OK: gives the document (cJSON_Delete), which is as `shape` says, NULL with SHAPE_NOTHING; `ret_answer`
 * is set in any case (client_done()). A refusal with --json is also printed as it came. */
enum outcome ask(struct context *ctl, const struct client_call *call, enum shape shape,
                 struct client_answer *ret_answer, cJSON **ret);
/* Judges and explains what client_ask() brought. */
enum outcome ask_judge(struct context *ctl, enum client_result result,
                       const struct client_answer *answer, enum shape shape, cJSON **ret);

/* Whether it is a problem of this code. */
bool ask_is_refused_as(const struct client_answer *answer, const char *code);

/* With --json the document as it came, else what `show` makes of it. */
enum outcome ask_and_show(struct context *ctl, const char *method, const char *path,
                          const char *body, enum shape shape,
                          enum outcome (*show)(struct context *ctl, const cJSON *document));
/* As it came, ended by a newline. */
void ask_print(struct context *ctl, const struct client_answer *answer);

/* "lpmctl: " and a line on standard error; the text may be anybody's. */
void ask_complain(const char *format, ...) PRINTF_LIKE(1, 2);
/* What went wrong, by the fields of a problem or of an operation's error, and what to do. `headline`
 * goes before it. */
void ask_explain(FILE *out, const char *headline, const cJSON *problem);
