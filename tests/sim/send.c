#include "send.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "util.h"

/* The simulator answers at once, but for "wait", which says itself how long that may take. */
enum { ANSWER_MS = 10000, WAIT_DEFAULT_MS = 30000, WAIT_MAX_MS = 3600 * 1000 };

static int connect_to(const char *path)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (strlen(path) >= sizeof(a.sun_path))
        die("--control %s: path too long", path);
    text_copy(a.sun_path, sizeof(a.sun_path), path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)))
        die("--control %s: %s", path, strerror(errno));
    return fd;
}

static int64_t deadline_of(const cJSON *command)
{
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(command, "cmd"));
    const cJSON *ms = cJSON_GetObjectItemCaseSensitive(command, "timeout_ms");
    double wait = 0;

    if (name && !strcmp(name, "wait"))
        wait = cJSON_IsNumber(ms) ? ms->valuedouble : WAIT_DEFAULT_MS;
    if (!(wait >= 0))
        wait = 0;
    return now_ms() + ANSWER_MS + (int64_t)(wait < WAIT_MAX_MS ? wait : WAIT_MAX_MS);
}

/* One line, without a newline inside, whatever the user's had. */
static void send_line(int fd, const cJSON *command)
{
    char *line = must_alloc(cJSON_PrintUnformatted(command));
    struct buf b = { 0 };

    buf_text(&b, line);
    buf_text(&b, "\n");
    cJSON_free(line);
    while (b.len) {
        ssize_t n = send(fd, b.data, b.len, MSG_NOSIGNAL);

        if (n < 0 && errno != EINTR)
            die("--send: %s", strerror(errno));
        if (n > 0)
            buf_drop(&b, (size_t)n);
    }
    buf_done(&b);
}

static void read_line(int fd, int64_t deadline_ms, struct buf *ret)
{
    while (!ret->len || ret->data[ret->len - 1] != '\n') {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int64_t left = deadline_ms - now_ms();
        char data[4096];
        ssize_t n;

        if (left <= 0)
            die("--send: no answer in time");
        if (poll(&p, 1, (int)left) <= 0)
            continue;
        n = read(fd, data, sizeof(data));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            die("--send: no answer");
        buf_add(ret, data, (size_t)n);
    }
}

int send_command(const char *path, const char *text)
{
    cJSON *command = cJSON_ParseWithOpts(text, NULL, true), *answer;
    struct buf line = { 0 };
    bool good;
    int fd;

    if (!cJSON_IsObject(command)) {
        cJSON_Delete(command);
        fprintf(stderr, "lpm-sim: --send %s: a JSON object is wanted\n", text);
        return 2;
    }
    fd = connect_to(path);
    send_line(fd, command);
    read_line(fd, deadline_of(command), &line);
    close(fd);
    fputs(line.data, stdout);
    answer = cJSON_Parse(line.data);
    good = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "ok"));
    cJSON_Delete(answer);
    cJSON_Delete(command);
    buf_done(&line);
    return good ? 0 : 1;
}
