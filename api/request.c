#include "api/request.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/body.h"

bool request_init(struct request *request, struct MHD_Connection *mhd,
                  struct connection *connection, const char *target)
{
    const size_t len = strlen(target);

    memset(request, 0, offsetof(struct request, call));
    call_init(&request->call);
    request->mhd = mhd;
    request->connection = connection;
    request->raw = target;
    request->target = len < sizeof request->short_target ? request->short_target : malloc(len + 1);
    request->target_len = len;
    if (request->target)
        memcpy(request->target, target, len + 1);
    return request->target != NULL;
}

void request_done(struct request *request)
{
    for (size_t i = 0; request->has_joined && i < HEADER_COUNT; i++)
        free(request->joined[i]);
    free(request->body);
    if (request->target != request->short_target)
        free(request->target);
}

static void refuse(struct request *request, struct error e)
{
    if (!request->call.head.code)
        request->call.head = e;
}

/* RFC 9110 5.3: the lines of a list are one list. */
static bool join(struct request *request, enum header header, const char *value)
{
    const char *before = request->call.headers[header];
    size_t size = strlen(before) + strlen(value) + sizeof ", ";
    char *both = malloc(size);

    if (!both)
        return false;
    (void)snprintf(both, size, "%s, %s", before, value);
    free(request->joined[header]);
    request->joined[header] = both;
    request->has_joined = true;
    request->call.headers[header] = both;
    return true;
}

/* RFC 9112 5.1: a blank before the colon makes of a header another one for who sees it differently. */
static bool is_name(const char *name)
{
    while (header_is_token_char(*name))
        name++;
    return *name == '\0';
}

/* Blanks behind a value are none of it (RFC 9110 5.5). Lists skip theirs when they are read. */
static const char *trim(struct request *request, enum header header, const char *value)
{
    size_t len = strlen(value);

    while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
        len--;
    if (value[len] == '\0' || header_is_list(header) || request->joined[header])
        return value;
    request->joined[header] = strndup(value, len);
    request->has_joined = true;
    return request->joined[header] ? request->joined[header] : value;
}

static enum MHD_Result take_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    struct request *request = cls;
    enum header header = header_find(name);

    (void)kind;
    if (!value)
        value = "";
    if (header == HEADER_COUNT) {
        if (!is_name(name))
            refuse(request, error_make(ERROR_IN_AGENT, ERROR_INVALID_REQUEST, 0,
                                       "the name of a header is malformed"));
        return MHD_YES;
    }
    if (!request->call.headers[header])
        request->call.headers[header] = trim(request, header, value);
    else if (!header_is_list(header))
        refuse(request, error_field(header_name(header), "is given twice"));
    else if (!join(request, header, value))
        refuse(request, error_make(ERROR_IN_SYSTEM, ERROR_INTERNAL, 0, "no memory for a header"));
    return MHD_YES;
}

/* The library ends the target where it finds a NUL; the version then does not lie behind it. */
static bool has_nul(const struct request *request, const char *version)
{
    return version != request->raw + request->target_len + 1;
}

/* RFC 9112 6.1: two lengths are how requests are smuggled, and an encoding that is not known has no
 * end that could be waited for. */
static void check_framing(struct request *request)
{
    const char *encoding = request->call.headers[HEADER_TRANSFER_ENCODING];

    if (encoding && request->call.headers[HEADER_CONTENT_LENGTH])
        refuse(request, error_field("Transfer-Encoding", "is given along with Content-Length"));
    else if (encoding && strcasecmp(encoding, "chunked") != 0)
        refuse(request, error_field("Transfer-Encoding", "only chunked is known"));
}

