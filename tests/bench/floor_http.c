/* What libmicrohttpd costs by itself: answers every request with the same bytes, from one response
 * that is made once, on one polling thread. tests/bench/http measures the agent beside it.
 *
 *   floor_http ADDRESS ANSWER
 *
 * ADDRESS: a port of 127.0.0.1, or the path of a unix socket. ANSWER: a file with a whole answer as a
 * client got it; its headers and body are given, but for those that the library writes itself. Says
 * "ready"; ends when its standard input does. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <microhttpd.h>

enum { ANSWER_MAX = 64 * 1024, CONNECTIONS_MAX = 1024, BACKLOG = 1024, MEMORY = 16 * 1024 };

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int listen_on(const char *address)
{
    struct sockaddr_in tcp = { .sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                               .sin_port = htons((uint16_t)atoi(address)) };
    struct sockaddr_un local = { .sun_family = AF_UNIX };
    int is_unix = strchr(address, '/') != NULL;
    int fd = socket(is_unix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const int on = 1;

    (void)snprintf(local.sun_path, sizeof local.sun_path, "%s", address);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 ||
        (is_unix ? bind(fd, (const struct sockaddr *)&local, sizeof local)
                 : bind(fd, (const struct sockaddr *)&tcp, sizeof tcp)) != 0 ||
        listen(fd, BACKLOG) != 0)
        fail(address);
    return fd;
}

static struct MHD_Response *read_answer(const char *path)
{
    static char text[ANSWER_MAX];
    FILE *file = fopen(path, "re");
    size_t len = file ? fread(text, 1, sizeof text - 1, file) : 0;
    char *body = strstr(text, "\r\n\r\n"), *line = strstr(text, "\r\n");
    struct MHD_Response *response;

    if (!file || !body || line == body)
        fail(path);
    (void)fclose(file);
    body += 4;
    response =
        MHD_create_response_from_buffer(len - (size_t)(body - text), body, MHD_RESPMEM_PERSISTENT);
    if (!response)
        fail("no memory");
    while ((line += 2) < body - 2) {
        char *colon = strchr(line, ':'), *end = strstr(line, "\r\n");

        *end = *colon = '\0';
        if (strcasecmp(line, "Date") != 0 && strcasecmp(line, "Connection") != 0 &&
            strcasecmp(line, "Content-Length") != 0)
            (void)MHD_add_response_header(response, line, colon + 2);
        line = end;
    }
    return response;
}

static enum MHD_Result answer(void *cls, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_len, void **context)
{
    static int seen;

    (void)url;
    (void)method;
    (void)version;
    (void)upload;
    /* On the first call the connection would be closed behind the answer. */
    if (!*context) {
        *context = &seen;
        return MHD_YES;
    }
    *upload_len = 0;
    return MHD_queue_response(connection, MHD_HTTP_OK, cls);
}

int main(int argc, char **argv)
{
    struct MHD_Response *response;
    struct MHD_Daemon *daemon;
    char ignored;

    if (argc != 3) {
        (void)fputs("usage: floor_http ADDRESS ANSWER\n", stderr);
        return 2;
    }
    response = read_answer(argv[2]);
    daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, answer, response,
                              MHD_OPTION_LISTEN_SOCKET, listen_on(argv[1]),
                              MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
                              MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY, MHD_OPTION_END);
    if (!daemon)
        fail("MHD_start_daemon");
    (void)puts("ready");
    (void)fflush(stdout);
    while (read(0, &ignored, 1) > 0)
        continue;
    MHD_stop_daemon(daemon);
    MHD_destroy_response(response);
    return 0;
}
