#pragma once

#include <stdbool.h>

#include "agent/operation/operation.h"

/* What happens elsewhere in the agent, on its way to the API's thread: operations one by one, in order;
 * of all else only that it changed, as what it is now is looked up when it is told. Any thread posts and
 * never waits. */

struct news;

enum {
    /* Operations that wait; when an API that hangs has let more come, all are lost, and told as such. */
    NEWS_OPERATIONS_MAX = 256,
    NEWS_BY_MAX = 15,
};

/* In the order in which they are taken. */
enum news_kind {
    /* NEWS_LOST: some that should have come are missing. */
    NEWS_LOST = 0,
    NEWS_OPERATION,
    NEWS_PROFILES,
    NEWS_CONNECTIVITY,
    NEWS_HEALTH,
    NEWS_KINDS,
};

struct news_item {
    enum news_kind kind;
    /* Only of NEWS_OPERATION. */
    struct operation op;
    /* Only of NEWS_PROFILES: what changed them last, "operation", "external" or "start". */
    char by[NEWS_BY_MAX + 1];
};

/* NULL: no memory. */
struct news *news_new(void);
void news_free(struct news *news);

/* Copies `op`. */
void news_post_operation(struct news *news, const struct operation *op);
void news_post_profiles(struct news *news, const char *by);
/* NEWS_CONNECTIVITY or NEWS_HEALTH. */
void news_post(struct news *news, enum news_kind kind);
/* The next; false: there is none, and *ret is as before. */
bool news_take(struct news *news, struct news_item *ret);
