#include "ctl/client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "agent/base/clock.h"
#include "agent/base/macros.h"
#include "ctl/interrupt.h"

enum { TICK_MS = 100, POLL_MAX_MS = 10000, URL_MAX = 2048 };

/* One question while it is under way. */
struct asking {
    const struct client_call *call;
    struct client_answer *answer;
    CURL *easy;
    CURLM *multi;
    struct curl_slist *headers;
    char url[URL_MAX];
    int64_t heard_ms;
    bool too_much;
    /* It is none of call->data_type. */
    bool is_other;
};

static long status_of(CURL *easy)
{
    long status = 0;

    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

bool client_is_type(const char *content_type, const char *media)
{
    size_t n = strlen(media);

    return strncasecmp(content_type, media, n) == 0 && strchr("; \t", content_type[n]);
}

static const char *type_of(CURL *easy)
{
    char *type = NULL;

    return curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type ? type : "";
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *ctx)
{
    struct asking *a = ctx;
    size_t len = size * count;
    bool taken;

    a->heard_ms = clock_now_ms();
    a->is_other = a->call->on_data && status_of(a->easy) == 200 &&
                  !client_is_type(type_of(a->easy), a->call->data_type);
    if (a->is_other)
        return 0;
    if (a->call->on_data && status_of(a->easy) == 200)
        taken = a->call->on_data(bytes, len, a->call->ctx);
    else
        taken = buffer_add(&a->answer->body, bytes, len);
    a->too_much = a->too_much || !taken;
    return taken ? len : 0;
}

static bool add_header(struct asking *a, const char *line)
{
    struct curl_slist *longer = curl_slist_append(a->headers, line);

    if (longer)
        a->headers = longer;
    return longer != NULL;
}

static bool add_headers(struct asking *a)
{
    bool added = add_header(a, "Expect:");

    if (a->call->body)
        added = added && add_header(a, "Content-Type: application/json");
    for (const char *const *h = a->call->headers; added && h && *h; h++)
        added = add_header(a, *h);
    return added;
}

static bool set_body(const struct asking *a)
{
    const char *body = a->call->body ? a->call->body : "";

    /* A POST and a PUT without a body still say that it has no bytes. */
    if (!a->call->body && strcmp(a->call->method, "POST") != 0 &&
        strcmp(a->call->method, "PUT") != 0)
        return true;
    return curl_easy_setopt(a->easy, CURLOPT_POSTFIELDS, body) == CURLE_OK &&
           curl_easy_setopt(a->easy, CURLOPT_POSTFIELDSIZE, (long)strlen(body)) == CURLE_OK;
}

/* No proxy, whatever the environment says: the agent is on this machine. */
static bool set_up(struct asking *a, const char *socket)
{
    int n = snprintf(a->url, sizeof a->url, "http://lpm%s", a->call->path);

    return n > 0 && (size_t)n < sizeof a->url && add_headers(a) &&
           curl_easy_setopt(a->easy, CURLOPT_URL, a->url) == CURLE_OK &&
           curl_easy_setopt(a->easy, CURLOPT_UNIX_SOCKET_PATH, socket) == CURLE_OK &&
           curl_easy_setopt(a->easy, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(a->easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(a->easy, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK &&
           curl_easy_setopt(a->easy, CURLOPT_USERAGENT, "lpmctl/" LPM_VERSION) == CURLE_OK &&
           set_body(a) &&
           curl_easy_setopt(a->easy, CURLOPT_CUSTOMREQUEST, a->call->method) == CURLE_OK &&
           curl_easy_setopt(a->easy, CURLOPT_HTTPHEADER, a->headers) == CURLE_OK &&
           curl_easy_setopt(a->easy, CURLOPT_WRITEFUNCTION, on_bytes) == CURLE_OK &&
           curl_easy_setopt(a->easy, CURLOPT_WRITEDATA, a) == CURLE_OK;
}

static void PRINTF_LIKE(2, 3) say_why(struct client_answer *answer, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    (void)vsnprintf(answer->why, sizeof answer->why, format, values);
    va_end(values);
}

static enum client_result give_up(struct asking *a, enum client_result result, const char *why)
{
    say_why(a->answer, "%s", why);
    return result;
}

static enum client_result result_of(struct asking *a, CURLcode code)
{
    long os_errno = 0;

    if (code == CURLE_OK || a->is_other)
        return CLIENT_OK;
    if (a->too_much)
        return give_up(a, CLIENT_TOO_MUCH, "the answer is longer than it may be");
    switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
        (void)curl_easy_getinfo(a->easy, CURLINFO_OS_ERRNO, &os_errno);
        a->answer->os_errno = (int)os_errno;
        return give_up(a, CLIENT_ABSENT, os_errno ? strerror((int)os_errno) : "cannot connect");
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_PARTIAL_FILE:
        return give_up(a, CLIENT_LOST, "the connection ended before the answer");
    default:
        return give_up(a, CLIENT_BROKEN, curl_easy_strerror(code));
    }
}

/* True: *ret says how it ended. */
static bool has_ended(struct asking *a, enum client_result *ret)
{
    int left;
    CURLMsg *message = curl_multi_info_read(a->multi, &left);

    if (message && message->msg == CURLMSG_DONE) {
        *ret = result_of(a, message->data.result);
        return true;
    }
    if (interrupt_came()) {
        *ret = give_up(a, CLIENT_INTERRUPTED, "interrupted");
        return true;
    }
    if (a->call->on_tick && !a->call->on_tick(a->call->ctx)) {
        *ret = give_up(a, CLIENT_STOPPED, "stopped");
        return true;
    }
    return false;
}

static int64_t deadline_of(const struct asking *a)
{
    int64_t silent_ms = a->call->idle_ms ? a->heard_ms + a->call->idle_ms : CLOCK_NEVER;

    return clock_earlier(a->call->deadline_ms, silent_ms);
}

static bool wait_more(struct asking *a)
{
    int64_t left_ms = clock_poll_ms(deadline_of(a));
    int64_t most_ms = a->call->on_tick ? TICK_MS : POLL_MAX_MS;
    struct curl_waitfd extra = { .fd = interrupt_fd(), .events = CURL_WAIT_POLLIN };
    unsigned count = extra.fd >= 0 ? 1 : 0;

    if (left_ms < 0 || left_ms > most_ms)
        left_ms = most_ms;
    return curl_multi_poll(a->multi, &extra, count, (int)left_ms, NULL) == CURLM_OK;
}

static enum client_result run(struct asking *a)
{
    for (int running;;) {
        enum client_result result;

        if (curl_multi_perform(a->multi, &running) != CURLM_OK)
            return give_up(a, CLIENT_BROKEN, "libcurl failed");
        if (has_ended(a, &result))
            return result;
        if (clock_now_ms() >= deadline_of(a))
            return give_up(a, CLIENT_TIMEOUT, "no answer in time");
        if (!wait_more(a) && !interrupt_came())
            return give_up(a, CLIENT_BROKEN, "libcurl failed");
    }
}

static void keep_type(struct asking *a)
{
    a->answer->status = status_of(a->easy);
    (void)snprintf(a->answer->type, sizeof a->answer->type, "%s", type_of(a->easy));
}

enum client_result client_ask(const char *socket, const struct client_call *call,
                              struct client_answer *ret)
{
    struct asking a = { .call = call, .answer = ret, .heard_ms = clock_now_ms() };
    enum client_result result = CLIENT_BROKEN;

    *ret = (struct client_answer){ .body = { .max = CLIENT_ANSWER_MAX } };
    if (clock_now_ms() >= call->deadline_ms)
        return give_up(&a, CLIENT_TIMEOUT, "no answer in time");
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    a.easy = curl_easy_init();
    a.multi = curl_multi_init();
    if (!a.easy || !a.multi || !set_up(&a, socket)) {
        say_why(ret, "libcurl could not be set up");
    } else if (curl_multi_add_handle(a.multi, a.easy) == CURLM_OK) {
        result = run(&a);
        keep_type(&a);
        (void)curl_multi_remove_handle(a.multi, a.easy);
    }
    curl_easy_cleanup(a.easy);
    curl_multi_cleanup(a.multi);
    curl_slist_free_all(a.headers);
    return result;
}

void client_done(struct client_answer *answer)
{
    buffer_done(&answer->body);
}
