#include "bearer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim.h"

struct bearer_chunk {
    struct bearer_chunk *next;
    int64_t due_ms;
    size_t len, sent;
    char data[];
};

static bool has_service(const struct sim *sim)
{
    return net_has_data(sim) && (sim->pty.master >= 0 || !sim->scn.bearer.vanish);
}

static void set_flags(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static struct sockaddr_in address_of(const char *host, int port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

    if (inet_pton(AF_INET, host, &a.sin_addr) != 1)
        die("--bearer: %s is no IPv4 address", host);
    return a;
}

void bearer_add(struct sim *sim, const char *spec)
{
    struct bearer *b = &sim->bearer;
    char listen_host[64], target_host[64];
    int listen_port, target_port, fd, one = 1;
    struct sockaddr_in a;

    if (sscanf(spec, "%63[^:=]:%d=%63[^:=]:%d", listen_host, &listen_port, target_host,
               &target_port) != 4)
        die("--bearer %s: LISTEN:PORT=TARGET:PORT is wanted", spec);
    if (b->relay_count == MAX_RELAYS)
        die("too many --bearer");
    a = address_of(listen_host, listen_port);
    address_of(target_host, target_port);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
        bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 64))
        die("--bearer %s: %s", spec, strerror(errno));
    set_flags(fd);
    b->relays[b->relay_count].fd = fd;
    b->relays[b->relay_count].target_port = target_port;
    text_copy(b->relays[b->relay_count].target, sizeof(b->relays[0].target), target_host);
    b->relay_count++;
}

static void drop_chunks(struct bearer_side *s)
{
    while (s->first) {
        struct bearer_chunk *next = s->first->next;
        free(s->first);
        s->first = next;
    }
    s->last = NULL;
}

static void reset_fd(int fd)
{
    struct linger hard = { .l_onoff = 1, .l_linger = 0 };

    if (fd < 0)
        return;
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close(fd);
}

static void connection_free(struct bearer_connection *c, bool hard)
{
    for (int i = 0; i < 2; i++) {
        drop_chunks(&c->side[i]);
        if (hard)
            reset_fd(c->side[i].fd);
        else if (c->side[i].fd >= 0)
            close(c->side[i].fd);
    }
    memset(c, 0, sizeof(*c));
}

void bearer_close(struct sim *sim)
{
    struct bearer *b = &sim->bearer;

    for (int i = 0; i < MAX_CONNECTIONS; i++)
        if (b->connections[i].used)
            connection_free(&b->connections[i], true);
    for (size_t i = 0; i < b->relay_count; i++)
        close(b->relays[i].fd);
    b->relay_count = 0;
}

size_t bearer_count(const struct sim *sim)
{
    size_t n = 0;

    for (int i = 0; i < MAX_CONNECTIONS; i++)
        n += sim->bearer.connections[i].used && !sim->bearer.connections[i].dead;
    return n;
}

static struct bearer_connection *free_slot(struct bearer *b)
{
    for (int i = 0; i < MAX_CONNECTIONS; i++)
        if (!b->connections[i].used)
            return &b->connections[i];
    return NULL;
}

static void connect_target(struct sim *sim, struct bearer_connection *c, size_t relay)
{
    struct sockaddr_in a =
        address_of(sim->bearer.relays[relay].target, sim->bearer.relays[relay].target_port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0) {
        connection_free(c, true);
        return;
    }
    set_flags(fd);
    c->side[1].fd = fd;
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) && errno != EINPROGRESS)
        connection_free(c, true);
    else
        c->connecting = true;
}

static void accept_one(struct sim *sim, size_t relay)
{
    int fd = accept(sim->bearer.relays[relay].fd, NULL, NULL);
    struct bearer_connection *c = free_slot(&sim->bearer);

    if (fd < 0)
        return;
    set_flags(fd);
    if (!c || (!has_service(sim) && sim->scn.bearer.refuse == REFUSE_RESET)) {
        record_count(&sim->record, "refused");
        reset_fd(fd);
        return;
    }
    *c = (struct bearer_connection){ .used = true, .side = { { .fd = fd }, { .fd = -1 } } };
    text_copy(c->iccid, sizeof(c->iccid), sim->modem.iccid);
    if (has_service(sim)) {
        record_count(&sim->record, "connections");
        connect_target(sim, c, relay);
    } else {
        record_count(&sim->record, "refused");
        c->dead = true;
    }
}

static void end_connection(const struct sim *sim, struct bearer_connection *c)
{
    if (sim->scn.bearer.on_switch == SWITCH_CLOSE) {
        connection_free(c, true);
    } else {
        c->dead = true;
        drop_chunks(&c->side[0]);
        drop_chunks(&c->side[1]);
    }
}

/* Service without the connection's own profile ends it; a loss of service only holds it up. */
void bearer_service_changed(struct sim *sim)
{
    for (int i = 0; i < MAX_CONNECTIONS; i++) {
        struct bearer_connection *c = &sim->bearer.connections[i];

        if (c->used && !c->dead && strcmp(c->iccid, sim->modem.iccid) != 0)
            end_connection(sim, c);
    }
}

void bearer_port_gone(struct sim *sim)
{
    for (int i = 0; sim->scn.bearer.vanish && i < MAX_CONNECTIONS; i++)
        if (sim->bearer.connections[i].used && !sim->bearer.connections[i].dead)
            end_connection(sim, &sim->bearer.connections[i]);
}

