#include "ctl/place.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"
#include "config/config_env.h"
#include "config/config_problems.h"
#include "ctl/file.h"

extern char **environ;

const char place_default_config[] = "/etc/lpm-agent/config.json";
const char place_default_socket[] = "/run/lpm-agent/api.sock";

enum { CONFIG_MAX = 1024 * 1024 };

const char *place_config(const struct options *options)
{
    return options->config ? options->config : place_default_config;
}

/* Gives an object, empty where there is no file to read; NULL: no memory. */
static cJSON *read_file(const char *path)
{
    struct buffer text = { .max = CONFIG_MAX };
    cJSON *root = NULL;

    if (file_read(path, &text)) {
        struct error ignored = json_parse_commented(buffer_text(&text), text.len, &root);

        (void)ignored; /* a wrong file names no socket; doctor says what is wrong */
    }
    buffer_done(&text);
    if (cJSON_IsObject(root))
        return root;
    cJSON_Delete(root);
    return cJSON_CreateObject();
}

/* As the agent does; what is wrong with other variables is the agent's to say, and the doctor's. */
static void apply_environment(cJSON *root)
{
    struct config_problems ignored;

    if (config_problems_init(&ignored))
        config_env_apply(environ, root, &ignored);
    config_problems_done(&ignored);
}

/* Not by config_load(): whoever may not read the password's file may still ask the agent. */
static char *socket_of(const char *path)
{
    cJSON *root = read_file(path);
    const cJSON *api, *socket;
    char *found = NULL;

    apply_environment(root);
    api = cJSON_GetObjectItemCaseSensitive(root, "api");
    socket = cJSON_GetObjectItemCaseSensitive(api, "socket");
    if (cJSON_IsNull(socket))
        socket = cJSON_GetObjectItemCaseSensitive(api, "view_socket");
    if (cJSON_IsString(socket) && socket->valuestring[0])
        found = strdup(socket->valuestring);
    cJSON_Delete(root);
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
