#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/buffer.h"

/* HTTP over the agent's unix socket, by libcurl. One question at a time; each has a deadline and a
 * most that its answer may be. Ctrl-C (interrupt.h) ends any of them. */

enum client_result {
    CLIENT_OK = 0,
    /* Nobody listens there: nothing was sent. */
    CLIENT_ABSENT,
    /* The connection broke: what was asked may have been taken. */
    CLIENT_LOST,
    /* Past its deadline; one that was past before is not asked. */
    CLIENT_TIMEOUT,
    /* The answer is over `max`, or on_data() wanted no more. */
    CLIENT_TOO_MUCH,
    CLIENT_INTERRUPTED,
    /* on_tick() wanted no more. */
    CLIENT_STOPPED,
    /* What answers there speaks no HTTP, or memory ran out. */
    CLIENT_BROKEN,
};

enum {
    CLIENT_ANSWER_MAX = 8 * 1024 * 1024,
    CLIENT_ETAG_MAX = 127,
    CLIENT_TYPE_MAX = 63,
    CLIENT_WHY_MAX = 191,
};

/* Everything but method and path may be absent. */
struct client_call {
    const char *method, *path;
    /* JSON. */
    const char *body;
    /* "Name: value"; NULL-terminated. */
    const char *const *headers;
    /* CLOCK_BOOTTIME. */
    int64_t deadline_ms;
    /* For how long the other side may be silent; 0: as long as it likes. */
    int64_t idle_ms;
    /* Of an answer with status 200: instead of keeping it. False: enough. One of a type other than `data_type` is
     * not on_data()'s; it may never end, so its first bytes are the end of it, with CLIENT_OK. */
    bool (*on_data)(const char *bytes, size_t len, void *ctx);
    const char *data_type;
    /* Each 100 ms or so, between pieces. False: end it. It may ask other questions. */
    bool (*on_tick)(void *ctx);
    void *ctx;
};

struct client_answer {
    long status;
    struct buffer body;
    char type[CLIENT_TYPE_MAX + 1];
    /* Of a connection that was refused; else 0. */
    int os_errno;
    /* Why not CLIENT_OK, for a person. */
    char why[CLIENT_WHY_MAX + 1];
};

/* Sets *ret in any case (client_done()). Status codes are not looked at. */
enum client_result client_ask(const char *socket, const struct client_call *call,
                              struct client_answer *ret);
/* Whether a Content-Type is this media type, whatever its parameters. */
bool client_is_type(const char *content_type, const char *media);
void client_done(struct client_answer *answer);
