#include "ctl/place.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"
#include "ctl/file.h"

const char place_default_config[] = "/etc/lpm-agent/config.json";
const char place_default_socket[] = "/run/lpm-agent/api.sock";

enum { CONFIG_MAX = 1024 * 1024 };

const char *place_config(const struct options *options)
{
    return options->config ? options->config : place_default_config;
}

/* Not by config_load(): whoever may not read the password's file may still ask the agent. */
static char *socket_of(const char *path)
{
    struct buffer text = { .max = CONFIG_MAX };
    cJSON *root = NULL;
    const cJSON *api, *socket;
    char *found = NULL;

    if (file_read(path, &text)) {
        struct error ignored = json_parse_commented(buffer_text(&text), text.len, &root);

        (void)ignored; /* a wrong file names no socket; doctor says what is wrong */
    }
    api = cJSON_GetObjectItemCaseSensitive(root, "api");
    socket = cJSON_GetObjectItemCaseSensitive(api, "socket");
    if (cJSON_IsNull(socket))
        socket = cJSON_GetObjectItemCaseSensitive(api, "view_socket");
    if (cJSON_IsString(socket) && socket->valuestring[0])
        found = strdup(socket->valuestring);
    cJSON_Delete(root);
    buffer_done(&text);
    return found;
}

char *place_socket(const struct options *options)
{
    const char *named = options->socket ? options->socket : getenv("LPM_SOCKET");
    char *configured;

    if (named && named[0])
        return strdup(named);
    configured = socket_of(place_config(options));
    return configured ? configured : strdup(place_default_socket);
}