static bool may_read(const struct sim *sim, const struct bearer_connection *c, int side)
{
    const struct bearer_side *s = &c->side[side];

    if (s->fd < 0 || s->eof || c->connecting)
        return false;
    /* A dead one is read to see it close; what it says is lost. */
    return c->dead || has_service(sim);
}

static bool due(const struct bearer_side *s)
{
    return s->first && s->first->due_ms <= now_ms();
}

size_t bearer_poll(struct sim *sim, struct pollfd *fds, size_t max)
{
    struct bearer *b = &sim->bearer;
    size_t n = 0;

    for (size_t i = 0; i < b->relay_count && n < max; i++)
        fds[n++] = (struct pollfd){ .fd = b->relays[i].fd, .events = POLLIN };
    for (int i = 0; i < MAX_CONNECTIONS; i++) {
        struct bearer_connection *c = &b->connections[i];

        for (int k = 0; c->used && k < 2 && n < max; k++) {
            short events = may_read(sim, c, k) ? POLLIN : 0;

            if ((due(&c->side[k]) && has_service(sim)) || (k == 1 && c->connecting))
                events |= POLLOUT;
            if (events)
                fds[n++] = (struct pollfd){ .fd = c->side[k].fd, .events = events };
        }
    }
    return n;
}

static int64_t due_time(struct sim *sim, const struct bearer_side *to)
{
    const struct bearer_scn *scn = &sim->scn.bearer;
    int64_t t = now_ms() + scn->delay_ms;

    if (scn->loss_pct && (int)(chance() % 100) < scn->loss_pct)
        t += scn->stall_ms;
    return to->last && to->last->due_ms > t ? to->last->due_ms : t;
}

static void read_side(struct sim *sim, struct bearer_connection *c, int side)
{
    struct bearer_side *from = &c->side[side], *to = &c->side[!side];
    char data[16384];
    ssize_t n = read(from->fd, data, sizeof(data));
    struct bearer_chunk *chunk;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0)
        n = 0;
    from->eof = n == 0;
    if (c->dead) {
        if (from->eof) {
            close(from->fd);
            from->fd = -1;
        }
        return;
    }
    chunk = must_alloc(calloc(1, sizeof(*chunk) + (size_t)n));
    chunk->len = (size_t)n;
    if (n)
        memcpy(chunk->data, data, (size_t)n);
    chunk->due_ms = due_time(sim, to);
    if (to->last)
        to->last->next = chunk;
    else
        to->first = chunk;
    to->last = chunk;
}

/* An empty chunk is the end of the other side. False: the connection is broken. */
static bool write_side(struct bearer_side *s)
{
    while (due(s)) {
        struct bearer_chunk *chunk = s->first;
        ssize_t n;

        if (!chunk->len)
            shutdown(s->fd, SHUT_WR);
        n = chunk->len
                ? send(s->fd, chunk->data + chunk->sent, chunk->len - chunk->sent, MSG_NOSIGNAL)
                : 0;
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        chunk->sent += (size_t)n;
        if (chunk->sent < chunk->len)
            return true;
        s->first = chunk->next;
        if (!s->first)
            s->last = NULL;
        free(chunk);
    }
    return true;
}

static bool connect_ended(struct bearer_connection *c)
{
    int error = 0;
    socklen_t size = sizeof(error);

    getsockopt(c->side[1].fd, SOL_SOCKET, SO_ERROR, &error, &size);
    c->connecting = false;
    return error == 0;
}

static bool is_over(const struct bearer_connection *c)
{
    if (c->dead)
        return c->side[0].fd < 0 && c->side[1].fd < 0;
    return c->side[0].eof && c->side[1].eof && !c->side[0].first && !c->side[1].first;
}

static void serve(struct sim *sim, struct bearer_connection *c, int side, short events)
{
    if (side == 1 && c->connecting && events & (POLLOUT | POLLHUP | POLLERR)) {
        if (!connect_ended(c))
            connection_free(c, true);
        return;
    }
    if (events & (POLLIN | POLLHUP | POLLERR) && may_read(sim, c, side))
        read_side(sim, c, side);
    if (events & POLLOUT && c->side[side].fd >= 0 && !write_side(&c->side[side]))
        connection_free(c, true);
    else if (is_over(c))
        connection_free(c, false);
}

static void ready_fd(struct sim *sim, const struct pollfd *p)
{
    struct bearer *b = &sim->bearer;

    for (size_t i = 0; i < b->relay_count; i++) {
        if (b->relays[i].fd == p->fd) {
            accept_one(sim, i);
            return;
        }
    }
    for (int i = 0; i < MAX_CONNECTIONS; i++) {
        for (int k = 0; k < 2; k++) {
            struct bearer_connection *c = &b->connections[i];

            if (c->used && c->side[k].fd == p->fd) {
                serve(sim, c, k, p->revents);
                return;
            }
        }
    }
}

void bearer_ready(struct sim *sim, const struct pollfd *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fds[i].revents)
            ready_fd(sim, &fds[i]);
}

int bearer_wait(const struct sim *sim)
{
    int64_t best = -1, now = now_ms();

    if (!has_service(sim))
        return -1;
    for (int i = 0; i < MAX_CONNECTIONS; i++) {
        const struct bearer_connection *c = &sim->bearer.connections[i];

        for (int k = 0; c->used && k < 2; k++) {
            int64_t left = c->side[k].first ? c->side[k].first->due_ms - now : -1;

            if (left > 0 && (best < 0 || left < best))
                best = left;
        }
    }
    return (int)best;
}
