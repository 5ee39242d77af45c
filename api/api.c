#include "api/api.h"

#include <stdlib.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/operation/operation.h"
#include "agent/operation/proofs.h"
#include "agent/state/bus.h"
#include "api/door.h"
#include "api/http.h"
#include "api/news.h"
#include "config/config.h"

struct api {
    const struct config *config;
    struct proofs *proofs;
    struct news *news;
    struct http *http;
    struct auth_tokens tokens;
    struct door_file socket, view_socket;
};

/* False: nobody who listens is told of it. */
static bool post(struct news *news, enum bus_event event, const void *data)
{
    switch (event) {
    case BUS_OPERATION:
        news_post_operation(news, data);
        /* The row of its profile says how it ended. */
        if (operation_has_ended(data) && ((const struct operation *)data)->started_utc_ms)
            news_post_profiles(news, "operation");
        return true;
    case BUS_LIST:
    case BUS_PROFILES:
        news_post_profiles(news, ((const struct bus_profiles *)data)->by);
        return true;
    case BUS_CONNECTIVITY:
        news_post(news, NEWS_CONNECTIVITY);
        return true;
    case BUS_MODEM:
    case BUS_JOURNAL:
    case BUS_HEALTH:
        news_post(news, NEWS_HEALTH);
        return true;
    case BUS_OPERATION_AGAIN:
    case BUS_SIM:
    case BUS_SWITCHING:
        break;
    }
    return false;
}

static void on_event(void *ctx, enum bus_event event, const void *data)
{
    struct api *api = ctx;

    proofs_on_bus(api->proofs, event, data);
    if (post(api->news, event, data))
        http_wake(api->http);
}

struct api *api_new(const struct api_parts *parts)
{
    struct routes routes = { .config = parts->config,
                             .broker = parts->broker,
                             .state = parts->state,
                             .operations = parts->operations,
                             .journal = parts->journal,
                             .samples = parts->samples,
                             .reads = parts->reads,
                             .metrics = parts->metrics,
                             .started_ms = clock_now_ms(),
                             .started_utc_ms = clock_utc_ms() };
    struct api *api = calloc(1, sizeof *api);

    if (!api)
        return NULL;
    api->config = parts->config;
    routes.proofs = api->proofs = proofs_new(parts->journal, config_label_of, parts->config);
    api->news = news_new();
    if (api->proofs && api->news)
        api->http = http_new(&routes, parts->reads, api->news);
    if (!api->http) {
        news_free(api->news);
        proofs_free(api->proofs);
        free(api);
        return NULL;
    }
    bus_listen(parts->bus, on_event, api);
    return api;
}

/* `path` NULL: that door is not wanted. */
static struct error open_unix(struct api *api, const char *path, enum role role, const char *name,
                              struct door_file *ret_file)
{
    const struct http_door door = { .name = name, .role = role };
    int fd;
    struct error e;

    if (!path)
        return ERROR_OK;
    e = door_open_unix(path, api->config->api.socket_mode, api->config->api.socket_group, &fd,
                       ret_file);
    if (!e.code)
        e = http_add_door(api->http, &door, fd);
    if (e.code)
        return error_within(e, "%s", name);
    log_info("door open", LOG_STR("door", name), LOG_STR("path", path));
    return ERROR_OK;
}

static struct error open_tcp(struct api *api)
{
    const struct config *config = api->config;
    struct http_door door = { .name = "api.listen",
                              .role = ROLE_VIEWER,
                              .is_tcp = true,
                              .hosts = config->api.hosts.items,
                              .host_count = config->api.hosts.count };
    int fd;
    struct error e = ERROR_OK;

    if (!config->api.listen)
        return ERROR_OK;
    if (config->api.is_public && !config->api.token_file)
        return error_make(ERROR_IN_AGENT, ERROR_INVALID_REQUEST, 0,
                          "api.public needs api.token_file");
    if (config->api.token_file) {
        e = door_read_tokens(config->api.token_file, &api->tokens);
        door.tokens = &api->tokens;
        door.role = ROLE_NONE;
    }
    if (!e.code)
        e = door_open_tcp(config->api.listen, config->api.is_public, &fd);
    if (!e.code)
        e = http_add_door(api->http, &door, fd);
    if (e.code)
        return error_within(e, "api.listen");
    log_info("door open", LOG_STR("door", "api.listen"), LOG_STR("address", config->api.listen));
    return ERROR_OK;
}

struct error api_start(struct api *api)
{
    const struct config *config = api->config;
    struct error e = open_unix(api, config->api.socket, ROLE_OPERATOR, "api.socket", &api->socket);

    if (!e.code)
        e = open_unix(api, config->api.view_socket, ROLE_VIEWER, "api.view_socket",
                      &api->view_socket);
    if (!e.code)
        e = open_tcp(api);
    if (!e.code)
        e = http_start(api->http);
    if (e.code)
        api_stop(api);
    return e;
}

void api_stop(struct api *api)
{
    /* The names go first, so that who comes now is told by the system that nobody is there. */
    door_remove(&api->socket);
    door_remove(&api->view_socket);
    http_stop(api->http);
}

void api_free(struct api *api)
{
    if (!api)
        return;
    api_stop(api);
    http_free(api->http);
    news_free(api->news);
    proofs_free(api->proofs);
    free(api);
}