void request_take_head(struct request *request, const char *method, const char *version)
{
    struct call *call = &request->call;

    request->began = true;
    if (has_nul(request, version))
        refuse(request, error_make(ERROR_IN_AGENT, ERROR_INVALID_REQUEST, 0,
                                   "the request line is malformed"));
    if (request->target_len > ROUTER_TARGET_MAX)
        refuse(request, error_make(ERROR_IN_AGENT, ERROR_INVALID_REQUEST, 0,
                                   "the target is longer than %d", ROUTER_TARGET_MAX));
    (void)MHD_get_connection_values(request->mhd, MHD_HEADER_KIND, take_header, request);
    check_framing(request);
    call->is_head = strcmp(method, "HEAD") == 0;
    call->routing = router_match(method, request->target, &call->match);
    if (call->match.authority[0])
        call->headers[HEADER_HOST] = call->match.authority;
}

bool request_is_too_much(const struct request *request)
{
    const char *length = request->call.headers[HEADER_CONTENT_LENGTH];
    const unsigned long long announced = length ? strtoull(length, NULL, 10) : 0;

    return announced > REQUEST_UPLOAD_MAX ||
           (announced > BODY_MAX &&
            MHD_lookup_connection_value(request->mhd, MHD_HEADER_KIND, "Expect") != NULL);
}

bool request_take_body(struct request *request, const char *piece, size_t len)
{
    request->upload_bytes += len;
    request->call.body_len = request->upload_bytes;
    if (request->upload_bytes > BODY_MAX)
        return request->upload_bytes <= REQUEST_UPLOAD_MAX;
    if (!request->body)
        request->body = malloc(BODY_MAX);
    if (!request->body)
        return false;
    memcpy(request->body + request->upload_bytes - len, piece, len);
    request->call.body = request->body;
    return true;
}

/* So that a shell's prompt does not stick to it. Takes `body`; without memory it stays as it is. */
static char *end_line(char *body)
{
    size_t len = strlen(body);
    char *line = len > 0 && body[len - 1] == '\n' ? NULL : realloc(body, len + sizeof "\n");

    if (!line)
        return body;
    memcpy(line + len, "\n", sizeof "\n");
    return line;
}

/* The library does not write to what it is told to keep. */
static struct MHD_Response *make_static(const struct answer *answer)
{
    static const unsigned char nothing[1];
    const void *bytes = answer->bytes ? answer->bytes : nothing;

    return MHD_create_response_from_buffer(answer->len, (void *)(uintptr_t)bytes,
                                           MHD_RESPMEM_PERSISTENT);
}

static struct MHD_Response *make_body(struct answer *answer)
{
    char *body = answer->body ? end_line(answer->body) : NULL;
    struct MHD_Response *response =
        body ? MHD_create_response_from_buffer(strlen(body), body, MHD_RESPMEM_MUST_FREE)
             : make_static(answer);

    if (!response)
        free(body);
    answer->body = NULL;
    return response;
}

enum MHD_Result request_stream(struct request *request, MHD_ContentReaderCallback feed, void *cls)
{
    enum { BLOCK = 4096 };
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, feed, cls, NULL);
    enum MHD_Result result;

    if (!response)
        return MHD_NO;
    (void)MHD_add_response_header(response, "Content-Type", request->call.match.media);
    (void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    (void)MHD_add_response_header(response, "Cache-Control", "no-store");
    result = MHD_queue_response(request->mhd, 200, response);
    MHD_destroy_response(response);
    request->answered = true;
    return result;
}

struct MHD_Response *request_make_response(struct answer *answer)
{
    bool has_body = answer->body || answer->bytes;
    struct MHD_Response *response = make_body(answer);

    if (!response)
        return NULL;
    if (has_body)
        (void)MHD_add_response_header(response, "Content-Type",
                                      answer->is_problem ? "application/problem+json"
                                      : answer->media    ? answer->media
                                                         : "application/json");
    (void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    for (size_t i = 0; i < answer->header_count; i++)
        (void)MHD_add_response_header(response, answer->headers[i].name, answer->headers[i].value);
    return response;
}

enum MHD_Result request_answer(struct request *request, unsigned status,
                               struct MHD_Response *response)
{
    request->answered = true;
    return MHD_queue_response(request->mhd, status, response);
}
